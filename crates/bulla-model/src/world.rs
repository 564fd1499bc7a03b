//! One state of a fleet: servers, revocations on their way, clients and their cookies.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bulla::revocation::{Exception, Revocation};
use bulla::token::{Mode, RawTokens};
use bulla::{KeyRing, Payload, Policy, Revocations, Session, Sessions, UnixTime};
use serde::{Deserialize, Serialize};

/// When models begin: 2026-12-01T12:00:00Z.
pub(crate) const T0: UnixTime = UnixTime::from_secs(1_796_126_400);

pub(crate) const IDLE: u64 = 1800;
const ABSOLUTE: u64 = 6 * 3600;
/// Activity is recorded when the last record is this old, in seconds.
pub(crate) const TOUCH: u64 = 60;
pub(crate) const STATE: &str = "__Host-session";
pub(crate) const RENEWAL: &str = "__Host-session-renewal";

#[derive(Clone, Serialize, Deserialize, Payload)]
#[payload(purpose = "model.example/session")]
pub(crate) struct Account {
    /// The number of the change that made this state.
    pub(crate) change: u64,
}

/// A mistake that servers make on purpose when they take in revocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mistake {
    /// The mark of the session that is spared gets lost on the way.
    TheMarkIsDropped,
    /// A revocation takes over the exception of an earlier one, and so spares its tokens.
    AnExceptionIsKept,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    /// Seconds by which its clock is ahead.
    pub(crate) ahead: u64,
    /// Which of the world's revocations it knows: a bit for each.
    pub(crate) knows: u32,
    /// Which ring it has: 0 or 1.
    pub(crate) ring: usize,
}

/// A revocation, and what the model knows of how it was made.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) revocation: Revocation,
    pub(crate) at: u64,
    pub(crate) by: usize,
    pub(crate) of: Of,
    /// Whether the store has it, which a server reads when it starts.
    pub(crate) stored: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Of {
    Session(u8),
    Everybody,
    /// All but one.
    Others(u8),
}

/// What the model knows of a state token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ghost {
    /// Which sign-in it comes from.
    pub(crate) lineage: u8,
    pub(crate) signed_in: u64,
    /// The revocations that the server of the sign-in knew.
    pub(crate) knew: u32,
    /// The revocations that this token made, or one that it was made from.
    pub(crate) made: u32,
    pub(crate) change: u64,
    /// Which key it is under: 0 or 1.
    pub(crate) key: usize,
    /// When it was issued.
    pub(crate) issued: u64,
}

pub(crate) type Jar = BTreeMap<String, String>;

#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) who: Who,
    pub(crate) jar: Jar,
    /// Responses that have not arrived.
    pub(crate) coming: Vec<Vec<(String, Option<String>)>>,
    /// When a response was last made for it.
    pub(crate) seen: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    Owner,
    Other,
    Thief,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) servers: Vec<Server>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) clients: Vec<Client>,
    /// By the text of a state token.
    pub(crate) ghosts: BTreeMap<String, Ghost>,
    pub(crate) changes: u64,
    pub(crate) lineages: u8,
    pub(crate) left: crate::fleet::Budget,
    pub(crate) broken: Vec<&'static str>,
    pub(crate) over: bool,
    /// What tells it from other worlds.
    pub(crate) digest: u64,
}

/// Two worlds are the same if they differ in nothing but random bytes.
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

impl World {
    /// What the hash is of. Ids, marks, nonces and tags are left out: what they stand for,
    /// which token is which and who is spared, is in the ghosts.
    pub(crate) fn settle(mut self) -> World {
        let mut out = std::collections::hash_map::DefaultHasher::new();
        (self.now, &self.servers, self.changes, self.lineages, &self.left).hash(&mut out);
        (&self.broken, self.over).hash(&mut out);
        for entry in &self.entries {
            let (before, until) = instants(&entry.revocation);
            (before, until, entry.at, entry.by, entry.of, entry.stored).hash(&mut out);
        }
        let mut clients: Vec<u64> = self.clients.iter().map(|client| self.view(client)).collect();
        // The owner is the first; thieves and others of the same kind are alike.
        clients[1..].sort_unstable();
        clients.hash(&mut out);
        self.digest = out.finish();
        self
    }

    fn view(&self, client: &Client) -> u64 {
        let mut out = std::collections::hash_map::DefaultHasher::new();
        (client.who, client.seen).hash(&mut out);
        self.view_tokens(client.jar.iter().map(|(name, token)| (name, Some(token))), &mut out);
        for response in &client.coming {
            let tokens = response.iter().map(|(name, token)| (name, token.as_ref()));
            self.view_tokens(tokens, &mut out);
        }
        out.finish()
    }

    fn view_tokens<'t>(
        &self,
        tokens: impl Iterator<Item = (&'t String, Option<&'t String>)>,
        out: &mut impl Hasher,
    ) {
        for (name, token) in tokens {
            name.hash(out);
            token.and_then(|token| self.ghosts.get(token)).hash(out);
            if let (RENEWAL, Some(token)) = (name.as_str(), token) {
                self.view_renewal(token, out);
            }
        }
        u8::MAX.hash(out);
    }

    /// When a renewal was issued, for which token, and with which copy.
    fn view_renewal(&self, token: &str, out: &mut impl Hasher) {
        let purpose = ["model.example/session", "renewal", "cookie", STATE].join("\0");
        let raw = RawTokens::new(rings(1), Mode::Sealed, purpose).authenticate(token);
        let raw = raw.expect("the model has both keys");
        (raw.key_id == key_id(0), raw.issued_at, raw.payload.len()).hash(out);
        let of = self.ghosts.iter().filter(|(text, _)| id_of(text) == raw.payload[..16]);
        let of: Vec<&Ghost> = of.map(|(_, ghost)| ghost).collect();
        of.iter().map(|ghost| (ghost.lineage, ghost.made)).max().hash(out);
        if raw.payload.len() > 40 {
            let copies = |text: &&String| fingerprint_matches(text, &raw.payload);
            self.ghosts.keys().find(copies).map(|text| &self.ghosts[text]).hash(out);
        }
    }

    pub(crate) fn clock(&self, server: usize) -> UnixTime {
        T0 + Duration::from_secs(self.now + self.servers[server].ahead)
    }

    /// The server of this state, with the revocations of `knows`.
    pub(crate) fn server(&self, server: usize, knows: u32, mistake: Option<Mistake>) -> Running {
        let list = Revocations::new();
        let known = (0..self.entries.len()).filter(|n| knows & 1 << n != 0);
        let known: Vec<Revocation> = known.map(|n| self.entries[n].revocation).collect();
        list.learn(known.iter().map(|revocation| mistaken(*revocation, &known, mistake)));
        let clock = self.clock(server);
        let policy = Policy::new(Duration::from_secs(IDLE), Duration::from_secs(ABSOLUTE))
            .with_touch_threshold(Duration::from_secs(TOUCH));
        let sessions = Sessions::builder(rings(self.servers[server].ring), policy)
            .revocations(&list)
            .subject(|_: &Account| "ada".to_owned())
            .clock(move || clock)
            .build();
        let made = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&made);
        list.on_add(move |revocation| sink.lock().expect("no panic").push(*revocation));
        Running { sessions, made }
    }
}

/// A revocation as a server with a mistake takes it in.
fn mistaken(revocation: Revocation, known: &[Revocation], mistake: Option<Mistake>) -> Revocation {
    let Revocation::Subject { subject, before, except, until } = revocation else {
        return revocation;
    };
    let except = match (mistake, except) {
        (Some(Mistake::TheMarkIsDropped), Some(except)) => {
            Some(Exception { mark: [0; 8], ..except })
        }
        (Some(Mistake::AnExceptionIsKept), Some(_)) => known.iter().find_map(|known| match known {
            Revocation::Subject { except, .. } => *except,
            _ => None,
        }),
        (_, except) => except,
    };
    // The exception that is kept belongs to an older instant.
    let kept = mistake == Some(Mistake::AnExceptionIsKept);
    let oldest = known.iter().map(|known| instants(known).0).min();
    let before = oldest.filter(|_| kept).unwrap_or(before);
    Revocation::Subject { subject, before, except, until }
}

pub(crate) struct Running {
    pub(crate) sessions: Sessions<Account>,
    /// What it has revoked.
    pub(crate) made: Arc<Mutex<Vec<Revocation>>>,
}

impl Running {
    pub(crate) fn load(&self, jar: &Jar) -> Session<Account> {
        let header: Vec<String> =
            jar.iter().map(|(name, token)| format!("{name}={token}")).collect();
        let header = header.join("; ");
        self.sessions.load(|name| (name == "cookie").then_some(header.as_bytes()))
    }
}

/// The cookies that a response sets and removes.
pub(crate) fn cookies(session: &Session<Account>) -> Vec<(String, Option<String>)> {
    let lines = session.commit().into_iter().filter(|line| line.name == "set-cookie");
    let cookies = lines.map(|line| {
        let (pair, attributes) = line.value.split_once(';').unwrap_or((&line.value, ""));
        let (name, value) = pair.split_once('=').expect("a cookie has a name");
        let removes = attributes.contains("Max-Age=0");
        (name.to_owned(), (!removes).then(|| value.to_owned()))
    });
    cookies.collect()
}

pub(crate) fn take(jar: &mut Jar, cookies: &[(String, Option<String>)]) {
    for (name, value) in cookies {
        match value {
            Some(value) => jar.insert(name.clone(), value.clone()),
            None => jar.remove(name),
        };
    }
}

fn instants(revocation: &Revocation) -> (UnixTime, UnixTime) {
    let before = match *revocation {
        Revocation::Subject { before, .. } | Revocation::All { before, .. } => before,
        _ => UnixTime::EPOCH,
    };
    (before, revocation.until())
}

fn keys() -> &'static [String; 2] {
    static KEYS: OnceLock<[String; 2]> = OnceLock::new();
    KEYS.get_or_init(|| {
        [(); 2].map(|()| {
            let text = KeyRing::generate().expect("randomness").expose_text();
            text.trim().to_owned()
        })
    })
}

/// The ring before, of one key, and the ring after, of which the second key seals at once.
pub(crate) fn rings(version: usize) -> &'static KeyRing {
    static RINGS: OnceLock<[KeyRing; 2]> = OnceLock::new();
    let rings = RINGS.get_or_init(|| {
        let [first, second] = keys();
        let after = format!("{first}\n{second} primary-from=2026-11-01T00:00:00Z");
        [first.parse().expect("a ring"), after.parse().expect("a ring")]
    });
    &rings[version]
}

pub(crate) fn key_id(key: usize) -> bulla::keys::KeyId {
    rings(1).entries().nth(key).expect("two keys").key_id()
}

/// The session id in a state token.
fn id_of(token: &str) -> [u8; 16] {
    let purpose = ["model.example/session", "state", "cookie", STATE].join("\0");
    let raw = RawTokens::new(rings(1), Mode::Sealed, purpose).authenticate(token);
    let raw = raw.expect("the model has both keys");
    raw.payload[..16].try_into().expect("16 bytes")
}

/// Whether a renewal's copy is of this state token: its length and place tell.
fn fingerprint_matches(token: &str, renewal: &[u8]) -> bool {
    let purpose = ["model.example/session", "state", "cookie", STATE].join("\0");
    let raw = RawTokens::new(rings(1), Mode::Sealed, purpose).authenticate(token);
    let payload = raw.expect("the model has both keys").payload;
    renewal.windows(payload.len()).any(|window| window == &payload[..])
}
