//! A ring's keys, derived once for one purpose and mode.

use crate::error::{OpenError, SealError};
use crate::key::KeyId;
use crate::primitives::Secret;
use crate::ring::{KeyRing, Schedule, primary_at};
use crate::time::UnixTime;

pub(crate) struct Subkeys<K> {
    keys: Vec<Subkey<K>>,
}

pub(crate) struct Subkey<K> {
    pub(crate) id: KeyId,
    pub(crate) key: K,
    schedule: Schedule,
}

impl<K> Subkeys<K> {
    /// `label` is that of spec section 3; `make` prepares the primitive.
    pub(crate) fn new(
        ring: &KeyRing,
        label: &str,
        purpose: &[u8],
        make: impl Fn(&Secret) -> K,
    ) -> Subkeys<K> {
        let keys = ring.entries().map(|entry| Subkey {
            id: entry.key_id(),
            key: make(&entry.key().derive(label, purpose)),
            schedule: entry.schedule(),
        });
        Subkeys { keys: keys.collect() }
    }

    /// Step 5 of opening: exactly one key, and no other is ever tried.
    pub(crate) fn get(&self, id: KeyId) -> Result<&Subkey<K>, OpenError> {
        self.keys.iter().find(|key| key.id == id).ok_or(OpenError::UnknownKey(id))
    }

    /// Step 1 of sealing and signing.
    pub(crate) fn primary_at(&self, now: UnixTime) -> Result<&Subkey<K>, SealError> {
        primary_at(&self.keys, |key| key.schedule, now).ok_or(SealError::NoPrimaryKey)
    }
}

impl<K> Subkey<K> {
    /// Step 8 of opening.
    pub(crate) fn check_open(&self, now: UnixTime) -> Result<(), OpenError> {
        if self.schedule.is_open_at(now) { Ok(()) } else { Err(OpenError::RetiredKey(self.id)) }
    }
}
