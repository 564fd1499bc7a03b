//! The two requests that a browser sends by itself for a session that is bound to its device: the
//! registration of the key, and the proof (spec section 9.5, and the W3C draft "Device Bound
//! Session Credentials").

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::proof::dbsc;
use crate::proof::key::PublicKey;
use crate::revocation::entry::Revocation;
use crate::session::answer::{self, Beside};
use crate::session::bindings::{InCookie, Scope};
use crate::session::bound_error::BoundError;
use crate::session::carried::Place;
use crate::session::challenge::{Asks, Challenge};
use crate::session::change::Draft;
use crate::session::event::Event;
use crate::session::judge::{Alive, Judged, KeyIn, Renewal};
use crate::session::pending::Kind;
use crate::session::proving::{challenge_field, identifier, registered_id, unbound_id};
use crate::session::record::Proof;
use crate::session::refusal::{Fate, Refusal, Refused};
use crate::session::session::Session;
use crate::session::sessions::Sessions;
use crate::session::tokens::Seen;
use crate::time::UnixTime;
use crate::token::error::OpenError;
use crate::token::id::SessionId;
use crate::token::payload::Payload;
use crate::token::wire::CLOCK_SKEW;
use crate::transport::bundle::Bundle;
use crate::transport::cookie::Cookie;

/// The response to a request of a browser for a session that is bound to its device.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeviceBoundResponse {
    /// The status.
    pub status: u16,
    /// The header lines.
    pub headers: Bundle,
    /// The body: JSON, or empty.
    pub body: String,
}

impl<T: Payload> Sessions<T> {
    /// Answers a request that a browser sends by itself for a session that is bound to its device.
    /// `None` for any other request. Adapters call this method themselves.
    ///
    /// `path` is the path of the request without its query. For `values`, see
    /// [`load`](Sessions::load).
    ///
    /// ```
    /// # use bulla::{KeyRing, Payload, Policy, Sessions};
    /// # use bulla::session::DeviceBound;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize, Payload)]
    /// # #[payload(purpose = "bank.example/session")]
    /// # struct Account { id: u64 }
    /// let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
    ///     .device_bound(DeviceBound::default())
    ///     .build();
    /// let headers = |_name: &str| None::<&[u8]>;
    /// assert!(sessions.device_bound_response("GET", "/", headers).is_none());
    /// let path = "/bulla/session/register";
    /// let response = sessions.device_bound_response("POST", path, headers).unwrap();
    /// assert_eq!(response.status, 400); // no proof
    /// # Ok::<(), bulla::keys::RandomError>(())
    /// ```
    pub fn device_bound_response<'h, I>(
        &self,
        method: &str,
        path: &str,
        values: impl Fn(&str) -> I,
    ) -> Option<DeviceBoundResponse>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        self.device_bound_answer(None, method, path, values)
    }

    /// Answers a browser's request at `now`. See
    /// [`device_bound_response`](Sessions::device_bound_response).
    pub fn device_bound_response_at<'h, I>(
        &self,
        now: UnixTime,
        method: &str,
        path: &str,
        values: impl Fn(&str) -> I,
    ) -> Option<DeviceBoundResponse>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        self.device_bound_answer(Some(now), method, path, values)
    }

    /// The paths of the two requests that a browser sends by itself: the registration of the key,
    /// and the proof. `None` if sessions cannot be bound to a device. An adapter calls this method
    /// if its framework needs a route for each path.
    #[must_use]
    pub fn device_bound_paths(&self) -> Option<[&str; 2]> {
        let settings = self.shared.bound_in_cookie.as_ref()?;
        Some([&settings.register_path, &settings.instructions.refresh_path])
    }

    fn device_bound_answer<'h, I>(
        &self,
        now: Option<UnixTime>,
        method: &str,
        path: &str,
        values: impl Fn(&str) -> I,
    ) -> Option<DeviceBoundResponse>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        let settings = self.shared.bound_in_cookie.as_ref()?;
        let registers = path == settings.register_path;
        if method != "POST" || !(registers || path == settings.instructions.refresh_path) {
            return None;
        }
        let proof = only(values("secure-session-response")).map(unquoted);
        let asked = only(values("sec-secure-session-id")).map(unquoted);
        let session = self.session(now, method, &values);
        let outcome = match (registers, asked) {
            (true, _) => session.register(proof),
            (false, Some(asked)) => session.refresh(asked, proof),
            // Only the browser itself can set a header that begins with `Sec-`.
            (false, None) => Err(BoundError::NoProof),
        };
        Some(session.respond(outcome.unwrap_or_else(Outcome::Refused)))
    }
}

/// How long a device may take to sign a challenge, in addition to the proof lifetime. A browser
/// gets the challenge for its next proof in the response to its last proof.
const SIGNING_TIME: Duration = Duration::from_secs(2 * 60);

/// What the response tells a browser.
enum Outcome {
    /// The session is bound, and the proof counts.
    Proved {
        origin: SessionId,
        challenge: String,
        lines: Bundle,
    },
    /// Sign this challenge.
    Challenged {
        origin: SessionId,
        challenge: String,
    },
    /// The session is over. Its key can be deleted.
    Over {
        identifier: String,
        lines: Bundle,
    },
    /// Nothing changes: the request came without the cookies of the session.
    Unknown {
        lines: Bundle,
    },
    /// This server cannot decide.
    NotNow,
    Refused(BoundError),
}

impl<T: Payload> Session<T> {
    fn register(&self, proof: Option<&[u8]>) -> Result<Outcome, BoundError> {
        let (settings, cookie) = self.bound_in().ok_or(BoundError::NoSession)?;
        let alive = match self.judged() {
            Judged::Alive(alive) => alive,
            Judged::Refused(Refused { fate: Fate::LeftAlone, .. }) => return Ok(Outcome::NotNow),
            Judged::Refused(_) | Judged::Absent => return Err(BoundError::NoSession),
        };
        if alive.renewal == Renewal::LeftAlone {
            return Ok(Outcome::NotNow);
        }
        if self.missing_proof(&settings.binding, alive) == Some(Refusal::NotBound) {
            return Err(BoundError::NoSession);
        }
        let registration =
            dbsc::registration(proof.ok_or(BoundError::NoProof)?).map_err(BoundError::Proof)?;
        let now = self.now();
        settings.check_challenge(&registration.challenge, alive, now)?;
        let key = *registration.key.as_bytes();
        let origin = alive.record.first_id();
        let taken = match (alive.record.bound.as_deref(), &self.shared().revocations) {
            (Some(bound), _) => *bound != key,
            (None, Some(list)) => list.has_session(registered_id(origin)),
            (None, None) => false,
        };
        if taken {
            return Err(BoundError::OtherKey);
        }
        // The state token gets the key only with the first proof. At this moment, just after the
        // sign-in, other requests may be changing the state.
        let mut lines = Bundle::default();
        self.write_proof(alive, Proof { at: now, key }, &mut lines)?;
        lines.set_cookies(vec![cookie.store_bound(settings.first_bound_cookie_age())]);
        self.revoke(alive, registered_id(origin));
        self.shared().emit(Event::Bound { id: alive.record.id, origin });
        self.proved(settings, alive, lines)
    }

    /// `asked` is the identifier of the session whose key the browser has.
    fn refresh(&self, asked: &[u8], proof: Option<&[u8]>) -> Result<Outcome, BoundError> {
        let (settings, cookie) = self.bound_in().ok_or(BoundError::NoSession)?;
        let now = self.now();
        let alive = match self.judged() {
            Judged::Alive(alive) => alive,
            Judged::Refused(Refused { fate: Fate::LeftAlone, .. }) => return Ok(Outcome::NotNow),
            Judged::Refused(_) => {
                let mut lines = self.commit();
                lines.set_cookies(vec![cookie.remove_bound()]);
                return Ok(over(asked, lines));
            }
            Judged::Absent => {
                // The browser sends no cookies if a page on another site caused the request, so
                // their absence alone does not show that the session is over. The response sets the
                // bound cookie. Without it, the browser would ask again before its next request.
                let mut lines = Bundle::default();
                lines.set_cookies(vec![cookie.store_bound(settings.bound_cookie_age())]);
                return Ok(self.over_or_unknown(settings, asked, proof, lines));
            }
        };
        let origin = alive.record.first_id();
        if asked != identifier(origin).as_bytes() {
            // The user has signed in again, or the request has cookies of another session.
            return Ok(self.over_or_unknown(settings, asked, proof, Bundle::default()));
        }
        let Some(key) = alive.record.bound.as_deref().copied() else {
            return Ok(over(asked, Bundle::default()));
        };
        if alive.renewal == Renewal::LeftAlone {
            return Ok(Outcome::NotNow);
        }
        let Some(proof) = proof else { return challenged(settings, alive, now) };
        let public = PublicKey::from_bytes(&key).ok_or(BoundError::OtherKey)?;
        let text = dbsc::refresh(proof, &public).map_err(BoundError::Proof)?;
        // The device has the key. If its challenge does not count, it gets another one, because the
        // cookie's name or a policy may have changed since the challenge was made.
        if settings.check_challenge(&text, alive, now).is_err() {
            return challenged(settings, alive, now);
        }

        let mut lines = Bundle::default();
        // A session in a former cookie moves with its next change, and gets the key then.
        if alive.key == KeyIn::RenewalToken && alive.place == Place::Current {
            self.write_key(alive, &mut lines);
        }
        self.write_proof(alive, Proof { at: now, key }, &mut lines)?;
        lines.set_cookies(vec![cookie.store_bound(settings.bound_cookie_age())]);
        self.shared().emit(Event::Proved { id: alive.record.id, origin });
        self.proved(settings, alive, lines)
    }

    /// Writes the renewal token with a proof. A proof is not activity, so the token has the time of
    /// the last activity.
    fn write_proof(
        &self,
        alive: &Alive<T>,
        proof: Proof,
        lines: &mut Bundle,
    ) -> Result<(), BoundError> {
        let (at, sealed_at) = (alive.last_seen, self.now());
        let seen = Seen { at, sealed_at, validated_at: alive.validated_at, proof: Some(proof) };
        answer::prove(self.shared(), self.channel(), alive, seen, lines)
            .map_err(|error| BoundError::Session(error.into()))
    }

    /// Writes the state token with the key, and revokes copies of the session without the key. If
    /// the state token with the key does not fit its cookie, the key stays in the renewal token.
    fn write_key(&self, alive: &Alive<T>, lines: &mut Bundle) {
        let (record, state) = (alive.record.clone(), Arc::clone(&alive.state));
        let (channel, kind) = (self.channel(), Kind::Changed);
        if let Ok(written) = self.seal(Draft { record, state, encoded: None, channel, kind }) {
            answer::write(self.shared(), &written.tokens, Beside::Stays, lines);
        }
        self.revoke(alive, unbound_id(alive.record.first_id()));
    }

    /// What a browser is told whose request has no cookies of the session that it asks about.
    /// `lines` are those of the response if it is not known whether that session is over.
    fn over_or_unknown(
        &self,
        settings: &InCookie,
        asked: &[u8],
        proof: Option<&[u8]>,
        lines: Bundle,
    ) -> Outcome {
        if self.is_told_that_it_is_over(settings, asked, proof) {
            return over(asked, Bundle::default());
        }
        Outcome::Unknown { lines }
    }

    /// Whether the browser's proof signs the challenge that it got when the session ended, or a
    /// challenge whose session has ended since. The proof is not verified, because the key is not
    /// known.
    fn is_told_that_it_is_over(
        &self,
        settings: &InCookie,
        asked: &[u8],
        proof: Option<&[u8]>,
    ) -> bool {
        let text = proof.and_then(|proof| dbsc::unverified_challenge(proof).ok());
        match text.map(|text| settings.binding.challenges.open(text.as_bytes(), self.now())) {
            // The response to a proof may have arrived after that to the sign-out, with a newer
            // challenge.
            Some(Ok(Challenge { asks, origin, .. })) => {
                let revocations = self.shared().revocations.as_ref();
                let revoked = revocations.is_some_and(|list| list.has_session(origin));
                (asks == Asks::Nothing || revoked) && asked == identifier(origin).as_bytes()
            }
            Some(Err(OpenError::Expired { .. })) => true,
            _ => false,
        }
    }

    /// Revokes `id` for as long as the session can live.
    fn revoke(&self, alive: &Alive<T>, id: SessionId) {
        if let Some(revocations) = &self.shared().revocations {
            let until = alive.expires_at + CLOCK_SKEW;
            revocations.add_at(self.now(), Revocation::Session { id, until });
        }
    }

    fn proved(
        &self,
        settings: &InCookie,
        alive: &Alive<T>,
        lines: Bundle,
    ) -> Result<Outcome, BoundError> {
        let (origin, now) = (alive.record.first_id(), self.now());
        let challenge = next_challenge(settings, alive, now)?;
        Ok(Outcome::Proved { origin, challenge, lines })
    }

    fn respond(&self, outcome: Outcome) -> DeviceBoundResponse {
        let (status, mut headers, body) = match outcome {
            Outcome::Proved { origin, challenge, mut lines } => {
                lines.field("secure-session-challenge", challenge_field(&challenge, origin));
                let body = self
                    .bound_in()
                    .map(|(settings, cookie)| instructions(&identifier(origin), settings, cookie));
                (200, lines, body.unwrap_or_default())
            }
            Outcome::Challenged { origin, challenge } => {
                let mut lines = Bundle::default();
                lines.field("secure-session-challenge", challenge_field(&challenge, origin));
                (403, lines, String::new())
            }
            Outcome::Over { identifier, lines } => {
                let body = json!({ "session_identifier": identifier, "continue": false });
                (200, lines, body.to_string())
            }
            Outcome::Unknown { lines } => (200, lines, String::new()),
            Outcome::NotNow => (503, Bundle::default(), String::new()),
            Outcome::Refused(error) => {
                self.shared().emit(Event::ProofRefused(error));
                (400, Bundle::default(), String::new())
            }
        };
        headers.no_store();
        if !body.is_empty() {
            headers.field("content-type", "application/json".to_owned());
        }
        DeviceBoundResponse { status, headers, body }
    }
}

impl InCookie {
    /// Steps 12 to 14 of spec section 9.5: whether a challenge counts for a session.
    fn check_challenge<T>(
        &self,
        text: &str,
        alive: &Alive<T>,
        now: UnixTime,
    ) -> Result<(), BoundError> {
        let challenge =
            self.binding.challenges.open(text.as_bytes(), now).map_err(BoundError::Challenge)?;
        if challenge.origin != alive.record.first_id() || challenge.asks != Asks::Proof {
            return Err(BoundError::OtherSession);
        }
        if now >= challenge.issued_at + self.binding.proof_lifetime + SIGNING_TIME {
            return Err(BoundError::Stale);
        }
        Ok(())
    }
}

/// The session instructions of the W3C draft, section 9.8.
fn instructions(identifier: &str, settings: &InCookie, cookie: &Cookie) -> String {
    let excluded = settings.instructions.excluded.iter();
    let excluded = excluded.map(|path| json!({ "type": "exclude", "domain": "*", "path": path }));
    json!({
        "session_identifier": identifier,
        "refresh_url": settings.instructions.refresh_path,
        "scope": {
            "include_site": settings.instructions.scope == Scope::Site,
            "scope_specification": excluded.collect::<Vec<_>>(),
        },
        "credentials": [{
            "type": "cookie",
            "name": cookie.bound_name(),
            "attributes": cookie.bound_attributes(),
        }],
    })
    .to_string()
}

fn over(asked: &[u8], lines: Bundle) -> Outcome {
    Outcome::Over { identifier: String::from_utf8_lossy(asked).into_owned(), lines }
}

fn challenged<T>(
    settings: &InCookie,
    alive: &Alive<T>,
    now: UnixTime,
) -> Result<Outcome, BoundError> {
    let challenge = next_challenge(settings, alive, now)?;
    Ok(Outcome::Challenged { origin: alive.record.first_id(), challenge })
}

fn next_challenge<T>(
    settings: &InCookie,
    alive: &Alive<T>,
    now: UnixTime,
) -> Result<String, BoundError> {
    let (origin, life) = (alive.record.first_id(), alive.expires_at.since(now));
    let challenge = settings.binding.challenges.make(origin, Asks::Proof, now, life);
    challenge.map_err(|error| BoundError::Session(error.into()))
}

/// The value, if there is exactly one.
fn only<'h>(values: impl IntoIterator<Item = &'h [u8]>) -> Option<&'h [u8]> {
    let mut values = values.into_iter();
    values.next().filter(|_| values.next().is_none())
}

/// The draft's fields are strings of RFC 9651, but Chromium sends their content without quotes.
fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}
