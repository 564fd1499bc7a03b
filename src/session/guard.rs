//! Guards: checks of the session that must succeed before a handler runs, and the responses if they
//! fail.

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
    /// Returns the state, if there is a session.
    ///
    /// # Errors
    /// [`Denied`], the response for a request without a session.
    pub fn require(&self) -> Result<Arc<T>, Denied> {
        if let Some(state) = self.get() {
            return Ok(state);
        }
        let page = self.shared().sign_in_page.as_deref();
        Err(match self.status() {
            Status::Refused(Refusal::NotRevalidated) => Denied::not_now(),
            Status::Refused(Refusal::CrossOrigin) => Denied::cross_origin(),
            _ => Denied::sign_in(self.channel(), page),
        })
    }

    /// Returns the state, if the revocation list was complete within `age`.
    ///
    /// A session may have been ended on another server while this server could not reach the
    /// others. Use this method for actions that must not be possible with such a session. See
    /// [`Revocations::confirmed_at`](crate::Revocations::confirmed_at). Without
    /// [`revocations`](crate::session::SessionsBuilder::revocations), or if the list is never
    /// confirmed, this method does the same as [`require`](Session::require).
    ///
    /// # Errors
    /// [`Denied`], the response if there is no session or the list is too old.
    pub fn require_current(&self, age: Duration) -> Result<Arc<T>, Denied> {
        let state = self.require()?;
        let list = self.shared().revocations.as_ref();
        if list.is_some_and(|list| !list.is_current(self.now(), age)) {
            return Err(Denied::not_now());
        }
        Ok(state)
    }

    /// Returns the state, if the user signed in or reauthenticated within `age`.
    ///
    /// # Errors
    /// [`Denied`], the response if there is no session or it is not fresh.
    pub fn require_fresh(&self, age: Duration) -> Result<Arc<T>, Denied> {
        let state = self.require()?;
        // A remembered session is not fresh for longer than an ordinary session lives.
        let longest = self.shared().policies.ordinary.absolute_timeout();
        let is_fresh = self.info().is_some_and(|info| {
            let since = self.now().since(info.reauthenticated_at);
            since <= age && (!info.remembered || since < longest)
        });
        if !is_fresh {
            let page = self.shared().step_up_page.as_deref();
            return Err(Denied::step_up(self.channel(), page, age));
        }
        Ok(state)
    }
}

/// The response if [`Session::require`], [`require_fresh`](Session::require_fresh) or
/// [`require_current`](Session::require_current) fails. It is the same for all tokens that are
/// refused, so that a client cannot tell a forged token from an expired one.
///
/// | required | browser, page configured | browser | bearer |
/// |---|---|---|---|
/// | a session | 303 to the sign-in page | 401 | 401, `WWW-Authenticate: Bearer` |
/// | a fresh session | 303 to the step-up page | 401 | 401, `Bearer error="insufficient_user_authentication", max_age=…` (RFC 9470) |
///
/// If a page of another origin sent the request, the status is 403 (see
/// [cross-origin requests](crate::Sessions#cross-origin-requests)).
///
/// If this server cannot decide now, the status is 503 with `Retry-After`, and the client keeps its
/// session. The reason is that the revocation list is too old, or that the application's check is
/// due and has not run or returned [`Validity::Unknown`](crate::session::Validity::Unknown).
///
/// The text of the error is the body of the response.
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

    /// The client may have a valid session, but a page of another origin must not use it.
    fn cross_origin() -> Denied {
        Denied { status: 403, header: None, body: "A page of another site sent this request." }
    }

    /// The client may have a valid session, but this server cannot decide.
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

    /// The status of the response: 303, 401, 403 or 503.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header of the response: its lower-case name and its value.
    #[must_use]
    pub fn header(&self) -> Option<(&'static str, &str)> {
        self.header.as_ref().map(|(name, value)| (*name, value.as_str()))
    }
}

impl SessionError {
    /// The response that the client gets: 401 for `NoSession`, 403 for `CrossOrigin`, 503 for
    /// `NotNow`. `None` for all other errors, for which an adapter answers 500 without details.
    /// Adapters call this method themselves.
    #[must_use]
    pub fn denied(&self) -> Option<Denied> {
        match self {
            // The channel is not known here, so the response has the bearer challenge. A browser
            // ignores that challenge.
            SessionError::NoSession => Some(Denied::sign_in(Channel::Bearer, None)),
            SessionError::CrossOrigin => Some(Denied::cross_origin()),
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
