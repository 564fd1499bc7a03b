//! A real browser's run through the bank: what browsers do with its cookies,
//! and what a customer sees.
//!
//! ```sh
//! cargo run -p bank-browser
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program")]

mod bank;
mod browser;
mod devtools;
mod page;
mod program;
mod requests;
mod shots;
mod steps;
mod stranger;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::bank::Bank;
use crate::browser::Chromium;
use crate::shots::Shots;
use crate::steps::World;

/// Every step can fail; the text says what was seen instead.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Drives Chromium through the bank and says of each step whether it went as
/// promised. Ends with status 1 if one did not.
#[derive(Parser)]
struct Args {
    /// Where the screenshots go.
    #[arg(long, value_name = "DIR", default_value = "target/screenshots")]
    screenshots: PathBuf,
    /// The browser: Chromium or Chrome.
    #[arg(long, value_name = "FILE", default_value = "chromium")]
    chromium: PathBuf,
    /// Only the steps whose names contain this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(0) => {
            println!("everything as promised");
            ExitCode::SUCCESS
        }
        Ok(failed) => {
            println!("NOT AS PROMISED: {failed}");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("cannot begin: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How many steps failed.
fn run(args: &Args) -> Outcome<usize> {
    let world = World {
        shots: Shots::into(&args.screenshots)?,
        bank: Bank::build()?,
        chromium: Chromium::start(&args.chromium)?,
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
