//! Revocations that are stored in a file.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::files::shared::{Missing, SharedFile};
use crate::files::tail::{Found, LastLine, Tail};
use crate::revocation::entry::Revocation;
use crate::time::UnixTime;

/// A list of revocations in a file. Each line holds one revocation, in the text form of
/// [`Revocation`].
///
/// Use a file for one server, which then keeps its revocations over a restart, or for several
/// processes on the same host. For a fleet, use the crate `bulla-redis`. The command-line tool can
/// also add revocations to the file: `bulla revoke session … --file PATH`.
///
/// ```no_run
/// use bulla::{KeyRing, Payload, Policy, Sessions};
/// use bulla::revocation::RevocationFile;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session")]
/// struct Account { id: u64 }
///
/// let revocations = RevocationFile::new("/var/lib/bank/revoked").follow()?;
/// let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
///     .revocations(&revocations)
///     .subject(|account| account.id.to_string())
///     .build();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RevocationFile {
    file: SharedFile,
}

impl RevocationFile {
    /// The file at `path`. Its directory must be writable, because the file is replaced when most
    /// of its lines have expired.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> RevocationFile {
        RevocationFile { file: SharedFile::new(path.into()) }
    }

    /// Reads all revocations in the file.
    ///
    /// Empty lines and lines that begin with `#` are ignored. A line that cannot be parsed is
    /// skipped with a warning in the log, because a newer release may have written it.
    ///
    /// # Errors
    /// If the file does not exist or cannot be read.
    pub fn read(&self) -> io::Result<Vec<Revocation>> {
        let mut revocations = Vec::new();
        self.reader().take(&mut revocations, |line| warn(self.path(), line))?;
        Ok(revocations)
    }

    /// Reads all revocations in the file, for tools that show the list to a person.
    ///
    /// Calls `skipped` with each line that is not a revocation, and writes nothing to the log.
    /// Empty lines and lines that begin with `#` are ignored.
    ///
    /// ```
    /// use bulla::revocation::RevocationFile;
    ///
    /// # let path = std::env::temp_dir().join(format!("bulla-doc-{}", std::process::id()));
    /// std::fs::write(&path, "all of March\n")?;
    /// let mut notes = Vec::new();
    /// let revocations =
    ///     RevocationFile::new(&path).read_with(|line| notes.push(line.to_string()))?;
    /// assert!(revocations.is_empty());
    /// assert_eq!(notes, ["line 1 is not a revocation"]);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the file does not exist or cannot be read.
    pub fn read_with(&self, mut skipped: impl FnMut(SkippedLine)) -> io::Result<Vec<Revocation>> {
        let mut revocations = Vec::new();
        let mut reader = self.reader();
        if reader.take(&mut revocations, &mut skipped)? == LastLine::Unfinished {
            skipped(SkippedLine::Unfinished { number: reader.lines().saturating_add(1) });
        }
        Ok(revocations)
    }

    /// Appends a revocation. Creates the file with mode 0600 if it does not exist.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn append(&self, revocation: &Revocation) -> io::Result<()> {
        self.file.locked(Missing::Created, |file| {
            // A crash may have cut off the last line. Then the new line begins after a line break.
            let mut last = *b"\n";
            if file.seek(SeekFrom::End(-1)).is_ok() {
                file.read_exact(&mut last)?;
            } // otherwise the file is empty
            let cut = last != *b"\n";
            let line = format!("{}{revocation}\n", if cut { "\n" } else { "" });
            file.write_all(line.as_bytes())
        })
    }

    /// Rewrites the file without the revocations that have expired at `now`. A list that
    /// [follows](RevocationFile::follow) the file calls this method itself.
    ///
    /// # Errors
    /// If the file or its replacement cannot be written.
    pub fn prune(&self, now: UnixTime) -> io::Result<()> {
        self.file.locked(Missing::Refused, |file| {
            let mut text = Vec::new();
            file.seek(SeekFrom::Start(0))?;
            file.read_to_end(&mut text)?;
            let mut seen = HashSet::new();
            let lines = text.split(|byte| *byte == b'\n');
            let kept = lines.filter(|line| is_kept(line, now) && seen.insert(*line));
            let kept: Vec<u8> = kept.flat_map(|line| [line, b"\n"].concat()).collect();
            self.file.replace(file, &kept)
        })
    }

    /// Creates the file if it does not exist.
    pub(crate) fn create(&self) -> io::Result<()> {
        self.file.locked(Missing::Created, |_| Ok(()))
    }

    /// Makes the lines that are in the file survive a power failure.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.read()?.sync_data()
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader { file: self.file.clone(), tail: Tail::default() }
    }
}

/// A line that this release cannot parse is kept, because a newer release may understand it.
fn is_kept(line: &[u8], now: UnixTime) -> bool {
    let revocation =
        std::str::from_utf8(line).ok().and_then(|line| line.parse::<Revocation>().ok());
    !line.is_empty() && revocation.is_none_or(|revocation| revocation.until() > now)
}

/// A line of a revocation file that is not read as a revocation. See
/// [`RevocationFile::read_with`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkippedLine {
    /// The line is not a revocation. A newer release may have written it.
    Malformed {
        /// The number of the line, from 1.
        number: usize,
    },
    /// The last line has no line break at its end. A process may be writing it at the moment.
    Unfinished {
        /// The number of the line, from 1.
        number: usize,
    },
}

impl SkippedLine {
    /// The number of the line, from 1.
    #[must_use]
    pub fn number(&self) -> usize {
        match *self {
            SkippedLine::Malformed { number } | SkippedLine::Unfinished { number } => number,
        }
    }
}

impl fmt::Display for SkippedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkippedLine::Malformed { number } => write!(f, "line {number} is not a revocation"),
            SkippedLine::Unfinished { number } => {
                write!(f, "line {number} is not complete, because it has no line break at its end")
            }
        }
    }
}

pub(crate) fn warn(path: &Path, line: SkippedLine) {
    tracing::warn!(
        target: "bulla",
        "line {} of {} is not a revocation and is skipped",
        line.number(),
        path.display()
    );
}

/// Reads the lines that were added to the file since the last read.
pub(crate) struct Reader {
    file: SharedFile,
    tail: Tail,
}

impl Reader {
    /// Reads the lines that were added since the last call, and calls `skipped` with each complete
    /// line that is not a revocation.
    pub(crate) fn take(
        &mut self,
        revocations: &mut Vec<Revocation>,
        mut skipped: impl FnMut(SkippedLine),
    ) -> io::Result<LastLine> {
        let file = self.file.read()?;
        if self.tail.compare(&file)? != Found::Same {
            self.tail.restart(&file)?;
        }
        self.tail.read(&file, |number, line| {
            let text = std::str::from_utf8(line).map_or("?", str::trim);
            match text.parse() {
                Ok(revocation) => revocations.push(revocation),
                Err(_) if text.is_empty() || text.starts_with('#') => {}
                Err(_) => skipped(SkippedLine::Malformed { number }),
            }
            Ok(())
        })
    }

    /// The end of the last complete line that was read, in bytes.
    pub(crate) fn offset(&self) -> u64 {
        self.tail.offset()
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// How many lines the file had at the last read.
    pub(crate) fn lines(&self) -> usize {
        self.tail.lines()
    }
}
