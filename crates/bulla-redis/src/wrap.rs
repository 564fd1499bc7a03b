//! Wraps the text of a ring, that is, seals it as a token. Redis stores the token.

use std::time::Duration;

use bulla::keys::Zeroizing;
use bulla::token::{Mode, RawTokens};
use bulla::{RingHandle, UnixTime};

use crate::error::RedisRingError;

/// The schema version of the payload, which is the text of a ring.
const SCHEMA: u32 = 1;

pub(crate) struct Wrap {
    tokens: RawTokens,
}

impl Wrap {
    pub(crate) fn new(keys: RingHandle, name: &str) -> Wrap {
        let purpose = [b"bulla/key-ring", name.as_bytes()].join(&0);
        Wrap { tokens: RawTokens::new(keys, Mode::Sealed, purpose) }
    }

    pub(crate) fn seal(&self, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, RedisRingError> {
        let sealed = self.tokens.make(text, SCHEMA, Duration::MAX, UnixTime::now());
        Ok(Zeroizing::new(sealed.map_err(RedisRingError::Wrap)?.into_bytes()))
    }

    /// Opens a wrapped value. Does not check its age.
    pub(crate) fn open(&self, value: &[u8]) -> Result<Zeroizing<Vec<u8>>, RedisRingError> {
        if !value.starts_with(b"b1.") {
            return Err(RedisRingError::NotWrapped);
        }
        let opened = self.tokens.authenticate(value).map_err(RedisRingError::Wrapped)?;
        Ok(opened.payload)
    }
}
