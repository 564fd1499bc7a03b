//! `bulla ring check`: checks that no token is lost while the servers follow a schedule.

use std::fmt;
use std::time::Duration;

use bulla::UnixTime;
use serde::Serialize;

use crate::document::KeyLine;
use crate::edit::Kept;
use crate::json::Text;
use crate::timeline::{Sealing, gaps, primary_at, sealing};
use crate::values::shown;

/// If a primary key is older than this, the check prints a note. If keys are rotated every month,
/// they do not reach this age.
const LONG: Duration = Duration::from_secs(40 * 24 * 60 * 60);

/// What the check assumes about the fleet and about its tokens.
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) spread: Duration,
    pub(crate) kept: Kept,
}

/// The result of a check.
#[derive(Serialize)]
pub(crate) struct Checks {
    as_of: Text<UnixTime>,
    /// `Fail` if a row fails, otherwise `Pass`.
    pub(crate) verdict: Verdict,
    rows: Vec<Row>,
}

impl Checks {
    pub(crate) fn of(keys: &[KeyLine], policy: Policy, now: UnixTime) -> Checks {
        let rows = rows(keys, policy, now);
        let fails = rows.iter().any(|row| row.verdict == Verdict::Fail);
        let verdict = if fails { Verdict::Fail } else { Verdict::Pass };
        Checks { as_of: Text(now), verdict, rows }
    }
}

impl fmt::Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) verdict: Verdict,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Pass,
    /// No token is lost, but the user should know.
    Note,
    Fail,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Pass => "pass",
            Verdict::Note => "note",
            Verdict::Fail => "FAIL",
        };
        write!(f, "{verdict}  {}", self.text)
    }
}

fn pass(text: String) -> Row {
    Row { verdict: Verdict::Pass, text }
}

fn note(text: String) -> Row {
    Row { verdict: Verdict::Note, text }
}

fn fail(text: String) -> Row {
    Row { verdict: Verdict::Fail, text }
}

pub(crate) fn rows(keys: &[KeyLine], policy: Policy, now: UnixTime) -> Vec<Row> {
    let mut rows = vec![always_sealing(keys, now)];
    rows.extend(not_for_ever(keys, now));
    for key in keys {
        if let Some(until) = key.open_until.filter(|until| *until <= now) {
            let id = key.id;
            rows.push(note(format!("{id} retired {until}; `bulla ring prune` removes it")));
            continue;
        }
        rows.extend(published_in_time(key, policy, now));
        rows.push(retires_in_time(keys, key, policy));
    }
    rows
}

fn always_sealing(keys: &[KeyLine], now: UnixTime) -> Row {
    let gaps = gaps(keys, now);
    let Some(gap) = gaps.first() else {
        return pass("the ring has a primary key at all times from now on".to_owned());
    };
    let until = gap.until.map_or_else(|| "on".to_owned(), |until| format!("until {until}"));
    fail(format!(
        "the ring has no primary key from {} {until}; publish or promote a key that is \
         primary then",
        gap.from
    ))
}

fn not_for_ever(keys: &[KeyLine], now: UnixTime) -> Option<Row> {
    let primary = keys.iter().find(|key| Some(key.id) == primary_at(keys, now))?;
    let since = primary.primary_from.max(primary.published.unwrap_or(UnixTime::EPOCH));
    let old = since > UnixTime::EPOCH && now.since(since) > LONG;
    let followed = sealing(keys, primary.id) != Sealing::ForGood;
    (old && !followed).then(|| {
        let (id, time) = (primary.id, shown(now.since(since)));
        note(format!("{id} has been primary for {time}: publish a new key every month"))
    })
}

/// Checks that every server has a key before any server seals with it.
fn published_in_time(key: &KeyLine, policy: Policy, now: UnixTime) -> Option<Row> {
    let (id, from) = (key.id, key.primary_from);
    let is_first = from == UnixTime::EPOCH && key.published.is_none_or(|at| at <= now);
    if is_first {
        return None; // servers have the first key of a ring as soon as they have the ring
    }
    let Some(published) = key.published else {
        let needed = now + policy.spread + policy.kept.skew;
        return (now < from && from < needed).then(|| {
            note(format!(
                "{id} becomes primary {from}, but the ring does not say when {id} was published; \
                 make sure that every server has the key before then"
            ))
        });
    };
    let needed = published + policy.spread + policy.kept.skew;
    let text = format!("{id} was published {published} and becomes primary {from}");
    Some(if from >= needed {
        pass(text)
    } else if now >= needed {
        note(format!("{text}, which was too early, but every server has the key now"))
    } else {
        fail(format!(
            "{text}; the earliest safe time is {needed}, because a server may not have the key \
             before"
        ))
    })
}

/// Checks that a key retires, and that the last token under the key has expired by that time.
fn retires_in_time(keys: &[KeyLine], key: &KeyLine, policy: Policy) -> Row {
    let id = key.id;
    let dates = format!("`bulla ring retire {id} --longest DURATION` sets a date");
    match (sealing(keys, id), key.open_until) {
        (Sealing::ForGood, _) => pass(format!("{id} is the newest key, which needs no date")),
        (_, None) => fail(format!("{id} never retires: {dates}")),
        (Sealing::Never, Some(until)) => {
            pass(format!("{id} never becomes primary and retires {until}"))
        }
        (Sealing::Until(demoted), Some(until)) => {
            let needed = policy.kept.from(demoted);
            let text = format!("{id} is primary until {demoted} and retires {until}");
            if until >= needed {
                pass(text)
            } else {
                fail(format!(
                    "{text}; the earliest safe time is {needed}, because its tokens are valid \
                     until then"
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    fn key(id: &str, published: Option<u64>, from: u64, until: Option<u64>) -> KeyLine {
        KeyLine {
            id: id.parse().unwrap(),
            primary_from: UnixTime::from_secs(from),
            open_until: until.map(UnixTime::from_secs),
            published: published.map(UnixTime::from_secs),
        }
    }

    /// Verdicts for a spread of 60 s, a longest lifetime of 1,000 s and a skew of 10 s.
    fn verdicts(keys: &[KeyLine]) -> Vec<Verdict> {
        let kept = Kept { longest: Duration::from_secs(1_000), skew: Duration::from_secs(10) };
        let policy = Policy { spread: Duration::from_secs(60), kept };
        rows(keys, policy, UnixTime::from_secs(NOW)).iter().map(|row| row.verdict).collect()
    }

    #[test]
    fn a_schedule_that_is_one_second_too_early_fails() {
        use Verdict::{Fail, Note, Pass};
        let old = |until| key("aaaaaaaa", None, 0, until);
        let new = |from| key("bbbbbbbb", Some(NOW), from, None);
        let due = NOW + 70;
        // rows: always a primary key, old key retires, new key published, new key retires
        let good = [old(Some(due + 1_010)), new(due)];
        assert_eq!(verdicts(&good), [Pass, Pass, Pass, Pass]);
        assert_eq!(verdicts(&[old(Some(due + 1_009)), new(due)]), [Pass, Fail, Pass, Pass]);
        assert_eq!(verdicts(&[old(Some(due + 1_010)), new(due - 1)]), [Pass, Pass, Fail, Pass]);
        assert_eq!(verdicts(&[old(None), new(due)]), [Pass, Fail, Pass, Pass]);
        // a gap before the new key is primary
        assert_eq!(verdicts(&[old(Some(due - 1)), new(due)]), [Fail, Fail, Pass, Pass]);
        // a gap at the end
        assert_eq!(verdicts(&[old(Some(due))]), [Fail, Fail]);
        // no primary key now
        assert_eq!(verdicts(&[new(due)]), [Fail, Pass, Pass]);
        // retired and not removed
        assert_eq!(verdicts(&[old(Some(NOW)), key("bbbbbbbb", None, 9, None)]), [Pass, Note, Pass]);
        // primary at once, long ago
        let hasty = key("bbbbbbbb", Some(NOW - 70), NOW - 70, None);
        assert_eq!(verdicts(&[hasty]), [Pass, Note, Pass]);
    }
}
