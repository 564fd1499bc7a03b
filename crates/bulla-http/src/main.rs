//! Measures, writes docs/end-to-end.md, and with `--check` writes nothing and fails where
//! a bar is missed.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use bulla_http::bars::bars;
use bulla_http::machines::Servers;
use bulla_http::{Outcome, machine, report, rounds};

const HELP: &str = "\
cargo http: bulla beside its peers, end to end over HTTP.

  cargo http                 measures, and writes docs/end-to-end.md; 4 minutes, and 5 to build
  cargo http --check         measures, writes nothing, and fails where bulla is the slower one
  cargo http --seconds 10    so long a route in each round, instead of 1
  cargo http --rounds 9      so many rounds, instead of 5

Each stack is a server (axum or actix-web, a library for sessions) that is pinned to core
0 with one thread; wrk asks it over loopback from core 1, where Redis is too. Before it is
measured, each has to sign in, to read back, and to refuse a forged cookie. wrk, Redis and
util-linux are needed: apt-get install wrk redis-server util-linux

One stack by hand: target/release/server --stack axum-bulla, in crates/bulla-http.";

fn main() -> Outcome<ExitCode> {
    let (mut seconds, mut rounds, mut check) = (1, 5, false);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || -> Outcome<u64> {
            let number = arguments.next().ok_or(format!("{argument} wants a number"))?.parse()?;
            if number == 0 { Err("0 is no measure".into()) } else { Ok(number) }
        };
        match argument.as_str() {
            "--seconds" => seconds = number()?,
            "--rounds" => rounds = usize::try_from(number()?)?,
            "--check" => check = true,
            "--help" | "-h" => {
                println!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            _ => return Err(format!("{argument} is unknown: cargo http --help").into()),
        }
    }

    let machine = machine::describe()?;
    eprintln!("building the server twice, without and with aws-lc-rs");
    let servers = Servers::build()?;
    let figures = rounds::measure(&servers, rounds, seconds)?;
    let bars = bars(&figures);
    for bar in &bars {
        println!("{}", report::bar(bar));
    }
    let missed = bars.iter().filter(|bar| !bar.is_kept()).count();
    println!("{} kept, {missed} missed", bars.len() - missed);
    if let Some(why) = report::disturbed(&figures) {
        println!("{why}");
    }
    if check {
        return Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/end-to-end.md");
    fs::write(path, report::write(&figures, &bars, &machine, seconds))?;
    Ok(ExitCode::SUCCESS)
}
