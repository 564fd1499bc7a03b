//! Checks that keys and plaintext are wiped. Starts a program that uses the library, and reads the
//! memory of that program from /proc to search it for the secrets. The search runs in another
//! process, because it needs copies of the secrets.
//!
//! Linux only. Exits with status 1 if a secret is found that must be wiped, or if a secret is not
//! found that must be there.
#![allow(clippy::print_stdout, reason = "a command-line tool")]

mod memory;
mod needles;
mod program;

use std::env;
use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, ExitCode, Stdio};

use memory::Found;
use needles::{ESCAPED, KEY_TEXT, Needle, PLAINTEXT, Secrets};
use program::{SEARCHES, Search};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    match env::args().skip(1).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>()[..]
    {
        ["--program"] => program::run()?,
        [] if cfg!(target_os = "linux") => return search(),
        [] => return Err("this program reads /proc, which only Linux has".into()),
        _ => return Err("usage: bulla-wiped".into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn search() -> Result<ExitCode, Box<dyn Error>> {
    let mut program = Command::new(env::current_exe()?)
        .arg("--program")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let result = answer(&mut program);
    program.kill().ok();
    program.wait()?;
    let failed = result?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends secrets to the program when the program asks for them, and searches its memory when the
/// program says so. Returns the number of unexpected results.
fn answer(program: &mut Child) -> Result<usize, Box<dyn Error>> {
    let mut secrets = Secrets::new()?;
    let mut to = program.stdin.take().ok_or("no stdin")?;
    let from = BufReader::new(program.stdout.take().ok_or("no stdout")?);
    let (mut searches, mut failed) = (SEARCHES.iter(), 0);
    for line in from.lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("give", KEY_TEXT)) => to.write_all(secrets.ring_text.as_bytes())?,
            Some(("give", PLAINTEXT)) => to.write_all(secrets.plaintext.as_bytes())?,
            Some(("give", ESCAPED)) => to.write_all(secrets.escaped.as_bytes())?,
            Some(("token", token)) => secrets.saw(token)?,
            Some(("search", name)) => {
                let search = searches
                    .next()
                    .filter(|search| search.name == name)
                    .ok_or("the searches are out of order")?;
                let found = memory::search(program.id(), &secrets.needles)?;
                failed += report(search, &secrets.needles, &found);
                to.write_all(b"\n")?;
            }
            _ => return Err(format!("the program wrote an unknown line: {line:?}").into()),
        }
    }
    if searches.next().is_some() {
        return Err("the program ended early".into());
    }
    println!("\n{} searches, {failed} unexpected results", SEARCHES.len());
    Ok(failed)
}

/// Prints the result of one search. Returns the number of needles (secrets) that are where they
/// must not be, or that are missing.
fn report(search: &Search, needles: &[Needle], found: &[Found]) -> usize {
    println!("\n{}", search.name);
    let mut failed = 0;
    for needle in needles {
        let count = |on: fn(&Found) -> bool| {
            found.iter().filter(|found| found.needle == needle.name && on(found)).count() * 8
        };
        let heap = count(|found| !found.place.is_stack());
        let stack = count(|found| found.place.is_stack());
        let must = search.there.contains(&needle.name);
        let holds = (heap > 0) == must && (stack == 0 || search.stack == program::Stack::May);
        failed += usize::from(!holds);
        if heap + stack > 0 || !holds {
            println!(
                "  {:<28} {heap:>4} bytes on the heap, {stack:>4} bytes on the stack  {}",
                needle.name,
                if holds { "" } else { "FAILS" }
            );
        }
        if !holds {
            for found in found.iter().filter(|found| found.needle == needle.name) {
                println!("    {found}");
            }
        }
    }
    failed
}
