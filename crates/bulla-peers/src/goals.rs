//! The performance goals, and whether this run met them.

use std::collections::BTreeMap;

use crate::jobs::{Size, Verb};
use crate::peers::{AWS_LC, DEFAULT, DRYOC, Expiry, Kind, Peer, SIGNED, reusing};
use crate::primitives::{BASE64, sequence};
use crate::rounds::{Times, median, ratio};
use crate::scaling::{self, Threads};

/// A goal and its result.
pub struct Goal {
    /// The operation, and what it is compared with.
    pub what: String,
    /// The limit.
    pub limit: f64,
    /// The measured value.
    pub measured: f64,
    /// The library or the figure that the value is relative to.
    pub against: String,
    /// Whether the limit is a minimum.
    pub at_least: bool,
}

impl Goal {
    /// Whether the goal was met.
    pub fn is_met(&self) -> bool {
        if self.at_least { self.measured >= self.limit } else { self.measured <= self.limit }
    }
}

/// The results of a run.
pub struct Results {
    /// Times by job name.
    pub times: BTreeMap<String, Times>,
    /// Allocations by job name.
    pub allocations: BTreeMap<String, u64>,
    /// Characters by job name.
    pub chars: BTreeMap<String, usize>,
    /// Every library.
    pub peers: Vec<Peer>,
}

impl Results {
    /// Returns the times of a job, one for each round.
    pub fn ns(&self, who: &str, verb: Verb, size: Size) -> &[f64] {
        &self.times[&format!("{who} {verb} {size}")].ns
    }

    /// Finds the fastest of `peers`. Returns its time relative to that of `ours`, and its name.
    fn nearest<'p>(
        &self,
        ours: &str,
        verb: Verb,
        size: Size,
        peers: impl Iterator<Item = &'p Peer>,
    ) -> (f64, String) {
        let base = self.ns(ours, verb, size);
        peers
            .map(|peer| (ratio(self.ns(peer.name, verb, size), base), peer.name.to_owned()))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .expect("there are peers")
    }

    fn theirs(&self, kind: Kind) -> impl Iterator<Item = &Peer> {
        self.peers.iter().filter(move |peer| peer.kind == kind && !peer.is_ours())
    }

    /// Checks all goals.
    pub fn goals(&self, threads: &Threads) -> Vec<Goal> {
        let mut goals = self.beside_peers();
        goals.extend(self.beside_primitives());
        goals.extend(self.allocated());
        goals.extend(self.lengths());
        goals.extend(self.refusals());
        goals.push(Goal {
            what: "two threads that share a sealer, relative to two that share nothing".into(),
            limit: 0.95,
            measured: threads.sharing / threads.apart,
            against: format!("{:.2} times one thread", threads.apart),
            at_least: true,
        });
        goals
    }

    fn beside_peers(&self) -> Vec<Goal> {
        use Size::{Large, Small};
        use Verb::{Open, Seal};
        let mut goals = Vec::new();
        let mut faster = |ours: &'static str, verb, size, limit, peers: Vec<&Peer>, whom: &str| {
            let (measured, against) = self.nearest(ours, verb, size, peers.into_iter());
            let what = format!("{ours}: {verb} {size}, faster than {whom}");
            goals.push(Goal { what, limit, measured, against, at_least: true });
        };

        let jar = || self.peers.iter().filter(|peer| peer.name == "cookie private");
        let encrypting = || self.theirs(Kind::Encrypts);
        let signing = || self.theirs(Kind::Signs);
        let with_deadline = |peer: &&Peer| peer.expiry == Expiry::Enforced;
        let xchacha = || encrypting().filter(|peer| peer.suite.starts_with("XChaCha20"));

        for (who, size, limit) in [
            (AWS_LC, Small, 1.7),
            (AWS_LC, Large, 1.9),
            (reusing(AWS_LC), Small, 1.8),
            (reusing(AWS_LC), Large, 3.0),
            (DRYOC, Small, 1.3),
            (DRYOC, Large, 1.9),
            (reusing(DRYOC), Small, 1.4),
            (reusing(DRYOC), Large, 3.2),
        ] {
            faster(who, Open, size, limit, jar().collect(), "the private jar of cookie");
        }
        for (ours, verb, size, limit) in [
            (AWS_LC, Open, Small, 1.25),
            (AWS_LC, Open, Large, 1.6),
            (AWS_LC, Seal, Small, 0.8),
            (AWS_LC, Seal, Large, 1.75),
            (DRYOC, Open, Small, 0.95),
            (DRYOC, Open, Large, 1.6),
            (DRYOC, Seal, Small, 0.8),
            (DRYOC, Seal, Large, 2.1),
        ] {
            let peers = encrypting().collect();
            faster(ours, verb, size, limit, peers, "libraries that encrypt");
        }
        for (ours, verb, limit) in
            [(AWS_LC, Open, 1.35), (AWS_LC, Seal, 1.25), (DRYOC, Open, 1.05), (DRYOC, Seal, 1.25)]
        {
            let peers = xchacha().collect();
            faster(ours, verb, Small, limit, peers, "libraries that use XChaCha20");
        }
        for (verb, limit) in [(Seal, 1.5), (Open, 1.4)] {
            let peers = xchacha().filter(with_deadline).collect();
            let whom = "libraries that use XChaCha20 and enforce a deadline";
            faster(DEFAULT, verb, Small, limit, peers, whom);
        }
        for (verb, limit) in [(Seal, 1.5), (Open, 1.5)] {
            let peers = xchacha().collect();
            faster(DEFAULT, verb, Large, limit, peers, "libraries that use XChaCha20");
        }
        for (verb, limit) in [(Seal, 2.5), (Open, 5.0)] {
            let peers = signing().filter(with_deadline).collect();
            faster(SIGNED, verb, Small, limit, peers, "libraries that sign and enforce a deadline");
        }
        for verb in [Seal, Open] {
            faster(SIGNED, verb, Small, 1.5, signing().collect(), "libraries that sign");
        }
        for (verb, size, limit) in
            [(Seal, Small, 1.15), (Seal, Large, 1.0), (Open, Small, 1.4), (Open, Large, 1.05)]
        {
            goals.push(Goal {
                what: format!("{DRYOC}: {verb} {size}, time relative to {AWS_LC}"),
                limit,
                measured: ratio(self.ns(DRYOC, verb, size), self.ns(AWS_LC, verb, size)),
                against: AWS_LC.to_owned(),
                at_least: false,
            });
        }
        goals
    }

    /// Compares with a program that only calls the primitives, one after another. The key lookup,
    /// the checks and the wiping take 0.1 to 0.2 µs, which is more of a token whose primitives are
    /// fast.
    fn beside_primitives(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        for ours in [AWS_LC, DRYOC, DEFAULT, SIGNED] {
            for (who, reuses) in [(ours, false), (reusing(ours), true)] {
                for verb in [Verb::Seal, Verb::Open] {
                    for size in [Size::Small, Size::Large] {
                        let borrowing = reuses && verb == Verb::Open;
                        let floor = self.ns(sequence(ours, borrowing), verb, size);
                        goals.push(Goal {
                            what: format!("{who}: {verb} {size}, time relative to its primitives"),
                            limit: match (ours, verb, size) {
                                (DEFAULT, ..) | (_, Verb::Open, Size::Large) => 1.1,
                                (_, Verb::Seal, Size::Large) => 1.2,
                                (SIGNED, _, Size::Small) => 1.5,
                                (_, _, Size::Small) => 1.25,
                            },
                            measured: ratio(self.ns(who, verb, size), floor),
                            against: format!("{:.0} ns", median(floor)),
                            at_least: false,
                        });
                    }
                }
            }
        }
        goals
    }

    fn allocated(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        for ours in [AWS_LC, DRYOC, DEFAULT, SIGNED] {
            for verb in [Verb::Seal, Verb::Open] {
                for size in [Size::Small, Size::Large] {
                    goals.push(Goal {
                        what: format!("{}: allocations to {verb} {size}", reusing(ours)),
                        limit: 0.0,
                        measured: self.allocations[&format!("{} {verb} {size}", reusing(ours))]
                            as f64,
                        against: String::new(),
                        at_least: false,
                    });
                }
            }
            for size in [Size::Small, Size::Large] {
                // The allocations of the strings and vectors in the value.
                let theirs = self.allocations[&format!("postcard open {size}")];
                goals.push(Goal {
                    what: format!("{ours}: allocations to open {size}"),
                    limit: theirs as f64,
                    measured: self.allocations[&format!("{ours} open {size}")] as f64,
                    against: format!("{theirs} for the value itself"),
                    at_least: false,
                });
            }
        }
        goals
    }

    /// Compares the lengths of tokens with those that also hide their content and have a deadline.
    fn lengths(&self) -> impl Iterator<Item = Goal> {
        [Size::Small, Size::Large].into_iter().map(|size| {
            let len = |who: &str| self.chars[&format!("{who} seal {size}")];
            let shortest = self
                .theirs(Kind::Encrypts)
                .filter(|peer| peer.expiry == Expiry::Enforced)
                .min_by_key(|peer| len(peer.name))
                .expect("there are peers");
            Goal {
                what: format!("bulla: characters of a {size} token, relative to the shortest that encrypts and enforces a deadline"),
                limit: 1.1,
                measured: len(DEFAULT) as f64 / len(shortest.name) as f64,
                against: shortest.name.to_owned(),
                at_least: false,
            }
        })
    }

    /// Refusals of the text cost no cryptography, so they are compared with decoding the text. All
    /// other refusals cost at most as much as opening.
    fn refusals(&self) -> impl Iterator<Item = Goal> {
        scaling::REFUSALS.into_iter().map(|why| {
            let (limit, than, against) = match why {
                "wrong tag" | "expired" => (1.0, scaling::WHO, "opening"),
                _ => (2.0, BASE64, "decoding the text"),
            };
            let refused = self.ns(&scaling::refusal(why), Verb::Open, Size::Small);
            Goal {
                what: format!("refuse ({why}): time relative to {against}"),
                limit,
                measured: ratio(refused, self.ns(than, Verb::Open, Size::Small)),
                against: against.to_owned(),
                at_least: false,
            }
        })
    }
}
