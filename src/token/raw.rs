//! Tokens for tools: the payload is raw bytes, and the purpose is chosen at run time.

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

/// Makes and opens tokens whose payload is raw bytes instead of a Rust type, and whose purpose is
/// chosen at run time.
///
/// This type is for tools. Applications use [`Sealer`](crate::Sealer) and
/// [`Signer`](crate::Signer), which make the same tokens.
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
    /// Makes and opens tokens of one mode and purpose.
    ///
    /// The purpose can contain zero bytes. For example, the purposes of a session's two tokens have
    /// several parts that are joined by zero bytes (spec section 9).
    #[must_use]
    pub fn new(ring: impl Into<RingHandle>, mode: Mode, purpose: impl AsRef<[u8]>) -> RawTokens {
        let (ring, purpose) = (ring.into(), purpose.as_ref());
        let tokens = match mode {
            Mode::Sealed => EitherMode::Sealed(Sealing::new(ring, purpose, 1)),
            Mode::Signed => EitherMode::Signed(Signing::new(ring, purpose, 1)),
        };
        RawTokens { tokens }
    }

    /// Seals or signs `payload`, with `now` as the current time.
    ///
    /// # Errors
    /// Any [`SealError`]. If `schema` is 0, the error is [`SealError::Payload`], because schema
    /// versions begin at 1.
    pub fn make(
        &self,
        payload: &[u8],
        schema: u32,
        lifetime: Duration,
        now: UnixTime,
    ) -> Result<String, SealError> {
        if schema == 0 {
            return Err(PayloadError("schema versions begin at 1").into());
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

    /// Opens or verifies a token without checking the time.
    ///
    /// The token is authentic, but it may have expired. [`RawToken::check_at`] checks the time.
    ///
    /// # Errors
    /// [`OpenError`] if one of the steps 1 to 7 and 13 of spec section 7 fails.
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

/// The content of a token that [`RawTokens`] has opened, or that [`read_unverified_raw`] has read
/// without a key. `Debug` does not show the payload.
#[non_exhaustive]
pub struct RawToken {
    /// The key with which the token was made.
    pub key_id: KeyId,
    /// When the token was issued.
    pub issued_at: UnixTime,
    /// The deadline. The token is refused from this second on.
    pub expires_at: UnixTime,
    /// The schema version of the payload.
    pub schema: u32,
    /// The payload's bytes.
    pub payload: Zeroizing<Vec<u8>>,
    open_until: Option<UnixTime>,
}

impl RawToken {
    /// Checks that the token is valid at `now`: steps 8 to 10 of spec section 7.
    ///
    /// # Errors
    /// [`OpenError::RetiredKey`], [`OpenError::NotYetValid`] or [`OpenError::Expired`].
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

/// The parts of a token that can be read without a key. Only the layout was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Visible {
    /// Whether the token is sealed or signed.
    pub mode: Mode,
    /// The key with which the token claims to have been made.
    pub unverified_key_id: KeyId,
    /// The length of the body in bytes, with padding.
    pub body_len: usize,
}

impl Visible {
    /// Reads the visible parts of a token.
    ///
    /// # Errors
    /// [`OpenError`] if one of the steps 1 to 4 of spec section 7 fails.
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

/// Reads a signed token without a key and without verifying it.
///
/// Anyone could have written the content.
///
/// # Errors
/// [`OpenError`] if one of the steps 1 to 4, 7 and 13 of spec section 7 fails.
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
