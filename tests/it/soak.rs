//! Days of a fleet with everything going wrong, against a model that knows no cryptography.
//!
//! Four servers whose clocks are apart by up to the skew and step, one of them of an older
//! release; browsers and mobile clients; keys that change hundreds of times; revocations
//! that spread late; answers that are lost, late or in another order; handlers that fail;
//! servers that restart; tokens that are cut, forged, replayed or sent elsewhere. The
//! model knows of each token when and by whom it was made, and says of each request:
//! there must be a session, there must not, or either (within a margin of a minute).
//!
//! `SOAK_DAYS=7 cargo test --release -p bulla --test it soak -- --nocapture` takes longer,
//! `SOAK_SEED=…` another course. `tests/no_randomness.sh` adds a random source that fails.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use bulla::keys::KeyId;
use bulla::revocation::{Revocation, Subject};
use bulla::session::{Channel, Info, SessionId, Start};
use bulla::token::{CLOCK_SKEW, Visible};
use bulla::transport::Line;
use bulla::{
    Bearer, Cookie, Payload, Policy, Revocations, RingHandle, SealError, Session, SessionError,
    Sessions, UnixTime,
};
use serde::{Deserialize, Serialize};

use crate::support::{Client, RENEWAL, STATE, T0, key_text, ring, secs};

const IDLE: u64 = 1_800;
/// Activity is recorded when the last record is that old.
const TOUCH: u64 = 90;
const ABSOLUTE: u64 = 6 * 3_600;
const SKEW: u64 = CLOCK_SKEW.as_secs();
/// From a request's arrival to its answer, and from there to the client, at most.
const DELAY: u64 = 10;
/// Closer than this to the idle timeout, the model asks for nothing: what overlaps, and
/// what is seen by two clocks.
const MARGIN: u64 = SKEW + 4 * DELAY;
/// A revocation has come to every server after this.
const LATE: u64 = 120;
const CLIENTS: usize = 24;
const ACCOUNTS: u64 = 20;

const SERVERS: usize = 4;
/// It knows the first shape only.
const OLDER: usize = 3;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "soak.example/session")]
struct Before {
    account: u64,
    mark: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "soak.example/session", version = 2, previous = Before)]
struct After {
    account: u64,
    mark: u64,
    note: String,
}

impl From<Before> for After {
    fn from(old: Before) -> After {
        After { account: old.account, mark: old.mark, note: "upgraded".to_owned() }
    }
}

/// A state says whose it is and which change made it: no two changes have one mark.
trait State: Payload {
    fn new(account: u64, mark: u64) -> Self;
    fn account(&self) -> u64;
    fn mark(&self) -> u64;
    fn set_mark(&mut self, mark: u64);
}

impl State for Before {
    fn new(account: u64, mark: u64) -> Before {
        Before { account, mark }
    }

    fn account(&self) -> u64 {
        self.account
    }

    fn mark(&self) -> u64 {
        self.mark
    }

    fn set_mark(&mut self, mark: u64) {
        self.mark = mark;
    }
}

impl State for After {
    fn new(account: u64, mark: u64) -> After {
        After { account, mark, note: "x".repeat(mark as usize % 700) }
    }

    fn account(&self) -> u64 {
        self.account
    }

    fn mark(&self) -> u64 {
        self.mark
    }

    fn set_mark(&mut self, mark: u64) {
        self.mark = mark;
    }
}

/// Numbers that are the same in every run of one seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// From `low` to `high`, both included.
    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    fn index(&mut self, len: usize) -> usize {
        self.between(0, len as u64 - 1) as usize
    }

    /// One time in `n`.
    fn once_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
}

/// What the model knows of a token.
#[derive(Clone, Copy, Debug)]
struct Meta {
    /// Counts sessions, through every change of their ids.
    serial: u64,
    id: SessionId,
    account: u64,
    mark: u64,
    schema: u32,
    key: KeyId,
    started_at: u64,
    expires_at: u64,
    /// When it was issued, by the server's clock: between these two.
    issued: (u64, u64),
    /// The revocation by which the session last ended the others: its instant and mark.
    ended_others: Option<(u64, Mark)>,
    /// The revocations of the account that its server knew when it started, and that reach
    /// past that: the latest eight.
    follows: [Option<OfAccount>; 8],
}

type Mark = [u8; 8];

/// What a client keeps, and the model's notes on it.
#[derive(Clone, Debug)]
struct Device {
    client: Client,
    channel: Channel,
    notes: BTreeMap<String, Meta>,
}

impl Device {
    fn new(channel: Channel) -> Device {
        let client = match channel {
            Channel::Cookie => Client::browser(),
            Channel::Bearer => Client::mobile(),
        };
        Device { client, channel, notes: BTreeMap::new() }
    }

    fn names(&self) -> [&'static str; 2] {
        match self.channel {
            Channel::Cookie => [STATE, RENEWAL],
            Channel::Bearer => ["session-token", "session-renewal"],
        }
    }

    /// The model's notes on the state token and on a renewal token that is of its session.
    fn carried(&self) -> (Option<Meta>, Option<Meta>) {
        let [state, renewal] = self.names().map(|name| self.notes.get(name).copied());
        (state, renewal.filter(|renewal| state.is_some_and(|state| state.id == renewal.id)))
    }

    fn receive(&mut self, lines: &[(Line, Option<Meta>)]) {
        for (line, note) in lines.iter().filter(|(line, _)| line.sensitive) {
            self.client.take(line);
            let (name, _) = token_of(line);
            match note {
                Some(note) => self.notes.insert(name.to_owned(), *note),
                None => self.notes.remove(name),
            };
        }
        assert!(self.client.kept.keys().eq(self.notes.keys()), "the model follows the client");
    }
}

/// The name under which a client keeps a line's token, and the token; empty if it removes.
fn token_of(line: &Line) -> (&str, &str) {
    if line.name == "set-cookie" {
        line.value.split(';').next().unwrap().split_once('=').unwrap()
    } else {
        (&line.name, &line.value)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Look,
    /// A request that does not count as activity.
    Poll,
    Change,
    Reauthenticate,
    SignIn,
    SignOut,
    SignOutEverywhere,
    SignOutOthers,
}

/// A session of either release.
trait Open {
    fn read(&self) -> Option<(u64, u64)>;
    fn act(&self, act: Act, account: u64, mark: u64, over: Channel) -> Result<(), SessionError>;
    fn facts(&self) -> Option<Info>;
    fn fail(&self);
    fn leave(&self) -> Vec<Line>;
}

impl<T: State> Open for Session<T> {
    fn read(&self) -> Option<(u64, u64)> {
        self.get().map(|state| (state.account(), state.mark()))
    }

    fn act(&self, act: Act, account: u64, mark: u64, over: Channel) -> Result<(), SessionError> {
        match act {
            Act::Look => Ok(()),
            Act::Poll => {
                self.ignore_activity();
                Ok(())
            }
            Act::Change => self.update(|state| state.set_mark(mark)),
            Act::Reauthenticate => self.reauthenticated(),
            Act::SignIn => self.start_with(T::new(account, mark), Start::new().over(over)),
            Act::SignOut => self.end(),
            Act::SignOutEverywhere => self.end_everywhere(),
            Act::SignOutOthers => self.end_others(),
        }
    }

    fn facts(&self) -> Option<Info> {
        self.info()
    }

    fn fail(&self) {
        self.discard_changes();
    }

    fn leave(&self) -> Vec<Line> {
        self.commit().into_iter().collect()
    }
}

enum Release {
    Older(Sessions<Before>),
    Newer(Sessions<After>),
}

impl Release {
    fn schema(&self) -> u32 {
        match self {
            Release::Older(_) => Before::VERSION,
            Release::Newer(_) => After::VERSION,
        }
    }

    fn send(&self, client: &Client) -> Box<dyn Open> {
        match self {
            Release::Older(sessions) => Box::new(client.send_now(sessions)),
            Release::Newer(sessions) => Box::new(client.send_now(sessions)),
        }
    }
}

fn sessions<T: State>(
    ring: &RingHandle,
    clock: &Arc<AtomicU64>,
    list: &Revocations,
) -> Sessions<T> {
    let clock = Arc::clone(clock);
    Sessions::builder(ring, Policy::new(secs(IDLE), secs(ABSOLUTE)))
        .cookie(Cookie::default())
        .bearer(Bearer::default())
        .revocations(list)
        .subject(|state: &T| state.account().to_string())
        .clock(move || UnixTime::from_secs(clock.load(Relaxed)))
        .build()
}

/// What the model knows that a server has been told.
#[derive(Clone, Default)]
struct Told {
    /// Serials of sessions that were ended.
    sessions: Vec<u64>,
    /// Revocations of accounts. The library merges them; the model asks each.
    accounts: BTreeMap<u64, Vec<OfAccount>>,
}

/// Sessions of an account that began before an instant are over, except those that follow it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct OfAccount {
    before: u64,
    /// The session that made it, if it was one.
    by: Option<u64>,
    mark: Mark,
}

impl OfAccount {
    fn ends(&self, token: &Meta) -> bool {
        let own = token.ended_others.map(|(before, mark)| OfAccount {
            before,
            by: Some(token.serial),
            mark,
        });
        let mut follows = own.into_iter().chain(token.follows.into_iter().flatten());
        token.started_at < self.before && !follows.any(|of| of.is_or_follows(self))
    }

    fn is_or_follows(&self, of: &OfAccount) -> bool {
        self.mark == of.mark || (self.by.is_some() && self.by == of.by && self.before > of.before)
    }
}

#[derive(Clone, Copy, Debug)]
enum Ended {
    Session(u64),
    Account(u64, OfAccount),
}

impl Told {
    fn hear(&mut self, ended: Ended) {
        match ended {
            Ended::Session(serial) => self.sessions.push(serial),
            Ended::Account(account, revocation) => {
                let held = self.accounts.entry(account).or_default();
                if !held.contains(&revocation) {
                    held.push(revocation);
                }
            }
        }
    }

    fn followed(&self, account: u64, now: u64) -> [Option<OfAccount>; 8] {
        let held = self.accounts.get(&account).into_iter().flatten();
        let reach = held.filter(|of| of.before > now && of.before <= now + 2 * SKEW + 1);
        let mut reach: Vec<OfAccount> = reach.copied().collect();
        reach.sort_by_key(|of| Reverse(of.before));
        let mut follows = [None; 8];
        let mut at = 0;
        for (n, of) in reach.iter().enumerate() {
            let later = reach[..n].iter().any(|other| of.by.is_some() && other.by == of.by);
            if !later && at < 8 {
                follows[at] = Some(*of);
                at += 1;
            }
        }
        follows
    }

    fn ends(&self, token: &Meta) -> bool {
        let of_account = self.accounts.get(&token.account);
        of_account.is_some_and(|all| all.iter().any(|one| one.ends(token)))
            || self.sessions.contains(&token.serial)
    }
}

/// A revocation that a server has made when its clock showed `clock`.
fn of_account(before: UnixTime, by: Option<u64>, mark: Mark, clock: u64) -> OfAccount {
    let before = before.as_secs();
    assert_eq!(before, clock + SKEW + 1);
    OfAccount { before, by, mark }
}

struct Server {
    /// Counts restarts: what was being answered before is lost.
    run: u64,
    ahead: u64,
    clock: Arc<AtomicU64>,
    ring: RingHandle,
    /// Which of the rings it has.
    version: usize,
    list: Revocations,
    /// What its list passes on.
    spreads: Arc<Mutex<Vec<Revocation>>>,
    release: Release,
    told: Told,
}

impl Server {
    fn new(index: usize, run: u64, ahead: u64, ring: &RingHandle, version: usize) -> Server {
        let (clock, list) = (Arc::new(AtomicU64::new(0)), Revocations::new());
        let spreads = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&spreads);
        list.on_add(move |revocation| sink.lock().unwrap().push(*revocation));
        let release = match index {
            OLDER => Release::Older(sessions(ring, &clock, &list)),
            _ => Release::Newer(sessions(ring, &clock, &list)),
        };
        let (ring, told) = (ring.clone(), Told::default());
        Server { run, ahead, clock, ring, version, list, spreads, release, told }
    }

    /// What its list has passed on since it was asked last.
    fn says(&self) -> Vec<Revocation> {
        std::mem::take(&mut self.spreads.lock().unwrap())
    }

    fn set_clock(&self, now: u64) -> u64 {
        self.clock.store(now + self.ahead, Relaxed);
        now + self.ahead
    }
}

/// A key of the operator's ring.
#[derive(Clone, Debug)]
struct Dated {
    text: String,
    id: KeyId,
    primary_from: u64,
    open_until: Option<u64>,
}

impl Dated {
    fn new(primary_from: u64) -> Dated {
        let text = key_text();
        let id = text.rsplit('.').next().unwrap().parse().unwrap();
        Dated { text, id, primary_from, open_until: None }
    }

    fn line(&self) -> String {
        let from = UnixTime::from_secs(self.primary_from);
        let until = self
            .open_until
            .map_or(String::new(), |at| format!(" open-until={}", UnixTime::from_secs(at)));
        format!("{} primary-from={from}{until}", self.text)
    }
}

fn text(keys: &[Dated]) -> bulla::KeyRing {
    let lines: Vec<String> = keys.iter().map(Dated::line).collect();
    ring(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What must become of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Lives,
    Over,
    Either,
}

struct Request {
    /// `None` if what comes back is thrown away.
    device: Option<usize>,
    server: usize,
    run: u64,
    begun: u64,
    session: Box<dyn Open>,
    act: Act,
    fails: bool,
    carried: (Option<Meta>, Option<Meta>),
    /// Also a renewal token that is another session's.
    notes: BTreeMap<String, Meta>,
    /// What it carries is no genuine token, or not where it belongs.
    forged: bool,
    /// A bearer client that sends no renewal token: it is renewed in the state token.
    alone: bool,
    had: Option<Info>,
    written: Option<Meta>,
    ended: bool,
}

enum Event {
    Visit(usize),
    Answer(Box<Request>),
    Arrive(usize, Vec<(Line, Option<Meta>)>),
    Publish,
    Ring(usize, usize),
    Hear(usize, u64, Revocation, Ended),
    Restart,
    Step,
    /// All of an account, or of any.
    RevokeAccount(Option<u64>),
    Attack,
}

struct Queued(Reverse<(u64, u64)>, Event);

impl PartialEq for Queued {
    fn eq(&self, other: &Queued) -> bool {
        self.0 == other.0
    }
}

impl Eq for Queued {}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Queued) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Queued) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

struct Fleet {
    dice: Dice,
    now: u64,
    queue: BinaryHeap<Queued>,
    queued: u64,
    marks: u64,
    servers: Vec<Server>,
    rings: Vec<Vec<Dated>>,
    devices: Vec<Device>,
    accounts: Vec<u64>,
    /// What thieves have copied.
    copies: VecDeque<(u64, Device)>,
    /// All revocations: where a server reads them when it starts.
    kept: Vec<(Revocation, Ended)>,
    switch: Option<PathBuf>,
    counts: BTreeMap<&'static str, u64>,
}

impl Fleet {
    fn new(seed: u64, switch: Option<PathBuf>) -> Fleet {
        let now = T0.as_secs();
        let rings = vec![vec![Dated::new(0)]];
        let mut dice = Dice(seed);
        let servers = (0..SERVERS).map(|index| {
            let ring = RingHandle::from(text(&rings[0]));
            Server::new(index, 0, dice.between(0, SKEW), &ring, 0)
        });
        let servers = servers.collect();
        let channel = |index| if index % 3 == 0 { Channel::Bearer } else { Channel::Cookie };
        let mut fleet = Fleet {
            dice,
            now,
            queue: BinaryHeap::new(),
            queued: 0,
            marks: 0,
            servers,
            rings,
            devices: (0..CLIENTS).map(|index| Device::new(channel(index))).collect(),
            accounts: vec![0; CLIENTS],
            copies: VecDeque::new(),
            kept: Vec::new(),
            switch,
            counts: BTreeMap::new(),
        };
        for device in 0..CLIENTS {
            let after = fleet.dice.between(0, 300);
            fleet.after(after, Event::Visit(device));
        }
        fleet.after(60, Event::Publish);
        for (after, event) in [
            (500, Event::Restart),
            (400, Event::Step),
            (900, Event::RevokeAccount(None)),
            (100, Event::Attack),
        ] {
            fleet.after(after, event);
        }
        fleet
    }

    fn after(&mut self, seconds: u64, event: Event) {
        self.queued += 1;
        self.queue.push(Queued(Reverse((self.now + seconds, self.queued)), event));
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn run(&mut self, seconds: u64) {
        let end = self.now + seconds;
        while let Some(Queued(Reverse((at, _)), event)) = self.queue.pop() {
            if at > end {
                return;
            }
            self.now = at;
            match event {
                Event::Visit(device) => self.visit(device),
                Event::Answer(request) => self.answer(*request),
                Event::Arrive(device, lines) => self.devices[device].receive(&lines),
                Event::Publish => self.publish(),
                Event::Ring(server, version) => self.take_ring(server, version),
                Event::Hear(server, run, revocation, ended) => {
                    // One that has started meanwhile has read it.
                    if self.servers[server].run == run {
                        self.hear(server, revocation, ended);
                    }
                }
                Event::Restart => self.restart(),
                Event::Step => self.step(),
                Event::RevokeAccount(account) => self.revoke_account(account),
                Event::Attack => self.attack(),
            }
        }
    }

    fn visit(&mut self, device: usize) {
        let pause = match self.dice.between(0, 99) {
            0..=69 => self.dice.between(0, 60),
            70..=89 => self.dice.between(60, 400),
            90..=96 => self.dice.between(400, IDLE - MARGIN - 1),
            97..=98 => self.dice.between(IDLE - MARGIN, IDLE + MARGIN),
            _ => self.dice.between(IDLE, 3 * IDLE),
        };
        self.after(pause, Event::Visit(device));
        // By a server of the newer release; who is signed out signs in, mostly.
        let has = self.verdict(0, self.now, self.devices[device].carried()) != Verdict::Over;
        // Some hours bring nothing but changes, others none: a renewal token may stay.
        let hour = (self.now / 3_600 + device as u64) % 4;
        let act = match self.dice.between(0, 99) {
            _ if !has && !self.dice.once_in(5) => Act::SignIn,
            _ if hour == 0 && has => Act::Change,
            _ if hour == 1 && has => Act::Look,
            0..=54 => Act::Look,
            55..=64 => Act::Poll,
            65..=88 => Act::Change,
            89..=94 => Act::Reauthenticate,
            95 => Act::SignIn,
            96..=97 => Act::SignOut,
            _ if !self.dice.once_in(4) => Act::Look,
            98 => Act::SignOutEverywhere,
            _ => Act::SignOutOthers,
        };
        if act == Act::SignIn {
            self.accounts[device] = self.dice.between(0, ACCOUNTS - 1);
            if self.dice.once_in(25) {
                let account = Some(self.accounts[device]);
                let soon = self.dice.between(0, 2);
                self.after(soon, Event::RevokeAccount(account));
            }
        }
        if act == Act::SignOutOthers {
            // Its account is ended elsewhere at about the same time.
            match self.dice.between(0, 2) {
                0 => self.revoke_account(Some(self.accounts[device])),
                1 => self.after(1, Event::RevokeAccount(Some(self.accounts[device]))),
                _ => {}
            }
        }
        if self.dice.once_in(40) {
            let copy = self.devices[device].clone();
            self.copies.push_back((self.now, copy));
            if self.copies.len() > 400 {
                self.copies.pop_front();
            }
        }
        let sent = self.devices[device].clone();
        self.request(&sent, Some(device), act, false);
        if self.dice.once_in(12) {
            // Another at the same time: what a page loads, or the same once more.
            let act = if self.dice.once_in(2) { act } else { Act::Look };
            self.count("overlapping requests");
            self.request(&sent, Some(device), act, false);
        }
    }

    /// What the model says of tokens at a server, by its clock.
    fn verdict(&self, server: usize, clock: u64, carried: (Option<Meta>, Option<Meta>)) -> Verdict {
        let (Some(state), renewal) = carried else { return Verdict::Over };
        let server = &self.servers[server];
        let issued = |of: fn((u64, u64)) -> u64| {
            renewal.map_or(0, |renewal| of(renewal.issued)).max(of(state.issued))
        };
        if server.told.ends(&state)
            || clock >= state.expires_at
            || state.schema > server.release.schema()
            || clock >= issued(|(_, last)| last) + IDLE
        {
            return Verdict::Over;
        }
        if clock + MARGIN < issued(|(first, _)| first) + IDLE {
            Verdict::Lives
        } else {
            Verdict::Either
        }
    }

    /// Whether a server's ring opens tokens of a key.
    fn opens(&self, server: usize, clock: u64, key: KeyId) -> bool {
        let keys = &self.rings[self.servers[server].version];
        let key = keys.iter().find(|held| held.id == key);
        key.is_some_and(|key| key.open_until.is_none_or(|until| clock < until))
    }

    fn request(&mut self, sent: &Device, device: Option<usize>, act: Act, forged: bool) {
        let server = self.dice.index(SERVERS);
        let clock = self.servers[server].set_clock(self.now);
        let carried = sent.carried();
        self.count("requests");
        let session = self.servers[server].release.send(&sent.client);

        let mut verdict = self.verdict(server, clock, carried);
        if forged {
            verdict = Verdict::Over;
        } else if device.is_none() && verdict == Verdict::Lives {
            // Whose keys are gone by now: a copy of an old token is nobody's to keep alive.
            let (state, renewal) = carried;
            let opens = |token: Meta| self.opens(server, clock, token.key);
            if !state.is_some_and(opens) || !renewal.is_none_or(opens) {
                verdict = Verdict::Either;
            }
        }
        let read = session.read();
        let tell = |fleet: &Fleet| {
            format!(
                "{act:?} at {} s of server {server} (clock {}, schema {}): {carried:?}",
                fleet.now - T0.as_secs(),
                clock as i64 - T0.as_secs() as i64,
                fleet.servers[server].release.schema(),
            )
        };
        match (verdict, read) {
            (Verdict::Lives, None) => panic!("a session is lost: {}", tell(self)),
            (Verdict::Over, Some(_)) => panic!("wrongly accepted: {}", tell(self)),
            (_, None) => self.count("  without a session"),
            (_, Some((account, mark))) => {
                let state = carried.0.expect("it was sent");
                assert_eq!((account, mark), (state.account, state.mark), "{}", tell(self));
                self.count("  with a session");
            }
        }
        let had = session.facts();

        self.marks += 1;
        let mark = self.marks;
        let account = device.map_or(0, |device| self.accounts[device]);
        let lacks = self.switch.is_some() && self.dice.once_in(25);
        let done = self.without_randomness(lacks, || session.act(act, account, mark, sent.channel));
        let written = match done {
            Ok(()) => self.written(server, act, mark, carried.0, &*session),
            Err(SessionError::Seal(SealError::Random)) => {
                assert!(lacks);
                self.count("fault: a change without randomness");
                assert_eq!(session.read(), read, "nothing has changed: {}", tell(self));
                None
            }
            Err(SessionError::NoSession) => {
                assert!(read.is_none() && !matches!(act, Act::SignIn | Act::SignOut));
                None
            }
            Err(SessionError::NotNow) => {
                let (before, _) = carried.0.and_then(|state| state.ended_others).unwrap();
                assert!(act == Act::SignOutOthers && before > clock + SKEW, "{}", tell(self));
                self.count("others that were ended too soon after the last time");
                None
            }
            Err(error) => panic!("{error}: {}", tell(self)),
        };
        let ended = done.is_ok() && matches!(act, Act::SignOut | Act::SignOutEverywhere);
        let genuine = carried.0.filter(|_| !forged);
        self.spread(server, act, genuine, had.is_some(), done.is_ok());

        let fails = self.dice.once_in(20);
        let run = self.servers[server].run;
        let request = Request {
            device,
            server,
            run,
            begun: clock,
            session,
            act,
            fails,
            carried,
            notes: sent.notes.clone(),
            forged,
            alone: sent.channel == Channel::Bearer
                && !sent.client.kept.contains_key("session-renewal"),
            had,
            written,
            ended,
        };
        let takes = self.dice.between(0, DELAY);
        self.after(takes, Event::Answer(Box::new(request)));
    }

    /// The model's note on the state token that an act has made.
    fn written(
        &self,
        server: usize,
        act: Act,
        mark: u64,
        old: Option<Meta>,
        session: &dyn Open,
    ) -> Option<Meta> {
        let (changes, serial) = match act {
            Act::SignIn => (true, mark),
            Act::Change => (true, old?.serial),
            Act::Reauthenticate | Act::SignOutOthers => (false, old?.serial),
            Act::Look | Act::Poll | Act::SignOut | Act::SignOutEverywhere => return None,
        };
        let ended_others = match (act, self.servers[server].spreads.lock().unwrap().last()) {
            (Act::SignIn, _) => None,
            (
                Act::SignOutOthers,
                Some(Revocation::Subject { before, except: Some(except), .. }),
            ) => Some((before.as_secs(), except.mark)),
            _ => old?.ended_others,
        };
        let info = session.facts().expect("it was written");
        let (account, read) = session.read().expect("it was written");
        assert_eq!(read, if changes { mark } else { old?.mark });
        // The key, the shape and the times come with the token, in `answer`.
        Some(Meta {
            serial,
            id: info.id,
            account,
            mark: read,
            schema: 0,
            key: info.key_id,
            started_at: info.started_at.as_secs(),
            expires_at: info.expires_at.as_secs(),
            issued: (0, 0),
            ended_others,
            follows: match act {
                Act::SignIn => {
                    self.servers[server].told.followed(account, info.started_at.as_secs())
                }
                _ => old?.follows,
            },
        })
    }

    /// Passes on what a server has revoked, and holds it to what it was asked for.
    fn spread(&mut self, server: usize, act: Act, state: Option<Meta>, lived: bool, done: bool) {
        let added = self.servers[server].says();
        let clock = self.now + self.servers[server].ahead;
        for revocation in added {
            let ended = match revocation {
                Revocation::Session { .. } => {
                    assert!(matches!(act, Act::SignOut | Act::SignOutEverywhere));
                    Ended::Session(state.expect("a genuine token was judged").serial)
                }
                Revocation::Subject { before, except: Some(except), .. } => {
                    assert!(matches!(act, Act::SignOutEverywhere | Act::SignOutOthers) && done);
                    let state = state.expect("a genuine token was judged");
                    let by = (act == Act::SignOutOthers).then_some(state.serial);
                    if by.is_some() {
                        self.count_attack(server, &state);
                    }
                    Ended::Account(state.account, of_account(before, by, except.mark, clock))
                }
                other => panic!("nobody asked for {other}"),
            };
            self.tell(server, revocation, ended);
        }
        if lived && done && matches!(act, Act::SignOut) {
            let state = state.expect("it lived");
            assert!(self.servers[server].told.ends(&state), "who signs out ends the copies");
        }
    }

    /// A session has ended the others at a server that does not know yet that the session is
    /// over. It must end when the server hears of that: `verdict` sees to it.
    fn count_attack(&mut self, server: usize, state: &Meta) {
        let ends = |ended: &Ended| matches!(ended, Ended::Account(of, one) if *of == state.account && one.ends(state));
        if self.kept.iter().any(|(_, ended)| ends(ended)) {
            assert!(!self.servers[server].told.ends(state));
            self.count("attack: a revoked session ended the others before its server had heard");
        }
    }

    fn hear(&mut self, server: usize, revocation: Revocation, ended: Ended) {
        let at = &mut self.servers[server];
        at.list.learn([revocation]);
        at.told.hear(ended);
        assert_eq!(at.says(), [], "what was heard is not passed on");
    }

    /// The server knows at once, the others later.
    fn tell(&mut self, server: usize, revocation: Revocation, ended: Ended) {
        self.count("revocations");
        self.servers[server].told.hear(ended);
        self.kept.push((revocation, ended));
        for other in (0..SERVERS).filter(|other| *other != server) {
            let (late, run) = (self.dice.between(0, LATE), self.servers[other].run);
            self.after(late, Event::Hear(other, run, revocation, ended));
        }
    }

    fn answer(&mut self, request: Request) {
        let Request { device, server, run, begun, session, act, fails, notes, .. } = &request;
        let (device, server, act) = (*device, *server, *act);
        if self.servers[server].run != *run {
            self.count("fault: a server restarted before it answered");
            return;
        }
        let clock = self.servers[server].set_clock(self.now);
        if *fails {
            self.count("fault: a handler failed");
            session.fail();
        }
        let lacks = self.switch.is_some() && self.dice.once_in(25);
        let lines = self.without_randomness(lacks, || session.leave());
        self.count(if lacks { "fault: an answer without randomness" } else { "answers" });
        let schema = self.servers[server].release.schema();
        let written = request.written.filter(|_| !*fails);
        let leaves: Vec<(Line, Option<Meta>)> = lines
            .into_iter()
            .map(|line| {
                let note = self.note(&request, written, &line, clock, schema);
                (line, note)
            })
            .collect();

        let what = || format!("{act:?} of server {server} at {begun}: {notes:#?}");
        let stores = |name: &str| {
            leaves.iter().any(|(line, note)| note.is_some() && token_of(line).0.ends_with(name))
        };
        let state = if leaves.iter().any(|(line, _)| line.name.starts_with("session-")) {
            "session-token"
        } else {
            "session"
        };
        let changes = stores(state) && !(request.alone && written.is_none());
        assert_eq!(changes, written.is_some(), "a change leaves, and nothing else: {}", what());
        let removes = leaves.iter().any(|(line, note)| {
            line.sensitive && note.is_none() && token_of(line).0.ends_with(state)
        });
        let signs_out = request.ended;
        if removes && !signs_out && written.is_none() {
            self.check_dead(&request);
            self.count("dead tokens cleared");
        }
        assert!(removes || !signs_out, "a sign-out removes the token: {}", what());
        if act == Act::Poll {
            assert!(!stores("renewal"), "a poll is no activity: {}", what());
        }

        // Else who only looks is signed out in the midst of it.
        let idle = request.had.map(|had| begun.saturating_sub(had.last_seen.as_secs()));
        if act == Act::Look && device.is_some() && !lacks && idle.is_some_and(|idle| idle >= TOUCH)
        {
            let recorded = stores("renewal") || request.alone && stores(state);
            // Without randomness, a change could not take its renewal token along to a new
            // key. Without the old one, none may be written over it.
            let left_behind = self.switch.is_some()
                && request.carried.1.is_some_and(|renewal| !self.opens(server, clock, renewal.key));
            assert!(recorded || left_behind, "activity is recorded: {}", what());
        }

        let Some(device) = device else { return };
        match self.dice.between(0, 99) {
            0..=4 => self.count("fault: an answer was lost"),
            5..=14 => {
                self.count("fault: an answer was late");
                let late = self.dice.between(1, 2 * DELAY);
                self.after(late, Event::Arrive(device, leaves));
            }
            _ => self.devices[device].receive(&leaves),
        }
    }

    /// The model's note on a token that leaves.
    fn note(
        &mut self,
        request: &Request,
        written: Option<Meta>,
        line: &Line,
        clock: u64,
        schema: u32,
    ) -> Option<Meta> {
        let (name, token) = token_of(line);
        if !line.sensitive || token.is_empty() {
            return None;
        }
        let visible = Visible::of(token).unwrap();
        let key = visible.unverified_key_id;
        let keys = &self.rings[self.servers[request.server].version];
        let known = keys.iter().find(|held| held.id == key).expect("it is of the server's ring");
        // By the latest clock that it can have been sealed with.
        assert!(known.primary_from <= clock.max(request.begun), "it was primary");
        if name.ends_with("renewal") {
            self.count("renewals");
            let (state, _) = request.carried;
            let had = request.had.map(|had| had.id);
            let id = written.map(|written| written.id).or(had).expect("a session was renewed");
            let base = written.or(state).expect("a session was renewed");
            return Some(Meta {
                id,
                key,
                issued: (request.begun, clock.max(request.begun)),
                ..base
            });
        }
        let Some(written) = written else {
            assert!(request.alone, "only a change writes the state");
            self.count("renewals in the state token");
            let issued = (request.begun, clock.max(request.begun));
            return Some(Meta { key, issued, ..request.carried.0.expect("it was renewed") });
        };
        self.count("changes");
        assert_eq!(written.key, key);
        Some(Meta { schema, issued: (request.begun, request.begun), ..written })
    }

    /// Whether what a server has cleared was dead, on every server.
    fn check_dead(&self, request: &Request) {
        let (state, renewal) = request.carried;
        if request.forged {
            return;
        }
        let state = state.expect("something was cleared");
        let last = renewal.map_or(0, |renewal| renewal.issued.0).max(state.issued.0);
        assert!(
            self.servers[request.server].told.ends(&state)
                || request.begun >= state.expires_at + SKEW
                || request.begun >= last + IDLE + SKEW,
            "a living session is cleared: {:?} {:?}",
            request.begun,
            request.carried
        );
    }

    fn publish(&mut self) {
        let pause = self.dice.between(120, 600);
        self.after(pause, Event::Publish);
        self.count("rotations");
        let spread = self.dice.between(SKEW, 600);
        let mut keys = self.rings.last().unwrap().clone();
        let last = keys.last_mut().unwrap();
        let primary_from = (self.now + spread).max(last.primary_from + 1);
        last.open_until = Some(primary_from + SKEW + IDLE);
        let now = self.now;
        keys.retain(|key| key.open_until.is_none_or(|until| until + SKEW > now));
        keys.push(Dated::new(primary_from));
        assert!(keys.len() < bulla::keys::MAX_KEYS);
        self.rings.push(keys);
        let version = self.rings.len() - 1;
        // Nobody has these any more.
        for old in 0..version.saturating_sub(64) {
            self.rings[old] = Vec::new();
        }
        for server in 0..SERVERS {
            let late = self.dice.between(0, spread - SKEW);
            self.after(late, Event::Ring(server, version));
        }
    }

    fn take_ring(&mut self, server: usize, version: usize) {
        let server = &mut self.servers[server];
        // The serial number of what is there is higher.
        if version > server.version {
            server.ring.replace(text(&self.rings[version]));
            server.version = version;
        }
    }

    fn restart(&mut self) {
        let pause = self.dice.between(300, 3_000);
        self.after(pause, Event::Restart);
        self.count("fault: a server restarted");
        let index = self.dice.index(SERVERS);
        let old = &self.servers[index];
        // It reads the ring that it had, or the newest.
        let newest = self.rings.len() - 1;
        let version = if self.dice.once_in(2) { newest } else { old.version };
        let ring = RingHandle::from(text(&self.rings[version]));
        let mut server = Server::new(index, old.run + 1, old.ahead, &ring, version);
        let now = self.now;
        self.kept.retain(|(revocation, _)| revocation.until().as_secs() > now);
        server.list.learn(self.kept.iter().map(|(revocation, _)| *revocation));
        self.kept.iter().for_each(|(_, ended)| server.told.hear(*ended));
        self.servers[index] = server;
    }

    fn step(&mut self) {
        let pause = self.dice.between(100, 2_000);
        self.after(pause, Event::Step);
        self.count("fault: a clock was set");
        let index = self.dice.index(SERVERS);
        self.servers[index].ahead = match self.dice.between(0, 3) {
            0 => 0,
            1 => SKEW / 2,
            2 => SKEW,
            _ => self.dice.between(0, SKEW),
        };
        let clock = self.servers[index].set_clock(self.now);
        self.servers[index].list.prune(UnixTime::from_secs(clock));
    }

    fn revoke_account(&mut self, account: Option<u64>) {
        if account.is_none() {
            let pause = self.dice.between(1_000, 20_000);
            self.after(pause, Event::RevokeAccount(None));
        }
        let index = self.dice.index(SERVERS);
        let any = self.dice.between(0, ACCOUNTS - 1);
        let account = account.unwrap_or(any);
        let clock = self.servers[index].set_clock(self.now);
        match &self.servers[index].release {
            Release::Older(sessions) => sessions.revoke_subject(&account.to_string()),
            Release::Newer(sessions) => sessions.revoke_subject(&account.to_string()),
        }
        let added = self.servers[index].says();
        let subject = Subject::of(After::PURPOSE, &account.to_string());
        for revocation in added {
            let Revocation::Subject { subject: of, before, except: Some(except), .. } = revocation
            else {
                panic!("nobody asked for {revocation}")
            };
            assert_eq!(of, subject);
            let ended = Ended::Account(account, of_account(before, None, except.mark, clock));
            self.tell(index, revocation, ended);
        }
    }

    fn attack(&mut self) {
        let pause = self.dice.between(10, 60);
        self.after(pause, Event::Attack);
        if self.copies.is_empty() {
            return;
        }
        // Half of them are about as old as sessions may be idle.
        let old = self.copies.partition_point(|(at, _)| at + IDLE + 300 < self.now);
        let idle = self.copies.partition_point(|(at, _)| at + IDLE < self.now);
        let copy = match self.dice.once_in(2) && old < idle {
            true => old + self.dice.index(idle - old),
            false => self.dice.index(self.copies.len()),
        };
        let mut copy = self.copies[copy].1.clone();
        let names = copy.names();
        let Some(token) = copy.client.kept.get(names[0]).cloned() else { return };
        let at = self.dice.index(token.len());
        let other = self.devices[self.dice.index(CLIENTS)].clone();
        let (what, forged) = match self.dice.between(0, 5) {
            0 => {
                // Replayed as it was, perhaps hours ago.
                ("attack: a copy was replayed", false)
            }
            1 => {
                let mut changed = token.into_bytes();
                changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
                copy.client.kept.insert(names[0].to_owned(), String::from_utf8(changed).unwrap());
                ("attack: a token was changed", true)
            }
            2 => {
                copy.client.kept.insert(names[0].to_owned(), token[..at].to_owned());
                ("attack: a token was cut", true)
            }
            3 => {
                // From cookies to headers, or back.
                let channel = match copy.channel {
                    Channel::Cookie => Channel::Bearer,
                    Channel::Bearer => Channel::Cookie,
                };
                let mut elsewhere = Device::new(channel);
                for (from, to) in names.iter().zip(elsewhere.names()) {
                    if let Some(token) = copy.client.kept.get(*from) {
                        elsewhere.client.kept.insert(to.to_owned(), token.clone());
                    }
                }
                copy = elsewhere;
                ("attack: a token went over another channel", true)
            }
            4 => {
                let Some(renewal) = copy.client.kept.get(names[1]).cloned() else { return };
                copy.client.kept.insert(names[0].to_owned(), renewal);
                ("attack: a renewal token stood for the state", true)
            }
            _ => {
                if other.channel != copy.channel {
                    return;
                }
                match (other.client.kept.get(names[1]), other.notes.get(names[1])) {
                    (Some(token), Some(note)) => {
                        copy.client.kept.insert(names[1].to_owned(), token.clone());
                        copy.notes.insert(names[1].to_owned(), *note);
                    }
                    _ => {
                        copy.client.kept.remove(names[1]);
                        copy.notes.remove(names[1]);
                    }
                }
                ("attack: another session's renewal token", false)
            }
        };
        self.count(what);
        let act = if self.dice.once_in(3) { Act::Change } else { Act::Look };
        self.request(&copy, None, act, forged);
    }

    /// Runs `act` while there is no randomness, if the process was started so that it can
    /// be taken away.
    fn without_randomness<R>(&self, lacks: bool, act: impl FnOnce() -> R) -> R {
        let Some(switch) = self.switch.as_ref().filter(|_| lacks) else { return act() };
        fs::write(switch, "").unwrap();
        let result = act();
        fs::remove_file(switch).unwrap();
        result
    }
}

fn number(name: &str, without: f64) -> f64 {
    env::var(name).map_or(without, |value| value.parse().expect("it is a number"))
}

#[test]
fn a_fleet_with_faults_loses_no_session_and_accepts_none_that_is_over() {
    let days = number("SOAK_DAYS", 0.25);
    let seed = number("SOAK_SEED", 1815.0) as u64;
    let switch = env::var_os("NO_RANDOMNESS").map(PathBuf::from);
    let mut fleet = Fleet::new(seed, switch);
    fleet.run((days * 86_400.0) as u64);
    eprintln!("{days} days of seed {seed}:");
    for (what, times) in &fleet.counts {
        eprintln!("  {times} {}", what.trim());
    }
    for fault in [
        "fault: an answer was lost",
        "fault: an answer was late",
        "fault: a handler failed",
        "fault: a server restarted",
        "fault: a clock was set",
        "overlapping requests",
        "revocations",
    ] {
        assert!(fleet.counts.contains_key(fault), "never: {fault}");
    }
}
