//! Signing, verifying and reading values of one type.

use std::fmt;
use std::time::Duration;

use crate::keys::handle::RingHandle;
#[cfg(feature = "json")]
use crate::keys::key::KeyId;
use crate::time::UnixTime;
use crate::token::error::{OpenError, SealError};
#[cfg(feature = "json")]
use crate::token::payload::Encoding;
use crate::token::payload::{Payload, View};
use crate::token::signed::Signed;
#[cfg(feature = "json")]
use crate::token::signed::unverified;
#[cfg(feature = "json")]
use crate::token::values::owned;
use crate::token::values::{Opened, Values};

/// Signs values of one type into tokens and verifies them (spec sections 6 and 7).
///
/// Anyone can read a signed token, but only a server that has the key ring can make one. Use signed
/// tokens for values that a front end shows, usually with the encoding JSON.
///
/// ```
/// use std::time::Duration;
/// use bulla::{KeyRing, Payload, Signer};
/// use bulla::token::read_unverified;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "shop.example/profile", encoding = "json")]
/// struct Profile { name: String }
///
/// let profiles = Signer::<Profile>::new(KeyRing::generate()?, Duration::from_secs(3600));
/// let token = profiles.sign(&Profile { name: "Ada".into() })?;    // "s1.n6fA…"
/// assert_eq!(profiles.verify(&token)?.payload.name, "Ada");
///
/// // On the client, which has no key and cannot verify the token:
/// let shown = read_unverified::<Profile>(&token)?;
/// assert_eq!(shown.unverified_payload.name, "Ada");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Signing is deterministic: signing the same value under the same primary key within the same
/// second gives the same token.
///
/// The length of a token is 51 characters plus 4/3 of its body in bytes. See [`Sealer`] for the
/// layout of a body.
///
/// [`Sealer`]: crate::Sealer
pub struct Signer<P> {
    values: Values<Signed, P>,
}

impl<P: Payload> Signer<P> {
    /// Makes a signer whose tokens live for `lifetime`, rounded down to whole seconds.
    ///
    /// Verifying enforces the smaller of `lifetime` and the lifetime in the token.
    #[must_use]
    pub fn new(ring: impl Into<RingHandle>, lifetime: Duration) -> Signer<P> {
        Signer { values: Values::new(ring.into(), lifetime) }
    }

    /// Limits tokens to `len` characters. Longer tokens are neither made nor accepted.
    ///
    /// The limit is never above [`MAX_TOKEN_LEN`](crate::token::MAX_TOKEN_LEN), the default.
    #[must_use]
    pub fn limited_to(self, len: usize) -> Signer<P> {
        Signer { values: self.values.limited_to(len) }
    }

    /// Signs `payload` under the primary key.
    ///
    /// # Errors
    /// Any [`SealError`] except `Random`.
    pub fn sign(&self, payload: &P) -> Result<String, SealError> {
        self.sign_at(payload, UnixTime::now())
    }

    /// Like [`sign`](Signer::sign), with `now` as the current time.
    ///
    /// # Errors
    /// Any [`SealError`] except `Random`.
    pub fn sign_at(&self, payload: &P, now: UnixTime) -> Result<String, SealError> {
        self.values.make(payload, now)
    }

    /// Like [`sign_at`](Signer::sign_at), but replaces the content of `token`.
    ///
    /// # Errors
    /// Any [`SealError`] except `Random`. `token` is then empty.
    pub fn sign_into(
        &self,
        payload: &P,
        now: UnixTime,
        token: &mut String,
    ) -> Result<(), SealError> {
        self.values.make_into(payload, now, token)
    }

    /// Verifies a token.
    ///
    /// # Errors
    /// [`OpenError`] for the first step of spec section 7 that fails. Tell the client only that it
    /// has no valid token.
    pub fn verify(&self, token: impl AsRef<[u8]>) -> Result<Opened<P>, OpenError> {
        self.values.open(token.as_ref(), UnixTime::now)
    }

    /// Like [`verify`](Signer::verify), with `now` as the current time.
    ///
    /// # Errors
    /// Any [`OpenError`].
    pub fn verify_at(
        &self,
        token: impl AsRef<[u8]>,
        now: UnixTime,
    ) -> Result<Opened<P>, OpenError> {
        self.values.open(token.as_ref(), || now)
    }

    /// Verifies a token in a buffer, from which the payload can borrow.
    ///
    /// See [`Sealer::open_in`](crate::Sealer::open_in).
    ///
    /// # Errors
    /// Any [`OpenError`].
    pub fn verify_in<'b, V: View<'b, Of = P>>(
        &self,
        token: impl AsRef<[u8]>,
        now: UnixTime,
        buf: &'b mut Vec<u8>,
    ) -> Result<Opened<V>, OpenError> {
        self.values.open_in(token.as_ref(), now, buf)
    }
}

impl<P: Payload> fmt::Debug for Signer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.values.debug("Signer", f)
    }
}

/// The content of a signed token that **was not verified**.
///
/// Anyone could have written it. The MAC, the deadline and the purpose were not checked. Use the
/// content only to show values to the client's own user.
#[cfg(feature = "json")]
#[derive(Debug)]
#[non_exhaustive]
pub struct Unverified<P> {
    /// The payload that the token claims to hold.
    pub unverified_payload: P,
    /// The time at which the token claims to have been issued.
    pub unverified_issued_at: UnixTime,
    /// The time at which the token claims to expire.
    pub unverified_expires_at: UnixTime,
    /// The key with which the token claims to have been made.
    pub unverified_key_id: KeyId,
}

/// Reads a signed token without a key and without verifying it.
///
/// If the encoding of the payload is not JSON, the call does not compile. The input may come from
/// an attacker, and only the JSON decoder limits how deeply values can be nested.
///
/// # Errors
/// [`OpenError`] if the text does not have the layout of a signed token with this payload (steps 1
/// to 4, 7 and 11 to 14 of spec section 7).
#[cfg(feature = "json")]
pub fn read_unverified<P: Payload>(token: impl AsRef<[u8]>) -> Result<Unverified<P>, OpenError> {
    const { assert!(all_json::<P>(), "only JSON can be read unverified: encoding = \"json\"") };
    let mut buf = Vec::new();
    let read = owned(unverified(token.as_ref(), &mut buf)?)?;
    Ok(Unverified {
        unverified_payload: read.payload,
        unverified_issued_at: read.issued_at,
        unverified_expires_at: read.expires_at,
        unverified_key_id: read.key_id,
    })
}

/// Whether every version in the chain is encoded as JSON.
#[cfg(feature = "json")]
const fn all_json<P: Payload>() -> bool {
    P::VERSION == 0 || (matches!(P::ENCODING, Encoding::Json) && all_json::<P::Previous>())
}

#[cfg(feature = "json")]
#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::token::payload::NoPrevious;

    /// A payload type of version `N`, encoded as JSON or postcard.
    #[derive(Serialize, Deserialize)]
    struct Shape<const N: u32, const JSON: bool, Previous>(PhantomData<Previous>);

    impl<const N: u32, const JSON: bool, P: Payload> Payload for Shape<N, JSON, P> {
        const PURPOSE: &'static str = "shop.example/profile";
        const VERSION: u32 = N;
        const ENCODING: Encoding = if JSON { Encoding::Json } else { Encoding::Postcard };
        type Previous = P;

        fn upgrade(_: P) -> Self {
            Shape(PhantomData)
        }
    }

    /// The check that this test calls runs at compile time for every type that is read unverified.
    #[test]
    fn a_chain_is_json_only_if_every_version_is() {
        type First<const JSON: bool> = Shape<1, JSON, NoPrevious>;
        let table = [
            (all_json::<First<true>>(), true),
            (all_json::<First<false>>(), false),
            (all_json::<Shape<2, true, First<true>>>(), true),
            (all_json::<Shape<2, true, First<false>>>(), false),
            (all_json::<Shape<2, false, First<true>>>(), false),
        ];
        for (row, (found, all)) in table.into_iter().enumerate() {
            assert_eq!(found, all, "row {row}");
        }
    }
}
