//! The bank: built once, and started whenever a step needs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use serde_json::Value;
use tempfile::TempDir;

use crate::Outcome;
use crate::program::Program;

/// The host name of the bank.
///
/// Browsers resolve this name to the local machine, trust it like HTTPS, and treat it as a
/// separate site, which can have sibling hosts.
pub(crate) const HOST: &str = "bank.localhost";

pub(crate) struct Bank {
    program: PathBuf,
}

/// A running bank. Dropping it stops the bank.
pub(crate) struct Open {
    pub(crate) port: u16,
    program: Program,
    ring: TempDir,
}

impl Bank {
    /// Builds the bank with the features of the whole workspace, to reuse what its tests have built.
    pub(crate) fn build() -> Outcome<Bank> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--quiet", "--locked", "--workspace", "--bin", "bank"])
            .arg("--message-format=json")
            .current_dir(root)
            .stderr(Stdio::inherit())
            .output()?;
        let program = String::from_utf8(built.stdout)?
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find_map(|message| Some(message["executable"].as_str()?.into()))
            .ok_or("cargo built no program")?;
        Ok(Bank { program })
    }

    /// Starts a bank with a new key ring.
    pub(crate) fn open(&self, args: &[&str]) -> Outcome<Open> {
        let ring = TempDir::new()?;
        let (program, port) = self.start(&ring, 0, args)?;
        Ok(Open { port, program, ring })
    }

    /// Stops a bank and starts it again with the same ring, at the same address.
    pub(crate) fn reopen(&self, open: Open, args: &[&str]) -> Outcome<Open> {
        let Open { port, program, ring } = open;
        drop(program);
        let (program, port) = self.start(&ring, port, args)?;
        Ok(Open { port, program, ring })
    }

    fn start(&self, ring: &TempDir, port: u16, args: &[&str]) -> Outcome<(Program, u16)> {
        let ring = ring.path().join("bank.ring");
        let mut command = vec![self.program.display().to_string()];
        command.extend(["--listen".to_owned(), format!("127.0.0.1:{port}")]);
        command.extend(["--ring".to_owned(), ring.display().to_string()]);
        command.extend(args.iter().map(|arg| (*arg).to_owned()));
        let (program, port) = Program::start(&command, "listening at http://127.0.0.1:")?;
        Ok((program, port.trim().parse()?))
    }
}

impl Open {
    pub(crate) fn url(&self, path: &str) -> String {
        self.url_at(HOST, path)
    }

    /// Returns an address of the bank with another host name.
    pub(crate) fn url_at(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port)
    }

    /// Replaces the key ring by another one, as an operator would. The bank reads it within the time
    /// of `--reload`.
    pub(crate) fn change_ring(&self, change: impl FnOnce(&str) -> String) -> Outcome {
        let (ring, new) = (self.ring.path().join("bank.ring"), self.ring.path().join("new.ring"));
        fs::write(&new, change(&fs::read_to_string(&ring)?))?;
        fs::set_permissions(&new, fs::metadata(&ring)?.permissions())?;
        Ok(fs::rename(new, ring)?)
    }

    pub(crate) fn log(&self) -> String {
        self.program.said()
    }
}
