//! `bulla ring compromise`: replaces a leaked key and explains the consequences.

use std::time::Duration;

use bulla::UnixTime;
use bulla::keys::{Key, KeyId};

use crate::document::{Document, KeyLine};
use crate::edit::{Change, at_once, find, make_room, note_undated};
use crate::reply::Failure;
use crate::timeline::{Sealing, primary_at, sealing, stretches};

/// Removes the key and adds a new one that is primary at once.
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
        // The new key gets the dates of the leaked key, so the other dates stay correct.
        document.exchange(id, &new, now);
        // Without this, a server whose clock is behind might find no primary key.
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
    change.say(id, "is removed");
    change.say(new.id(), "is primary now");
    note_undated(document, &mut change);
    change.said.push_str(&meaning(&leaked, &before, since, now));
    Ok(change)
}

/// Explains which tokens are refused, which users notice the change and until when, which forged
/// sessions stay valid, and what to do next.
fn meaning(leaked: &KeyLine, before: &[KeyLine], since: Option<UnixTime>, now: UnixTime) -> String {
    let id = leaked.id;
    let sealed = stretches(before).into_iter().find(|stretch| stretch.primary == Some(id));
    // The key was in no ring before it was published.
    let first = sealed.map(|stretch| stretch.from.max(leaked.published.unwrap_or(UnixTime::EPOCH)));
    let first = first.filter(|first| *first > UnixTime::EPOCH && *first <= now);
    let issued = match (sealing(before, id), first) {
        (Sealing::Never, _) => "none, because it was never primary in this ring".to_owned(),
        (_, None) if leaked.primary_from > now => {
            "none, because it was never primary in this ring".to_owned()
        }
        (Sealing::Until(until), Some(first)) if until <= now => {
            format!("issued from {first} until {until}")
        }
        (Sealing::Until(until), None) if until <= now => format!("issued until {until}"),
        (_, Some(first)) => format!("issued from {first} until now"),
        (_, None) => "issued at any time until now".to_owned(),
    };
    let forged = since.map_or_else(
        || "  Any of these tokens may be forged.\n".to_owned(),
        |since| format!("  Tokens issued since {since} may be forged.\n"),
    );
    let gone = leaked.open_until.filter(|until| *until > now).map_or_else(String::new, |until| {
        format!("  The last of these tokens would have expired by {until}.\n")
    });
    format!(
        "\nTokens that are refused\n  \
           All tokens under {id}: {issued}.\n{forged}\
         \nWho notices, and until when\n  \
           Users whose tokens are all under {id} must sign in again, once.\n  \
           Until a server has this ring, it still opens forged tokens, and it treats tokens\n  \
           under the new key as absent. Users with such tokens seem signed out there.\n{gone}\
         \nWhat remains\n  \
           Forged sessions stay valid if their tokens have since been renewed under another\n  \
           key. If {id} leaked before the last rotation, also revoke the keys that became\n  \
           primary after it.\n\
         \nNext\n  \
           1. Copy the ring to every server now. Servers that follow the ring need no restart.\n  \
           2. `bulla ring list` shows the keys. `bulla inspect TOKEN` shows a token's key id.\n  \
           3. Find out how the key leaked, and search the log for sessions that no user started.\n"
    )
}
