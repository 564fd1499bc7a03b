//! Measures a revocation list: the memory that it needs, the time that it adds to opening a
//! session, and how it shrinks as revocations expire.
//!
//! `cargo run --release --example revocations`
#![allow(clippy::print_stdout, reason = "a report")]

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bulla::revocation::{Revocation, Subject};
use bulla::session::SessionId;
use bulla::{KeyRing, Payload, Policy, Revocations, Sessions, UnixTime};
use serde::{Deserialize, Serialize};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// How many rounds are measured. Each round measures every list, so that other load on the
/// computer affects all lists equally.
const ROUNDS: usize = 41;
const OPENINGS: usize = 5_000;

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    id: u64,
    name: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let now = UnixTime::now();
    let ring = KeyRing::generate()?;
    let without = Sessions::<Account>::new(&ring, Policy::default());
    let session = without.load_at(now, "POST", |_| Vec::<&[u8]>::new());
    session.start(Account { id: 7, name: "Ada".to_owned() })?;
    let line = session.commit().into_iter().next().ok_or("a session sets a cookie")?.value;
    let cookie = line.split(';').next().ok_or("a cookie has a pair")?;

    let mut sessions = vec![(0, 0, without)];
    for len in [1, 10_000, 1_000_000] {
        let region = Region::new(ALLOCATOR);
        let list = filled(len, now);
        let change = region.change();
        let held = change.bytes_allocated - change.bytes_deallocated;
        let sessions_of_list = Sessions::builder(&ring, Policy::default())
            .revocations(&list)
            .subject(|account: &Account| account.id.to_string())
            .build();
        sessions.push((len, held, sessions_of_list));
    }

    let mut times = vec![Vec::new(); sessions.len()];
    for _ in 0..ROUNDS {
        for ((.., sessions), times) in sessions.iter().zip(&mut times) {
            let begin = Instant::now();
            for _ in 0..OPENINGS {
                let session = sessions.load_at(now, "GET", |name| {
                    (name == "cookie").then_some(black_box(cookie).as_bytes())
                });
                assert!(session.get().is_some());
            }
            times.push(begin.elapsed() / u32::try_from(OPENINGS)?);
        }
    }
    println!(
        "{:>11}  {:>9}  {:>14}  {:>11}",
        "revocations", "MB held", "µs per opening", "µs added"
    );
    let base = median(&mut times[0]);
    for ((len, held, _), times) in sessions.iter().zip(&mut times) {
        let time = median(times);
        println!(
            "{len:>11}  {:>9.2}  {:>14.2}  {:>+11.2}",
            *held as f64 / 1e6,
            micros(time),
            micros(time) - micros(base),
        );
    }
    shrinks(now);
    Ok(())
}

/// Makes a list. One half of its revocations revokes sessions, and the other half revokes subjects
/// (users). The revocations expire one after the other within twelve hours.
fn filled(len: u64, now: UnixTime) -> Revocations {
    let list = Revocations::new();
    list.learn((0..len).map(|number| {
        let until = now + Duration::from_secs(1 + number * 43_200 / len);
        if number % 2 == 0 {
            let id = SessionId::from_bytes(u128::from(number).to_be_bytes());
            Revocation::Session { id, until }
        } else {
            let subject = Subject::of("bank.example/session", &format!("user {number}"));
            Revocation::Subject { subject, before: now, except: None, until }
        }
    }));
    list
}

fn shrinks(now: UnixTime) {
    let region = Region::new(ALLOCATOR);
    let list = filled(1_000_000, now);
    println!("\none million revocations that expire within 12 h, with simulated time");
    println!("{:>7}  {:>11}  {:>9}", "after", "revocations", "MB held");
    for hours in [0, 3, 6, 9, 12] {
        list.prune(now + Duration::from_secs(hours * 3_600));
        let change = region.change();
        let held = change.bytes_allocated - change.bytes_deallocated;
        println!("{hours:>5} h  {:>11}  {:>9.2}", list.len(), held as f64 / 1e6);
    }
    assert!(list.is_empty(), "a revocation has not expired");
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
