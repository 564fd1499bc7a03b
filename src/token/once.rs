//! Tokens that open only once, for reset links and invitations.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::time::UnixTime;
use crate::token::error::OpenError;
use crate::token::id::fingerprint;
use crate::token::payload::Payload;
use crate::token::sealer::Sealer;
use crate::token::values::Opened;
use crate::token::wire::CLOCK_SKEW;

/// The error of [`UsedTokens::claim`]. Its text goes to the log.
pub type ClaimError = Box<dyn std::error::Error + Send + Sync>;

/// A store of the tokens that have been used.
///
/// [`UsedHere`] is a store for one process, which forgets at a restart. `UsedInFile` (feature
/// `reload`) is a store for one server, and the crate `bulla-redis` contains a store for a fleet.
pub trait UsedTokens {
    /// Records that a token is used. Returns `true` if this is its first use.
    ///
    /// `fingerprint` identifies the token. If several callers claim the same token at the same
    /// time, exactly one of them must get `true`. The entry may be deleted after `until`.
    ///
    /// # Errors
    /// [`ClaimError`] if the store cannot be used. The token is then not opened.
    fn claim(&self, fingerprint: &[u8; 16], until: UnixTime) -> Result<bool, ClaimError>;
}

impl<U: UsedTokens + ?Sized> UsedTokens for &U {
    fn claim(&self, token: &[u8; 16], until: UnixTime) -> Result<bool, ClaimError> {
        (**self).claim(token, until)
    }
}

impl<U: UsedTokens + ?Sized> UsedTokens for Arc<U> {
    fn claim(&self, token: &[u8; 16], until: UnixTime) -> Result<bool, ClaimError> {
        (**self).claim(token, until)
    }
}

impl<P: Payload> Sealer<P> {
    /// Opens a token that this method has not opened yet.
    ///
    /// A second use of the token, or of a copy of it, is refused. The token counts as used even if
    /// the application fails after this method has returned, for example because its database is
    /// down. The user then needs a new link.
    ///
    /// How long a token stays used depends on the store. With [`UsedHere`], a link works once on
    /// each server, and again after a server restart. With `UsedInFile`, it works once on each
    /// server. If the link changes something in a database, a token can work once with any store:
    /// store a number in the database that each change increments, such as the
    /// generation of the password, and put the number into the token. Accept the token only if its
    /// number is still the one in the database.
    ///
    /// Mail scanners follow links too. Therefore show a page with a button, and open the token when
    /// the user presses the button.
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
    /// Any [`OnceError`]. Tell the client only that the link is not valid, or that it should try
    /// again later if the error is [`OnceError::Claim`].
    pub fn open_once(
        &self,
        token: impl AsRef<[u8]>,
        used: &(impl UsedTokens + ?Sized),
    ) -> Result<Opened<P>, OnceError> {
        self.open_once_at(token, used, UnixTime::now())
    }

    /// Like [`open_once`](Sealer::open_once), with `now` as the current time.
    ///
    /// # Errors
    /// Any [`OnceError`].
    pub fn open_once_at(
        &self,
        token: impl AsRef<[u8]>,
        used: &(impl UsedTokens + ?Sized),
        now: UnixTime,
    ) -> Result<Opened<P>, OnceError> {
        let token = token.as_ref();
        let opened = self.open_at(token, now).map_err(OnceError::Open)?;
        // The fingerprint identifies the token, because a token has only one text (spec section 4)
        // and a unique nonce.
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
    /// The token does not open.
    Open(OpenError),
    /// The token has already been used.
    Used,
    /// The store of used tokens failed.
    Claim(ClaimError),
}

impl fmt::Display for OnceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OnceError::Open(error) => error.fmt(f),
            OnceError::Used => f.write_str("the token has been used"),
            OnceError::Claim(error) => {
                write!(f, "cannot tell whether the token has been used: {error}")
            }
        }
    }
}

impl std::error::Error for OnceError {}

/// A store in memory of the tokens that were used in this process.
///
/// Other processes do not share it, and a server restart empties it. `UsedInFile` (feature `reload`)
/// is a store that survives restarts.
#[derive(Debug, Default)]
pub struct UsedHere {
    /// Fingerprints, with the time after which each may be deleted.
    claimed: Mutex<BTreeMap<[u8; 16], UnixTime>>,
}

/// Expired entries are deleted when the store has this many entries, and again at each larger power
/// of two.
const MAX_KEPT: usize = 1024;

impl UsedHere {
    /// Makes an empty store.
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
