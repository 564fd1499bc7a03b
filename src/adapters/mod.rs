//! Adapters for web frameworks. Each is one file over the public API, and one versioned,
//! additive feature.
//!
//! | framework | feature | file |
//! |---|---|---|
//! | tower 0.5: hyper, tonic, axum | `tower` | `tower` |
//! | axum 0.8 | `axum08` | `axum08` |
//! | actix-web 4 | `actix4` | `actix4` |
//! | Rocket 0.5 | `rocket05` | `rocket05` |
//!
//! `extract` has the guards that the last three share, and `http` the header types of `http` 1.

#[cfg(feature = "actix4")]
mod actix4;
#[cfg(feature = "axum08")]
mod axum08;
#[cfg(any(feature = "actix4", feature = "axum08", feature = "rocket05"))]
mod extract;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "rocket05")]
mod rocket05;
#[cfg(feature = "tower")]
mod tower;

#[cfg(feature = "actix4")]
#[cfg_attr(docsrs, doc(cfg(feature = "actix4")))]
pub use self::actix4::{ActixResponseFuture, ActixSessionService, SessionMiddleware};
#[cfg(any(feature = "actix4", feature = "axum08", feature = "rocket05"))]
#[cfg_attr(
    docsrs,
    doc(cfg(any(feature = "actix4", feature = "axum08", feature = "rocket05")))
)]
pub use self::extract::{Current, Fresh, MissingLayer, Rejection, Required};
#[cfg(feature = "rocket05")]
#[cfg_attr(docsrs, doc(cfg(feature = "rocket05")))]
pub use self::rocket05::SessionFairing;
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use self::tower::{ResponseFuture, SessionLayer, SessionService};
