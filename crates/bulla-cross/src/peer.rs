//! Another implementation: a program that answers each line of its standard input with a line.

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::{env, path, thread};

use serde_json::Value;

use crate::Result;

pub(crate) struct Peer {
    pub(crate) name: &'static str,
    child: Child,
    /// `None` while another thread writes.
    input: Option<BufWriter<ChildStdin>>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn rust() -> Result<Peer> {
        Peer::start("Rust", Command::new(env::current_exe()?).arg("speak"))
    }

    /// `PYTHON` names an interpreter that has the packages of `spec/requirements.txt`.
    pub(crate) fn python() -> Result<Peer> {
        let python = env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        Peer::start("Python", Command::new(python).args(["-B", "spec/cross.py"]))
    }

    pub(crate) fn typescript() -> Result<Peer> {
        Peer::start("TypeScript", Command::new("node").arg("js/build/test/cross/speak.js"))
    }

    fn start(name: &'static str, command: &mut Command) -> Result<Peer> {
        let root = path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut child = command
            .current_dir(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name} does not start: {error}"))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or("a pipe is missing")?;
        let (input, output) = (Some(BufWriter::new(input)), BufReader::new(output));
        Ok(Peer { name, child, input, output })
    }

    /// The answer to one request. A request that cannot be answered is an error.
    pub(crate) fn ask(&mut self, request: &Value) -> Result<Value> {
        let answer = self.ask_all(vec![request.to_string()])?.pop().unwrap_or_default();
        let answer: Value = serde_json::from_str(&answer)?;
        match answer.get("error") {
            Some(error) => {
                // The start of a request says which one it is, and a state can be long.
                let request: String = request.to_string().chars().take(1_000).collect();
                Err(format!("{}: {error}\n{request}", self.name).into())
            }
            None => Ok(answer),
        }
    }

    /// The answers to many lines. Another thread writes the lines, because a pipe that is full
    /// blocks both programs.
    pub(crate) fn ask_all(&mut self, lines: Vec<String>) -> Result<Vec<String>> {
        let Some(mut input) = self.input.take() else { return Err("the pipe is closed".into()) };
        let count = lines.len();
        let writer = thread::spawn(move || -> std::io::Result<_> {
            for line in lines {
                writeln!(input, "{line}")?;
            }
            input.flush()?;
            Ok(input)
        });
        let mut answers = Vec::with_capacity(count);
        for _ in 0..count {
            let mut answer = String::new();
            if self.output.read_line(&mut answer)? == 0 {
                return Err(format!("{} has stopped", self.name).into());
            }
            answers.push(answer.trim_end_matches('\n').to_owned());
        }
        self.input = Some(writer.join().map_err(|_| "the writer has stopped")??);
        Ok(answers)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The program ends at the end of its input.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
