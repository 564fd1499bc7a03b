//! The changes that `bulla ring` makes to the text of a ring.

use std::time::Duration;

use bulla::UnixTime;
use bulla::keys::{Key, KeyId};

use crate::document::{Document, KeyLine};
use crate::reply::Failure;
use crate::timeline::{Sealing, primary_at, sealing, stretches};

const SECOND: Duration = Duration::from_secs(1);

/// A change, described for the user.
#[derive(Default)]
pub(crate) struct Change {
    /// One line for each changed key. Empty if there was nothing to do.
    pub(crate) said: String,
    pub(crate) notes: Vec<String>,
    /// The time by which the change must be on every server, if this time is in the future.
    pub(crate) due: Option<UnixTime>,
}

impl Change {
    pub(crate) fn say(&mut self, id: KeyId, what: &str) {
        self.said.push_str(&format!("{id}  {what}\n"));
    }
}

/// How long a key opens tokens after another key has become primary.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) longest: Duration,
    pub(crate) skew: Duration,
}

impl Kept {
    pub(crate) fn from(self, demoted: UnixTime) -> UnixTime {
        demoted + self.longest + self.skew
    }
}

/// Adds a key that becomes primary after the spread, and sets when the key before it retires.
pub(crate) fn publish(
    document: &mut Document,
    spread: Option<Duration>,
    at: Option<UnixTime>,
    kept: Kept,
    now: UnixTime,
) -> Result<Change, Failure> {
    let waiting: Vec<KeyLine> =
        document.keys().into_iter().filter(|key| key.primary_from > now).collect();
    let mut primary_from = takes_over(document, spread, at, kept.skew, now)?;
    let primary = primary_at(&document.keys(), now);
    let key = Key::generate()?;
    if primary_from <= now {
        make_room(document, primary_from);
    }
    // If two keys become primary in the same second, only the first in the ring is ever primary.
    while document.keys().iter().any(|key| key.primary_from == primary_from) {
        primary_from = primary_from + SECOND;
    }
    document.add(&key, primary_from, now);

    let mut change = Change::default();
    if primary_from <= now {
        change.say(key.id(), "is primary now");
    } else {
        change.say(key.id(), &format!("opens tokens now, and becomes primary {primary_from}"));
        // A server whose clock is ahead seals with the key earlier.
        let due = UnixTime::from_secs(primary_from.as_secs().saturating_sub(kept.skew.as_secs()));
        change.due = Some(due).filter(|due| *due > now);
    }
    for other in waiting {
        let from = other.primary_from;
        change.notes.push(format!("note: {} also waits, and becomes primary {from}", other.id));
    }
    date(document, kept, primary, now, &mut change);
    Ok(change)
}

/// When a published key becomes primary.
fn takes_over(
    document: &Document,
    spread: Option<Duration>,
    at: Option<UnixTime>,
    skew: Duration,
    now: UnixTime,
) -> Result<UnixTime, Failure> {
    let spread = spread.unwrap_or_default();
    // If the spread is zero, the key does not wait for any server.
    let earliest = if spread.is_zero() { now } else { now + spread + skew };
    match at {
        Some(at) if at <= now => {
            Err("--at is in the past; use --spread 0s for a key that is primary at once".into())
        }
        Some(at) if at < earliest => Err(format!(
            "--at is too early, because not all servers have the key until {earliest}, which is \
             now + spread + skew"
        )
        .into()),
        Some(at) => Ok(at),
        None if spread.is_zero() => Ok(at_once(document, skew, now)),
        None => Ok(earliest),
    }
}

/// A `primary-from` that makes a key primary now, even on a server whose clock is behind.
pub(crate) fn at_once(document: &Document, skew: Duration, now: UnixTime) -> UnixTime {
    let keys = document.keys();
    let past = keys.iter().map(|key| key.primary_from).filter(|from| *from <= now).max();
    let before = UnixTime::from_secs(now.as_secs().saturating_sub(skew.as_secs()));
    past.map_or(before, |past| before.max(past + SECOND)).min(now)
}

/// If other keys become primary at `at`, moves them one second earlier. If several keys become
/// primary in the same second, the first in the ring is primary, and that may be one of the others.
pub(crate) fn make_room(document: &mut Document, at: UnixTime) {
    let before = UnixTime::from_secs(at.as_secs().saturating_sub(1));
    for other in document.keys().iter().filter(|other| other.primary_from == at) {
        document.set_primary_from(other.id, before);
    }
}

/// Sets `open-until` on the primary key, and on each key that becomes primary later, if another key
/// replaces it and it has no `open-until` yet. The date is the earliest at which all tokens of the
/// key have expired. If a key already has an earlier date, only adds a warning.
///
/// Keys that stopped being primary in the past are left to the user, because servers with an older
/// ring may still use them.
fn date(
    document: &mut Document,
    kept: Kept,
    primary: Option<KeyId>,
    now: UnixTime,
    change: &mut Change,
) {
    for key in document.keys() {
        let Sealing::Until(demoted) = sealing(&document.keys(), key.id) else { continue };
        if demoted < now && primary != Some(key.id) {
            continue;
        }
        // If a key is replaced at once, it was primary until now, even if the schedule names an
        // earlier time.
        let until = kept.from(demoted.max(now));
        match key.open_until {
            None => {
                document.set_open_until(key.id, Some(until));
                change.say(key.id, &format!("retires {until}"));
            }
            Some(early) if early < until => change.notes.push(format!(
                "warning: {0} retires {early}, before its last tokens expire; \
                 to keep them, run `bulla ring retire {0} --at {until}`",
                key.id
            )),
            _ => {}
        }
    }
    note_undated(document, change);
}

pub(crate) fn promote(
    document: &mut Document,
    id: KeyId,
    at: Option<UnixTime>,
    now: UnixTime,
) -> Result<Change, Failure> {
    let key = find(document, id)?;
    let at = at.unwrap_or(now);
    if key.open_until.is_some_and(|until| until <= now) {
        return Err(format!("{id} has retired; `bulla ring publish` adds a new key").into());
    }
    let mut change = Change::default();
    if at <= now && primary_at(&document.keys(), now) == Some(id) {
        return Ok(change);
    }
    if key.primary_from > at {
        change.notes.push(format!(
            "note: {id} was planned to become primary {}; a server that does not have the key \
             yet treats tokens under it as absent",
            key.primary_from
        ));
    }
    prolong(document, key, at, now, &mut change);
    make_room(document, at);
    document.set_open_until(id, None);
    document.set_primary_from(id, at);
    let when = if at <= now { "now".to_owned() } else { format!("from {at} on") };
    let undated = if key.open_until.is_some() { ", and no longer retires" } else { "" };
    change.said.insert_str(0, &format!("{id}  is primary {when}{undated}\n"));
    note_undated(document, &mut change);
    Ok(change)
}

/// Adds a note for each key that never retires although another key becomes primary after it.
pub(crate) fn note_undated(document: &Document, change: &mut Change) {
    let keys = document.keys();
    for key in keys.iter().filter(|key| key.open_until.is_none()) {
        if matches!(sealing(&keys, key.id), Sealing::Until(_)) {
            change.notes.push(format!(
                "note: {0} never retires; `bulla ring retire {0} --longest DURATION` sets a date",
                key.id
            ));
        }
    }
}

/// Delays the retirement of the key before `next` by as much as `next` is delayed.
fn prolong(
    document: &mut Document,
    next: KeyLine,
    at: UnixTime,
    now: UnixTime,
    change: &mut Change,
) {
    let planned = next.primary_from;
    if planned <= now || at <= planned {
        return;
    }
    let stretches = stretches(&document.keys());
    let before = stretches.iter().find(|stretch| stretch.until == Some(planned));
    let Some(before) = before.and_then(|stretch| document.key(stretch.primary?)) else { return };
    if let Some(until) = before.open_until {
        let until = until + at.since(planned);
        document.set_open_until(before.id, Some(until));
        change.say(before.id, &format!("retires {until}"));
    }
}

/// When a key retires.
pub(crate) enum Retirement {
    At(UnixTime),
    /// When its last token has expired.
    Kept(Kept),
}

pub(crate) fn retire(
    document: &mut Document,
    id: KeyId,
    when: &Retirement,
    now: UnixTime,
) -> Result<Change, Failure> {
    let key = find(document, id)?;
    let mut change = Change::default();
    let until = match (when, sealing(&document.keys(), id)) {
        (Retirement::At(at), _) => *at,
        (Retirement::Kept(kept), Sealing::Until(demoted)) => {
            // If the next key was added with `at_once`, its primary-from is earlier than its
            // publication. The key that retires was in use until the publication, so the later of
            // the two times counts.
            let keys = document.keys();
            let next = keys.iter().filter(|next| next.primary_from == demoted);
            let published = next.filter_map(|next| next.published).max();
            kept.from(published.map_or(demoted, |published| demoted.max(published)))
        }
        // The key was published but never primary, so no token needs it.
        (Retirement::Kept(kept), Sealing::Never) => kept.from(now),
        (Retirement::Kept(_), Sealing::ForGood) => {
            return Err(format!(
                "{id} is the newest key; first add another key with `bulla ring publish`"
            )
            .into());
        }
    };
    if until <= key.primary_from {
        let remove = format!("to remove it, run `bulla ring revoke {id}`");
        return Err(format!("{id} would retire before it becomes primary; {remove}").into());
    }
    document.set_open_until(id, Some(until));
    if until <= now {
        change.say(id, "is retired");
        change.notes.push(format!("note: tokens under {id} that have not expired no longer open"));
    } else {
        change.say(id, &format!("retires {until}"));
    }
    Ok(change)
}

pub(crate) fn revoke(document: &mut Document, id: KeyId) -> Result<Change, Failure> {
    find(document, id)?;
    document.remove(id);
    let mut change = Change::default();
    change.say(id, "is removed; servers with this ring refuse tokens under it");
    Ok(change)
}

pub(crate) fn prune(document: &mut Document, now: UnixTime) -> Change {
    let mut change = Change::default();
    for key in document.keys() {
        if key.open_until.is_some_and(|until| until <= now) {
            document.remove(key.id);
            change.say(key.id, "is removed; it had retired");
        }
    }
    change
}

pub(crate) fn find(document: &Document, id: KeyId) -> Result<KeyLine, Failure> {
    document.key(id).ok_or_else(|| {
        let ids: Vec<String> = document.keys().iter().map(|key| key.id.to_string()).collect();
        format!("the ring has no key {id}; its keys are {}", ids.join(" ")).into()
    })
}
