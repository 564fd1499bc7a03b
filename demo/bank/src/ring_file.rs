//! The key ring's file.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use bulla::{KeyRing, RingFile, RingHandle};

/// Follows the ring in a file, which is made with one key when there is none yet.
pub(crate) fn follow_or_make(path: &Path, every: Duration) -> Result<RingHandle, Box<dyn Error>> {
    let shown = path.display();
    if !path.exists() {
        let ring = KeyRing::generate()?;
        write_new(path, ring.expose_text().as_bytes())
            .map_err(|error| format!("cannot write {shown}: {error}"))?;
        tracing::info!("made a key ring: {shown}");
    }
    RingHandle::watch(RingFile::new(path), every)
        .map_err(|error| format!("{shown}: {error}").into())
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
