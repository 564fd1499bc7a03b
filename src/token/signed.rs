//! The signed mode: HMAC-SHA256 (spec section 6).

use std::time::Duration;

use crate::primitives::{BadTag, MAC_LEN, RandomError, Secret, SigningKey};
use crate::token::bytes::{Scheme, Tokens};
use crate::token::error::OpenError;
use crate::token::wire::{self, Authentic, Body, HEAD_LEN, MAX_TOKEN_LEN, Mode};

pub(crate) type Signing = Tokens<Signed>;

pub(crate) struct Signed;

impl Scheme for Signed {
    const MODE: Mode = Mode::Signed;
    const LABEL: &'static str = "bulla/1/sign";
    type Key = SigningKey;
    type Nonce = [u8; 0];

    fn key(secret: &Secret) -> SigningKey {
        SigningKey::new(secret)
    }

    fn nonce() -> Result<[u8; 0], RandomError> {
        Ok([])
    }

    fn protect(key: &SigningKey, _: &[u8; 0], raw: &mut Vec<u8>) {
        let mac = key.mac(raw);
        raw.extend_from_slice(&mac);
    }

    fn check<'b>(key: &SigningKey, raw: &'b mut [u8]) -> Option<Result<&'b [u8], BadTag>> {
        let (message, body, mac) = split(raw)?;
        Some(key.check(message, mac).map(|()| body))
    }
}

/// Reads a token without verifying it: steps 1 to 4 and 7.
pub(crate) fn unverified<'b>(
    token: &[u8],
    buf: &'b mut Vec<u8>,
) -> Result<Authentic<'b>, OpenError> {
    wire::decode(Mode::Signed, token, MAX_TOKEN_LEN, buf)?;
    let key_id = wire::key_id(buf);
    let (_, body, _) = split(buf).ok_or(OpenError::TooShort)?;
    let body = Body::parse(body)?;
    let expires_at = body.claims.issued_at + Duration::from_secs(body.claims.lifetime);
    Ok(Authentic { key_id, body, expires_at })
}

type Split<'a> = (&'a [u8], &'a [u8], &'a [u8; MAC_LEN]);

/// The signed message (prefix, key id and body), its body, and its MAC. `None` if `raw` is too
/// short.
fn split(raw: &[u8]) -> Option<Split<'_>> {
    let (message, mac) = raw.split_last_chunk()?;
    Some((message, message.get(HEAD_LEN..)?, mac))
}
