//! A child program that never runs longer than this one.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::Outcome;

/// A shell script that runs a program and stops it when its own input ends.
///
/// The input ends when this process ends, even if it is killed. The program has 5 seconds to
/// end cleanly; then it is killed.
const KEEPER: &str = r#"
trap '' INT
exec 3<&0
"$@" </dev/null 2>&1 3<&- &
program=$!
cat <&3 >/dev/null
exec >/dev/null 2>&1
kill "$program"
{ trap 'kill "$sleep"; exit' TERM; sleep 5 & sleep=$!; wait "$sleep"; kill -9 "$program"; } &
killer=$!
wait "$program"
kill "$killer" && wait "$killer"
"#;

pub(crate) struct Program {
    keeper: Child,
    input: Option<ChildStdin>,
    said: Arc<Mutex<String>>,
    /// The rest of each line that contains the sign. Disconnected when the output has ended.
    lines: Receiver<String>,
}

impl Program {
    /// Starts the command, waits until it has printed `sign` to stdout or stderr, and returns
    /// the rest of that line.
    pub(crate) fn start(command: &[String], sign: &str) -> Outcome<(Program, String)> {
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = keeper.stdout.take().ok_or("a program has an output")?;
        let input = keeper.stdin.take();
        let (found, lines) = mpsc::channel();
        let program = Program { keeper, input, said: Arc::default(), lines };
        let (said, wanted) = (Arc::clone(&program.said), sign.to_owned());
        // The output is read to the end, because a program blocks if its output is not read.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once(&wanted) {
                    found.send(rest.to_owned()).ok();
                }
                let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                said.push_str(&line);
                said.push('\n');
            }
        });
        match program.lines.recv_timeout(Duration::from_secs(30)) {
            Ok(rest) => Ok((program, rest)),
            Err(_) => {
                let said = program.said();
                Err(format!("{command:?} did not print {sign:?}:\n{said}").into())
            }
        }
    }

    /// Returns all that the program has printed so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.input.take());
        self.keeper.wait().ok();
        // The children of the program share its output, so they have ended when it ends.
        while self.lines.recv_timeout(Duration::from_secs(5)).is_ok() {}
    }
}
