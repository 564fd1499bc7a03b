//! Tokens that hold values of one type: the code that [`Sealer`](crate::Sealer) and
//! [`Signer`](crate::Signer) share.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::keys::handle::RingHandle;
use crate::keys::key::KeyId;
use crate::time::UnixTime;
use crate::token::bytes::{Scheme, Tokens};
use crate::token::error::{OpenError, SealError};
use crate::token::payload::{self, Payload, Schema, View};
use crate::token::wipe::Buffer;
use crate::token::wire::{Authentic, Claims, MAX_TOKEN_LEN};

pub(crate) struct Values<S: Scheme, P> {
    tokens: Tokens<S>,
    lifetime: Duration,
    payload: PhantomData<fn() -> P>,
}

impl<S: Scheme, P: Payload> Values<S, P> {
    pub(crate) fn new(ring: RingHandle, lifetime: Duration) -> Values<S, P> {
        const { payload::check::<P>() };
        let tokens = Tokens::new(ring, P::PURPOSE.as_bytes(), 1);
        Values { tokens, lifetime, payload: PhantomData }
    }

    pub(crate) fn padded_to(mut self, bucket: u8) -> Values<S, P> {
        self.tokens.bucket = bucket;
        self
    }

    pub(crate) fn limited_to(mut self, len: usize) -> Values<S, P> {
        self.tokens.limit = len.min(MAX_TOKEN_LEN);
        self
    }

    pub(crate) fn make_into(
        &self,
        payload: &P,
        now: UnixTime,
        token: &mut String,
    ) -> Result<(), SealError> {
        let claims = Claims::new(now, self.lifetime, P::VERSION);
        self.tokens.make(now, claims, token, |out| payload::encode(payload, out))?;
        Ok(())
    }

    pub(crate) fn make(&self, payload: &P, now: UnixTime) -> Result<String, SealError> {
        let mut token = String::new();
        self.make_into(payload, now, &mut token)?;
        Ok(token)
    }

    pub(crate) fn open(
        &self,
        token: &[u8],
        now: impl FnOnce() -> UnixTime,
    ) -> Result<Opened<P>, OpenError> {
        let mut buf = Buffer::new();
        owned(self.tokens.open(token, now, self.lifetime, &mut buf)?)
    }

    pub(crate) fn open_in<'b, V: View<'b, Of = P>>(
        &self,
        token: &[u8],
        now: UnixTime,
        buf: &'b mut Vec<u8>,
    ) -> Result<Opened<V>, OpenError> {
        view(self.tokens.open(token, || now, self.lifetime, buf)?)
    }

    pub(crate) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("purpose", &P::PURPOSE)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// The content of a token that was opened or verified.
///
/// `Debug` does not show the payload.
#[non_exhaustive]
pub struct Opened<P> {
    /// The value, upgraded if the token has an older schema version.
    pub payload: P,
    /// When the token was issued.
    pub issued_at: UnixTime,
    /// The deadline. The token is refused from this second on.
    pub expires_at: UnixTime,
    /// The key with which the token was made.
    pub key_id: KeyId,
}

impl<P> fmt::Debug for Opened<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// Steps 11 to 14 of opening, for a value that owns its strings.
pub(crate) fn owned<P: Payload>(authentic: Authentic<'_>) -> Result<Opened<P>, OpenError> {
    let Authentic { key_id, body, expires_at } = authentic;
    check_schema::<P>(body.claims.schema)?;
    body.check_padding()?;
    let payload = payload::decode(body.claims.schema, body.payload)?;
    Ok(Opened { payload, issued_at: body.claims.issued_at, expires_at, key_id })
}

/// Steps 11 to 14 of opening, for a value that borrows from the token's bytes.
fn view<'b, V: View<'b>>(authentic: Authentic<'b>) -> Result<Opened<V>, OpenError> {
    let Authentic { key_id, body, expires_at } = authentic;
    let version = body.claims.schema;
    check_schema::<V::Of>(version)?;
    if version != <V::Of as Payload>::VERSION {
        return Err(OpenError::RetiredSchema { version });
    }
    body.check_padding()?;
    let payload = payload::decode_as(<V::Of as Payload>::ENCODING, body.payload)?;
    Ok(Opened { payload, issued_at: body.claims.issued_at, expires_at, key_id })
}

/// Steps 11 and 12 of opening.
pub(crate) fn check_schema<P: Payload>(version: u32) -> Result<(), OpenError> {
    match payload::schema::<P>(version) {
        Schema::Known => Ok(()),
        Schema::Newer => Err(OpenError::NewerSchema { version, newest: P::VERSION }),
        Schema::Retired => Err(OpenError::RetiredSchema { version }),
    }
}
