//! The session of one request: read it, start it, change it. With `judge`,
//! `ending` and `closing` the whole state machine of a session; adapters only plumb.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::revocation::entry::Subject;
use crate::revocation::list::Asked;
use crate::session::about::{About, Checked};
use crate::session::answer::NewTokens;
use crate::session::error::SessionError;
use crate::session::event::Event;
use crate::session::info::{Info, Status};
use crate::session::judge::{Alive, Carried, Judged, Refusal, StateToken, judge};
use crate::session::migration::{Adopted, Old, OldServers};
use crate::session::pending::{Activity, Change, Kind, Pending, Response, Written};
use crate::session::record::Record;
use crate::session::shared::{Channel, Shared};
use crate::session::start::Start;
use crate::session::tokens;
use crate::time::UnixTime;
use crate::token::error::SealError;
use crate::token::id::SessionId;
use crate::token::payload::{self, Payload, PayloadError};
use crate::token::wipe::Buffer;

/// The session of one request, whose state is a `T`.
///
/// A handle: clones are the same session. It opens the tokens when it is first
/// looked at, and the response takes what has changed with it. Once the head
/// of the response has left, changes are refused with
/// [`SessionError::ResponseSent`].
///
/// | what | when there is a session | when there is none |
/// |---|---|---|
/// | [`get`](Session::get), [`with`](Session::with) | the state | `None` |
/// | [`start`](Session::start) | a new session in its place | a new session |
/// | [`set`](Session::set), [`update`](Session::update) | the state changes | `SessionError::NoSession` |
/// | [`end`](Session::end) | removed from the client | removed from the client |
///
/// A session that cannot be judged here (an unknown key, a newer schema) is
/// none, and stays in the client untouched unless `start` or `end` is called.
/// So do not start sessions for guests without a look at why there is none: in
/// a rolling deploy that would replace what a newer server has made.
///
/// ```
/// # use bulla::{Payload, Session, SessionError};
/// # use bulla::session::Status;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "shop.example/cart")]
/// # struct Cart { items: Vec<u64> }
/// fn put_in_cart(session: &Session<Cart>, item: u64) -> Result<(), SessionError> {
///     match session.status() {
///         Status::Alive => session.update(|cart| cart.items.push(item)),
///         Status::Refused(why) if why.may_be_valid_elsewhere() => Ok(()), // "try again"
///         _ => session.start(Cart { items: vec![item] }),
///     }
/// }
/// ```
pub struct Session<T> {
    pub(crate) inner: Arc<Inner<T>>,
}

pub(crate) struct Inner<T> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) about: Arc<About<T>>,
    pub(crate) channel: Channel,
    pub(crate) carried: Carried,
    pub(crate) old: Option<Old<T>>,
    pub(crate) now: OnceLock<UnixTime>,
    pub(crate) clock: Clock,
    pub(crate) judged: OnceLock<Judged<T>>,
    pub(crate) checked: Checked,
    pub(crate) adopted: OnceLock<Option<Arc<Written<T>>>>,
    pub(crate) pending: Mutex<Pending<T>>,
}

/// Where the time comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    Runs,
    /// The caller has said what time it is.
    StandsStill,
}

impl<T: Payload> Session<T> {
    /// The state, if there is a session.
    #[must_use]
    pub fn get(&self) -> Option<Arc<T>> {
        self.current().map(|(_, state)| state)
    }

    /// Reads the state, if there is a session.
    pub fn with<R>(&self, read: impl FnOnce(Option<&T>) -> R) -> R {
        read(self.get().as_deref())
    }

    /// Starts a new session with a new id: the user has signed in. What the
    /// client had before is replaced.
    ///
    /// # Errors
    /// [`SessionError::TooLarge`], with the old session kept; and when the
    /// response has left, no key is primary, or there is no randomness.
    pub fn start(&self, state: T) -> Result<(), SessionError> {
        self.start_with(state, Start::new())
    }

    /// Starts a new session with options. See [`start`](Session::start).
    ///
    /// # Errors
    /// As [`start`](Session::start), and [`SessionError::NoChannel`].
    pub fn start_with(&self, state: T, options: Start) -> Result<(), SessionError> {
        let revision = self.revision()?;
        let now = self.now();
        let started_at = self.start_of(&state);
        // One that is put after a revocation lives no longer for it.
        let ends = (started_at > now).then(|| now + self.inner.shared.policy.absolute_timeout());
        let record = Record {
            id: SessionId::new().map_err(SealError::from)?,
            started_at,
            reauthenticated_at: now,
            ceiling: options.ceiling.into_iter().chain(ends).min(),
            origin: None,
        };
        let channel = options.channel.unwrap_or(self.inner.channel);
        if (self.inner.channel, channel) == (Channel::Bearer, Channel::Cookie) {
            return Err(SessionError::NoChannel);
        }
        self.write(record, Arc::new(state), channel, Kind::Started, revision)
    }

    /// Replaces the state. A state that encodes equal writes nothing.
    ///
    /// # Errors
    /// [`SessionError::NoSession`]; [`SessionError::TooLarge`], with the old
    /// state kept; and as for [`start`](Session::start).
    pub fn set(&self, state: T) -> Result<(), SessionError> {
        self.change(|_| Ok((state, ())))
    }

    /// Changes the state in place: a copy of it, which takes its place if it
    /// encodes differently afterwards. The closure may use the session.
    ///
    /// # Errors
    /// As [`set`](Session::set), and [`SessionError::Conflict`] when the
    /// session was changed while the closure ran.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, SessionError> {
        self.change(|encoded| {
            let mut state = payload::decode(T::VERSION, encoded)?;
            let result = change(&mut state);
            Ok((state, result))
        })
    }

    /// The user has proved again who they are, or was given more rights: the
    /// session gets a new id and counts as fresh. Its clocks go on.
    ///
    /// # Errors
    /// As [`set`](Session::set).
    pub fn reauthenticated(&self) -> Result<(), SessionError> {
        let revision = self.revision()?;
        let (record, state) = self.there()?;
        let record = record.renamed().map_err(SealError::from)?;
        let record = Record { reauthenticated_at: self.now(), ..record };
        let (channel, kind) = self.renaming();
        self.write(record, state, channel, kind, revision)
    }

    /// As what a session under a new id is written: one that this request has
    /// started stays one that was started.
    pub(crate) fn renaming(&self) -> (Channel, Kind) {
        match self.writing() {
            (channel, Kind::Started) => (channel, Kind::Started),
            (channel, _) => (channel, Kind::Renamed),
        }
    }

    /// When a session that starts now begins. Whoever signs in after a
    /// revocation is not meant by it, though it covers this second, and the
    /// clock of the server that made it may be ahead.
    fn start_of(&self, state: &T) -> UnixTime {
        let now = self.now();
        let Some(revocations) = &self.inner.shared.revocations else { return now };
        revocations.start(self.subject_of(state), now)
    }

    pub(crate) fn subject_of(&self, state: &T) -> Option<Subject> {
        let subject = self.inner.about.subject.as_ref()?;
        Some(Subject::of(T::PURPOSE, &subject(state)))
    }

    fn is_revoked(&self, record: &Record, state: &T, token: &StateToken) -> bool {
        let Some(revocations) = &self.inner.shared.revocations else { return false };
        revocations.has(&Asked {
            id: record.id,
            origin: record.first_id(),
            subject: &|| self.subject_of(state),
            started_at: record.started_at,
            keys: Some(([token.named, token.key_id], token.claims.issued_at)),
        })
    }

    /// This request is no activity of the user: a poll in the background does
    /// not keep a session alive. One that changes the state does, all the same.
    pub fn ignore_activity(&self) {
        self.pending().activity = Activity::Ignored;
    }

    /// Whether there is a session, and if not, why.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.changed() {
            Change::Written(_) => return Status::Alive,
            Change::Ended => return Status::Ended,
            Change::Untouched => {}
        }
        if let Some(refusal) = self.adopted().and_then(|_| self.verdict().err()) {
            return Status::Refused(refusal);
        }
        match self.judged() {
            Judged::Absent => Status::Absent,
            Judged::Refused(refused) => Status::Refused(refused.refusal),
            Judged::Alive(alive) => match self.validity(alive) {
                Ok(()) => Status::Alive,
                Err(refusal) => Status::Refused(refusal),
            },
        }
    }

    /// Facts about the session, if there is one.
    #[must_use]
    pub fn info(&self) -> Option<Info> {
        let mut borrowed = false;
        let (record, last_seen, expires_at, key_id, token_len) = match self.changed() {
            Change::Written(w) => {
                borrowed = w.kind == Kind::Borrowed;
                (w.record, self.now(), w.expires_at, w.key_id, w.tokens.state.len())
            }
            Change::Ended => return None,
            Change::Untouched => {
                let alive = self.alive()?;
                let token = &alive.token;
                (alive.record, alive.last_seen, alive.expires_at, token.key_id, token.text.len())
            }
        };
        let idle_expires_at = last_seen + self.inner.shared.policy.idle_timeout();
        Some(Info {
            id: record.id,
            origin: record.first_id(),
            borrowed,
            started_at: record.started_at,
            reauthenticated_at: record.reauthenticated_at,
            last_seen,
            idle_expires_at: idle_expires_at.min(expires_at),
            expires_at,
            key_id,
            token_len,
        })
    }

    /// The time of this request: the clock is read once.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        *self.inner.now.get_or_init(|| (self.inner.shared.clock)())
    }

    /// How this request's session travels.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.inner.channel
    }

    pub(crate) fn judged(&self) -> &Judged<T> {
        let Inner { shared, channel, carried, judged, .. } = &*self.inner;
        judged.get_or_init(|| {
            let Some(keys) = shared.keys(*channel) else { return Judged::Absent };
            let is_revoked = |record: &Record, state: &T, token: &StateToken| {
                self.is_revoked(record, state, token)
            };
            let judged = judge(keys, &shared.policy, carried, || self.now(), is_revoked);
            match &judged {
                Judged::Absent => {}
                Judged::Refused(refused) => shared.emit(Event::Refused(refused.refusal)),
                Judged::Alive(Alive { record, token, .. }) => {
                    shared.emit(Event::Opened { id: record.id, key_id: token.key_id });
                }
            }
            judged
        })
    }

    fn alive(&self) -> Option<&Alive<T>> {
        match self.judged() {
            Judged::Alive(alive) if self.validity(alive).is_ok() => Some(alive),
            _ => None,
        }
    }

    /// What this request has done so far.
    fn changed(&self) -> Change<T> {
        let change = self.pending().change.clone();
        self.or_adopted(change)
    }

    /// A request that has done nothing may have had a session adopted.
    fn or_adopted(&self, change: Change<T>) -> Change<T> {
        match change {
            Change::Untouched => {
                self.adopted_and_holds().map_or(Change::Untouched, Change::Written)
            }
            change => change,
        }
    }

    /// The same, if the application's check says that it holds.
    pub(crate) fn adopted_and_holds(&self) -> Option<Arc<Written<T>>> {
        self.adopted().filter(|_| self.verdict().is_ok())
    }

    /// The session of the library before, if the request carries none of ours,
    /// be it alive or not.
    pub(crate) fn adopted(&self) -> Option<Arc<Written<T>>> {
        let old = self.inner.old.as_ref()?;
        let adopt = || {
            self.judged(); // it is looked at, and what is refused is said to be
            if self.inner.carried.has_ours() {
                return None;
            }
            let (adopted, servers) = old.adopt(self.now())?;
            if self.is_revoked_before(&adopted) {
                self.inner.shared.emit(Event::Refused(Refusal::Revoked));
                return None;
            }
            let kind = match servers {
                OldServers::Gone => Kind::Adopted,
                OldServers::Running => Kind::Borrowed,
            };
            match self.adopt(adopted, kind) {
                Ok(written) => Some(Arc::new(written)),
                Err(error) => {
                    self.inner.shared.emit(Event::NotAdopted(error));
                    None
                }
            }
        };
        self.inner.adopted.get_or_init(adopt).clone()
    }

    /// Whoever was signed out everywhere was so with the old library's tokens,
    /// too; one that does not say how old it is counts as old.
    fn is_revoked_before(&self, adopted: &Adopted<T>) -> bool {
        let Some(revocations) = &self.inner.shared.revocations else { return false };
        revocations.has(&Asked {
            id: SessionId::from_bytes([0; 16]),
            origin: SessionId::from_bytes([0; 16]),
            subject: &|| self.subject_of(&adopted.state),
            started_at: adopted.started_at.unwrap_or(UnixTime::EPOCH),
            keys: None,
        })
    }

    fn adopt(&self, adopted: Adopted<T>, kind: Kind) -> Result<Written<T>, SessionError> {
        let now = self.now();
        let record = Record {
            id: SessionId::new().map_err(SealError::from)?,
            started_at: adopted.started_at.unwrap_or(now).min(now),
            reauthenticated_at: adopted.started_at.unwrap_or(UnixTime::EPOCH).min(now),
            ceiling: adopted.ceiling,
            origin: None,
        };
        self.sealed(record, Arc::new(adopted.state), self.inner.channel, kind)
    }

    /// The session as this request has left it.
    pub(crate) fn current(&self) -> Option<(Record, Arc<T>)> {
        match self.changed() {
            Change::Written(written) => Some((written.record, Arc::clone(&written.state))),
            Change::Ended => None,
            Change::Untouched => self.alive().map(|alive| (alive.record, Arc::clone(&alive.state))),
        }
    }

    /// The same, or why there is none to change.
    pub(crate) fn there(&self) -> Result<(Record, Arc<T>), SessionError> {
        self.current().ok_or_else(|| match self.status() {
            Status::Refused(Refusal::NotRevalidated) => SessionError::NotNow,
            _ => SessionError::NoSession,
        })
    }

    /// Where a change is written to, and as what: a session that this request
    /// has started or adopted stays one.
    pub(crate) fn writing(&self) -> (Channel, Kind) {
        match self.changed() {
            Change::Written(written) => match written.kind {
                Kind::Borrowed => (written.tokens.channel, Kind::Adopted),
                kind => (written.tokens.channel, kind),
            },
            _ => (self.inner.channel, Kind::Changed),
        }
    }

    fn change<R>(
        &self,
        make: impl FnOnce(&[u8]) -> Result<(T, R), SessionError>,
    ) -> Result<R, SessionError> {
        let revision = self.revision()?;
        let (record, state) = self.there()?;
        let before = encoded(&*state)?;
        let (state, result) = make(&before)?;
        if *encoded(&state)? == *before {
            return Ok(result);
        }
        let (channel, kind) = self.writing();
        self.write(record, Arc::new(state), channel, kind, revision)?;
        Ok(result)
    }

    /// Puts a state in place, unless another change came between.
    pub(crate) fn write(
        &self,
        record: Record,
        state: Arc<T>,
        channel: Channel,
        kind: Kind,
        revision: u64,
    ) -> Result<(), SessionError> {
        let written = self.sealed(record, state, channel, kind)?;
        let mut pending = self.pending();
        if pending.revision != revision {
            return Err(SessionError::Conflict);
        }
        pending.put(Change::Written(Arc::new(written)))
    }

    /// Seals a state now, so that whatever can fail fails on the line that sets it.
    fn sealed(
        &self,
        record: Record,
        state: Arc<T>,
        channel: Channel,
        kind: Kind,
    ) -> Result<Written<T>, SessionError> {
        let shared = &self.inner.shared;
        let keys = shared.keys(channel).ok_or(SessionError::NoChannel)?;
        let now = self.now();
        let expires_at = shared.policy.deadline(record.started_at, record.ceiling);
        if expires_at <= now {
            return Err(SessionError::CeilingPassed);
        }
        let (key_id, text) = match tokens::state(keys, &record, &*state, expires_at, now) {
            Err(error @ SealError::TooLong { len, .. }) => {
                shared.check_fit(channel, len)?; // names the cookie's limit, not the format's
                return Err(error.into());
            }
            sealed => sealed?,
        };
        shared.check_fit(channel, text.len())?;
        let renewal = match (channel, kind) {
            (Channel::Cookie, _) | (Channel::Bearer, Kind::Changed) => None,
            (Channel::Bearer, _) => {
                Some(tokens::first_renewal(keys, &shared.policy, record.id, now)?)
            }
        };
        let age = expires_at.since(now);
        let tokens = NewTokens { channel, state: text, renewal, age };
        Ok(Written { record, state, key_id, tokens, expires_at, kind })
    }

    /// The number of changes so far; an error once the response has left.
    pub(crate) fn revision(&self) -> Result<u64, SessionError> {
        let pending = self.pending();
        match pending.response {
            Response::Open => Ok(pending.revision),
            Response::Sent => Err(SessionError::ResponseSent),
        }
    }
}

impl<T> Session<T> {
    pub(crate) fn new(
        shared: Arc<Shared>,
        channel: Channel,
        carried: Carried,
        old: Option<Old<T>>,
        about: Arc<About<T>>,
        now: Option<UnixTime>,
    ) -> Session<T> {
        let inner = Inner {
            shared,
            about,
            channel,
            carried,
            old,
            clock: now.map_or(Clock::Runs, |_| Clock::StandsStill),
            now: now.map_or_else(OnceLock::new, OnceLock::from),
            judged: OnceLock::new(),
            checked: Checked::new(),
            adopted: OnceLock::new(),
            pending: Mutex::new(Pending::new()),
        };
        Session { inner: Arc::new(inner) }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    /// No code of the application runs while this is held.
    pub(crate) fn pending(&self) -> MutexGuard<'_, Pending<T>> {
        self.inner.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encoded<T: Payload>(state: &T) -> Result<Buffer, PayloadError> {
    let mut out = Buffer::new();
    payload::encode(state, &mut out)?;
    Ok(out)
}

impl<T> Clone for Session<T> {
    fn clone(&self) -> Session<T> {
        Session { inner: Arc::clone(&self.inner) }
    }
}

/// The state is left out.
impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("channel", &self.inner.channel).finish_non_exhaustive()
    }
}
