//! docs/performance.md: every figure of one run, the bars, and how to repeat it.

use std::fmt::Write as _;

use crate::bars::{Bar, Results};
use crate::chart::Row;
use crate::jobs::{Size, Verb};
use crate::peers::{DEFAULT, Expiry, FAST, Kind, Peer, SIGNED, reusing};
use crate::primitives;
use crate::rounds::{median, ratio, spread};
use crate::scaling::{self, PAYLOADS, REFUSALS, RINGS, Threads};

const HEAD: &str = "\
# Performance

Written by `cargo peers` (crates/bulla-peers), one run, one process. **Ratios are what
lasts**; nanoseconds are those of one machine on one day: MACHINE,
the release profile as Cargo has it, no flags of the compiler. `cargo peers --check`
measures again and fails where a bar below is missed.

Every library carries the same two typed values, from value to text and back: an account
of 84 bytes in postcard (193 in JSON), and a visit of 2.4 kB (82 strings). Expiry is
enforced where the library can. Before anything is measured, each has to give the value
back, and to refuse one that was changed or has expired. All have their turn in every
round, 60 µs at a time; a round's figure is the best of ten turns, since other programs
only ever add, and what is shown is the median of the rounds. The spread is half of what
lies between the quartiles.

![How long opening takes](peers.svg)

";

/// The whole document.
pub fn write(results: &Results, bars: &[Bar], threads: &Threads, machine: &str) -> String {
    let mut text = HEAD.replace("MACHINE", machine);
    for size in [Size::Small, Size::Large] {
        peers(&mut text, results, size);
    }
    primitives_table(&mut text, results);
    scaling_tables(&mut text, results, threads);
    bars_table(&mut text, bars);
    text
}

fn peers(out: &mut String, results: &Results, size: Size) {
    let what = if size == Size::Small { "Small: 84 bytes" } else { "Large: 2.4 kB" };
    let base = match size {
        Size::Small => "times bulla with aws-lc-rs, and with the default backend",
        Size::Large => "as above",
    };
    line(out, &format!("## {what}\n"));
    line(out, &format!("Ratios: {base}; for who signs, to bulla signed.\n"));
    line(
        out,
        "| library | computes | encoding | expiry | seal ns | × aws | × default | open ns | × aws | × default | allocations seal / open | characters |",
    );
    line(out, "|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|");
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
        let signed = [SIGNED, SIGNED];
        let bases = if peer.kind == Kind::Signs { signed } else { [FAST, DEFAULT] };
        cells.extend(bases.map(|base| format!("{:.2}", ratio(ns, results.ns(base, verb, size)))));
    }
    let allocations = |verb| results.allocations[&format!("{who} {verb} {size}")];
    cells.push(format!("{} / {}", allocations(Verb::Seal), allocations(Verb::Open)));
    cells.push(results.chars[&format!("{who} seal {size}")].to_string());
    line(out, &format!("| {} |", cells.join(" | ")));
}

fn primitives_table(out: &mut String, results: &Results) {
    line(out, "## The floor\n");
    line(out, "The primitives alone, in nanoseconds; bulla's sums are in the bars.\n");
    line(out, "| primitive | seal small | open small | seal large | open large |");
    line(out, "|---|--:|--:|--:|--:|");
    use primitives::*;
    for who in
        [RANDOM, CLOCK, POSTCARD, POSTCARD_VIEW, BASE64, XCHACHA_FAST, XCHACHA, HMAC, HMAC_FAST]
    {
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
    line(out, &format!("## Scaling\n\nOf {}.\n", scaling::WHO));
    line(
        out,
        &format!(
            "One thread opens {:.2} million small tokens a second; two that share a sealer \
             {:.2} times as many, and two that share nothing, which is what the machine gives, \
             {:.2} times.\n",
            threads.one / 1e6,
            threads.sharing,
            threads.apart
        ),
    );
    line(out, "| payload, bytes | seal ns | open ns | open ns per byte more |");
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
    line(out, "\n| refused for | ns | share of an opening |\n|---|--:|--:|");
    for why in REFUSALS {
        let refused = results.ns(&scaling::refusal(why), Verb::Open, Size::Small);
        let share = ratio(refused, results.ns(FAST, Verb::Open, Size::Small));
        line(out, &format!("| {why} | {:.0} | {share:.2} |", median(refused)));
    }
    line(out, "");
}

fn bars_table(out: &mut String, bars: &[Bar]) {
    line(out, "## Bars\n");
    line(out, "| bar | limit | measured | beside | |\n|---|--:|--:|---|---|");
    for bar in bars {
        let limit = if bar.at_least { "≥" } else { "≤" };
        let verdict = if bar.is_kept() { "kept" } else { "**missed**" };
        line(
            out,
            &format!(
                "| {} | {limit} {} | {} | {} | {verdict} |",
                bar.what,
                figure(bar.limit),
                figure(bar.measured),
                bar.against
            ),
        );
    }
    let missed = bars.iter().filter(|bar| !bar.is_kept()).count();
    line(out, &format!("\n{} kept, {missed} missed. DESIGN.md says why.", bars.len() - missed));
}

/// Counts as they are, ratios with two places.
pub fn figure(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// What the chart shows.
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
    writeln!(out, "{line}").expect("a string takes it");
}
