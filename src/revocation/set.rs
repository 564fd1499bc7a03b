//! Revocations, merged and indexed: what does a set of them revoke?

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::keys::key::KeyId;
use crate::revocation::entry::{Revocation, Subject};
use crate::revocation::known::{EndedOthers, Known};
use crate::time::UnixTime;
use crate::token::id::SessionId;

#[derive(Clone, Default)]
pub(crate) struct Set {
    sessions: HashMap<SessionId, UnixTime>,
    subjects: HashMap<Subject, Known>,
    keys: HashMap<KeyId, Span>,
    all: Option<Span>,
}

/// Everything that began before an instant is revoked; none of it can be alive from
/// `until` on.
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
    /// Costs a hash, so it is called only if the set has a revocation of any subject.
    pub(crate) subject: &'a dyn Fn() -> Option<Subject>,
    pub(crate) started_at: UnixTime,
    pub(crate) ended_others: Option<EndedOthers>,
    /// The key that the state token names, the key that opened it or its copy, and when
    /// the token was issued.
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
        self.all.is_some_and(|span| asked.started_at < span.before)
            || self.sessions.contains_key(&asked.id)
            || self.sessions.contains_key(&asked.origin)
            || (!self.subjects.is_empty() && self.revokes_subject_of(asked))
            || asked.keys.is_some_and(|(ids, issued_at)| {
                let span = |id| self.keys.get(id).is_some_and(|span| issued_at < span.before);
                ids.iter().any(span)
            })
    }

    fn revokes_subject_of(&self, asked: &Asked<'_>) -> bool {
        let known = (asked.subject)().and_then(|subject| self.subjects.get(&subject));
        known.is_some_and(|known| asked.started_at < known.cutoff(asked.origin, asked.ended_others))
    }

    /// A session of `subject` that starts now is revoked if it starts before this.
    pub(crate) fn cutoff(&self, subject: Option<Subject>) -> UnixTime {
        let subject = subject.and_then(|subject| self.subjects.get(&subject)).map(Known::latest);
        let all = self.all.map(|span| span.before);
        subject.into_iter().chain(all).max().unwrap_or(UnixTime::EPOCH)
    }

    /// The latest cutoff of any subject that is not after `limit`.
    pub(crate) fn latest_cutoff(&self, limit: UnixTime) -> UnixTime {
        let all = self.all.map(|span| span.before);
        let cutoffs = self.subjects.values().map(Known::latest).chain(all);
        cutoffs.filter(|cutoff| *cutoff <= limit).max().unwrap_or(UnixTime::EPOCH)
    }

    /// Whether the set revokes all that `revocation` revokes, and for as long.
    pub(crate) fn has(&self, revocation: &Revocation) -> bool {
        match *revocation {
            Revocation::Session { id, until } => {
                self.sessions.get(&id).is_some_and(|held| *held >= until)
            }
            Revocation::Subject { subject, before, except, until } => {
                let new = Known::new(before, except, until);
                self.subjects.get(&subject).is_some_and(|held| held.merge(new) == *held)
            }
            Revocation::Key { id, before, until } => {
                let new = Span { before, until };
                self.keys.get(&id).is_some_and(|held| held.merge(new) == *held)
            }
            Revocation::All { before, until } => {
                let new = Span { before, until };
                self.all.is_some_and(|held| held.merge(new) == held)
            }
        }
    }

    /// Adds a revocation. Returns `true` if the set did not have it.
    pub(crate) fn insert(&mut self, revocation: Revocation) -> bool {
        if self.has(&revocation) {
            return false;
        }
        match revocation {
            Revocation::Session { id, until } => merge(self.sessions.entry(id), until, Ord::max),
            Revocation::Subject { subject, before, except, until } => {
                let new = Known::new(before, except, until);
                merge(self.subjects.entry(subject), new, Known::merge);
            }
            Revocation::Key { id, before, until } => {
                merge(self.keys.entry(id), Span { before, until }, Span::merge);
            }
            Revocation::All { before, until } => {
                let new = Span { before, until };
                self.all = Some(self.all.map_or(new, |held| held.merge(new)));
            }
        }
        true
    }

    pub(crate) fn revocations(&self) -> impl Iterator<Item = Revocation> {
        let sessions = self.sessions.iter();
        let sessions = sessions.map(|(&id, &until)| Revocation::Session { id, until });
        let subjects =
            self.subjects.iter().flat_map(|(&subject, known)| known.revocations(subject));
        let keys = self.keys.iter();
        let keys = keys.map(|(&id, &Span { before, until })| Revocation::Key { id, before, until });
        let all = self.all.map(|Span { before, until }| Revocation::All { before, until });
        sessions.chain(subjects).chain(keys).chain(all)
    }

    /// This set and another, without the revocations that revoke nothing alive at `now`.
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

fn merge<K, V: Copy>(entry: Entry<'_, K, V>, new: V, merge: fn(V, V) -> V) {
    entry.and_modify(|held| *held = merge(*held, new)).or_insert(new);
}
