//! `bulla ring list`: the keys and their schedule.

use std::fmt;

use bulla::UnixTime;
use bulla::keys::KeyId;
use serde::Serialize;

use crate::document::{Document, KeyLine};
use crate::json::Text;
use crate::timeline::{primary_at, stretches};
use crate::values::shown;

/// The keys of a ring at one time. Its text is a table and a schedule.
#[derive(Serialize)]
pub(crate) struct List {
    serial: Option<u64>,
    as_of: Text<UnixTime>,
    /// The key that seals tokens now.
    primary: Option<Text<KeyId>>,
    keys: Vec<Row>,
    changes: Vec<Change>,
}

#[derive(Serialize)]
struct Row {
    key_id: Text<KeyId>,
    state: State,
    /// `None` if the key has no `primary-from`.
    primary_from: Option<Text<UnixTime>>,
    /// `None` if the key never retires.
    open_until: Option<Text<UnixTime>>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Retired,
    Primary,
    Waiting,
    OpensTokens,
}

/// What happens to the ring at one time in the future.
#[derive(Serialize)]
struct Change {
    at: Text<UnixTime>,
    in_seconds: u64,
    /// The primary key from this time on. `None` if no key is primary then.
    primary: Option<Text<KeyId>>,
    /// The keys that retire at this time.
    retires: Vec<Text<KeyId>>,
}

impl List {
    pub(crate) fn of(document: &Document, now: UnixTime) -> List {
        let keys = document.keys();
        let primary = primary_at(&keys, now);
        List {
            serial: document.serial(),
            as_of: Text(now),
            primary: primary.map(Text),
            keys: keys.iter().map(|key| Row::of(key, primary, now)).collect(),
            changes: changes(&keys, now),
        }
    }
}

impl Row {
    fn of(key: &KeyLine, primary: Option<KeyId>, now: UnixTime) -> Row {
        let state = match key.open_until {
            Some(until) if until <= now => State::Retired,
            _ if Some(key.id) == primary => State::Primary,
            _ if key.primary_from > now => State::Waiting,
            _ => State::OpensTokens,
        };
        Row {
            key_id: Text(key.id),
            state,
            primary_from: Some(key.primary_from).filter(|at| *at > UnixTime::EPOCH).map(Text),
            open_until: key.open_until.map(Text),
        }
    }

    fn words(&self) -> [String; 4] {
        let from = self.primary_from.map_or("always".to_owned(), |Text(from)| from.to_string());
        let until = self.open_until.map_or("no end".to_owned(), |Text(until)| until.to_string());
        let state = match self.state {
            State::Retired => format!("retired since {until}"),
            State::Primary => "primary".to_owned(),
            State::Waiting => format!("waiting until {from}"),
            State::OpensTokens => "opens tokens".to_owned(),
        };
        [self.key_id.0.to_string(), state, from, until]
    }
}

fn changes(keys: &[KeyLine], now: UnixTime) -> Vec<Change> {
    let stretches = stretches(keys);
    let takes_over = stretches.iter().map(|stretch| stretch.from);
    let retires = keys.iter().filter_map(|key| key.open_until);
    let mut instants: Vec<UnixTime> = takes_over.chain(retires).filter(|at| *at > now).collect();
    instants.sort_unstable();
    instants.dedup();
    let change = |at| {
        let retire = keys.iter().filter(|key| key.open_until == Some(at));
        Change {
            at: Text(at),
            in_seconds: at.since(now).as_secs(),
            primary: primary_at(keys, at).map(Text),
            retires: retire.map(|key| Text(key.id)).collect(),
        }
    };
    instants.into_iter().map(change).collect()
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let serial =
            self.serial.map_or("no serial number".to_owned(), |n| format!("serial number {n}"));
        writeln!(f, "{serial}, as of {}\n", self.as_of.0)?;
        let rows: Vec<[String; 4]> = self.keys.iter().map(Row::words).collect();
        let wide = rows.iter().map(|[_, state, ..]| state.len()).max().unwrap_or(0).max(5);
        let head = ["key id", "state", "primary-from", "open-until"].map(str::to_owned);
        for [id, state, from, until] in [head].iter().chain(&rows) {
            let line = format!("{id:<8}  {state:<wide$}  {from:<20}  {until}");
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f)?;
        self.write_schedule(f)
    }
}

impl List {
    fn write_schedule(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sealing = self.primary.map(|Text(id)| id);
        match sealing {
            Some(id) => {
                writeln!(f, "now: {id} is primary; every key that has not retired opens its tokens")
            }
            None => writeln!(f, "now: NO PRIMARY KEY; `bulla ring publish --spread 0s` adds one"),
        }?;
        for change in &self.changes {
            let mut said = Vec::new();
            let primary = change.primary.map(|Text(id)| id);
            if primary != sealing {
                said.push(match (sealing, primary) {
                    (Some(before), Some(id)) => format!("{id} becomes primary instead of {before}"),
                    (None, Some(id)) => format!("{id} becomes primary"),
                    (_, None) => "NO PRIMARY KEY".to_owned(),
                });
                sealing = primary;
            }
            said.extend(change.retires.iter().map(|Text(id)| format!("{id} retires")));
            let (Text(at), after) = (change.at, shown(change.at.0.since(self.as_of.0)));
            writeln!(f, "{at}, in {after}: {}", said.join(", "))?;
        }
        match sealing {
            Some(id) => writeln!(f, "then {id} is primary until another key is published"),
            None => Ok(()),
        }
    }
}
