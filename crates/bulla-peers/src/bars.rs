//! What is promised, and whether this run kept it.

use std::collections::BTreeMap;

use crate::jobs::{Size, Verb};
use crate::peers::{DEFAULT, FAST, Kind, Peer, SIGNED, reusing};
use crate::primitives::floor;
use crate::rounds::{Times, median, ratio};

/// A promise, and what came of it.
pub struct Bar {
    /// What is promised.
    pub what: String,
    /// The limit.
    pub limit: f64,
    /// What was measured.
    pub measured: f64,
    /// Against whom.
    pub against: String,
    /// Whether more is better.
    pub at_least: bool,
}

impl Bar {
    /// Whether it was kept.
    pub fn is_kept(&self) -> bool {
        if self.at_least { self.measured >= self.limit } else { self.measured <= self.limit }
    }
}

/// All that was measured.
pub struct Results {
    /// By name of the job.
    pub times: BTreeMap<String, Times>,
    /// Allocations by name of the job.
    pub allocations: BTreeMap<String, u64>,
    /// Characters by name of the job.
    pub chars: BTreeMap<String, usize>,
    /// Every library.
    pub peers: Vec<Peer>,
}

impl Results {
    /// The times of a job.
    pub fn ns(&self, who: &str, verb: Verb, size: Size) -> &[f64] {
        &self.times[&format!("{who} {verb} {size}")].ns
    }

    /// What the primitives take together, round by round.
    pub fn floor(&self, who: &str, verb: Verb, size: Size, borrowing: bool) -> Vec<f64> {
        let parts = floor(who, verb, borrowing);
        let part = |part: &&str| match self.times.get(&format!("{part} {verb} {size}")) {
            Some(times) => times.ns.clone(),
            None => panic!("{part} {verb} {size} was not measured"),
        };
        let parts: Vec<Vec<f64>> = parts.iter().map(part).collect();
        (0..parts[0].len()).map(|round| parts.iter().map(|part| part[round]).sum()).collect()
    }

    /// The ratio to `ours` of whoever among `peers` comes nearest.
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

    /// Every bar.
    pub fn bars(&self) -> Vec<Bar> {
        use Size::{Large, Small};
        use Verb::{Open, Seal};
        let mut bars = Vec::new();
        let mut faster =
            |ours: &'static str, verb, size, limit, found: (f64, String), whom: &str| {
                let what = format!("{ours}: {verb} {size} against {whom}");
                bars.push(Bar { what, limit, measured: found.0, against: found.1, at_least: true });
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
            "cookie's private jar",
        );
        for (verb, size, limit) in [(Open, Small, 1.5), (Open, Large, 1.6)] {
            let found = self.nearest(FAST, verb, size, given_postcard());
            faster(FAST, verb, size, limit, found, "who encrypts postcard");
        }
        let borrowing = reusing(FAST);
        let found = self.nearest(borrowing, Open, Large, given_postcard());
        faster(borrowing, Open, Large, 2.5, found, "who encrypts postcard");
        for (size, limit) in [(Small, 1.2), (Large, 2.0)] {
            let found = self.nearest(FAST, Seal, size, encrypting());
            faster(FAST, Seal, size, limit, found, "who encrypts");
        }
        for verb in [Seal, Open] {
            let found = self.nearest(SIGNED, verb, Small, self.theirs(Kind::Signs));
            faster(SIGNED, verb, Small, 2.2, found, "who signs");
        }
        for verb in [Seal, Open] {
            for size in [Small, Large] {
                let found = self.nearest(DEFAULT, verb, size, xchacha());
                faster(DEFAULT, verb, size, 1.0, found, "who uses XChaCha20");
            }
        }

        for ours in [FAST, DEFAULT, SIGNED] {
            for (who, borrowing) in [(ours, false), (reusing(ours), true)] {
                for verb in [Seal, Open] {
                    for size in [Small, Large] {
                        let floor = self.floor(ours, verb, size, borrowing);
                        let measured = ratio(self.ns(who, verb, size), &floor);
                        bars.push(Bar {
                            what: format!("{who}: {verb} {size} over its primitives"),
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
                    bars.push(Bar {
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
                // Those of the user's own strings and vectors, and the buffer.
                let theirs = self.allocations[&format!("postcard open {size}")];
                bars.push(Bar {
                    what: format!("{ours}: allocations to open {size}"),
                    limit: theirs as f64,
                    measured: self.allocations[&format!("{ours} open {size}")] as f64,
                    against: format!("{theirs} of the value's own"),
                    at_least: false,
                });
            }
        }

        for size in [Small, Large] {
            let len = |who: &str| self.chars[&format!("{who} seal {size}")];
            let shortest = self.peers.iter().filter(|peer| !peer.is_ours());
            let shortest = shortest.min_by_key(|peer| len(peer.name)).expect("there are peers");
            bars.push(Bar {
                what: format!("{FAST}: characters {size}"),
                limit: len(shortest.name) as f64,
                measured: len(FAST) as f64,
                against: shortest.name.to_owned(),
                at_least: false,
            });
        }
        bars
    }
}
