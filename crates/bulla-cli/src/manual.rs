//! `bulla completions` and `bulla man`.

use std::path::Path;

use clap::CommandFactory as _;

use crate::args::Args;
use crate::reply::{Answer, Failure, Reply};

pub(crate) fn completions(shell: clap_complete::Shell) -> Reply {
    let mut reply = Reply::new(Answer::Yes, Vec::new());
    clap_complete::generate(shell, &mut Args::command(), "bulla", &mut *reply.out);
    reply
}

pub(crate) fn man(dir: Option<&Path>) -> Result<Reply, Failure> {
    let Some(dir) = dir else {
        let mut reply = Reply::new(Answer::Yes, Vec::new());
        clap_mangen::Man::new(Args::command()).render(&mut *reply.out)?;
        return Ok(reply.note("note: `bulla man DIR` writes a page for each command"));
    };
    clap_mangen::generate_to(Args::command(), dir)
        .map_err(|error| format!("{}: {error}", dir.display()))?;
    Ok(Reply::new(Answer::Yes, Vec::new()).note(format!("wrote the pages to {}", dir.display())))
}
