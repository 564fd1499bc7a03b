//! Typed tokens that the client cannot read: seal and open.

use std::fmt;
use std::time::Duration;

use crate::keys::handle::RingHandle;
use crate::time::UnixTime;
use crate::token::error::{OpenError, SealError};
use crate::token::payload::{Payload, View};
use crate::token::sealed::Sealed;
use crate::token::values::{Opened, Values};

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
    values: Values<Sealed, P>,
}

impl<P: Payload> Sealer<P> {
    /// Tokens live for `lifetime`, in whole seconds, rounded down.
    ///
    /// Opening enforces the smaller of this and the token's own lifetime, so a
    /// shorter setting takes effect at once and a longer one only on new tokens.
    #[must_use]
    pub fn new(ring: impl Into<RingHandle>, lifetime: Duration) -> Sealer<P> {
        Sealer { values: Values::new(ring.into(), lifetime) }
    }

    /// Pads bodies to a multiple of `bucket` bytes, so that lengths tell less
    /// of the content. 0 and 1, the default, pad nothing; sessions use 32.
    #[must_use]
    pub fn padded_to(self, bucket: u8) -> Sealer<P> {
        Sealer { values: self.values.padded_to(bucket) }
    }

    /// Makes and accepts tokens of at most `len` characters, and never more
    /// than [`MAX_TOKEN_LEN`](crate::token::MAX_TOKEN_LEN).
    #[must_use]
    pub fn limited_to(self, len: usize) -> Sealer<P> {
        Sealer { values: self.values.limited_to(len) }
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
        self.values.make(payload, now)
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
        self.values.make_into(payload, now, token)
    }

    /// Opens a token now.
    ///
    /// # Errors
    /// The first failing step of spec section 7, as an [`OpenError`]. Tell the
    /// client only that there is no valid token.
    pub fn open(&self, token: impl AsRef<[u8]>) -> Result<Opened<P>, OpenError> {
        self.values.open(token.as_ref(), UnixTime::now)
    }

    /// Opens as of `now`. See [`open`](Sealer::open).
    ///
    /// # Errors
    /// Every [`OpenError`].
    pub fn open_at(&self, token: impl AsRef<[u8]>, now: UnixTime) -> Result<Opened<P>, OpenError> {
        self.values.open(token.as_ref(), || now)
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
        self.values.open_in(token.as_ref(), now, buf)
    }
}

impl<P: Payload> fmt::Debug for Sealer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.values.debug("Sealer", f)
    }
}
