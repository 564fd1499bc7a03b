//! Key rings that can be replaced while they are in use.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::Thread;

use arc_swap::ArcSwap;

use crate::keys::ring::KeyRing;
#[cfg(feature = "reload")]
use crate::time::UnixTime;

/// A shared key ring that can be replaced while it is in use.
///
/// Sealers, signers and sessions made with a handle use the new ring as soon as it is replaced.
/// Clones of a handle refer to the same ring. Functions that take `impl Into<RingHandle>` also
/// accept a [`KeyRing`]. What they make from a `KeyRing` uses this ring forever.
///
/// ```
/// use std::time::Duration;
/// use bulla::{KeyRing, Payload, RingHandle, Sealer};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "shop.example/reset-link")]
/// struct Reset { account: u64 }
///
/// let old = KeyRing::generate()?;
/// let new = KeyRing::generate()?;
/// let both = format!("{}{}", old.expose_text().as_str(), new.expose_text().as_str());
/// let ring = RingHandle::from(old);
/// let links = Sealer::<Reset>::new(&ring, Duration::from_secs(900));
/// let token = links.seal(&Reset { account: 42 })?;
///
/// ring.replace(both.parse::<KeyRing>()?);
/// assert_eq!(links.open(&token)?.payload.account, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RingHandle {
    inner: Arc<Inner>,
}

struct Inner {
    ring: ArcSwap<KeyRing>,
    followers: Mutex<Vec<Weak<dyn Follower>>>,
    /// Whether a token named a key that the ring does not have.
    missed: AtomicBool,
    /// The thread that loads rings, if there is one.
    loader: OnceLock<Thread>,
    #[cfg(feature = "reload")]
    hinted: AtomicBool,
    #[cfg(feature = "reload")]
    health: Mutex<RingHealth>,
}

/// A type that contains values derived from a ring. When the ring is replaced, the type derives the
/// values again.
pub(crate) trait Follower: Send + Sync {
    fn take(&self, ring: &KeyRing);
}

impl RingHandle {
    /// The ring in use.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        self.inner.ring.load_full()
    }

    /// Replaces the ring.
    ///
    /// When this returns, everything made with the handle uses the new ring. A token that is
    /// opened at the same time is opened with either the old ring or the new one. Opening never
    /// waits for a replacement.
    pub fn replace(&self, ring: impl Into<Arc<KeyRing>>) {
        let ring = ring.into();
        let mut followers = self.followers(); // the lock also orders concurrent replacements
        self.inner.ring.store(Arc::clone(&ring));
        followers.retain(|follower| {
            let follower = follower.upgrade();
            follower.is_some_and(|follower| {
                follower.take(&ring);
                true
            })
        });
        self.inner.missed.store(false, Ordering::Relaxed);
    }

    /// Gives `follower` the ring in use now, and each new ring from now on.
    pub(crate) fn attach(&self, follower: &Arc<impl Follower + 'static>) {
        let mut followers = self.followers();
        follower.take(&self.ring());
        if followers.len() == followers.capacity() {
            // Dropped followers are removed before the list grows. Otherwise the list would grow
            // forever.
            followers.retain(|follower| follower.strong_count() > 0);
        }
        let weak = Arc::downgrade(follower);
        followers.push(weak);
    }

    /// Wakes the loader because a token named an unknown key, so the ring may be out of date.
    /// Further calls do nothing until the ring is replaced or `forget_missed` is called.
    pub(crate) fn miss(&self) {
        // The load avoids a write for most calls. There may be many calls, because forged tokens
        // can name any key.
        if self.inner.missed.load(Ordering::Relaxed)
            || self.inner.missed.swap(true, Ordering::Relaxed)
        {
            return;
        }
        if let Some(loader) = self.inner.loader.get() {
            loader.unpark();
        }
    }

    fn followers(&self) -> MutexGuard<'_, Vec<Weak<dyn Follower>>> {
        self.inner.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "reload")]
impl RingHandle {
    /// The state of the ring's source.
    #[must_use]
    pub fn health(&self) -> RingHealth {
        self.inner.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the thread of [`watch`](RingHandle::watch) check the source at once.
    ///
    /// Call this method when something reports that the source has changed.
    pub fn hint(&self) {
        self.inner.hinted.store(true, Ordering::Relaxed);
        if let Some(loader) = self.inner.loader.get() {
            loader.unpark();
        }
    }

    /// Makes a weak handle, which does not keep the ring alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakRingHandle {
        WeakRingHandle { inner: Arc::downgrade(&self.inner) }
    }

    pub(crate) fn take_hint(&self) -> bool {
        self.inner.hinted.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn set_health(&self, change: impl FnOnce(&mut RingHealth)) {
        change(&mut self.inner.health.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn set_loader(&self, loader: Thread) {
        self.inner.loader.get_or_init(|| loader);
    }

    pub(crate) fn has_missed(&self) -> bool {
        self.inner.missed.load(Ordering::Relaxed)
    }

    pub(crate) fn forget_missed(&self) {
        self.inner.missed.store(false, Ordering::Relaxed);
    }
}

/// A weak [`RingHandle`], which does not keep its ring alive.
///
/// A thread that updates a ring can hold a weak handle, and end when the last `RingHandle` is
/// dropped.
#[cfg(feature = "reload")]
#[derive(Clone)]
pub struct WeakRingHandle {
    inner: Weak<Inner>,
}

#[cfg(feature = "reload")]
impl WeakRingHandle {
    /// A handle to the ring. `None` if the last [`RingHandle`] was dropped.
    #[must_use]
    pub fn upgrade(&self) -> Option<RingHandle> {
        self.inner.upgrade().map(|inner| RingHandle { inner })
    }
}

#[cfg(feature = "reload")]
impl fmt::Debug for WeakRingHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakRingHandle").finish_non_exhaustive()
    }
}

/// The state of a ring's source, for a health check.
///
/// All fields are `None` for a ring that has no source.
#[cfg(feature = "reload")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingHealth {
    /// When the source was last checked.
    pub checked_at: Option<UnixTime>,
    /// When the ring in use was loaded.
    pub replaced_at: Option<UnixTime>,
    /// The error of the source. `None` if the ring of the source is in use.
    pub failing: Option<Failing>,
}

/// An error of a ring's source.
#[cfg(feature = "reload")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failing {
    /// When the source first failed.
    pub since: UnixTime,
    /// The text of the last error. It contains no secret.
    pub error: String,
}

impl From<Arc<KeyRing>> for RingHandle {
    fn from(ring: Arc<KeyRing>) -> RingHandle {
        let inner = Inner {
            ring: ArcSwap::new(ring),
            followers: Mutex::default(),
            missed: AtomicBool::new(false),
            loader: OnceLock::new(),
            #[cfg(feature = "reload")]
            hinted: AtomicBool::new(false),
            #[cfg(feature = "reload")]
            health: Mutex::default(),
        };
        RingHandle { inner: Arc::new(inner) }
    }
}

impl From<KeyRing> for RingHandle {
    fn from(ring: KeyRing) -> RingHandle {
        RingHandle::from(Arc::new(ring))
    }
}

/// Shares the keys and does not copy them.
impl From<&KeyRing> for RingHandle {
    fn from(ring: &KeyRing) -> RingHandle {
        RingHandle::from(ring.share())
    }
}

impl From<&RingHandle> for RingHandle {
    fn from(handle: &RingHandle) -> RingHandle {
        handle.clone()
    }
}

impl fmt::Debug for RingHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RingHandle").field(&self.ring()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl Follower for Nobody {
        fn take(&self, _: &KeyRing) {}
    }

    #[test]
    fn dropped_followers_do_not_accumulate() {
        let handle = RingHandle::from(KeyRing::generate().unwrap());
        let stays = Arc::new(Nobody);
        handle.attach(&stays);
        for _ in 0..10_000 {
            handle.attach(&Arc::new(Nobody));
        }
        assert!(handle.followers().capacity() < 100);
        assert!(handle.followers().iter().any(|follower| follower.strong_count() > 0));
    }
}
