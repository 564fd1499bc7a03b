//! What does the fleet consist of, and how does it run?

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::path::PathBuf;

use bulla::RingHandle;
use bulla::revocation::Revocation;
use bulla::session::Channel;

use super::device::Device;
use super::dice::Dice;
use super::queue::{Event, Queued};
use super::rings::{Dated, text};
use super::server::Server;
use super::told::Ended;
use super::{CLIENTS, SERVERS, SKEW};
use crate::support::T0;

/// The servers, the clients and everything that a run keeps.
pub(super) struct Fleet {
    pub(super) dice: Dice,
    pub(super) now: u64,
    pub(super) queue: BinaryHeap<Queued>,
    /// The number of events that were queued.
    pub(super) queued: u64,
    /// The number in the last state that was written.
    pub(super) marks: u64,
    pub(super) servers: Vec<Server>,
    /// The published rings, oldest first. Those that no server has any more are empty.
    pub(super) rings: Vec<Vec<Dated>>,
    pub(super) devices: Vec<Device>,
    /// The account with which each client last signed in.
    pub(super) accounts: Vec<u64>,
    /// Copies of clients that attackers took, with the time of each copy.
    pub(super) copies: VecDeque<(u64, Device)>,
    /// The stored revocations. A server reads them when it starts.
    pub(super) kept: Vec<(Revocation, Ended)>,
    /// While this file exists, the random generator fails. `None` if it cannot be made to fail.
    pub(super) switch: Option<PathBuf>,
    /// How often each thing happened.
    pub(super) counts: BTreeMap<&'static str, u64>,
}

impl Fleet {
    pub(super) fn new(seed: u64, switch: Option<PathBuf>) -> Fleet {
        let now = T0.as_secs();
        let rings = vec![vec![Dated::new(0)]];
        let mut dice = Dice(seed);
        let servers = (0..SERVERS).map(|index| {
            let ring = RingHandle::from(text(&rings[0]));
            Server::new(index, 0, dice.between(0, SKEW), &ring, 0)
        });
        let servers = servers.collect();
        let channel = |index| if index % 3 == 0 { Channel::Bearer } else { Channel::Cookie };
        let mut fleet = Fleet {
            dice,
            now,
            queue: BinaryHeap::new(),
            queued: 0,
            marks: 0,
            servers,
            rings,
            devices: (0..CLIENTS).map(|index| Device::new(channel(index))).collect(),
            accounts: vec![0; CLIENTS],
            copies: VecDeque::new(),
            kept: Vec::new(),
            switch,
            counts: BTreeMap::new(),
        };
        for device in 0..CLIENTS {
            let after = fleet.dice.between(0, 300);
            fleet.after(after, Event::Visit(device));
        }
        fleet.after(60, Event::Publish);
        for (after, event) in [
            (500, Event::Restart),
            (400, Event::Step),
            (900, Event::RevokeAccount(None)),
            (100, Event::Attack),
        ] {
            fleet.after(after, event);
        }
        fleet
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Handles the events of the next `seconds`.
    pub(super) fn run(&mut self, seconds: u64) {
        let end = self.now + seconds;
        while let Some(Queued(Reverse((at, _)), event)) = self.queue.pop() {
            if at > end {
                return;
            }
            self.now = at;
            match event {
                Event::Visit(device) => self.visit(device),
                Event::Answer(request) => self.answer(*request),
                Event::Arrive(device, lines) => self.devices[device].receive(&lines),
                Event::Publish => self.publish(),
                Event::Ring(server, version) => self.take_ring(server, version),
                Event::Hear(server, run, revocation, ended) => {
                    // A server that has restarted since has read the stored revocation.
                    if self.servers[server].run == run {
                        self.hear(server, revocation, ended);
                    }
                }
                Event::Restart => self.restart(),
                Event::Step => self.step(),
                Event::RevokeAccount(account) => self.revoke_account(account),
                Event::Attack => self.attack(),
            }
        }
    }
}
