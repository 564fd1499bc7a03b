//! Typed tokens that the client may read: sign, verify, and read unverified.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use zeroize::Zeroize as _;

use crate::error::{OpenError, SealError};
use crate::key::KeyId;
use crate::payload::{self, Payload, View};
use crate::primitives::{MAC_LEN, SigningKey};
use crate::ring::KeyRing;
use crate::sealer::{Opened, owned, view};
use crate::subkeys::Subkeys;
use crate::time::UnixTime;
use crate::wire::{self, Body, Claims, KEY_ID_LEN, MAX_TOKEN_LEN, Mode};

/// Signs values of one type into tokens and verifies them (spec sections 6 and 7).
///
/// Anybody can read a signed token; only holders of the key can make one. It
/// is for what a front end shows; the payload is usually JSON.
///
/// ```
/// use std::time::Duration;
/// use bulla::{KeyRing, Payload, Signer, read_unverified};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "shop.example/profile", encoding = "json")]
/// struct Profile { name: String }
///
/// let profiles = Signer::<Profile>::new(&KeyRing::generate()?, Duration::from_secs(3600));
/// let token = profiles.sign(&Profile { name: "Ada".into() })?;    // "s1.n6fA…"
/// assert_eq!(profiles.verify(&token)?.payload.name, "Ada");
///
/// // On the client, which has no key and cannot know whether it is genuine:
/// let shown = read_unverified::<Profile>(&token)?;
/// assert_eq!(shown.unverified_payload.name, "Ada");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Signing is deterministic: the same value in the same second gives the same
/// token. A token has 51 characters and 4/3 of its body.
pub struct Signer<P> {
    keys: Subkeys<SigningKey>,
    lifetime: Duration,
    limit: usize,
    payload: PhantomData<fn() -> P>,
}

impl<P: Payload> Signer<P> {
    /// Tokens live for `lifetime`, in whole seconds, rounded down. Verifying
    /// enforces the smaller of this and the token's own lifetime.
    #[must_use]
    pub fn new(ring: &KeyRing, lifetime: Duration) -> Signer<P> {
        const { payload::check::<P>() };
        let keys = Subkeys::new(ring, "bulla/1/sign", P::PURPOSE.as_bytes(), SigningKey::new);
        Signer { keys, lifetime, limit: MAX_TOKEN_LEN, payload: PhantomData }
    }

    /// Makes and accepts tokens of at most `len` characters, and never more
    /// than [`MAX_TOKEN_LEN`].
    #[must_use]
    pub fn limited_to(mut self, len: usize) -> Signer<P> {
        self.limit = len.min(MAX_TOKEN_LEN);
        self
    }

    /// Signs `payload` now, under the primary key.
    ///
    /// # Errors
    /// Every [`SealError`] but `Random`.
    pub fn sign(&self, payload: &P) -> Result<String, SealError> {
        self.sign_at(payload, UnixTime::now())
    }

    /// Signs as of `now`. See [`sign`](Signer::sign).
    ///
    /// # Errors
    /// Every [`SealError`] but `Random`.
    pub fn sign_at(&self, payload: &P, now: UnixTime) -> Result<String, SealError> {
        let mut token = String::new();
        self.sign_into(payload, now, &mut token)?;
        Ok(token)
    }

    /// Signs as of `now` into `token`, whose content is replaced.
    ///
    /// # Errors
    /// Every [`SealError`] but `Random`; `token` is empty then.
    pub fn sign_into(
        &self,
        payload: &P,
        now: UnixTime,
        token: &mut String,
    ) -> Result<(), SealError> {
        let mut buf = std::mem::take(token).into_bytes();
        buf.clear();
        let claims = Claims::new(now, self.lifetime, P::VERSION);
        if let Err(error) = self.write(claims, now, &mut buf, payload) {
            buf.zeroize();
            return Err(error);
        }
        *token = wire::into_text(buf);
        Ok(())
    }

    fn write(
        &self,
        claims: Claims,
        now: UnixTime,
        buf: &mut Vec<u8>,
        payload: &P,
    ) -> Result<(), SealError> {
        let key = self.keys.primary_at(now)?;
        payload::reserve_wiped(buf, 512);
        buf.extend_from_slice(&key.id.0);
        wire::write_body(buf, claims, 1, |out| payload::encode(payload, out))?;
        let len = Mode::Signed.text_len(buf.len() + MAC_LEN);
        if len > self.limit {
            return Err(SealError::TooLong { len, limit: self.limit });
        }
        let mac = key.key.mac(Mode::Signed.prefix(), buf);
        buf.extend_from_slice(&mac);
        wire::encode(Mode::Signed, buf);
        Ok(())
    }

    /// Verifies a token now.
    ///
    /// # Errors
    /// The first failing step of spec section 7, as an [`OpenError`]. Tell the
    /// client only that there is no valid token.
    pub fn verify(&self, token: impl AsRef<[u8]>) -> Result<Opened<P>, OpenError> {
        let mut buf = Vec::new();
        let (key_id, body, expires_at) = self.authentic(token.as_ref(), UnixTime::now, &mut buf)?;
        owned(key_id, body, expires_at)
    }

    /// Verifies as of `now`. See [`verify`](Signer::verify).
    ///
    /// # Errors
    /// Every [`OpenError`].
    pub fn verify_at(
        &self,
        token: impl AsRef<[u8]>,
        now: UnixTime,
    ) -> Result<Opened<P>, OpenError> {
        let mut buf = Vec::new();
        let (key_id, body, expires_at) = self.authentic(token.as_ref(), || now, &mut buf)?;
        owned(key_id, body, expires_at)
    }

    /// Verifies as of `now` in a buffer of the caller, from which the payload
    /// may borrow. See [`Sealer::open_in`](crate::Sealer::open_in).
    ///
    /// # Errors
    /// Every [`OpenError`].
    pub fn verify_in<'b, V: View<'b, Of = P>>(
        &self,
        token: impl AsRef<[u8]>,
        now: UnixTime,
        buf: &'b mut Vec<u8>,
    ) -> Result<Opened<V>, OpenError> {
        let (key_id, body, expires_at) = self.authentic(token.as_ref(), || now, buf)?;
        view::<V>(key_id, body, expires_at)
    }

    /// Steps 1 to 10. `now` is asked only after the mac holds.
    fn authentic<'b>(
        &self,
        token: &[u8],
        now: impl FnOnce() -> UnixTime,
        buf: &'b mut Vec<u8>,
    ) -> Result<(KeyId, Body<'b>, UnixTime), OpenError> {
        wire::decode(Mode::Signed, token, self.limit, buf)?;
        let id = wire::key_id(buf);
        let key = self.keys.get(id)?;
        let (message, mac) = split(buf)?;
        key.key.check(Mode::Signed.prefix(), message, mac).map_err(|_| OpenError::BadTag(id))?;
        let body = Body::parse(&message[KEY_ID_LEN..])?;
        let now = now();
        key.check_open(now)?;
        let expires_at = body.deadline(now, self.lifetime)?;
        Ok((id, body, expires_at))
    }
}

impl<P: Payload> fmt::Debug for Signer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("purpose", &P::PURPOSE)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// What a signed token claims, **as anybody could have written it**.
///
/// Good for showing something to the client's own user, and for nothing that
/// matters: not the mac, not the deadline, not even the purpose was checked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unverified<P> {
    /// The payload that the token claims to hold.
    pub unverified_payload: P,
    /// When the token claims to have been made.
    pub unverified_issued_at: UnixTime,
    /// When the token claims to expire.
    pub unverified_expires_at: UnixTime,
    /// The key that the token claims to be made with.
    pub unverified_key_id: KeyId,
}

/// Reads a signed token without a key and without verifying anything.
///
/// # Errors
/// [`OpenError`] for what is not laid out as a signed token (steps 1 to 4, 7
/// and 11 to 14 of spec section 7).
pub fn read_unverified<P: Payload>(token: impl AsRef<[u8]>) -> Result<Unverified<P>, OpenError> {
    let mut buf = Vec::new();
    wire::decode(Mode::Signed, token.as_ref(), MAX_TOKEN_LEN, &mut buf)?;
    let (message, _) = split(&buf)?;
    let body = Body::parse(&message[KEY_ID_LEN..])?;
    let expires_at = body.claims.issued_at + Duration::from_secs(body.claims.lifetime);
    let read = owned(wire::key_id(&buf), body, expires_at)?;
    Ok(Unverified {
        unverified_payload: read.payload,
        unverified_issued_at: read.issued_at,
        unverified_expires_at: read.expires_at,
        unverified_key_id: read.key_id,
    })
}

/// The signed message (key id and body) and its mac.
fn split(raw: &[u8]) -> Result<(&[u8], &[u8; MAC_LEN]), OpenError> {
    raw.split_last_chunk().ok_or(OpenError::TooShort)
}
