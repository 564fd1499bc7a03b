//! Loads the key ring from a file or from Redis. If there is none, the bank creates it.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use bulla::keys::RingFile;
use bulla::{KeyRing, RingHandle};
use bulla_redis::{RedisRing, RedisRingError};

/// The name of the key ring in Redis.
const NAME: &str = "bank:ring";

pub(crate) fn of_file(path: &Path, every: Duration) -> Result<RingHandle, Box<dyn Error>> {
    let shown = path.display();
    if !path.exists() {
        let ring = KeyRing::generate()?;
        write_new(path, ring.expose_text().as_bytes())
            .map_err(|error| format!("cannot write {shown}: {error}"))?;
        tracing::info!("created a key ring: {shown}");
    }
    RingHandle::watch(RingFile::new(path), every)
        .map_err(|error| format!("{shown}: {error}").into())
}

pub(crate) fn of_redis(url: &str, every: Duration) -> Result<RingHandle, Box<dyn Error>> {
    let mut redis = RedisRing::new(url, NAME)?;
    let stored = redis.load()?;
    if stored.text.is_empty() {
        match redis.store(&stored, KeyRing::generate()?.expose_text().as_bytes()) {
            Ok(()) => tracing::info!("created a key ring in Redis: {NAME}"),
            Err(RedisRingError::Changed) => {} // another bank was faster
            Err(error) => return Err(error.into()),
        }
    }
    Ok(redis.watch(every)?)
}

/// Writes a new file. Fails if it exists, because another bank may have just created it.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
