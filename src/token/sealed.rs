//! Sealing and opening of bytes under one purpose (spec sections 5 and 7).

use std::time::Duration;

use crate::keys::handle::RingHandle;
use crate::keys::key::KeyId;
use crate::primitives::{self, NONCE_LEN, SealingKey};
use crate::time::UnixTime;
use crate::token::error::{OpenError, SealError};
use crate::token::payload::PayloadError;
use crate::token::subkeys::{Subkeys, Timeless};
use crate::token::wipe::Buffer;
use crate::token::wire::{
    self, Authentic, Body, Claims, HEAD_LEN, MAX_TOKEN_LEN, Mode, SEALED_BODY,
};

type Nonce = [u8; NONCE_LEN];

pub(crate) struct Sealing {
    keys: Subkeys<SealingKey>,
    pub(crate) bucket: u8,
    pub(crate) limit: usize,
}

impl Sealing {
    pub(crate) fn new(ring: RingHandle, purpose: &[u8], bucket: u8) -> Sealing {
        let keys = Subkeys::new(ring, "bulla/1/seal", purpose, SealingKey::new);
        Sealing { keys, bucket, limit: MAX_TOKEN_LEN }
    }

    /// The key that [`seal`](Sealing::seal) would use.
    pub(crate) fn primary_at(&self, now: UnixTime) -> Result<KeyId, SealError> {
        self.keys.now().primary_at(now).map(|key| key.id)
    }

    /// Characters of a token whose body has `len` bytes before padding.
    pub(crate) fn text_len(&self, len: usize) -> usize {
        let body = len.next_multiple_of(usize::from(self.bucket.max(1)));
        Mode::Sealed.text_len(body)
    }

    /// Puts a new token into `token`, whose content is replaced; it is empty on an error.
    pub(crate) fn seal(
        &self,
        now: UnixTime,
        claims: Claims,
        token: &mut String,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), PayloadError>,
    ) -> Result<KeyId, SealError> {
        token.clear();
        self.seal_with(now, claims, &primitives::random()?, token, encode)
    }

    /// With a nonce of the caller's, which only the vectors choose.
    #[expect(clippy::indexing_slicing, reason = "sealing: the lengths are our own")]
    pub(crate) fn seal_with(
        &self,
        now: UnixTime,
        claims: Claims,
        nonce: &Nonce,
        token: &mut String,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), PayloadError>,
    ) -> Result<KeyId, SealError> {
        let keys = self.keys.now();
        let key = keys.primary_at(now)?;
        let mut buf = Buffer::new();
        wire::begin(Mode::Sealed, key.id, &mut buf);
        buf.extend_from_slice(nonce);
        wire::write_body(&mut buf, claims, self.bucket, encode)?;
        let (head, body) = buf.split_at_mut(SEALED_BODY);
        let len = Mode::Sealed.text_len(body.len());
        if len > self.limit {
            return Err(SealError::TooLong { len, limit: self.limit });
        }
        let tag = key.key.encrypt(nonce, &head[..HEAD_LEN], body);
        buf.extend_from_slice(&tag);
        wire::encode(&buf, token);
        buf.clear(); // ciphertext: nothing to wipe
        Ok(key.id)
    }

    /// Steps 1 to 10. `now` is asked only after the tag holds.
    pub(crate) fn open<'b>(
        &self,
        token: &[u8],
        now: impl FnOnce() -> UnixTime,
        longest: Duration,
        buf: &'b mut Vec<u8>,
    ) -> Result<Authentic<'b>, OpenError> {
        self.authenticate(token, buf)?.at(now(), longest)
    }

    /// Steps 1 to 7.
    pub(crate) fn authenticate<'b>(
        &self,
        token: &[u8],
        buf: &'b mut Vec<u8>,
    ) -> Result<Timeless<'b>, OpenError> {
        wire::decode(Mode::Sealed, token, self.limit, buf)?;
        let key_id = wire::key_id(buf);
        let keys = self.keys.now();
        let key = self.keys.get(&keys, key_id)?;
        let body = Body::parse(self.decrypt(&key.key, key_id, buf)?)?;
        Ok(Timeless { key_id, schedule: key.schedule, body })
    }

    /// Step 6. The head, prefix and key id, is the associated data.
    fn decrypt<'b>(
        &self,
        key: &SealingKey,
        id: KeyId,
        raw: &'b mut [u8],
    ) -> Result<&'b [u8], OpenError> {
        let (head, rest) = raw.split_at_mut_checked(HEAD_LEN).ok_or(OpenError::TooShort)?;
        let (nonce, rest) = rest.split_first_chunk_mut().ok_or(OpenError::TooShort)?;
        let (body, tag) = rest.split_last_chunk_mut().ok_or(OpenError::TooShort)?;
        key.decrypt(nonce, head, body, tag).map_err(|_| OpenError::BadTag(id))?;
        Ok(body)
    }
}
