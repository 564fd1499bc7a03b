//! Computes which key is primary at which time.

use bulla::UnixTime;
use bulla::keys::KeyId;

use crate::document::KeyLine;

/// A period in which one key is primary, or no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) from: UnixTime,
    /// `None` if the period has no end.
    pub(crate) until: Option<UnixTime>,
    pub(crate) primary: Option<KeyId>,
}

/// How long a key is primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sealing {
    Never,
    Until(UnixTime),
    ForGood,
}

/// The same rule as `primary_at` in `src/keys/ring.rs`; `laws.rs` compares them.
pub(crate) fn primary_at(keys: &[KeyLine], now: UnixTime) -> Option<KeyId> {
    let open = |key: &&KeyLine| key.open_until.is_none_or(|until| now < until);
    let candidates = keys.iter().filter(|key| key.primary_from <= now).filter(open);
    // Among equal keys, `max_by_key` takes the last, but the rule takes the first.
    candidates.rev().max_by_key(|key| key.primary_from).map(|key| key.id)
}

/// All periods from 1970 on, in order and without overlap.
pub(crate) fn stretches(keys: &[KeyLine]) -> Vec<Stretch> {
    let changes = keys.iter().flat_map(|key| [Some(key.primary_from), key.open_until]);
    let mut instants: Vec<UnixTime> = changes.flatten().chain([UnixTime::EPOCH]).collect();
    instants.sort_unstable();
    instants.dedup();
    let mut stretches: Vec<Stretch> = Vec::new();
    for from in instants {
        let primary = primary_at(keys, from);
        match stretches.last_mut() {
            Some(last) if last.primary == primary => {}
            last => {
                if let Some(last) = last {
                    last.until = Some(from);
                }
                stretches.push(Stretch { from, until: None, primary });
            }
        }
    }
    stretches
}

/// The periods from `now` on without a primary key.
pub(crate) fn gaps(keys: &[KeyLine], now: UnixTime) -> Vec<Stretch> {
    let to_come = |stretch: &Stretch| stretch.until.is_none_or(|until| until > now);
    let gaps = stretches(keys).into_iter().filter(|stretch| stretch.primary.is_none());
    gaps.filter(to_come).map(|gap| Stretch { from: gap.from.max(now), ..gap }).collect()
}

/// The first period without a primary key that a change would add or extend.
pub(crate) fn new_gap(before: &[KeyLine], after: &[KeyLine], now: UnixTime) -> Option<Stretch> {
    let before = gaps(before, now);
    let within = |gap: &Stretch, old: &Stretch| {
        let ends = old.until.is_none_or(|end| gap.until.is_some_and(|until| until <= end));
        old.from <= gap.from && ends
    };
    gaps(after, now).into_iter().find(|gap| !before.iter().any(|old| within(gap, old)))
}

/// How long a key is primary: until the end of the last period in which it is primary.
pub(crate) fn sealing(keys: &[KeyLine], id: KeyId) -> Sealing {
    let mut of_key = stretches(keys).into_iter().filter(|stretch| stretch.primary == Some(id));
    match of_key.next_back().map(|stretch| stretch.until) {
        None => Sealing::Never,
        Some(None) => Sealing::ForGood,
        Some(Some(until)) => Sealing::Until(until),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, from: u64, until: Option<u64>) -> KeyLine {
        KeyLine {
            id: id.parse().unwrap(),
            primary_from: UnixTime::from_secs(from),
            open_until: until.map(UnixTime::from_secs),
            published: None,
        }
    }

    #[test]
    fn stretches_follow_the_rule_of_the_ring() {
        let (a, b) = ("aaaaaaaa", "bbbbbbbb");
        let at = UnixTime::from_secs;
        // b becomes primary after a, but retires before a, so a becomes primary again.
        let keys = [key(a, 10, Some(90)), key(b, 20, Some(50))];
        let found = stretches(&keys);
        let starts: Vec<(u64, Option<String>)> = found
            .iter()
            .map(|stretch| (stretch.from.as_secs(), stretch.primary.map(|id| id.to_string())))
            .collect();
        let named = |id: &str| Some(id.to_owned());
        assert_eq!(starts, [(0, None), (10, named(a)), (20, named(b)), (50, named(a)), (90, None)]);
        assert_eq!(sealing(&keys, keys[0].id), Sealing::Until(at(90)));
        assert_eq!(sealing(&keys, keys[1].id), Sealing::Until(at(50)));
        assert_eq!(gaps(&keys, at(30))[0].from, at(90));
        assert_eq!(gaps(&keys, at(95))[0].from, at(95));
    }

    #[test]
    fn of_two_keys_with_the_same_start_only_the_first_is_ever_primary() {
        let keys = [key("aaaaaaaa", 10, None), key("bbbbbbbb", 10, None)];
        assert_eq!(sealing(&keys, keys[0].id), Sealing::ForGood);
        assert_eq!(sealing(&keys, keys[1].id), Sealing::Never);
        assert_eq!(gaps(&keys, UnixTime::from_secs(10)), []);
    }

    #[test]
    fn a_gap_is_new_unless_an_old_gap_contains_it() {
        let keys = |first: Option<u64>, second: u64, last: Option<u64>| {
            [key("aaaaaaaa", 0, first), key("bbbbbbbb", second, last)]
        };
        let new = |before: &[KeyLine], after: &[KeyLine]| {
            new_gap(before, after, UnixTime::from_secs(5)).map(|gap| gap.from.as_secs())
        };
        let before = keys(Some(10), 20, None);
        assert_eq!(new(&before, &before), None);
        assert_eq!(new(&before, &keys(Some(12), 18, None)), None, "shorter");
        assert_eq!(new(&before, &keys(Some(9), 20, None)), Some(9), "earlier");
        assert_eq!(new(&before, &keys(Some(10), 21, None)), Some(10), "longer");
        assert_eq!(new(&before, &keys(Some(10), 20, Some(30))), Some(30), "another");
        assert_eq!(new(&before, &before[..1]), Some(10), "for good");
        assert_eq!(new(&before[..1], &before), None, "no more for good");
    }
}
