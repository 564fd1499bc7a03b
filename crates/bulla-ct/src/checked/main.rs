//! Runs under valgrind's memcheck, with secrets marked as if they had never been written.
//! memcheck then reports each branch and each address that depends on one: what a clock or
//! a cache can tell. Nothing outside the library may reach its primitives and keys, so that
//! their very source is part of this program.
#![allow(clippy::print_stdout, reason = "a tool")]

#[allow(dead_code, unreachable_pub, missing_docs)] // modules of the library, and not all is asked
#[path = "../../../../src/keys"]
mod keys {
    pub(crate) mod key;
    pub(crate) mod ring;
}
#[allow(dead_code, unreachable_pub, missing_docs)]
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

/// What memcheck may say of one run of an operation.
#[derive(Clone, Copy)]
enum Expected {
    /// So many bits are public, such as accepted or refused. Each is a branch, and one more
    /// where the caller asks again; as many in each run, whatever the secret is.
    Public(usize),
    /// As many whatever the secret is: questions that have the same answer for every key.
    SameForAll,
    /// More than a public bit: a control, by which this program can fail.
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
        println!("this runs under valgrind: cargo run --release -p bulla-ct");
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

/// What valgrind lets the program see decides which code runs.
#[cfg(target_arch = "x86_64")]
fn processor() -> String {
    let yes = |name: &str, has: bool| format!("{}{name}", if has { "" } else { "no " });
    let features = [
        yes("AVX2", std::is_x86_feature_detected!("avx2")),
        yes("SHA extensions", std::is_x86_feature_detected!("sha")),
        yes("AVX-512", std::is_x86_feature_detected!("avx512f")),
    ];
    format!("on what valgrind shows of the processor: {}", features.join(", "))
}

#[cfg(not(target_arch = "x86_64"))]
fn processor() -> String {
    format!("on {}", env::consts::ARCH)
}
