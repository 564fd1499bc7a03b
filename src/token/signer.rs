//! Typed tokens that the client may read: sign, verify, and read unverified.

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
/// Anybody can read a signed token; only holders of the key can make one. It
/// is for what a front end shows; the payload is usually JSON.
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
/// // On the client, which has no key and cannot know whether it is genuine:
/// let shown = read_unverified::<Profile>(&token)?;
/// assert_eq!(shown.unverified_payload.name, "Ada");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Signing is deterministic: the same value in the same second gives the same
/// token. A token has 51 characters and 4/3 of its body.
pub struct Signer<P> {
    values: Values<Signed, P>,
}

impl<P: Payload> Signer<P> {
    /// Tokens live for `lifetime`, in whole seconds, rounded down. Verifying
    /// enforces the smaller of this and the token's own lifetime.
    #[must_use]
    pub fn new(ring: impl Into<RingHandle>, lifetime: Duration) -> Signer<P> {
        Signer { values: Values::new(ring.into(), lifetime) }
    }

    /// Makes and accepts tokens of at most `len` characters, and never more
    /// than [`MAX_TOKEN_LEN`](crate::token::MAX_TOKEN_LEN).
    #[must_use]
    pub fn limited_to(self, len: usize) -> Signer<P> {
        Signer { values: self.values.limited_to(len) }
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
        self.values.make(payload, now)
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
        self.values.make_into(payload, now, token)
    }

    /// Verifies a token now.
    ///
    /// # Errors
    /// The first failing step of spec section 7, as an [`OpenError`]. Tell the
    /// client only that there is no valid token.
    pub fn verify(&self, token: impl AsRef<[u8]>) -> Result<Opened<P>, OpenError> {
        self.values.open(token.as_ref(), UnixTime::now)
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
        self.values.open(token.as_ref(), || now)
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
        self.values.open_in(token.as_ref(), now, buf)
    }
}

impl<P: Payload> fmt::Debug for Signer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.values.debug("Signer", f)
    }
}

/// What a signed token claims, **as anybody could have written it**.
///
/// Good for showing something to the client's own user, and for nothing that
/// matters: not the mac, not the deadline, not even the purpose was checked.
#[cfg(feature = "json")]
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
/// The payload's encoding must be JSON, or it does not compile: anybody can
/// write what is read here, and JSON alone has a limit to how deep it nests.
///
/// # Errors
/// [`OpenError`] for what is not laid out as a signed token (steps 1 to 4, 7
/// and 11 to 14 of spec section 7).
#[cfg(feature = "json")]
pub fn read_unverified<P: Payload>(token: impl AsRef<[u8]>) -> Result<Unverified<P>, OpenError> {
    const { assert!(all_json::<P>(), "only JSON is read unverified: encoding = \"json\"") };
    let mut buf = Vec::new();
    let read = owned(unverified(token.as_ref(), &mut buf)?)?;
    Ok(Unverified {
        unverified_payload: read.payload,
        unverified_issued_at: read.issued_at,
        unverified_expires_at: read.expires_at,
        unverified_key_id: read.key_id,
    })
}

/// Whether every shape of the chain is written as JSON.
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

    /// A shape of version `N`, as JSON or as postcard.
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

    /// The compiler asks it of every type that is read unverified.
    #[test]
    fn a_chain_is_json_when_each_of_its_shapes_is() {
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
