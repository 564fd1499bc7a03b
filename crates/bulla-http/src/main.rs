//! Measures all stacks and writes docs/end-to-end.md. With `--check`, the program writes nothing
//! and fails if a goal is missed.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use bulla_http::goals::goals;
use bulla_http::machines::Servers;
use bulla_http::{Outcome, machine, report, rounds};

const HELP: &str = "\
cargo http: measures bulla and other session libraries end to end over HTTP.

  cargo http                 measures and writes docs/end-to-end.md; 4 minutes, and 5 to build
  cargo http --check         measures, writes nothing, and fails if a goal is missed
  cargo http --seconds 10    the time for each route in each round; default: 1
  cargo http --rounds 9      the number of rounds; default: 5

Each stack is a server (axum or actix-web, with a session library) with one thread, pinned to
core 0. wrk and Redis run on core 1. wrk sends requests over loopback. Before the measurement,
each stack must sign in, read a session back, and refuse a forged cookie.

This needs wrk, Redis and util-linux: apt-get install wrk redis-server util-linux

To run one stack, call target/release/server --stack axum-bulla in crates/bulla-http.";

fn main() -> Outcome<ExitCode> {
    let (mut seconds, mut rounds, mut check) = (1, 5, false);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || -> Outcome<u64> {
            let number = arguments.next().ok_or(format!("{argument} needs a number"))?.parse()?;
            if number == 0 { Err(format!("{argument} must not be 0").into()) } else { Ok(number) }
        };
        match argument.as_str() {
            "--seconds" => seconds = number()?,
            "--rounds" => rounds = usize::try_from(number()?)?,
            "--check" => check = true,
            "--help" | "-h" => {
                println!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            _ => return Err(format!("unknown argument {argument}; see cargo http --help").into()),
        }
    }

    let machine = machine::describe()?;
    eprintln!("building the server with each backend of bulla");
    let servers = Servers::build()?;
    let figures = rounds::measure(&servers, rounds, seconds)?;
    let goals = goals(&figures);
    for goal in &goals {
        println!("{}", report::goal(goal));
    }
    let missed = goals.iter().filter(|goal| !goal.is_met()).count();
    println!("{} met, {missed} missed", goals.len() - missed);
    if let Some(why) = report::disturbed(&figures) {
        println!("{why}");
    }
    if check {
        return Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/end-to-end.md");
    fs::write(path, report::write(&figures, &goals, &machine, seconds))?;
    Ok(ExitCode::SUCCESS)
}
