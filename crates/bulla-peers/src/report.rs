//! Writes docs/performance.md: every figure of one run, the goals, and how to repeat the run.

use std::fmt::Write as _;

use crate::chart::Row;
use crate::goals::{Goal, Results};
use crate::jobs::{Size, Verb};
use crate::peers::{AWS_LC, DEFAULT, DRYOC, Expiry, Kind, Peer, SIGNED, reusing};
use crate::primitives;
use crate::rounds::{median, ratio, spread};
use crate::scaling::{self, PAYLOADS, REFUSALS, RINGS, Threads};

const HEAD: &str = "\
# Performance

`cargo peers` (crates/bulla-peers) wrote this document. All figures are from one run, in one
process, on this machine: MACHINE,
with the default release profile of Cargo and no compiler flags. **Compare ratios; nanoseconds
depend on the machine.** `cargo peers --check` measures again and fails if a goal below is missed.

Every library makes tokens of two Rust values and opens the tokens again: an account of 84 bytes
in postcard (193 bytes in JSON), and a visit of 2.4 kB (82 strings). If a library can enforce a
deadline, it does so. Before the measurement, the program checks every library: it must return the
value, and it must refuse a token that was changed or has expired.

In every round, all libraries run in turn, for 60 µs each, ten times. The figure of a round is the
best of the ten runs, because other programs can only add time. The tables show the median of all
rounds. The number after ± is the spread: half the distance between the quartiles, relative to the median.

![How long opening takes](peers.svg)

";

/// Returns the whole document.
pub fn write(results: &Results, goals: &[Goal], threads: &Threads, machine: &str) -> String {
    let mut text = HEAD.replace("MACHINE", machine);
    for size in [Size::Small, Size::Large] {
        peers(&mut text, results, size);
    }
    primitives_table(&mut text, results);
    scaling_tables(&mut text, results, threads);
    goals_table(&mut text, goals);
    text
}

fn peers(out: &mut String, results: &Results, size: Size) {
    let what = if size == Size::Small { "Small: 84 bytes" } else { "Large: 2.4 kB" };
    let ratios = match size {
        Size::Small => {
            "A ratio is the time of the library divided by the time of bulla, with aws-lc-rs (× aws), \
             with dryoc (× dryoc) or with the default backend (× default). Libraries that sign are compared with bulla signed."
        }
        Size::Large => "The ratios are calculated in the same way.",
    };
    line(out, &format!("## {what}\n"));
    line(out, &format!("{ratios}\n"));
    line(
        out,
        "| library | algorithm | encoding | expiry | seal ns | × aws | × dryoc | × default | open ns | × aws | × dryoc | × default | allocations seal / open | characters |",
    );
    line(out, "|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for peer in &results.peers {
        row(out, results, size, peer, peer.name);
        if peer.is_ours() {
            row(out, results, size, peer, reusing(peer.name));
        }
    }
    line(out, "");
}

fn row(out: &mut String, results: &Results, size: Size, peer: &Peer, who: &str) {
    let expiry = if peer.expiry == Expiry::Enforced { "enforced" } else { "none" };
    let mut cells = vec![who.to_owned(), peer.suite.into(), peer.encoding.into(), expiry.into()];
    for verb in [Verb::Seal, Verb::Open] {
        let ns = results.ns(who, verb, size);
        cells.push(format!("{:.0} ± {:.1} %", median(ns), spread(ns) * 100.0));
        let bases = match peer.kind {
            Kind::Encrypts => [AWS_LC, DRYOC, DEFAULT],
            Kind::Signs => [SIGNED; 3],
        };
        cells.extend(bases.map(|base| format!("{:.2}", ratio(ns, results.ns(base, verb, size)))));
    }
    let allocations = |verb| results.allocations[&format!("{who} {verb} {size}")];
    cells.push(format!("{} / {}", allocations(Verb::Seal), allocations(Verb::Open)));
    cells.push(results.chars[&format!("{who} seal {size}")].to_string());
    line(out, &format!("| {} |", cells.join(" | ")));
}

fn primitives_table(out: &mut String, results: &Results) {
    line(out, "## Primitives alone\n");
    line(
        out,
        "Nanoseconds for each primitive. The goals compare bulla with a program that calls its \
         primitives one after another, and does nothing else.\n",
    );
    line(out, "| primitive | seal small | open small | seal large | open large |");
    line(out, "|---|--:|--:|--:|--:|");
    for who in primitives::ALL {
        let cell = |verb: Verb, size: Size| {
            let times = results.times.get(&format!("{who} {verb} {size}"));
            times.map_or("".to_owned(), |times| format!("{:.0}", median(&times.ns)))
        };
        let cells = [
            cell(Verb::Seal, Size::Small),
            cell(Verb::Open, Size::Small),
            cell(Verb::Seal, Size::Large),
            cell(Verb::Open, Size::Large),
        ];
        line(out, &format!("| {who} | {} |", cells.join(" | ")));
    }
    line(out, "");
}

fn scaling_tables(out: &mut String, results: &Results, threads: &Threads) {
    let ns = |who: &str, verb| median(results.ns(who, verb, Size::Small));
    line(
        out,
        &format!("## Scaling\n\nThe figures of this section are those of {}.\n", scaling::WHO),
    );
    line(
        out,
        &format!(
            "One thread opens {:.2} million small tokens per second. Two threads that share a sealer \
             open {:.2} times as many. Two threads that share nothing open {:.2} times as many, which \
             shows what the machine allows.\n",
            threads.one / 1e6,
            threads.sharing,
            threads.apart
        ),
    );
    line(out, "| payload, bytes | seal ns | open ns | open ns per additional byte |");
    line(out, "|--:|--:|--:|--:|");
    let mut before = None;
    for len in PAYLOADS {
        let who = scaling::payload(len);
        let (seal, open) = (ns(&who, Verb::Seal), ns(&who, Verb::Open));
        let slope = before.map_or(String::new(), |(shorter, less)| {
            format!("{:.2}", (open - less) / (len - shorter) as f64)
        });
        line(out, &format!("| {len} | {seal:.0} | {open:.0} | {slope} |"));
        before = Some((len, open));
    }
    line(out, "\n| keys in the ring | seal ns | open ns |\n|--:|--:|--:|");
    for keys in RINGS {
        let who = scaling::ring(keys);
        let (seal, open) = (ns(&who, Verb::Seal), ns(&who, Verb::Open));
        line(out, &format!("| {keys} | {seal:.0} | {open:.0} |"));
    }
    line(out, "\n| reason for the refusal | ns | share of the time of opening |\n|---|--:|--:|");
    for why in REFUSALS {
        let refused = results.ns(&scaling::refusal(why), Verb::Open, Size::Small);
        let share = ratio(refused, results.ns(scaling::WHO, Verb::Open, Size::Small));
        line(out, &format!("| {why} | {:.0} | {share:.2} |", median(refused)));
    }
    line(out, "");
}

fn goals_table(out: &mut String, goals: &[Goal]) {
    line(
        out,
        "## Goals\n\n`≥` is a lower limit and `≤` an upper limit. If a goal names a kind of library, \
         the limit is a ratio: bulla must be at least this many times as fast as the fastest \
         library of that kind.\n",
    );
    line(out, "| goal | limit | measured | compared with | |\n|---|--:|--:|---|---|");
    for goal in goals {
        let limit = if goal.at_least { "≥" } else { "≤" };
        let verdict = if goal.is_met() { "met" } else { "**missed**" };
        line(
            out,
            &format!(
                "| {} | {limit} {} | {} | {} | {verdict} |",
                goal.what,
                figure(goal.limit),
                figure(goal.measured),
                goal.against
            ),
        );
    }
    let missed = goals.iter().filter(|goal| !goal.is_met()).count();
    line(
        out,
        &format!("\n{} met, {missed} missed. DESIGN.md explains the limits.", goals.len() - missed),
    );
}

/// Formats a count as it is, and a ratio with two decimal places.
pub fn figure(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// The rows of the chart. The first row has the shortest time.
pub fn rows(results: &Results) -> Vec<Row> {
    let mut rows: Vec<Row> = results
        .peers
        .iter()
        .map(|peer| Row {
            label: peer.name.to_owned(),
            ns: median(results.ns(peer.name, Verb::Open, Size::Small)),
            ours: peer.is_ours(),
        })
        .collect();
    rows.sort_by(|a, b| a.ns.total_cmp(&b.ns));
    rows
}

fn line(out: &mut String, line: &str) {
    writeln!(out, "{line}").expect("writing to a string cannot fail");
}
