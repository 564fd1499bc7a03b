//! Tests the implementations of bulla in Rust, Python and TypeScript against each other.
//!
//! | command | what it does |
//! |---|---|
//! | `bulla-cross table` | each implementation makes tokens and sessions, and each reads them; prints a table |
//! | `bulla-cross fuzz COUNT [SEED]` | compares TypeScript with Rust on seeded inputs, most of them malformed |
//! | `bulla-cross speak` | answers requests on standard input, one JSON value per line, as the other implementations do |
//!
//! `js/test/cross.sh` builds the three and runs the first two commands. `speak` has the requests
//! `make`, `open` and `visit`, which `speak.rs` describes.
#![allow(clippy::print_stdout, reason = "a command-line tool")]

#[allow(dead_code, unreachable_pub)]
#[path = "../../../fuzz/src/fixed.rs"]
mod fixed;
mod fuzz;
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../../../fuzz/src/independent/mod.rs"]
mod independent;
mod inputs;
mod names;
mod outcome;
mod peer;
mod rng;
mod scenarios;
mod speak;
mod table;

use std::env;
use std::error::Error;
use std::process::ExitCode;

const USAGE: &str = "usage: bulla-cross table | bulla-cross fuzz COUNT [SEED] | bulla-cross speak";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["table"] => table::print(),
        ["fuzz", count] => number(count).and_then(|count| fuzz::run(count, 1)),
        ["fuzz", count, seed] => number(count).and_then(|count| fuzz::run(count, number(seed)?)),
        ["speak"] => speak::lines(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|_| format!("{text} is not a number\n{USAGE}").into())
}
