//! The settings of sessions that are bound to a device, for each channel. Only code of the feature
//! `bound` makes values of these types.

use std::time::Duration;

use crate::session::challenge::Challenges;
use crate::time::UnixTime;
#[cfg(feature = "bound")]
use crate::token::once::UsedTokens;

/// The settings that both channels have.
pub(crate) struct Binding {
    /// How long a proof counts.
    pub(crate) proof_lifetime: Duration,
    /// How long after its start a session is accepted without being bound. `None` means until its
    /// end.
    pub(crate) require_after: Option<Duration>,
    pub(crate) challenges: Challenges,
}

impl Binding {
    /// Whether a proof from `at` counts at `now`.
    pub(crate) fn counts(&self, at: UnixTime, now: UnixTime) -> bool {
        now < at + self.proof_lifetime
    }

    /// Whether a session that started then must have a key at `now`.
    pub(crate) fn requires_key(&self, started_at: UnixTime, now: UnixTime) -> bool {
        self.require_after.is_some_and(|after| now >= started_at + after)
    }
}

/// The settings of sessions in a cookie, which browsers bind.
pub(crate) struct InCookie {
    pub(crate) binding: Binding,
    /// The path to which a browser sends its key.
    pub(crate) register_path: String,
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

/// The settings of sessions in headers, which clients bind with DPoP.
pub(crate) struct InHeaders {
    pub(crate) binding: Binding,
    /// The addresses under which clients reach the application. The path of a request is appended
    /// to them.
    #[cfg(feature = "bound")]
    pub(crate) addresses: Vec<String>,
    /// The proofs that were used.
    #[cfg(feature = "bound")]
    pub(crate) used: Box<dyn UsedTokens + Send + Sync>,
}
