//! The list of revocations that a server has in memory.

use std::cmp::Reverse;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::revocation::entry::{REACH, Revocation, Subject};
use crate::revocation::known::{Followed, MAX_FOLLOWS};
use crate::revocation::set::{Asked, Set};
use crate::time::UnixTime;
use crate::token::id::SessionId;
use crate::token::wire::CLOCK_SKEW;

/// The maximum number of recent revocations. When there are more, they are merged into the settled
/// revocations. The number is limited because adding a revocation copies all recent ones.
const MAX_RECENT: usize = 1024;

/// A list of revoked sessions in memory, which a server consults each time it opens a session.
/// Clones share one list.
///
/// A revocation expires when the last session that it revokes would have ended anyway. Expired
/// revocations are dropped, so only recent ones take memory. A look-up takes no lock, and is as
/// fast in a long list as in a short one.
///
/// ```
/// use bulla::{KeyRing, Payload, Policy, Revocations, Sessions};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session")]
/// struct Account { id: u64 }
///
/// let revocations = Revocations::new();
/// let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
///     .revocations(&revocations)
///     .subject(|account| account.id.to_string())
///     .build();
///
/// let session = sessions.load("POST", |_| Vec::<&[u8]>::new());
/// session.start(Account { id: 7 })?;
/// let line = session.commit().into_iter().next().unwrap().value;
/// let cookie = line.split(';').next().unwrap();
/// let opens = || {
///     let session = sessions.load("GET", |name| (name == "cookie").then_some(cookie.as_bytes()));
///     session.get().is_some()
/// };
///
/// assert!(opens());
/// sessions.revoke_subject("7")?;      // the password was changed
/// assert!(!opens());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The list belongs to one process. A [`RevocationFile`](crate::revocation::RevocationFile) stores
/// it, and the crate `bulla-redis` shares it in a fleet.
#[derive(Clone)]
pub struct Revocations {
    inner: Arc<Inner>,
}

struct Inner {
    list: ArcSwap<List>,
    /// Held while the list is changed.
    writing: Mutex<()>,
    spread: OnceLock<Spread>,
    /// The last time at which the list was known to be complete, in seconds since 1970. It is 0
    /// until [`Revocations::confirm`] is called.
    confirmed_at: AtomicU64,
    /// The time of the last call of `add_at`, in seconds since 1970.
    latest: AtomicU64,
    /// The longest absolute timeout of the sessions that use this list, in seconds.
    longest: AtomicU64,
    /// The time until which sessions from the old library are adopted, in seconds since 1970.
    adopts_until: AtomicU64,
}

/// Whether new revocations are passed on to other servers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    On,
    Not,
}

type Spread = Box<dyn Fn(&Revocation) + Send + Sync>;

/// The list has two parts, so that adding a revocation to a million others does not copy them all.
struct List {
    settled: Arc<Set>,
    recent: Set,
}

impl Revocations {
    /// An empty list.
    #[must_use]
    pub fn new() -> Revocations {
        let list = List { settled: Arc::default(), recent: Set::default() };
        let inner = Inner {
            list: ArcSwap::from_pointee(list),
            writing: Mutex::new(()),
            spread: OnceLock::new(),
            confirmed_at: AtomicU64::new(0),
            latest: AtomicU64::new(0),
            longest: AtomicU64::new(0),
            adopts_until: AtomicU64::new(0),
        };
        Revocations { inner: Arc::new(inner) }
    }

    /// Adds a revocation. Returns `true` if the list did not have it yet.
    ///
    /// The revocation takes effect on this server at once. A revocation that the list did not have
    /// is passed to the function that was set with [`on_add`](Revocations::on_add).
    pub fn add(&self, revocation: Revocation) -> bool {
        self.take_in([revocation], Pass::On)
    }

    /// Adds a revocation and stores the time. With this time, a list that is never
    /// [pruned](Revocations::prune) can drop expired revocations itself.
    pub(crate) fn add_at(&self, now: UnixTime, revocation: Revocation) {
        // The time of the last call is stored, and not the latest time of all calls. If the clock
        // was ahead for a moment, the latest time would be in the future, and later revocations
        // would be dropped before they expire.
        self.inner.latest.store(now.as_secs(), Ordering::Relaxed);
        self.add(revocation);
    }

    /// Records that sessions with this absolute timeout use the list, and that sessions from the
    /// old library are adopted until `adopts_until`.
    pub(crate) fn used_by(&self, absolute: Duration, adopts_until: UnixTime) {
        self.inner.longest.fetch_max(absolute.as_secs(), Ordering::Relaxed);
        self.inner.adopts_until.fetch_max(adopts_until.as_secs(), Ordering::Relaxed);
    }

    /// The time at which all sessions that exist now, of every type, will have ended.
    pub(crate) fn last(&self, now: UnixTime) -> UnixTime {
        let longest = Duration::from_secs(self.inner.longest.load(Ordering::Relaxed));
        let adopts_until = self.inner.adopts_until.load(Ordering::Relaxed);
        (now + longest + CLOCK_SKEW).max(UnixTime::from_secs(adopts_until))
    }

    /// Revokes the sessions of a subject that exist at `now`.
    pub(crate) fn revoke_subject(&self, subject: Subject, now: UnixTime) {
        let until = self.last(now);
        // If the random generator fails, the revocation has no exception. Then new sign-ins are
        // also refused for about a minute.
        let alone = Revocation::Subject { subject, before: now + REACH, except: None, until };
        self.add_at(now, Revocation::of_subject(subject, now, until).unwrap_or(alone));
    }

    pub(crate) fn revoke_all(&self, now: UnixTime) {
        let until = self.last(now);
        let alone = Revocation::All { before: now + REACH, except: None, until };
        self.add_at(now, Revocation::of_all(now, until).unwrap_or(alone));
    }

    /// Adds revocations that came from another server or from a file. They are not passed on.
    /// Returns `true` if at least one was new.
    pub fn learn(&self, revocations: impl IntoIterator<Item = Revocation>) -> bool {
        self.take_in(revocations, Pass::Not)
    }

    fn take_in(&self, revocations: impl IntoIterator<Item = Revocation>, pass: Pass) -> bool {
        let writing = self.writing();
        let list = self.inner.list.load();
        let mut recent = list.recent.clone();
        let mut news = Vec::new();
        for revocation in revocations {
            if !list.settled.has(&revocation) && recent.insert(revocation) {
                news.push(revocation);
            }
        }
        if news.is_empty() {
            return false;
        }
        let mut settled = Arc::clone(&list.settled);
        if recent.len() > MAX_RECENT {
            let now = UnixTime::from_secs(self.inner.latest.load(Ordering::Relaxed));
            settled = Arc::new(list.settled.merged(&recent, now));
            recent = Set::default();
        }
        self.inner.list.store(Arc::new(List { settled, recent }));
        drop(writing);
        if pass == Pass::On
            && let Some(spread) = self.inner.spread.get()
        {
            news.iter().for_each(spread);
        }
        true
    }

    /// Drops the revocations that have expired at `now`.
    ///
    /// Code that shares a list with other servers should call this method from time to time. The
    /// list of a single process prunes itself after every 1,024 revocations.
    pub fn prune(&self, now: UnixTime) {
        let _writing = self.writing();
        let list = self.inner.list.load();
        let settled = Arc::new(list.settled.merged(&list.recent, now));
        self.inner.list.store(Arc::new(List { settled, recent: Set::default() }));
    }

    /// The number of sessions, subjects and keys with a revocation.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "counts what is in memory")]
    pub fn len(&self) -> usize {
        let list = self.inner.list.load();
        list.settled.len() + list.recent.len()
    }

    /// Whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All revocations, in no particular order.
    #[must_use]
    pub fn to_vec(&self) -> Vec<Revocation> {
        let list = self.inner.list.load();
        list.settled.revocations().chain(list.recent.revocations()).collect()
    }

    /// Sets the function that passes new revocations on to other servers. Only the first call of
    /// `on_add` has an effect.
    ///
    /// The function is called with each revocation that is [added](Revocations::add) to the list,
    /// unless the list already had the revocation. The call delays the request that adds the
    /// revocation, so the function should queue the revocation and return.
    pub fn on_add(&self, spread: impl Fn(&Revocation) + Send + Sync + 'static) {
        self.inner.spread.get_or_init(|| Box::new(spread));
    }

    /// Records that this list was complete at `at`. Call this method after each successful read of
    /// the shared store.
    pub fn confirm(&self, at: UnixTime) {
        self.inner.confirmed_at.store(at.as_secs(), Ordering::Relaxed);
    }

    /// The last time at which the list was [known](Revocations::confirm) to be complete. `None` if
    /// `confirm` was never called. This is normal for a single process, whose list is always
    /// complete.
    #[must_use]
    pub fn confirmed_at(&self) -> Option<UnixTime> {
        let secs = self.inner.confirmed_at.load(Ordering::Relaxed);
        Some(UnixTime::from_secs(secs)).filter(|at| *at > UnixTime::EPOCH)
    }

    /// A reference that does not keep the list alive, for threads that should end when the list is
    /// no longer used.
    #[must_use]
    pub fn downgrade(&self) -> WeakRevocations {
        WeakRevocations { inner: Arc::downgrade(&self.inner) }
    }

    pub(crate) fn has(&self, asked: &Asked<'_>) -> bool {
        let list = self.inner.list.load();
        list.recent.revokes(asked) || list.settled.revokes(asked)
    }

    /// Whether the list names this session id itself.
    pub(crate) fn has_session(&self, id: SessionId) -> bool {
        let list = self.inner.list.load();
        list.recent.has_session(id) || list.settled.has_session(id)
    }

    /// Whether the list was known to be complete at most `age` before `now`. If `confirm` was never
    /// called, the list belongs to a single process and is always complete.
    pub(crate) fn is_current(&self, now: UnixTime, age: Duration) -> bool {
        self.confirmed_at().is_none_or(|at| at <= now + CLOCK_SKEW && now.since(at) <= age)
    }

    /// The latest revocations, at most [`MAX_FOLLOWS`], that a session of `subject` follows if it
    /// starts at `now`.
    pub(crate) fn followed(&self, subject: Option<Subject>, now: UnixTime) -> Vec<Followed> {
        let list = self.inner.list.load();
        let recent = list.recent.followed(subject, now);
        let mut followed: Vec<Followed> =
            recent.chain(list.settled.followed(subject, now)).collect();
        followed.sort_unstable_by_key(|of| (Reverse(of.before), of.except.origin));
        followed.dedup_by_key(|of| of.except.origin);
        followed.truncate(MAX_FOLLOWS);
        followed
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reference to [`Revocations`] that does not keep the list alive.
#[derive(Clone)]
pub struct WeakRevocations {
    inner: Weak<Inner>,
}

impl WeakRevocations {
    /// The list. `None` if nothing else uses it any more.
    #[must_use]
    pub fn upgrade(&self) -> Option<Revocations> {
        self.inner.upgrade().map(|inner| Revocations { inner })
    }
}

impl fmt::Debug for WeakRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakRevocations").finish_non_exhaustive()
    }
}

impl Default for Revocations {
    fn default() -> Revocations {
        Revocations::new()
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").field("len", &self.len()).finish_non_exhaustive()
    }
}
