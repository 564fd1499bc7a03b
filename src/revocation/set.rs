//! A set of revocations, merged and indexed, and the check whether it revokes a session.

use std::collections::HashMap;

use crate::keys::key::KeyId;
use crate::revocation::entry::{Revocation, Subject};
use crate::revocation::known::{Followed, Follows, Known};
use crate::time::UnixTime;
use crate::token::id::SessionId;

#[derive(Clone, Default)]
pub(crate) struct Set {
    sessions: HashMap<SessionId, UnixTime>,
    subjects: HashMap<Subject, Known>,
    keys: HashMap<KeyId, Span>,
    all: Option<Known>,
}

/// A revocation of the tokens under one key. Tokens that were issued before `before` are revoked.
/// The last of them would have expired at `until` anyway.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Span {
    before: UnixTime,
    until: UnixTime,
}

/// The facts about a session that decide whether it is revoked.
pub(crate) struct Asked<'a> {
    pub(crate) id: SessionId,
    /// The id under which the session started.
    pub(crate) origin: SessionId,
    /// Returns the subject of the session. Each call computes a hash, so the function is called
    /// only if the set has a revocation of a subject.
    pub(crate) subject: &'a dyn Fn() -> Option<Subject>,
    pub(crate) started_at: UnixTime,
    pub(crate) follows: Follows<'a>,
    /// Two key ids, and when the state token was issued. The first id is the one in the token's
    /// text. The second is that of the key that opened the state, which is a different key if the
    /// state came from a copy in a renewal token. `None` if no key needs to be checked: for a
    /// session from another library, and for a second check of the same session.
    pub(crate) keys: Option<([KeyId; 2], UnixTime)>,
}

impl Set {
    #[expect(clippy::arithmetic_side_effects, reason = "counts what is in memory")]
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
            + self.subjects.len()
            + self.keys.len()
            + usize::from(self.all.is_some())
    }

    pub(crate) fn revokes(&self, asked: &Asked<'_>) -> bool {
        self.all.as_ref().is_some_and(|known| asked.started_at < known.cutoff(asked.follows))
            || self.sessions.contains_key(&asked.id)
            || self.sessions.contains_key(&asked.origin)
            || (!self.subjects.is_empty() && self.revokes_subject_of(asked))
            || asked.keys.is_some_and(|(ids, issued_at)| {
                let span = |id| self.keys.get(id).is_some_and(|span| issued_at < span.before);
                ids.iter().any(span)
            })
    }

    pub(crate) fn has_session(&self, id: SessionId) -> bool {
        self.sessions.contains_key(&id)
    }

    fn revokes_subject_of(&self, asked: &Asked<'_>) -> bool {
        let known = (asked.subject)().and_then(|subject| self.subjects.get(&subject));
        known.is_some_and(|known| asked.started_at < known.cutoff(asked.follows))
    }

    /// The revocations that a session of `subject` follows if it starts at `now`. These revocations
    /// do not end the session.
    pub(crate) fn followed(
        &self,
        subject: Option<Subject>,
        now: UnixTime,
    ) -> impl Iterator<Item = Followed> {
        let subject = subject.and_then(|subject| self.subjects.get(&subject));
        subject.into_iter().chain(&self.all).flat_map(move |known| known.followed(now))
    }

    /// Whether the set already revokes everything that `revocation` revokes, for at least as long.
    pub(crate) fn has(&self, revocation: &Revocation) -> bool {
        match *revocation {
            Revocation::Session { id, until } => {
                self.sessions.get(&id).is_some_and(|held| *held >= until)
            }
            Revocation::Subject { subject, before, except, until } => {
                let new = Known::new(before, except, until);
                self.subjects.get(&subject).is_some_and(|held| held.clone().merge(&new) == *held)
            }
            Revocation::Key { id, before, until } => {
                let new = Span { before, until };
                self.keys.get(&id).is_some_and(|held| held.merge(new) == *held)
            }
            Revocation::All { before, except, until } => {
                let new = Known::new(before, except, until);
                self.all.as_ref().is_some_and(|held| held.clone().merge(&new) == *held)
            }
        }
    }

    /// Adds a revocation. Returns `true` if the set did not have it.
    pub(crate) fn insert(&mut self, revocation: Revocation) -> bool {
        if self.has(&revocation) {
            return false;
        }
        match revocation {
            Revocation::Session { id, until } => {
                let held = self.sessions.entry(id).or_insert(until);
                *held = until.max(*held);
            }
            Revocation::Subject { subject, before, except, until } => {
                let new = Known::new(before, except, until);
                let held = self.subjects.remove(&subject);
                let known = held.map_or_else(|| new.clone(), |held| held.merge(&new));
                self.subjects.insert(subject, known);
            }
            Revocation::Key { id, before, until } => {
                let new = Span { before, until };
                let held = self.keys.entry(id).or_insert(new);
                *held = held.merge(new);
            }
            Revocation::All { before, except, until } => {
                let new = Known::new(before, except, until);
                let held = self.all.take();
                self.all = Some(held.map_or_else(|| new.clone(), |held| held.merge(&new)));
            }
        }
        true
    }

    pub(crate) fn revocations(&self) -> impl Iterator<Item = Revocation> {
        let sessions = self.sessions.iter();
        let sessions = sessions.map(|(&id, &until)| Revocation::Session { id, until });
        let subjects = self.subjects.iter().flat_map(|(&subject, known)| {
            let until = known.until;
            let of = move |(before, except)| Revocation::Subject { subject, before, except, until };
            known.parts().map(of)
        });
        let keys = self.keys.iter();
        let keys = keys.map(|(&id, &Span { before, until })| Revocation::Key { id, before, until });
        let all = self.all.iter().flat_map(|known| {
            let until = known.until;
            known.parts().map(move |(before, except)| Revocation::All { before, except, until })
        });
        sessions.chain(subjects).chain(keys).chain(all)
    }

    /// Merges two sets, without the revocations that have expired at `now`.
    pub(crate) fn merged(&self, other: &Set, now: UnixTime) -> Set {
        let mut kept = Set::default();
        for revocation in self.revocations().chain(other.revocations()) {
            if revocation.until() > now {
                kept.insert(revocation);
            }
        }
        kept
    }
}

impl Span {
    fn merge(self, other: Span) -> Span {
        Span { before: self.before.max(other.before), until: self.until.max(other.until) }
    }
}
