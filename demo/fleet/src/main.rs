//! Three banks behind nginx, one Redis, and clients at full load, while keys
//! change and devices are signed out: nobody else may notice.
#![allow(clippy::print_stdout, reason = "the table is this program's output")]

mod client;
mod load;
mod logout;
mod machines;
mod plot;
mod rotation;
mod tally;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Runs three banks behind nginx with a key ring in Redis, and clients that ask
/// for all they can, while things happen. Needs nginx and redis-server; builds
/// the bank and the tool `bulla` by itself.
///
/// Ends with status 1 when a session was lost that should not be, or a request failed.
#[derive(Parser)]
struct Args {
    /// What happens.
    #[arg(long, value_enum, default_value_t = Scenario::Rotation)]
    scenario: Scenario,
    /// For how long, at least 20.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(20..=3600))]
    seconds: u64,
    /// How many clients, half of them browsers and half mobile.
    #[arg(long, default_value_t = 48)]
    clients: usize,
    /// Where to draw which keys the clients' tokens are under (rotation).
    #[arg(long, value_name = "FILE", default_value = "target/fleet.svg")]
    plot: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Scenario {
    /// Keys are published, promoted, retired and revoked, a bank is restarted,
    /// and Redis is away for a while.
    Rotation,
    /// Other devices are signed out, on every bank within a second, with and
    /// without Redis; and links that sign in once are used twice.
    Logout,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let seconds = Duration::from_secs(args.seconds);
    let run = async {
        match args.scenario {
            Scenario::Rotation => rotation::run(seconds, args.clients, &args.plot).await,
            Scenario::Logout => logout::run(seconds, args.clients).await,
        }
    };
    let outcome = tokio::select! {
        outcome = run => outcome,
        _ = tokio::signal::ctrl_c() => Err("broken off".into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("the run could not be made: {error}");
            ExitCode::from(2)
        }
    }
}
