//! The changes of a ring, on its text.

use std::time::Duration;

use bulla::UnixTime;
use bulla::keys::{Key, KeyId};

use crate::Failure;
use crate::document::{Document, KeyLine};
use crate::timeline::{Sealing, primary_at, sealing, stretches};

const SECOND: Duration = Duration::from_secs(1);

/// What a change was, for a person.
#[derive(Default)]
pub(crate) struct Change {
    /// A line for each key that it concerns; none when there was nothing to do.
    pub(crate) said: String,
    pub(crate) notes: Vec<String>,
    /// When every server must have it, if there is time.
    pub(crate) due: Option<UnixTime>,
}

impl Change {
    pub(crate) fn say(&mut self, id: KeyId, what: &str) {
        self.said.push_str(&format!("{id}  {what}\n"));
    }
}

/// How long a key is kept once another has taken its place.
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

/// Adds a key that seals once it has spread, and dates the one that it follows.
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
    // Of two that take over at one instant only the first would ever seal.
    while document.keys().iter().any(|key| key.primary_from == primary_from) {
        primary_from = primary_from + SECOND;
    }
    document.add(&key, primary_from, now);

    let mut change = Change::default();
    if primary_from <= now {
        change.say(key.id(), "opens and seals now");
    } else {
        change.say(key.id(), &format!("opens now, and seals from {primary_from}"));
        // A clock that is ahead seals earlier.
        let due = UnixTime::from_secs(primary_from.as_secs().saturating_sub(kept.skew.as_secs()));
        change.due = Some(due).filter(|due| *due > now);
    }
    for other in waiting {
        let from = other.primary_from;
        change.notes.push(format!("note: {} waits as well, and seals from {from}", other.id));
    }
    date(document, kept, primary, now, &mut change);
    Ok(change)
}

/// When a published key seals.
fn takes_over(
    document: &Document,
    spread: Option<Duration>,
    at: Option<UnixTime>,
    skew: Duration,
    now: UnixTime,
) -> Result<UnixTime, Failure> {
    let spread = spread.unwrap_or_default();
    // Without a spread there is no server to wait for.
    let earliest = if spread.is_zero() { now } else { now + spread + skew };
    match at {
        Some(at) if at <= now => {
            Err("--at is past; --spread 0s is for a key that seals at once".into())
        }
        Some(at) if at < earliest => {
            Err(format!("--at is before {earliest}, until which the key spreads").into())
        }
        Some(at) => Ok(at),
        None if spread.is_zero() => Ok(at_once(document, skew, now)),
        None => Ok(earliest),
    }
}

/// A `primary-from` with which a key seals now, also where a clock is behind.
pub(crate) fn at_once(document: &Document, skew: Duration, now: UnixTime) -> UnixTime {
    let keys = document.keys();
    let past = keys.iter().map(|key| key.primary_from).filter(|from| *from <= now).max();
    let before = UnixTime::from_secs(now.as_secs().saturating_sub(skew.as_secs()));
    past.map_or(before, |past| before.max(past + SECOND)).min(now)
}

/// Lets a key seal from an instant on at which others take over as well.
pub(crate) fn make_room(document: &mut Document, at: UnixTime) {
    let before = UnixTime::from_secs(at.as_secs().saturating_sub(1));
    for other in document.keys().iter().filter(|other| other.primary_from == at) {
        document.set_primary_from(other.id, before);
    }
}

/// Gives the key that was primary, and any that will be and be followed, the
/// earliest end that loses nobody. Others may seal elsewhere: their ends are people's.
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
        // Who is followed at once has sealed until now, whatever the schedule says.
        let until = kept.from(demoted.max(now));
        match key.open_until {
            None => {
                document.set_open_until(key.id, Some(until));
                change.say(key.id, &format!("retires {until}"));
            }
            Some(early) if early < until => change.notes.push(format!(
                "warning: {0} retires {early}, before its last tokens expire; \
                 `bulla ring retire {0} --at {until}` keeps them",
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
        return Err(format!("{id} has retired; `bulla ring publish` makes a new key").into());
    }
    let mut change = Change::default();
    if at <= now && primary_at(&document.keys(), now) == Some(id) {
        return Ok(change);
    }
    if key.primary_from > at {
        change.notes.push(format!(
            "note: {id} was to seal from {}; a server that does not have the ring yet leaves \
             its tokens alone until it has",
            key.primary_from
        ));
    }
    prolong(document, key, at, now, &mut change);
    // Of two that take over at one instant, the one listed first would seal.
    make_room(document, at);
    document.set_open_until(id, None);
    document.set_primary_from(id, at);
    let when = if at <= now { "now".to_owned() } else { format!("from {at}") };
    let undated = if key.open_until.is_some() { ", and retires no more" } else { "" };
    change.said.insert_str(0, &format!("{id}  seals {when}{undated}\n"));
    note_undated(document, &mut change);
    Ok(change)
}

/// Says which keys have been followed and never retire.
pub(crate) fn note_undated(document: &Document, change: &mut Change) {
    let keys = document.keys();
    for key in keys.iter().filter(|key| key.open_until.is_none()) {
        if matches!(sealing(&keys, key.id), Sealing::Until(_)) {
            change.notes.push(format!(
                "note: {0} never retires; `bulla ring retire {0} --longest TIME` dates it",
                key.id
            ));
        }
    }
}

/// Whoever seals longer, because the next one takes over later than planned,
/// is kept longer by as much.
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

/// When a key is to retire.
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
            // A key that seals at once is dated back, for servers whose clock is behind: the
            // key before it has sealed until the next one was published.
            let keys = document.keys();
            let next = keys.iter().filter(|next| next.primary_from == demoted);
            let published = next.filter_map(|next| next.published).max();
            kept.from(published.map_or(demoted, |published| demoted.max(published)))
        }
        // Published, and passed over: there is no token of it, here.
        (Retirement::Kept(kept), Sealing::Never) => kept.from(now),
        (Retirement::Kept(_), Sealing::ForGood) => {
            return Err(format!("{id} is the newest: `bulla ring publish` another first").into());
        }
    };
    if until <= key.primary_from {
        let takes_out = format!("`bulla ring revoke {id}` takes it out");
        return Err(format!("{id} would retire before it seals; {takes_out}").into());
    }
    document.set_open_until(id, Some(until));
    if until <= now {
        change.say(id, "opens nothing more");
        change.notes.push(format!("note: tokens of {id} that have not expired are lost"));
    } else {
        change.say(id, &format!("retires {until}"));
    }
    Ok(change)
}

pub(crate) fn revoke(document: &mut Document, id: KeyId) -> Result<Change, Failure> {
    find(document, id)?;
    document.remove(id);
    let mut change = Change::default();
    change.say(id, "is out of the ring; its tokens open nowhere that has this ring");
    Ok(change)
}

pub(crate) fn prune(document: &mut Document, now: UnixTime) -> Change {
    let mut change = Change::default();
    for key in document.keys() {
        if key.open_until.is_some_and(|until| until <= now) {
            document.remove(key.id);
            change.say(key.id, "is out of the ring; it had retired");
        }
    }
    change
}

pub(crate) fn find(document: &Document, id: KeyId) -> Result<KeyLine, Failure> {
    document.key(id).ok_or_else(|| {
        let ids: Vec<String> = document.keys().iter().map(|key| key.id.to_string()).collect();
        format!("the ring has no key {id}; it has {}", ids.join(" ")).into()
    })
}
