//! What a server knows of one subject's revocations: a value that merges.
//!
//! Merging takes the later cutoff for every session, so revocations may arrive in any
//! order, repeatedly, or merged by another server: the result is the same (DESIGN.md).

use crate::revocation::entry::{Exception, NO_MARK, Revocation, Subject};
use crate::time::UnixTime;
use crate::token::id::{Mark, SessionId};

/// Sessions that started before `hard` are over. Sessions that started before `soft` are
/// over too, except the session that ended the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    hard: UnixTime,
    /// Never before `hard`.
    soft: UnixTime,
    /// There is one exactly if `soft` is after `hard`.
    except: Option<Exception>,
    /// From then on, none of these sessions can be alive.
    pub(crate) until: UnixTime,
}

/// What a session that ended the others has in its state token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndedOthers {
    /// The instant of the revocation that it made: the others that started before are over.
    pub(crate) before: UnixTime,
    /// Tells it from another session that ended the others in the same second.
    pub(crate) mark: Mark,
}

impl Known {
    pub(crate) fn new(before: UnixTime, except: Option<Exception>, until: UnixTime) -> Known {
        let hard = if except.is_none() { before } else { UnixTime::EPOCH };
        Known { hard, soft: before, except, until }.normal()
    }

    /// A session of the subject is over if it started before this.
    pub(crate) fn cutoff(&self, origin: SessionId, ended: Option<EndedOthers>) -> UnixTime {
        let spares = |except: Exception| {
            except.origin == origin && ended.is_some_and(|ended| except.spares(self.soft, ended))
        };
        if self.except.is_some_and(spares) { self.hard } else { self.soft }
    }

    /// A session that starts now is over if it starts before this.
    pub(crate) fn latest(&self) -> UnixTime {
        self.soft
    }

    pub(crate) fn merge(self, other: Known) -> Known {
        let (a, b) = if self.soft < other.soft { (other, self) } else { (self, other) };
        let until = a.until.max(b.until);
        let hard = a.hard.max(b.hard);
        let same_session = match (a.except, b.except) {
            (Some(a), Some(b)) => a.origin == b.origin,
            _ => false,
        };
        let merged = match (a.except, a.soft == b.soft) {
            // `b` does not spare the exception of `a`, unless that session ended the others
            // after it made `b`.
            (except, false) => {
                let hard = if same_session { hard } else { hard.max(b.soft) };
                Known { hard, soft: a.soft, except, until }
            }
            (except, true) if except == b.except => Known { hard, soft: a.soft, except, until },
            // One session twice in a second: neither of the two tokens is spared, but those
            // that follow from them are.
            (Some(except), true) if same_session => {
                let except = Some(Exception { mark: NO_MARK, ..except });
                Known { hard, soft: a.soft, except, until }
            }
            // Two sessions in the same second: neither is spared.
            (_, true) => Known { hard: a.soft, soft: a.soft, except: None, until },
        };
        merged.normal()
    }

    fn normal(self) -> Known {
        let soft = self.soft.max(self.hard);
        Known { soft, except: self.except.filter(|_| soft > self.hard), ..self }
    }

    /// The revocations that lead to this value, of which there is one or two.
    pub(crate) fn revocations(self, subject: Subject) -> impl Iterator<Item = Revocation> {
        let Known { hard, soft, except, until } = self;
        let of = move |before, except| Revocation::Subject { subject, before, except, until };
        let hard = (except.is_none() || hard > UnixTime::EPOCH).then(|| of(hard, None));
        let soft = except.map(|except| of(soft, Some(except)));
        hard.into_iter().chain(soft)
    }
}

impl Exception {
    /// Whether a token of the same session is spared by a revocation of `before`.
    fn spares(&self, before: UnixTime, ended: EndedOthers) -> bool {
        let same = ended.mark == self.mark && self.mark != NO_MARK;
        ended.before > before || (ended.before == before && same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    const ENDS: UnixTime = UnixTime::from_secs(1000);

    fn at(secs: u64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    fn session(n: u8) -> SessionId {
        SessionId::from_bytes([n; 16])
    }

    fn mark(n: u8) -> Mark {
        [n; 8]
    }

    /// Few sessions, marks and seconds, so that they often meet.
    fn values() -> impl Strategy<Value = Known> {
        let except = (0..3_u8, 1..3_u8)
            .prop_map(|(origin, n)| Some(Exception { origin: session(origin), mark: mark(n) }));
        let except = prop_oneof![3 => Just(None), 7 => except];
        (1..7_u64, except).prop_map(|(before, except)| Known::new(at(before), except, ENDS))
    }

    fn tokens() -> Vec<(SessionId, Option<EndedOthers>)> {
        let ended =
            |before| (1..3).map(move |n| Some(EndedOthers { before: at(before), mark: mark(n) }));
        let ended = || (1..7).flat_map(ended).chain([None]);
        (0..3).flat_map(|origin| ended().map(move |ended| (session(origin), ended))).collect()
    }

    fn cutoffs(known: Known) -> Vec<UnixTime> {
        tokens().into_iter().map(|(origin, ended)| known.cutoff(origin, ended)).collect()
    }

    fn latest(all: &[Known]) -> Vec<UnixTime> {
        let cutoff = |(origin, ended)| all.iter().map(|known| known.cutoff(origin, ended)).max();
        tokens().into_iter().filter_map(cutoff).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(
            std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000),
        ))]

        /// `PROPTEST_CASES=100000` for more.
        #[test]
        fn merging_takes_the_latest_cutoff_of_each_token(
            a in values(), b in values(), c in values(),
        ) {
            let merged = a.merge(b).merge(c);
            prop_assert_eq!(cutoffs(merged), latest(&[a, b, c]));
            for (x, y, z) in [(a, c, b), (b, a, c), (b, c, a), (c, a, b), (c, b, a)] {
                prop_assert_eq!(x.merge(y.merge(z)), merged);
            }
            prop_assert_eq!(merged.merge(a), merged);
            prop_assert_eq!(merged.merge(merged), merged);
        }

        #[test]
        fn a_value_is_the_merge_of_the_revocations_that_it_gives(
            a in values(), b in values(), c in values(),
        ) {
            let merged = a.merge(b).merge(c);
            let read = merged.revocations(Subject::of("p", "s")).map(|revocation| {
                let line = revocation.to_string();
                match line.parse().unwrap() {
                    Revocation::Subject { before, except, until, .. } => {
                        Known::new(before, except, until)
                    }
                    other => panic!("{other}"),
                }
            });
            prop_assert_eq!(read.reduce(Known::merge), Some(merged));
        }
    }
}
