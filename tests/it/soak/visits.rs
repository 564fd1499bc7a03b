//! When does a client send a request, and for what?

use super::fleet::Fleet;
use super::model::Verdict;
use super::queue::Event;
use super::releases::Act;
use super::{ACCOUNTS, IDLE, MARGIN};

impl Fleet {
    /// A client sends a request, sometimes two at once, and plans its next visit.
    pub(super) fn visit(&mut self, device: usize) {
        let pause = match self.dice.between(0, 99) {
            0..=69 => self.dice.between(0, 60),
            70..=89 => self.dice.between(60, 400),
            90..=96 => self.dice.between(400, IDLE - MARGIN - 1),
            97..=98 => self.dice.between(IDLE - MARGIN, IDLE + MARGIN),
            _ => self.dice.between(IDLE, 3 * IDLE),
        };
        self.after(pause, Event::Visit(device));
        // Server 0 has the newer release. A client without a session usually signs in.
        let has = self.verdict(0, self.now, self.devices[device].carried()) != Verdict::Over;
        // In one of four hours, a client only changes its state, so its renewal token can stay
        // unchanged for long. In another hour, the client only reads its state.
        let hour = (self.now / 3_600 + device as u64) % 4;
        let act = match self.dice.between(0, 99) {
            _ if !has && !self.dice.once_in(5) => Act::SignIn,
            _ if hour == 0 && has => Act::Change,
            _ if hour == 1 && has => Act::Look,
            0..=54 => Act::Look,
            55..=64 => Act::Poll,
            65..=88 => Act::Change,
            89..=94 => Act::Reauthenticate,
            95 => Act::SignIn,
            96..=97 => Act::SignOut,
            _ if !self.dice.once_in(4) => Act::Look,
            98 => Act::SignOutEverywhere,
            _ => Act::SignOutOthers,
        };
        if act == Act::SignIn {
            self.accounts[device] = self.dice.between(0, ACCOUNTS - 1);
            if self.dice.once_in(25) {
                let account = Some(self.accounts[device]);
                let soon = self.dice.between(0, 2);
                self.after(soon, Event::RevokeAccount(account));
            }
        }
        if act == Act::SignOutOthers {
            // Often a server revokes the same account at about the same time.
            match self.dice.between(0, 2) {
                0 => self.revoke_account(Some(self.accounts[device])),
                1 => self.after(1, Event::RevokeAccount(Some(self.accounts[device]))),
                _ => {}
            }
        }
        if self.dice.once_in(40) {
            let copy = self.devices[device].clone();
            self.copies.push_back((self.now, copy));
            if self.copies.len() > 400 {
                self.copies.pop_front();
            }
        }
        let sent = self.devices[device].clone();
        self.request(&sent, Some(device), act, false);
        if self.dice.once_in(12) {
            // A second request at the same time: a part of the page, or the same request again.
            let act = if self.dice.once_in(2) { act } else { Act::Look };
            self.count("overlapping requests");
            self.request(&sent, Some(device), act, false);
        }
    }
}
