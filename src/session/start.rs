//! Options for starting a session.

use crate::session::policy::Term;
use crate::session::shared::Channel;
use crate::time::UnixTime;

/// Options for [`Session::start_with`](crate::Session::start_with).
///
/// ```
/// use bulla::UnixTime;
/// use bulla::session::{Channel, Start};
///
/// let ends: UnixTime = "2026-12-01T18:00:00Z".parse()?;
/// let start = Start::new().with_ceiling(ends).over(Channel::Bearer);
/// # Ok::<(), bulla::time::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Start {
    pub(crate) ceiling: Option<UnixTime>,
    pub(crate) channel: Option<Channel>,
    pub(crate) term: Term,
}

impl Start {
    /// The options of [`Session::start`](crate::Session::start).
    #[must_use]
    pub fn new() -> Start {
        Start::default()
    }

    /// Sets the ceiling: the session ends at `at` at the latest, for example when the session at an
    /// identity provider ends.
    #[must_use]
    pub fn with_ceiling(mut self, at: UnixTime) -> Start {
        self.ceiling = Some(at);
        self
    }

    /// Makes the session a remembered session, because the user asked to stay signed in.
    ///
    /// The session has the policy of
    /// [`SessionsBuilder::remembered`](crate::session::SessionsBuilder::remembered), and its cookie
    /// stays in the browser until the absolute timeout, even if the browser is closed. Changes and
    /// reauthentication affect neither.
    ///
    /// After a sign-in or a reauthentication, a remembered session is [`Fresh`](crate::Fresh) for
    /// at most the absolute timeout of an ordinary session.
    #[must_use]
    pub fn remembered(mut self) -> Start {
        self.term = Term::Remembered;
        self
    }

    /// Sends the session over `channel` instead of the request's channel, for example when a
    /// mobile client signs in without a token.
    #[must_use]
    pub fn over(mut self, channel: Channel) -> Start {
        self.channel = Some(channel);
        self
    }
}
