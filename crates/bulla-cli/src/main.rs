//! `bulla`: key rings, their rotation, revocations, and what is in a token.
//!
//! What a command was asked for goes to standard output, what it has to say
//! beside it to standard error. Status 0: done; 1: the answer is no; 2: it could
//! not be asked.
#![allow(clippy::print_stdout, reason = "a command's output")]

mod args;
mod check;
mod document;
mod edit;
mod file;
mod list;
mod place;
mod revoke;
mod ring;
mod token;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::args::{Args, Command, KeyCommand};

/// Why a command ends without having done what it was asked: for a person.
type Failure = Box<dyn std::error::Error>;

/// What a command has come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
}

fn main() -> ExitCode {
    let answer = match Args::parse().command {
        Command::Key(KeyCommand::New) => new_key(),
        Command::Ring(command) => ring::run(command),
        Command::Revoke(command) => revoke::run(command),
        Command::Inspect(inspect) => token::inspect(&inspect),
        Command::Seal(seal) => token::seal(&seal),
        Command::Open(open) => token::open(&open),
        Command::Completions { shell } => {
            let mut command = Args::command();
            clap_complete::generate(shell, &mut command, "bulla", &mut std::io::stdout());
            Ok(Answer::Yes)
        }
        Command::Man => clap_mangen::Man::new(Args::command())
            .render(&mut std::io::stdout())
            .map(|()| Answer::Yes)
            .map_err(Into::into),
    };
    match answer {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("bulla: {failure}");
            ExitCode::from(2)
        }
    }
}

fn new_key() -> Result<Answer, Failure> {
    println!("{}", bulla::Key::generate()?.expose_text().as_str());
    Ok(Answer::Yes)
}
