//! Judges the tokens of a request: is its session absent, refused or alive (spec section 9)?
//!
//! This is the opening half of a session's state machine, and `closing` is the closing half.
//!
//! A session has two tokens. The state token holds the state. The renewal token records the last
//! activity. If the key of the state token is no longer primary, the renewal token also holds a
//! copy of the state, so that the session can be opened after that key has retired.

use std::sync::Arc;
use std::time::Duration;

use crate::keys::handle::RingHandle;
use crate::keys::key::KeyId;
use crate::session::bindings::Binding;
use crate::session::carried::{Carried, Place};
use crate::session::policy::Policies;
use crate::session::record::{Proof, RENEWAL_SCHEMA, Record, RenewalRecord, StateCopy};
use crate::session::refusal::{Fate, Refusal, Refused};
use crate::time::UnixTime;
use crate::token::error::OpenError;
use crate::token::id::{Fingerprint, SessionId, fingerprint};
use crate::token::payload::{self, Payload, PayloadError};
use crate::token::sealed::{BUCKET, Sealing};
use crate::token::values::check_schema;
use crate::token::wipe::Buffer;
use crate::token::wire::{Body, CLOCK_SKEW, Claims};

/// The keys for the state tokens and the renewal tokens of one channel.
pub(crate) struct ChannelKeys {
    pub(crate) state: Sealing,
    pub(crate) renewal: Sealing,
}

impl ChannelKeys {
    /// `channel` is the channel string of spec section 9.
    pub(crate) fn new(ring: &RingHandle, purpose: &str, channel: &[u8]) -> ChannelKeys {
        let sealing = |role: &[u8]| {
            let purpose = [purpose.as_bytes(), role, channel].join(&0);
            Sealing::new(ring.clone(), &purpose, BUCKET)
        };
        ChannelKeys { state: sealing(b"state"), renewal: sealing(b"renewal") }
    }
}

#[expect(clippy::large_enum_variant, reason = "a request has one, so a box would only cost time")]
pub(crate) enum Judged<T> {
    Absent,
    Refused(Refused),
    Alive(Alive<T>),
}

/// A session that is alive.
pub(crate) struct Alive<T> {
    /// Where the session's tokens were found.
    pub(crate) place: Place,
    pub(crate) record: Record,
    pub(crate) state: Arc<T>,
    pub(crate) token: StateToken,
    pub(crate) renewal: Renewal,
    pub(crate) last_seen: UnixTime,
    /// When the application's check last returned `Holds`; 1970 if never.
    pub(crate) validated_at: UnixTime,
    /// When the device of a bound session last proved that it has the key.
    pub(crate) proved_at: Option<UnixTime>,
    #[cfg_attr(not(feature = "bound"), expect(dead_code, reason = "only a proof asks for it"))]
    pub(crate) key: KeyIn,
    /// The end of the absolute timeout, the ceiling or the end of the token's lifetime, whichever
    /// comes first.
    pub(crate) expires_at: UnixTime,
}

/// Where the key of a bound session was read from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyIn {
    StateToken,
    RenewalToken,
}

/// The state token, or its copy in the renewal token.
pub(crate) struct StateToken {
    /// The key that opened the token or its copy.
    pub(crate) key_id: KeyId,
    /// The key that the token's text names.
    pub(crate) named: KeyId,
    pub(crate) source: Source,
    pub(crate) text: Vec<u8>,
    pub(crate) claims: Claims,
    /// The body without padding.
    pub(crate) body: Buffer,
}

/// Where the state was read from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Token,
    Copy,
}

/// The renewal token that came with a living session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// The request had no renewal token.
    Absent,
    /// No server accepts the token, or it belongs to another session. A new renewal token may
    /// overwrite it.
    Dead,
    /// The token is valid. `copy` says whether it holds a copy of this state token.
    Counts { key_id: KeyId, copy: Copied },
    /// Another server may accept the token, so no new renewal token may overwrite it.
    LeftAlone,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copied {
    No,
    Yes,
}

/// Opens the tokens of a request.
///
/// If the request has several state tokens, the first one whose session is alive and proven is
/// used. Without such a token, the first one whose session is alive is used. If no session is
/// alive, a token that another server may accept takes precedence over invalid tokens, so the
/// response deletes nothing.
///
/// `is_revoked` is called for each authentic token before its timeouts are checked. It returns what
/// happens to the tokens of a revoked session, and `None` if the session is not revoked.
/// `is_proven` says whether the last proof of a bound session is recent.
pub(crate) fn judge<T: Payload>(
    keys: &ChannelKeys,
    (policies, binding): (&Policies, Option<&Binding>),
    carried: &Carried,
    now: impl Fn() -> UnixTime,
    is_revoked: impl Fn(&Record, &T, &StateToken) -> Option<Fate>,
    is_proven: impl Fn(&Alive<T>) -> bool,
) -> Judged<T> {
    let mut judged = Judged::Absent;
    for token in &carried.states {
        match open_session(keys, (policies, binding), token, carried, &now, &is_revoked) {
            Ok(alive) if is_proven(&alive) => return Judged::Alive(alive),
            Ok(alive) => match judged {
                Judged::Alive(_) => {}
                _ => judged = Judged::Alive(alive),
            },
            Err(refused) => match judged {
                Judged::Alive(_) => {}
                Judged::Refused(Refused { fate: Fate::LeftAlone, .. }) => {}
                Judged::Refused(_) if refused.fate == Fate::Cleared => {}
                _ => judged = Judged::Refused(refused),
            },
        }
    }
    judged
}

fn open_session<T: Payload>(
    keys: &ChannelKeys,
    (policies, binding): (&Policies, Option<&Binding>),
    text: &[u8],
    carried: &Carried,
    now: &impl Fn() -> UnixTime,
    is_revoked: &impl Fn(&Record, &T, &StateToken) -> Option<Fate>,
) -> Result<Alive<T>, Refused> {
    let mut buf = Buffer::new();
    let opened = keys.state.open(text, now, Duration::MAX, &mut buf);
    if let Err(error) = &opened
        && !matches!(error, OpenError::UnknownKey(_) | OpenError::RetiredKey(_))
    {
        return Err(refused(*error, now).into());
    }

    // Renewal tokens are opened only after the state token was checked, so that a forged state
    // token causes only one decryption.
    let renewals = open_renewals(keys, policies, &carried.renewals, now);
    let named = match &opened {
        Ok(unsealed) => Some(unsealed.key_id),
        Err(OpenError::UnknownKey(id) | OpenError::RetiredKey(id)) => Some(*id),
        Err(_) => None,
    };
    let (source, key_id, body) = match opened {
        Ok(unsealed) => (Source::Token, unsealed.key_id, unsealed.body),
        Err(error) => {
            let (key_id, copy) = renewals.copy_of(text).ok_or_else(|| refused(error, now))?;
            let body = Body::parse(copy).map_err(|error| refused(error, now))?;
            body.deadline(now(), Duration::MAX).map_err(|error| refused(error, now))?;
            (Source::Copy, key_id, body)
        }
    };
    let (mut record, state) = open_payload(&body).map_err(|error| refused(error, now))?;
    let renewal = renewals.latest_of(record.id);
    let proof = renewal.and_then(|found| found.proof);
    let key = match (&record.bound, proof) {
        (None, Some(proof)) => {
            record.bound = Some(Box::new(proof.key));
            KeyIn::RenewalToken
        }
        _ => KeyIn::StateToken,
    };
    if record.bound.is_some() && binding.is_none() {
        return Err(refused(NOT_BOUND_HERE.into(), now).into());
    }
    // A server that is not configured for remembered sessions leaves them to the servers that are.
    let policy = policies.of(record.term).ok_or_else(|| refused(NOT_REMEMBERED.into(), now))?;

    let claims = body.claims;
    let body = Buffer::of(body.unpadded);
    let named = named.unwrap_or(key_id);
    let token = StateToken { key_id, named, source, text: text.to_vec(), claims, body };
    let refuse = |(refusal, fate)| {
        // In headers, a copy of a bound session must not end it. The session may be alive: a thief can
        // leave out the renewal token that records the last activity.
        let may_end = carried.dpop.is_none() || record.bound.is_none();
        let origin = may_end.then(|| record.first_id());
        Err(Refused { refusal, fate, origin })
    };
    if let Some(fate) = is_revoked(&record, &state, &token) {
        return refuse((Refusal::Revoked, fate));
    }
    let lives_until = claims.issued_at + Duration::from_secs(claims.lifetime);
    let expires_at = lives_until.min(policy.deadline(record.started_at, record.ceiling));
    if now() >= expires_at {
        return refuse(over(Refusal::AbsoluteTimeout, expires_at, now));
    }
    let last_seen = renewal.map_or(claims.issued_at, |found| found.issued_at.max(claims.issued_at));
    let validated_at = renewal.map_or(UnixTime::EPOCH, |found| found.validated_at);
    let idle_since = last_seen + policy.idle_timeout();
    if now() >= idle_since {
        return refuse(match renewals.unjudged {
            // A renewal token that has just expired may record the last activity.
            0 => over(Refusal::IdleTimeout, idle_since.max(renewals.expired), now),
            _ => (Refusal::UnknownActivity, Fate::LeftAlone),
        });
    }
    let renewal = match renewal {
        None if renewals.unjudged > 0 => Renewal::LeftAlone,
        None if carried.renewals.is_empty() => Renewal::Absent,
        None => Renewal::Dead,
        Some(found) => Renewal::Counts {
            key_id: found.key_id,
            copy: found.copy_of(text).map_or(Copied::No, |_| Copied::Yes),
        },
    };
    let (state, place) = (Arc::new(state), carried.place);
    let proved_at = proof.map(|proof| proof.at).filter(|_| record.bound.is_some());
    Ok(Alive {
        place,
        record,
        state,
        token,
        renewal,
        last_seen,
        validated_at,
        proved_at,
        key,
        expires_at,
    })
}

/// Steps 11 to 14 of opening (spec section 7), for a state token.
fn open_payload<T: Payload>(body: &Body<'_>) -> Result<(Record, T), OpenError> {
    check_schema::<T>(body.claims.schema)?;
    body.check_padding()?;
    let mut payload = body.payload;
    let record = Record::take(&mut payload)?;
    let state = payload::decode(body.claims.schema, payload)?;
    Ok((record, state))
}

const NOT_BOUND_HERE: PayloadError =
    PayloadError("the session is bound to a device, and this server has no settings for that");

const NOT_REMEMBERED: PayloadError =
    PayloadError("the session is remembered, and this server has no policy for that");

fn refused(error: OpenError, now: &impl Fn() -> UnixTime) -> (Refusal, Fate) {
    match error {
        // A state token lives until the session's absolute deadline.
        OpenError::Expired { expires_at } => over(Refusal::AbsoluteTimeout, expires_at, now),
        error => (Refusal::Token(error), Refusal::Token(error).fate()),
    }
}

/// The refusal of a session that ended at `end`, and what happens to its tokens.
///
/// The tokens are kept for another 60 seconds, because a concurrent request may have renewed the
/// session just before its end, or another server's clock may be behind.
fn over(refusal: Refusal, end: UnixTime, now: &impl Fn() -> UnixTime) -> (Refusal, Fate) {
    let fate = if now() >= end + CLOCK_SKEW { Fate::Cleared } else { Fate::LeftAlone };
    (refusal, fate)
}

/// The renewal tokens of a request.
struct Renewals {
    /// The valid tokens.
    found: Vec<FoundRenewal>,
    /// The number of tokens that are not valid here, but that another server may accept.
    unjudged: usize,
    /// The latest time at which one of the expired tokens expired. This token may belong to another
    /// session. That does no harm, because the time only decides whether the tokens of an ended
    /// session are kept for up to a minute longer.
    expired: UnixTime,
}

struct FoundRenewal {
    id: SessionId,
    issued_at: UnixTime,
    validated_at: UnixTime,
    proof: Option<Proof>,
    key_id: KeyId,
    copy: Option<(Fingerprint, Buffer)>,
}

impl Renewals {
    fn latest_of(&self, id: SessionId) -> Option<&FoundRenewal> {
        let same = self.found.iter().filter(|renewal| renewal.id == id);
        same.max_by_key(|renewal| (renewal.issued_at, renewal.proof.map(|proof| proof.at)))
    }

    fn copy_of(&self, token: &[u8]) -> Option<(KeyId, &[u8])> {
        self.found.iter().find_map(|renewal| Some((renewal.key_id, renewal.copy_of(token)?)))
    }
}

impl FoundRenewal {
    /// Hashes the token only if there is a copy, because most renewal tokens have none.
    fn copy_of(&self, token: &[u8]) -> Option<&[u8]> {
        let (of, body) = self.copy.as_ref()?;
        (*of == fingerprint(token)).then_some(&body[..])
    }
}

fn open_renewals(
    keys: &ChannelKeys,
    policies: &Policies,
    tokens: &[Vec<u8>],
    now: &impl Fn() -> UnixTime,
) -> Renewals {
    let mut renewals = Renewals { found: Vec::new(), unjudged: 0, expired: UnixTime::EPOCH };
    for token in tokens {
        match open_renewal(keys, policies, token, now) {
            Ok(renewal) => renewals.found.push(renewal),
            Err(OpenError::Expired { expires_at }) => {
                renewals.expired = renewals.expired.max(expires_at);
            }
            Err(error) if error.may_be_valid_elsewhere() => {
                renewals.unjudged = renewals.unjudged.saturating_add(1);
            }
            Err(_) => {}
        }
    }
    renewals
}

fn open_renewal(
    keys: &ChannelKeys,
    policies: &Policies,
    token: &[u8],
    now: &impl Fn() -> UnixTime,
) -> Result<FoundRenewal, OpenError> {
    let mut buf = Buffer::new();
    let unsealed = keys.renewal.open(token, now, policies.longest_idle(), &mut buf)?;
    let version = unsealed.body.claims.schema;
    if version > RENEWAL_SCHEMA {
        return Err(OpenError::NewerSchema { version, newest: RENEWAL_SCHEMA });
    }
    unsealed.body.check_padding()?;
    let record = RenewalRecord::read(version, unsealed.body.payload)
        .ok_or(PayloadError("the renewal record is too short"))?;
    Ok(FoundRenewal {
        id: record.id,
        issued_at: unsealed.body.claims.issued_at,
        validated_at: record.validated_at,
        proof: record.proof,
        key_id: unsealed.key_id,
        copy: record.copy.map(|StateCopy { fingerprint, body }| (fingerprint, Buffer::of(body))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::ring::KeyRing;
    use crate::session::policy::Policy;
    use crate::session::tokens::first_renewal;

    #[test]
    fn only_a_renewal_token_that_another_server_may_accept_counts_as_unjudged() {
        let keys = || ChannelKeys::new(&KeyRing::generate().unwrap().into(), "a", b"");
        let (here, elsewhere) = (keys(), keys());
        let policy = Policy::default();
        let policies = Policies { ordinary: policy, remembered: None };
        let now = UnixTime::from_secs(1_796_126_400);
        let made = |keys| {
            let id = SessionId::from_bytes([7; 16]);
            first_renewal(keys, &policy, id, None, now).unwrap().into_bytes()
        };
        let cut = made(&here).split_last().unwrap().1.to_vec();
        for (token, found, unjudged) in [
            (made(&here), 1, 0),
            (made(&elsewhere), 0, 1),
            (cut, 0, 0),
            (b"another library's".to_vec(), 0, 1),
        ] {
            let renewals = open_renewals(&here, &policies, &[token], &|| now);
            assert_eq!((renewals.found.len(), renewals.unjudged), (found, unjudged));
        }
    }
}
