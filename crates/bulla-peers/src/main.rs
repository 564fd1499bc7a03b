//! Measures all libraries and writes docs/performance.md and docs/peers.svg. With `--check`, the
//! program writes nothing and fails if a goal is missed.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use bulla_peers::goals::Results;
use bulla_peers::{chart, machine, peers, primitives, report, rounds, scaling};

const ROUNDS: usize = 25;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let check = match env::args().skip(1).collect::<Vec<_>>() {
        args if args.is_empty() => false,
        args if args == ["--check"] => true,
        _ => return Err("usage: cargo peers [--check]".into()),
    };
    peers::check();

    let mut jobs = peers::jobs();
    jobs.extend(primitives::jobs());
    jobs.extend(scaling::jobs());
    let times = rounds::measure(&mut jobs, ROUNDS);
    let chars = jobs.iter().map(|job| (job.name(), job.chars)).collect();
    let times = times.into_iter().map(|times| (times.name.clone(), times)).collect();
    let results = Results { times, chars, allocations: allocations()?, peers: peers::peers() };
    let threads = scaling::threads();

    let goals = results.goals(&threads);
    let missed = goals.iter().filter(|goal| !goal.is_met()).count();
    for goal in &goals {
        let verdict = if goal.is_met() { "met   " } else { "MISSED" };
        let sign = if goal.at_least { ">=" } else { "<=" };
        let (limit, measured) = (report::figure(goal.limit), report::figure(goal.measured));
        println!("{verdict} {:<92} {sign} {limit:>5}: {measured:>5}  {}", goal.what, goal.against);
    }
    println!("{} met, {missed} missed", goals.len() - missed);
    if check {
        return Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }

    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let text = report::write(&results, &goals, &threads, &machine::describe()?);
    fs::write(docs.join("performance.md"), text)?;
    let title = "Time to open a token and decode its value of 84 bytes (shorter is better)";
    fs::write(docs.join("peers.svg"), chart::draw(title, &report::rows(&results), 6000.0))?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the program that counts allocations.
fn allocations() -> Result<BTreeMap<String, u64>, Box<dyn Error>> {
    let cargo = env::var("CARGO").unwrap_or("cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let output = Command::new(cargo)
        .args(["run", "--release", "--quiet", "--bin", "allocations", "--manifest-path"])
        .arg(manifest)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let lines = String::from_utf8(output.stdout)?;
    let counts = lines.lines().filter_map(|line| line.split_once('\t'));
    counts.map(|(name, count)| Ok((name.to_owned(), count.parse()?))).collect()
}
