//! Sessions that are over before their time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::keys::key::KeyId;
use crate::revocation::entry::{Revocation, Subject};
use crate::revocation::moved::{Move, Moved, SECOND};
use crate::time::UnixTime;
use crate::token::id::SessionId;
use crate::token::wire::CLOCK_SKEW;

/// So far ahead of the clock a session may be put by ending the others: after a
/// revocation of everybody by a server whose clock is ahead.
const MOVES: Duration = Duration::from_secs(2 * CLOCK_SKEW.as_secs() + 10);

/// So far ahead sessions may start after a revocation, and be revoked by another one: in
/// one second, 1,800 times. What somebody has revoked further ahead stays closed to whoever
/// signs in.
const AHEAD: Duration = Duration::from_secs(60 * 60);

/// Recent revocations are copied with each new one; from this many on they
/// join the others.
const MAX_RECENT: usize = 1024;

/// Sessions that are over before their time: a list in memory that is asked
/// whenever one is opened. Clones are the same list.
///
/// Each revocation says until when anything that it is about can be alive, and
/// is dropped then, so the list is as long as there were recent sign-outs.
/// Asking takes the same time however long it is, and waits for nobody.
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
/// let session = sessions.load(|_| Vec::<&[u8]>::new());
/// session.start(Account { id: 7 })?;
/// let line = session.commit().into_iter().next().unwrap().value;
/// let cookie = line.split(';').next().unwrap();
/// let opens = || sessions.load(|name| (name == "cookie").then_some(cookie.as_bytes())).get().is_some();
///
/// assert!(opens());
/// sessions.revoke_subject("7");       // the password was changed
/// assert!(!opens());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// By itself the list is this process's. `bulla-redis` spreads it over a fleet.
#[derive(Clone)]
pub struct Revocations {
    inner: Arc<Inner>,
}

struct Inner {
    list: ArcSwap<List>,
    /// Held by whoever changes the list.
    writing: Mutex<Moved>,
    spread: OnceLock<Spread>,
    /// Seconds since 1970; 0 as long as nobody spreads the list.
    confirmed_at: AtomicU64,
    /// When a session of this process last revoked something.
    latest: AtomicU64,
    /// The longest absolute timeout of the sessions that ask this list, in seconds.
    longest: AtomicU64,
}

/// What becomes of revocations that are taken in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    On,
    Not,
}

type Spread = Box<dyn Fn(&Revocation) + Send + Sync>;

/// Two parts, so that adding one does not copy a million.
struct List {
    settled: Arc<Set>,
    recent: Set,
}

#[derive(Clone, Default)]
struct Set {
    sessions: HashMap<SessionId, UnixTime>,
    subjects: HashMap<Subject, Span>,
    keys: HashMap<KeyId, Span>,
    all: Option<Span>,
}

/// What is revoked: all that began before an instant; and until when any of it
/// could be alive.
#[derive(Clone, Copy)]
struct Span {
    before: UnixTime,
    until: UnixTime,
}

/// What is asked of a session.
pub(crate) struct Asked<'a> {
    pub(crate) id: SessionId,
    /// The id under which it started.
    pub(crate) origin: SessionId,
    /// Costs a hash, so it is asked for only if any subject is on the list.
    pub(crate) subject: &'a dyn Fn() -> Option<Subject>,
    pub(crate) started_at: UnixTime,
    /// The key that its state token names, the one that opened it or its copy,
    /// and when the token was issued.
    pub(crate) keys: Option<([KeyId; 2], UnixTime)>,
}

impl Revocations {
    /// An empty list.
    #[must_use]
    pub fn new() -> Revocations {
        let list = List { settled: Arc::default(), recent: Set::default() };
        let inner = Inner {
            list: ArcSwap::from_pointee(list),
            writing: Mutex::default(),
            spread: OnceLock::new(),
            confirmed_at: AtomicU64::new(0),
            latest: AtomicU64::new(0),
            longest: AtomicU64::new(0),
        };
        Revocations { inner: Arc::new(inner) }
    }

    /// Adds a revocation, which holds at once, and passes it on to whoever
    /// spreads them. Whether it was news.
    pub fn add(&self, revocation: Revocation) -> bool {
        self.take_in(self.writing(), [revocation], Pass::On)
    }

    /// Adds one at a time that is known, so that a list that nobody
    /// [prunes](Revocations::prune) drops what is over, too.
    pub(crate) fn add_at(&self, now: UnixTime, revocation: Revocation) {
        // Not the latest of all: a clock that was ahead for a moment would have
        // everything forgotten from then on.
        self.inner.latest.store(now.as_secs(), Ordering::Relaxed);
        self.add(revocation);
    }

    /// Ends the sessions of a subject that one of them was put after.
    pub(crate) fn add_move(&self, now: UnixTime, subject: Subject, of: Move) {
        self.inner.latest.store(now.as_secs(), Ordering::Relaxed);
        let mut moved = self.writing();
        // Since the session was looked at, another has ended it: it ends with the others.
        let ended = self.earliest_start(Some(subject)) > of.from;
        let before = if ended { of.to + SECOND } else { of.to };
        if !ended {
            moved.insert(subject, of);
        }
        let revocation = Revocation::Subject { subject, before, until: of.until };
        self.take_in(moved, [revocation], Pass::On);
    }

    /// Sessions that live so long ask this list.
    pub(crate) fn asked_for(&self, absolute: Duration) {
        self.inner.longest.fetch_max(absolute.as_secs(), Ordering::Relaxed);
    }

    /// When the last session of those that live now, of whatever kind, could
    /// still live.
    pub(crate) fn last(&self, now: UnixTime) -> UnixTime {
        now + Duration::from_secs(self.inner.longest.load(Ordering::Relaxed)) + CLOCK_SKEW
    }

    /// Takes in revocations that came from elsewhere, and passes none of them on.
    /// Whether any was news.
    ///
    /// One that came too late for a session of this server, which had
    /// [ended the others](crate::Session::end_others) and so was put past it, ends that
    /// session by a revocation of its own, which is passed on.
    pub fn learn(&self, revocations: impl IntoIterator<Item = Revocation>) -> bool {
        self.take_in(self.writing(), revocations, Pass::Not)
    }

    fn take_in(
        &self,
        mut moved: MutexGuard<'_, Moved>,
        revocations: impl IntoIterator<Item = Revocation>,
        pass: Pass,
    ) -> bool {
        let list = self.inner.list.load();
        let mut recent = list.recent.clone();
        let mut insert = |revocation| !list.settled.has(&revocation) && recent.insert(revocation);
        let (mut news, mut changed) = (false, false);
        let mut passed_on = Vec::new();
        for revocation in revocations {
            let is_news = insert(revocation);
            if is_news && pass == Pass::On {
                passed_on.push(revocation);
            }
            news |= is_news;
            // Also those that this list covers: another server may not.
            for end in moved.hear(&revocation) {
                changed |= insert(end);
                passed_on.push(end);
            }
        }
        if news || changed {
            let mut settled = Arc::clone(&list.settled);
            if recent.len() > MAX_RECENT {
                let now = UnixTime::from_secs(self.inner.latest.load(Ordering::Relaxed));
                settled = Arc::new(alive(&list.settled, &recent, now));
                recent = Set::default();
                moved.prune(now);
            }
            self.inner.list.store(Arc::new(List { settled, recent }));
        }
        drop(moved);
        if let Some(spread) = self.inner.spread.get() {
            passed_on.iter().for_each(spread);
        }
        news
    }

    /// Drops what can be about nothing alive at `now`. Whoever spreads a list
    /// calls it every so often; one of a single process does it by itself, with
    /// every thousandth sign-out.
    pub fn prune(&self, now: UnixTime) {
        let mut moved = self.writing();
        moved.prune(now);
        let list = self.inner.list.load();
        let settled = Arc::new(alive(&list.settled, &list.recent, now));
        self.inner.list.store(Arc::new(List { settled, recent: Set::default() }));
    }

    /// How many there are.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "counts what is in memory")]
    pub fn len(&self) -> usize {
        let list = self.inner.list.load();
        list.settled.len() + list.recent.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, in no order.
    #[must_use]
    pub fn to_vec(&self) -> Vec<Revocation> {
        let list = self.inner.list.load();
        list.settled.revocations().chain(list.recent.revocations()).collect()
    }

    /// Has `spread` called with each revocation that is [added](Revocations::add)
    /// here, once and for all, and with those that what is
    /// [learned](Revocations::learn) leads to. It runs within the request, or where it
    /// was learned: it passes on each as it is, and returns. A list of the latest is not
    /// enough, since what comes late would be merged away.
    pub fn on_add(&self, spread: impl Fn(&Revocation) + Send + Sync + 'static) {
        self.inner.spread.get_or_init(|| Box::new(spread));
    }

    /// Says that the list had all revocations of the fleet at `at`: for whoever
    /// spreads them, each time that it hears from the others.
    pub fn confirm(&self, at: UnixTime) {
        self.inner.confirmed_at.store(at.as_secs(), Ordering::Relaxed);
    }

    /// When the list was last [known](Revocations::confirm) to be complete; `None` if
    /// nobody spreads it, since a list of one process always is.
    #[must_use]
    pub fn confirmed_at(&self) -> Option<UnixTime> {
        let secs = self.inner.confirmed_at.load(Ordering::Relaxed);
        Some(UnixTime::from_secs(secs)).filter(|at| *at > UnixTime::EPOCH)
    }

    /// A list that does not keep itself: for threads that end when nobody asks
    /// the list any more.
    #[must_use]
    pub fn downgrade(&self) -> WeakRevocations {
        WeakRevocations { inner: Arc::downgrade(&self.inner) }
    }

    pub(crate) fn has(&self, asked: &Asked<'_>) -> bool {
        let list = self.inner.list.load();
        list.recent.revokes(asked) || list.settled.revokes(asked)
    }

    /// Whether the list is known to have been complete within `age` of `now`.
    /// One of a single process is.
    pub(crate) fn is_current(&self, now: UnixTime, age: Duration) -> bool {
        self.confirmed_at().is_none_or(|at| at <= now + CLOCK_SKEW && now.since(at) <= age)
    }

    /// Before when the sessions of a subject were started that end now: in this
    /// second, too, and those that were put after an earlier revocation.
    pub(crate) fn before_of_subject(&self, subject: Subject, now: UnixTime) -> UnixTime {
        before(now.max(self.earliest_start(Some(subject))), now)
    }

    /// The same for everybody, of whom some were started at a server whose clock is ahead.
    pub(crate) fn before_of_all(&self, now: UnixTime) -> UnixTime {
        let list = self.inner.list.load();
        let latest = |set: &Set| set.latest_start(now + AHEAD);
        let latest = latest(&list.settled).max(latest(&list.recent));
        before((now + CLOCK_SKEW).max(latest), now)
    }

    /// Where a session starts that ends the others of its subject, if that is not too far
    /// ahead; `from` is where it started, which no revocation comes after. An odd second:
    /// [`Moved`] can tell its revocation from all that only end.
    pub(crate) fn start_after_others(
        &self,
        subject: Subject,
        from: UnixTime,
        now: UnixTime,
    ) -> Option<UnixTime> {
        let after = now.max(from) + SECOND;
        let to = UnixTime::from_secs(after.as_secs() | 1);
        (to <= now + MOVES && self.writing().has_room(subject)).then_some(to)
    }

    /// Where a session starts for whoever signs in: who signs in after a revocation is
    /// not meant by it.
    pub(crate) fn start(&self, subject: Option<Subject>, now: UnixTime) -> UnixTime {
        let earliest = self.earliest_start(subject);
        if earliest <= now + AHEAD { now.max(earliest) } else { now }
    }

    /// The earliest start of a session of `subject` that is not revoked.
    pub(crate) fn earliest_start(&self, subject: Option<Subject>) -> UnixTime {
        let list = self.inner.list.load();
        list.recent.earliest_start(subject).max(list.settled.earliest_start(subject))
    }

    fn writing(&self) -> MutexGuard<'_, Moved> {
        self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// [`Revocations`] that do not keep themselves.
#[derive(Clone)]
pub struct WeakRevocations {
    inner: Weak<Inner>,
}

impl WeakRevocations {
    /// The list, if anybody else still has it.
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

/// Both parts in one, without what can be about nothing alive.
fn alive(settled: &Set, recent: &Set, now: UnixTime) -> Set {
    let mut kept = Set::default();
    for revocation in settled.revocations().chain(recent.revocations()) {
        if revocation.until() > now {
            kept.insert(revocation);
        }
    }
    kept
}

impl Set {
    #[expect(clippy::arithmetic_side_effects, reason = "counts what is in memory")]
    fn len(&self) -> usize {
        self.sessions.len()
            + self.subjects.len()
            + self.keys.len()
            + usize::from(self.all.is_some())
    }

    fn revokes(&self, asked: &Asked<'_>) -> bool {
        let started_before = |span: &Span| asked.started_at < span.before;
        self.all.as_ref().is_some_and(started_before)
            || self.sessions.contains_key(&asked.id)
            || self.sessions.contains_key(&asked.origin)
            || (!self.subjects.is_empty() && self.of(asked).is_some_and(started_before))
            || asked.keys.is_some_and(|(ids, issued_at)| {
                let span = |id| self.keys.get(id).is_some_and(|span| issued_at < span.before);
                ids.iter().any(span)
            })
    }

    fn of(&self, asked: &Asked<'_>) -> Option<&Span> {
        self.subjects.get(&(asked.subject)()?)
    }

    fn earliest_start(&self, subject: Option<Subject>) -> UnixTime {
        let of_subject = subject.and_then(|subject| self.subjects.get(&subject));
        let spans = of_subject.into_iter().chain(&self.all);
        spans.map(|span| span.before).max().unwrap_or(UnixTime::EPOCH)
    }

    /// The latest start, of whomever, that a revocation has led to.
    fn latest_start(&self, limit: UnixTime) -> UnixTime {
        let spans = self.subjects.values().chain(&self.all).map(|span| span.before);
        spans.filter(|before| *before <= limit).max().unwrap_or(UnixTime::EPOCH)
    }

    fn has(&self, revocation: &Revocation) -> bool {
        let covers = |held: Option<&Span>, span: Span| {
            held.is_some_and(|held| held.before >= span.before && held.until >= span.until)
        };
        match *revocation {
            Revocation::Session { id, until } => {
                self.sessions.get(&id).is_some_and(|held| *held >= until)
            }
            Revocation::Subject { subject, before, until } => {
                covers(self.subjects.get(&subject), Span { before, until })
            }
            Revocation::Key { id, before, until } => {
                covers(self.keys.get(&id), Span { before, until })
            }
            Revocation::All { before, until } => covers(self.all.as_ref(), Span { before, until }),
        }
    }

    /// Whether it was news. Of two about the same, what either revokes stays revoked.
    fn insert(&mut self, revocation: Revocation) -> bool {
        if self.has(&revocation) {
            return false;
        }
        match revocation {
            Revocation::Session { id, until } => {
                let held = self.sessions.entry(id).or_insert(until);
                *held = until.max(*held);
            }
            Revocation::Subject { subject, before, until } => {
                widen(self.subjects.entry(subject), Span { before, until });
            }
            Revocation::Key { id, before, until } => {
                widen(self.keys.entry(id), Span { before, until });
            }
            Revocation::All { before, until } => {
                let span = Span { before, until };
                self.all = Some(self.all.map_or(span, |held| held.or(span)));
            }
        }
        true
    }

    fn revocations(&self) -> impl Iterator<Item = Revocation> {
        let sessions = self.sessions.iter();
        let sessions = sessions.map(|(&id, &until)| Revocation::Session { id, until });
        let subjects = self.subjects.iter();
        let subjects = subjects.map(|(&subject, &Span { before, until })| Revocation::Subject {
            subject,
            before,
            until,
        });
        let keys = self.keys.iter();
        let keys = keys.map(|(&id, &Span { before, until })| Revocation::Key { id, before, until });
        let all = self.all.map(|Span { before, until }| Revocation::All { before, until });
        sessions.chain(subjects).chain(keys).chain(all)
    }
}

/// Ends what started until `last`. An even second.
fn before(last: UnixTime, now: UnixTime) -> UnixTime {
    let before = (last + SECOND).min(now + AHEAD);
    UnixTime::from_secs(before.as_secs().saturating_add(1) & !1)
}

fn widen<K>(entry: Entry<'_, K, Span>, span: Span) {
    let held = entry.or_insert(span);
    *held = held.or(span);
}

impl Span {
    fn or(self, other: Span) -> Span {
        Span { before: self.before.max(other.before), until: self.until.max(other.until) }
    }
}
