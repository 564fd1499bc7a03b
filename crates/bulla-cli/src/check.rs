//! Whether a schedule loses nobody.

use std::fmt;
use std::time::Duration;

use bulla::UnixTime;

use crate::document::{Document, KeyLine};
use crate::edit::{Kept, demoted};
use crate::list::primary_at;

/// What the servers and the tokens are like.
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) spread: Duration,
    pub(crate) kept: Kept,
}

pub(crate) struct Row {
    verdict: Verdict,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Pass,
    Fail,
}

impl Row {
    fn new(holds: bool, text: String) -> Row {
        Row { verdict: if holds { Verdict::Pass } else { Verdict::Fail }, text }
    }

    pub(crate) fn holds(&self) -> bool {
        self.verdict == Verdict::Pass
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "FAIL",
        };
        write!(f, "{verdict}  {}", self.text)
    }
}

pub(crate) fn rows(document: &Document, policy: Policy, now: UnixTime) -> Vec<Row> {
    let keys: Vec<KeyLine> = document.keys().collect();
    let mut rows = vec![always_sealing(&keys, now)];
    for key in &keys {
        rows.extend(published_in_time(key, policy));
        rows.push(retires_in_time(document, *key, policy, now));
    }
    rows
}

fn always_sealing(keys: &[KeyLine], now: UnixTime) -> Row {
    let instants = keys.iter().flat_map(|key| [Some(key.primary_from), key.open_until]);
    let mut later: Vec<UnixTime> = instants.flatten().filter(|at| *at > now).collect();
    later.sort_unstable();
    let gap = [now].into_iter().chain(later).find(|at| primary_at(keys, *at).is_none());
    match gap {
        None => Row::new(true, "a key seals at every time from now on".to_owned()),
        Some(at) => Row::new(false, format!("no key seals at {at}: publish or promote one before")),
    }
}

/// Every server must have a key before any seals with it.
fn published_in_time(key: &KeyLine, policy: Policy) -> Option<Row> {
    let published = key.published?;
    let needed = published + policy.spread + policy.kept.skew;
    // The very first key of a ring has no server to wait for.
    if key.primary_from == UnixTime::EPOCH {
        return None;
    }
    let holds = key.primary_from >= needed;
    let text = format!("{} was published {published} and seals from {}", key.id, key.primary_from);
    Some(Row::new(
        holds,
        if holds {
            text
        } else {
            format!("{text}: not before {needed}, or a server may not know it")
        },
    ))
}

/// A key must open until its last token has expired.
fn retires_in_time(document: &Document, key: KeyLine, policy: Policy, now: UnixTime) -> Row {
    let id = key.id;
    match (demoted(document, key), key.open_until) {
        (None, None) => Row::new(true, format!("{id} is the newest, and retires with a next one")),
        (None, Some(until)) => Row::new(
            false,
            format!("{id} is the newest and retires {until}: publish another before"),
        ),
        (Some(_), None) => Row::new(
            false,
            format!("{id} never retires: `bulla ring retire {id}` when its last token has expired"),
        ),
        (Some(_), Some(until)) if until <= now => {
            Row::new(true, format!("{id} has retired: `bulla ring prune` drops it"))
        }
        (Some(demoted), Some(until)) => {
            let needed = policy.kept.from(demoted);
            let text = format!("{id} stops sealing {demoted} and retires {until}");
            let holds = until >= needed;
            Row::new(
                holds,
                if holds {
                    text
                } else {
                    format!("{text}: not before {needed}, or living tokens are lost")
                },
            )
        }
    }
}
