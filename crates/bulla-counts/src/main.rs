//! Counts the instructions of sealing and opening with valgrind, and compares them with a table.
//!
//! Unlike times, counts do not depend on the load of the machine. If a count is more than 3 %, and
//! more than 20 instructions, above the table, the comparison fails. `--accept` rewrites the table. If counts rise, the commit of
//! the new table gives the reason.

mod operations;

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use operations::OPERATIONS;

/// How much a count may rise, in percent.
const TOLERANCE: f64 = 3.0;

/// How many instructions a count may always rise. The compiler lays out a function differently from
/// build to build, and the shortest operations have only 200 instructions.
const NOISE: u64 = 20;

/// The numbers of operations in two runs. The difference between the two counts excludes the
/// instructions that both runs have in common, such as starting the program and deriving keys.
const RUNS: [u64; 2] = [50, 250];

/// The backend that the library uses with these features.
const BACKEND: &str = match () {
    () if cfg!(feature = "aws-lc-rs") => "aws-lc-rs",
    () if cfg!(feature = "dryoc") => "dryoc",
    () => "rustcrypto",
};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--run", name, times] => run(name, times.parse()?),
        [] => return check(),
        ["--accept"] => accept()?,
        _ => return Err("usage: bulla-counts [--accept]".into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the operation `times` times. valgrind counts the instructions of this process.
fn run(name: &str, times: u64) {
    let (_, prepare) =
        OPERATIONS.iter().find(|(known, _)| *known == name).expect("a known operation");
    let mut operation = prepare();
    for _ in 0..times {
        operation();
    }
}

/// The start of the line that names the compiler and processor features with which the table was
/// counted.
const MACHINE: &str = "# With ";

type Counts = BTreeMap<String, u64>;

fn count() -> Result<Counts, Box<dyn Error>> {
    OPERATIONS.iter().map(|(name, _)| Ok((name.to_string(), instructions_of(name)?))).collect()
}

fn instructions_of(name: &str) -> Result<u64, Box<dyn Error>> {
    let [short, long] = RUNS;
    let instructions = collected(name, long)? - collected(name, short)?;
    Ok(instructions / (long - short))
}

fn collected(name: &str, times: u64) -> Result<u64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["--run", name, &times.to_string()])
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find_map(|line| line.split_once("Collected : "));
    Ok(line.ok_or_else(|| format!("valgrind reported no count: {said}"))?.1.trim().parse()?)
}

fn table() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{BACKEND}.txt"))
}

fn counted_with() -> Result<String, Box<dyn Error>> {
    let text = fs::read_to_string(table())?;
    let line = text.lines().find_map(|line| line.strip_prefix(MACHINE));
    Ok(line.unwrap_or("another machine").to_owned())
}

fn accepted() -> Result<Counts, Box<dyn Error>> {
    let text = fs::read_to_string(table())?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, count) = line.rsplit_once(' ').ok_or("a line must be a name and a count")?;
            Ok((name.trim_end().to_owned(), count.parse()?))
        })
        .collect()
}

/// The compiler and the processor features, on which a count depends.
fn machine() -> Result<String, Box<dyn Error>> {
    let output = Command::new("rustc").arg("--version").output()?;
    let version = String::from_utf8(output.stdout)?;
    let version = version.split_whitespace().nth(1).unwrap_or("unknown");
    let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
    #[cfg(target_arch = "x86_64")]
    let vectors = if std::is_x86_feature_detected!("avx2") { "AVX2" } else { "no AVX2" };
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = env::consts::ARCH;
    Ok(format!("rustc {minor}, {vectors}"))
}

fn accept() -> Result<(), Box<dyn Error>> {
    let mut text = format!(
        "# Instructions of one operation, backend {BACKEND}, counted by callgrind.\n\
         # Written by `cargo run --release -p bulla-counts -- --accept`.\n\
         {MACHINE}{}\n",
        machine()?
    );
    for (name, count) in count()? {
        text.push_str(&format!("{name:<40} {count}\n"));
    }
    fs::write(table(), text)?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a command-line tool")]
fn check() -> Result<ExitCode, Box<dyn Error>> {
    let (accepted, counts) = (accepted()?, count()?);
    let (here, there) = (machine()?, counted_with()?);
    let mut risen = 0;
    for (name, count) in &counts {
        let Some(before) = accepted.get(name) else {
            println!("{name:<40} {count:>8}  not in the table; run --accept");
            risen += 1;
            continue;
        };
        let change = (*count as f64 / *before as f64 - 1.0) * 100.0;
        let has_risen = change > TOLERANCE && *count > before.saturating_add(NOISE);
        let verdict = if has_risen { "RISEN" } else { "" };
        println!("{name:<40} {count:>8}  {change:+5.1} %  {verdict}");
        risen += usize::from(has_risen);
    }
    if risen == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    if here != there {
        println!(
            "\nnot compared, because the table was counted with {there} and this machine has {here}"
        );
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "\n{risen} counts are missing or more than {TOLERANCE} % above the table. Reduce them, or run \
         --accept and say in the commit why the instructions are needed."
    );
    Ok(ExitCode::FAILURE)
}
