//! Measures every stack in every round, so that other load on the machine affects all stacks in the
//! same way.

use crate::machines::{Redis, Server, Servers};
use crate::stacks::{STACKS, Stack};
use crate::wrk::{self, Load};
use crate::{Outcome, client};

/// The smallest number of sessions that are started to measure their memory.
const SESSIONS: f64 = 100_000.0;

/// The figures of one route of one stack under load.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The figures of wrk.
    pub load: Load,
    /// CPU time of the server per request, in microseconds.
    pub server: f64,
    /// CPU time of Redis per request, in microseconds.
    pub redis: f64,
    /// Bytes between server and Redis per request.
    pub traffic: f64,
}

/// All figures of a stack.
pub struct Figures {
    /// The stack.
    pub stack: Stack,
    /// The sizes of its headers and responses.
    pub wire: client::Wire,
    /// `GET /balance`, one sample for each round.
    pub reads: Vec<Sample>,
    /// `POST /visit`, one sample for each round.
    pub writes: Vec<Sample>,
    /// `POST /login`, one sample.
    pub login: Sample,
    /// Memory of the server per session, in bytes.
    pub server_memory: f64,
    /// Memory of Redis per session, in bytes.
    pub redis_memory: f64,
}

/// The running server of a stack, and its figures so far.
struct Running {
    server: Server,
    figures: Figures,
}

/// Checks every stack, then measures each stack in every round, `seconds` for each route.
///
/// # Errors
/// If a check or a request fails, or if a program is missing.
pub fn measure(servers: &Servers, rounds: usize, seconds: u64) -> Outcome<Vec<Figures>> {
    let redis = Redis::start()?;
    let mut running = Vec::new();
    for stack in STACKS {
        eprintln!("{}: checking, and starting {SESSIONS} sessions", stack.name);
        running.push(start(stack, servers, &redis, seconds)?);
    }
    for round in 0..rounds {
        for at in 0..running.len() {
            // Every second round runs backwards, so that no stack always follows the same stack.
            let at = if round % 2 == 0 { at } else { running.len() - 1 - at };
            let Running { server, figures } = &mut running[at];
            eprintln!("round {} of {rounds}: {}", round + 1, figures.stack.name);
            let cookie = client::cookie(&figures.stack, server.address)?;
            let cookie = (!cookie.is_empty()).then_some(cookie.as_str());
            figures.reads.push(sample(server, &redis, "GET", "/balance", cookie, seconds)?);
            figures.writes.push(sample(server, &redis, "POST", "/visit", cookie, seconds)?);
        }
    }
    Ok(running.into_iter().map(|running| running.figures).collect())
}

fn start(stack: Stack, servers: &Servers, redis: &Redis, seconds: u64) -> Outcome<Running> {
    let server = Server::start(&stack, servers, redis)?;
    let wire = client::check(&stack, server.address)?;
    // Before memory is measured, this lets connections allocate their buffers, and lets the
    // allocator create its arenas.
    sample(&server, redis, "POST", "/login", None, 1)?;
    let before = (server.memory()?, redis.memory()?);
    let (mut login, mut sessions) = (None, 0.0);
    while sessions < SESSIONS {
        let sample = sample(&server, redis, "POST", "/login", None, seconds)?;
        sessions += sample.load.requests;
        login.get_or_insert(sample);
    }
    let login = login.ok_or("no session was started")?;
    let server_memory = (server.memory()? - before.0) / sessions;
    let redis_memory = (redis.memory()? - before.1) / sessions;
    let (reads, writes) = (Vec::new(), Vec::new());
    let figures = Figures { stack, wire, reads, writes, login, server_memory, redis_memory };
    Ok(Running { server, figures })
}

fn sample(
    server: &Server,
    redis: &Redis,
    method: &str,
    path: &str,
    cookie: Option<&str>,
    seconds: u64,
) -> Outcome<Sample> {
    let url = format!("http://{}{path}", server.address);
    let before = (server.cpu()?, redis.cpu()?, redis.traffic()?);
    let load = wrk::run(method, &url, cookie, seconds)?;
    Ok(Sample {
        load,
        server: (server.cpu()? - before.0) / load.requests,
        redis: (redis.cpu()? - before.1) / load.requests,
        traffic: (redis.traffic()? - before.2) / load.requests,
    })
}

/// The median.
#[must_use]
pub fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    middle(samples.iter().map(of).collect())
}

/// `a` divided by `b`: the median of the ratios of all rounds.
#[must_use]
pub fn ratio(a: &[Sample], b: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    middle(a.iter().zip(b).map(|(a, b)| of(a) / of(b)).collect())
}

/// The largest value minus the smallest, as a share of the median.
#[must_use]
pub fn spread(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let values = || samples.iter().map(&of);
    let (least, most) = (values().fold(f64::MAX, f64::min), values().fold(0.0, f64::max));
    (most - least) / middle(values().collect())
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
