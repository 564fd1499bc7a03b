//! Framework adapters: thin, over the public API of the core only. Each is a
//! versioned, additive feature.

#[cfg(feature = "actix4")]
pub(crate) mod actix4;
#[cfg(feature = "axum08")]
pub(crate) mod axum08;
#[cfg(any(feature = "actix4", feature = "axum08", feature = "rocket05"))]
pub(crate) mod extract;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "rocket05")]
pub(crate) mod rocket05;
#[cfg(feature = "tower")]
pub(crate) mod tower;
