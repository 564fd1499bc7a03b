//! Client-side sessions. The server seals (encrypts and authenticates) the state of a session with
//! a key from its key ring. The client stores the sealed state in a cookie or sends it in a header.
//!
//! Every server that has the ring can open the session. There is no session store, and servers do
//! not talk to each other. All servers that share a ring are called a *fleet*.
//!
//! The sections below introduce the main types. Types that most applications use are at the root of
//! the crate, and the others are in its modules.
//!
//! # Tokens
//!
//! A token holds one value of a type that implements [`Payload`]. A [`Sealer`] makes tokens that
//! the client can neither read nor change. A [`Signer`] makes tokens that the client can read but
//! not change.
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
//! The module [`token`] contains the errors, and describes schema versions and decoding without
//! copying strings. It also contains tokens that open only once, and tokens for tools.
//!
//! # Sessions
//!
//! [`Sessions`] loads the [`Session`] of a request and makes the headers of the response.
//! [`Policy`] sets the timeouts of sessions. An adapter loads the session and writes the headers
//! for each request: [`SessionLayer`](adapters#tower-05-axum-08) for axum, hyper and tonic,
//! [`SessionMiddleware`](adapters#actix-web-4) for actix-web and poem, and
//! [`SessionFairing`](adapters#rocket-05) for Rocket. Without a framework:
//!
//! ```
//! use bulla::{KeyRing, Payload, Policy, Sessions};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, Payload)]
//! #[payload(purpose = "bank.example/session")]
//! struct Account { name: String }
//!
//! let sessions = Sessions::<Account>::new(KeyRing::generate()?, Policy::default());
//!
//! // A request without a session: the user signs in.
//! let session = sessions.load("POST", |_header_name| None::<&[u8]>);
//! session.start(Account { name: "ada".to_owned() })?;
//! let headers = session.commit();                     // set-cookie, cache-control, vary
//! # let cookie = headers.into_iter().next().unwrap().value;
//! # let cookie = cookie.split(';').next().unwrap().as_bytes();
//!
//! // The next request, with the cookie.
//! let session = sessions.load("GET", |name| (name == "cookie").then_some(cookie));
//! assert_eq!(session.get().unwrap().name, "ada");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The module [`session`] also covers reauthentication, events, the migration from another library,
//! and an audit of the configuration. The module [`transport`] contains [`Cookie`] and [`Bearer`].
//! It also contains [`SealedCookie`], for small values that do not belong to the session, such as a
//! message for the next page.
//!
//! # Keys
//!
//! A [`KeyRing`] is a list of keys. For each key, it says from which time the key seals tokens, and
//! until which time the key opens them. The text form of a ring contains one key per line. All
//! servers that have the same text change to a new key at the same time, by their own clocks.
//!
//! A [`RingHandle`] replaces the ring of a running server. With the feature `reload`, the handle
//! loads a new ring when a file or another source changes. The command-line tool `bulla` makes and
//! changes rings. The module [`keys`] contains the types.
//!
//! # Log out everywhere
//!
//! [`Revocations`] is a list of revoked sessions in the memory of each server. An entry revokes one
//! session, all sessions of a user, all sessions whose tokens were made with one key, or all
//! sessions. A file preserves the list over a server restart, and Redis (crate `bulla-redis`)
//! distributes the list to all servers. See the module [`revocation`].
//!
//! # Testing
//!
//! The feature `testing` adds the module `testing`. A test can make a signed-in request in one
//! line, and can set the clock.
//!
//! # Time
//!
//! Methods such as `seal` use the system clock. The method of the same name with `_at` takes the
//! current time as an argument. Times are whole seconds ([`UnixTime`]).
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `derive` (default) | `#[derive(Payload)]` |
//! | `json` (default) | `Encoding::Json`, for signed tokens that a front end reads |
//! | `bound` | sessions that are bound to a key: the browser (DBSC) or a mobile client (DPoP) proves that it has the key |
//! | `dryoc` | another backend, in Rust, which makes the same tokens several times faster; needs Rust 1.89 |
//! | `aws-lc-rs` | another backend, in C and assembly, which makes the same tokens several times faster; needs a C compiler; takes precedence over `dryoc` |
//! | `testing` | signed-in requests and a test clock, for an application's tests |
//! | `schema` | the module `schema`: how postcard encodes a payload, as JSON for programs in other languages |
//! | `reload` | `RingHandle::watch`, which follows a file or another source, `RevocationFile`, and (on Unix) `UsedInFile` |
//! | `tracing` | session events in the log, with the crate `tracing`; every adapter enables this feature |
//! | `http` | `Sessions::load_request` and `Bundle::write_headers`, with the types of `http` 1 |
//! | `tower` | `SessionLayer` and `SealedLayer`, for tower services over `http` 1: hyper, tonic, axum |
//! | `axum08` | `GuardLayer`, and `Session`, `Required`, `Fresh`, `Current`, `Proven`, `SignedIn` and `Sealed` as extractors of axum 0.8; implies `tower` |
//! | `actix4` | `SessionMiddleware`, `SealedMiddleware`, `GuardMiddleware` and the extractors for actix-web 4 |
//! | `poem3` | `SessionMiddleware`, `SealedMiddleware`, `GuardMiddleware` and the extractors for poem 3 |
//! | `rocket05` | `SessionFairing`, `SealedFairing`, `RouteGuard` and the request guards for Rocket 0.5 |
//!
//! # Further reading
//!
//! `spec/bulla-v1.md` specifies the token format. `SECURITY.md` lists what the library guarantees
//! and what it does not. `docs/` has guides to frameworks, lists of devices, operations, and
//! migration from another library.

#![cfg_attr(docsrs, feature(doc_cfg))]
// No input of a client may make the library panic. Every exception to these lints gives the reason
// why its code cannot panic.
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
#[cfg(feature = "reload")]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "reads no client's bytes"
)]
mod files;
pub mod keys;
#[allow(clippy::expect_used, reason = "the length of every key, nonce and output is a constant")]
mod primitives;
#[cfg(feature = "bound")]
#[cfg_attr(docsrs, doc(cfg(feature = "bound")))]
pub mod proof;
pub mod revocation;
#[cfg(feature = "schema")]
#[cfg_attr(docsrs, doc(cfg(feature = "schema")))]
pub mod schema;
pub mod session;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod time;
pub mod token;
pub mod transport;

#[cfg(feature = "axum08")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum08")))]
#[doc(inline)]
pub use crate::adapters::GuardLayer;
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
#[doc(inline)]
pub use crate::adapters::{Current, Fresh, Proven, Required, SignedIn};
#[cfg(any(feature = "actix4", feature = "poem3"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "actix4", feature = "poem3"))))]
#[doc(inline)]
pub use crate::adapters::{GuardMiddleware, SealedMiddleware, SessionMiddleware};
#[cfg(feature = "rocket05")]
#[cfg_attr(docsrs, doc(cfg(feature = "rocket05")))]
#[doc(inline)]
pub use crate::adapters::{RouteGuard, SealedFairing, SessionFairing};
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
#[doc(inline)]
pub use crate::adapters::{SealedLayer, SessionLayer};
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
pub use crate::transport::{Bearer, Cookie, Sealed, SealedCookie};

/// Runs the examples of the README and the guides as tests.
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
