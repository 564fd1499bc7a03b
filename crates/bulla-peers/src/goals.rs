//! The performance goals, and whether this run met them.

use std::collections::BTreeMap;

use crate::jobs::{Size, Verb};
use crate::peers::{DEFAULT, FAST, Kind, Peer, SIGNED, reusing};
use crate::primitives::floor;
use crate::rounds::{Times, median, ratio};

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

    /// Returns the sum of the times of the primitives, one for each round.
    pub fn floor(&self, who: &str, verb: Verb, size: Size, borrowing: bool) -> Vec<f64> {
        let parts = floor(who, verb, borrowing);
        let part = |part: &&str| match self.times.get(&format!("{part} {verb} {size}")) {
            Some(times) => times.ns.clone(),
            None => panic!("{part} {verb} {size} was not measured"),
        };
        let parts: Vec<Vec<f64>> = parts.iter().map(part).collect();
        (0..parts[0].len()).map(|round| parts.iter().map(|part| part[round]).sum()).collect()
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

    /// Checks all goals that compare libraries.
    pub fn goals(&self) -> Vec<Goal> {
        use Size::{Large, Small};
        use Verb::{Open, Seal};
        let mut goals = Vec::new();
        let mut faster = |ours: &'static str,
                          verb,
                          size,
                          limit,
                          found: (f64, String),
                          whom: &str| {
            let what = format!("{ours}: {verb} {size}, faster than {whom}");
            goals.push(Goal { what, limit, measured: found.0, against: found.1, at_least: true });
        };

        let jar = || self.peers.iter().filter(|peer| peer.name == "cookie private");
        let encrypting = || self.theirs(Kind::Encrypts);
        let given_postcard = || encrypting().filter(|peer| peer.encoding.starts_with("postcard"));
        let xchacha = || encrypting().filter(|peer| peer.suite.starts_with("XChaCha20"));

        faster(
            FAST,
            Open,
            Small,
            2.0,
            self.nearest(FAST, Open, Small, jar()),
            "the private jar of cookie",
        );
        for (verb, size, limit) in [(Open, Small, 1.5), (Open, Large, 1.6)] {
            let found = self.nearest(FAST, verb, size, given_postcard());
            faster(FAST, verb, size, limit, found, "libraries that encrypt postcard");
        }
        let borrowing = reusing(FAST);
        let found = self.nearest(borrowing, Open, Large, given_postcard());
        faster(borrowing, Open, Large, 2.5, found, "libraries that encrypt postcard");
        for (size, limit) in [(Small, 1.2), (Large, 2.0)] {
            let found = self.nearest(FAST, Seal, size, encrypting());
            faster(FAST, Seal, size, limit, found, "libraries that encrypt");
        }
        for verb in [Seal, Open] {
            let found = self.nearest(SIGNED, verb, Small, self.theirs(Kind::Signs));
            faster(SIGNED, verb, Small, 2.2, found, "libraries that sign");
        }
        for verb in [Seal, Open] {
            for size in [Small, Large] {
                let found = self.nearest(DEFAULT, verb, size, xchacha());
                faster(DEFAULT, verb, size, 1.0, found, "libraries that use XChaCha20");
            }
        }

        for ours in [FAST, DEFAULT, SIGNED] {
            for (who, borrowing) in [(ours, false), (reusing(ours), true)] {
                for verb in [Seal, Open] {
                    for size in [Small, Large] {
                        let floor = self.floor(ours, verb, size, borrowing);
                        let measured = ratio(self.ns(who, verb, size), &floor);
                        goals.push(Goal {
                            what: format!("{who}: {verb} {size}, time relative to its primitives"),
                            limit: 1.10,
                            measured,
                            against: format!("{:.0} ns", median(&floor)),
                            at_least: false,
                        });
                    }
                }
            }
        }

        for ours in [FAST, DEFAULT, SIGNED] {
            for verb in [Seal, Open] {
                for size in [Small, Large] {
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
            for size in [Small, Large] {
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

        for size in [Small, Large] {
            let len = |who: &str| self.chars[&format!("{who} seal {size}")];
            let shortest = self.peers.iter().filter(|peer| !peer.is_ours());
            let shortest = shortest.min_by_key(|peer| len(peer.name)).expect("there are peers");
            goals.push(Goal {
                what: format!("{FAST}: characters of a {size} token"),
                limit: len(shortest.name) as f64,
                measured: len(FAST) as f64,
                against: shortest.name.to_owned(),
                at_least: false,
            });
        }
        goals
    }
}
