//! Revocations that a fleet shares.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bulla::revocation::{Revocation, WeakRevocations};
use bulla::{Revocations, UnixTime};
use redis::{Client, Connection};

use crate::connection::connect;
use crate::error::RedisRingError;

/// How often a server publishes a heartbeat. A server also receives its own heartbeats, so it
/// notices when it no longer receives messages.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// If a server receives no message for this long, it reconnects.
const SILENCE: Duration = Duration::from_secs(5);

/// The pause between two attempts to reach Redis.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long an entry stays in Redis after it is no longer needed, in seconds.
const DAY: u64 = 86_400;

/// The message of a heartbeat.
const ALIVE: &str = ".";

/// A revocation list that every server of a fleet has in memory, stored and distributed by Redis.
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
/// Requests never wait for Redis. A revocation applies at once on the server that adds it. A
/// separate thread writes the revocation to Redis, which passes it to the other servers.
///
/// While Redis is down, each server still refuses the sessions in its list, and its own new
/// revocations wait until Redis is back. If the server process ends before that, the waiting
/// revocations are lost. Therefore call [`flush`](SharedRevocations::flush) before the process
/// ends.
///
/// Every server publishes a heartbeat each second. Therefore [`Revocations::confirmed_at`] is
/// about a second old, unless the server is cut off. A route that must not miss a revocation
/// calls [`Session::require_current`](bulla::Session::require_current).
///
/// In Redis, the list is a sorted set. Each member is the line of a [`Revocation`]. The score of a
/// member is the second from which every session that the revocation ends would have timed out.
/// One day after that second, the member is removed.
#[derive(Clone)]
pub struct SharedRevocations {
    list: Revocations,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many revocations of this server are not in Redis yet.
    pending: Mutex<usize>,
    changed: Condvar,
}

#[derive(Clone)]
struct Place {
    client: Client,
    name: String,
}

impl SharedRevocations {
    /// Loads the list from the Redis at `url`. Two threads then follow the list, until the last
    /// clone of it is dropped.
    ///
    /// # Errors
    /// [`RedisRingError::Redis`] if the request to Redis fails. Do not start the server in this
    /// case, because without the list it would accept revoked sessions.
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

    /// Returns the list, for
    /// [`SessionsBuilder::revocations`](bulla::session::SessionsBuilder::revocations).
    #[must_use]
    pub fn list(&self) -> &Revocations {
        &self.list
    }

    /// Returns how many revocations of this server are not in Redis yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        *lock(&self.state)
    }

    /// Waits until all revocations of this server are in Redis, but at most `timeout`. Returns
    /// `true` if all of them are in Redis.
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

/// Queues every revocation that is added on this server for the writer.
fn pass_on(list: &Revocations, queue: Sender<Revocation>, state: Arc<State>) {
    let queue = Mutex::new(queue);
    list.on_add(move |revocation| {
        *lock(&state) += 1;
        // This does not fail, because the list owns this closure, and the writer runs until the
        // list is dropped.
        let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = queue.send(*revocation);
    });
}

/// Writes new revocations to Redis, and a heartbeat if there are none.
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
                    tracing::info!(target: "bulla", "writing revocations to {} works again", place.name);
                }
                *lock(state) -= waiting.len();
                state.changed.notify_all();
                waiting.clear();
            }
            // A retry is safe, because adding an entry that Redis already has changes nothing.
            Err(error) => {
                if said != Said::Fails {
                    said = Said::Fails; // one line for each outage
                    tracing::error!(
                        target: "bulla",
                        "cannot write revocations to {} ({error}); pending: {}; they already \
                         apply on this server",
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
                Err(TryRecvError::Disconnected) => return, // list dropped while Redis is down
            }
        }
    }
}

/// Adds the revocations of other servers to the list.
fn hear(place: &Place, list: &WeakRevocations) {
    let mut said = Said::Works;
    while list.upgrade().is_some() {
        let Err(error) = place.listen(list, &mut said) else { return };
        if said != Said::Fails {
            said = Said::Fails; // one line for each outage
            tracing::warn!(
                target: "bulla",
                "cannot receive revocations from {} ({error}); known revocations still apply",
                place.name
            );
        }
        thread::sleep(PATIENCE);
    }
}

/// The state that the last log line reported.
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
        // Skips lines that only a newer release can read.
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
        // This write is also sent with each heartbeat. If Redis accepts no writes, it then rejects
        // the heartbeat too. Entries stay for one more day, because the clock of this server may be
        // ahead.
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
        // Earlier revocations are in the sorted set; later ones arrive as messages.
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
                tracing::info!(target: "bulla", "receiving revocations from {} works again", self.name);
            }
            if pruned.elapsed() > Duration::from_secs(60) {
                list.prune(now);
                self.exchange(&list)?;
                pruned = Instant::now();
            }
        }
    }

    /// Adds the entries of Redis to the list. Writes entries back that Redis has lost, because they
    /// were not on its disk or not on the replica that took over.
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
