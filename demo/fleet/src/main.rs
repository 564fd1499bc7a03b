//! Runs a fleet at full load: three banks behind nginx, with one Redis. During the run, keys
//! change or devices are signed out. No other session may be lost.
#![allow(clippy::print_stdout, reason = "the table is this program's output")]

mod client;
mod load;
mod logout;
mod machines;
mod plot;
mod restarts;
mod rotation;
mod scene;
mod tally;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Runs three banks behind nginx with a key ring in Redis. Clients send requests as fast as
/// they can while the scenario runs. Needs nginx, redis-server and redis-cli. Builds the bank
/// and the tool `bulla`.
///
/// Exits with status 1 if a session was lost that should not be, or if a request failed.
#[derive(Parser)]
struct Args {
    /// What happens during the run.
    #[arg(long, value_enum, default_value_t = Scenario::Rotation)]
    scenario: Scenario,
    /// Duration in seconds, from 20 to 3600.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(20..=3600))]
    seconds: u64,
    /// Number of clients. Half of them are browsers, half are mobile clients.
    #[arg(long, default_value_t = 48)]
    clients: usize,
    /// File for the plot of the keys of the clients' tokens (rotation only).
    #[arg(long, value_name = "FILE", default_value = "target/fleet.svg")]
    plot: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Scenario {
    /// Publishes, promotes, retires and revokes keys, restarts a bank, and stops Redis for a
    /// while.
    Rotation,
    /// Signs out other devices, which every bank must refuse within a second, stops Redis for
    /// a while, and uses each sign-in link twice.
    Logout,
    /// Signs out devices and restarts a bank after each sign-out.
    Restarts,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let seconds = Duration::from_secs(args.seconds);
    let run = async {
        match args.scenario {
            Scenario::Rotation => rotation::run(seconds, args.clients, &args.plot).await,
            Scenario::Logout => logout::run(seconds, args.clients).await,
            Scenario::Restarts => restarts::run(seconds, args.clients).await,
        }
    };
    let outcome = tokio::select! {
        outcome = run => outcome,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("the run failed: {error}");
            ExitCode::from(2)
        }
    }
}
