//! Calculates what a billion sessions a day cost, from the figures of one core.

use crate::rounds::{Figures, Sample, median};
use crate::stacks::Keeps;

/// Sessions started per day.
pub const SESSIONS: f64 = 1e9;

/// Reads of each session.
pub const READS: f64 = 20.0;

/// Writes of each session.
pub const WRITES: f64 = 1.0;

/// Seconds per day.
pub const SECONDS: f64 = 86_400.0;

/// How long a store keeps a session, in hours, for the column "kept for an hour" of the report.
pub const HOURS_KEPT: f64 = 1.0;

/// The cost of a fleet, as averages over a day.
pub struct Cost {
    /// CPU time of the servers for one session, in microseconds.
    pub server_micros: f64,
    /// Cores of the servers.
    pub server_cores: f64,
    /// Cores of Redis.
    pub redis_cores: f64,
    /// Bytes that one session adds to its requests and responses.
    pub client_bytes: f64,
    /// The bytes that all sessions add, in Gbit/s.
    pub client_gbits: f64,
    /// Traffic between the servers and the store, in Gbit/s.
    pub store_gbits: f64,
    /// Memory of the sessions that a store keeps for an hour, in GB.
    pub memory: f64,
}

/// Calculates the cost of a fleet. `floor` holds the figures of the framework without sessions.
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

/// Memory that one session takes on the server side, in bytes. It is 0 if there is no session or
/// if the client stores the session. In these cases, the server's memory still grows a little, but
/// only because of the allocator.
#[must_use]
pub fn held(figures: &Figures) -> f64 {
    match figures.stack.keeps {
        Keeps::Nothing | Keeps::Client | Keeps::ClientRenewing => 0.0,
        Keeps::Memory => figures.server_memory,
        Keeps::Redis => figures.redis_memory,
    }
}
