//! The key ring's file.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use bulla::KeyRing;

/// Reads the ring, or makes one of one key when there is no file yet.
pub(crate) fn load_or_make(path: &Path) -> Result<KeyRing, Box<dyn Error>> {
    let shown = path.display();
    match fs::read(path) {
        Ok(bytes) => {
            let ring =
                KeyRing::try_from(&bytes[..]).map_err(|error| format!("{shown}: {error}"))?;
            warn_if_others_can_read(path);
            Ok(ring)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let ring = KeyRing::generate()?;
            write_new(path, ring.expose_text().as_bytes())
                .map_err(|error| format!("cannot write {shown}: {error}"))?;
            tracing::info!("made a key ring: {shown}");
            Ok(ring)
        }
        Err(error) => Err(format!("cannot read {shown}: {error}").into()),
    }
}

/// Never over a file that another start has just made.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn warn_if_others_can_read(path: &Path) {
    #[cfg(unix)]
    if let Ok(meta) = fs::metadata(path) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&meta.permissions());
        if mode & 0o077 != 0 {
            tracing::warn!("others can read the keys in {0}: chmod 600 {0}", path.display());
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}
