//! Are keys and plaintext wiped? Starts a program that uses the library, and looks for them
//! in its memory, from outside: through /proc, so that this one may know what it looks for.
//! Linux only. Ends with status 1 when something is found that must not be there, and when
//! something is not found that must.
#![allow(clippy::print_stdout, reason = "a tool")]

mod memory;
mod needles;
mod program;

use std::env;
use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, ExitCode, Stdio};

use memory::Found;
use needles::{ESCAPED, KEY_TEXT, Needle, PLAINTEXT, Secrets};
use program::{LOOKS, Look};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    match env::args().skip(1).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>()[..]
    {
        ["--program"] => program::run()?,
        [] if cfg!(target_os = "linux") => return look(),
        [] => return Err("this reads /proc, which only Linux has".into()),
        _ => return Err("usage: bulla-wiped".into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn look() -> Result<ExitCode, Box<dyn Error>> {
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

/// Gives the program its secrets when it asks, and looks when it says so.
fn answer(program: &mut Child) -> Result<usize, Box<dyn Error>> {
    let mut secrets = Secrets::new()?;
    let mut to = program.stdin.take().ok_or("no stdin")?;
    let from = BufReader::new(program.stdout.take().ok_or("no stdout")?);
    let (mut looks, mut failed) = (LOOKS.iter(), 0);
    for line in from.lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("give", KEY_TEXT)) => to.write_all(secrets.ring_text.as_bytes())?,
            Some(("give", PLAINTEXT)) => to.write_all(secrets.plaintext.as_bytes())?,
            Some(("give", ESCAPED)) => to.write_all(secrets.escaped.as_bytes())?,
            Some(("token", token)) => secrets.saw(token)?,
            Some(("look", name)) => {
                let look = looks.next().filter(|look| look.name == name).ok_or("another look")?;
                let found = memory::search(program.id(), &secrets.needles)?;
                failed += report(look, &secrets.needles, &found);
                to.write_all(b"\n")?;
            }
            _ => return Err(format!("the program says {line:?}").into()),
        }
    }
    if looks.next().is_some() {
        return Err("the program ended early".into());
    }
    println!("\n{} looks, {failed} not as promised", LOOKS.len());
    Ok(failed)
}

/// How many needles are where they must not be, or not where they must.
fn report(look: &Look, needles: &[Needle], found: &[Found]) -> usize {
    println!("\n{}", look.name);
    let mut failed = 0;
    for needle in needles {
        let count = |on: fn(&Found) -> bool| {
            found.iter().filter(|found| found.needle == needle.name && on(found)).count() * 8
        };
        let heap = count(|found| !found.place.is_stack());
        let stack = count(|found| found.place.is_stack());
        let must = look.there.contains(&needle.name);
        let holds = (heap > 0) == must && (stack == 0 || look.stack == program::Stack::May);
        failed += usize::from(!holds);
        if heap + stack > 0 || !holds {
            println!(
                "  {:<28} {heap:>4} bytes on the heap, {stack:>4} on the stack  {}",
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
