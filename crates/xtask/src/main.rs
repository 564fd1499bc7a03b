//! `cargo xtask verify [--short]`: runs the command that tests each promise of SECURITY.md, and
//! prints a table. Exits with status 1 if a promise fails.
#![allow(clippy::print_stdout, reason = "a command-line tool")]

mod rows;

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use rows::{Inputs, ROWS, Row, Run};

const USAGE: &str = "\
usage: cargo xtask verify [--short]

  verify           tests every promise, with long fuzzing and a fleet; takes an hour
  verify --short   skips slow commands; takes under 6 minutes after the first build";

/// Which promises are tested, and for how long.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Short,
    Long,
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let form = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["verify"] => Form::Long,
        ["verify", "--short"] => Form::Short,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    println!("{:<66} {:>12}  {:<22} {:>6}  result", "promise", "tried", "", "s");
    let mut failed = Vec::new();
    for row in ROWS.iter().filter(|row| form == Form::Long || row.run == Run::Always) {
        let outcome = test(row, form);
        let result = if outcome.holds { "holds" } else { "FAILS" };
        println!(
            "{:<66} {:>12}  {:<22} {:>6.1}  {result}",
            row.promise,
            grouped(outcome.tried),
            row.unit,
            outcome.seconds
        );
        if !outcome.holds {
            failed.push((row, outcome));
        }
    }
    for (row, outcome) in &failed {
        println!("\n{}\n$ {}\n{}", row.promise, row.command, outcome.output);
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Outcome {
    holds: bool,
    tried: u64,
    seconds: f64,
    /// The last lines of the output of the command.
    output: String,
}

/// Runs the command of a promise. The promise holds if the command succeeds and tried at least one
/// input.
fn test(row: &Row, form: Form) -> Outcome {
    let begun = Instant::now();
    let output = Command::new("bash")
        .args(["-c", row.command])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("SOAK_DAYS", if form == Form::Short { "0.25" } else { "3" })
        .output();
    let seconds = begun.elapsed().as_secs_f64();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            let output = format!("bash does not start: {error}");
            return Outcome { holds: false, tried: 0, seconds, output };
        }
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let tried = tried(row.inputs, &text);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(25)..].join("\n");
    Outcome { holds: output.status.success() && tried > 0, tried, seconds, output: last }
}

/// The number of inputs that a command tried, read from its output.
fn tried(inputs: Inputs, text: &str) -> u64 {
    match inputs {
        Inputs::Tests => numbers_before(text, " passed"),
        Inputs::Before(word) => numbers_before(text, word),
        Inputs::Column(column) => text
            .lines()
            .filter_map(|line| line.split_whitespace().nth(column)?.parse::<u64>().ok())
            .sum(),
        Inputs::Lines(word) => text.lines().filter(|line| line.contains(word)).count() as u64,
    }
}

/// The sum of the numbers directly before a word.
fn numbers_before(text: &str, word: &str) -> u64 {
    let ends = text.match_indices(word).map(|(at, _)| &text[..at]);
    let numbers = ends.filter_map(|before| {
        let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<u64>().ok()
    });
    numbers.sum()
}

/// Groups thousands, such as `12,345,678`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_inputs_is_read_from_the_output_of_a_command() {
        let text = "test result: ok. 12 passed; 0 failed\ntest result: ok. 30 passed; 0 failed";
        assert_eq!(tried(Inputs::Tests, text), 42);
        assert_eq!(tried(Inputs::Before(" opened"), "246 opened, 60 refused"), 246);
        assert_eq!(tried(Inputs::Column(1), "target executions\ntoken 1000\nopen 20"), 1020);
        assert_eq!(tried(Inputs::Lines("as expected"), "all as expected\nno"), 1);
        assert_eq!(grouped(156_702_502), "156,702,502");
    }
}
