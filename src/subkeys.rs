//! A ring's keys, derived once for one purpose and mode.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};

use crate::error::{OpenError, SealError};
use crate::handle::{Follower, RingHandle};
use crate::key::KeyId;
use crate::primitives::Secret;
use crate::ring::{KeyRing, Schedule, primary_at};
use crate::time::UnixTime;
use crate::wire::{Authentic, Body};

pub(crate) struct Subkeys<K> {
    handle: RingHandle,
    derived: Arc<Derived<K>>,
}

/// The keys of the ring that is in use, and how to make those of another.
struct Derived<K> {
    keys: ArcSwap<Keys<K>>,
    label: &'static str,
    purpose: Box<[u8]>,
    make: fn(&Secret) -> K,
}

/// The keys of one ring. Each use takes them once, so that it sees one ring.
pub(crate) struct Keys<K> {
    keys: Vec<Subkey<K>>,
}

pub(crate) struct Subkey<K> {
    pub(crate) id: KeyId,
    pub(crate) key: K,
    pub(crate) schedule: Schedule,
}

impl<K: Send + Sync + 'static> Subkeys<K> {
    /// `label` is that of spec section 3; `make` prepares the primitive.
    pub(crate) fn new(
        handle: RingHandle,
        label: &'static str,
        purpose: &[u8],
        make: fn(&Secret) -> K,
    ) -> Subkeys<K> {
        let keys = ArcSwap::from_pointee(Keys { keys: Vec::new() });
        let derived = Arc::new(Derived { keys, label, purpose: purpose.into(), make });
        handle.attach(&derived);
        Subkeys { handle, derived }
    }

    pub(crate) fn now(&self) -> Guard<Arc<Keys<K>>> {
        self.derived.keys.load()
    }

    /// Step 5 of opening: exactly one key, and no other is ever tried.
    pub(crate) fn get<'k>(&self, keys: &'k Keys<K>, id: KeyId) -> Result<&'k Subkey<K>, OpenError> {
        keys.keys.iter().find(|key| key.id == id).ok_or_else(|| {
            self.handle.miss();
            OpenError::UnknownKey(id)
        })
    }
}

impl<K> Keys<K> {
    /// Step 1 of sealing and signing.
    pub(crate) fn primary_at(&self, now: UnixTime) -> Result<&Subkey<K>, SealError> {
        primary_at(&self.keys, |key| key.schedule, now).ok_or(SealError::NoPrimaryKey)
    }
}

impl<K: Send + Sync> Follower for Derived<K> {
    fn take(&self, ring: &KeyRing) {
        let keys = ring.entries().map(|entry| Subkey {
            id: entry.key_id(),
            key: (self.make)(&entry.key().derive(self.label, &self.purpose)),
            schedule: entry.schedule(),
        });
        self.keys.store(Arc::new(Keys { keys: keys.collect() }));
    }
}

/// A body that is authentic, steps 1 to 7, at whatever time.
pub(crate) struct Timeless<'b> {
    pub(crate) key_id: KeyId,
    pub(crate) schedule: Schedule,
    pub(crate) body: Body<'b>,
}

impl<'b> Timeless<'b> {
    /// Steps 8 to 10.
    pub(crate) fn at(self, now: UnixTime, longest: Duration) -> Result<Authentic<'b>, OpenError> {
        let Timeless { key_id, schedule, body } = self;
        if !schedule.is_open_at(now) {
            return Err(OpenError::RetiredKey(key_id));
        }
        let expires_at = body.deadline(now, longest)?;
        Ok(Authentic { key_id, body, expires_at })
    }
}
