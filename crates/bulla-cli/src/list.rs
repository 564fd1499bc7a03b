//! A ring as a person reads it: who seals now, who takes over when, who retires when.

use std::collections::BTreeMap;
use std::time::Duration;

use bulla::{KeyId, UnixTime};

use crate::document::{Document, KeyLine};

pub(crate) fn show(document: &Document, now: UnixTime) -> String {
    let keys: Vec<KeyLine> = document.keys().collect();
    let primary = primary_at(&keys, now);
    let mut text = format!("{:<10} {:<11} {:<21} {}\n", "key", "now", "seals from", "opens until");
    for key in &keys {
        let from = match key.primary_from {
            UnixTime::EPOCH => "always".to_owned(),
            from => from.to_string(),
        };
        let until = key.open_until.map_or("no end".to_owned(), |until| until.to_string());
        let state = state(key, primary, now);
        text.push_str(&format!("{:<10} {state:<11} {from:<21} {until}\n", key.id.to_string()));
    }
    text.push('\n');
    for line in timeline(&keys, now) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn state(key: &KeyLine, primary: Option<KeyId>, now: UnixTime) -> &'static str {
    if key.open_until.is_some_and(|until| until <= now) {
        "retired"
    } else if Some(key.id) == primary {
        "seals now"
    } else if key.primary_from > now {
        "waits"
    } else {
        "opens"
    }
}

fn timeline(keys: &[KeyLine], now: UnixTime) -> Vec<String> {
    let mut events: BTreeMap<UnixTime, Vec<String>> = BTreeMap::new();
    let mut sealing = primary_at(keys, now);
    let mut lines = vec![match sealing {
        Some(id) => format!("now: {id} seals, and every key that has not retired opens its tokens"),
        None => "now: NO KEY SEALS; `bulla ring publish --spread 0s` adds one".to_owned(),
    }];
    for key in keys {
        for at in [Some(key.primary_from), key.open_until].into_iter().flatten() {
            if at > now {
                events.entry(at).or_default();
            }
        }
    }
    for (at, said) in &mut events {
        let primary = primary_at(keys, *at);
        if primary != sealing {
            said.push(match (sealing, primary) {
                (Some(before), Some(id)) => format!("{id} takes over from {before}"),
                (None, Some(id)) => format!("{id} seals"),
                (_, None) => "NO KEY SEALS any more".to_owned(),
            });
            sealing = primary;
        }
        let retire = keys.iter().filter(|key| key.open_until == Some(*at));
        said.extend(retire.map(|key| format!("{} retires", key.id)));
    }
    for (at, said) in events.iter().filter(|(_, said)| !said.is_empty()) {
        lines.push(format!("{at} (in {}): {}", span(at.since(now)), said.join(", ")));
    }
    if let Some(id) = sealing {
        lines.push(format!("then {id} seals until another key is published"));
    }
    lines
}

/// The rule of `KeyRing::primary_at`, for the lines of a text.
pub(crate) fn primary_at(keys: &[KeyLine], now: UnixTime) -> Option<KeyId> {
    let open = |key: &&KeyLine| key.open_until.is_none_or(|until| now < until);
    let candidates = keys.iter().filter(|key| key.primary_from <= now).filter(open);
    candidates.rev().max_by_key(|key| key.primary_from).map(|key| key.id)
}

/// To the two largest units: nobody plans a month to the second.
pub(crate) fn span(span: Duration) -> String {
    let text = humantime::format_duration(Duration::from_secs(span.as_secs())).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}
