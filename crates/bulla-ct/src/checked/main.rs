//! Runs under the memcheck tool of valgrind, with secrets marked as uninitialized memory. memcheck
//! then reports each branch and each address that depends on a secret. These are the places where
//! an attacker could measure the secret by time or through the cache.
//!
//! The primitives and keys are private to the library, so this program includes their source.
#![allow(clippy::print_stdout, reason = "a command-line tool")]

#[allow(dead_code, unreachable_pub, missing_docs)] // modules of the library, used in part
#[path = "../../../../src/keys"]
mod keys {
    pub(crate) mod key;
    pub(crate) mod ring;
}
// Verifying a signature (feature `bound`) handles no secret, so it is not checked here.
#[allow(dead_code, unreachable_pub, missing_docs, unexpected_cfgs)]
#[path = "../../../../src/primitives/mod.rs"]
mod primitives;
#[allow(dead_code, unreachable_pub, missing_docs)]
#[path = "../../../../src/time.rs"]
mod time;

mod controls;
mod key_text;
mod library;
mod secret;
mod tokens;

use std::env;
use std::process::ExitCode;

use secret::Seen;

/// What memcheck may report for one run of an operation.
#[derive(Clone, Copy)]
enum Expected {
    /// An observer may learn this number of bits, for example one bit that says whether a token is
    /// accepted. Each bit is one branch, or two if the caller branches on it again. The number of
    /// branches is the same in each run, for every secret.
    Public(usize),
    /// Any number of branches, but the same number for every secret, because each branch goes the
    /// same way for every key.
    SameForAll,
    /// A control, which memcheck must report. Controls show that this program detects mistakes.
    Leak,
}

pub(crate) struct Operation {
    name: &'static str,
    expected: Expected,
    run: fn(&mut Seen),
}

const fn quiet(name: &'static str, run: fn(&mut Seen)) -> Operation {
    Operation { name, expected: Expected::Public(0), run }
}

const fn decides(name: &'static str, bits: usize, run: fn(&mut Seen)) -> Operation {
    Operation { name, expected: Expected::Public(bits), run }
}

fn main() -> ExitCode {
    if crabgrind::run_mode() != crabgrind::RunMode::Valgrind {
        println!("run this program under valgrind: cargo run --release -p bulla-ct");
        return ExitCode::FAILURE;
    }
    let backend = env::args().nth(1).unwrap_or_default();
    println!("{backend}, {}", processor());
    println!("{:<58} {:>6} {:>9} {:>6}", "operation", "runs", "expected", "seen");
    let groups =
        [controls::OPERATIONS, key_text::OPERATIONS, tokens::OPERATIONS, library::OPERATIONS];
    let (mut watched, mut failed) = (0, 0);
    for operation in groups.into_iter().flatten() {
        let (runs, verdict) = watch(operation);
        watched += runs;
        failed += usize::from(verdict == Verdict::Fails);
    }
    println!("{watched} runs watched, {failed} operations fail\n");
    if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[derive(PartialEq, Eq)]
enum Verdict {
    Holds,
    Fails,
}

fn watch(operation: &Operation) -> (usize, Verdict) {
    let mut seen = Seen::default();
    crabgrind::println!("=== {}", operation.name);
    (operation.run)(&mut seen);
    let (runs, reports) = (seen.reports.len(), seen.reports.iter().sum::<usize>());
    let same = seen.reports.windows(2).all(|pair| pair[0] == pair[1]);
    let (expected, holds) = match operation.expected {
        Expected::Public(0) => ("0".to_owned(), reports == 0),
        Expected::Public(bits) => {
            let once_or_twice = seen.reports.iter().all(|n| (bits..=2 * bits).contains(n));
            (format!("{}-{}", bits * runs, 2 * bits * runs), once_or_twice && same)
        }
        Expected::SameForAll => ("constant".to_owned(), same),
        Expected::Leak => ("a leak".to_owned(), seen.reports.iter().all(|reports| *reports > 0)),
    };
    let verdict = if holds && runs > 0 { Verdict::Holds } else { Verdict::Fails };
    let word = if verdict == Verdict::Holds { "holds" } else { "FAILS" };
    println!("{:<58} {runs:>6} {expected:>9} {reports:>6}  {word}", operation.name);
    (runs, verdict)
}

/// The processor features that valgrind reports. They decide which code runs.
#[cfg(target_arch = "x86_64")]
fn processor() -> String {
    let yes = |name: &str, has: bool| format!("{}{name}", if has { "" } else { "no " });
    let features = [
        yes("AVX2", std::is_x86_feature_detected!("avx2")),
        yes("SHA extensions", std::is_x86_feature_detected!("sha")),
        yes("AVX-512", std::is_x86_feature_detected!("avx512f")),
    ];
    format!("processor features that valgrind reports: {}", features.join(", "))
}

#[cfg(not(target_arch = "x86_64"))]
fn processor() -> String {
    format!("on {}", env::consts::ARCH)
}
