//! What all sessions of one application share, and how sessions travel.

use std::sync::Arc;

use crate::bearer::Bearer;
use crate::cookie::Cookie;
use crate::judge::ChannelKeys;
use crate::policy::Policy;
use crate::time::UnixTime;

/// How a session travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// In the cookies of a browser.
    Cookie,
    /// In headers: see [`Bearer`].
    Bearer,
}

pub(crate) struct Shared {
    pub(crate) policy: Policy,
    pub(crate) cookie: Option<(Cookie, ChannelKeys)>,
    pub(crate) bearer: Option<(Bearer, ChannelKeys)>,
    pub(crate) clock: Arc<dyn Fn() -> UnixTime + Send + Sync>,
    pub(crate) sign_in_page: Option<String>,
    pub(crate) step_up_page: Option<String>,
}

impl Shared {
    pub(crate) fn keys(&self, channel: Channel) -> Option<&ChannelKeys> {
        match channel {
            Channel::Cookie => self.cookie.as_ref().map(|(_, keys)| keys),
            Channel::Bearer => self.bearer.as_ref().map(|(_, keys)| keys),
        }
    }

    /// What a response that depends on a session depends on.
    pub(crate) fn vary(&self) -> &'static str {
        match (&self.cookie, &self.bearer) {
            (_, None) => "Cookie",
            (None, _) => "Authorization",
            _ => "Cookie, Authorization",
        }
    }
}
