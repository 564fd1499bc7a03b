//! The model of the key schedule. The servers receive each ring at different times. The model uses
//! the source code of the tool `bulla` to change the ring.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use bulla::keys::{Key, KeyId};
use bulla::token::{CLOCK_SKEW, NoPrevious};
use bulla::{KeyRing, OpenError, Payload, Sealer, UnixTime};
use serde::{Deserialize, Serialize};
use stateright::{Model, Property};

use crate::compromise::compromise;
use crate::document::Document;
use crate::edit::{self, Kept, Retirement};
use crate::laws;
use crate::world::T0;

/// The lifetime of tokens, in seconds.
const LIFETIME: u64 = 300;
/// The time until every server has a new ring, in seconds.
const SPREAD: u64 = 60;
const KEPT: Kept = Kept { longest: Duration::from_secs(LIFETIME), skew: CLOCK_SKEW };

#[derive(Serialize, Deserialize)]
struct Link;

impl Payload for Link {
    const PURPOSE: &'static str = "model.example/link";
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Link {
        match previous {}
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Rings {
    pub(crate) name: &'static str,
    /// How many seconds the clock of each server is ahead.
    ahead: &'static [u64],
    /// Whether every server receives a new ring within [`SPREAD`].
    timely: Timely,
    budget: Budget,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timely {
    Yes,
    No,
}

/// How often each step may occur.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    seals: u8,
    publishes: u8,
    promotes: u8,
    retires: u8,
    prunes: u8,
    compromises: u8,
    ticks: &'static [u64],
}

const NOTHING: Budget = Budget {
    seals: 0,
    publishes: 0,
    promotes: 0,
    retires: 0,
    prunes: 0,
    compromises: 0,
    ticks: &[],
};

pub(crate) const SMALL: &[Rings] = &[
    Rings {
        name: "rings that all servers receive in time",
        ahead: &[0, 60],
        timely: Timely::Yes,
        budget: Budget { seals: 2, publishes: 2, prunes: 1, ticks: &[59, 61, 299], ..NOTHING },
    },
    Rings {
        name: "keys published, retired and compromised at any time",
        ahead: &[0, 60],
        timely: Timely::No,
        budget: Budget {
            seals: 1,
            publishes: 1,
            retires: 1,
            compromises: 1,
            ticks: &[299],
            ..NOTHING
        },
    },
];

pub(crate) const LARGE: &[Rings] = &[
    Rings {
        name: "rings that all servers receive in time, three servers",
        ahead: &[0, 60, 30],
        timely: Timely::Yes,
        budget: Budget {
            seals: 3,
            publishes: 2,
            prunes: 1,
            ticks: &[59, 61, 61, 299, 181],
            ..NOTHING
        },
    },
    Rings {
        name: "keys published, promoted, retired, pruned and compromised at any time",
        ahead: &[0, 60],
        timely: Timely::No,
        budget: Budget {
            seals: 1,
            publishes: 1,
            promotes: 1,
            retires: 1,
            prunes: 1,
            compromises: 1,
            ticks: &[299],
        },
    },
];

#[derive(Clone, Debug)]
pub(crate) struct World {
    now: u64,
    /// The versions of the ring's text, with the time at which each was written.
    versions: Vec<(String, u64)>,
    /// The version that each server has.
    servers: Vec<usize>,
    keys: Vec<KeyId>,
    tokens: Vec<Token>,
    compromised: Vec<KeyId>,
    left: Budget,
    broken: Vec<&'static str>,
    over: bool,
    digest: u64,
}

#[derive(Clone, Debug)]
struct Token {
    text: String,
    key: KeyId,
    /// When the token expires, by the clock of the server that made it.
    expires_at: UnixTime,
    /// Whether the server that made the token had the newest ring. If a key is replaced at once, a
    /// server with an older ring still makes tokens under it, and these may be valid for longer
    /// than the key opens tokens.
    made_in_time: bool,
}

impl Hash for World {
    fn hash<H: Hasher>(&self, to: &mut H) {
        self.digest.hash(to);
    }
}

impl PartialEq for World {
    fn eq(&self, other: &World) -> bool {
        self.digest == other.digest
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Publish,
    Promote { key: usize },
    Retire { key: usize },
    Prune,
    Compromise { key: usize },
    Receives { server: usize },
    Seal { server: usize },
    Tick,
}

impl Model for Rings {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let key = Key::generate().expect("randomness");
        let mut document = Document::begin(&key, T0);
        let text = text_of(&mut document);
        let world = World {
            now: 0,
            versions: vec![(text, 0)],
            servers: vec![0; self.ahead.len()],
            keys: vec![key.id()],
            tokens: Vec::new(),
            compromised: Vec::new(),
            left: self.budget.clone(),
            broken: Vec::new(),
            over: false,
            digest: 0,
        };
        vec![world.settle()]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if !world.broken.is_empty() {
            return;
        }
        let left = &world.left;
        if left.publishes > 0 {
            steps.push(Step::Publish);
        }
        if left.prunes > 0 {
            steps.push(Step::Prune);
        }
        for key in 0..world.keys.len() {
            if left.promotes > 0 {
                steps.push(Step::Promote { key });
            }
            if left.retires > 0 {
                steps.push(Step::Retire { key });
            }
            if left.compromises > 0 {
                steps.push(Step::Compromise { key });
            }
        }
        for (server, version) in world.servers.iter().enumerate() {
            if version + 1 < world.versions.len() {
                steps.push(Step::Receives { server });
            }
            if left.seals > 0 {
                steps.push(Step::Seal { server });
            }
        }
        if let Some(seconds) = left.ticks.first() {
            let oldest = world.servers.iter().min().expect("a server");
            let waits = world.versions.get(oldest + 1).map(|(_, written)| written + SPREAD);
            let late = waits.is_some_and(|due| world.now + seconds > due);
            if self.timely == Timely::No || !late {
                steps.push(Step::Tick);
            }
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        let now = T0 + Duration::from_secs(world.now);
        match step {
            Step::Publish => {
                world.left.publishes -= 1;
                let spread = Some(Duration::from_secs(SPREAD));
                world.change(|ring| edit::publish(ring, spread, None, KEPT, now).is_ok())?;
            }
            Step::Promote { key } => {
                world.left.promotes -= 1;
                let id = world.keys[key];
                world.change(|ring| edit::promote(ring, id, None, now).is_ok())?;
            }
            Step::Retire { key } => {
                world.left.retires -= 1;
                let id = world.keys[key];
                let kept = Retirement::Kept(KEPT);
                world.change(|ring| edit::retire(ring, id, &kept, now).is_ok())?;
            }
            Step::Prune => {
                world.left.prunes -= 1;
                world.change(|ring| {
                    edit::prune(ring, now);
                    true
                })?;
            }
            Step::Compromise { key } => {
                world.left.compromises -= 1;
                let id = world.keys[key];
                world.change(|ring| compromise(ring, id, None, CLOCK_SKEW, now).is_ok())?;
                world.compromised.push(id);
            }
            Step::Receives { server } => world.servers[server] += 1,
            Step::Seal { server } => self.seal(&mut world, server),
            Step::Tick => {
                let (seconds, rest) = world.left.ticks.split_first()?;
                world.now += seconds;
                world.left.ticks = rest;
            }
        }
        self.judge(&mut world);
        let mut steps = Vec::new();
        self.actions(&world, &mut steps);
        world.over = steps.is_empty();
        Some(world.settle())
    }

    fn properties(&self) -> Vec<Property<Rings>> {
        vec![
            Property::always("every law", |_, world: &World| world.broken.is_empty()),
            Property::eventually(laws::RINGS_IN_THE_END, |_, world: &World| {
                let newest = world.versions.len() - 1;
                world.over && world.servers.iter().all(|version| *version == newest)
            }),
        ]
    }
}

impl Rings {
    fn clock(&self, world: &World, server: usize) -> UnixTime {
        T0 + Duration::from_secs(world.now + self.ahead[server])
    }

    fn sealer(world: &World, server: usize) -> Sealer<Link> {
        let (text, _) = &world.versions[world.servers[server]];
        let ring: KeyRing = text.parse().expect("the tool wrote this text");
        Sealer::new(ring, Duration::from_secs(LIFETIME))
    }

    fn seal(&self, world: &mut World, server: usize) {
        world.left.seals -= 1;
        let clock = self.clock(world, server);
        let sealer = Rings::sealer(world, server);
        let Ok(text) = sealer.seal_at(&Link, clock) else {
            world.broken.push(laws::A_KEY_IS_PRIMARY);
            return;
        };
        let opened = sealer.open_at(&text, clock).expect("it was sealed here");
        let (key, expires_at) = (opened.key_id, opened.expires_at);
        let made_in_time = world.servers[server] + 1 == world.versions.len();
        world.tokens.push(Token { text, key, expires_at, made_in_time });
    }

    fn judge(&self, world: &mut World) {
        let mut broken = Vec::new();
        for server in 0..world.servers.len() {
            let (sealer, clock) = (Rings::sealer(world, server), self.clock(world, server));
            let newest = world.servers[server] + 1 == world.versions.len();
            let twin = Rings::sealer(world, server);
            for token in &world.tokens {
                let opened = sealer.open_at(&token.text, clock);
                if twin.open_at(&token.text, clock).err() != opened.as_ref().err().copied() {
                    broken.push(laws::THE_SAME_DECISION);
                }
                let dead = |error: &OpenError| !error.may_be_valid_elsewhere();
                let expired = clock >= token.expires_at;
                let compromised = world.compromised.contains(&token.key);
                if opened.is_ok() && expired {
                    broken.push(laws::NOT_PAST_A_DEADLINE);
                }
                if opened.as_ref().err().is_some_and(dead) && !expired {
                    broken.push(laws::LEFT_ALONE);
                }
                if opened.is_ok() && compromised && newest {
                    broken.push(laws::COMPROMISED_IS_REFUSED);
                }
                let must = self.timely == Timely::Yes || (newest && token.made_in_time);
                if opened.is_err() && !expired && !compromised && must {
                    broken.push(laws::ONLY_A_DROPPED_KEY_LOSES);
                }
            }
        }
        world.broken.extend(broken);
        world.broken.sort_unstable();
        world.broken.dedup();
    }
}

impl World {
    /// Changes the ring as the tool does, and adds the new version. Returns `None` if the tool
    /// rejects the change or if no key would remain.
    fn change(&mut self, change: impl FnOnce(&mut Document) -> bool) -> Option<()> {
        let (text, _) = self.versions.last()?;
        let mut document = Document::parse(text.as_bytes()).expect("the tool wrote this text");
        if !change(&mut document) {
            return None;
        }
        for key in document.keys() {
            if !self.keys.contains(&key.id) {
                self.keys.push(key.id);
            }
        }
        if document.keys().is_empty() {
            return None;
        }
        let new = text_of(&mut document);
        self.versions.push((new, self.now));
        Some(())
    }

    /// Computes the digest. Two worlds that differ only in the bytes of their keys have the same
    /// digest.
    fn settle(mut self) -> World {
        let mut out = DefaultHasher::new();
        let number = |id: KeyId| self.keys.iter().position(|key| *key == id);
        (self.now, &self.servers, &self.left, &self.broken, self.over).hash(&mut out);
        // Versions that no server can receive any more do not matter.
        let oldest = self.servers.iter().min().copied().unwrap_or_default();
        for (text, written) in &self.versions[oldest..] {
            let ring: KeyRing = text.parse().expect("the tool wrote this text");
            for entry in ring.entries() {
                (number(entry.key_id()), entry.primary_from(), entry.open_until()).hash(&mut out);
            }
            written.hash(&mut out);
        }
        let mut tokens: Vec<_> = self
            .tokens
            .iter()
            .map(|token| (number(token.key), token.expires_at, token.made_in_time))
            .collect();
        tokens.sort_unstable();
        tokens.hash(&mut out);
        let compromised: Vec<_> = self.compromised.iter().map(|id| number(*id)).collect();
        compromised.hash(&mut out);
        self.digest = out.finish();
        self
    }
}

fn text_of(document: &mut Document) -> String {
    document.next().expect("it is not too long").to_string()
}
