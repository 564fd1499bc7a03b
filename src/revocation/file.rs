//! Revocations that a file keeps.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::revocation::entry::Revocation;
use crate::revocation::list::{Revocations, WeakRevocations};
use crate::time::UnixTime;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How often what is over is dropped.
const PRUNE: Duration = Duration::from_secs(60);

/// The file is written anew when it has so many lines more than twice those
/// that still count.
const SLACK: usize = 1024;

/// A list of revocations in a file: one line for each, in the text form of
/// [`Revocation`], appended as they come.
///
/// For one server, which knows after a restart what it had revoked; and for
/// several on one machine. (`bulla-redis` is for a fleet.) The tool changes it,
/// too: `bulla revoke session … --file PATH`.
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
    /// The file at `path`. Its folder must be writable: the file is replaced
    /// when most of its lines are over.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> RevocationFile {
        RevocationFile { path: path.into() }
    }

    /// What the file says. A line that is no revocation is skipped, and said
    /// to be in the log: one of a newer release is no reason to forget the others.
    ///
    /// # Errors
    /// When it cannot be read, or is not there.
    pub fn read(&self) -> io::Result<Vec<Revocation>> {
        let mut revocations = Vec::new();
        self.reader().take(&mut revocations)?;
        Ok(revocations)
    }

    /// Appends a line, and makes the file (mode 0600) if there is none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(&self, revocation: &Revocation) -> io::Result<()> {
        self.locked(|file| {
            // The end of a line that a crash has cut off stays a line of its own.
            let mut last = *b"\n";
            if file.seek(SeekFrom::End(-1)).is_ok() {
                file.read_exact(&mut last)?;
            } // else it is empty
            let cut = last != *b"\n";
            let line = format!("{}{revocation}\n", if cut { "\n" } else { "" });
            file.write_all(line.as_bytes())
        })
    }

    /// Writes the file anew, without what is over at `now`. A list that
    /// [follows](RevocationFile::follow) does it by itself.
    ///
    /// # Errors
    /// When the file, or the one that is to replace it, cannot be written.
    pub fn prune(&self, now: UnixTime) -> io::Result<()> {
        // The file that a link leads to is replaced, and not the link.
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

    /// Loads the list, and keeps up with the file in a thread that ends when
    /// nobody has the list any more: what others append holds here within a
    /// second, and what is revoked here is in the file before
    /// [`add`](Revocations::add) returns, and on the disk a second later.
    /// When the file cannot be read for a while, the list stays, and
    /// [`Revocations::confirmed_at`] says since when.
    ///
    /// # Errors
    /// When the file cannot be read, or made if there is none: a server that
    /// began without its list would accept what was revoked.
    pub fn follow(self) -> io::Result<Revocations> {
        self.locked(|_| Ok(()))?;
        let list = Revocations::new();
        let mut reader = self.reader();
        reader.learn(&list)?;
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
                    "a revocation could not be written to {} ({error}); it holds until this \
                     process ends",
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

    /// The file, while nobody else appends to it or replaces it.
    fn locked<R>(&self, change: impl FnOnce(&mut File) -> io::Result<R>) -> io::Result<R> {
        for _ in 0..10_000 {
            let mut options = OpenOptions::new();
            options.read(true).append(true).create(true);
            private(&mut options);
            let mut lock = fd_lock::RwLock::new(options.open(&self.path)?);
            let mut file = lock.write()?;
            if inode(&file.metadata()?) == inode(&self.path.metadata()?) {
                return change(&mut file);
            } // else it was replaced while this waited for its lock
        }
        Err(io::Error::other("others replace it all the time"))
    }
}

/// What is no revocation to this release may be one to a newer.
fn is_kept(line: &[u8], now: UnixTime) -> bool {
    let revocation =
        std::str::from_utf8(line).ok().and_then(|line| line.parse::<Revocation>().ok());
    !line.is_empty() && revocation.is_none_or(|revocation| revocation.until() > now)
}

/// All of it or nothing, for the same owner.
fn replace(path: &Path, old: &File, text: &[u8]) -> io::Result<()> {
    let mut beside = path.to_owned().into_os_string();
    beside.push(".new");
    // One that a crash has left. A link is not followed, but refused.
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

/// How far the file has been read.
struct Reader {
    path: PathBuf,
    /// Held open, so that none that replaces it can have its number.
    held: Option<File>,
    offset: u64,
    lines: usize,
}

impl Reader {
    /// Adds what the file says that it did not say before.
    fn take(&mut self, revocations: &mut Vec<Revocation>) -> io::Result<()> {
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
                return Ok(()); // the end, or a line that is being written
            }
            self.offset += len as u64;
            self.lines += 1;
            let text = std::str::from_utf8(&line).map_or("?", str::trim);
            match text.parse() {
                Ok(revocation) => revocations.push(revocation),
                Err(_) if text.is_empty() || text.starts_with('#') => {}
                Err(_) => tracing::warn!(
                    target: "bulla",
                    "line {} of {} is no revocation, and is skipped",
                    self.lines,
                    self.path.display()
                ),
            }
        }
    }

    fn learn(&mut self, list: &Revocations) -> io::Result<()> {
        let now = UnixTime::now();
        let mut news = Vec::new();
        let taken = self.take(&mut news);
        if !news.is_empty() {
            list.learn(news); // also what was read before it failed
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

/// What the log says of the file.
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

    /// Looks, and says so when that has begun to fail or to go well.
    fn round(&mut self, list: &Revocations, now: Instant) {
        let looked = self.look(list, now);
        let path = self.file.path.display();
        match looked {
            Ok(()) if self.said == Said::Fails => {
                self.said = Said::Reads;
                tracing::info!(target: "bulla", "the revocations {path} are read again");
            }
            Err(error) if self.said == Said::Reads => {
                self.said = Said::Fails;
                tracing::warn!(
                    target: "bulla",
                    "the revocations {path} cannot be followed ({error}); what is known \
                     stays refused"
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
            tracing::warn!(target: "bulla", "{path} could not be written anew: {error}");
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

/// A file that its server could no longer read would be worse than a long one.
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

/// So that the new name is there after a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Which file it is that has this name. Where that cannot be told, one that replaces
/// another is shorter, and is read anew for that.
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

    /// A file of a test's own, removed at its end.
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
    fn what_is_new_is_read_once_and_a_file_that_is_another_from_its_beginning() {
        let file = OfTest::new("reader");
        let mut reader = file.0.reader();
        let mut read = || {
            let mut news = Vec::new();
            reader.take(&mut news).unwrap();
            (news, reader.lines)
        };
        file.write(living(0..3));
        assert_eq!(read(), (living(0..3).collect(), 3));
        assert_eq!(read(), (vec![], 3));
        living(3..4).for_each(|line| file.0.append(&line).unwrap());
        assert_eq!(read(), (living(3..4).collect(), 4));
        file.write(living(10..12)); // in place, and shorter
        assert_eq!(read(), (living(10..12).collect(), 2));
        let other = OfTest::new("other");
        other.write(living(20..30)); // in its place, and longer
        fs::rename(&other.0.path, &file.0.path).unwrap();
        assert_eq!(read(), (living(20..30).collect(), 10));
    }

    #[test]
    fn empty_lines_and_comments_are_read_in_silence() {
        let file = OfTest::new("comments");
        for (text, said) in [("\n  \n# all of March\n", ""), ("all of March\n", "line 1 of")] {
            fs::write(&file.0.path, text).unwrap();
            let (read, log) = logged(Level::WARN, || file.0.read().unwrap());
            assert!(read.is_empty() && log.contains(said), "{log}");
            assert_eq!(log.is_empty(), said.is_empty(), "{log}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_followed_is_said_so_once_and_once_that_it_is_again() {
        let (file, list, now) = (OfTest::new("said"), Revocations::new(), Instant::now());
        let mut follower = file.follower(&list, now);
        for (is_there, says) in [
            (true, ""),
            (false, "cannot be followed"),
            (false, ""),
            (false, ""),
            (true, "are read again"),
            (true, ""),
            (false, "cannot be followed"),
        ] {
            match is_there {
                true => file.write(living(0..1)),
                false => drop(fs::remove_file(&file.0.path)),
            }
            let ((), log) = logged(Level::INFO, || follower.round(&list, now));
            assert!(log.contains(says) && log.is_empty() == says.is_empty(), "{log}");
        }
        assert_eq!(list.len(), 1, "what is known stays refused");
    }

    #[test]
    fn a_file_is_written_anew_every_minute_when_most_of_its_lines_are_over() {
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
