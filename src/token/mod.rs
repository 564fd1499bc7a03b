//! Tokens: a value, sealed or signed, as text.
//!
//! [`Sealer`] makes tokens that the client cannot read, [`Signer`] tokens that it may
//! read and cannot change. [`Payload`] is implemented by the types that they hold.
//!
//! | question | file |
//! |---|---|
//! | How is a token laid out? (No cryptography.) | `wire`, and `text` for base64url |
//! | What can a token hold, and how does a type change its shape? | `payload`, `skips` |
//! | How are keys derived for one purpose? | `subkeys` |
//! | In which steps are tokens made and opened? | `bytes`, with `sealed` and `signed` for each mode |
//! | How are values of one type sealed, opened, signed, verified? | `sealer`, `signer`, which share `values` |
//! | How do tools make and open tokens of any type? | `raw` |
//! | Has a token been used before? | `once` |
//! | What identifies a session or a token's text? | `id` |
//! | How is plaintext wiped? | `wipe` |
//! | Why does it fail? | `error` |
//!
//! This folder uses `primitives`, `time` and `keys` only.

pub(crate) mod bytes;
pub(crate) mod error;
pub(crate) mod id;
pub(crate) mod once;
pub(crate) mod payload;
pub(crate) mod raw;
pub(crate) mod sealed;
pub(crate) mod sealer;
pub(crate) mod signed;
pub(crate) mod signer;
pub(crate) mod skips;
pub(crate) mod subkeys;
pub(crate) mod text;
pub(crate) mod values;
pub(crate) mod wipe;
pub(crate) mod wire;

pub use self::error::{OpenError, SealError};
pub use self::once::{ClaimError, OnceError, UsedHere, UsedTokens};
#[doc(hidden)]
pub use self::payload::check as __check_payload;
pub use self::payload::{Encoding, NoPrevious, Payload, PayloadError, View};
pub use self::raw::{RawToken, RawTokens, Visible, read_unverified_raw};
pub use self::sealer::Sealer;
pub use self::signer::Signer;
#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub use self::signer::{Unverified, read_unverified};
pub use self::values::Opened;
pub use self::wire::{CLOCK_SKEW, MAX_TOKEN_LEN, Mode};
#[cfg(feature = "derive")]
#[cfg_attr(docsrs, doc(cfg(feature = "derive")))]
pub use bulla_derive::Payload;
