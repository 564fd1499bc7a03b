//! Revocations that are stored in a file.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::revocation::entry::Revocation;
use crate::revocation::list::{Revocations, WeakRevocations};
use crate::time::UnixTime;

/// How often the follower reads new lines.
const LOOK: Duration = Duration::from_secs(1);

/// How often the follower drops expired revocations.
const PRUNE: Duration = Duration::from_secs(60);

/// The file is rewritten when it has more than `2 * list.len() + SLACK` lines.
const SLACK: usize = 1024;

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
    path: PathBuf,
}

impl RevocationFile {
    /// The file at `path`. Its directory must be writable, because the file is replaced when most
    /// of its lines have expired.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> RevocationFile {
        RevocationFile { path: path.into() }
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
        self.reader().take(&mut revocations, |line| warn(&self.path, line))?;
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
            skipped(SkippedLine::Unfinished { number: reader.lines.saturating_add(1) });
        }
        Ok(revocations)
    }

    /// Appends a revocation. Creates the file with mode 0600 if it does not exist.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn append(&self, revocation: &Revocation) -> io::Result<()> {
        self.locked(|file| {
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
        // If the path is a symbolic link, its target is replaced.
        let path = self.path.canonicalize()?;
        self.locked(|file| {
            let mut text = Vec::new();
            file.seek(SeekFrom::Start(0))?;
            file.read_to_end(&mut text)?;
            let mut seen = HashSet::new();
            let lines = text.split(|byte| *byte == b'\n');
            let kept = lines.filter(|line| is_kept(line, now) && seen.insert(*line));
            let kept: Vec<u8> = kept.flat_map(|line| [line, b"\n"].concat()).collect();
            replace(&path, file, &kept)
        })
    }

    /// Loads the list and follows the file in a background thread.
    ///
    /// Lines that other processes append take effect in this process within about a second. A
    /// revocation that this process adds is in the file before [`add`](Revocations::add) returns,
    /// and is synced to the disk about a second later. If the file cannot be read, the list stays
    /// as it is, and [`Revocations::confirmed_at`] returns the time of the last successful read.
    /// The thread ends when the list is no longer used.
    ///
    /// # Errors
    /// If the file cannot be read, or does not exist and cannot be created. Do not continue without
    /// the list, because the server would then accept revoked sessions.
    pub fn follow(self) -> io::Result<Revocations> {
        let list = Revocations::new();
        let mut reader = self.reader();
        self.locked(|_| Ok(())).and_then(|()| reader.learn(&list)).map_err(|error| {
            let path = self.path.display();
            io::Error::new(error.kind(), format!("the revocation list {path}: {error}"))
        })?;
        let follower = Follower {
            list: list.downgrade(),
            reader,
            file: self.clone(),
            pruned: Instant::now(),
            said: Said::Reads,
        };
        list.on_add(move |revocation| {
            if let Err(error) = self.append(revocation) {
                tracing::error!(
                    target: "bulla",
                    "a revocation could not be written to {} ({error}); it is in effect until \
                     this process ends",
                    self.path.display()
                );
            }
        });
        thread::Builder::new().name("bulla-revoked".to_owned()).spawn(move || follower.run())?;
        Ok(list)
    }

    fn reader(&self) -> Reader {
        Reader { path: self.path.clone(), held: None, offset: 0, lines: 0 }
    }

    /// Runs `change` while no other process appends to the file or replaces it.
    fn locked<R>(&self, change: impl FnOnce(&mut File) -> io::Result<R>) -> io::Result<R> {
        for _ in 0..10_000 {
            let mut options = OpenOptions::new();
            options.read(true).append(true).create(true);
            private(&mut options);
            let mut lock = fd_lock::RwLock::new(options.open(&self.path)?);
            let mut file = lock.write()?;
            if inode(&file.metadata()?) == inode(&self.path.metadata()?) {
                return change(&mut file);
            } // otherwise the file was replaced while this process waited for the lock
        }
        Err(io::Error::other("the file is replaced too often"))
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

fn warn(path: &Path, line: SkippedLine) {
    tracing::warn!(
        target: "bulla",
        "line {} of {} is not a revocation and is skipped",
        line.number(),
        path.display()
    );
}

/// Replaces the file atomically and keeps its owner and permissions.
fn replace(path: &Path, old: &File, text: &[u8]) -> io::Result<()> {
    let mut beside = path.to_owned().into_os_string();
    beside.push(".new");
    // A crash may have left this file. `create_new` does not follow a symbolic link.
    let _ = fs::remove_file(&beside);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    private(&mut options);
    let mut new = options.open(&beside)?;
    keep_owner(&new, old)?;
    new.set_permissions(old.metadata()?.permissions())?;
    new.write_all(text)?;
    new.sync_all()?;
    fs::rename(&beside, path)?;
    sync_folder(path)
}

/// Reads the lines that were added to the file since the last read.
struct Reader {
    path: PathBuf,
    /// The file that was read last. It stays open, so that a replacement cannot get the same inode
    /// number.
    held: Option<File>,
    offset: u64,
    lines: usize,
}

/// Whether the last line of the file has a line break at its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LastLine {
    Complete,
    Unfinished,
}

impl Reader {
    /// Reads the lines that were added since the last call, and calls `skipped` with each complete
    /// line that is not a revocation.
    fn take(
        &mut self,
        revocations: &mut Vec<Revocation>,
        mut skipped: impl FnMut(SkippedLine),
    ) -> io::Result<LastLine> {
        let mut file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let same = match &self.held {
            Some(held) => inode(&held.metadata()?) == inode(&metadata),
            None => false,
        };
        if !same || metadata.len() < self.offset {
            (self.held, self.offset, self.lines) = (Some(file.try_clone()?), 0, 0);
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let len = file.read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                return Ok(if len == 0 { LastLine::Complete } else { LastLine::Unfinished });
            }
            self.offset += len as u64;
            self.lines += 1;
            let text = std::str::from_utf8(&line).map_or("?", str::trim);
            match text.parse() {
                Ok(revocation) => revocations.push(revocation),
                Err(_) if text.is_empty() || text.starts_with('#') => {}
                Err(_) => skipped(SkippedLine::Malformed { number: self.lines }),
            }
        }
    }

    fn learn(&mut self, list: &Revocations) -> io::Result<()> {
        let now = UnixTime::now();
        let mut news = Vec::new();
        let path = self.path.clone();
        let taken = self.take(&mut news, |line| warn(&path, line));
        if !news.is_empty() {
            list.learn(news); // including the lines that were read before an error
        }
        taken?;
        list.confirm(now);
        Ok(())
    }
}

struct Follower {
    list: WeakRevocations,
    reader: Reader,
    file: RevocationFile,
    pruned: Instant,
    said: Said,
}

/// What the log last reported about the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Reads,
    Fails,
}

impl Follower {
    fn run(mut self) {
        loop {
            thread::sleep(LOOK);
            let Some(list) = self.list.upgrade() else { return };
            self.round(&list, Instant::now());
        }
    }

    /// Reads the file, and logs when reading starts to fail or works again.
    fn round(&mut self, list: &Revocations, now: Instant) {
        let looked = self.look(list, now);
        let path = self.file.path.display();
        match looked {
            Ok(()) if self.said == Said::Fails => {
                self.said = Said::Reads;
                tracing::info!(target: "bulla", "the revocations in {path} can be read again");
            }
            Err(error) if self.said == Said::Reads => {
                self.said = Said::Fails;
                tracing::warn!(
                    target: "bulla",
                    "the revocations in {path} cannot be read ({error}); the known ones stay \
                     in effect"
                );
            }
            _ => {}
        }
    }

    fn look(&mut self, list: &Revocations, now: Instant) -> io::Result<()> {
        let offset = self.reader.offset;
        self.reader.learn(list)?;
        if self.reader.offset != offset {
            File::open(&self.file.path)?.sync_data()?;
        }
        if now.saturating_duration_since(self.pruned) < PRUNE {
            return Ok(());
        }
        self.pruned = now;
        let now = UnixTime::now();
        list.prune(now);
        if self.reader.lines > 2 * list.len() + SLACK
            && let Err(error) = self.file.prune(now)
        {
            let path = self.file.path.display();
            tracing::warn!(target: "bulla", "{path} could not be rewritten: {error}");
        }
        Ok(())
    }
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

/// Gives the new file the owner of the old one. Otherwise the server might no longer be able to
/// read the file.
#[cfg(unix)]
fn keep_owner(new: &File, old: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let (new_meta, old) = (new.metadata()?, old.metadata()?);
    if (new_meta.uid(), new_meta.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    fchown(new, Some(old.uid()), Some(old.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &File) -> io::Result<()> {
    Ok(())
}

/// Makes the rename survive a power failure.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Identifies a file. On systems without inode numbers, a replacement is noticed only if it is
/// shorter.
fn inode(metadata: &fs::Metadata) -> (u64, u64) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        (metadata.dev(), metadata.ino())
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        (0, 0)
    }
}

#[cfg(test)]
mod tests {
    use bulla_conformance::logged;
    use tracing::Level;

    use super::*;
    use crate::token::id::SessionId;

    /// A file for one test. It is removed when the test ends.
    struct OfTest(RevocationFile);

    impl OfTest {
        fn new(name: &str) -> OfTest {
            let name = format!("bulla-revoked-{}-{name}", std::process::id());
            OfTest(RevocationFile::new(std::env::temp_dir().join(name)))
        }

        fn write(&self, lines: impl IntoIterator<Item = Revocation>) {
            let lines: String = lines.into_iter().map(|line| format!("{line}\n")).collect();
            fs::write(&self.0.path, lines).unwrap();
        }

        fn follower(&self, list: &Revocations, now: Instant) -> Follower {
            Follower {
                list: list.downgrade(),
                reader: self.0.reader(),
                file: self.0.clone(),
                pruned: now,
                said: Said::Reads,
            }
        }
    }

    impl Drop for OfTest {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0.path);
        }
    }

    fn until(number: u128, until: UnixTime) -> Revocation {
        Revocation::Session { id: SessionId::from_bytes(number.to_be_bytes()), until }
    }

    fn living(numbers: std::ops::Range<u128>) -> impl Iterator<Item = Revocation> {
        numbers.map(|number| until(number, UnixTime::MAX))
    }

    #[test]
    fn new_lines_are_read_once_and_a_replaced_file_is_read_from_the_start() {
        let file = OfTest::new("reader");
        let mut reader = file.0.reader();
        let mut read = || {
            let mut news = Vec::new();
            reader.take(&mut news, |line| panic!("{line}")).unwrap();
            (news, reader.lines)
        };
        file.write(living(0..3));
        assert_eq!(read(), (living(0..3).collect(), 3));
        assert_eq!(read(), (vec![], 3));
        living(3..4).for_each(|line| file.0.append(&line).unwrap());
        assert_eq!(read(), (living(3..4).collect(), 4));
        file.write(living(10..12)); // the same file, now shorter
        assert_eq!(read(), (living(10..12).collect(), 2));
        let other = OfTest::new("other");
        other.write(living(20..30)); // another file with the same name, longer
        fs::rename(&other.0.path, &file.0.path).unwrap();
        assert_eq!(read(), (living(20..30).collect(), 10));
    }

    #[test]
    fn empty_lines_and_comments_are_ignored_without_a_warning() {
        let file = OfTest::new("comments");
        for (text, said) in [("\n  \n# all of March\n", ""), ("all of March\n", "line 1 of")] {
            fs::write(&file.0.path, text).unwrap();
            let (read, log) = logged(Level::WARN, || file.0.read().unwrap());
            assert!(read.is_empty() && log.contains(said), "{log}");
            assert_eq!(log.is_empty(), said.is_empty(), "{log}");
        }
    }

    #[test]
    fn the_log_reports_once_that_the_file_cannot_be_read_and_once_that_it_can_again() {
        let (file, list, now) = (OfTest::new("said"), Revocations::new(), Instant::now());
        let mut follower = file.follower(&list, now);
        for (is_there, says) in [
            (true, ""),
            (false, "cannot be read"),
            (false, ""),
            (false, ""),
            (true, "can be read again"),
            (true, ""),
            (false, "cannot be read"),
        ] {
            match is_there {
                true => file.write(living(0..1)),
                false => drop(fs::remove_file(&file.0.path)),
            }
            let ((), log) = logged(Level::INFO, || follower.round(&list, now));
            assert!(log.contains(says) && log.is_empty() == says.is_empty(), "{log}");
        }
        assert_eq!(list.len(), 1, "the known revocations stay in effect");
    }

    #[test]
    fn a_file_is_rewritten_once_a_minute_if_most_of_its_lines_have_expired() {
        let slack = SLACK as u128;
        for (over, after, left) in [
            (slack + 4, PRUNE - Duration::from_secs(1), slack + 7),
            (slack + 4, PRUNE, 3),
            (slack + 3, PRUNE, slack + 6),
        ] {
            let (file, list, now) = (OfTest::new("over"), Revocations::new(), Instant::now());
            let over = (100..100 + over).map(|number| until(number, UnixTime::from_secs(1)));
            file.write(living(0..3).chain(over));
            file.follower(&list, now).look(&list, now + after).unwrap();
            assert_eq!(file.0.read().unwrap().len() as u128, left);
        }
    }
}
