//! Sessions that are bound to a device: is the last proof recent, and what does a response tell the
//! browser about it?

use crate::session::bindings::{Binding, InCookie};
use crate::session::carried::{Prompt, Shown};
use crate::session::challenge::Asks;
use crate::session::error::SessionError;
use crate::session::event::Event;
use crate::session::judge::{Alive, Judged, Renewal};
use crate::session::pending::Kind;
use crate::session::record::{Proof, Record};
use crate::session::refusal::{Fate, Refusal, Refused};
use crate::session::session::Session;
use crate::session::shared::{Channel, Shared};
use crate::time::UnixTime;
use crate::token::id::SessionId;
use crate::token::payload::Payload;
use crate::transport::bundle::Bundle;
use crate::transport::cookie::Cookie;

impl<T: Payload> Session<T> {
    /// Fails if the session is bound to a device whose last proof is too old, or if it is not bound
    /// although the application requires it. Emits the refusal once.
    pub(crate) fn proven(&self, alive: &Alive<T>) -> Result<(), Refusal> {
        let shared = &self.inner.shared;
        let Some(binding) = shared.binding(self.inner.channel) else { return Ok(()) };
        let proven = || {
            let Some(refusal) = self.missing_proof(binding, alive) else { return Ok(()) };
            shared.emit(Event::Refused(refusal));
            Err(refusal)
        };
        *self.inner.proven.get_or_init(proven)
    }

    pub(crate) fn missing_proof(&self, binding: &Binding, alive: &Alive<T>) -> Option<Refusal> {
        let now = self.now();
        if let Shown::Wrong(refusal) = self.shown(alive) {
            return Some(refusal);
        }
        if alive.record.bound.is_some() {
            return match (self.proof_of(alive), self.inner.channel) {
                (Some(proof), _) if binding.counts(proof.at, now) => None,
                // A browser's proof would have to be written over the renewal token, which this server
                // cannot open. In headers, a proof counts for its own request too.
                (None, Channel::Cookie) if alive.renewal == Renewal::LeftAlone => {
                    Some(Refusal::UnknownActivity)
                }
                _ => Some(Refusal::ProofDue),
            };
        }
        binding.requires_key(alive.record.started_at, now).then_some(Refusal::NotBound)
    }

    /// The last proof of the session's device: the one in this request, or the one that the renewal
    /// token records.
    pub(crate) fn proof_of(&self, alive: &Alive<T>) -> Option<Proof> {
        let key = *alive.record.bound.as_deref()?;
        let at = match self.shown(alive) {
            Shown::KeyAt(at) => Some(at).max(alive.proved_at),
            Shown::Nothing | Shown::Wrong(_) => alive.proved_at,
        };
        Some(Proof { at: at?, key })
    }

    /// The last proof of the session of this request.
    pub(crate) fn proof(&self) -> Option<Proof> {
        match self.judged() {
            Judged::Alive(alive) => self.proof_of(alive),
            Judged::Absent | Judged::Refused(_) => None,
        }
    }

    /// The last proof of a session that this request has changed in the way of `kind`.
    pub(crate) fn proof_of_change(&self, kind: Kind) -> Result<Option<Proof>, SessionError> {
        match kind {
            // Only a session in headers is bound when it starts.
            Kind::Started => self.sign_in_proof(),
            _ => Ok(self.proof()),
        }
    }

    /// When a proof stops counting.
    pub(crate) fn proof_expires_at(&self, proof: Proof) -> Option<UnixTime> {
        Some(proof.at + self.inner.shared.binding(self.inner.channel)?.proof_lifetime)
    }

    /// Whether the renewal token of the request records no proof that still counts.
    pub(crate) fn needs_proof(&self, alive: &Alive<T>) -> bool {
        let recorded = alive.proved_at.zip(self.inner.shared.binding(self.inner.channel));
        !recorded.is_some_and(|(at, binding)| binding.counts(at, self.now()))
    }

    /// Makes the client send a proof. A browser that still has the bound cookie loses it, and sends
    /// a proof before its next request. Another client gets a challenge.
    pub(crate) fn ask_for_proof(&self, bundle: &mut Bundle) {
        self.ask_for_challenge();
        if let (Prompt::DeleteCookie, Some((_, cookie))) = (self.prompt(), self.bound_in()) {
            bundle.set_cookies(vec![cookie.remove_bound()]);
        }
    }

    pub(crate) fn prompt(&self) -> Prompt {
        self.inner.carried.prompt
    }

    /// Offers to bind the session to the device of the browser. A browser that does not support
    /// this ignores the offer.
    pub(crate) fn offer_binding(&self, record: &Record, ends: UnixTime, bundle: &mut Bundle) {
        let Some((settings, cookie)) = self.bound_in() else { return };
        if record.bound.is_some() || !cookie.can_be_bound() {
            return;
        }
        let (now, origin) = (self.now(), record.first_id());
        // If the random generator fails, there is no challenge. The next response that gives the
        // session a new id makes the offer again.
        let challenges = &settings.binding.challenges;
        if let Ok(challenge) = challenges.make(origin, Asks::Proof, now, ends.since(now)) {
            let path = &settings.register_path;
            let offer = format!("(ES256);path=\"{path}\";challenge=\"{challenge}\"");
            bundle.field("secure-session-registration", offer);
        }
    }

    /// Tells the browser that the session of the request is over, if it was bound.
    pub(crate) fn end_binding(&self, bundle: &mut Bundle) {
        if self.bound_in().is_none() {
            return; // the tokens need not be opened
        }
        match self.judged() {
            Judged::Alive(alive) if alive.record.bound.is_some() => {
                self.end_key(alive.record.first_id(), bundle);
            }
            Judged::Refused(Refused { fate: Fate::Cleared, origin: Some(origin), .. }) => {
                self.end_key(*origin, bundle);
            }
            _ => {}
        }
    }

    /// Tells the browser that its key for a session is no longer needed. The browser sends the
    /// challenge of this response with its next proof. The answer to that proof says that it can
    /// delete the key.
    fn end_key(&self, origin: SessionId, bundle: &mut Bundle) {
        let Some((settings, cookie)) = self.bound_in() else { return };
        let now = self.now();
        bundle.set_cookies(vec![cookie.remove_bound()]);
        let life = self.inner.shared.policies.longest_absolute();
        let challenge = settings.binding.challenges.make(origin, Asks::Nothing, now, life);
        if let Ok(challenge) = challenge {
            bundle.field("secure-session-challenge", challenge_field(&challenge, origin));
        }
    }

    /// The settings and the cookie of bound sessions, if this request has its session in a cookie.
    pub(crate) fn bound_in(&self) -> Option<(&InCookie, &Cookie)> {
        let shared = &self.inner.shared;
        match (self.inner.channel, &shared.bound_in_cookie, &shared.cookie) {
            (Channel::Cookie, Some(settings), Some((cookie, _))) => Some((settings, cookie)),
            _ => None,
        }
    }
}

impl Shared {
    /// Whether a session was bound after its token without a key was made. If so, its unbound id is
    /// revoked.
    pub(crate) fn has_been_bound(&self, record: &Record) -> bool {
        record.bound.is_none()
            && self
                .revocations
                .as_ref()
                .is_some_and(|list| list.has_session(unbound_id(record.first_id())))
    }
}

/// The id that is revoked with the first proof of a session's device. From then on, copies of the
/// session without the key are refused.
///
/// It is the first id of the session with all bits inverted. It is as hard to guess as that id, and
/// no other session has it.
pub(crate) fn unbound_id(origin: SessionId) -> SessionId {
    SessionId::from_bytes(origin.as_bytes().map(|byte| !byte))
}

/// The id that is revoked when a key is registered for a session. After that, no other key can be
/// registered. It is the first id of the session with every second bit inverted.
#[cfg(feature = "bound")]
pub(crate) fn registered_id(origin: SessionId) -> SessionId {
    SessionId::from_bytes(origin.as_bytes().map(|byte| byte ^ 0x55))
}

/// The value of `Secure-Session-Challenge`. A challenge and an identifier contain only characters
/// that need no escape in a string of RFC 9651.
pub(crate) fn challenge_field(challenge: &str, origin: SessionId) -> String {
    format!("\"{challenge}\";id=\"{}\"", identifier(origin))
}

/// The identifier of a bound session in the browser. It begins with a letter, because Chromium
/// sends it without quotes, as a token of RFC 9651.
pub(crate) fn identifier(origin: SessionId) -> String {
    format!("s{origin}")
}
