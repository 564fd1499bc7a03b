//! The order of measuring: every stack in every round, so that whatever else the machine
//! does meets all of them.

use crate::machines::{Redis, Server, Servers};
use crate::stacks::{STACKS, Stack};
use crate::wrk::{self, Load};
use crate::{Outcome, client};

/// So many sessions are started, at least, to see what they take of memory.
const SESSIONS: f64 = 100_000.0;

/// One route of one stack under load.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// wrk's.
    pub load: Load,
    /// The server's CPU time for a request, in microseconds.
    pub server: f64,
    /// Redis' CPU time for a request, in microseconds.
    pub redis: f64,
    /// Bytes between server and Redis for a request.
    pub traffic: f64,
}

/// What is known of a stack.
pub struct Figures {
    /// Which.
    pub stack: Stack,
    /// Bytes.
    pub wire: client::Wire,
    /// GET /balance, one for each round.
    pub reads: Vec<Sample>,
    /// POST /visit, one for each round.
    pub writes: Vec<Sample>,
    /// POST /login, once.
    pub login: Sample,
    /// How much a session adds to the server's memory, in bytes.
    pub server_memory: f64,
    /// How much a session adds to Redis' memory, in bytes.
    pub redis_memory: f64,
}

/// A stack's server, and what is known of it so far.
struct Running {
    server: Server,
    figures: Figures,
}

/// Proves every stack, then measures each in each of `rounds`, `seconds` a route.
///
/// # Errors
/// A stack is no session, a request failed, or a program is missing.
pub fn measure(servers: &Servers, rounds: usize, seconds: u64) -> Outcome<Vec<Figures>> {
    let redis = Redis::start()?;
    let mut running = Vec::new();
    for stack in STACKS {
        eprintln!("{}: proving, and starting {SESSIONS} sessions", stack.name);
        running.push(start(stack, servers, &redis, seconds)?);
    }
    for round in 0..rounds {
        for at in 0..running.len() {
            // Every second round backwards: no stack always follows the same one.
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
    let wire = client::prove(&stack, server.address)?;
    // Connections have their buffers and the allocator has its arenas before it is weighed.
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

/// The middle one.
#[must_use]
pub fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    middle(samples.iter().map(of).collect())
}

/// How many times `a` is what `b` is: the median of the ratios within a round.
#[must_use]
pub fn ratio(a: &[Sample], b: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    middle(a.iter().zip(b).map(|(a, b)| of(a) / of(b)).collect())
}

/// How far rounds lie apart: the largest less the smallest, as a share of the median.
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
