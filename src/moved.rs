//! Which sessions this server has put after a revocation that it had not heard of.

use std::collections::HashMap;
use std::time::Duration;

use crate::revocation::{Revocation, Subject};
use crate::time::UnixTime;

const SECOND: Duration = Duration::from_secs(1);

/// A session that ends the others starts anew, after them. That puts it past any
/// revocation that this server has not heard of, and which may have meant it: it ends
/// when the server hears.
#[derive(Default)]
pub(crate) struct Moved {
    /// The last one of each subject.
    sessions: HashMap<Subject, Move>,
}

#[derive(Clone, Copy)]
pub(crate) struct Move {
    /// No revocation that had been heard of was later.
    pub(crate) known: UnixTime,
    /// Where it starts now: those that started before this have ended.
    pub(crate) before: UnixTime,
    /// When the last of those would have ended in any case.
    pub(crate) until: UnixTime,
}

impl Moved {
    pub(crate) fn insert(&mut self, subject: Subject, of: Move) {
        self.sessions.insert(subject, of);
    }

    /// What ends now, because of a revocation that comes late.
    pub(crate) fn hear(&self, revocation: &Revocation) -> Vec<Revocation> {
        let (subject, before, until) = match *revocation {
            Revocation::Subject { subject, before, until } => (Some(subject), before, until),
            Revocation::All { before, until } => (None, before, until),
            Revocation::Session { .. } | Revocation::Key { .. } => return Vec::new(),
        };
        let late = |of: &Move| of.is_late(before, until);
        match subject {
            Some(subject) => {
                let of = self.sessions.get(&subject).filter(|of| late(of));
                of.map(|of| of.revocation(subject)).into_iter().collect()
            }
            None => {
                let late = self.sessions.iter().filter(|(_, of)| late(of));
                late.map(|(subject, of)| of.revocation(*subject)).collect()
            }
        }
    }

    /// Drops those of which nothing lives at `now`.
    pub(crate) fn prune(&mut self, now: UnixTime) {
        self.sessions.retain(|_, of| of.until > now);
    }
}

impl Move {
    /// Whether a revocation should have ended the session before it was moved. Its own,
    /// which others tell again, and perhaps with a later `until`, did not.
    fn is_late(&self, before: UnixTime, until: UnixTime) -> bool {
        let its_own = before == self.before && until >= self.until;
        before > self.known && before <= self.before && !its_own
    }

    fn revocation(&self, subject: Subject) -> Revocation {
        Revocation::Subject { subject, before: self.before + SECOND, until: self.until }
    }
}
