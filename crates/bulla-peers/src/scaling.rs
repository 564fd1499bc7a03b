//! How the time depends on the number of threads, on the payload and on the ring, and how long it
//! takes to refuse a token.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use bulla::token::NoPrevious;
use bulla::{KeyRing, Payload, Sealer, UnixTime};
use serde::{Deserialize, Serialize};

use crate::jobs::{Job, Size, Verb};
use crate::peers::AWS_LC;
use crate::rounds::median;
use crate::states::{Account, LIFETIME, State};

/// Payload sizes in bytes. A token has at most 8,192 characters, which is about 6 kB of payload.
pub const PAYLOADS: [usize; 6] = [16, 64, 256, 1024, 4096, 6000];

/// Numbers of keys in a ring.
pub const RINGS: [usize; 4] = [1, 4, 16, 64];

/// Reasons to refuse a token, in the order of the checks.
pub const REFUSALS: [&str; 6] =
    ["too long", "wrong prefix", "invalid character", "unknown key", "wrong tag", "expired"];

#[derive(Serialize, Deserialize)]
struct Text(String);

impl Payload for Text {
    const PURPOSE: &'static str = "shop.example/text";
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Text {
        match previous {}
    }
}

/// The name of the job for a payload of `len` bytes.
pub fn payload(len: usize) -> String {
    format!("payload of {len}")
}

/// The name of the job for a ring of `keys` keys.
pub fn ring(keys: usize) -> String {
    format!("ring of {keys}")
}

/// The name of the job for a refused token.
pub fn refusal(why: &str) -> String {
    format!("refused: {why}")
}

/// The jobs that are measured together with those of the libraries.
pub fn jobs() -> Vec<Job> {
    let mut jobs = Vec::new();
    for len in PAYLOADS {
        let (sealer, payload_) = (Arc::new(sealer::<Text>(1)), Text("x".repeat(len)));
        let token = sealer.seal(&payload_).unwrap();
        let sealing = Arc::clone(&sealer);
        let mut out = String::new();
        jobs.push(job(payload(len), Verb::Seal, move || {
            sealing.seal_into(black_box(&payload_), UnixTime::now(), &mut out).unwrap();
        }));
        jobs.push(job(payload(len), Verb::Open, move || {
            black_box(sealer.open(black_box(&token)).unwrap());
        }));
    }
    for keys in RINGS {
        let (sealer, state) = (Arc::new(sealer::<Account>(keys)), Account::sample());
        let token = sealer.seal(&state).unwrap();
        let sealing = Arc::clone(&sealer);
        let mut out = String::new();
        jobs.push(job(ring(keys), Verb::Seal, move || {
            sealing.seal_into(black_box(&state), UnixTime::now(), &mut out).unwrap();
        }));
        jobs.push(job(ring(keys), Verb::Open, move || {
            black_box(sealer.open(black_box(&token)).unwrap());
        }));
    }
    for why in REFUSALS {
        let sealer = sealer::<Account>(1);
        let token = refused(&sealer, why);
        assert!(sealer.open(&token).is_err(), "{why}");
        jobs.push(job(refusal(why), Verb::Open, move || {
            black_box(sealer.open(black_box(&token))).ok();
        }));
    }
    jobs
}

fn job(who: String, verb: Verb, run: impl FnMut() + 'static) -> Job {
    Job { who: who.leak(), verb, size: Size::Small, chars: 0, run: Box::new(run) }
}

fn sealer<P: Payload>(keys: usize) -> Sealer<P> {
    let key = || KeyRing::generate().unwrap().expose_text().to_string();
    let ring: KeyRing = (0..keys).map(|_| key()).collect::<String>().parse().unwrap();
    Sealer::new(ring, Duration::from_secs(LIFETIME))
}

fn refused(sealer: &Sealer<Account>, why: &str) -> String {
    let token = sealer.seal(&Account::sample()).unwrap();
    match why {
        "too long" => token.repeat(50),
        "wrong prefix" => token.replace("b1.", "b2."),
        "invalid character" => format!("{}!", &token[..token.len() - 1]),
        "unknown key" => format!("b1.AAAAA{}", &token[8..]),
        "wrong tag" => {
            let (head, tail) = token.split_at(token.len() - 4);
            format!("{head}{}{}", if tail.starts_with('A') { 'B' } else { 'A' }, &tail[1..])
        }
        _ => sealer.seal_at(&Account::sample(), UnixTime::from_secs(1_000_000_000)).unwrap(),
    }
}

/// What the threads share.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Common {
    /// The sealer and its ring.
    Sealer,
    /// Nothing. This shows the throughput that the machine allows for two threads.
    Nothing,
}

/// The number of tokens that `threads` threads open per second.
fn throughput(threads: usize, common: Common, sealers: &[Arc<Sealer<Account>>]) -> f64 {
    let (start, slice) = (Arc::new(Barrier::new(threads)), Duration::from_millis(3));
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let start = Arc::clone(&start);
            let sealer = Arc::clone(match common {
                Common::Sealer => &sealers[0],
                Common::Nothing => &sealers[thread],
            });
            thread::spawn(move || {
                // Warms the caches.
                let token = sealer.seal(&Account::sample()).unwrap();
                sealer.open(&token).unwrap();
                start.wait();
                let (begun, mut count) = (Instant::now(), 0_u64);
                while begun.elapsed() < slice {
                    for _ in 0..100 {
                        black_box(sealer.open(black_box(&token)).unwrap());
                    }
                    count += 100;
                }
                count as f64 / begun.elapsed().as_secs_f64()
            })
        })
        .collect();
    workers.into_iter().map(|worker| worker.join().unwrap()).sum()
}

/// How opening scales with threads.
pub struct Threads {
    /// Tokens that one thread opens per second.
    pub one: f64,
    /// Tokens that two threads open, relative to one thread, if the threads share a sealer.
    pub sharing: f64,
    /// Tokens that two threads open, relative to one thread, if the threads share nothing.
    pub apart: f64,
}

/// Measures the throughput of threads. Each figure is the best of several slices.
pub fn threads() -> Threads {
    let sealers = [1, 1].map(|keys| Arc::new(sealer::<Account>(keys)));
    let best = |threads, common| {
        let slices = (0..60).map(|_| throughput(threads, common, &sealers));
        slices.fold(0.0, f64::max)
    };
    let rounds: Vec<[f64; 3]> = (0..5)
        .map(|_| [best(1, Common::Sealer), best(2, Common::Sealer), best(2, Common::Nothing)])
        .collect();
    let of = |figure: fn(&[f64; 3]) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>());
    Threads {
        one: of(|[one, ..]| *one),
        sharing: of(|[one, sharing, _]| sharing / one),
        apart: of(|[one, _, apart]| apart / one),
    }
}

/// The library whose scaling is measured.
pub const WHO: &str = AWS_LC;
