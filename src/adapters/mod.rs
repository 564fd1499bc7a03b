//! Adapters for web frameworks. Each adapter is one file that uses only the public API, and one
//! feature whose name contains the version of the framework. Features can be combined.
//!
//! # tower 0.5, axum 0.8
//!
//! Features `tower` and `axum08`, files `tower` and `axum08`. `SessionLayer` wraps any tower
//! service over `http` 1, such as those of hyper and tonic. In axum, handlers take
//! [`Session`](crate::Session), `Required`, `Fresh`, `Current` and `Proven` as arguments.
//!
//! # actix-web 4
//!
//! Feature and file `actix4`. `SessionMiddleware` wraps an application, and handlers take the
//! same arguments.
//!
//! # poem 3
//!
//! Feature and file `poem3`. `SessionMiddleware` wraps a route or all routes, and handlers take the
//! same arguments.
//!
//! # Rocket 0.5
//!
//! Feature and file `rocket05`. `SessionFairing` is attached to the application, and routes take
//! the same types as request guards.
//!
//! Each adapter also has a layer for one sealed cookie: `SealedLayer`, `SealedMiddleware` and
//! `SealedFairing`, in the files `sealed_tower`, `sealed_actix4`, `sealed_poem3` and
//! `sealed_rocket05`. Handlers take its value as a [`Sealed`](crate::Sealed).
//!
//! `GuardLayer`, `GuardMiddleware` and `RouteGuard` guard a whole router, scope or list of routes,
//! in the files `guard_axum08`, `guard_actix4`, `guard_poem3` and `guard_rocket05`.
//!
//! The file `extract` contains the guards that all frameworks share. The file `layers` finds layers
//! that use one cookie for two types of state. The file `http` contains the methods for the header
//! types of `http` 1. The files `exchange` and `refusal` contain the steps that the adapters over
//! `http` 1 share, and `middleware` the types that actix-web and poem share.

#[cfg(feature = "actix4")]
mod actix4;
#[cfg(feature = "axum08")]
mod axum08;
#[cfg(feature = "tower")]
mod bound_tower;
#[cfg(any(feature = "poem3", feature = "tower"))]
mod exchange;
#[cfg(any(feature = "actix4", feature = "axum08", feature = "poem3", feature = "rocket05"))]
mod extract;
#[cfg(feature = "actix4")]
mod guard_actix4;
#[cfg(feature = "axum08")]
mod guard_axum08;
#[cfg(feature = "poem3")]
mod guard_poem3;
#[cfg(feature = "rocket05")]
mod guard_rocket05;
#[cfg(feature = "http")]
mod http;
#[cfg(any(feature = "actix4", feature = "poem3", feature = "rocket05", feature = "tower"))]
mod layers;
#[cfg(any(feature = "actix4", feature = "poem3"))]
mod middleware;
#[cfg(feature = "poem3")]
mod poem3;
#[cfg(any(feature = "axum08", feature = "poem3"))]
mod refusal;
#[cfg(feature = "rocket05")]
mod rocket05;
#[cfg(feature = "actix4")]
mod sealed_actix4;
#[cfg(feature = "poem3")]
mod sealed_poem3;
#[cfg(feature = "rocket05")]
mod sealed_rocket05;
#[cfg(feature = "tower")]
mod sealed_tower;
#[cfg(feature = "tower")]
mod tower;

#[cfg(feature = "actix4")]
#[cfg_attr(docsrs, doc(cfg(feature = "actix4")))]
pub use self::actix4::{ActixResponseFuture, ActixSessionService};
#[cfg(any(feature = "actix4", feature = "axum08", feature = "poem3", feature = "rocket05"))]
#[cfg_attr(
    docsrs,
    doc(cfg(any(
        feature = "actix4",
        feature = "axum08",
        feature = "poem3",
        feature = "rocket05"
    )))
)]
pub use self::extract::{Current, Fresh, Proven, Rejection, Required, SignedIn};
#[cfg(feature = "actix4")]
#[cfg_attr(docsrs, doc(cfg(feature = "actix4")))]
pub use self::guard_actix4::ActixGuardService;
#[cfg(feature = "axum08")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum08")))]
pub use self::guard_axum08::{GuardLayer, GuardService};
#[cfg(feature = "poem3")]
#[cfg_attr(docsrs, doc(cfg(feature = "poem3")))]
pub use self::guard_poem3::PoemGuardEndpoint;
#[cfg(feature = "rocket05")]
#[cfg_attr(docsrs, doc(cfg(feature = "rocket05")))]
pub use self::guard_rocket05::RouteGuard;
#[cfg(any(feature = "actix4", feature = "poem3", feature = "rocket05", feature = "tower"))]
#[cfg_attr(
    docsrs,
    doc(cfg(any(
        feature = "actix4",
        feature = "poem3",
        feature = "rocket05",
        feature = "tower"
    )))
)]
pub use self::layers::MissingLayer;
#[cfg(any(feature = "actix4", feature = "poem3"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "actix4", feature = "poem3"))))]
pub use self::middleware::{GuardMiddleware, SealedMiddleware, SessionMiddleware};
#[cfg(feature = "poem3")]
#[cfg_attr(docsrs, doc(cfg(feature = "poem3")))]
pub use self::poem3::PoemSessionEndpoint;
#[cfg(feature = "rocket05")]
#[cfg_attr(docsrs, doc(cfg(feature = "rocket05")))]
pub use self::rocket05::SessionFairing;
#[cfg(feature = "actix4")]
#[cfg_attr(docsrs, doc(cfg(feature = "actix4")))]
pub use self::sealed_actix4::{ActixSealedFuture, ActixSealedService};
#[cfg(feature = "poem3")]
#[cfg_attr(docsrs, doc(cfg(feature = "poem3")))]
pub use self::sealed_poem3::PoemSealedEndpoint;
#[cfg(feature = "rocket05")]
#[cfg_attr(docsrs, doc(cfg(feature = "rocket05")))]
pub use self::sealed_rocket05::SealedFairing;
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use self::sealed_tower::{SealedFuture, SealedLayer, SealedService};
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use self::tower::{ResponseFuture, SessionLayer, SessionService};
