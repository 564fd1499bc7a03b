//! What a billion sessions a day cost, from what was measured on one core.

use crate::rounds::{Figures, Sample, median};
use crate::stacks::Keeps;

/// Sessions that are started in a day.
pub const SESSIONS: f64 = 1e9;

/// How often each reads, after its login.
pub const READS: f64 = 20.0;

/// How often each writes.
pub const WRITES: f64 = 1.0;

/// In a day.
pub const SECONDS: f64 = 86_400.0;

/// How long a store keeps a session, in hours, in the report's last column but one.
pub const HOURS_KEPT: f64 = 1.0;

/// Averages over the day.
pub struct Cost {
    /// The server's CPU time for one session, in microseconds.
    pub server_micros: f64,
    /// Cores that serve.
    pub server_cores: f64,
    /// Cores that Redis takes.
    pub redis_cores: f64,
    /// What the session adds to requests and answers, in bytes, over its life.
    pub client_bytes: f64,
    /// The same, in Gbit/s of the whole fleet.
    pub client_gbits: f64,
    /// Between servers and the store, in Gbit/s.
    pub store_gbits: f64,
    /// What the sessions that a store keeps for an hour take there, in GB.
    pub memory: f64,
}

/// What the fleet of one stack costs, whose framework without sessions is `floor`.
#[must_use]
pub fn cost(figures: &Figures, floor: &Figures) -> Cost {
    let life = |of: &dyn Fn(&Sample) -> f64| {
        of(&figures.login)
            + READS * median(&figures.reads, of)
            + WRITES * median(&figures.writes, of)
    };
    let cores = |micros: f64| micros * SESSIONS / SECONDS / 1e6;
    let gbits = |bytes: f64| bytes * SESSIONS / SECONDS * 8.0 / 1e9;
    let server_micros = life(&|sample| sample.server);
    let stored = figures.stack.keeps == Keeps::Redis;
    let redis = |value: f64| if stored { value } else { 0.0 };

    let (ours, bare) = (&figures.wire, &floor.wire);
    let more = |ours: usize, bare: usize| ours as f64 - bare as f64;
    let client_bytes = more(ours.login, bare.login)
        + READS * (ours.cookie as f64 + more(ours.read, bare.read))
        + WRITES * (ours.cookie as f64 + more(ours.write, bare.write));
    Cost {
        server_micros,
        server_cores: cores(server_micros),
        redis_cores: cores(redis(life(&|sample| sample.redis))),
        client_bytes,
        client_gbits: gbits(client_bytes),
        store_gbits: gbits(redis(life(&|sample| sample.traffic))),
        memory: held(figures) * SESSIONS * HOURS_KEPT / 24.0 / 1e9,
    }
}

/// What a live session takes on the server's side, in bytes: of a client's, nothing, and
/// what is measured then is the allocator's.
#[must_use]
pub fn held(figures: &Figures) -> f64 {
    match figures.stack.keeps {
        Keeps::Nothing | Keeps::Client | Keeps::ClientRenewing => 0.0,
        Keeps::Memory => figures.server_memory,
        Keeps::Redis => figures.redis_memory,
    }
}
