//! Compares TypeScript with Rust on seeded inputs.

use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use serde_json::json;

use crate::Result;
use crate::fixed;
use crate::inputs::{self, Input};
use crate::peer::Peer;
use crate::rng::Rng;

/// The outcomes of opening a token (spec section 7).
const OUTCOMES: [&str; 15] = [
    "ok",
    "too-long",
    "prefix",
    "encoding",
    "too-short",
    "unknown-key",
    "bad-tag",
    "malformed-body",
    "retired-key",
    "not-yet-valid",
    "expired",
    "newer-schema",
    "retired-schema",
    "padding",
    "payload",
];

/// From this number of inputs on, each of [`OUTCOMES`] must have occurred.
const MANY: u64 = 20_000;

/// How many inputs are sent at a time.
const CHUNK: u64 = 5_000;

/// Compares `count` inputs, and prints how often each outcome occurred.
pub(crate) fn run(count: u64, seed: u64) -> Result<()> {
    let mut peer = Peer::typescript()?;
    peer.ask(&json!({"do": "inputs", "ring": fixed::ring_text()}))?;
    let begun = Instant::now();
    let mut counts = BTreeMap::new();
    let mut done = 0;
    // Another thread makes the next chunk while the peer answers this one.
    let (sender, chunks) = sync_channel(1);
    thread::spawn(move || {
        for number in 0..count.div_ceil(CHUNK) {
            let made = chunk(seed, number, CHUNK.min(count - number * CHUNK));
            if sender.send(made).is_err() {
                return; // a difference was found
            }
        }
    });
    for inputs in chunks {
        let lines = inputs.iter().map(|input| input.line.to_string()).collect();
        for (input, answer) in inputs.iter().zip(peer.ask_all(lines)?) {
            let Input { kind, line, expected } = input;
            if answer != *expected {
                let place = format!("seed {seed}, after {done} inputs");
                let texts = format!("Rust:       {expected}\nTypeScript: {answer}");
                return Err(format!("{line}\n\n{texts}\n{place}").into());
            }
            *counts.entry((*kind, first_word(expected))).or_insert(0_u64) += 1;
        }
        done += inputs.len() as u64;
        if done % (CHUNK * 20) == 0 && done < count {
            println!("{done} inputs, {:.0} s", begun.elapsed().as_secs_f64());
        }
    }
    if done != count {
        return Err("an input could not be made".into());
    }
    let occurred = |name: &&&str| counts.contains_key(&("open", (**name).to_owned()));
    if let Some(name) = OUTCOMES.iter().find(|name| done >= MANY && !occurred(name)) {
        return Err(
            format!("no token had the outcome {name}: the inputs are not good enough").into()
        );
    }
    for ((kind, name), count) in counts {
        println!("{kind:<11} {name:<18} {count:>9}");
    }
    println!("{done} inputs compared, {:.0} s, no difference", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Each chunk has its own seed, so that it does not depend on the chunks before it.
fn chunk(seed: u64, number: u64, len: u64) -> Vec<Input> {
    let mut rng = Rng::new(seed ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03));
    (0..len).map(|_| inputs::next(&mut rng)).collect()
}

/// The name of the outcome.
fn first_word(text: &str) -> String {
    text.split(' ').next().unwrap_or_default().to_owned()
}
