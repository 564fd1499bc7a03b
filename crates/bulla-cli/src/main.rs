//! `bulla`: key rings, their rotation, revocations, and what is in a token.

mod args;
mod audit;
mod check;
mod compromise;
mod document;
mod edit;
mod examples;
mod file;
mod inspect;
#[cfg(test)]
mod laws;
mod list;
mod manual;
mod page;
mod place;
mod reply;
mod revoke;
mod ring;
mod timeline;
mod token;
mod values;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command, KeyCommand};
use crate::reply::{Answer, Reply};

/// Why a command ends without having done what it was asked: for a person.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return reply::misused(&error),
    };
    reply::finish(match args.command {
        Command::Key(KeyCommand::New) => new_key(),
        Command::Ring(command) => ring::run(command),
        Command::Revoke(command) => revoke::run(command),
        Command::Audit(audit) => audit::run(&audit),
        Command::Inspect(inspect) => inspect::inspect(&inspect),
        Command::Seal(seal) => token::seal(&seal),
        Command::Open(open) => token::open(&open),
        Command::Completions { shell } => Ok(manual::completions(shell)),
        Command::Man { dir } => manual::man(dir.as_deref()),
    })
}

fn new_key() -> Result<Reply, Failure> {
    let key = bulla::keys::Key::generate()?;
    // Line by line into one buffer that is wiped.
    let mut reply = Reply::new(Answer::Yes, Vec::with_capacity(128));
    reply.out.extend_from_slice(key.expose_text().as_bytes());
    reply.out.push(b'\n');
    Ok(reply)
}
