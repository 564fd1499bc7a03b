//! The facts that bulla promises, as tests. One binary; time comes in as an argument.

mod cookie;
mod migration;
mod overlap;
mod revalidation;
mod revocation;
#[cfg(feature = "reload")]
mod revocation_file;
mod ring;
mod schema;
mod secrets;
mod session;
mod support;
mod tidy;
mod token;

#[cfg(feature = "actix4")]
mod actix4;
#[cfg(feature = "axum08")]
mod axum08;
#[cfg(all(unix, feature = "reload"))]
mod reload;
#[cfg(feature = "rocket05")]
mod rocket05;
