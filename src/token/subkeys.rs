//! The subkeys of a ring for one purpose and mode.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};

use crate::keys::handle::{Follower, RingHandle};
use crate::keys::key::KeyId;
use crate::keys::ring::{KeyRing, MAX_KEYS, Schedule, primary_at};
use crate::primitives::Secret;
use crate::time::UnixTime;
use crate::token::error::{OpenError, SealError};
use crate::token::wire::{Authentic, Body};

pub(crate) struct Subkeys<K> {
    handle: RingHandle,
    derived: Arc<Derived<K>>,
}

/// The subkeys of the ring in use, and the values that are needed to derive the subkeys of a new
/// ring.
struct Derived<K> {
    keys: ArcSwap<Keys<K>>,
    label: &'static str,
    purpose: Box<[u8]>,
    make: fn(&Secret) -> K,
}

/// The subkeys of one ring. An operation loads them once, so that it uses one ring throughout.
pub(crate) struct Keys<K> {
    keys: Vec<Subkey<K>>,
    places: Places,
}

pub(crate) struct Subkey<K> {
    pub(crate) id: KeyId,
    pub(crate) key: K,
    pub(crate) schedule: Schedule,
}

impl<K: Send + Sync + 'static> Subkeys<K> {
    /// `label` is a label of spec section 3. `make` prepares the cipher or MAC with a subkey.
    pub(crate) fn new(
        handle: RingHandle,
        label: &'static str,
        purpose: &[u8],
        make: fn(&Secret) -> K,
    ) -> Subkeys<K> {
        let keys = ArcSwap::from_pointee(Keys { keys: Vec::new(), places: Places::new() });
        let derived = Arc::new(Derived { keys, label, purpose: purpose.into(), make });
        handle.attach(&derived);
        Subkeys { handle, derived }
    }

    pub(crate) fn now(&self) -> Guard<Arc<Keys<K>>> {
        self.derived.keys.load()
    }

    /// Step 5 of opening: finds the key with this id. No other key is ever tried.
    pub(crate) fn get<'k>(&self, keys: &'k Keys<K>, id: KeyId) -> Result<&'k Subkey<K>, OpenError> {
        keys.get(id).ok_or_else(|| {
            self.handle.miss();
            OpenError::UnknownKey(id)
        })
    }
}

impl<K> Keys<K> {
    fn new(keys: Vec<Subkey<K>>) -> Keys<K> {
        let mut places = Places::new();
        for (at, key) in keys.iter().enumerate() {
            places.put(key.id, at);
        }
        Keys { keys, places }
    }

    fn get(&self, id: KeyId) -> Option<&Subkey<K>> {
        self.places.candidates(id).filter_map(|at| self.keys.get(at)).find(|key| key.id == id)
    }

    /// The primary key, which is step 1 of sealing and signing.
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
        self.keys.store(Arc::new(Keys::new(keys.collect())));
    }
}

/// A token that has passed steps 1 to 7 of opening, but whose times were not checked.
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

/// A hash table from key ids to positions in a ring.
///
/// Finding a key takes the same time in a ring of 1 key and of 64. The table has twice as many
/// places as the largest ring has keys. If the place of a key is taken, the key is put into the
/// next free place. The place of a key comes from the last byte of its id. A key id is the output
/// of a hash, so the keys are spread evenly.
struct Places([u8; 2 * MAX_KEYS]);

#[expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a ring has at most 64 keys, and every place is below 128"
)]
impl Places {
    const FREE: u8 = u8::MAX;

    fn new() -> Places {
        Places([Places::FREE; 2 * MAX_KEYS])
    }

    fn put(&mut self, id: KeyId, at: usize) {
        let free = Places::from(id).find(|place| self.0[*place] == Places::FREE);
        self.0[free.expect("a ring has at most MAX_KEYS keys")] = at as u8;
    }

    fn candidates(&self, id: KeyId) -> impl Iterator<Item = usize> {
        Places::from(id)
            .map(|place| self.0[place])
            .take_while(|at| *at != Places::FREE)
            .map(usize::from)
    }

    fn from(id: KeyId) -> impl Iterator<Item = usize> {
        let first = usize::from(id.0[3]);
        (0..2 * MAX_KEYS).map(move |step| (first + step) % (2 * MAX_KEYS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(ids: &[KeyId]) -> Keys<()> {
        let schedule = Schedule { primary_from: UnixTime::EPOCH, open_until: None };
        Keys::new(ids.iter().map(|id| Subkey { id: *id, key: (), schedule }).collect())
    }

    #[test]
    fn a_full_ring_finds_exactly_its_own_keys_despite_collisions() {
        let mut ids: Vec<KeyId> = (0..MAX_KEYS as u8).map(|n| KeyId([n, 1, 2, n % 3])).collect();
        ids[0] = KeyId([9, 9, 9, 255]);
        let keys = keys(&ids);
        for id in &ids {
            assert_eq!(keys.get(*id).map(|key| key.id), Some(*id));
        }
        for last in 0..=255 {
            assert!(keys.get(KeyId([200, 1, 2, last])).is_none());
        }
    }
}
