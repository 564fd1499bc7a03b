//! Tokens with one purpose, whose payload is bytes.
//!
//! This file implements the steps of making and opening a token, for both modes (spec sections 5 to
//! 7).

use std::mem;
use std::time::Duration;

use crate::keys::handle::RingHandle;
use crate::keys::key::KeyId;
use crate::primitives::{BadTag, RandomError, Secret};
use crate::time::UnixTime;
use crate::token::error::{OpenError, SealError};
use crate::token::payload::PayloadError;
use crate::token::subkeys::{Subkeys, Timeless};
use crate::token::wipe::Buffer;
use crate::token::wire::{self, Authentic, Body, Claims, MAX_TOKEN_LEN, Mode};

/// The cryptography of a mode.
///
/// A token consists of its head (prefix and key id), a nonce, the body and a tag. In the signed
/// mode the nonce is empty.
pub(crate) trait Scheme {
    const MODE: Mode;
    /// The label under which subkeys are derived (spec section 3).
    const LABEL: &'static str;
    type Key: Send + Sync + 'static;
    type Nonce: AsRef<[u8]>;

    fn key(secret: &Secret) -> Self::Key;

    fn nonce() -> Result<Self::Nonce, RandomError>;

    /// Protects `raw`, which is a token without its tag, and appends the tag.
    fn protect(key: &Self::Key, nonce: &Self::Nonce, raw: &mut Vec<u8>);

    /// Step 6 of opening: checks the tag and returns the decrypted body. `None` if `raw` is too
    /// short.
    fn check<'b>(key: &Self::Key, raw: &'b mut [u8]) -> Option<Result<&'b [u8], BadTag>>;
}

pub(crate) struct Tokens<S: Scheme> {
    keys: Subkeys<S::Key>,
    /// Bodies are padded to a multiple of this many bytes.
    pub(crate) bucket: u8,
    /// The maximum length of a token, in characters.
    pub(crate) limit: usize,
}

impl<S: Scheme> Tokens<S> {
    pub(crate) fn new(ring: RingHandle, purpose: &[u8], bucket: u8) -> Tokens<S> {
        let keys = Subkeys::new(ring, S::LABEL, purpose, S::key);
        Tokens { keys, bucket, limit: MAX_TOKEN_LEN }
    }

    /// The id of the primary key at `now`.
    pub(crate) fn primary_at(&self, now: UnixTime) -> Result<KeyId, SealError> {
        self.keys.now().primary_at(now).map(|key| key.id)
    }

    /// The length in characters of a token whose body has `len` bytes before padding.
    pub(crate) fn text_len(&self, len: usize) -> usize {
        S::MODE.text_len(len.next_multiple_of(usize::from(self.bucket.max(1))))
    }

    /// Replaces the content of `token` with a new token. `token` is empty after an error.
    pub(crate) fn make(
        &self,
        now: UnixTime,
        claims: Claims,
        token: &mut String,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), PayloadError>,
    ) -> Result<KeyId, SealError> {
        let nonce = S::nonce().inspect_err(|_| token.clear())?;
        self.make_with(now, claims, &nonce, token, encode)
    }

    /// Makes a token with a given nonce. Outside of tests, only `make` calls this.
    pub(crate) fn make_with(
        &self,
        now: UnixTime,
        claims: Claims,
        nonce: &S::Nonce,
        token: &mut String,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), PayloadError>,
    ) -> Result<KeyId, SealError> {
        let reused = mem::take(token);
        let keys = self.keys.now();
        let key = keys.primary_at(now)?;
        let mut raw = Buffer::new();
        wire::begin(S::MODE, key.id, &mut raw);
        raw.extend_from_slice(nonce.as_ref());
        let body = raw.len();
        wire::write_body(&mut raw, claims, self.bucket, encode)?;
        let len = S::MODE.text_len(raw.len().saturating_sub(body));
        if len > self.limit {
            return Err(SealError::TooLong { len, limit: self.limit });
        }
        S::protect(&key.key, nonce, &mut raw);
        *token = wire::encode(&raw, reused);
        raw.clear(); // these bytes are sent to the client, so they need not be wiped
        Ok(key.id)
    }

    /// Steps 1 to 10 of opening. Calls `now` only after the tag was verified.
    pub(crate) fn open<'b>(
        &self,
        token: &[u8],
        now: impl FnOnce() -> UnixTime,
        longest: Duration,
        buf: &'b mut Vec<u8>,
    ) -> Result<Authentic<'b>, OpenError> {
        self.authenticate(token, buf)?.at(now(), longest)
    }

    /// Steps 1 to 7 of opening.
    pub(crate) fn authenticate<'b>(
        &self,
        token: &[u8],
        buf: &'b mut Vec<u8>,
    ) -> Result<Timeless<'b>, OpenError> {
        wire::decode(S::MODE, token, self.limit, buf)?;
        let key_id = wire::key_id(buf);
        let keys = self.keys.now();
        let key = self.keys.get(&keys, key_id)?;
        let body = S::check(&key.key, buf).ok_or(OpenError::TooShort)?;
        let body = Body::parse(body.map_err(|_| OpenError::BadTag(key_id))?)?;
        Ok(Timeless { key_id, schedule: key.schedule, body })
    }
}
