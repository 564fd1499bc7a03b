//! The settings that all sessions of an application share, and the channels.

use std::sync::Arc;

use crate::keys::handle::RingHandle;
use crate::revocation::list::Revocations;
use crate::session::bindings::{Binding, InCookie, InHeaders};
use crate::session::carried::Place;
use crate::session::error::SessionError;
use crate::session::event::{self, Event, Hook};
use crate::session::hint::{PlainHttpHint, UnusedSettingsHint};
use crate::session::judge::ChannelKeys;
use crate::session::policy::{Policies, Policy, Term};
use crate::session::record::Record;
use crate::session::tokens;
use crate::time::UnixTime;
use crate::token::wire::MAX_TOKEN_LEN;
use crate::transport::bearer::Bearer;
use crate::transport::cookie::{Cookie, Role};

/// The transport of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// In a browser's cookies: see [`Cookie`].
    Cookie,
    /// In headers: see [`Bearer`].
    Bearer,
}

pub(crate) struct Shared {
    pub(crate) ring: RingHandle,
    pub(crate) policies: Policies,
    pub(crate) cookie: Option<(Cookie, ChannelKeys)>,
    /// The former cookies that have another name.
    pub(crate) former: Vec<(Cookie, ChannelKeys)>,
    pub(crate) bearer: Option<(Bearer, ChannelKeys)>,
    /// Other origins whose pages may use the sessions.
    pub(crate) trusted_origins: Vec<String>,
    pub(crate) clock: Arc<dyn Fn() -> UnixTime + Send + Sync>,
    pub(crate) sign_in_page: Option<String>,
    pub(crate) step_up_page: Option<String>,
    pub(crate) hook: Option<Hook>,
    pub(crate) revocations: Option<Revocations>,
    pub(crate) bound_in_cookie: Option<InCookie>,
    pub(crate) bound_in_headers: Option<InHeaders>,
    pub(crate) plain_http: PlainHttpHint,
    pub(crate) unused_settings: UnusedSettingsHint,
}

impl Shared {
    /// The cookie in which the tokens of a request were found, and its keys.
    pub(crate) fn cookie_at(&self, place: Place) -> Option<&(Cookie, ChannelKeys)> {
        match place {
            Place::Current => self.cookie.as_ref(),
            Place::Former(index) => self.former.get(usize::from(index)),
        }
    }

    /// Whether a former cookie has the name of the cookie. If so, a request does not show which of
    /// the two cookies its tokens come from.
    pub(crate) fn has_former_namesake(&self) -> bool {
        self.cookie.as_ref().is_some_and(|(cookie, _)| cookie.has_former_namesake())
    }

    /// The keys of the tokens of a request.
    pub(crate) fn keys_at(&self, channel: Channel, place: Place) -> Option<&ChannelKeys> {
        match channel {
            Channel::Cookie => self.cookie_at(place).map(|(_, keys)| keys),
            Channel::Bearer => self.keys(channel),
        }
    }

    /// The keys of new tokens.
    pub(crate) fn keys(&self, channel: Channel) -> Option<&ChannelKeys> {
        match channel {
            Channel::Cookie => self.cookie.as_ref().map(|(_, keys)| keys),
            Channel::Bearer => self.bearer.as_ref().map(|(_, keys)| keys),
        }
    }

    /// The policy of a session. A remembered session is only judged alive if there is a policy for
    /// it.
    pub(crate) fn policy(&self, term: Term) -> Policy {
        self.policies.of(term).unwrap_or(self.policies.ordinary)
    }

    /// Whether guards may redirect to a page.
    pub(crate) fn has_pages(&self) -> bool {
        self.sign_in_page.is_some() || self.step_up_page.is_some()
    }

    /// The settings of bound sessions of a channel.
    pub(crate) fn binding(&self, channel: Channel) -> Option<&Binding> {
        match channel {
            Channel::Cookie => self.bound_in_cookie.as_ref().map(|settings| &settings.binding),
            Channel::Bearer => self.bound_in_headers.as_ref().map(|settings| &settings.binding),
        }
    }

    pub(crate) fn emit(&self, event: Event) {
        event::emit(self.hook.as_ref(), event);
    }

    /// The name of the cookie, or of the response header, that carries the state token.
    pub(crate) fn carrier(&self, channel: Channel) -> Option<&str> {
        match channel {
            Channel::Cookie => self.cookie.as_ref().map(|(cookie, _)| cookie.name()),
            Channel::Bearer => self.bearer.as_ref().map(|(bearer, _)| bearer.token_header()),
        }
    }

    /// The `Vary` header of a response that depends on a session.
    pub(crate) fn vary(&self) -> &'static str {
        match (&self.cookie, &self.bearer, &self.bound_in_headers) {
            (_, None, _) => "Cookie",
            (None, _, None) => "Authorization",
            (None, _, Some(_)) => "Authorization, DPoP",
            (_, _, None) => "Cookie, Authorization",
            _ => "Cookie, Authorization, DPoP",
        }
    }

    /// Checks that a state token of `len` characters fits the channel, and that a renewal token
    /// with a copy of this state token fits too.
    pub(crate) fn check_fit(
        &self,
        channel: Channel,
        record: &Record,
        len: usize,
    ) -> Result<(), SessionError> {
        let Some(keys) = self.keys(channel) else { return Err(SessionError::NoChannel) };
        let renewal = tokens::renewal_len(keys, record, len);
        for (role, len) in [(Role::State, len), (Role::Renewal, renewal)] {
            let (name, room) = self.room(channel, role);
            if len > room {
                return Err(SessionError::TooLarge {
                    size: name.saturating_add(len),
                    limit: name.saturating_add(room),
                });
            }
        }
        Ok(())
    }

    /// The length of the cookie's name, and the maximum length of a token in the cookie.
    pub(crate) fn room(&self, channel: Channel, role: Role) -> (usize, usize) {
        match (channel, &self.cookie) {
            (Channel::Cookie, Some((cookie, _))) => (cookie.name_len(role), cookie.capacity(role)),
            _ => (0, MAX_TOKEN_LEN),
        }
    }
}
