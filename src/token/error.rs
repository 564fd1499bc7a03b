//! The errors of sealing and opening.
//!
//! They are for programmers and logs. Do not show them to clients: a client must learn only that
//! it has no valid token, so answer all variants in the same way.

use std::fmt;

use crate::keys::key::KeyId;
use crate::primitives::RandomError;
use crate::time::UnixTime;
use crate::token::payload::PayloadError;

/// Why a token could not be sealed or signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// The ring has no primary key at this time, because every key is primary later or has been
    /// retired.
    NoPrimaryKey,
    /// The operating system's random generator failed.
    Random,
    /// The payload could not be encoded.
    Payload(PayloadError),
    /// The token would be longer than the limit.
    TooLong {
        /// The length of the token in characters.
        len: usize,
        /// The limit in characters.
        limit: usize,
    },
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealError::NoPrimaryKey => f.write_str("the ring has no primary key at this time"),
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

/// Why a token was refused: the first step of spec section 7 that failed.
///
/// Tell the client only that it has no valid token.
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
    /// Step 1: the token is longer than the limit. No other check was made.
    TooLong {
        /// The length of the token in characters.
        len: usize,
        /// The limit in characters.
        limit: usize,
    },
    /// Step 2: the token does not begin with the prefix of this mode and version.
    Prefix,
    /// Step 3: the token is not canonical base64url.
    Encoding,
    /// Step 4: the text is too short to be a token.
    TooShort,
    /// Step 5: the ring has no key with this id. Another server may have it, or it was removed.
    UnknownKey(KeyId),
    /// Step 6: the token was forged, altered, or made for another purpose.
    BadTag(KeyId),
    /// Step 7: the token is authentic, but its body is malformed.
    MalformedBody,
    /// Step 8: the key's `open-until` has passed.
    RetiredKey(KeyId),
    /// Step 9: the token was issued more than 60 seconds in the future.
    NotYetValid {
        /// The time at which the token was issued, by the clock of the server that made it.
        issued_at: UnixTime,
    },
    /// Step 10: the token has expired.
    Expired {
        /// The deadline. A token is refused from this second on.
        expires_at: UnixTime,
    },
    /// Step 11: a server that knows a newer schema version of the payload made the token.
    NewerSchema {
        /// The token's schema version.
        version: u32,
        /// The newest schema version that this server knows.
        newest: u32,
    },
    /// Step 12: this server no longer reads the token's schema version.
    RetiredSchema {
        /// The token's schema version.
        version: u32,
    },
    /// Step 13: the padding is not zero.
    Padding,
    /// Step 14: the payload does not decode as its type. The usual cause is a type that was
    /// changed without raising its schema version.
    Payload(PayloadError),
}

impl OpenError {
    /// Whether another server might accept the token (spec section 9).
    ///
    /// That is possible if this server does not know the token's key, schema version or format,
    /// or if the servers differ in their length limits, payload types or clocks.
    ///
    /// Sessions *leave such a token alone*: it counts as absent, and the client's copy is neither
    /// deleted nor overwritten, except by a new sign-in or a sign-out. A token with any other
    /// error is invalid on every server, and sessions delete it.
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
            OpenError::Encoding => f.write_str("not canonical base64url"),
            OpenError::TooShort => f.write_str("too short to be a token"),
            OpenError::UnknownKey(id) => write!(f, "the key ring has no key {id}"),
            OpenError::BadTag(id) => write!(
                f,
                "not authentic under key {id}: forged, altered, or made for another purpose"
            ),
            OpenError::MalformedBody => f.write_str("authentic, but the body is malformed"),
            OpenError::RetiredKey(id) => write!(f, "key {id} is past its open-until"),
            OpenError::NotYetValid { issued_at } => {
                write!(f, "issued at {issued_at}, in the future: compare the servers' clocks")
            }
            OpenError::Expired { expires_at } => write!(f, "expired at {expires_at}"),
            OpenError::NewerSchema { version, newest } => write!(
                f,
                "schema version {version} is newer than {newest}, the newest that this server knows"
            ),
            OpenError::RetiredSchema { version } => {
                write!(f, "schema version {version} is no longer read here")
            }
            OpenError::Padding => f.write_str("the padding is not zero"),
            OpenError::Payload(error) => write!(
                f,
                "the payload does not decode ({error}): was the type changed without raising its \
                 schema version?"
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
