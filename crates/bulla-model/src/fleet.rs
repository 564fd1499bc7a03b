//! The model of sessions and revocations in a fleet. The servers receive revocations late, restart,
//! have different clocks, and receive a new ring one after the other.

use bulla::SessionError;
use stateright::{Model, Property};

use crate::laws;
use crate::world::{
    Account, Client, Entry, Ghost, IDLE, Jar, Mistake, Of, RENEWAL, Running, STATE, Server, TOUCH,
    Who, World, cookies, take,
};

/// How often each step may occur. The model ends when no step is left.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    pub(crate) sign_ins: u8,
    pub(crate) copies: u8,
    pub(crate) looks: u8,
    pub(crate) changes: u8,
    pub(crate) end_others: u8,
    pub(crate) end_alls: u8,
    pub(crate) ends: u8,
    pub(crate) revokes: u8,
    pub(crate) restarts: u8,
    pub(crate) new_rings: u8,
    /// The seconds by which time advances, in this order.
    pub(crate) ticks: &'static [u64],
}

const NOTHING: Budget = Budget {
    sign_ins: 0,
    copies: 0,
    looks: 0,
    changes: 0,
    end_others: 0,
    end_alls: 0,
    ends: 0,
    revokes: 0,
    restarts: 0,
    new_rings: 0,
    ticks: &[],
};

#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    pub(crate) name: &'static str,
    /// How many seconds the clock of each server is ahead.
    pub(crate) ahead: &'static [u64],
    pub(crate) budget: Budget,
    pub(crate) mistake: Option<Mistake>,
}

pub(crate) const SMALL: &[Fleet] = &[
    Fleet {
        name: "a stolen copy, two sessions that end the others, and a password change",
        ahead: &[0, 60],
        budget: Budget { copies: 1, end_others: 2, revokes: 1, ticks: &[1], ..NOTHING },
        mistake: None,
    },
    Fleet {
        name: "two copies that end the others in the same second",
        ahead: &[0, 0],
        budget: Budget { copies: 1, end_others: 2, ..NOTHING },
        mistake: None,
    },
    Fleet {
        name: "a second device, and revocations that arrive late",
        ahead: &[0, 60],
        budget: Budget { sign_ins: 1, end_others: 1, revokes: 1, ticks: &[1], ..NOTHING },
        mistake: None,
    },
    Fleet {
        name: "servers that restart",
        ahead: &[0, 60],
        budget: Budget { copies: 1, end_others: 1, end_alls: 1, restarts: 1, ..NOTHING },
        mistake: None,
    },
    Fleet {
        name: "concurrent requests while keys change",
        ahead: &[0, 30],
        budget: Budget { looks: 1, changes: 2, new_rings: 2, ticks: &[61], ..NOTHING },
        mistake: None,
    },
    Fleet {
        name: "concurrent requests at the idle timeout",
        ahead: &[0, 60],
        budget: Budget { looks: 1, changes: 1, ends: 1, ticks: &[1700, 200], ..NOTHING },
        mistake: None,
    },
];

pub(crate) const LARGE: &[Fleet] = &[
    Fleet {
        name: "a stolen copy, a second device, and revocations that arrive late",
        ahead: &[0, 60],
        budget: Budget {
            sign_ins: 1,
            copies: 1,
            end_others: 2,
            revokes: 1,
            ticks: &[1],
            ..NOTHING
        },
        mistake: None,
    },
    Fleet {
        name: "three servers",
        ahead: &[0, 60, 30],
        budget: Budget { copies: 1, end_others: 2, revokes: 1, ..NOTHING },
        mistake: None,
    },
    Fleet {
        name: "ending the others three times, with a restart",
        ahead: &[0, 60],
        budget: Budget { copies: 1, end_others: 3, restarts: 1, ticks: &[1], ..NOTHING },
        mistake: None,
    },
    Fleet {
        name: "revocations while keys change",
        ahead: &[0, 60],
        budget: Budget {
            copies: 1,
            changes: 1,
            end_others: 1,
            end_alls: 1,
            new_rings: 2,
            ticks: &[61],
            ..NOTHING
        },
        mistake: None,
    },
    Fleet {
        name: "concurrent requests while keys change, three servers",
        ahead: &[0, 30, 60],
        budget: Budget { looks: 2, changes: 2, new_rings: 3, ticks: &[61], ..NOTHING },
        mistake: None,
    },
    Fleet {
        name: "concurrent requests at the idle timeout, while keys change",
        ahead: &[0, 60],
        budget: Budget {
            looks: 2,
            changes: 2,
            ends: 1,
            new_rings: 2,
            ticks: &[1700, 200],
            ..NOTHING
        },
        mistake: None,
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Look,
    Change,
    EndOthers,
    EndEverywhere,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A second device signs in.
    SignIn {
        server: usize,
    },
    /// A thief copies the cookies of a client.
    Copy {
        client: usize,
    },
    Request {
        client: usize,
        server: usize,
        act: Act,
    },
    /// A response arrives. Responses may arrive in any order.
    Arrives {
        client: usize,
        response: usize,
    },
    /// An administrator revokes all sessions of the user.
    Revoke {
        server: usize,
    },
    Hears {
        server: usize,
        entry: usize,
    },
    Stored {
        entry: usize,
    },
    Restart {
        server: usize,
    },
    NewRing {
        server: usize,
    },
    Tick,
}

impl Model for Fleet {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let servers = self.ahead.iter().map(|&ahead| Server { ahead, knows: 0, ring: 0 });
        let mut world = World {
            now: 0,
            servers: servers.collect(),
            entries: Vec::new(),
            clients: Vec::new(),
            ghosts: Default::default(),
            changes: 0,
            lineages: 0,
            left: self.budget.clone(),
            broken: Vec::new(),
            over: false,
            digest: 0,
        };
        self.sign_in(&mut world, 0, Who::Owner);
        vec![world.settle()]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if !world.broken.is_empty() {
            return; // the checker prints the steps to this state
        }
        let left = &world.left;
        let servers = 0..world.servers.len();
        let mut acts = Vec::new();
        for (act, left) in [
            (Act::Look, left.looks),
            (Act::Change, left.changes),
            (Act::EndOthers, left.end_others),
            (Act::EndEverywhere, left.end_alls),
            (Act::End, left.ends),
        ] {
            if left > 0 {
                acts.push(act);
            }
        }
        for server in servers {
            if left.sign_ins > 0 {
                steps.push(Step::SignIn { server });
            }
            if left.revokes > 0 {
                steps.push(Step::Revoke { server });
            }
            if left.new_rings > 0 && world.servers[server].ring == 0 {
                steps.push(Step::NewRing { server });
            }
            // If a server restarts before it stores a revocation, the revocation is lost.
            // SECURITY.md says so, and the model excludes this case.
            let passed_on = world.entries.iter().all(|entry| entry.by != server || entry.stored);
            if left.restarts > 0 && passed_on {
                steps.push(Step::Restart { server });
            }
            for entry in 0..world.entries.len() {
                if world.servers[server].knows & 1 << entry == 0 {
                    steps.push(Step::Hears { server, entry });
                }
            }
            for (client, of) in world.clients.iter().enumerate() {
                // Only the owner sends concurrent requests.
                if of.coming.len() < 2 && (of.who == Who::Owner || of.coming.is_empty()) {
                    steps.extend(acts.iter().map(|&act| Step::Request { client, server, act }));
                }
            }
        }
        for (entry, of) in world.entries.iter().enumerate() {
            if !of.stored {
                steps.push(Step::Stored { entry });
            }
        }
        for (client, of) in world.clients.iter().enumerate() {
            steps.extend((0..of.coming.len()).map(|response| Step::Arrives { client, response }));
            if left.copies > 0 && of.who == Who::Owner {
                steps.push(Step::Copy { client });
            }
        }
        if !left.ticks.is_empty() {
            steps.push(Step::Tick);
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        match step {
            Step::SignIn { server } => {
                world.left.sign_ins -= 1;
                self.sign_in(&mut world, server, Who::Other);
            }
            Step::Copy { client } => {
                world.left.copies -= 1;
                let copied =
                    Client { who: Who::Thief, coming: Vec::new(), ..world.clients[client].clone() };
                world.clients.push(copied);
            }
            Step::Request { client, server, act } => self.request(&mut world, client, server, act),
            Step::Arrives { client, response } => {
                let client = &mut world.clients[client];
                let cookies = client.coming.remove(response);
                take(&mut client.jar, &cookies);
            }
            Step::Revoke { server } => {
                world.left.revokes -= 1;
                let running = self.running(&world, server);
                running.sessions.revoke_subject("ada").unwrap();
                added(&mut world, server, &running, Of::Everybody);
            }
            Step::Hears { server, entry } => world.servers[server].knows |= 1 << entry,
            Step::Stored { entry } => world.entries[entry].stored = true,
            Step::Restart { server } => {
                world.left.restarts -= 1;
                let stored = world.entries.iter().enumerate().filter(|(_, entry)| entry.stored);
                world.servers[server].knows = stored.fold(0, |knows, (n, _)| knows | 1 << n);
            }
            Step::NewRing { server } => {
                world.left.new_rings -= 1;
                world.servers[server].ring = 1;
            }
            Step::Tick => {
                let (seconds, rest) = world.left.ticks.split_first()?;
                world.now += seconds;
                world.left.ticks = rest;
            }
        }
        self.judge(&mut world);
        let mut steps = Vec::new();
        world.over = {
            self.actions(&world, &mut steps);
            steps.is_empty()
        };
        Some(world.settle())
    }

    fn properties(&self) -> Vec<Property<Fleet>> {
        let mut properties = vec![Property::eventually(laws::IN_THE_END, in_the_end)];
        properties.push(Property::always("every law", |_, world: &World| world.broken.is_empty()));
        properties
    }
}

/// Whether no step is left and every server has all revocations. The model checks in every state,
/// not only here, that servers refuse revoked sessions.
fn in_the_end(_: &Fleet, world: &World) -> bool {
    let all = |server: &Server| server.knows.count_ones() as usize == world.entries.len();
    world.over && world.broken.is_empty() && world.servers.iter().all(all)
}

impl Fleet {
    fn running(&self, world: &World, server: usize) -> Running {
        world.server(server, world.servers[server].knows, self.mistake)
    }

    fn sign_in(&self, world: &mut World, server: usize, who: Who) {
        let running = self.running(world, server);
        let session = running.load(&Jar::new());
        let change = world.changes;
        world.changes += 1;
        session.start(Account { change }).expect("it fits");
        let cookies = cookies(&session);
        let ghost = Ghost {
            lineage: world.lineages,
            signed_in: world.now,
            knew: world.servers[server].knows,
            made: 0,
            change,
            key: world.servers[server].ring,
            issued: world.now + world.servers[server].ahead,
        };
        world.lineages += 1;
        note(world, &cookies, ghost);
        let mut jar = Jar::new();
        take(&mut jar, &cookies);
        if running.load(&jar).get().is_none() {
            world.broken.push(laws::A_SIGN_IN_IS_LET_IN);
        }
        world.clients.push(Client { who, jar, coming: Vec::new(), seen: world.now + 60 });
    }

    fn request(&self, world: &mut World, client: usize, server: usize, act: Act) {
        match act {
            Act::Look => world.left.looks -= 1,
            Act::Change => world.left.changes -= 1,
            Act::EndOthers => world.left.end_others -= 1,
            Act::EndEverywhere => world.left.end_alls -= 1,
            Act::End => world.left.ends -= 1,
        }
        let jar = world.clients[client].jar.clone();
        let old = jar.get(STATE).and_then(|token| world.ghosts.get(token)).cloned();
        let running = self.running(world, server);
        let session = running.load(&jar);
        let lives = session.get().is_some();
        let info = session.info();
        if self.running(world, server).load(&jar).get().is_some() != lives {
            world.broken.push(laws::THE_SAME_DECISION);
        }
        let clock = world.clock(server);
        if info.is_some_and(|info| info.expires_at <= clock || info.idle_expires_at <= clock) {
            world.broken.push(laws::NOT_PAST_A_DEADLINE);
        }
        if act == Act::Change {
            world.changes += 1;
        }
        let change = world.changes - 1;
        let done = match act {
            Act::Look => Ok(()),
            Act::Change => session.update(|account| account.change = change),
            Act::EndOthers => session.end_others(),
            Act::EndEverywhere => session.end_everywhere(),
            Act::End => session.end(),
        };
        let refused = matches!(done, Err(SessionError::NoSession | SessionError::NotNow));
        assert!(done.is_ok() || refused, "{done:?}");
        let leaves = cookies(&session);
        self.check_response(world, act, server, old.as_ref(), &jar, lives, &leaves, done.is_ok());

        if let Some(old) = old {
            let of = match act {
                Act::EndOthers => Of::Others(old.lineage),
                Act::EndEverywhere => Of::Everybody,
                _ => Of::Session(old.lineage),
            };
            let made = added(world, server, &running, of);
            let ghost = Ghost {
                made: old.made | if act == Act::EndOthers { made } else { 0 },
                change: if act == Act::Change && done.is_ok() { change } else { old.change },
                key: world.servers[server].ring,
                issued: world.now + world.servers[server].ahead,
                ..old
            };
            note(world, &leaves, ghost);
        }
        if lives {
            world.clients[client].seen = world.now + 60;
        }
        world.clients[client].coming.push(leaves);
    }

    #[expect(clippy::too_many_arguments, reason = "a response depends on all of them")]
    fn check_response(
        &self,
        world: &mut World,
        act: Act,
        server: usize,
        old: Option<&Ghost>,
        jar: &Jar,
        lives: bool,
        leaves: &[(String, Option<String>)],
        done: bool,
    ) {
        let Some(old) = old else { return };
        let state = leaves.iter().find(|(name, _)| name == STATE);
        let signs_out = matches!(act, Act::End | Act::EndEverywhere) && done;
        // The ring of this server does not have the key of the token.
        let unknown = old.key > world.servers[server].ring && !jar.contains_key(RENEWAL);
        if unknown && !signs_out && !leaves.is_empty() {
            world.broken.push(laws::LEFT_ALONE);
        }
        let writes = matches!(act, Act::Change | Act::EndOthers) && done;
        if lives && !writes && !signs_out && state.is_some() {
            world.broken.push(laws::A_RENEWAL_UNDOES_NOTHING);
        }
        let fresh = world.now + world.servers[server].ahead < old.issued + TOUCH
            && old.key == world.servers[server].ring
            && !jar.contains_key(RENEWAL);
        if act == Act::Look && lives && fresh && !leaves.is_empty() {
            world.broken.push(laws::NOTHING_IS_SENT_UNASKED);
        }
        if let Some((_, Some(token))) = state {
            self.check_purpose(world, server, token);
        }
    }

    /// Checks that a new state token is not accepted as a renewal token or over another channel,
    /// and that damaged tokens are refused.
    fn check_purpose(&self, world: &mut World, server: usize, token: &str) {
        let running = self.running(world, server);
        let jar = Jar::from([(RENEWAL.to_owned(), token.to_owned())]);
        let header = format!("Bearer {token}");
        let bearer = running
            .sessions
            .load("GET", |name| (name == "authorization").then_some(header.as_bytes()));
        if running.load(&jar).get().is_some() || bearer.get().is_some() {
            world.broken.push(laws::ONLY_ITS_OWN_KEY_AND_PURPOSE);
        }
        let (head, last) = token.split_at(token.len() - 1);
        let other = if last == "A" { "Q" } else { "A" };
        for damaged in [head.to_owned(), format!("{head}{other}"), token.replace("b1.", "s1.")] {
            let jar = Jar::from([(STATE.to_owned(), damaged)]);
            if running.load(&jar).get().is_some() {
                world.broken.push(laws::A_VALUE_OR_AN_ERROR);
            }
        }
    }

    /// Compares what each server decides about the cookies of each client with the model's records.
    fn judge(&self, world: &mut World) {
        let mut broken = Vec::new();
        for server in 0..world.servers.len() {
            let running = self.running(world, server);
            let mut copies_that_made = Vec::new();
            for client in &world.clients {
                let Some(token) = client.jar.get(STATE) else { continue };
                let ghost = &world.ghosts[token];
                let session = running.load(&client.jar);
                let lives = session.get();
                let knows = world.servers[server].knows;
                let known = || (0..world.entries.len()).filter(|n| knows & 1 << n != 0);
                if lives.is_some() && known().any(|n| must_refuse(world, ghost, n)) {
                    broken.push(laws::REVOKED_IS_REFUSED);
                }
                let idle_for_sure = world.now + world.servers[server].ahead
                    >= client.seen.max(ghost.issued) + IDLE + 60;
                if lives.is_some() && idle_for_sure {
                    broken.push(laws::NOT_PAST_A_DEADLINE);
                }
                if let Some(state) = &lives
                    && state.change != ghost.change
                {
                    broken.push(laws::A_RENEWAL_UNDOES_NOTHING);
                }
                let opens = ghost.key <= world.servers[server].ring;
                let awake = world.now + world.servers[server].ahead < ghost.issued + IDLE;
                let lives_for_sure = opens && awake && known().all(|n| is_spared(world, ghost, n));
                if lives.is_none() && lives_for_sure {
                    broken.push(laws::NOTHING_IS_LOST);
                }
                if lives.is_some() && ghost.made != 0 && heard_all(world, server) {
                    copies_that_made.push((ghost.lineage, ghost.made));
                }
            }
            copies_that_made.dedup();
            if copies_that_made.len() > 1 {
                broken.push(laws::AT_MOST_ONE_COPY_STAYS);
            }
        }
        world.broken.extend(broken);
        world.broken.sort_unstable();
        world.broken.dedup();
    }
}

fn heard_all(world: &World, server: usize) -> bool {
    world.servers[server].knows.count_ones() as usize == world.entries.len()
}

/// Whether a server that has this revocation must refuse the token.
fn must_refuse(world: &World, ghost: &Ghost, entry: usize) -> bool {
    let of = &world.entries[entry];
    let signed_in_before = ghost.signed_in <= of.at && ghost.knew & 1 << entry == 0;
    match of.of {
        Of::Session(lineage) => lineage == ghost.lineage,
        Of::Everybody => signed_in_before,
        // At the sign-in, the server had another revocation that the same session (or a copy of it)
        // made. In this case, the model allows both decisions.
        Of::Others(lineage) if follows_another_of(world, ghost, lineage) => false,
        Of::Others(lineage) if lineage != ghost.lineage => signed_in_before,
        // For another copy of the same session, see AT_MOST_ONE_COPY_STAYS.
        Of::Others(_) => ghost.made == 0,
    }
}

fn follows_another_of(world: &World, ghost: &Ghost, lineage: u8) -> bool {
    let of = |n: &usize| world.entries[*n].of == Of::Others(lineage);
    (0..world.entries.len()).filter(of).any(|n| ghost.knew & 1 << n != 0)
}

/// Whether a revocation does not end the session of this token, because the revocation ends another
/// session, was made by this session, or was known to the server when the user signed in.
fn is_spared(world: &World, ghost: &Ghost, entry: usize) -> bool {
    let another = matches!(world.entries[entry].of, Of::Session(of) if of != ghost.lineage);
    another || (ghost.knew | ghost.made) & 1 << entry != 0
}

/// Records the state tokens of a response.
fn note(world: &mut World, cookies: &[(String, Option<String>)], ghost: Ghost) {
    for (name, token) in cookies {
        if let (STATE, Some(token)) = (name.as_str(), token) {
            world.ghosts.insert(token.clone(), ghost.clone());
        }
    }
}

/// Records the revocation that a server has just made. Returns the bit of this revocation, or 0 if
/// the server has made none.
fn added(world: &mut World, server: usize, running: &Running, of: Of) -> u32 {
    let new = running.made.lock().expect("no panic").pop();
    let Some(revocation) = new else { return 0 };
    let (at, by) = (world.now, server);
    world.entries.push(Entry { revocation, at, by, of, stored: false });
    let bit = 1 << (world.entries.len() - 1);
    world.servers[server].knows |= bit;
    bit
}
