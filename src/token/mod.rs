//! Tokens: values of one type, sealed or signed, as text.
//!
//! A [`Sealer`] makes tokens that the client can neither read nor change. A [`Signer`] makes tokens
//! that the client can read but not change. The type of the values must implement [`Payload`].
//!
//! | question | file |
//! |---|---|
//! | What is the layout of a token? (No cryptography.) | `wire`, and `text` for base64url |
//! | What can a token hold, and how does its type change? | `payload`, `skips` |
//! | How are keys derived for a purpose? | `subkeys` |
//! | In which steps are tokens made and opened? | `bytes`; `sealed` and `signed` for each mode |
//! | How are values of one type sealed and opened? | `sealer` and `values` |
//! | How are values of one type signed and verified? | `signer` and `values` |
//! | How do tools make and open tokens without a Rust type? | `raw` |
//! | Has a token been used before? | `once` |
//! | How are used tokens stored in a file, and how do several processes share it? | `used_file`; `used_list` for its lines, `used_problem` for its errors |
//! | What identifies a session or a token? | `id` |
//! | How is plaintext wiped? | `wipe` |
//! | Why do sealing and opening fail? | `error` |
//!
//! This folder uses only `primitives`, `time`, `files` and `keys`.

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
#[cfg(all(unix, feature = "reload"))]
pub(crate) mod used_file;
#[cfg(all(unix, feature = "reload"))]
pub(crate) mod used_list;
#[cfg(all(unix, feature = "reload"))]
pub(crate) mod used_problem;
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
#[cfg(all(unix, feature = "reload"))]
#[cfg_attr(docsrs, doc(cfg(all(unix, feature = "reload"))))]
pub use self::used_file::UsedInFile;
pub use self::values::Opened;
pub use self::wire::{CLOCK_SKEW, MAX_TOKEN_LEN, Mode};
#[cfg(feature = "derive")]
#[cfg_attr(docsrs, doc(cfg(feature = "derive")))]
pub use bulla_derive::Payload;
