//! The session of one request, as a handler uses it.
//!
//! This file reads a session. `change` and `ending` change it, `judge` opens its tokens and
//! `closing` builds the response headers.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::keys::key::KeyId;
use crate::revocation::entry::Subject;
use crate::revocation::set::Asked;
use crate::session::about::{About, Checked};
use crate::session::asker::Asker;
use crate::session::carried::Carried;
use crate::session::error::SessionError;
use crate::session::event::Event;
use crate::session::info::{Info, Status};
use crate::session::judge::{Alive, Judged, StateToken, judge};
use crate::session::migration::Old;
use crate::session::pending::{Activity, Change, Kind, Pending, Response, Written};
use crate::session::policy::Term;
use crate::session::record::Record;
use crate::session::refusal::{Fate, Refusal};
use crate::session::shared::{Channel, Shared};
use crate::session::user::Loaded;
use crate::time::UnixTime;
use crate::token::payload::Payload;
use crate::transport::cross_origin::Sender;

/// The session of one request, with state of type `T`.
///
/// Clones share one session. The tokens are opened when the handler first reads the session. The
/// response carries the changes to the client. After the headers of the response were sent, changes
/// fail with [`SessionError::ResponseSent`].
///
/// | method | if there is a session | if there is none |
/// |---|---|---|
/// | [`get`](Session::get), [`with`](Session::with) | the state | `None` |
/// | [`start`](Session::start) | replaces it with a new session | starts a new session |
/// | [`set`](Session::set), [`update`](Session::update) | changes the state | `NoSession` error |
/// | [`end`](Session::end) | deletes it from the client | deletes it from the client |
///
/// If a page on another origin sent the request, the request has no session, and `start` and the
/// other changes fail with [`SessionError::CrossOrigin`]. See
/// [cross-origin requests](crate::Sessions#cross-origin-requests).
///
/// If this server cannot judge the tokens, for example because it does not know the key or the
/// schema is newer, the request has no session. The tokens are
/// [left alone](crate::session::Refusal::may_be_valid_elsewhere) unless the handler calls `start`
/// or `end`.
///
/// So before you start a session for a guest, check why there is none. Otherwise, during a rolling
/// deploy, your code would replace sessions of newer servers:
///
/// ```
/// # use bulla::{Payload, Session, SessionError};
/// # use bulla::session::{Refusal, Status};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "shop.example/cart")]
/// # struct Cart { items: Vec<u64> }
/// fn put_in_cart(session: &Session<Cart>, item: u64) -> Result<(), SessionError> {
///     match session.status() {
///         Status::Alive => session.update(|cart| cart.items.push(item)),
///         // The client is asked for a proof of its key, if sessions can be bound to one.
///         Status::Refused(Refusal::ProofDue | Refusal::ProofRefused) => Err(SessionError::NoSession),
///         Status::Refused(why) if why.may_be_valid_elsewhere() => Err(SessionError::NotNow),
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
    pub(crate) sender: Sender,
    pub(crate) asker: Asker,
    /// The path and query to which a user can come back. They are those of the request or, for a
    /// request from htmx, those of the page that sent it.
    pub(crate) target: OnceLock<String>,
    /// The path and query of the request, with any method. Empty if browsers cannot bind sessions to
    /// a device.
    pub(crate) here: OnceLock<String>,
    pub(crate) carried: Carried,
    pub(crate) old: Option<Old<T>>,
    pub(crate) now: OnceLock<UnixTime>,
    pub(crate) clock: Clock,
    pub(crate) judged: OnceLock<Judged<T>>,
    pub(crate) proven: OnceLock<Result<(), Refusal>>,
    pub(crate) checked: Checked,
    pub(crate) loaded: OnceLock<Loaded>,
    pub(crate) adopted: OnceLock<Option<Arc<Written<T>>>>,
    pub(crate) pending: Mutex<Pending<T>>,
}

/// Where the time of a request comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    Runs,
    /// The caller set the time.
    StandsStill,
}

impl<T: Payload> Session<T> {
    /// Returns the state, if there is a session.
    #[must_use]
    pub fn get(&self) -> Option<Arc<T>> {
        self.current().map(|(_, state)| state)
    }

    /// Calls `read` with the state, if there is a session.
    pub fn with<R>(&self, read: impl FnOnce(Option<&T>) -> R) -> R {
        read(self.get().as_deref())
    }

    pub(crate) fn subject_of(&self, state: &T) -> Option<Subject> {
        let subject = self.inner.about.subject.as_ref()?;
        Some(Subject::of(T::PURPOSE, &subject(state)))
    }

    /// Whether the revocation list revokes this session. `keys` are the keys of its state token.
    pub(crate) fn is_revoked(
        &self,
        record: &Record,
        state: &T,
        keys: Option<([KeyId; 2], UnixTime)>,
    ) -> bool {
        let Some(revocations) = &self.inner.shared.revocations else { return false };
        revocations.has(&Asked {
            id: record.id,
            origin: record.first_id(),
            subject: &|| self.subject_of(state),
            started_at: record.started_at,
            follows: record.follows(),
            keys,
        })
    }

    /// Marks this request as background activity, such as a poll. Such a request does not extend
    /// the idle timeout, unless it changes the state.
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

    /// Returns facts about the session, if there is one.
    #[must_use]
    pub fn info(&self) -> Option<Info> {
        let mut borrowed = false;
        let proof;
        let (record, last_seen, expires_at, key_id, token_len) = match self.changed() {
            Change::Written(w) => {
                borrowed = w.kind == Kind::Borrowed;
                proof = w.record.bound.as_ref().and_then(|_| self.proof_of_change(w.kind).ok()?);
                (w.record.clone(), self.now(), w.expires_at, w.key_id, w.tokens.state.len())
            }
            Change::Ended => return None,
            Change::Untouched => {
                let alive = self.alive()?;
                let token = &alive.token;
                proof = self.proof_of(alive);
                (
                    alive.record.clone(),
                    alive.last_seen,
                    alive.expires_at,
                    token.key_id,
                    token.text.len(),
                )
            }
        };
        let idle = self.inner.shared.policy(record.term).idle_timeout();
        let idle_expires_at = last_seen + idle;
        Some(Info {
            id: record.id,
            origin: record.first_id(),
            borrowed,
            remembered: record.term == Term::Remembered,
            bound: record.bound.is_some(),
            proof_expires_at: proof.and_then(|proof| self.proof_expires_at(proof)),
            started_at: record.started_at,
            reauthenticated_at: record.reauthenticated_at,
            last_seen,
            idle_expires_at: idle_expires_at.min(expires_at),
            expires_at,
            key_id,
            token_len,
        })
    }

    /// The time of this request. Every call returns the same time.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        *self.inner.now.get_or_init(|| (self.inner.shared.clock)())
    }

    /// The transport of this request's session.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.inner.channel
    }

    pub(crate) fn judged(&self) -> &Judged<T> {
        let Inner { shared, channel, sender, carried, judged, .. } = &*self.inner;
        judged.get_or_init(|| {
            let keys = shared.keys_at(*channel, carried.place);
            let Some(keys) = keys else { return Judged::Absent };
            let is_revoked = |record: &Record, state: &T, token: &StateToken| {
                let keys = ([token.named, token.key_id], token.claims.issued_at);
                if self.is_revoked(record, state, Some(keys)) {
                    return Some(Fate::Cleared);
                }
                // If the session was bound to a device after this token was made, the token is left
                // alone: the user's own browser may have sent it, and a token with the key may be on
                // its way.
                shared.has_been_bound(record).then_some(Fate::LeftAlone)
            };
            let proven = |alive: &Alive<T>| {
                let binding = shared.binding(*channel);
                binding.is_none_or(|binding| self.missing_proof(binding, alive).is_none())
            };
            let judged = match sender {
                Sender::Trusted => {
                    let settings = (&shared.policies, shared.binding(*channel));
                    judge(keys, settings, carried, || self.now(), is_revoked, proven)
                }
                Sender::CrossOrigin => {
                    Judged::Refused((Refusal::CrossOrigin, Fate::LeftAlone).into())
                }
            };
            match &judged {
                Judged::Absent => {}
                Judged::Refused(refused) => shared.emit(Event::Refused(refused.refusal)),
                Judged::Alive(Alive { record, token, .. }) => {
                    let (id, origin) = (record.id, record.first_id());
                    shared.emit(Event::Opened { id, origin, key_id: token.key_id });
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

    /// The change that this request has made so far.
    pub(crate) fn changed(&self) -> Change<T> {
        let change = self.pending().change.clone();
        self.or_adopted(change)
    }

    /// If the request has changed nothing, returns the session adopted from another library, if
    /// there is one.
    fn or_adopted(&self, change: Change<T>) -> Change<T> {
        match change {
            Change::Untouched => {
                self.adopted_and_holds().map_or(Change::Untouched, Change::Written)
            }
            change => change,
        }
    }

    /// The session after the changes of this request.
    pub(crate) fn current(&self) -> Option<(Record, Arc<T>)> {
        match self.changed() {
            Change::Written(written) => Some((written.record.clone(), Arc::clone(&written.state))),
            Change::Ended => None,
            Change::Untouched => {
                self.alive().map(|alive| (alive.record.clone(), Arc::clone(&alive.state)))
            }
        }
    }

    /// Fails if a page on another origin sent the request, because such a request must not change
    /// the cookies. The refusal is emitted once.
    pub(crate) fn check_sender(&self) -> Result<(), SessionError> {
        match self.inner.sender {
            Sender::Trusted => Ok(()),
            Sender::CrossOrigin => {
                self.judged();
                Err(SessionError::CrossOrigin)
            }
        }
    }

    /// The current session, or the error that says why there is no session to change.
    pub(crate) fn there(&self) -> Result<(Record, Arc<T>), SessionError> {
        self.current().ok_or_else(|| match self.status() {
            Status::Refused(Refusal::NotRevalidated | Refusal::ProofUnchecked) => {
                SessionError::NotNow
            }
            Status::Refused(Refusal::CrossOrigin) => SessionError::CrossOrigin,
            _ => SessionError::NoSession,
        })
    }
}

impl<T> Session<T> {
    /// Whether both sessions would be written to the same cookie (or header) of the response, and
    /// the response of this session is still to be written.
    pub(crate) fn shares_carrier_with(&self, other: &Session<T>) -> bool {
        let (mine, others) = (self.inner.channel, other.inner.channel);
        mine == others
            && self.shared().carrier(mine) == other.shared().carrier(others)
            && self.pending().response == Response::Open
    }

    pub(crate) fn new(
        shared: Arc<Shared>,
        (channel, asker, target): (Channel, Asker, OnceLock<String>),
        sender: Sender,
        carried: Carried,
        old: Option<Old<T>>,
        about: Arc<About<T>>,
        now: Option<UnixTime>,
    ) -> Session<T> {
        let inner = Inner {
            shared,
            about,
            channel,
            sender,
            asker,
            target,
            here: OnceLock::new(),
            carried,
            old,
            clock: now.map_or(Clock::Runs, |_| Clock::StandsStill),
            now: now.map_or_else(OnceLock::new, OnceLock::from),
            judged: OnceLock::new(),
            proven: OnceLock::new(),
            checked: Checked::new(),
            loaded: OnceLock::new(),
            adopted: OnceLock::new(),
            pending: Mutex::new(Pending::new()),
        };
        Session { inner: Arc::new(inner) }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    /// Locks the changes. No code of the application runs while the lock is held.
    pub(crate) fn pending(&self) -> MutexGuard<'_, Pending<T>> {
        self.inner.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Session<T> {
    fn clone(&self) -> Session<T> {
        Session { inner: Arc::clone(&self.inner) }
    }
}

/// Omits the state.
impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("channel", &self.inner.channel).finish_non_exhaustive()
    }
}
