//! Signing and verifying of bytes under one purpose (spec sections 6 and 7).

use std::time::Duration;

use crate::keys::handle::RingHandle;
use crate::primitives::{MAC_LEN, SigningKey};
use crate::time::UnixTime;
use crate::token::error::{OpenError, SealError};
use crate::token::payload::PayloadError;
use crate::token::subkeys::{Subkeys, Timeless};
use crate::token::wipe::Buffer;
use crate::token::wire::{self, Authentic, Body, Claims, HEAD_LEN, MAX_TOKEN_LEN, Mode};

pub(crate) struct Signing {
    keys: Subkeys<SigningKey>,
    bucket: u8,
    pub(crate) limit: usize,
}

impl Signing {
    pub(crate) fn new(ring: RingHandle, purpose: &[u8], bucket: u8) -> Signing {
        let keys = Subkeys::new(ring, "bulla/1/sign", purpose, SigningKey::new);
        Signing { keys, bucket, limit: MAX_TOKEN_LEN }
    }

    /// Puts a new token into `token`, whose content is replaced; it is empty on an error.
    pub(crate) fn sign(
        &self,
        now: UnixTime,
        claims: Claims,
        token: &mut String,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), PayloadError>,
    ) -> Result<(), SealError> {
        token.clear();
        let keys = self.keys.now();
        let key = keys.primary_at(now)?;
        let mut buf = Buffer::new();
        wire::begin(Mode::Signed, key.id, &mut buf);
        wire::write_body(&mut buf, claims, self.bucket, encode)?;
        let len = Mode::Signed.text_len(buf.len().saturating_sub(HEAD_LEN));
        if len > self.limit {
            return Err(SealError::TooLong { len, limit: self.limit });
        }
        let mac = key.key.mac(&buf);
        buf.extend_from_slice(&mac);
        wire::encode(&buf, token);
        buf.clear(); // what the client reads: nothing to wipe
        Ok(())
    }

    /// Steps 1 to 10. `now` is asked only after the mac holds.
    pub(crate) fn verify<'b>(
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
        wire::decode(Mode::Signed, token, self.limit, buf)?;
        let key_id = wire::key_id(buf);
        let keys = self.keys.now();
        let key = self.keys.get(&keys, key_id)?;
        let (message, body, mac) = split(buf)?;
        key.key.check(message, mac).map_err(|_| OpenError::BadTag(key_id))?;
        let body = Body::parse(body)?;
        Ok(Timeless { key_id, schedule: key.schedule, body })
    }
}

/// Steps 1 to 4 and 7, and nothing of what makes a token genuine.
pub(crate) fn unverified<'b>(
    token: &[u8],
    buf: &'b mut Vec<u8>,
) -> Result<Authentic<'b>, OpenError> {
    wire::decode(Mode::Signed, token, MAX_TOKEN_LEN, buf)?;
    let key_id = wire::key_id(buf);
    let (_, body, _) = split(buf)?;
    let body = Body::parse(body)?;
    let expires_at = body.claims.issued_at + Duration::from_secs(body.claims.lifetime);
    Ok(Authentic { key_id, body, expires_at })
}

type Split<'a> = (&'a [u8], &'a [u8], &'a [u8; MAC_LEN]);

/// The signed message (prefix, key id and body), its body, and its mac.
fn split(raw: &[u8]) -> Result<Split<'_>, OpenError> {
    let (message, mac) = raw.split_last_chunk().ok_or(OpenError::TooShort)?;
    let body = message.get(HEAD_LEN..).ok_or(OpenError::TooShort)?;
    Ok((message, body, mac))
}
