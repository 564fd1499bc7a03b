//! Client-side sessions: state sealed or signed under a rotating key ring, carried by
//! the client as a cookie or a header, and verified by any server that has the ring.
//! No session store, no call to another machine.
//!
//! ```
//! use std::time::Duration;
//! use bulla::{KeyRing, Payload, Sealer};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, Payload)]
//! #[payload(purpose = "shop.example/reset-link")]
//! struct Reset { account: u64 }
//!
//! # let text = KeyRing::generate()?.expose_text();
//! let ring: KeyRing = text.parse()?;                  // std::env::var("BULLA_KEYS")?
//! let links = Sealer::<Reset>::new(&ring, Duration::from_secs(15 * 60));
//! let token = links.seal(&Reset { account: 42 })?;    // "b1.n6fA…"
//! assert_eq!(links.open(&token)?.payload.account, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is where
//!
//! | you want | look at |
//! |---|---|
//! | tokens that the client cannot read | [`Sealer`] |
//! | tokens that the client may read | [`Signer`], [`read_unverified`] |
//! | keys, and when they change | [`KeyRing`], [`Key`] |
//! | types that travel, and how they change shape | [`Payload`], [`View`] |
//! | login sessions in axum, hyper, tonic, actix-web, Rocket | `SessionLayer`, `SessionMiddleware`, `SessionFairing`, `Required`, `Fresh` (features) |
//! | login sessions anywhere else | [`Sessions`], [`Session`] |
//! | how long they live | [`Policy`] |
//! | how they travel | [`Cookie`], [`Bearer`] |
//! | keys that change while serving | [`RingHandle`] |
//! | sessions that end before their time | [`Revocations`] |
//! | tokens that open once | [`Sealer::open_once`] |
//! | tokens in tools | [`RawTokens`], [`Visible`] |
//!
//! The token format is specified in `spec/bulla-v1.md`; what is promised to whom, and
//! what is not, in `SECURITY.md`.
//!
//! # Time
//!
//! Every verb with a plain name uses the system clock; the one that ends in `_at` takes
//! the time. Times are whole seconds, [`UnixTime`].
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `derive` (default) | `#[derive(Payload)]` |
//! | `json` (default) | `Encoding::Json`, for signed tokens that a front end reads |
//! | `aws-lc-rs` | the same tokens several times faster, by cryptography in C and assembly; builds with a C compiler |
//! | `testing` | `TestClock`, `Sessions::signed_in_cookie` and `signed_in_bearer`, for an application's tests |
//! | `reload` | `RingHandle::watch`: a ring in a file, or elsewhere, that is followed while serving |
//! | `tracing` | events of sessions as events of `tracing`; every adapter brings it |
//! | `http` | `Sessions::load_headers` and `Bundle::write_headers`, for what serves the types of `http` 1 |
//! | `tower` | `SessionLayer`, for tower services over `http` 1: hyper, tonic, axum |
//! | `axum08` | `Session`, `Required` and `Fresh` as extractors of axum 0.8; implies `tower` |
//! | `actix4` | `SessionMiddleware` and the extractors for actix-web 4 |
//! | `rocket05` | `SessionFairing` and the request guards for Rocket 0.5 |

#![cfg_attr(docsrs, feature(doc_cfg))]
// Nothing that a client sends may make the library panic. An exception says at its place
// why it cannot.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

pub mod adapters;
pub mod keys;
#[allow(clippy::expect_used, reason = "the length of every key, nonce and output is a constant")]
mod primitives;
pub mod revocation;
pub mod session;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod time;
pub mod token;
pub mod transport;

#[cfg(feature = "rocket05")]
#[cfg_attr(docsrs, doc(cfg(feature = "rocket05")))]
#[doc(inline)]
pub use crate::adapters::SessionFairing;
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
#[doc(inline)]
pub use crate::adapters::SessionLayer;
#[cfg(feature = "actix4")]
#[cfg_attr(docsrs, doc(cfg(feature = "actix4")))]
#[doc(inline)]
pub use crate::adapters::SessionMiddleware;
#[cfg(any(feature = "actix4", feature = "axum08", feature = "rocket05"))]
#[cfg_attr(
    docsrs,
    doc(cfg(any(feature = "actix4", feature = "axum08", feature = "rocket05")))
)]
#[doc(inline)]
pub use crate::adapters::{Current, Fresh, Required};
#[doc(inline)]
pub use crate::keys::{KeyRing, RingHandle};
#[doc(inline)]
pub use crate::revocation::Revocations;
#[doc(inline)]
pub use crate::session::{Policy, Session, SessionError, Sessions};
#[doc(inline)]
pub use crate::time::UnixTime;
#[doc(inline)]
pub use crate::token::{OpenError, Payload, SealError, Sealer, Signer};
#[doc(inline)]
pub use crate::transport::{Bearer, Cookie};

/// Runs the examples of the README and the guides.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/coming-from.md")]
    struct ComingFrom;
    #[doc = include_str!("../docs/operations.md")]
    struct Operations;
    #[cfg(all(feature = "http", feature = "testing"))]
    #[doc = include_str!("../docs/frameworks.md")]
    struct Frameworks;
}
