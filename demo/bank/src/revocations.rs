//! Who was signed out before their time, among several banks.

use std::error::Error;
use std::time::Duration;

use bulla_redis::SharedRevocations;

pub(crate) fn join(url: &str) -> Result<SharedRevocations, Box<dyn Error>> {
    Ok(SharedRevocations::join(url, "bank:revocations")?)
}

/// Before the bank closes: what waits here for Redis would be forgotten.
pub(crate) fn flush(shared: &SharedRevocations) {
    if !shared.flush(Duration::from_secs(5)) {
        let pending = shared.pending();
        tracing::error!(pending, "sign-outs of this bank did not reach the others");
    }
}
