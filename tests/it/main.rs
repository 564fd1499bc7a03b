//! The facts that bulla promises, as tests. One binary; time comes in as an argument.

mod cookie;
mod overlap;
mod ring;
mod schema;
mod secrets;
mod session;
mod support;
mod tidy;
mod token;

#[cfg(feature = "axum08")]
mod axum08;
