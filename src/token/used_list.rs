//! The used tokens that a file contains, and its lines.

use std::collections::HashMap;

use crate::time::UnixTime;
use crate::token::id::{FINGERPRINT_LEN, Fingerprint, hex};
use crate::token::wire::CLOCK_SKEW;

/// The tokens in a file of used tokens.
#[derive(Default)]
pub(crate) struct UsedList {
    /// Fingerprints, with the time after which each may be deleted.
    tokens: HashMap<Fingerprint, UnixTime>,
    /// The latest of these times of all tokens that were deleted. The file contains it too.
    deleted: Option<UnixTime>,
}

/// What a line of the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    Line,
    /// A file system that has not written a part of a file before a power failure fills it with
    /// zeros. A sync writes everything before it, so the tokens of such a line were not opened.
    NeverSynced,
    /// Not a line of this release.
    Nothing,
}

/// The line of a token. All lines of tokens have the same length.
pub(crate) fn used_line(token: &Fingerprint, until: UnixTime) -> String {
    format!("used {:032x} until={until}\n", u128::from_be_bytes(*token))
}

impl UsedList {
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(crate) fn has(&self, token: &Fingerprint) -> bool {
        self.tokens.contains_key(token)
    }

    pub(crate) fn add(&mut self, token: Fingerprint, until: UnixTime) {
        self.tokens.insert(token, until);
    }

    /// Takes in a line, without the line break at its end.
    pub(crate) fn learn(&mut self, line: &[u8]) -> Learned {
        if line.contains(&0) {
            return Learned::NeverSynced;
        }
        match parse(line) {
            Some((Some(token), until)) => self.add(token, until),
            Some((None, until)) => self.deleted = self.deleted.max(Some(until)),
            None => return Learned::Nothing,
        }
        Learned::Line
    }

    /// Returns the latest expiry of a deleted token, if this token may be among the deleted ones.
    ///
    /// A token that must be kept until a later time was not deleted. But a caller may have claimed a
    /// token until another time before. Therefore the clock must have passed the latest expiry too.
    pub(crate) fn may_have_deleted(&self, until: UnixTime, now: UnixTime) -> Option<UnixTime> {
        self.deleted.filter(|deleted| until.min(now) <= *deleted)
    }

    /// Deletes the tokens that have expired, even if the clock goes back by [`CLOCK_SKEW`].
    pub(crate) fn delete_expired(&mut self, now: UnixTime) {
        let is_over = |until: UnixTime| until + CLOCK_SKEW < now;
        let over = self.tokens.values().copied().filter(|until| is_over(*until)).max();
        self.deleted = self.deleted.max(over);
        self.tokens.retain(|_, until| !is_over(*until));
        self.tokens.shrink_to_fit();
    }

    /// Deletes the tokens that another process may have deleted from the file.
    pub(crate) fn forget_deleted(&mut self) {
        let deleted = self.deleted;
        self.tokens.retain(|_, until| Some(*until) > deleted);
        self.tokens.shrink_to_fit();
    }

    /// All lines of the file.
    pub(crate) fn text(&self) -> String {
        let mut text =
            self.deleted.map_or(String::new(), |until| format!("deleted until={until}\n"));
        text.extend(self.tokens.iter().map(|(token, until)| used_line(token, *until)));
        text
    }
}

/// A line of a token, or the line about the deleted tokens.
fn parse(line: &[u8]) -> Option<(Option<Fingerprint>, UnixTime)> {
    let (what, until) = std::str::from_utf8(line).ok()?.split_once(" until=")?;
    let until = until.parse().ok()?;
    if what == "deleted" {
        return Some((None, until));
    }
    let token = hex::<FINGERPRINT_LEN>(what.strip_prefix("used ")?)?;
    Some((Some(token.to_be_bytes()), until))
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: UnixTime = UnixTime::from_secs(1_796_126_400);

    fn at(secs: u64) -> UnixTime {
        UnixTime::from_secs(T0.as_secs() + secs)
    }

    /// A list with a token that expires at `T0`, and another one that never does.
    fn list() -> UsedList {
        let mut list = UsedList::default();
        list.add([1; 16], T0);
        list.add([2; 16], UnixTime::MAX);
        list
    }

    #[test]
    fn a_token_is_deleted_a_minute_after_it_may_be() {
        for (now, deleted) in [
            (UnixTime::EPOCH, None),
            (T0, None),
            (at(60), None),
            (at(61), Some(T0)),
            (UnixTime::MAX, Some(T0)),
        ] {
            let mut list = list();
            list.delete_expired(now);
            assert_eq!((list.deleted, list.has(&[1; 16])), (deleted, deleted.is_none()), "{now}");
            assert!(list.has(&[2; 16]));
        }
    }

    #[test]
    fn a_token_that_may_have_been_deleted_is_told_apart_from_a_new_one() {
        let mut list = list();
        assert_eq!(list.may_have_deleted(UnixTime::EPOCH, UnixTime::EPOCH), None);
        list.delete_expired(at(61));
        for (until, now, is_unsure) in [
            (at(900), at(61), false), // a new token
            (at(900), at(1), false),  // the clock has gone back by a minute
            (at(900), T0, true),      // and by more
            (at(900), UnixTime::EPOCH, true),
            (at(1), at(1), false),
            (T0, at(61), true), // an old token
            (UnixTime::EPOCH, at(61), true),
        ] {
            let deleted = list.may_have_deleted(until, now);
            assert_eq!(deleted, is_unsure.then_some(T0), "{until} {now}");
        }
    }

    #[test]
    fn the_lines_of_a_list_make_the_same_list() {
        let mut list = list();
        list.delete_expired(at(61));
        let text = list.text();
        assert_eq!(
            text,
            "deleted until=2026-12-01T12:00:00Z\n\
             used 02020202020202020202020202020202 until=9999-12-31T23:59:59Z\n"
        );
        let mut read = UsedList::default();
        assert!(text.lines().all(|line| read.learn(line.as_bytes()) == Learned::Line));
        assert_eq!(read.text(), text);
    }

    #[test]
    fn a_changed_line_is_refused_or_is_exactly_the_line_of_another_token() {
        for line in [used_line(&[0xab; 16], T0), format!("deleted until={T0}\n")] {
            let line = line.trim_end().as_bytes();
            let mut inputs: Vec<Vec<u8>> =
                (0..line.len()).map(|len| line[..len].to_vec()).collect();
            for (at, byte) in (0..line.len()).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
                let mut changed = line.to_vec();
                changed[at] = byte;
                inputs.push(changed);
                let mut longer = line.to_vec();
                longer.insert(at, byte);
                inputs.push(longer);
            }
            for input in inputs {
                let mut list = UsedList::default();
                let learned = list.learn(&input);
                assert_eq!(learned == Learned::NeverSynced, input.contains(&0));
                let text = match learned {
                    Learned::Line => [&input[..], b"\n"].concat(),
                    Learned::NeverSynced | Learned::Nothing => vec![],
                };
                assert_eq!(list.text().into_bytes(), text);
            }
        }
    }

    #[test]
    fn what_another_process_has_deleted_is_forgotten() {
        let mut list = list();
        list.forget_deleted();
        assert_eq!(list.len(), 2);
        assert_eq!(list.learn(format!("deleted until={T0}").as_bytes()), Learned::Line);
        assert_eq!(list.learn(b"deleted until=2026-01-01T00:00:00Z"), Learned::Line);
        list.forget_deleted();
        assert_eq!((list.len(), list.deleted), (1, Some(T0)));
    }
}
