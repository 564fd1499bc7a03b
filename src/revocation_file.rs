//! Revocations that a file keeps.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::revocation::Revocation;
use crate::revocations::{Revocations, WeakRevocations};
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
/// use bulla::{KeyRing, Payload, Policy, RevocationFile, Sessions};
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
            let looked = self.look(&list);
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
    }

    fn look(&mut self, list: &Revocations) -> io::Result<()> {
        let offset = self.reader.offset;
        self.reader.learn(list)?;
        if self.reader.offset != offset {
            File::open(&self.file.path)?.sync_data()?;
        }
        if self.pruned.elapsed() < PRUNE {
            return Ok(());
        }
        self.pruned = Instant::now();
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

/// Which file it is that has this name.
#[cfg(unix)]
fn inode(metadata: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

/// One that replaces another is shorter, and is read anew for that.
#[cfg(not(unix))]
fn inode(_: &std::fs::Metadata) -> (u64, u64) {
    (0, 0)
}
