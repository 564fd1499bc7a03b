//! Sessions that are bound to a device: is the last proof recent, and what does a response tell the
//! browser about it?

use crate::session::challenge::{Asks, Binding};
use crate::session::event::Event;
use crate::session::judge::{Alive, Judged, Prompt, Refusal};
use crate::session::record::{Proof, Record};
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
        let Some(binding) = &shared.device_bound else { return Ok(()) };
        let proven = || {
            let refusal = self.missing_proof(binding, alive);
            refusal.map_or(Ok(()), |refusal| {
                shared.emit(Event::Refused(refusal));
                Err(refusal)
            })
        };
        *self.inner.proven.get_or_init(proven)
    }

    fn missing_proof(&self, binding: &Binding, alive: &Alive<T>) -> Option<Refusal> {
        let now = self.now();
        if alive.record.bound.is_some() {
            let counts = |at: UnixTime| now < at + binding.proof_lifetime;
            return (!alive.proved_at.is_some_and(counts)).then_some(Refusal::ProofDue);
        }
        let required = binding.require_after.filter(|_| self.inner.channel == Channel::Cookie);
        let due = |after| now >= alive.record.started_at + after;
        required.is_some_and(due).then_some(Refusal::NotBound)
    }

    /// The last proof of the session of this request.
    pub(crate) fn proof(&self) -> Option<Proof> {
        match self.judged() {
            Judged::Alive(alive) => alive.proved_at.map(|at| Proof { at, key: None }),
            Judged::Absent | Judged::Refused(_) => None,
        }
    }

    /// Deletes the bound cookie if the browser still has it, so that the browser sends a proof
    /// before its next request.
    pub(crate) fn ask_for_proof(&self, bundle: &mut Bundle) {
        if let (Prompt::DeleteCookie, Some((_, cookie))) = (self.prompt(), self.bound_in()) {
            bundle.set_cookies(vec![cookie.remove_bound()]);
        }
    }

    pub(crate) fn prompt(&self) -> Prompt {
        self.inner.carried.prompt
    }

    /// Asks the browser to bind the session to the device. Browsers that cannot ignore it.
    pub(crate) fn offer_binding(&self, record: &Record, ends: UnixTime, bundle: &mut Bundle) {
        let Some((binding, cookie)) = self.bound_in() else { return };
        if record.bound.is_some() || !cookie.can_be_bound() {
            return;
        }
        let (now, origin) = (self.now(), record.first_id());
        // Without randomness there is no challenge. A later response offers it again.
        if let Ok(challenge) = binding.challenge(origin, Asks::Proof, now, ends.since(now)) {
            let path = &binding.register_path;
            let offer = format!("(ES256);path=\"{path}\";challenge=\"{challenge}\"");
            bundle.field("secure-session-registration", offer);
        }
    }

    /// Tells the browser that a bound session is over: with its next proof, the browser sends the
    /// challenge of this response, and learns that it can delete its key.
    pub(crate) fn end_binding(&self, bundle: &mut Bundle) {
        let Some((binding, cookie)) = self.bound_in() else { return };
        let Judged::Alive(alive) = self.judged() else { return };
        if alive.record.bound.is_none() {
            return;
        }
        let (now, origin) = (self.now(), alive.record.first_id());
        bundle.set_cookies(vec![cookie.remove_bound()]);
        let life = alive.expires_at.since(now);
        if let Ok(challenge) = binding.challenge(origin, Asks::Nothing, now, life) {
            bundle.field("secure-session-challenge", challenge_field(&challenge, origin));
        }
    }

    /// The settings and the cookie of bound sessions, if this request has its session in a cookie.
    pub(crate) fn bound_in(&self) -> Option<(&Binding, &Cookie)> {
        let shared = &self.inner.shared;
        match (self.inner.channel, &shared.device_bound, &shared.cookie) {
            (Channel::Cookie, Some(binding), Some((cookie, _))) => Some((binding, cookie)),
            _ => None,
        }
    }
}

impl Shared {
    /// The id that is revoked when a session is bound, so that copies of its tokens that were made
    /// before have no session. `None` if the session is bound.
    ///
    /// It is the complement of the id under which the session started: as hard to guess as that id,
    /// and the id of no other session.
    pub(crate) fn unbound(&self, record: &Record) -> Option<SessionId> {
        let asks = self.device_bound.is_some() && record.bound.is_none();
        asks.then(|| unbound_id(record.first_id()))
    }
}

pub(crate) fn unbound_id(origin: SessionId) -> SessionId {
    SessionId::from_bytes(origin.as_bytes().map(|byte| !byte))
}

/// The value of `Secure-Session-Challenge`. A challenge and an identifier have only characters that
/// a string of RFC 9651 can have as they are.
pub(crate) fn challenge_field(challenge: &str, origin: SessionId) -> String {
    format!("\"{challenge}\";id=\"{}\"", identifier(origin))
}

/// The identifier of a bound session in the browser. It begins with a letter, because Chromium sends
/// it without quotes, as a token of RFC 9651.
pub(crate) fn identifier(origin: SessionId) -> String {
    format!("s{origin}")
}
