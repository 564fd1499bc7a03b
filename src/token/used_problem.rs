//! Why a file of used tokens cannot be used, and what an operator can do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::time::UnixTime;

/// Why a file of used tokens cannot be used.
#[derive(Debug)]
pub(crate) enum Problem {
    Io(io::Error),
    /// The line with this number cannot be read.
    Damaged(usize),
    /// The file is shorter than before.
    Shorter,
    /// The token may be one of those that were deleted, because they expire until then.
    Clock(UnixTime),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Problem {
        Problem::Io(error)
    }
}

/// A problem with its file, as an operator reads it.
#[derive(Debug)]
pub(crate) struct FileProblem {
    path: PathBuf,
    problem: Problem,
}

impl Problem {
    pub(crate) fn at_use(self, path: &Path) -> FileProblem {
        FileProblem { path: path.to_owned(), problem: self }
    }

    pub(crate) fn at_start(self, path: &Path) -> io::Error {
        let kind = match &self {
            Problem::Io(error) => error.kind(),
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, self.at_use(path))
    }
}

const MOVE_AWAY: &str = "move it away and restart the servers; used tokens then open again until \
                         they expire";

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.problem {
            Problem::Io(error) => write!(
                f,
                "the file {path} of used tokens: {error}; let this process read and write the \
                 file and its directory, and make sure that the disk has space. If the file is \
                 lost, restart the servers; used tokens then open again until they expire"
            ),
            Problem::Damaged(line) => write!(
                f,
                "the file {path} of used tokens: line {line} is damaged, or a newer release has \
                 written it; repair the line, or {MOVE_AWAY}"
            ),
            Problem::Shorter => write!(
                f,
                "the file {path} of used tokens is shorter than before, because another program \
                 has changed it; put the former file back, or {MOVE_AWAY}"
            ),
            Problem::Clock(until) => write!(
                f,
                "the file {path} of used tokens: tokens that expire until {until} were deleted, \
                 so the clock of this server was ahead or is behind; set it right, or wait until \
                 then"
            ),
        }
    }
}

impl std::error::Error for FileProblem {}
