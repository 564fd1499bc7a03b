//! How a session starts.

use crate::session::shared::Channel;
use crate::time::UnixTime;

/// How a session starts, when not simply by [`Session::start`](crate::Session::start).
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
}

impl Start {
    /// As [`Session::start`](crate::Session::start) does.
    #[must_use]
    pub fn new() -> Start {
        Start::default()
    }

    /// The session never lives past `at`, such as the end of the session at
    /// an identity provider.
    #[must_use]
    pub fn with_ceiling(mut self, at: UnixTime) -> Start {
        self.ceiling = Some(at);
        self
    }

    /// The session travels over `channel` instead of the request's, such as
    /// when a mobile client signs in without a token.
    #[must_use]
    pub fn over(mut self, channel: Channel) -> Start {
        self.channel = Some(channel);
        self
    }
}
