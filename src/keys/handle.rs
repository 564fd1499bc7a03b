//! A key ring that may be replaced while it is in use.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::Thread;

use arc_swap::ArcSwap;

use crate::keys::ring::KeyRing;
#[cfg(feature = "reload")]
use crate::time::UnixTime;

/// A key ring that many sealers, signers and sessions share, and that can be
/// replaced while they serve. Clones are the same ring.
///
/// Whatever takes a ring takes a handle, too. A ring on its own is a handle
/// that nobody else has.
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
/// let both = format!("{}{}", old.expose_text().as_str(), KeyRing::generate()?.expose_text().as_str());
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
    /// A token named a key that the ring does not have.
    missed: AtomicBool,
    /// Who loads rings, if anybody does.
    loader: OnceLock<Thread>,
    #[cfg(feature = "reload")]
    hinted: AtomicBool,
    #[cfg(feature = "reload")]
    health: Mutex<RingHealth>,
}

/// What derives something of a ring, and must do it again for another.
pub(crate) trait Follower: Send + Sync {
    fn take(&self, ring: &KeyRing);
}

impl RingHandle {
    /// The ring as it is now.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        self.inner.ring.load_full()
    }

    /// Puts another ring in its place. When this returns, everything that was
    /// made with the handle uses it; what is being opened meanwhile is opened
    /// with one ring or the other. Opening waits for nothing.
    pub fn replace(&self, ring: impl Into<Arc<KeyRing>>) {
        let ring = ring.into();
        let mut followers = self.followers(); // also keeps replacements in their order
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

    /// Gives `follower` each ring from now on, and the present one.
    pub(crate) fn attach(&self, follower: &Arc<impl Follower + 'static>) {
        let mut followers = self.followers();
        follower.take(&self.ring());
        if followers.len() == followers.capacity() {
            // Before it grows: those that came and went would fill it otherwise.
            followers.retain(|follower| follower.strong_count() > 0);
        }
        let weak = Arc::downgrade(follower);
        followers.push(weak);
    }

    /// Tells whoever loads rings that one may have been missed: once for each ring.
    pub(crate) fn miss(&self) {
        // Most are seen here, without a write: forged tokens name any key.
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
    /// How the ring's source is doing.
    #[must_use]
    pub fn health(&self) -> RingHealth {
        self.inner.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the thread of [`watch`](RingHandle::watch) that the source has
    /// probably changed: it looks at once.
    pub fn hint(&self) {
        self.inner.hinted.store(true, Ordering::Relaxed);
        if let Some(loader) = self.inner.loader.get() {
            loader.unpark();
        }
    }

    /// A handle that does not keep the ring from being dropped.
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

/// A [`RingHandle`] that does not keep its ring from being dropped: for threads
/// that end when nobody needs the ring any more.
#[cfg(feature = "reload")]
#[derive(Clone)]
pub struct WeakRingHandle {
    inner: Weak<Inner>,
}

#[cfg(feature = "reload")]
impl WeakRingHandle {
    /// The handle, if anybody else still has one.
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

/// How the source of a ring is doing: for a health page. All of it is `None`
/// for a ring that has no source.
#[cfg(feature = "reload")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingHealth {
    /// When somebody last looked.
    pub checked_at: Option<UnixTime>,
    /// When the present ring came into use.
    pub replaced_at: Option<UnixTime>,
    /// Why what the source says is not in use, if it is not.
    pub failing: Option<Failing>,
}

/// What is wrong with the source of a ring.
#[cfg(feature = "reload")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failing {
    /// Since when nothing good came of it.
    pub since: UnixTime,
    /// What is wrong. It holds no secret.
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

/// The keys are shared and not copied.
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
    fn followers_that_are_gone_take_no_room() {
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
