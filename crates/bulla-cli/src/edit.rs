//! The changes of a ring, on its text.

use std::time::Duration;

use bulla::{Key, KeyId, UnixTime};

use crate::Failure;
use crate::document::{Document, KeyLine};

/// Adds a key that seals after `spread`, and dates the ones before it.
pub(crate) fn publish(
    document: &mut Document,
    spread: Duration,
    kept: Kept,
    now: UnixTime,
) -> Result<String, Failure> {
    let key = Key::generate()?;
    // Without a spread there is no server to wait for, and no clock but this.
    let skew = if spread.is_zero() { Duration::ZERO } else { kept.skew };
    let primary_from = now + spread + skew;
    document.add(&key, primary_from, now);
    let dated = date(document, kept, now);
    let mut said = format!("{}  opens now, and seals from {primary_from}\n", key.id());
    for line in dated {
        let until = line.open_until.unwrap_or(UnixTime::MAX);
        said.push_str(&format!("{}  retires {until}\n", line.id));
    }
    Ok(said)
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

/// Gives every key without an end, but the last, the earliest that loses nobody.
fn date(document: &mut Document, kept: Kept, now: UnixTime) -> Vec<KeyLine> {
    let undated: Vec<KeyLine> = document.keys().filter(|key| key.open_until.is_none()).collect();
    let mut dated = Vec::new();
    for key in undated {
        let Some(demoted) = demoted(document, key) else { continue };
        // Who was demoted long ago has had its time; but tokens of a server
        // that was late may be younger.
        let until = kept.from(demoted.max(now));
        document.change(key.id, |line| line.open_until = Some(until));
        dated.extend(document.key(key.id));
    }
    dated
}

/// When another key takes a key's place, if one does.
pub(crate) fn demoted(document: &Document, key: KeyLine) -> Option<UnixTime> {
    let order: Vec<KeyLine> = document.keys().collect();
    let place = |id: KeyId| order.iter().position(|other| other.id == id);
    let later = order.iter().filter(|other| {
        other.primary_from > key.primary_from
            || (other.primary_from == key.primary_from && place(other.id) < place(key.id))
    });
    later.map(|other| other.primary_from).min()
}

pub(crate) fn promote(
    document: &mut Document,
    id: KeyId,
    at: UnixTime,
    now: UnixTime,
) -> Result<String, Failure> {
    let key = find(document, id)?;
    if key.open_until.is_some_and(|until| until <= at) {
        return Err(
            format!("{id} retires before {at}; give it no open-until, or a later one").into()
        );
    }
    // Of two that take over at one instant, the one listed first would seal.
    for other in document.keys().collect::<Vec<_>>() {
        if other.id != id && other.primary_from == at {
            let before = UnixTime::from_secs(at.as_secs().saturating_sub(1));
            document.change(other.id, |line| line.primary_from = before);
        }
    }
    document.change(id, |line| line.primary_from = at);
    let until = key.open_until.map(|until| format!("{id}  retires {until}\n")).unwrap_or_default();
    let when = if at <= now { "now".to_owned() } else { format!("from {at}") };
    Ok(format!("{id}  seals {when}\n{until}"))
}

pub(crate) fn retire(document: &mut Document, id: KeyId, at: UnixTime) -> Result<String, Failure> {
    let key = find(document, id)?;
    if at <= key.primary_from {
        return Err(format!(
            "{id} would retire before it seals; `bulla ring revoke {id}` takes it out"
        )
        .into());
    }
    document.change(id, |line| line.open_until = Some(at));
    Ok(format!("{id}  retires {at}\n"))
}

pub(crate) fn revoke(document: &mut Document, id: KeyId) -> Result<String, Failure> {
    find(document, id)?;
    document.remove(id);
    Ok(format!("{id}  is out of the ring\n"))
}

pub(crate) fn compromise(
    document: &mut Document,
    id: KeyId,
    since: Option<UnixTime>,
    skew: Duration,
    now: UnixTime,
) -> Result<String, Failure> {
    let leaked = find(document, id)?;
    document.remove(id);
    let key = Key::generate()?;
    // There may be no other key to seal with, and a server's clock may be behind.
    let seals = |key: &KeyLine| key.primary_from <= now;
    let latest = document.keys().filter(seals).map(|key| key.primary_from).max();
    let behind = UnixTime::from_secs(now.as_secs().saturating_sub(skew.as_secs()));
    let after = |latest: UnixTime| latest + Duration::from_secs(1);
    document.add(&key, latest.map_or(behind, |latest| behind.max(after(latest))), now);
    let new = key.id();
    let sealed_from = leaked.primary_from.max(leaked.published.unwrap_or(UnixTime::EPOCH));
    let from =
        if sealed_from > UnixTime::EPOCH { format!(" since {sealed_from}") } else { String::new() };
    let forged = since.map_or("whenever they were made".to_owned(), |since| {
        format!("above all those made since {since}")
    });
    Ok(format!(
        "{id}  is out of the ring\n{new}  seals now\n\n\
         What dies: every token that {id} has sealed{from}, genuine or forged, {forged}.\n\
         Whoever has no token under another key signs in again. It is over when every\n\
         server has this ring: until then, forged tokens open where it is missing.\n\n\
         What lives on: sessions that were forged with {id} and have been moved to another\n\
         key since. If it leaked before the last change of keys, revoke those keys as well.\n\n\
         Next: bring the ring to every server; find out how it leaked; look in the log for\n\
         sessions that nobody started.\n"
    ))
}

pub(crate) fn prune(document: &mut Document, now: UnixTime) -> String {
    let retired: Vec<KeyId> = document
        .keys()
        .filter(|key| key.open_until.is_some_and(|until| until <= now))
        .map(|key| key.id)
        .collect();
    for id in &retired {
        document.remove(*id);
    }
    retired.iter().map(|id| format!("{id}  is out of the ring\n")).collect()
}

fn find(document: &Document, id: KeyId) -> Result<KeyLine, Failure> {
    document.key(id).ok_or_else(|| {
        let ids: Vec<String> = document.keys().map(|key| key.id.to_string()).collect();
        format!("the ring has no key {id}; it has {}", ids.join(" ")).into()
    })
}
