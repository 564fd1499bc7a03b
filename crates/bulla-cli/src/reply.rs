//! What a command prints, and its exit status.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use bulla::keys::Zeroizing;
use serde::Serialize;

use crate::options::Form;

/// Why a command failed, as text for the user. The exit status is 2.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// The outcome of a command that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
}

/// The output of a command: the result for standard output, notes for standard error.
///
/// `finish` writes both at the end, because writing can fail.
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    pub(crate) out: Zeroizing<Vec<u8>>,
    pub(crate) notes: Vec<String>,
}

impl Reply {
    pub(crate) fn new(answer: Answer, out: impl Into<Vec<u8>>) -> Reply {
        Reply { answer, out: Zeroizing::new(out.into()), notes: Vec::new() }
    }

    /// A document in the form that the command line asks for.
    pub(crate) fn of(
        answer: Answer,
        document: &(impl fmt::Display + Serialize),
        form: Form,
    ) -> Result<Reply, Failure> {
        match form {
            Form::Text => Ok(Reply::new(answer, document.to_string())),
            Form::Json => Reply::json(answer, document),
        }
    }

    pub(crate) fn json(answer: Answer, document: &impl Serialize) -> Result<Reply, Failure> {
        let mut reply = Reply::new(answer, "");
        serde_json::to_writer_pretty(&mut *reply.out, document)?;
        reply.out.push(b'\n');
        Ok(reply)
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Reply {
        self.notes.push(note.into());
        self
    }

    fn write(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(&self.out).and_then(|()| out.flush()) {
            // A reader such as `head -1` may close the pipe early.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }
}

/// Prints a reply. The exit status is 0 for success, 1 if a token was refused or a check failed,
/// and 2 if the command failed.
pub(crate) fn finish(reply: Result<Reply, Failure>) -> ExitCode {
    let written = reply.and_then(|reply| {
        reply.write().map_err(|error| format!("writing to standard output: {error}"))?;
        reply.notes.iter().for_each(|note| say(note));
        Ok(reply.answer)
    });
    match written {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(failure) => {
            say(&format!("bulla: {failure}"));
            ExitCode::from(2)
        }
    }
}

/// Reports a wrong command line. The message of clap repeats the rejected argument. The argument
/// may be a key, so this function hides keys.
pub(crate) fn misused(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if error.use_stderr() && hide_keys(&text) != text {
        say(text.trim_end());
        return ExitCode::from(2);
    }
    error.exit()
}

/// Writes to standard error. If that fails, there is nowhere to report the failure.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{}", hide_keys(text));
}

const KEY_PREFIX: &str = "bulla-key-1.";

/// Removes everything that looks like a key, for example from the name of a missing file.
fn hide_keys(text: &str) -> String {
    let mut parts = text.split(KEY_PREFIX);
    let mut hidden = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let of_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        hidden.push_str(KEY_PREFIX);
        let rest = part.trim_start_matches(of_key);
        if rest.len() < part.len() {
            hidden.push('…');
        }
        hidden.push_str(rest);
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::hide_keys;

    #[test]
    fn keys_are_hidden_and_nothing_else_is() {
        for text in ["ring: no such file", "in the form bulla-key-1.<43 characters>"] {
            assert_eq!(hide_keys(text), text);
        }
        let text = "'bulla-key-1.a-_Z0.9f3a12c4' and /x/bulla-key-1.b;bulla-key-1.c";
        let hidden = "'bulla-key-1.…' and /x/bulla-key-1.…;bulla-key-1.…";
        assert_eq!(hide_keys(text), hidden);
    }
}
