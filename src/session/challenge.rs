//! Challenges: sealed tokens that a device signs with its key (spec section 9.5).
//!
//! A challenge needs no store: it names the session, and contains the time at which it was made.

use std::time::Duration;

#[cfg(feature = "bound")]
use crate::keys::handle::RingHandle;
use crate::time::UnixTime;
use crate::token::error::SealError;
use crate::token::id::SessionId;
#[cfg(feature = "bound")]
use crate::token::sealed::BUCKET;
use crate::token::sealed::Sealing;
use crate::token::wire::Claims;

/// The schema version of a challenge.
const SCHEMA: u32 = 1;

/// The challenges of one channel.
pub(crate) struct Challenges(Sealing);

/// What a challenge is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    Proof,
    /// The session has ended. The browser gets this challenge with the sign-out, and sends it back
    /// with its next proof. Then the server knows, without cookies, that the session is over.
    Nothing,
}

impl Challenges {
    /// `channel` is the channel string of spec section 9.
    #[cfg(feature = "bound")]
    pub(crate) fn new(ring: RingHandle, purpose: &str, channel: &[u8]) -> Challenges {
        let purpose = [purpose.as_bytes(), b"challenge", channel].join(&0);
        Challenges(Sealing::new(ring, &purpose, BUCKET))
    }

    /// Makes a challenge at `now`. It can be opened until the session ends, which is after `life`.
    pub(crate) fn make(
        &self,
        origin: SessionId,
        asks: Asks,
        now: UnixTime,
        life: Duration,
    ) -> Result<String, SealError> {
        let mut token = String::new();
        self.0.make(now, Claims::new(now, life, SCHEMA), &mut token, |out| {
            out.extend_from_slice(origin.as_bytes());
            out.push(match asks {
                Asks::Proof => 0,
                Asks::Nothing => 1,
            });
            Ok(())
        })?;
        Ok(token)
    }
}

#[cfg(feature = "bound")]
pub(crate) use self::opening::Challenge;

#[cfg(feature = "bound")]
mod opening {
    use std::time::Duration;

    use super::{Asks, Challenges, SCHEMA};
    use crate::time::UnixTime;
    use crate::token::error::OpenError;
    use crate::token::id::{ID_LEN, SessionId};
    use crate::token::payload::PayloadError;
    use crate::token::wipe::Buffer;

    /// A challenge that a device has signed.
    pub(crate) struct Challenge {
        /// The id under which the session started.
        pub(crate) origin: SessionId,
        pub(crate) asks: Asks,
        pub(crate) issued_at: UnixTime,
    }

    impl Challenges {
        /// Opens a challenge. `Expired` means that its session has ended.
        pub(crate) fn open(&self, token: &[u8], now: UnixTime) -> Result<Challenge, OpenError> {
            let mut buf = Buffer::new();
            let opened = self.0.open(token, || now, Duration::MAX, &mut buf)?;
            let claims = opened.body.claims;
            if claims.schema > SCHEMA {
                return Err(OpenError::NewerSchema { version: claims.schema, newest: SCHEMA });
            }
            opened.body.check_padding()?;
            let malformed = || PayloadError("a challenge does not have 17 bytes");
            let (id, rest) =
                opened.body.payload.split_first_chunk::<ID_LEN>().ok_or_else(malformed)?;
            let asks = match rest {
                [0] => Asks::Proof,
                [1] => Asks::Nothing,
                _ => return Err(malformed().into()),
            };
            let (origin, issued_at) = (SessionId::from_bytes(*id), claims.issued_at);
            Ok(Challenge { origin, asks, issued_at })
        }
    }
}
