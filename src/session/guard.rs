//! What a guard asks of a session, and what it answers when that is not so.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::session::error::SessionError;
use crate::session::info::Status;
use crate::session::judge::Refusal;
use crate::session::session::Session;
use crate::session::shared::Channel;
use crate::token::payload::Payload;

impl<T: Payload> Session<T> {
    /// The state, or what a guard answers when there is none.
    ///
    /// # Errors
    /// [`Denied`], which becomes a response.
    pub fn require(&self) -> Result<Arc<T>, Denied> {
        if let Some(state) = self.get() {
            return Ok(state);
        }
        let page = self.shared().sign_in_page.as_deref();
        Err(match self.status() {
            Status::Refused(Refusal::NotRevalidated) => Denied::not_now(),
            _ => Denied::sign_in(self.channel(), page),
        })
    }

    /// The state, if the list of revocations was complete within `age`: for
    /// what must not be done with a session that was ended elsewhere while this
    /// server was cut off from the others. See
    /// [`Revocations::confirmed_at`](crate::Revocations::confirmed_at). Without
    /// [`revocations`](crate::session::SessionsBuilder::revocations), or with a list that
    /// nobody spreads, it is [`require`](Session::require).
    ///
    /// # Errors
    /// [`Denied`], which becomes a response.
    pub fn require_current(&self, age: Duration) -> Result<Arc<T>, Denied> {
        let state = self.require()?;
        let list = self.shared().revocations.as_ref();
        if list.is_some_and(|list| !list.is_current(self.now(), age)) {
            return Err(Denied::not_now());
        }
        Ok(state)
    }

    /// The state, if the user has proved who they are within `age`.
    ///
    /// # Errors
    /// [`Denied`], which becomes a response.
    pub fn require_fresh(&self, age: Duration) -> Result<Arc<T>, Denied> {
        let state = self.require()?;
        let proved_at = self.info().map(|info| info.reauthenticated_at);
        if proved_at.is_none_or(|at| self.now().since(at) > age) {
            let page = self.shared().step_up_page.as_deref();
            return Err(Denied::step_up(self.channel(), page, age));
        }
        Ok(state)
    }
}

/// The answer of [`Session::require`], [`require_fresh`](Session::require_fresh)
/// and [`require_current`](Session::require_current): the same for every reason,
/// so that a client cannot tell a forged token from an expired one.
///
/// | asked for | browser, page configured | browser | bearer |
/// |---|---|---|---|
/// | a session | 303 to the sign-in page | 401 | 401, `WWW-Authenticate: Bearer` |
/// | a fresh one | 303 to the step-up page | 401 | 401, `Bearer error="insufficient_user_authentication", max_age=…` (RFC 9470) |
///
/// What this server cannot tell now (the list of revocations is too old, or
/// [`Validity::Unknown`](crate::session::Validity::Unknown)) is a 503 with `Retry-After`,
/// and costs nobody a session.
///
/// As an error, its text is the response's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    status: u16,
    header: Option<(&'static str, String)>,
    body: &'static str,
}

impl Denied {
    pub(crate) fn sign_in(channel: Channel, page: Option<&str>) -> Denied {
        Denied::new(channel, page, "Bearer".to_owned(), "Sign in first.")
    }

    pub(crate) fn step_up(channel: Channel, page: Option<&str>, age: Duration) -> Denied {
        let challenge =
            format!("Bearer error=\"insufficient_user_authentication\", max_age={}", age.as_secs());
        Denied::new(channel, page, challenge, "Sign in again to do this.")
    }

    /// The client may be in the right: this server cannot tell.
    fn not_now() -> Denied {
        let header = Some(("retry-after", "5".to_owned()));
        Denied { status: 503, header, body: "Try again in a moment." }
    }

    fn new(channel: Channel, page: Option<&str>, challenge: String, body: &'static str) -> Denied {
        match (channel, page) {
            (Channel::Cookie, Some(page)) => {
                Denied { status: 303, header: Some(("location", page.to_owned())), body }
            }
            (Channel::Cookie, None) => Denied { status: 401, header: None, body },
            (Channel::Bearer, _) => {
                Denied { status: 401, header: Some(("www-authenticate", challenge)), body }
            }
        }
    }

    /// The status of the response: 303, 401 or 503.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header of the response: its name in lower case, and its value.
    #[must_use]
    pub fn header(&self) -> Option<(&'static str, &str)> {
        self.header.as_ref().map(|(name, value)| (*name, value.as_str()))
    }
}

impl SessionError {
    /// The answer to a client that has no session to change, or to whom this
    /// server cannot tell now; `None` for what is an opaque 500. Adapters answer
    /// so by themselves.
    #[must_use]
    pub fn denied(&self) -> Option<Denied> {
        match self {
            // Which channel it came over is not known here. A browser shows
            // nothing for the challenge.
            SessionError::NoSession => Some(Denied::sign_in(Channel::Bearer, None)),
            SessionError::NotNow => Some(Denied::not_now()),
            _ => None,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.body)
    }
}

impl std::error::Error for Denied {}
