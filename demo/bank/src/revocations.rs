//! Revocations that several services share through Redis, or through a file on the same host.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use bulla::Revocations;
use bulla::revocation::RevocationFile;
use bulla_redis::SharedRevocations;

pub(crate) fn of_file(path: &Path) -> Result<Revocations, Box<dyn Error>> {
    let followed = RevocationFile::new(path).follow();
    followed.map_err(|error| format!("{}: {error}", path.display()).into())
}

pub(crate) fn join(url: &str) -> Result<SharedRevocations, Box<dyn Error>> {
    Ok(SharedRevocations::join(url, "bank:revocations")?)
}

/// Sends the pending revocations to Redis before the bank stops; otherwise they would be lost.
pub(crate) fn flush(shared: &SharedRevocations) {
    if !shared.flush(Duration::from_secs(5)) {
        let pending = shared.pending();
        tracing::error!(pending, "revocations of this bank did not reach Redis");
    }
}
