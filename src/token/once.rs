//! Tokens that open once: reset links, invitations.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::time::UnixTime;
use crate::token::error::OpenError;
use crate::token::id::fingerprint;
use crate::token::payload::Payload;
use crate::token::sealer::Sealer;
use crate::token::values::Opened;
use crate::token::wire::CLOCK_SKEW;

/// What [`UsedTokens::claim`] fails with. Its text goes to the log.
pub type ClaimError = Box<dyn std::error::Error + Send + Sync>;

/// Where it is kept which tokens have been used: `bulla-redis` has one for a
/// fleet, [`UsedHere`] is for one process.
pub trait UsedTokens {
    /// Claims a token, by 16 bytes that say which: whether nobody has before.
    /// Of several who claim it at the same instant, one is told so. After
    /// `until` it may be forgotten.
    ///
    /// # Errors
    /// When nobody can tell. The token is not opened then.
    fn claim(&self, token: &[u8; 16], until: UnixTime) -> Result<bool, ClaimError>;
}

impl<P: Payload> Sealer<P> {
    /// Opens a token that nobody has opened before, now. Following a link
    /// twice, or a copy of it, opens nothing.
    ///
    /// A mail scanner follows links, too: show a page with a button, and open
    /// the token when it is pressed.
    ///
    /// ```
    /// use std::time::Duration;
    /// use bulla::{KeyRing, Payload, Sealer};
    /// use bulla::token::{OnceError, UsedHere};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Payload)]
    /// #[payload(purpose = "shop.example/reset-link")]
    /// struct Reset { account: u64 }
    ///
    /// let links = Sealer::<Reset>::new(KeyRing::generate()?, Duration::from_secs(900));
    /// let used = UsedHere::new();
    /// let token = links.seal(&Reset { account: 42 })?;
    /// assert_eq!(links.open_once(&token, &used)?.payload.account, 42);
    /// assert!(matches!(links.open_once(&token, &used), Err(OnceError::Used)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OnceError`]. Tell the client only that the link is not valid.
    pub fn open_once(
        &self,
        token: impl AsRef<[u8]>,
        used: &(impl UsedTokens + ?Sized),
    ) -> Result<Opened<P>, OnceError> {
        self.open_once_at(token, used, UnixTime::now())
    }

    /// Opens as of `now`. See [`open_once`](Sealer::open_once).
    ///
    /// # Errors
    /// [`OnceError`].
    pub fn open_once_at(
        &self,
        token: impl AsRef<[u8]>,
        used: &(impl UsedTokens + ?Sized),
        now: UnixTime,
    ) -> Result<Opened<P>, OnceError> {
        let token = token.as_ref();
        let opened = self.open_at(token, now).map_err(OnceError::Open)?;
        // A token has one spelling (spec section 4), and its nonce makes it unique.
        let until = opened.expires_at + CLOCK_SKEW;
        match used.claim(&fingerprint(token), until) {
            Ok(true) => Ok(opened),
            Ok(false) => Err(OnceError::Used),
            Err(error) => Err(OnceError::Claim(error)),
        }
    }
}

/// Why a token that opens once was refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum OnceError {
    /// It does not open at all.
    Open(OpenError),
    /// It has been opened before.
    Used,
    /// Nobody can tell whether it has.
    Claim(ClaimError),
}

impl fmt::Display for OnceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OnceError::Open(error) => error.fmt(f),
            OnceError::Used => f.write_str("the token has been used"),
            OnceError::Claim(error) => {
                write!(f, "whether the token has been used is not known: {error}")
            }
        }
    }
}

impl std::error::Error for OnceError {}

/// The tokens that were used in this process. Another process, and this one
/// after a restart, does not know them: best effort, for one server.
#[derive(Debug, Default)]
pub struct UsedHere {
    /// By the time after which they are forgotten.
    claimed: Mutex<BTreeMap<[u8; 16], UnixTime>>,
}

/// From this many on, what is over is forgotten.
const MAX_KEPT: usize = 1024;

impl UsedHere {
    /// None yet.
    #[must_use]
    pub fn new() -> UsedHere {
        UsedHere::default()
    }
}

impl UsedTokens for UsedHere {
    fn claim(&self, token: &[u8; 16], until: UnixTime) -> Result<bool, ClaimError> {
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        if claimed.len() >= MAX_KEPT && claimed.len().is_power_of_two() {
            let now = UnixTime::now();
            claimed.retain(|_, until| *until > now);
        }
        Ok(claimed.insert(*token, until).is_none())
    }
}
