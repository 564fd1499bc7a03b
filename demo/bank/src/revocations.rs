//! Revocations that several banks share through Redis.

use std::error::Error;
use std::time::Duration;

use bulla_redis::SharedRevocations;

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
