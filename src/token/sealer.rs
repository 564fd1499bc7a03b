//! Sealing and opening values of one type.

use std::fmt;
use std::time::Duration;

use crate::keys::handle::RingHandle;
use crate::time::UnixTime;
use crate::token::error::{OpenError, SealError};
use crate::token::payload::{Payload, View};
use crate::token::sealed::Sealed;
use crate::token::values::{Opened, Values};

/// Seals values of one type into tokens and opens these tokens (spec sections 5 and 7).
///
/// The client can neither read nor change a sealed token.
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
/// `new` derives a subkey from each key of the ring, so make a sealer once and share it, for example
/// in an `Arc`.
///
/// The length of a token is 62 characters plus 4/3 of its body in bytes. The body has about 5
/// bytes for the time of issue, 3 for the lifetime, 1 for the schema version, and 1 or 2 for the
/// length of the payload, followed by the payload and the padding.
pub struct Sealer<P> {
    values: Values<Sealed, P>,
}

impl<P: Payload> Sealer<P> {
    /// Makes a sealer whose tokens live for `lifetime`, rounded down to whole seconds.
    ///
    /// Opening enforces the smaller of `lifetime` and the lifetime in the token. A shorter setting
    /// therefore takes effect at once, and a longer one only for new tokens.
    #[must_use]
    pub fn new(ring: impl Into<RingHandle>, lifetime: Duration) -> Sealer<P> {
        Sealer { values: Values::new(ring.into(), lifetime) }
    }

    /// Pads bodies to a multiple of `bucket` bytes, so that the length of a token reveals less
    /// about its content.
    ///
    /// The default of 1 adds no padding, and neither does 0. Sessions use 32.
    #[must_use]
    pub fn padded_to(self, bucket: u8) -> Sealer<P> {
        Sealer { values: self.values.padded_to(bucket) }
    }

    /// Limits tokens to `len` characters. Longer tokens are neither made nor accepted.
    ///
    /// The limit is never above [`MAX_TOKEN_LEN`](crate::token::MAX_TOKEN_LEN), the default.
    #[must_use]
    pub fn limited_to(self, len: usize) -> Sealer<P> {
        Sealer { values: self.values.limited_to(len) }
    }

    /// Seals `payload` under the primary key.
    ///
    /// # Errors
    /// Any [`SealError`].
    pub fn seal(&self, payload: &P) -> Result<String, SealError> {
        self.seal_at(payload, UnixTime::now())
    }

    /// Like [`seal`](Sealer::seal), with `now` as the current time.
    ///
    /// # Errors
    /// Any [`SealError`].
    pub fn seal_at(&self, payload: &P, now: UnixTime) -> Result<String, SealError> {
        self.values.make(payload, now)
    }

    /// Like [`seal_at`](Sealer::seal_at), but replaces the content of `token`.
    ///
    /// Once `token` has enough capacity, sealing allocates no memory.
    ///
    /// # Errors
    /// Any [`SealError`]. `token` is then empty.
    pub fn seal_into(
        &self,
        payload: &P,
        now: UnixTime,
        token: &mut String,
    ) -> Result<(), SealError> {
        self.values.make_into(payload, now, token)
    }

    /// Opens a token.
    ///
    /// # Errors
    /// [`OpenError`] for the first step of spec section 7 that fails. Tell the client only that it
    /// has no valid token.
    pub fn open(&self, token: impl AsRef<[u8]>) -> Result<Opened<P>, OpenError> {
        self.values.open(token.as_ref(), UnixTime::now)
    }

    /// Like [`open`](Sealer::open), with `now` as the current time.
    ///
    /// # Errors
    /// Any [`OpenError`].
    pub fn open_at(&self, token: impl AsRef<[u8]>, now: UnixTime) -> Result<Opened<P>, OpenError> {
        self.values.open(token.as_ref(), || now)
    }

    /// Opens a token in a buffer, from which the payload can borrow.
    ///
    /// No strings are copied, and once the buffer has enough capacity, opening allocates no memory.
    ///
    /// A token of an older schema version is refused with [`OpenError::RetiredSchema`], because an
    /// upgraded value cannot borrow from the buffer. Use [`open_at`](Sealer::open_at) for such
    /// tokens. The buffer contains plaintext afterwards. Pass a `Zeroizing<Vec<u8>>` if the
    /// plaintext must be wiped.
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
    /// Any [`OpenError`].
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
