//! Typed tokens that the client cannot read: seal and open.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::keys::handle::RingHandle;
use crate::keys::key::KeyId;
use crate::time::UnixTime;
use crate::token::error::{OpenError, SealError};
use crate::token::payload::{self, Payload, Schema, View};
use crate::token::sealed::Sealing;
use crate::token::wipe::Buffer;
use crate::token::wire::{Authentic, Claims, MAX_TOKEN_LEN};

/// Seals values of one type into tokens and opens them again (spec sections 5 and 7).
///
/// ```
/// use std::time::Duration;
/// use bulla::{KeyRing, Payload, Sealer};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "shop.example/reset-link")]
/// struct Reset { account: u64 }
///
/// # let text = KeyRing::generate()?.expose_text();
/// let ring: KeyRing = text.parse()?;                  // std::env::var("BULLA_KEYS")?
/// let links = Sealer::<Reset>::new(&ring, Duration::from_secs(15 * 60));
/// let token = links.seal(&Reset { account: 42 })?;    // "b1.n6fA…"
/// let reset = links.open(&token)?;
/// assert_eq!(reset.payload.account, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Building one derives a subkey for each key of the ring; build it once and
/// share it. A token has 60 characters and 4/3 of its body: about 5 + 3 bytes
/// for the times, 1 for the schema version, 1 or 2 for the length, then the
/// payload and padding.
pub struct Sealer<P> {
    sealing: Sealing,
    lifetime: Duration,
    payload: PhantomData<fn() -> P>,
}

impl<P: Payload> Sealer<P> {
    /// Tokens live for `lifetime`, in whole seconds, rounded down.
    ///
    /// Opening enforces the smaller of this and the token's own lifetime, so a
    /// shorter setting takes effect at once and a longer one only on new tokens.
    #[must_use]
    pub fn new(ring: impl Into<RingHandle>, lifetime: Duration) -> Sealer<P> {
        const { payload::check::<P>() };
        let sealing = Sealing::new(ring.into(), P::PURPOSE.as_bytes(), 1);
        Sealer { sealing, lifetime, payload: PhantomData }
    }

    /// Pads bodies to a multiple of `bucket` bytes, so that lengths tell less
    /// of the content. 0 and 1, the default, pad nothing; sessions use 32.
    #[must_use]
    pub fn padded_to(mut self, bucket: u8) -> Sealer<P> {
        self.sealing.bucket = bucket;
        self
    }

    /// Makes and accepts tokens of at most `len` characters, and never more
    /// than [`MAX_TOKEN_LEN`].
    #[must_use]
    pub fn limited_to(mut self, len: usize) -> Sealer<P> {
        self.sealing.limit = len.min(MAX_TOKEN_LEN);
        self
    }

    /// Seals `payload` now, under the primary key.
    ///
    /// # Errors
    /// Every [`SealError`]; nothing is made then.
    pub fn seal(&self, payload: &P) -> Result<String, SealError> {
        self.seal_at(payload, UnixTime::now())
    }

    /// Seals as of `now`. See [`seal`](Sealer::seal).
    ///
    /// # Errors
    /// Every [`SealError`].
    pub fn seal_at(&self, payload: &P, now: UnixTime) -> Result<String, SealError> {
        let mut token = String::new();
        self.seal_into(payload, now, &mut token)?;
        Ok(token)
    }

    /// Seals as of `now` into `token`, whose content is replaced. A buffer that
    /// has grown once is enough: sealing then allocates nothing.
    ///
    /// # Errors
    /// Every [`SealError`]; `token` is empty then.
    pub fn seal_into(
        &self,
        payload: &P,
        now: UnixTime,
        token: &mut String,
    ) -> Result<(), SealError> {
        let claims = Claims::new(now, self.lifetime, P::VERSION);
        self.sealing.seal(now, claims, token, |out| payload::encode(payload, out))?;
        Ok(())
    }

    /// Opens a token now.
    ///
    /// # Errors
    /// The first failing step of spec section 7, as an [`OpenError`]. Tell the
    /// client only that there is no valid token.
    pub fn open(&self, token: impl AsRef<[u8]>) -> Result<Opened<P>, OpenError> {
        self.open_owned(token.as_ref(), UnixTime::now)
    }

    /// Opens as of `now`. See [`open`](Sealer::open).
    ///
    /// # Errors
    /// Every [`OpenError`].
    pub fn open_at(&self, token: impl AsRef<[u8]>, now: UnixTime) -> Result<Opened<P>, OpenError> {
        self.open_owned(token.as_ref(), || now)
    }

    /// Opens as of `now` in a buffer of the caller, from which the payload may
    /// borrow: no string is copied and, once the buffer has grown, nothing is
    /// allocated.
    ///
    /// A token of an older shape is refused as [`OpenError::RetiredSchema`]:
    /// there is nothing to borrow an upgraded value from. Use
    /// [`open_at`](Sealer::open_at) then. The buffer holds plaintext
    /// afterwards; give a `Zeroizing<Vec<u8>>` when that matters.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bulla::{KeyRing, Payload, Sealer, UnixTime};
    /// # use bulla::token::View;
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Serialize, Deserialize, Payload)]
    /// #[payload(purpose = "bank.example/session")]
    /// struct Account { id: u64, name: String }
    ///
    /// #[derive(Deserialize)]
    /// struct AccountView<'a> { id: u64, name: &'a str }
    ///
    /// impl<'a> View<'a> for AccountView<'a> {
    ///     type Of = Account;
    /// }
    ///
    /// let sealer = Sealer::<Account>::new(KeyRing::generate()?, Duration::from_secs(60));
    /// let token = sealer.seal(&Account { id: 7, name: "Ada".into() })?;
    /// let mut buf = Vec::new();
    /// let opened = sealer.open_in::<AccountView>(&token, UnixTime::now(), &mut buf)?;
    /// assert_eq!(opened.payload.name, "Ada");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Every [`OpenError`].
    pub fn open_in<'b, V: View<'b, Of = P>>(
        &self,
        token: impl AsRef<[u8]>,
        now: UnixTime,
        buf: &'b mut Vec<u8>,
    ) -> Result<Opened<V>, OpenError> {
        view(self.sealing.open(token.as_ref(), || now, self.lifetime, buf)?)
    }

    fn open_owned(
        &self,
        token: &[u8],
        now: impl FnOnce() -> UnixTime,
    ) -> Result<Opened<P>, OpenError> {
        let mut buf = Buffer::new();
        owned(self.sealing.open(token, now, self.lifetime, &mut buf)?)
    }
}

impl<P: Payload> fmt::Debug for Sealer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("purpose", &P::PURPOSE)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// What an authentic token within its deadlines holds.
///
/// Its `Debug` leaves the payload out.
#[non_exhaustive]
pub struct Opened<P> {
    /// The value that was sealed or signed, upgraded if its shape was older.
    pub payload: P,
    /// When the token was made.
    pub issued_at: UnixTime,
    /// Its deadline: it opens before, and not at it.
    pub expires_at: UnixTime,
    /// The key that made it.
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

/// Steps 11 to 14, for a value of its own.
pub(crate) fn owned<P: Payload>(authentic: Authentic<'_>) -> Result<Opened<P>, OpenError> {
    let Authentic { key_id, body, expires_at } = authentic;
    check_schema::<P>(body.claims.schema)?;
    body.check_padding()?;
    let payload = payload::decode(body.claims.schema, body.payload)?;
    Ok(Opened { payload, issued_at: body.claims.issued_at, expires_at, key_id })
}

/// Steps 11 to 14, for a value that borrows.
pub(crate) fn view<'b, V: View<'b>>(authentic: Authentic<'b>) -> Result<Opened<V>, OpenError> {
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

/// Steps 11 and 12.
pub(crate) fn check_schema<P: Payload>(version: u32) -> Result<(), OpenError> {
    match payload::schema::<P>(version) {
        Schema::Known => Ok(()),
        Schema::Newer => Err(OpenError::NewerSchema { version, newest: P::VERSION }),
        Schema::Retired => Err(OpenError::RetiredSchema { version }),
    }
}
