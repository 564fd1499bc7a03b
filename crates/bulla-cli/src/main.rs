//! `bulla`: manage key rings and revocation lists, and inspect tokens.
//!
//! `args` and `options` define the command line, `examples` the end of each `--help`.
//! One file per command group runs it: `ring` (with `edit`, `compromise`, `check`, `list`),
//! `revoke`, `audit`, `inspect` (with `page`), `token` (seal and open), `manual`.
//! `place` reads and writes a ring in a file (`file`) or in Redis, `document` changes its
//! text, `timeline` computes which key is primary when, and `reply` prints.

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
mod options;
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
use crate::reply::{Answer, Failure, Reply};

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
    // The reply's buffer is wiped; it must not grow, because growing leaves a copy.
    let mut reply = Reply::new(Answer::Yes, Vec::with_capacity(128));
    reply.out.extend_from_slice(key.expose_text().as_bytes());
    reply.out.push(b'\n');
    Ok(reply)
}
