//! What does an attacker do with copied tokens?

use bulla::session::Channel;

use super::device::Device;
use super::fleet::Fleet;
use super::queue::Event;
use super::releases::Act;
use super::{CLIENTS, IDLE};

impl Fleet {
    /// An attacker changes, moves or replays the tokens of a copied client. The attacker gets no
    /// response.
    pub(super) fn attack(&mut self) {
        let pause = self.dice.between(10, 60);
        self.after(pause, Event::Attack);
        if self.copies.is_empty() {
            return;
        }
        // Half of the attacks use a copy that is up to 300 seconds older than the idle timeout.
        let old = self.copies.partition_point(|(at, _)| at + IDLE + 300 < self.now);
        let idle = self.copies.partition_point(|(at, _)| at + IDLE < self.now);
        let copy = match self.dice.once_in(2) && old < idle {
            true => old + self.dice.index(idle - old),
            false => self.dice.index(self.copies.len()),
        };
        let mut copy = self.copies[copy].1.clone();
        let names = copy.names();
        let Some(token) = copy.client.kept.get(names[0]).cloned() else { return };
        let at = self.dice.index(token.len());
        let other = self.devices[self.dice.index(CLIENTS)].clone();
        let (what, forged) = match self.dice.between(0, 5) {
            0 => {
                // The copy is sent unchanged. It may be hours old.
                ("attack: a copy was replayed", false)
            }
            1 => {
                let mut changed = token.into_bytes();
                changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
                copy.client.kept.insert(names[0].to_owned(), String::from_utf8(changed).unwrap());
                ("attack: a token was changed", true)
            }
            2 => {
                copy.client.kept.insert(names[0].to_owned(), token[..at].to_owned());
                ("attack: a token was cut", true)
            }
            3 => {
                // Tokens of cookies are sent as bearer tokens, or the reverse.
                let channel = match copy.channel {
                    Channel::Cookie => Channel::Bearer,
                    Channel::Bearer => Channel::Cookie,
                };
                let mut elsewhere = Device::new(channel);
                for (from, to) in names.iter().zip(elsewhere.names()) {
                    if let Some(token) = copy.client.kept.get(*from) {
                        elsewhere.client.kept.insert(to.to_owned(), token.clone());
                    }
                }
                copy = elsewhere;
                ("attack: a token went over another channel", true)
            }
            4 => {
                let Some(renewal) = copy.client.kept.get(names[1]).cloned() else { return };
                copy.client.kept.insert(names[0].to_owned(), renewal);
                ("attack: a renewal token stood for the state", true)
            }
            _ => {
                if other.channel != copy.channel {
                    return;
                }
                match (other.client.kept.get(names[1]), other.notes.get(names[1])) {
                    (Some(token), Some(note)) => {
                        copy.client.kept.insert(names[1].to_owned(), token.clone());
                        copy.notes.insert(names[1].to_owned(), *note);
                    }
                    _ => {
                        copy.client.kept.remove(names[1]);
                        copy.notes.remove(names[1]);
                    }
                }
                ("attack: another session's renewal token", false)
            }
        };
        self.count(what);
        let act = if self.dice.once_in(3) { Act::Change } else { Act::Look };
        self.request(&copy, None, act, forged);
    }
}
