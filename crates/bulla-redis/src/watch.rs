//! Follows the ring: reads it at an interval, and as soon as a change is announced.

use std::thread;
use std::time::Duration;

use bulla::RingHandle;
use bulla::keys::{LoadError, ReloadError, RingSource as _, WeakRingHandle};
use redis::Client;

use crate::error::RedisRingError;
use crate::source::RedisRing;

/// How long the listener waits for a message before it checks whether the ring is still in use,
/// and how long it waits after a failure.
const PATIENCE: Duration = Duration::from_secs(5);

impl RedisRing {
    /// Loads the ring and follows it, as
    /// [`RingHandle::watch`](bulla::RingHandle::watch) does. Also reads the ring as soon as a
    /// change is announced. Two threads do this, until the last handle is dropped.
    ///
    /// # Errors
    /// [`LoadError`] if no valid ring can be loaded.
    pub fn watch(self, every: Duration) -> Result<RingHandle, LoadError> {
        let (client, channel, name) = (self.client.clone(), self.channel(), self.name());
        let handle = RingHandle::watch(self, every)?;
        let weak = handle.downgrade();
        let failed = name.clone();
        thread::Builder::new()
            .name("bulla-redis".to_owned())
            .spawn(move || {
                while weak.upgrade().is_some() {
                    if let Err(error) = listen(&client, &channel, &weak) {
                        tracing::debug!(target: "bulla", "{name}: cannot listen for changes: {error}");
                        thread::sleep(PATIENCE);
                    }
                }
            })
            .map_err(|error| LoadError {
                name: failed,
                reason: ReloadError::Source(error.into()),
            })?;
        Ok(handle)
    }
}

/// Makes the handle read the ring at each announcement, until the connection fails or the last
/// handle is dropped.
fn listen(client: &Client, channel: &str, ring: &WeakRingHandle) -> Result<(), RedisRingError> {
    let mut connection =
        client.get_connection_with_timeout(PATIENCE).map_err(RedisRingError::of)?;
    let mut announcements = connection.as_pubsub();
    announcements.set_read_timeout(Some(PATIENCE)).map_err(RedisRingError::of)?;
    announcements.subscribe(channel).map_err(RedisRingError::of)?;
    // The first hint makes the handle read changes that were announced before the subscription.
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
