//! Tests sessions in a real browser: how the browser treats the bank's cookies and what a customer
//! sees; what htmx, scripts and pages of other origins can do in a small application; and how the
//! browser binds a session to its device.
//!
//! ```sh
//! cargo run -p bank-browser
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program")]

mod bank;
mod browser;
mod devtools;
mod htmx;
mod https;
mod office;
mod page;
mod program;
mod requests;
mod shots;
mod steps;
mod stranger;
mod thief;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::bank::Bank;
use crate::browser::{Chromium, Extras};
use crate::shots::Shots;
use crate::steps::World;

/// The result of a step. The error says what was seen instead of what was expected.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Tests the bank and an application with htmx in Chromium, and prints the result of each step.
///
/// Needs npm to fetch htmx, and nginx, openssl, curl and certutil (Debian: libnss3-tools) for
/// device-bound sessions, which browsers have only over HTTPS.
///
/// Exits with status 1 if a step fails.
#[derive(Parser)]
struct Args {
    /// Directory for the screenshots.
    #[arg(long, value_name = "DIR", default_value = "target/screenshots")]
    screenshots: PathBuf,
    /// Program of the browser: Chromium or Chrome.
    #[arg(long, value_name = "FILE", default_value = "chromium")]
    chromium: PathBuf,
    /// Run only the steps whose names contain this text.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(0) => {
            println!("all results as expected");
            ExitCode::SUCCESS
        }
        Ok(failed) => {
            println!("FAILED: {failed} steps");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the steps and returns the number of those that failed.
fn run(args: &Args) -> Outcome<usize> {
    let world = World {
        shots: Shots::into(&args.screenshots)?,
        bank: Bank::build()?,
        chromium: Chromium::start(&args.chromium, &Extras::default())?,
        program: args.chromium.clone(),
    };
    println!("{}, screenshots in {}", world.chromium.version()?, args.screenshots.display());
    let steps: Vec<_> = steps::ALL.iter().filter(|(name, _)| name.contains(&args.only)).collect();
    if steps.is_empty() {
        return Err(format!("no step's name contains {:?}", args.only).into());
    }
    let mut failed = 0;
    for (name, step) in steps {
        let began = Instant::now();
        let outcome = step(&world);
        let seconds = began.elapsed().as_secs_f32();
        match outcome {
            Ok(()) => println!("ok      {name} ({seconds:.1}s)"),
            Err(error) => {
                failed += 1;
                println!("FAILED  {name} ({seconds:.1}s)\n        {error}");
            }
        }
    }
    Ok(failed)
}
