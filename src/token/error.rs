//! Why sealing and opening fail, in the order in which they can.
//!
//! These errors are for the programmer and the log. A client must learn no
//! more than that there is no valid token: answer every variant alike.

use std::fmt;

use crate::keys::key::KeyId;
use crate::primitives::RandomError;
use crate::time::UnixTime;
use crate::token::payload::PayloadError;

/// Why a token could not be sealed or signed. Nothing was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// No key of the ring is primary now: its schedule begins later or has ended.
    NoPrimaryKey,
    /// The operating system's random generator failed.
    Random,
    /// The payload could not be encoded.
    Payload(PayloadError),
    /// The token would be too long.
    TooLong {
        /// Characters that the token would have.
        len: usize,
        /// Characters that it may have.
        limit: usize,
    },
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealError::NoPrimaryKey => f.write_str("no key of the ring is primary at this time"),
            SealError::Random => RandomError.fmt(f),
            SealError::Payload(error) => write!(f, "the payload could not be encoded: {error}"),
            SealError::TooLong { len, limit } => {
                write!(f, "the token would have {len} characters; the limit is {limit}")
            }
        }
    }
}

impl std::error::Error for SealError {}

impl From<RandomError> for SealError {
    fn from(_: RandomError) -> SealError {
        SealError::Random
    }
}

impl From<PayloadError> for SealError {
    fn from(error: PayloadError) -> SealError {
        SealError::Payload(error)
    }
}

/// Why a token was refused: the first failing step of spec section 7.
///
/// ```
/// use std::time::Duration;
/// use bulla::{KeyRing, OpenError, Payload, Sealer};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "shop.example/reset-link")]
/// struct Reset { account: u64 }
///
/// let links = Sealer::<Reset>::new(KeyRing::generate()?, Duration::from_secs(900));
/// assert_eq!(links.open("eyJhbGciOiJub25lIn0.e30.").unwrap_err(), OpenError::Prefix);
/// # Ok::<(), bulla::keys::RandomError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// Step 1: longer than the limit; no other work was done.
    TooLong {
        /// Characters that the token has.
        len: usize,
        /// Characters that it may have.
        limit: usize,
    },
    /// Step 2: not a token of this mode and version.
    Prefix,
    /// Step 3: not base64url in its one spelling.
    Encoding,
    /// Step 4: too short to be a token.
    TooShort,
    /// Step 5: the ring has no such key: another server's, or dropped from the ring.
    UnknownKey(KeyId),
    /// Step 6: forged, altered, or made for another purpose.
    BadTag(KeyId),
    /// Step 7: authentic, but not laid out as the format says.
    MalformedBody,
    /// Step 8: the key's `open-until` has passed.
    RetiredKey(KeyId),
    /// Step 9: issued more than 60 seconds in the future.
    NotYetValid {
        /// When the token says that it was issued.
        issued_at: UnixTime,
    },
    /// Step 10: at or past its deadline.
    Expired {
        /// The deadline.
        expires_at: UnixTime,
    },
    /// Step 11: made by a server that knows a newer shape of the payload.
    NewerSchema {
        /// The token's schema version.
        version: u32,
        /// The newest schema version known here.
        newest: u32,
    },
    /// Step 12: of a shape that this server no longer reads.
    RetiredSchema {
        /// The token's schema version.
        version: u32,
    },
    /// Step 13: padding is not zero.
    Padding,
    /// Step 14: the payload does not decode as its type. Was its shape changed
    /// without raising its schema version?
    Payload(PayloadError),
}

impl OpenError {
    /// Whether another server might accept the token, so that the client must
    /// be left to keep it (spec section 9): a key, schema or format that is
    /// not known here, or a clock that differs. The others are dead for good.
    #[must_use]
    pub fn may_be_valid_elsewhere(&self) -> bool {
        match self {
            OpenError::TooLong { .. }
            | OpenError::Prefix
            | OpenError::UnknownKey(_)
            | OpenError::RetiredKey(_)
            | OpenError::NotYetValid { .. }
            | OpenError::NewerSchema { .. }
            | OpenError::RetiredSchema { .. }
            | OpenError::Payload(_) => true,
            OpenError::Encoding
            | OpenError::TooShort
            | OpenError::BadTag(_)
            | OpenError::MalformedBody
            | OpenError::Expired { .. }
            | OpenError::Padding => false,
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::TooLong { len, limit } => {
                write!(f, "the token has {len} characters; the limit is {limit}")
            }
            OpenError::Prefix => f.write_str("not a token of this mode and version"),
            OpenError::Encoding => f.write_str("not base64url in its one spelling"),
            OpenError::TooShort => f.write_str("too short to be a token"),
            OpenError::UnknownKey(id) => write!(f, "the key ring has no key {id}"),
            OpenError::BadTag(id) => write!(
                f,
                "not authentic under key {id}: forged, altered, or made for another purpose"
            ),
            OpenError::MalformedBody => f.write_str("authentic, but its layout is broken"),
            OpenError::RetiredKey(id) => write!(f, "key {id} is past its open-until"),
            OpenError::NotYetValid { issued_at } => {
                write!(f, "issued at {issued_at}, in the future: compare the servers' clocks")
            }
            OpenError::Expired { expires_at } => write!(f, "expired at {expires_at}"),
            OpenError::NewerSchema { version, newest } => {
                write!(f, "schema version {version} is newer than {newest}, the newest known here")
            }
            OpenError::RetiredSchema { version } => {
                write!(f, "schema version {version} is no longer read here")
            }
            OpenError::Padding => f.write_str("padding is not zero"),
            OpenError::Payload(error) => write!(
                f,
                "the payload does not decode ({error}): was its shape changed without raising \
                 its schema version?"
            ),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<PayloadError> for OpenError {
    fn from(error: PayloadError) -> OpenError {
        OpenError::Payload(error)
    }
}
