//! A ring's file: read, made, and replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use bulla::keys::{MAX_RING_LEN, Zeroizing};
use tempfile::NamedTempFile;

/// Reads a ring's text. Links are followed; what is no regular file is not opened.
pub(crate) fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    refuse_what_is_no_file(path)?;
    read_open(&File::open(path)?)
}

/// Makes a file, unless there is one.
pub(crate) fn create(path: &Path, text: &str) -> io::Result<()> {
    let folder = folder(path);
    let new = write_beside(&folder, text)?;
    new.as_file().sync_all()?;
    new.persist_noclobber(path).map_err(|error| error.error)?;
    sync(&folder)
}

/// Replaces a file's text by what `change` makes of it: all of it or nothing,
/// with others who change it waiting meanwhile.
pub(crate) fn replace<R, E: From<io::Error>>(
    path: &Path,
    change: impl FnOnce(&[u8]) -> Result<(Option<Zeroizing<String>>, R), E>,
) -> Result<R, E> {
    refuse_what_is_no_file(path)?;
    // The file that a link leads to is replaced, and not the link.
    let path = fs::canonicalize(path)?;
    for _ in 0..10_000 {
        let mut lock = fd_lock::RwLock::new(File::open(&path)?);
        let file = lock.write()?;
        if !is_at(&file, &path)? {
            continue; // it was replaced while this waited for its lock
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
    Err(io::Error::other("others replace it all the time").into())
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

/// An administrator's change must not take the ring away from the server.
#[cfg(unix)]
fn keep_owner(new: &File, old: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let (new_meta, old) = (new.metadata()?, old.metadata()?);
    if (new_meta.uid(), new_meta.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    fchown(new, Some(old.uid()), Some(old.gid())).map_err(|_| {
        let message = "it belongs to another user or group, who would lose it";
        io::Error::new(io::ErrorKind::PermissionDenied, message)
    })
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &File) -> io::Result<()> {
    Ok(())
}

/// Opening a pipe would wait for its other end.
fn refuse_what_is_no_file(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_file() {
        return Ok(());
    }
    Err(io::Error::other("not a regular file"))
}

/// One byte more than a ring may have, which is refused as too long.
fn read_open(file: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_RING_LEN + 1));
    file.take(MAX_RING_LEN as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// Mode 0600. If this is killed, the file stays, and its name says what it is.
fn write_beside(folder: &Path, text: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".bulla-ring-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

fn folder(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// So that the new name is there after a power cut.
fn sync(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
