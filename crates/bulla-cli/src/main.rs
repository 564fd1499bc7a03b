//! `bulla`: manage key rings and revocation lists, and inspect tokens.
//!
//! - `args` and `options` define the command line. `examples` contains the end of each `--help`.
//! - Each group of commands has a file that runs it: `ring` (which uses `edit`, `compromise`,
//!   `check` and `list`), `revoke` (which uses `revoked`), `audit`, `inspect` (which uses
//!   `contents` and `page`), `token` (seal and open) and `manual` (completions and man pages).
//! - `place` reads and writes a ring, either in a file (with `file`) or in Redis. `document`
//!   changes the text of a ring. `timeline` computes which key is primary at which time.
//! - `reply` prints the output, as text or as JSON (with `json`), and sets the exit status.

mod args;
mod audit;
mod check;
mod compromise;
mod contents;
mod document;
mod edit;
mod examples;
mod file;
mod inspect;
mod json;
#[cfg(test)]
mod laws;
mod list;
mod manual;
mod options;
mod page;
mod place;
mod reply;
mod revoke;
mod revoked;
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
    // The reply's buffer is wiped when it is dropped. It must not grow, because growing leaves an
    // unwiped copy of the key in memory.
    let mut reply = Reply::new(Answer::Yes, Vec::with_capacity(128));
    reply.out.extend_from_slice(key.expose_text().as_bytes());
    reply.out.push(b'\n');
    Ok(reply)
}
