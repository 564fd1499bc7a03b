//! Revocations that a whole fleet shares.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bulla::revocation::{Revocation, WeakRevocations};
use bulla::{Revocations, UnixTime};
use redis::{Client, Connection};

use crate::source::{RedisRingError, connect};

/// Every server says so often that it is there, and so sees whether it hears.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Who has heard nothing for this long connects anew.
const SILENCE: Duration = Duration::from_secs(5);

/// Between two tries to reach Redis.
const PATIENCE: Duration = Duration::from_millis(500);

/// For so long what is over stays in Redis, in seconds.
const DAY: u64 = 86_400;

/// A heartbeat, which is no revocation.
const ALIVE: &str = ".";

/// A list of revocations that every server of a fleet has in memory, and that
/// Redis keeps and passes on.
///
/// ```no_run
/// use bulla::{KeyRing, Payload, Policy, Sessions};
/// use bulla_redis::SharedRevocations;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session")]
/// struct Account { id: u64 }
///
/// let shared = SharedRevocations::join("redis://127.0.0.1/", "bank:revocations")?;
/// let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
///     .revocations(shared.list())
///     .subject(|account| account.id.to_string())
///     .build();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// No request asks Redis. What is revoked here holds here at once, is written
/// to Redis by a thread of its own, and reaches the other servers as fast as
/// the network. While Redis is away, each server keeps refusing what it knows,
/// and what it revokes waits until it can be passed on; if the server itself
/// ends before that, it is lost: [`flush`](SharedRevocations::flush) first.
/// Every server says each second that it is there, so
/// [`Revocations::confirmed_at`] is a second ago, or the server is cut off: for
/// routes that would rather refuse than miss a revocation
/// ([`Session::require_current`](bulla::Session::require_current)).
///
/// In Redis it is a sorted set: each member the line of a [`Revocation`], its
/// score the second after which it is about nothing alive, and is removed.
#[derive(Clone)]
pub struct SharedRevocations {
    list: Revocations,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Revocations of this server that are not in Redis yet.
    pending: Mutex<usize>,
    changed: Condvar,
}

#[derive(Clone)]
struct Place {
    client: Client,
    name: String,
}

impl SharedRevocations {
    /// Loads the list from the Redis at `url`, and keeps up with it in two
    /// threads that end when nobody has the list any more.
    ///
    /// # Errors
    /// [`RedisRingError::Redis`] when Redis cannot be asked: a server that
    /// began without the list would accept what was revoked.
    pub fn join(url: &str, name: impl Into<String>) -> Result<SharedRevocations, RedisRingError> {
        let client = Client::open(url).map_err(RedisRingError::of)?;
        let place = Place { client, name: name.into() };
        let list = Revocations::new();
        list.learn(place.load(&mut connect(&place.client)?)?);
        list.confirm(UnixTime::now());
        let state = Arc::new(State::default());

        let (queue, added) = mpsc::channel();
        pass_on(&list, queue, Arc::clone(&state));
        let (writer, its_state) = (place.clone(), Arc::clone(&state));
        spawn("bulla-revoke", move || write(&writer, &added, &its_state))?;
        let weak = list.downgrade();
        spawn("bulla-revoked", move || hear(&place, &weak))?;
        Ok(SharedRevocations { list, state })
    }

    /// The list, for [`SessionsBuilder::revocations`](bulla::session::SessionsBuilder::revocations).
    #[must_use]
    pub fn list(&self) -> &Revocations {
        &self.list
    }

    /// How many revocations of this server are not in Redis yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        *lock(&self.state)
    }

    /// Waits until all that was revoked here is in Redis, or `timeout` is over.
    /// Whether it is.
    #[must_use]
    pub fn flush(&self, timeout: Duration) -> bool {
        let pending = lock(&self.state);
        let waited = self.state.changed.wait_timeout_while(pending, timeout, |left| *left > 0);
        let (pending, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *pending == 0
    }
}

impl fmt::Debug for SharedRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRevocations").field("list", &self.list).finish_non_exhaustive()
    }
}

fn pass_on(list: &Revocations, queue: Sender<Revocation>, state: Arc<State>) {
    let queue = Mutex::new(queue);
    list.on_add(move |revocation| {
        *lock(&state) += 1;
        // The writer ends after the list, which holds this.
        let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = queue.send(*revocation);
    });
}

/// Writes what is added, and a heartbeat when there is nothing to write.
fn write(place: &Place, added: &Receiver<Revocation>, state: &State) {
    let mut connection: Option<Connection> = None;
    let mut waiting: VecDeque<Revocation> = VecDeque::new();
    let mut said = Said::Works;
    loop {
        if waiting.is_empty() {
            match added.recv_timeout(HEARTBEAT) {
                Ok(revocation) => waiting.push_back(revocation),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        waiting.extend(added.try_iter());
        let written =
            connection.take().map_or_else(|| connect(&place.client), Ok).and_then(|mut redis| {
                place.add(&mut redis, &waiting)?;
                Ok(redis)
            });
        match written {
            Ok(redis) => {
                connection = Some(redis);
                if said != Said::Works {
                    said = Said::Works;
                    tracing::info!(target: "bulla", "revocations reach {} again", place.name);
                }
                *lock(state) -= waiting.len();
                state.changed.notify_all();
                waiting.clear();
            }
            // Adding once more what is there already changes nothing.
            Err(error) => {
                if said != Said::Fails {
                    said = Said::Fails; // once is enough for the log
                    tracing::error!(
                        target: "bulla",
                        "{} cannot be written ({error}): what this server revokes, {} so far, \
                         holds here and is passed on later",
                        place.name,
                        waiting.len()
                    );
                }
                thread::sleep(PATIENCE);
            }
        }
        if connection.is_none() {
            match added.try_recv() {
                Ok(revocation) => waiting.push_back(revocation),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return, // nobody is left, nor is Redis
            }
        }
    }
}

/// Takes in what the other servers revoke.
fn hear(place: &Place, list: &WeakRevocations) {
    let mut said = Said::Works;
    while list.upgrade().is_some() {
        let Err(error) = place.listen(list, &mut said) else { return };
        if said != Said::Fails {
            said = Said::Fails; // once is enough for the log
            tracing::warn!(
                target: "bulla",
                "revocations {} are not heard ({error}); what is known stays refused",
                place.name
            );
        }
        thread::sleep(PATIENCE);
    }
}

/// What the log says of a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Works,
    Fails,
}

impl Place {
    fn load(&self, redis: &mut Connection) -> Result<Vec<Revocation>, RedisRingError> {
        let now = UnixTime::now().as_secs();
        let lines: Vec<String> = redis::cmd("ZRANGEBYSCORE")
            .arg(&self.name)
            .arg(now)
            .arg("+inf")
            .query(redis)
            .map_err(RedisRingError::of)?;
        // A line of a newer release is no reason to refuse the others.
        Ok(lines.iter().filter_map(|line| line.parse().ok()).collect())
    }

    fn add(
        &self,
        redis: &mut Connection,
        revocations: &VecDeque<Revocation>,
    ) -> Result<(), RedisRingError> {
        let mut pipe = redis::pipe();
        pipe.atomic();
        for revocation in revocations {
            let line = revocation.to_string();
            let until = revocation.until().as_secs();
            pipe.cmd("ZADD").arg(&self.name).arg(until).arg(&line).ignore();
            pipe.cmd("PUBLISH").arg(self.channel()).arg(line).ignore();
        }
        // With a heartbeat, too: a Redis that takes no writes must not seem to
        // pass revocations on. A day later, since this server's clock may be ahead.
        let over = UnixTime::now().as_secs().saturating_sub(DAY);
        pipe.cmd("ZREMRANGEBYSCORE").arg(&self.name).arg("-inf").arg(format!("({over}")).ignore();
        if revocations.is_empty() {
            pipe.cmd("PUBLISH").arg(self.channel()).arg(ALIVE).ignore();
        }
        pipe.query(redis).map_err(RedisRingError::of)
    }

    fn listen(&self, list: &WeakRevocations, said: &mut Said) -> Result<(), RedisRingError> {
        let mut connection = connect(&self.client)?;
        let mut messages = connection.as_pubsub();
        messages.set_read_timeout(Some(SILENCE)).map_err(RedisRingError::of)?;
        messages.subscribe(self.channel()).map_err(RedisRingError::of)?;
        // What was said before is in the list; what is said from now on is heard.
        if let Some(list) = list.upgrade() {
            self.exchange(&list)?;
        }
        let mut pruned = Instant::now();
        loop {
            let message = messages.get_message().map_err(RedisRingError::of)?;
            let Some(list) = list.upgrade() else { return Ok(()) };
            let now = UnixTime::now();
            let line: String = message.get_payload().unwrap_or_default();
            if let Ok(revocation) = line.parse::<Revocation>() {
                list.learn([revocation]);
            }
            list.confirm(now);
            if *said != Said::Works {
                *said = Said::Works;
                tracing::info!(target: "bulla", "revocations {} are heard again", self.name);
            }
            if pruned.elapsed() > Duration::from_secs(60) {
                list.prune(now);
                self.exchange(&list)?;
                pruned = Instant::now();
            }
        }
    }

    /// Takes in what Redis has, and tells it again what it has lost: data that
    /// was not on its disk, or on the replica that took over.
    fn exchange(&self, list: &Revocations) -> Result<(), RedisRingError> {
        let mut redis = connect(&self.client)?;
        let held = self.load(&mut redis)?;
        let known: HashSet<&Revocation> = held.iter().collect();
        let now = UnixTime::now();
        let all = list.to_vec().into_iter();
        let lost: VecDeque<Revocation> =
            all.filter(|of| of.until() > now && !known.contains(of)).collect();
        list.learn(held);
        if lost.is_empty() { Ok(()) } else { self.add(&mut redis, &lost) }
    }

    fn channel(&self) -> String {
        format!("{}:added", self.name)
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), RedisRingError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map(|_| ()).map_err(|error| RedisRingError::Redis(error.to_string()))
}

fn lock(state: &State) -> MutexGuard<'_, usize> {
    state.pending.lock().unwrap_or_else(PoisonError::into_inner)
}
