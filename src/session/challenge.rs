//! Bound sessions: their settings, and challenges, which are sealed tokens that a device signs with
//! its key (spec section 9.5).
//!
//! A challenge needs no store: it names the session, and contains the time at which it was made.

use std::time::Duration;

use crate::time::UnixTime;
use crate::token::error::SealError;
use crate::token::id::SessionId;
use crate::token::sealed::Sealing;
use crate::token::wire::Claims;

/// The schema version of a challenge.
pub(crate) const CHALLENGE_SCHEMA: u32 = 1;

/// The settings and the keys of sessions that are bound to a device. Only code of the feature
/// `bound` makes a value of this type.
pub(crate) struct Binding {
    /// How long a proof counts.
    pub(crate) proof_lifetime: Duration,
    /// How long after its start a session is accepted without being bound. `None` means until its
    /// end.
    pub(crate) require_after: Option<Duration>,
    /// The path to which a browser sends its key.
    pub(crate) register_path: String,
    pub(crate) challenges: Sealing,
    #[cfg(feature = "bound")]
    pub(crate) instructions: Instructions,
}

/// What a browser is told when it registers a key.
#[cfg(feature = "bound")]
pub(crate) struct Instructions {
    pub(crate) refresh_path: String,
    pub(crate) scope: Scope,
    /// The paths whose requests need no proof.
    pub(crate) excluded: Vec<String>,
}

/// The hosts whose requests a browser holds back until it has sent a proof.
#[cfg(feature = "bound")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Origin,
    Site,
}

/// What a challenge is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    Proof,
    /// The session has ended. The browser gets this challenge with the sign-out, and sends it back
    /// with its next proof. Then the server knows, without cookies, that the session is over.
    Nothing,
}

impl Binding {
    /// Makes a challenge at `now`. It can be opened until the session ends, which is after `life`.
    pub(crate) fn challenge(
        &self,
        origin: SessionId,
        asks: Asks,
        now: UnixTime,
        life: Duration,
    ) -> Result<String, SealError> {
        let mut token = String::new();
        let claims = Claims::new(now, life, CHALLENGE_SCHEMA);
        self.challenges.make(now, claims, &mut token, |out| {
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
