//! The known revocations of one subject, or of all sessions, as a value that can be merged.
//!
//! A token *follows* a revocation if it was made with knowledge of the revocation. Such a token
//! contains the exception of the revocation, and the revocation does not end it.
//!
//! The *cutoff* of a token is the latest instant of the revocations that the token does not follow.
//! A session is revoked if it started before the cutoff of its token. A merge takes the later
//! cutoff for each token. Therefore the result does not depend on the order in which revocations
//! arrive, on repetitions, or on whether another server merged some of them before (DESIGN.md).

use std::time::Duration;

use crate::revocation::entry::{Exception, NO_MARK, REACH};
use crate::time::UnixTime;
use crate::token::wire::CLOCK_SKEW;

/// A new session follows a revocation only if the revocation's instant is at most 121 seconds in
/// the future. The clock of the server that made the revocation may be 60 seconds ahead, and the
/// instant is 61 seconds after the time of that clock. If an instant is further in the future, new
/// sign-ins are refused until it is at most 121 seconds away.
const WINDOW: Duration = Duration::from_secs(CLOCK_SKEW.as_secs() + REACH.as_secs());

/// The maximum number of revocations that a session follows. Each takes 29 bytes of the state
/// token.
pub(crate) const MAX_FOLLOWS: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// Sessions that started before this instant are revoked, without exception.
    hard: UnixTime,
    /// The revocations that have an exception, the latest first. Each has a different origin. A
    /// session that started before the instant of one of them is revoked, unless its token follows
    /// this revocation.
    except: Vec<Followed>,
    /// The time at which these revocations expire.
    pub(crate) until: UnixTime,
}

/// A revocation with an exception, which a token can follow. Such a token comes from the session
/// that made the revocation, or from a sign-in on a server that knew the revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    pub(crate) before: UnixTime,
    pub(crate) except: Exception,
}

/// The revocations that a token follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Follows<'a> {
    /// The last revocation with which the session itself ended the other sessions of its subject.
    /// `None` if it never did.
    pub(crate) own: Option<Followed>,
    /// The revocations that were known when the session started.
    pub(crate) earlier: &'a [Followed],
}

impl Known {
    pub(crate) fn new(before: UnixTime, except: Option<Exception>, until: UnixTime) -> Known {
        let hard = if except.is_none() { before } else { UnixTime::EPOCH };
        let except = except.map(|except| Followed { before, except });
        Known { hard, except: except.into_iter().collect(), until }
    }

    /// The cutoff of a token: its session is revoked if it started before the returned time.
    pub(crate) fn cutoff(&self, follows: Follows<'_>) -> UnixTime {
        let unfollowed = self.except.iter().find(|of| !follows.follows(of));
        unfollowed.map_or(self.hard, |of| of.before.max(self.hard))
    }

    /// The revocations that a session follows if it starts at `now`.
    pub(crate) fn followed(&self, now: UnixTime) -> impl Iterator<Item = Followed> {
        self.except.iter().copied().filter(move |of| of.before > now && of.before <= now + WINDOW)
    }

    pub(crate) fn merge(mut self, other: &Known) -> Known {
        self.hard = self.hard.max(other.hard);
        self.until = self.until.max(other.until);
        for new in &other.except {
            let held = self.except.iter_mut().find(|of| of.except.origin == new.except.origin);
            match held {
                None => self.except.push(*new),
                Some(held) if held.before < new.before => *held = *new,
                // The session ended the other sessions twice in one second. Both of its new tokens
                // are revoked. If the session makes a later revocation, the token that it gets then
                // is valid.
                Some(held) if held.before == new.before && held.except != new.except => {
                    held.except.mark = NO_MARK;
                }
                Some(_) => {}
            }
        }
        self.except.sort_unstable_by_key(|of| (std::cmp::Reverse(of.before), of.except.origin));
        self
    }

    /// The instants and exceptions of the revocations that merge to this value.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (UnixTime, Option<Exception>)> {
        let hard =
            (self.hard > UnixTime::EPOCH || self.except.is_empty()).then_some((self.hard, None));
        hard.into_iter().chain(self.except.iter().map(|of| (of.before, Some(of.except))))
    }
}

impl Follows<'_> {
    fn follows(&self, of: &Followed) -> bool {
        self.own.iter().chain(self.earlier).any(|after| after.is_or_follows(of))
    }
}

impl Followed {
    /// Whether this revocation is `of` itself or a later revocation by the same session.
    fn is_or_follows(&self, of: &Followed) -> bool {
        let same = self.except.mark == of.except.mark && of.except.mark != NO_MARK;
        self.except.origin == of.except.origin
            && (self.before > of.before || (self.before == of.before && same))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revocation::entry::{Revocation, Subject};
    use crate::token::id::SessionId;

    use proptest::prelude::*;

    const ENDS: UnixTime = UnixTime::from_secs(1000);

    fn at(secs: u64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    fn exception(origin: u8, mark: u8) -> Exception {
        Exception { origin: SessionId::from_bytes([origin; 16]), mark: [mark; 8] }
    }

    /// There are few sessions, marks and seconds, so that collisions are frequent.
    fn values() -> impl Strategy<Value = Known> {
        let except = (0..3_u8, 1..3_u8).prop_map(|(origin, mark)| Some(exception(origin, mark)));
        let except = prop_oneof![3 => Just(None), 7 => except];
        (1..7_u64, except).prop_map(|(before, except)| Known::new(at(before), except, ENDS))
    }

    /// The cutoffs of tokens that follow nothing, one revocation, or two.
    fn cutoffs(cutoff: impl Fn(Follows<'_>) -> UnixTime) -> Vec<UnixTime> {
        let followed = |origin| {
            (1..7).flat_map(move |before| {
                (1..3).map(move |mark| Followed {
                    before: at(before),
                    except: exception(origin, mark),
                })
            })
        };
        let all: Vec<Followed> = (0..3).flat_map(followed).collect();
        let own = || all.iter().copied().map(Some).chain([None]);
        let mut found = Vec::new();
        for own in own() {
            for earlier in all.iter().map(std::slice::from_ref).chain([&[][..]]) {
                // At its start, a session follows only revocations by other sessions.
                if own.map(|of| of.except.origin) != earlier.first().map(|of| of.except.origin) {
                    found.push(cutoff(Follows { own, earlier }));
                }
            }
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(
            std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(500),
        ))]

        /// Set `PROPTEST_CASES=100000` for more cases.
        #[test]
        fn merging_takes_the_latest_cutoff_of_each_token(
            a in values(), b in values(), c in values(),
        ) {
            let merge = |a: &Known, b: &Known| a.clone().merge(b);
            let merged = merge(&merge(&a, &b), &c);
            let latest = cutoffs(|of| a.cutoff(of).max(b.cutoff(of)).max(c.cutoff(of)));
            prop_assert_eq!(cutoffs(|of| merged.cutoff(of)), latest);
            for (x, y, z) in [(&a, &c, &b), (&b, &a, &c), (&b, &c, &a), (&c, &a, &b), (&c, &b, &a)] {
                prop_assert_eq!(&merge(x, &merge(y, z)), &merged);
            }
            prop_assert_eq!(&merge(&merged, &a), &merged);
            prop_assert_eq!(&merge(&merged, &merged), &merged);
        }

        #[test]
        fn a_value_is_the_merge_of_the_revocations_that_it_gives(
            a in values(), b in values(), c in values(),
        ) {
            let merged = a.merge(&b).merge(&c);
            let read = merged.parts().map(|(before, except)| {
                let subject = Subject::of("p", "s");
                let line = Revocation::Subject { subject, before, except, until: ENDS }.to_string();
                match line.parse().unwrap() {
                    Revocation::Subject { before, except, until, .. } => {
                        Known::new(before, except, until)
                    }
                    other => panic!("{other}"),
                }
            });
            prop_assert_eq!(read.reduce(|a, b| a.merge(&b)), Some(merged));
        }
    }
}
