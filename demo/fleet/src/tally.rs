//! The counters of a run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bulla::keys::KeyId;

pub(crate) struct Tally {
    begun: Instant,
    pub(crate) requests: AtomicU64,
    pub(crate) sessions: AtomicU64,
    pub(crate) tokens: AtomicU64,
    /// Sessions that a bank refused although they were valid.
    pub(crate) lost: AtomicU64,
    /// Sessions that ended because their key was revoked.
    pub(crate) revoked: AtomicU64,
    pub(crate) errors: AtomicU64,
    problems: Mutex<Vec<String>>,
    /// The key of each client's newest token.
    keys: Mutex<Vec<Option<KeyId>>>,
    samples: Mutex<Vec<Sample>>,
}

/// How many clients had their newest token under each key.
pub(crate) struct Sample {
    pub(crate) at: Duration,
    pub(crate) keys: BTreeMap<KeyId, usize>,
}

impl Tally {
    pub(crate) fn new(clients: usize) -> Tally {
        Tally {
            begun: Instant::now(),
            requests: AtomicU64::new(0),
            sessions: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            revoked: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            problems: Mutex::default(),
            keys: Mutex::new(vec![None; clients]),
            samples: Mutex::default(),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(crate) fn lose(&self, problem: String) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        self.note(problem);
    }

    pub(crate) fn fail(&self, problem: String) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        self.note(problem);
    }

    fn note(&self, problem: String) {
        let at = self.elapsed().as_secs_f64();
        lock(&self.problems).push(format!("{at:6.1} s  {problem}"));
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        lock(&self.problems).clone()
    }

    pub(crate) fn set_key(&self, client: usize, key: Option<KeyId>) {
        lock(&self.keys)[client] = key;
    }

    pub(crate) fn sample(&self) {
        let mut keys = BTreeMap::new();
        for key in lock(&self.keys).iter().flatten() {
            *keys.entry(*key).or_default() += 1;
        }
        lock(&self.samples).push(Sample { at: self.elapsed(), keys });
    }

    pub(crate) fn with_samples<R>(&self, read: impl FnOnce(&[Sample]) -> R) -> R {
        read(&lock(&self.samples))
    }

    /// Returns a line of the table, with the rate of requests since the previous line.
    pub(crate) fn line(&self, before: &mut (Duration, u64)) -> String {
        let (at, requests) = (self.elapsed(), self.requests.load(Ordering::Relaxed));
        let span = (at - before.0).as_secs_f64();
        let rate = (requests - before.1) as f64 / span.max(0.001);
        *before = (at, requests);
        let keys = self.with_samples(|samples| {
            let keys = samples.last().into_iter().flat_map(|sample| &sample.keys);
            keys.map(|(id, count)| format!("{id}:{count}")).collect::<Vec<_>>().join(" ")
        });
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        format!(
            "{:>5.0}s {rate:>9.0} {:>9} {:>6} {:>8} {:>8} {:>7}  {keys}",
            at.as_secs_f64(),
            count(&self.sessions),
            count(&self.lost),
            count(&self.revoked),
            count(&self.tokens),
            count(&self.errors),
        )
    }

    pub(crate) const HEAD: &str =
        " time       req/s  sessions   lost  revoked   tokens  errors  clients by key";
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
