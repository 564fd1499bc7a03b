//! What does a server consist of?

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use bulla::revocation::Revocation;
use bulla::{Revocations, RingHandle};

use super::OLDER;
use super::releases::{Release, sessions};
use super::told::Told;

/// One server of the fleet.
pub(super) struct Server {
    /// The number of restarts. Requests that began before the last one get no response.
    pub(super) run: u64,
    /// How far its clock is ahead, in seconds.
    pub(super) ahead: u64,
    clock: Arc<AtomicU64>,
    pub(super) ring: RingHandle,
    /// The index of its ring in the fleet's list of rings.
    pub(super) version: usize,
    pub(super) list: Revocations,
    /// The revocations that it has added and that `says` has not taken yet.
    pub(super) spreads: Arc<Mutex<Vec<Revocation>>>,
    pub(super) release: Release,
    pub(super) told: Told,
}

impl Server {
    pub(super) fn new(
        index: usize,
        run: u64,
        ahead: u64,
        ring: &RingHandle,
        version: usize,
    ) -> Server {
        let (clock, list) = (Arc::new(AtomicU64::new(0)), Revocations::new());
        let spreads = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&spreads);
        list.on_add(move |revocation| sink.lock().unwrap().push(*revocation));
        let release = match index {
            OLDER => Release::Older(sessions(ring, &clock, &list)),
            _ => Release::Newer(sessions(ring, &clock, &list)),
        };
        let (ring, told) = (ring.clone(), Told::default());
        Server { run, ahead, clock, ring, version, list, spreads, release, told }
    }

    /// Takes the revocations that it has added since the last call.
    pub(super) fn says(&self) -> Vec<Revocation> {
        std::mem::take(&mut self.spreads.lock().unwrap())
    }

    /// Sets and returns its clock, given the true time.
    pub(super) fn set_clock(&self, now: u64) -> u64 {
        self.clock.store(now + self.ahead, Relaxed);
        now + self.ahead
    }
}
