//! What became of the tokens that a request carries (spec section 9): the
//! opening half of the session's state machine.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::keys::handle::RingHandle;
use crate::keys::key::KeyId;
use crate::session::policy::Policy;
use crate::session::record::{RENEWAL_SCHEMA, Record, RenewalRecord, StateCopy};
use crate::time::UnixTime;
use crate::token::error::OpenError;
use crate::token::id::{Fingerprint, SessionId, fingerprint};
use crate::token::payload::{self, Payload, PayloadError};
use crate::token::sealed::Sealing;
use crate::token::values::check_schema;
use crate::token::wipe::Buffer;
use crate::token::wire::{Body, CLOCK_SKEW, Claims, Mode};
use crate::transport::pieces::is_piece;

const BUCKET: u8 = 32;

/// The keys of one channel's two tokens.
pub(crate) struct ChannelKeys {
    pub(crate) state: Sealing,
    pub(crate) renewal: Sealing,
}

impl ChannelKeys {
    /// `channel` is that of spec section 9.
    pub(crate) fn new(ring: &RingHandle, purpose: &str, channel: &[u8]) -> ChannelKeys {
        let sealing = |role: &[u8]| {
            let purpose = [purpose.as_bytes(), role, channel].join(&0);
            Sealing::new(ring.clone(), &purpose, BUCKET)
        };
        ChannelKeys { state: sealing(b"state"), renewal: sealing(b"renewal") }
    }
}

/// The tokens of a request, as they came.
#[derive(Default)]
pub(crate) struct Carried {
    pub(crate) states: Vec<Vec<u8>>,
    pub(crate) renewals: Vec<Vec<u8>>,
}

impl Carried {
    /// Whether something of it looks like ours, in one cookie or in pieces.
    pub(crate) fn has_ours(&self) -> bool {
        let ours = |token: &Vec<u8>| token.starts_with(Mode::Sealed.prefix()) || is_piece(token);
        self.states.iter().any(ours)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.states.is_empty() && self.renewals.is_empty()
    }
}

pub(crate) enum Judged<T> {
    Absent,
    Refused(Refused),
    Alive(Alive<T>),
}

/// Tokens that make no session here.
#[derive(Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) fate: Fate,
    /// The first id of the session, if its state token is authentic: it may be
    /// alive on another server, and be ended here.
    pub(crate) origin: Option<SessionId>,
}

impl From<(Refusal, Fate)> for Refused {
    fn from((refusal, fate): (Refusal, Fate)) -> Refused {
        Refused { refusal, fate, origin: None }
    }
}

/// What becomes of tokens that make no session here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// They are dead, on every server.
    Cleared,
    /// They may be alive on another.
    LeftAlone,
}

/// A session that is alive, as its tokens say.
pub(crate) struct Alive<T> {
    pub(crate) record: Record,
    pub(crate) state: Arc<T>,
    pub(crate) token: StateToken,
    pub(crate) renewal: Renewal,
    pub(crate) last_seen: UnixTime,
    /// When the application last said that the session holds; 1970 if never.
    pub(crate) validated_at: UnixTime,
    /// The absolute deadline.
    pub(crate) expires_at: UnixTime,
}

/// The state token, or the copy that stands for it.
pub(crate) struct StateToken {
    /// The key that opened it, or its copy.
    pub(crate) key_id: KeyId,
    /// The key that its text names.
    pub(crate) named: KeyId,
    pub(crate) source: Source,
    pub(crate) text: Vec<u8>,
    pub(crate) claims: Claims,
    /// Without padding.
    pub(crate) body: Buffer,
}

/// Where the state was read from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Token,
    Copy,
}

/// The renewal token that came with a session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// There was none.
    Absent,
    /// It is dead, or another session's: a new one may be written over it.
    Dead,
    /// It counts; and whether it holds a copy of this state token.
    Counts { key_id: KeyId, copy: Copied },
    /// It cannot be judged here: none may be written over it.
    LeftAlone,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copied {
    No,
    Yes,
}

/// Why a request that carries a session's tokens has no session.
///
/// For logs and metrics. The client must not learn which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The state token does not open.
    Token(OpenError),
    /// It was revoked: see [`Revocations`](crate::Revocations).
    Revoked,
    /// The absolute timeout or the ceiling has passed.
    AbsoluteTimeout,
    /// Nothing was seen of the session for the idle timeout.
    IdleTimeout,
    /// The state token alone is past the idle timeout, and the renewal token,
    /// which may say otherwise, cannot be judged here.
    UnknownActivity,
    /// The application's check ([`revalidate`](crate::session::SessionsBuilder::revalidate))
    /// said that it is over.
    Invalidated,
    /// That check is due, and has not been made in this request or could not
    /// tell: see [`Session::revalidate`](crate::Session::revalidate).
    NotRevalidated,
}

impl Refusal {
    /// Whether another server might accept the session, so that its tokens are
    /// left alone; the others are cleared. (After a timeout they are cleared
    /// once it is past by more than [`CLOCK_SKEW`]: another
    /// server's clock, or a renewal on its way, may say otherwise until then.)
    #[must_use]
    pub fn may_be_valid_elsewhere(&self) -> bool {
        match self {
            Refusal::Token(error) => error.may_be_valid_elsewhere(),
            Refusal::UnknownActivity | Refusal::NotRevalidated => true,
            Refusal::Revoked
            | Refusal::AbsoluteTimeout
            | Refusal::IdleTimeout
            | Refusal::Invalidated => false,
        }
    }

    pub(crate) fn fate(&self) -> Fate {
        if self.may_be_valid_elsewhere() { Fate::LeftAlone } else { Fate::Cleared }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Token(error) => error.fmt(f),
            Refusal::Revoked => f.write_str("the session was revoked"),
            Refusal::AbsoluteTimeout => f.write_str("the absolute timeout has passed"),
            Refusal::IdleTimeout => f.write_str("the idle timeout has passed"),
            Refusal::UnknownActivity => {
                f.write_str("the renewal token, which tells the last activity, cannot be judged")
            }
            Refusal::Invalidated => f.write_str("the application's check says that it is over"),
            Refusal::NotRevalidated => {
                f.write_str("the application's check is due and was not made, or could not tell")
            }
        }
    }
}

/// Opens the tokens of a request. The first state token that makes a living
/// session counts; if none does, one that may live elsewhere outweighs the dead.
///
/// `is_revoked` is asked of what is authentic, before its timeouts.
pub(crate) fn judge<T: Payload>(
    keys: &ChannelKeys,
    policy: &Policy,
    carried: &Carried,
    now: impl Fn() -> UnixTime,
    is_revoked: impl Fn(&Record, &T, &StateToken) -> bool,
) -> Judged<T> {
    let mut judged = Judged::Absent;
    for token in &carried.states {
        match open_session(keys, policy, token, &carried.renewals, &now, &is_revoked) {
            Ok(alive) => return Judged::Alive(alive),
            Err(refused) => match judged {
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
    policy: &Policy,
    text: &[u8],
    renewal_texts: &[Vec<u8>],
    now: &impl Fn() -> UnixTime,
    is_revoked: &impl Fn(&Record, &T, &StateToken) -> bool,
) -> Result<Alive<T>, Refused> {
    let mut buf = Buffer::new();
    let opened = keys.state.open(text, now, Duration::MAX, &mut buf);
    if let Err(error) = &opened
        && !matches!(error, OpenError::UnknownKey(_) | OpenError::RetiredKey(_))
    {
        return Err(refused(*error, now).into());
    }

    // Only now: a forged state token costs no second decryption.
    let renewals = open_renewals(keys, policy, renewal_texts, now);
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
    let (record, state) = open_payload(&body).map_err(|error| refused(error, now))?;

    let claims = body.claims;
    let body = Buffer::of(body.unpadded);
    let named = named.unwrap_or(key_id);
    let token = StateToken { key_id, named, source, text: text.to_vec(), claims, body };
    let refuse = |(refusal, fate)| {
        let origin = Some(record.first_id());
        Err(Refused { refusal, fate, origin })
    };
    if is_revoked(&record, &state, &token) {
        return refuse((Refusal::Revoked, Fate::Cleared));
    }
    let lives_until = claims.issued_at + Duration::from_secs(claims.lifetime);
    let expires_at = lives_until.min(policy.deadline(record.started_at, record.ceiling));
    if now() >= expires_at {
        return refuse(over(Refusal::AbsoluteTimeout, expires_at, now));
    }
    let renewal = renewals.latest_of(record.id);
    let last_seen = renewal.map_or(claims.issued_at, |found| found.issued_at.max(claims.issued_at));
    let validated_at = renewal.map_or(UnixTime::EPOCH, |found| found.validated_at);
    let idle_since = last_seen + policy.idle_timeout();
    if now() >= idle_since {
        return refuse(match renewals.unjudged {
            // The last activity may be that of a renewal token that has just expired.
            0 => over(Refusal::IdleTimeout, idle_since.max(renewals.expired), now),
            _ => (Refusal::UnknownActivity, Fate::LeftAlone),
        });
    }
    let renewal = match renewal {
        None if renewals.unjudged > 0 => Renewal::LeftAlone,
        None if renewal_texts.is_empty() => Renewal::Absent,
        None => Renewal::Dead,
        Some(found) => Renewal::Counts {
            key_id: found.key_id,
            copy: found.copy_of(text).map_or(Copied::No, |_| Copied::Yes),
        },
    };
    let state = Arc::new(state);
    Ok(Alive { record, state, token, renewal, last_seen, validated_at, expires_at })
}

/// Steps 11 to 14 for a state token.
fn open_payload<T: Payload>(body: &Body<'_>) -> Result<(Record, T), OpenError> {
    check_schema::<T>(body.claims.schema)?;
    body.check_padding()?;
    let mut payload = body.payload;
    let record = Record::take(&mut payload)?;
    let state = payload::decode(body.claims.schema, payload)?;
    Ok((record, state))
}

fn refused(error: OpenError, now: &impl Fn() -> UnixTime) -> (Refusal, Fate) {
    match error {
        // A state token lives until the session's absolute deadline.
        OpenError::Expired { expires_at } => over(Refusal::AbsoluteTimeout, expires_at, now),
        error => (Refusal::Token(error), Refusal::Token(error).fate()),
    }
}

/// A session that was over at `end`. An overlapping request may have renewed it
/// just before, or another server's clock be behind: its tokens stay for as long.
fn over(refusal: Refusal, end: UnixTime, now: &impl Fn() -> UnixTime) -> (Refusal, Fate) {
    let fate = if now() >= end + CLOCK_SKEW { Fate::Cleared } else { Fate::LeftAlone };
    (refusal, fate)
}

/// The renewal tokens of a request that open, and how many may be valid elsewhere.
struct Renewals {
    found: Vec<FoundRenewal>,
    unjudged: usize,
    /// When the latest of those ended that are over: an idle timeout after it was issued.
    /// Whose it was is not asked, since it only lets dead tokens stay a minute longer.
    expired: UnixTime,
}

struct FoundRenewal {
    id: SessionId,
    issued_at: UnixTime,
    validated_at: UnixTime,
    key_id: KeyId,
    copy: Option<(Fingerprint, Buffer)>,
}

impl Renewals {
    fn latest_of(&self, id: SessionId) -> Option<&FoundRenewal> {
        let same = self.found.iter().filter(|renewal| renewal.id == id);
        same.max_by_key(|renewal| renewal.issued_at)
    }

    fn copy_of(&self, token: &[u8]) -> Option<(KeyId, &[u8])> {
        self.found.iter().find_map(|renewal| Some((renewal.key_id, renewal.copy_of(token)?)))
    }
}

impl FoundRenewal {
    /// Most renewals hold none: the token is hashed for those that do.
    fn copy_of(&self, token: &[u8]) -> Option<&[u8]> {
        let (of, body) = self.copy.as_ref()?;
        (*of == fingerprint(token)).then_some(&body[..])
    }
}

fn open_renewals(
    keys: &ChannelKeys,
    policy: &Policy,
    tokens: &[Vec<u8>],
    now: &impl Fn() -> UnixTime,
) -> Renewals {
    let mut renewals = Renewals { found: Vec::new(), unjudged: 0, expired: UnixTime::EPOCH };
    for token in tokens {
        match open_renewal(keys, policy, token, now) {
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
    policy: &Policy,
    token: &[u8],
    now: &impl Fn() -> UnixTime,
) -> Result<FoundRenewal, OpenError> {
    let mut buf = Buffer::new();
    let unsealed = keys.renewal.open(token, now, policy.idle_timeout(), &mut buf)?;
    let version = unsealed.body.claims.schema;
    if version > RENEWAL_SCHEMA {
        return Err(OpenError::NewerSchema { version, newest: RENEWAL_SCHEMA });
    }
    unsealed.body.check_padding()?;
    let record = RenewalRecord::read(unsealed.body.payload)
        .ok_or(PayloadError("the renewal record is cut"))?;
    Ok(FoundRenewal {
        id: record.id,
        issued_at: unsealed.body.claims.issued_at,
        validated_at: record.validated_at,
        key_id: unsealed.key_id,
        copy: record.copy.map(|StateCopy { fingerprint, body }| (fingerprint, Buffer::of(body))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::ring::KeyRing;
    use crate::session::tokens::first_renewal;

    #[test]
    fn only_a_renewal_that_may_be_alive_elsewhere_leaves_a_session_unjudged() {
        let keys = || ChannelKeys::new(&KeyRing::generate().unwrap().into(), "a", b"");
        let (here, elsewhere) = (keys(), keys());
        let (policy, now) = (Policy::default(), UnixTime::from_secs(1_796_126_400));
        let made = |keys| {
            let id = SessionId::from_bytes([7; 16]);
            first_renewal(keys, &policy, id, now).unwrap().into_bytes()
        };
        let cut = made(&here).split_last().unwrap().1.to_vec();
        for (token, found, unjudged) in [
            (made(&here), 1, 0),
            (made(&elsewhere), 0, 1),
            (cut, 0, 0),
            (b"another library's".to_vec(), 0, 1),
        ] {
            let renewals = open_renewals(&here, &policy, &[token], &|| now);
            assert_eq!((renewals.found.len(), renewals.unjudged), (found, unjudged));
        }
    }
}
