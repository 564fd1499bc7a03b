//! Days of a fleet with every kind of fault, checked against a model without cryptography.
//!
//! Four servers have clocks that differ by up to the clock skew and are set at times. One of them
//! has an older release. Browsers and mobile clients send requests. Every few minutes, the fleet
//! gets a new primary key. Revocations spread late, responses are lost or arrive late and in
//! another order, handlers fail, and servers restart. Attackers cut, forge and replay tokens or
//! send them elsewhere.
//!
//! The model knows when each token was issued and for which session. For each request it expects a
//! session, no session, or either. Either is correct in the last 100 seconds before the idle
//! timeout (`MARGIN`), and for a stolen token whose key the server's ring no longer has.
//!
//! `SOAK_DAYS=7 cargo test --release -p bulla --test it soak -- --nocapture` runs for longer, and
//! `SOAK_SEED=…` sets another seed. `tests/no_randomness.sh` adds a random generator that fails.
//!
//! | question | file |
//! |---|---|
//! | What does the fleet consist of, and how does it run? | `fleet` |
//! | What does a server consist of? | `server` |
//! | Which states do the two releases have, and what can a handler do? | `releases` |
//! | What does a client keep, and what does the model know of each token? | `device` |
//! | Must a request have a session, and may its tokens be deleted? | `model` |
//! | Which sessions must a server refuse, given the revocations that it knows? | `told` |
//! | When does a client send a request, and for what? | `visits` |
//! | How does a server handle a request? | `requests` |
//! | What must a response carry, and how does it reach the client? | `responses` |
//! | Who revokes what, and when do the other servers learn of it? | `revocations` |
//! | Which keys do the rings have, and when does a server get a new ring? | `rings` |
//! | What goes wrong on a server? | `faults` |
//! | What does an attacker do with copied tokens? | `attacks` |
//! | Which events are due, and when? | `queue` |
//! | Which random numbers does a run use? | `dice` |

mod attacks;
mod device;
mod dice;
mod faults;
mod fleet;
mod model;
mod queue;
mod releases;
mod requests;
mod responses;
mod revocations;
mod rings;
mod server;
mod told;
mod visits;

use std::env;
use std::path::PathBuf;

use bulla::token::CLOCK_SKEW;

use fleet::Fleet;

/// The idle timeout in seconds. All times of this test are in seconds.
const IDLE: u64 = 1_800;
/// Activity is recorded again when the last record is this old: 5 % of the idle timeout.
const TOUCH: u64 = 90;
/// The absolute timeout.
const ABSOLUTE: u64 = 6 * 3_600;
/// How far the clock of a server can be ahead.
const SKEW: u64 = CLOCK_SKEW.as_secs();
/// The longest time that a server takes for a response. A late response takes up to twice as long
/// to the client.
const DELAY: u64 = 10;
/// If a request is closer than this to the idle timeout, the model accepts either outcome, because
/// requests overlap and servers' clocks differ.
const MARGIN: u64 = SKEW + 4 * DELAY;
/// The longest time until a server learns of another server's revocation.
const LATE: u64 = 120;
const CLIENTS: usize = 24;
const ACCOUNTS: u64 = 20;

const SERVERS: usize = 4;
/// The server of the older release. It knows only the first version of the state.
const OLDER: usize = 3;

/// The number in an environment variable, or `without` if it is not set.
fn number(name: &str, without: f64) -> f64 {
    env::var(name).map_or(without, |value| value.parse().expect("the variable is a number"))
}

#[test]
fn a_fleet_with_faults_loses_no_live_session_and_accepts_no_expired_or_revoked_one() {
    let days = number("SOAK_DAYS", 0.25);
    let seed = number("SOAK_SEED", 1815.0) as u64;
    let switch = env::var_os("NO_RANDOMNESS").map(PathBuf::from);
    let mut fleet = Fleet::new(seed, switch);
    fleet.run((days * 86_400.0) as u64);
    eprintln!("{days} days of seed {seed}:");
    for (what, times) in &fleet.counts {
        eprintln!("  {times} {}", what.trim());
    }
    for fault in [
        "fault: an answer was lost",
        "fault: an answer was late",
        "fault: a handler failed",
        "fault: a server restarted",
        "fault: a clock was set",
        "overlapping requests",
        "revocations",
    ] {
        assert!(fleet.counts.contains_key(fault), "this never happened: {fault}");
    }
}
