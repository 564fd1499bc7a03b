//! Which sessions this server has put after the others that they ended.

use std::collections::HashMap;
use std::time::Duration;

use crate::revocation::entry::{Revocation, Subject};
use crate::time::UnixTime;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// So many of one subject are remembered, in 24 kB: half an hour of one that moves
/// whenever it may.
const MAX_MOVES: usize = 1000;

/// A session that ends the others starts anew, after them. That puts it past any
/// revocation that this server has not heard of, and which may have meant it: it ends
/// when the server hears.
#[derive(Default)]
pub(crate) struct Moved {
    /// In the order of `to`.
    sessions: HashMap<Subject, Vec<Move>>,
}

#[derive(Clone, Copy)]
pub(crate) struct Move {
    /// Where it started before: what ends those that started before this does not mean it.
    pub(crate) from: UnixTime,
    /// Where it starts now. An odd second, which is nobody else's but by accident.
    pub(crate) to: UnixTime,
    /// That of the revocation which ended the others. Up to 255 seconds of it tell two
    /// moves apart.
    pub(crate) until: UnixTime,
}

impl Moved {
    /// Whether another one would be remembered.
    pub(crate) fn has_room(&self, subject: Subject) -> bool {
        self.sessions.get(&subject).is_none_or(|moves| moves.len() < MAX_MOVES)
    }

    pub(crate) fn insert(&mut self, subject: Subject, of: Move) {
        self.sessions.entry(subject).or_default().push(of);
    }

    /// What ends now, because of a revocation that comes late.
    pub(crate) fn hear(&mut self, revocation: &Revocation) -> Vec<Revocation> {
        match *revocation {
            Revocation::Subject { subject, before, until } => {
                let moves = self.sessions.get_mut(&subject);
                let last = moves.and_then(|moves| end(moves, before, Some(until)));
                last.map(|last| last.revocation(subject)).into_iter().collect()
            }
            Revocation::All { before, .. } => {
                let moves = self.sessions.iter_mut();
                let ends = moves.filter_map(|(subject, moves)| {
                    Some(end(moves, before, None)?.revocation(*subject))
                });
                ends.collect()
            }
            Revocation::Session { .. } | Revocation::Key { .. } => Vec::new(),
        }
    }

    /// Drops those of which nothing lives at `now`.
    pub(crate) fn prune(&mut self, now: UnixTime) {
        self.sessions.retain(|_, moves| {
            moves.retain(|of| of.until > now);
            !moves.is_empty()
        });
    }
}

/// Takes out the moves that a revocation comes too late for, and says which was the last.
/// The end of one may be what another comes too late for: a session that moved on.
fn end(moves: &mut Vec<Move>, mut before: UnixTime, mut until: Option<UnixTime>) -> Option<Move> {
    let mut last = None;
    moves.retain(|of| {
        let late = of.is_late(before, until);
        if late {
            last = Some(*of);
            (before, until) = (of.to + SECOND, None);
        }
        !late
    });
    last
}

impl Move {
    /// Whether a revocation should have ended the session before it moved. Its own,
    /// which others tell again, and perhaps with a later `until`, should not.
    fn is_late(&self, before: UnixTime, until: Option<UnixTime>) -> bool {
        let its_own = before == self.to && until.is_some_and(|until| until >= self.until);
        before > self.from && before <= self.to && !its_own
    }

    fn revocation(&self, subject: Subject) -> Revocation {
        Revocation::Subject { subject, before: self.to + SECOND, until: self.until }
    }
}
