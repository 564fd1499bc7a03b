//! Files that several processes change, one after the other.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A file may have this many lines more than twice as many as it needs.
pub(crate) const SLACK: usize = 1024;

/// A file is rewritten when it has more lines than this.
pub(crate) const fn most_lines(needed: usize) -> usize {
    needed.saturating_mul(2).saturating_add(SLACK)
}

/// A file that several processes change.
#[derive(Clone, Debug)]
pub(crate) struct SharedFile {
    path: PathBuf,
}

/// What happens if the file does not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is created with mode 0600.
    Created,
    /// It is an error.
    Refused,
}

impl SharedFile {
    pub(crate) fn new(path: PathBuf) -> SharedFile {
        SharedFile { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `change` while no other process, and no other thread, appends to the file or replaces
    /// it.
    pub(crate) fn locked<R, E: From<io::Error>>(
        &self,
        missing: Missing,
        change: impl FnOnce(&mut File) -> Result<R, E>,
    ) -> Result<R, E> {
        for _ in 0..10_000 {
            let mut lock = fd_lock::RwLock::new(self.open(missing)?);
            let mut file = match lock.write() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                locked => locked?,
            };
            if self.is_at_path(&file)? {
                return change(&mut file);
            } // otherwise the file was replaced while this process waited for the lock
        }
        Err(io::Error::other("the file is replaced too often").into())
    }

    fn open(&self, missing: Missing) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(missing == Missing::Created);
        private(&mut options);
        regular(options.open(&self.path)?)
    }

    /// Opens the file for reading.
    pub(crate) fn read(&self) -> io::Result<File> {
        regular(File::open(&self.path)?)
    }

    /// Whether this file is the one at the path, and has not been replaced.
    pub(crate) fn is_at_path(&self, file: &File) -> io::Result<bool> {
        Ok(inode(&file.metadata()?) == inode(&self.path.metadata()?))
    }

    /// Replaces the file atomically and keeps its owner and permissions. Call it with the locked
    /// file.
    ///
    /// # Errors
    /// If the file could not be replaced. [`is_at_path`](SharedFile::is_at_path) says whether it
    /// was replaced, but might not survive a power failure.
    pub(crate) fn replace(&self, old: &File, text: &[u8]) -> io::Result<()> {
        // If the path is a symbolic link, its target is replaced.
        let path = self.path.canonicalize()?;
        let mut beside = path.clone().into_os_string();
        beside.push(".new");
        // A crash may have left this file. `create_new` does not follow a symbolic link.
        let _ = fs::remove_file(&beside);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        private(&mut options);
        let mut new = options.open(&beside)?;
        let written = fill(&mut new, old, text).and_then(|()| fs::rename(&beside, &path));
        if written.is_err() {
            let _ = fs::remove_file(&beside); // on a full disk, it takes the space of the next line
        }
        written?;
        sync_folder(&path)
    }

    /// Makes sure that the file at the path is still there after a power failure.
    #[cfg(unix)]
    pub(crate) fn sync_place(&self) -> io::Result<()> {
        sync_folder(&self.path.canonicalize()?)
    }
}

fn fill(new: &mut File, old: &File, text: &[u8]) -> io::Result<()> {
    keep_owner(new, old)?;
    new.set_permissions(old.metadata()?.permissions())?;
    new.write_all(text)?;
    new.sync_all()
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::other("not a regular file"))
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
pub(crate) fn inode(metadata: &fs::Metadata) -> (u64, u64) {
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
