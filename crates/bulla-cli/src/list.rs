//! `bulla ring list`: the keys and their schedule.

use bulla::UnixTime;
use bulla::keys::KeyId;

use crate::document::{Document, KeyLine};
use crate::timeline::{primary_at, stretches};
use crate::values::shown;

pub(crate) fn show(document: &Document, now: UnixTime) -> String {
    let keys = document.keys();
    let primary = primary_at(&keys, now);
    let serial = document.serial();
    let serial = serial.map_or("no serial number".to_owned(), |n| format!("serial number {n}"));
    let mut text = format!("{serial}, as of {now}\n\n");
    let rows: Vec<[String; 4]> = keys.iter().map(|key| row(key, primary, now)).collect();
    let wide = rows.iter().map(|[_, state, ..]| state.len()).max().unwrap_or(0).max(5);
    let mut add = |[id, state, from, until]: [&str; 4]| {
        let line = format!("{id:<8}  {state:<wide$}  {from:<20}  {until}");
        text.push_str(line.trim_end());
        text.push('\n');
    };
    add(["key id", "state", "primary-from", "open-until"]);
    rows.iter().for_each(|row| add(row.each_ref().map(String::as_str)));
    text.push('\n');
    for line in timeline(&keys, now) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn row(key: &KeyLine, primary: Option<KeyId>, now: UnixTime) -> [String; 4] {
    let from = match key.primary_from {
        UnixTime::EPOCH => "always".to_owned(),
        from => from.to_string(),
    };
    let until = key.open_until.map_or("no end".to_owned(), |until| until.to_string());
    [key.id.to_string(), state(key, primary, now), from, until]
}

fn state(key: &KeyLine, primary: Option<KeyId>, now: UnixTime) -> String {
    match key.open_until {
        Some(until) if until <= now => format!("retired since {until}"),
        _ if Some(key.id) == primary => "primary".to_owned(),
        _ if key.primary_from > now => format!("waiting until {}", key.primary_from),
        _ => "opens tokens".to_owned(),
    }
}

fn timeline(keys: &[KeyLine], now: UnixTime) -> Vec<String> {
    let mut sealing = primary_at(keys, now);
    let mut lines = vec![match sealing {
        Some(id) => {
            format!("now: {id} is primary; every key that has not retired opens its tokens")
        }
        None => "now: NO PRIMARY KEY; `bulla ring publish --spread 0s` adds one".to_owned(),
    }];
    let stretches = stretches(keys);
    let takes_over = stretches.iter().map(|stretch| stretch.from);
    let retires = keys.iter().filter_map(|key| key.open_until);
    let mut instants: Vec<UnixTime> = takes_over.chain(retires).filter(|at| *at > now).collect();
    instants.sort_unstable();
    instants.dedup();
    for at in instants {
        let mut said = Vec::new();
        let primary = primary_at(keys, at);
        if primary != sealing {
            said.push(match (sealing, primary) {
                (Some(before), Some(id)) => format!("{id} becomes primary instead of {before}"),
                (None, Some(id)) => format!("{id} becomes primary"),
                (_, None) => "NO PRIMARY KEY".to_owned(),
            });
            sealing = primary;
        }
        let retire = keys.iter().filter(|key| key.open_until == Some(at));
        said.extend(retire.map(|key| format!("{} retires", key.id)));
        lines.push(format!("{at}, in {}: {}", shown(at.since(now)), said.join(", ")));
    }
    if let Some(id) = sealing {
        lines.push(format!("then {id} is primary until another key is published"));
    }
    lines
}
