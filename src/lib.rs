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

mod about;
mod adapters;
mod answer;
mod audit;
mod bearer;
mod bundle;
mod closing;
mod cookie;
mod ending;
mod error;
mod event;
mod guard;
mod handle;
mod info;
mod judge;
mod key;
mod migration;
mod moved;
mod once;
mod payload;
mod pending;
mod pieces;
mod policy;
mod primitives;
#[cfg(test)]
mod randomless;
mod raw;
mod record;
#[cfg(feature = "reload")]
mod reload;
mod revalidation;
mod revocation;
#[cfg(feature = "reload")]
mod revocation_file;
mod revocations;
mod ring;
mod sealed;
mod sealer;
mod session;
mod sessions;
mod shared;
mod signed;
mod signer;
mod skips;
mod start;
mod subkeys;
#[cfg(feature = "testing")]
mod testing;
mod text;
mod time;
mod tokens;
#[cfg(test)]
mod vectors;
mod wipe;
mod wire;

#[cfg(feature = "actix4")]
#[cfg_attr(docsrs, doc(cfg(feature = "actix4")))]
pub use crate::adapters::actix4::{ActixResponseFuture, ActixSessionService, SessionMiddleware};
#[cfg(any(feature = "actix4", feature = "axum08", feature = "rocket05"))]
#[cfg_attr(
    docsrs,
    doc(cfg(any(feature = "actix4", feature = "axum08", feature = "rocket05")))
)]
pub use crate::adapters::extract::{Current, Fresh, MissingLayer, Rejection, Required};
#[cfg(feature = "rocket05")]
#[cfg_attr(docsrs, doc(cfg(feature = "rocket05")))]
pub use crate::adapters::rocket05::SessionFairing;
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use crate::adapters::tower::{ResponseFuture, SessionLayer, SessionService};
#[doc(hidden)]
pub use crate::payload::check as __check_payload;

pub use crate::about::Validity;
pub use crate::audit::{Audit, AuditRow, Verdict};
pub use crate::bearer::{Bearer, BearerError};
pub use crate::bundle::{Bundle, Line, Rule};
pub use crate::cookie::{Cookie, CookieError, MAX_COOKIE_AGE, MAX_COOKIE_LEN, SameSite};
pub use crate::error::{OpenError, SealError, SessionError};
pub use crate::event::Event;
pub use crate::guard::Denied;
pub use crate::handle::RingHandle;
#[cfg(feature = "reload")]
#[cfg_attr(docsrs, doc(cfg(feature = "reload")))]
pub use crate::handle::{Failing, RingHealth, WeakRingHandle};
pub use crate::info::{Info, Status};
pub use crate::judge::Refusal;
pub use crate::key::{Key, KeyError, KeyId};
pub use crate::migration::{Adopted, OldCookie};
pub use crate::once::{ClaimError, OnceError, UsedHere, UsedTokens};
pub use crate::payload::{Encoding, NoPrevious, Payload, PayloadError, View};
pub use crate::policy::Policy;
pub use crate::primitives::RandomError;
pub use crate::raw::{RawToken, RawTokens, Visible, read_unverified_raw};
pub use crate::record::SessionId;
#[cfg(feature = "reload")]
#[cfg_attr(docsrs, doc(cfg(feature = "reload")))]
pub use crate::reload::{Reload, ReloadError, Reloader, RingFile, RingSource, SourceError};
pub use crate::revocation::{Revocation, RevocationError, Subject};
#[cfg(feature = "reload")]
#[cfg_attr(docsrs, doc(cfg(feature = "reload")))]
pub use crate::revocation_file::RevocationFile;
pub use crate::revocations::{Revocations, WeakRevocations};
pub use crate::ring::{KeyRing, MAX_KEYS, MAX_RING_LEN, RingEntry, RingError};
pub use crate::sealer::{Opened, Sealer};
pub use crate::session::Session;
pub use crate::sessions::{Sessions, SessionsBuilder};
pub use crate::shared::Channel;
pub use crate::signer::Signer;
#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub use crate::signer::{Unverified, read_unverified};
pub use crate::start::Start;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub use crate::testing::TestClock;
pub use crate::time::{TimeError, UnixTime};
pub use crate::wire::{CLOCK_SKEW, MAX_TOKEN_LEN, Mode};
#[cfg(feature = "derive")]
pub use bulla_derive::Payload;
pub use zeroize::Zeroizing;

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
