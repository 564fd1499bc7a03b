//! Which keys do the rings have, and when does a server get a new ring?

use bulla::keys::KeyId;
use bulla::{KeyRing, UnixTime};

use super::fleet::Fleet;
use super::queue::Event;
use super::{IDLE, SERVERS, SKEW};
use crate::support::{key_text, ring};

/// A key of a ring, with the times between which it is in use.
#[derive(Clone, Debug)]
pub(super) struct Dated {
    text: String,
    pub(super) id: KeyId,
    pub(super) primary_from: u64,
    open_until: Option<u64>,
}

impl Dated {
    pub(super) fn new(primary_from: u64) -> Dated {
        let text = key_text();
        let id = text.rsplit('.').next().unwrap().parse().unwrap();
        Dated { text, id, primary_from, open_until: None }
    }

    fn line(&self) -> String {
        let from = UnixTime::from_secs(self.primary_from);
        let until = self
            .open_until
            .map_or(String::new(), |at| format!(" open-until={}", UnixTime::from_secs(at)));
        format!("{} primary-from={from}{until}", self.text)
    }
}

/// The ring of these keys.
pub(super) fn text(keys: &[Dated]) -> KeyRing {
    let lines: Vec<String> = keys.iter().map(Dated::line).collect();
    ring(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

impl Fleet {
    /// Whether the server's ring opens tokens of the key.
    pub(super) fn opens(&self, server: usize, clock: u64, key: KeyId) -> bool {
        let keys = &self.rings[self.servers[server].version];
        let key = keys.iter().find(|held| held.id == key);
        key.is_some_and(|key| key.open_until.is_none_or(|until| clock < until))
    }

    /// Adds a key to the newest ring, and sends the ring to all servers before the key becomes
    /// primary.
    pub(super) fn publish(&mut self) {
        let pause = self.dice.between(120, 600);
        self.after(pause, Event::Publish);
        self.count("rotations");
        let spread = self.dice.between(SKEW, 600);
        let mut keys = self.rings.last().unwrap().clone();
        let last = keys.last_mut().unwrap();
        let primary_from = (self.now + spread).max(last.primary_from + 1);
        last.open_until = Some(primary_from + SKEW + IDLE);
        let now = self.now;
        keys.retain(|key| key.open_until.is_none_or(|until| until + SKEW > now));
        keys.push(Dated::new(primary_from));
        assert!(keys.len() < bulla::keys::MAX_KEYS);
        self.rings.push(keys);
        let version = self.rings.len() - 1;
        // No server has these rings any more.
        for old in 0..version.saturating_sub(64) {
            self.rings[old] = Vec::new();
        }
        for server in 0..SERVERS {
            let late = self.dice.between(0, spread - SKEW);
            self.after(late, Event::Ring(server, version));
        }
    }

    pub(super) fn take_ring(&mut self, server: usize, version: usize) {
        let server = &mut self.servers[server];
        // An older ring that arrives late is ignored, as if it had a lower serial number.
        if version > server.version {
            server.ring.replace(text(&self.rings[version]));
            server.version = version;
        }
    }
}
