//! Framework adapters: thin, over the public API of the core only. Each is a
//! versioned, additive feature.

#[cfg(feature = "axum08")]
pub(crate) mod axum08;
#[cfg(feature = "tower")]
pub(crate) mod tower;
