//! Following the ring: every so often, and at once when it is announced.

use std::thread;
use std::time::Duration;

use bulla::RingHandle;
use bulla::keys::{ReloadError, RingSource as _, WeakRingHandle};
use redis::Client;

use crate::source::{RedisRing, RedisRingError};

/// How long the listener waits before it sees whether it is still needed, and
/// before it tries again.
const PATIENCE: Duration = Duration::from_secs(5);

impl RedisRing {
    /// Loads the ring and follows it, as
    /// [`RingHandle::watch`](bulla::RingHandle::watch) does, and looks at once
    /// when a change is announced. Two threads that end with the last handle.
    ///
    /// # Errors
    /// [`ReloadError`]: there is no good ring to begin with.
    pub fn watch(self, every: Duration) -> Result<RingHandle, ReloadError> {
        let (client, channel, name) = (self.client.clone(), self.channel(), self.name());
        let handle = RingHandle::watch(self, every)?;
        let weak = handle.downgrade();
        thread::Builder::new()
            .name("bulla-redis".to_owned())
            .spawn(move || {
                while weak.upgrade().is_some() {
                    if let Err(error) = listen(&client, &channel, &weak) {
                        tracing::debug!(target: "bulla", "{name}: not listening: {error}");
                        thread::sleep(PATIENCE);
                    }
                }
            })
            .map_err(|error| ReloadError::Source(error.into()))?;
        Ok(handle)
    }
}

/// Passes announcements on until the connection or the ring is gone.
fn listen(client: &Client, channel: &str, ring: &WeakRingHandle) -> Result<(), RedisRingError> {
    let mut connection =
        client.get_connection_with_timeout(PATIENCE).map_err(RedisRingError::of)?;
    let mut announcements = connection.as_pubsub();
    announcements.set_read_timeout(Some(PATIENCE)).map_err(RedisRingError::of)?;
    announcements.subscribe(channel).map_err(RedisRingError::of)?;
    // What was announced before is seen by looking once.
    while let Some(handle) = ring.upgrade() {
        handle.hint();
        drop(handle);
        loop {
            match announcements.get_message() {
                Ok(_) => break,
                Err(error) if error.is_timeout() && ring.upgrade().is_some() => {}
                Err(error) if error.is_timeout() => return Ok(()),
                Err(error) => return Err(RedisRingError::of(error)),
            }
        }
    }
    Ok(())
}
