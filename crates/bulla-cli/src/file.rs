//! Reads, creates and atomically replaces the file of a ring.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use bulla::keys::{MAX_RING_LEN, Zeroizing};
use tempfile::NamedTempFile;

/// Reads the text of a ring. Follows links, and rejects anything that is not a regular file.
pub(crate) fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    refuse_what_is_no_file(path)?;
    read_open(&File::open(path)?)
}

/// Creates a file. Fails if the file exists.
pub(crate) fn create(path: &Path, text: &str) -> io::Result<()> {
    let folder = folder(path);
    let new = write_beside(&folder, text)?;
    new.as_file().sync_all()?;
    new.persist_noclobber(path).map_err(|error| error.error)?;
    sync(&folder)
}

/// Replaces the text of a file with the text that `change` returns, completely or not at all. If
/// `change` returns no text, the file stays as it is.
///
/// Other commands that change the file wait until this command releases its lock.
pub(crate) fn replace<R, E: From<io::Error>>(
    path: &Path,
    change: impl FnOnce(&[u8]) -> Result<(Option<Zeroizing<String>>, R), E>,
) -> Result<R, E> {
    refuse_what_is_no_file(path)?;
    // Replaces the file that a link points to, not the link.
    let path = fs::canonicalize(path)?;
    for _ in 0..10_000 {
        let mut lock = fd_lock::RwLock::new(File::open(&path)?);
        let file = lock.write()?;
        if !is_at(&file, &path)? {
            continue; // another command replaced the file while this one waited
        }
        let (text, result) = change(&read_open(&file)?)?;
        if let Some(text) = text {
            let folder = folder(&path);
            let new = write_beside(&folder, &text)?;
            keep_owner(new.as_file(), &file)?;
            new.as_file().set_permissions(file.metadata()?.permissions())?;
            new.as_file().sync_all()?;
            new.persist(&path).map_err(|error| error.error)?;
            sync(&folder)?;
        }
        return Ok(result);
    }
    Err(io::Error::other("other commands keep replacing the file").into())
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (open, there) = (file.metadata()?, fs::metadata(path)?);
    Ok((open.dev(), open.ino()) == (there.dev(), there.ino()))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Keeps the owner, so that the server can still read a ring that an administrator changed.
#[cfg(unix)]
fn keep_owner(new: &File, old: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let (new_meta, old) = (new.metadata()?, old.metadata()?);
    if (new_meta.uid(), new_meta.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    fchown(new, Some(old.uid()), Some(old.gid())).map_err(|_| {
        let message =
            "the file belongs to another user or group, which could not read the new file";
        io::Error::new(io::ErrorKind::PermissionDenied, message)
    })
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &File) -> io::Result<()> {
    Ok(())
}

/// Rejects anything that is not a regular file, because opening a pipe would block.
fn refuse_what_is_no_file(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_file() {
        return Ok(());
    }
    Err(io::Error::other("not a regular file"))
}

/// Reads at most one byte more than a ring may have. The parser rejects such a text as too long.
fn read_open(file: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_RING_LEN + 1));
    file.take(MAX_RING_LEN as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// Writes a temporary file with mode 0600. If the command is killed, the file stays, so its name
/// says which program wrote it.
fn write_beside(folder: &Path, text: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".bulla-ring-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

fn folder(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Writes the directory to disk, so that the new file survives a power failure.
fn sync(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
