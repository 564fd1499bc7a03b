//! Checks the laws (properties that must always hold) in every order of events in small fleets.
//!
//! ```sh
//! cargo run --release -p bulla-model                # takes about a minute
//! cargo run --release -p bulla-model -- --large     # takes several minutes
//! cargo run --release -p bulla-model -- --mistakes  # adds mistakes, which the checker must find
//! ```
//!
//! Each step of a model calls the library. The step builds the servers of the current state, sends
//! a request with the cookies of a client, and stores the response. The model itself only records
//! the sign-ins and the revocations, with their times. From these records the model decides which
//! sessions the servers must accept and which they must refuse.
//!
//! There are two models: `fleet` for sessions and revocations, and `rings` for the key schedule.
#![allow(clippy::print_stdout, reason = "a command-line tool")]

#[allow(dead_code)] // source files of the tool `bulla`, used in part
#[path = "../../bulla-cli/src/compromise.rs"]
mod compromise;
#[allow(dead_code)]
#[path = "../../bulla-cli/src/document.rs"]
mod document;
#[allow(dead_code)]
#[path = "../../bulla-cli/src/edit.rs"]
mod edit;
mod fleet;
mod laws;
mod rings;
#[allow(dead_code)]
#[path = "../../bulla-cli/src/timeline.rs"]
mod timeline;
mod world;

/// The error type that the source files of the tool use.
mod reply {
    pub(crate) type Failure = Box<dyn std::error::Error>;
}

use std::process::ExitCode;
use std::time::Instant;

use stateright::{Checker as _, Model};

use crate::world::Mistake;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let holds = match arguments[..] {
        [] => all_hold(fleet::SMALL, rings::SMALL),
        ["--large"] => all_hold(fleet::LARGE, rings::LARGE),
        ["--mistakes"] => mistakes_are_found(),
        _ => {
            eprintln!("usage: bulla-model [--large | --mistakes]");
            return ExitCode::from(2);
        }
    };
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn all_hold(fleets: &[fleet::Fleet], rings: &[rings::Rings]) -> bool {
    let fleets = fleets.iter().map(|fleet| check(fleet.name, fleet.clone()).is_none());
    let fleets: Vec<bool> = fleets.collect();
    let rings = rings.iter().map(|rings| check(rings.name, rings.clone()).is_none());
    let rings: Vec<bool> = rings.collect();
    fleets.into_iter().chain(rings).all(|holds| holds)
}

/// Checks that the model checker finds violations. For this, the servers make a deliberate mistake,
/// which the checker must find.
fn mistakes_are_found() -> bool {
    let found = [Mistake::TheMarkIsDropped, Mistake::AnExceptionIsKept].map(|mistake| {
        let fleet = fleet::Fleet { mistake: Some(mistake), ..fleet::SMALL[0].clone() };
        println!("\n{mistake:?}");
        check("a mistake", fleet).is_some()
    });
    let all = found.iter().all(|found| *found);
    println!("{} of {} mistakes found", found.iter().filter(|f| **f).count(), found.len());
    all
}

/// Visits all states. Returns the name of a violated law, if there is one.
fn check<M>(name: &str, model: M) -> Option<&'static str>
where
    M: Model + Send + Sync + 'static,
    M::State: std::fmt::Debug + PartialEq + std::hash::Hash + Send + Sync + Clone + 'static,
    M::Action: std::fmt::Debug + Clone + PartialEq + Send + Sync + 'static,
{
    let started = Instant::now();
    let failures = stateright::HasDiscoveries::AnyFailures;
    let checker = model.checker().threads(2).finish_when(failures).spawn_bfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    let seconds = started.elapsed().as_secs_f64();
    println!("{name}: {states} states, {depth} steps deep, {seconds:.1} s");
    let broken = checker.discoveries().into_iter().next();
    let (law, path) = broken?;
    println!("violated: {law}");
    println!("{:#?}", path.last_state());
    for action in path.into_actions() {
        println!("  {action:?}");
    }
    Some(law)
}
