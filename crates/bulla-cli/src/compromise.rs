//! A key has leaked, and it is three in the morning.

use std::time::Duration;

use bulla::UnixTime;
use bulla::keys::{Key, KeyId};

use crate::Failure;
use crate::document::{Document, KeyLine};
use crate::edit::{Change, at_once, find, make_room, note_undated};
use crate::timeline::{Sealing, primary_at, sealing, stretches};

/// Takes the key out, and puts a new one in its place that seals at once.
pub(crate) fn compromise(
    document: &mut Document,
    id: KeyId,
    since: Option<UnixTime>,
    skew: Duration,
    now: UnixTime,
) -> Result<Change, Failure> {
    let leaked = find(document, id)?;
    let before = document.keys();
    let new = Key::generate()?;
    if primary_at(&before, now) == Some(id) {
        // With its times, so that the ends of the others stay right.
        document.exchange(id, &new, now);
        // There may be no other key to seal with, and a server's clock may be behind.
        let behind = UnixTime::from_secs(now.as_secs().saturating_sub(skew.as_secs()));
        if primary_at(&document.keys(), behind).is_none() {
            document.set_primary_from(new.id(), behind);
        }
    } else {
        document.remove(id);
        let from = at_once(document, skew, now);
        make_room(document, from);
        document.add(&new, from, now);
    }
    let mut change = Change::default();
    change.say(id, "is out of the ring");
    change.say(new.id(), "opens and seals now");
    note_undated(document, &mut change);
    change.said.push_str(&meaning(&leaked, &before, since, now));
    Ok(change)
}

/// Which tokens die, who notices until when, what lives on, and what is next.
fn meaning(leaked: &KeyLine, before: &[KeyLine], since: Option<UnixTime>, now: UnixTime) -> String {
    let id = leaked.id;
    let sealed = stretches(before).into_iter().find(|stretch| stretch.primary == Some(id));
    // Nobody had it before it was published.
    let first = sealed.map(|stretch| stretch.from.max(leaked.published.unwrap_or(UnixTime::EPOCH)));
    let first = first.filter(|first| *first > UnixTime::EPOCH && *first <= now);
    let issued = match (sealing(before, id), first) {
        (Sealing::Never, _) => "it has sealed none here".to_owned(),
        (_, None) if leaked.primary_from > now => "it has sealed none here".to_owned(),
        (Sealing::Until(until), Some(first)) if until <= now => {
            format!("issued from {first} until {until}")
        }
        (Sealing::Until(until), None) if until <= now => format!("issued until {until}"),
        (_, Some(first)) => format!("issued from {first} until now"),
        (_, None) => "issued at any time until now".to_owned(),
    };
    let forged = since.map_or_else(
        || "  Any of them may be forged.\n".to_owned(),
        |since| format!("  Those issued since {since} may be forged.\n"),
    );
    let gone = leaked.open_until.filter(|until| *until > now).map_or_else(String::new, |until| {
        format!("  The last of them would have expired by {until}.\n")
    });
    format!(
        "\nWhich tokens die\n  \
           Every one of {id}: {issued}.\n{forged}\
         \nWho notices, and until when\n  \
           Whoever has no token under another key signs in again, once.\n  \
           Until every server has this ring: those without it still open forged tokens, and\n  \
           leave tokens of the new key alone, so that people seem signed out there.\n{gone}\
         \nWhat lives on\n  \
           Sessions that were forged with {id} and have moved to another key since. If it\n  \
           leaked before the last change of keys, take those keys out as well.\n\
         \nNext\n  \
           1. Bring the ring to every server, now. Servers that follow it need no restart.\n  \
           2. `bulla ring list` shows the keys, `bulla inspect TOKEN` the key of a token.\n  \
           3. Find out how it leaked, and look in the log for sessions that nobody started.\n"
    )
}
