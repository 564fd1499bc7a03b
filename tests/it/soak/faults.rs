//! What goes wrong on a server: restarts, clocks that are set, and missing randomness?

use std::fs;

use bulla::{RingHandle, UnixTime};

use super::fleet::Fleet;
use super::queue::Event;
use super::rings::text;
use super::server::Server;
use super::{SERVERS, SKEW};

impl Fleet {
    /// A random server restarts. It loses its requests and reads the stored revocations.
    pub(super) fn restart(&mut self) {
        let pause = self.dice.between(300, 3_000);
        self.after(pause, Event::Restart);
        self.count("fault: a server restarted");
        let index = self.dice.index(SERVERS);
        let old = &self.servers[index];
        // It reads the ring that it had, or the newest one.
        let newest = self.rings.len() - 1;
        let version = if self.dice.once_in(2) { newest } else { old.version };
        let ring = RingHandle::from(text(&self.rings[version]));
        let mut server = Server::new(index, old.run + 1, old.ahead, &ring, version);
        let now = self.now;
        self.kept.retain(|(revocation, _)| revocation.until().as_secs() > now);
        server.list.learn(self.kept.iter().map(|(revocation, _)| *revocation));
        self.kept.iter().for_each(|(_, ended)| server.told.hear(*ended));
        self.servers[index] = server;
    }

    /// The clock of a random server is set, and its revocation list is pruned.
    pub(super) fn step(&mut self) {
        let pause = self.dice.between(100, 2_000);
        self.after(pause, Event::Step);
        self.count("fault: a clock was set");
        let index = self.dice.index(SERVERS);
        self.servers[index].ahead = match self.dice.between(0, 3) {
            0 => 0,
            1 => SKEW / 2,
            2 => SKEW,
            _ => self.dice.between(0, SKEW),
        };
        let clock = self.servers[index].set_clock(self.now);
        self.servers[index].list.prune(UnixTime::from_secs(clock));
    }

    /// Runs `act`. If `lacks` is set and the process has a switch, the random generator fails
    /// meanwhile.
    pub(super) fn without_randomness<R>(&self, lacks: bool, act: impl FnOnce() -> R) -> R {
        let Some(switch) = self.switch.as_ref().filter(|_| lacks) else { return act() };
        fs::write(switch, "").unwrap();
        let result = act();
        fs::remove_file(switch).unwrap();
        result
    }
}
