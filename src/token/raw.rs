//! Tokens whose purpose is known only when the program runs: for tools.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::keys::handle::RingHandle;
use crate::keys::key::KeyId;
use crate::time::UnixTime;
use crate::token::error::{OpenError, SealError};
use crate::token::payload::PayloadError;
use crate::token::sealed::Sealing;
use crate::token::signed::{Signing, unverified};
use crate::token::subkeys::Timeless;
use crate::token::wire::{self, Claims, MAX_TOKEN_LEN, Mode};

/// Makes and opens tokens of bytes, with a purpose given at run time: for
/// tools that look into tokens. Applications have types: [`Sealer`](crate::Sealer)
/// and [`Signer`](crate::Signer), whose tokens these are.
///
/// ```
/// use std::time::Duration;
/// use bulla::{KeyRing, UnixTime};
/// use bulla::token::{Mode, RawTokens};
///
/// let tokens = RawTokens::new(&KeyRing::generate()?, Mode::Signed, "shop.example/reset-link");
/// let now = UnixTime::now();
/// let token = tokens.make(b"\x2a", 1, Duration::from_secs(900), now)?;
/// let opened = tokens.authenticate(&token)?;
/// assert_eq!((&opened.payload[..], opened.schema), (&b"\x2a"[..], 1));
/// opened.check_at(now)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RawTokens {
    tokens: EitherMode,
}

enum EitherMode {
    Sealed(Sealing),
    Signed(Signing),
}

impl RawTokens {
    /// Tokens of one mode and purpose. A session's two tokens have purposes of
    /// several parts, joined by zero bytes (spec section 9).
    #[must_use]
    pub fn new(ring: impl Into<RingHandle>, mode: Mode, purpose: impl AsRef<[u8]>) -> RawTokens {
        let (ring, purpose) = (ring.into(), purpose.as_ref());
        let tokens = match mode {
            Mode::Sealed => EitherMode::Sealed(Sealing::new(ring, purpose, 1)),
            Mode::Signed => EitherMode::Signed(Signing::new(ring, purpose, 1)),
        };
        RawTokens { tokens }
    }

    /// Seals or signs `payload` as of `now`, to live for `lifetime`. Schema
    /// versions begin with 1.
    ///
    /// # Errors
    /// Every [`SealError`]; `Payload` for the schema version 0.
    pub fn make(
        &self,
        payload: &[u8],
        schema: u32,
        lifetime: Duration,
        now: UnixTime,
    ) -> Result<String, SealError> {
        if schema == 0 {
            return Err(PayloadError("schema versions begin with 1").into());
        }
        let mut token = String::new();
        let claims = Claims::new(now, lifetime, schema);
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(payload);
            Ok(())
        };
        match &self.tokens {
            EitherMode::Sealed(sealing) => sealing.make(now, claims, &mut token, write),
            EitherMode::Signed(signing) => signing.make(now, claims, &mut token, write),
        }?;
        Ok(token)
    }

    /// Opens or verifies a token without asking what time it is: it is
    /// authentic, and may be long expired.
    ///
    /// # Errors
    /// Steps 1 to 7 and 13 of spec section 7.
    pub fn authenticate(&self, token: impl AsRef<[u8]>) -> Result<RawToken, OpenError> {
        let mut buf = Zeroizing::new(Vec::new());
        let timeless = match &self.tokens {
            EitherMode::Sealed(sealing) => sealing.authenticate(token.as_ref(), &mut buf)?,
            EitherMode::Signed(signing) => signing.authenticate(token.as_ref(), &mut buf)?,
        };
        let Timeless { key_id, schedule, body } = timeless;
        body.check_padding()?;
        let claims = body.claims;
        Ok(RawToken {
            key_id,
            issued_at: claims.issued_at,
            expires_at: claims.issued_at + Duration::from_secs(claims.lifetime),
            schema: claims.schema,
            payload: Zeroizing::new(body.payload.to_vec()),
            open_until: schedule.open_until,
        })
    }
}

impl fmt::Debug for RawTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawTokens").finish_non_exhaustive()
    }
}

/// What an authentic token holds. Its `Debug` leaves the payload out.
#[non_exhaustive]
pub struct RawToken {
    /// The key that made it.
    pub key_id: KeyId,
    /// When it was made.
    pub issued_at: UnixTime,
    /// Its deadline: it opens before, and not at it.
    pub expires_at: UnixTime,
    /// The schema version of the payload.
    pub schema: u32,
    /// The payload's bytes.
    pub payload: Zeroizing<Vec<u8>>,
    open_until: Option<UnixTime>,
}

impl RawToken {
    /// Whether it opens at a time.
    ///
    /// # Errors
    /// Steps 8 to 10 of spec section 7: [`OpenError::RetiredKey`],
    /// [`OpenError::NotYetValid`], [`OpenError::Expired`].
    pub fn check_at(&self, now: UnixTime) -> Result<(), OpenError> {
        if self.open_until.is_some_and(|until| now >= until) {
            return Err(OpenError::RetiredKey(self.key_id));
        }
        if self.issued_at > now + wire::CLOCK_SKEW {
            return Err(OpenError::NotYetValid { issued_at: self.issued_at });
        }
        if now >= self.expires_at {
            return Err(OpenError::Expired { expires_at: self.expires_at });
        }
        Ok(())
    }
}

impl fmt::Debug for RawToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawToken")
            .field("key_id", &self.key_id)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

/// What anybody can see of a token: no key is needed, and nothing is checked
/// but its layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Visible {
    /// Sealed or signed.
    pub mode: Mode,
    /// The key that it names.
    pub unverified_key_id: KeyId,
    /// Bytes of the body, padding included.
    pub body_len: usize,
}

impl Visible {
    /// What can be seen of a token.
    ///
    /// # Errors
    /// Steps 1 to 4 of spec section 7.
    pub fn of(token: impl AsRef<[u8]>) -> Result<Visible, OpenError> {
        let token = token.as_ref();
        let signed = token.starts_with(Mode::Signed.prefix());
        let mode = if signed { Mode::Signed } else { Mode::Sealed };
        let mut buf = Vec::new();
        wire::decode(mode, token, MAX_TOKEN_LEN, &mut buf)?;
        let (unverified_key_id, body_len) = (wire::key_id(&buf), mode.body_len(token.len()));
        Ok(Visible { mode, unverified_key_id, body_len })
    }
}

/// Reads a signed token without a key: what anybody could have written.
///
/// # Errors
/// Steps 1 to 4, 7 and 13 of spec section 7.
pub fn read_unverified_raw(token: impl AsRef<[u8]>) -> Result<RawToken, OpenError> {
    let mut buf = Vec::new();
    let read = unverified(token.as_ref(), &mut buf)?;
    read.body.check_padding()?;
    Ok(RawToken {
        key_id: read.key_id,
        issued_at: read.body.claims.issued_at,
        expires_at: read.expires_at,
        schema: read.body.claims.schema,
        payload: Zeroizing::new(read.body.payload.to_vec()),
        open_until: None,
    })
}
