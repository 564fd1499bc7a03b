//! Measures, writes docs/performance.md and docs/peers.svg, and with `--check` writes
//! nothing and fails where a bar is missed.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use bulla_peers::bars::{Bar, Results};
use bulla_peers::jobs::{Size, Verb};
use bulla_peers::peers::FAST;
use bulla_peers::scaling::Threads;
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

    let mut bars = results.bars();
    bars.extend(scaling_bars(&results, &threads));
    let missed = bars.iter().filter(|bar| !bar.is_kept()).count();
    for bar in &bars {
        let verdict = if bar.is_kept() { "kept  " } else { "MISSED" };
        let sign = if bar.at_least { ">=" } else { "<=" };
        let (limit, measured) = (report::figure(bar.limit), report::figure(bar.measured));
        println!("{verdict} {:<64} {sign} {limit:>5}: {measured:>5}  {}", bar.what, bar.against);
    }
    println!("{} kept, {missed} missed", bars.len() - missed);
    if check {
        return Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }

    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let text = report::write(&results, &bars, &threads, &machine::describe()?);
    fs::write(docs.join("performance.md"), text)?;
    let title = "Opening a session of 84 bytes, text to typed value (shorter is better)";
    fs::write(docs.join("peers.svg"), chart::draw(title, &report::rows(&results), 6000.0))?;
    Ok(ExitCode::SUCCESS)
}

fn scaling_bars(results: &Results, threads: &Threads) -> Vec<Bar> {
    let accepted = results.ns(FAST, Verb::Open, Size::Small);
    let mut bars: Vec<Bar> = scaling::REFUSALS
        .iter()
        .map(|why| Bar {
            what: format!("refused for {why}, as a share of an opening"),
            limit: if ["tag", "expired"].contains(why) { 1.0 } else { 0.1 },
            measured: rounds::ratio(
                results.ns(&scaling::refusal(why), Verb::Open, Size::Small),
                accepted,
            ),
            against: String::new(),
            at_least: false,
        })
        .collect();
    bars.push(Bar {
        what: "two threads as a multiple of one".into(),
        limit: 1.9,
        measured: threads.sharing,
        against: format!("{:.2} where nothing is shared", threads.apart),
        at_least: true,
    });
    bars
}

/// What the program beside this one counts.
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
