//! A state of the fleet model: the servers, the revocations, which servers have them, and the
//! clients with their cookies.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bulla::revocation::{Exception, Revocation};
use bulla::token::{Mode, RawTokens};
use bulla::{KeyRing, Payload, Policy, Revocations, Session, Sessions, UnixTime};
use serde::{Deserialize, Serialize};

/// The time at which each model starts: 2026-12-01T12:00:00Z.
pub(crate) const T0: UnixTime = UnixTime::from_secs(1_796_126_400);

pub(crate) const IDLE: u64 = 1800;
const ABSOLUTE: u64 = 6 * 3600;
/// A session is renewed if its last activity was recorded this many seconds ago.
pub(crate) const TOUCH: u64 = 60;
pub(crate) const STATE: &str = "__Host-session";
pub(crate) const RENEWAL: &str = "__Host-session-renewal";

#[derive(Clone, Serialize, Deserialize, Payload)]
#[payload(purpose = "model.example/session")]
pub(crate) struct Account {
    /// The number of the change that made this state.
    pub(crate) change: u64,
}

/// A deliberate mistake that servers make when they receive revocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mistake {
    /// A revocation loses its mark. The mark is random bytes. If a token contains the mark, the
    /// revocation does not end the token's session.
    TheMarkIsDropped,
    /// A revocation gets the exception of an earlier revocation. As a result, the wrong tokens stay
    /// valid.
    AnExceptionIsKept,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    /// How many seconds the server's clock is ahead.
    pub(crate) ahead: u64,
    /// The revocations that the server has, as one bit for each entry of the world.
    pub(crate) knows: u32,
    /// The version of the server's ring: 0 or 1.
    pub(crate) ring: usize,
}

/// A revocation, and what the model records about it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) revocation: Revocation,
    pub(crate) at: u64,
    pub(crate) by: usize,
    pub(crate) of: Of,
    /// Whether the revocation is in the shared store. A server reads the store when it starts.
    pub(crate) stored: bool,
}

/// The sessions that a revocation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Of {
    Session(u8),
    Everybody,
    /// All sessions except this one.
    Others(u8),
}

/// The model's record of a state token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ghost {
    /// The number of the sign-in from which the token comes.
    pub(crate) lineage: u8,
    pub(crate) signed_in: u64,
    /// The revocations that the server had at the sign-in.
    pub(crate) knew: u32,
    /// The revocations that were made with this token or with earlier tokens of its session.
    pub(crate) made: u32,
    pub(crate) change: u64,
    /// The number of the key that sealed the token: 0 or 1.
    pub(crate) key: usize,
    /// When the token was issued, by the clock of the server that issued it.
    pub(crate) issued: u64,
}

pub(crate) type Jar = BTreeMap<String, String>;

#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) who: Who,
    pub(crate) jar: Jar,
    /// Responses that have not arrived.
    pub(crate) coming: Vec<Vec<(String, Option<String>)>>,
    /// The last time at which a server accepted the client's session, plus the clock skew of 60
    /// seconds.
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
    /// The records of the state tokens, by the text of the token.
    pub(crate) ghosts: BTreeMap<String, Ghost>,
    pub(crate) changes: u64,
    pub(crate) lineages: u8,
    pub(crate) left: crate::fleet::Budget,
    pub(crate) broken: Vec<&'static str>,
    pub(crate) over: bool,
    /// A hash by which worlds are compared.
    pub(crate) digest: u64,
}

/// Two worlds that differ only in random bytes are the same.
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
    /// Computes the digest. Ids, marks, nonces and tags are random, so the digest does not cover
    /// them. It covers what they stand for, as recorded in `ghosts`: which token is which, and
    /// which session a revocation does not end.
    pub(crate) fn settle(mut self) -> World {
        let mut out = std::collections::hash_map::DefaultHasher::new();
        (self.now, &self.servers, self.changes, self.lineages, &self.left).hash(&mut out);
        (&self.broken, self.over).hash(&mut out);
        for entry in &self.entries {
            let (before, until) = instants(&entry.revocation);
            (before, until, entry.at, entry.by, entry.of, entry.stored).hash(&mut out);
        }
        let mut clients: Vec<u64> = self.clients.iter().map(|client| self.view(client)).collect();
        // The owner is the first client. The order of the other clients does not matter.
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

    /// Hashes a renewal token: when it was issued, for which session, and which state token it
    /// contains a copy of.
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

    /// Builds a server of this state that has the revocations in `knows`.
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

/// What a server that makes this mistake stores when it receives the revocation.
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
    // The kept exception belongs to an earlier revocation, whose time is therefore used too.
    let kept = mistake == Some(Mistake::AnExceptionIsKept);
    let oldest = known.iter().map(|known| instants(known).0).min();
    let before = oldest.filter(|_| kept).unwrap_or(before);
    Revocation::Subject { subject, before, except, until }
}

pub(crate) struct Running {
    pub(crate) sessions: Sessions<Account>,
    /// The revocations that this server has made.
    pub(crate) made: Arc<Mutex<Vec<Revocation>>>,
}

impl Running {
    pub(crate) fn load(&self, jar: &Jar) -> Session<Account> {
        let header: Vec<String> =
            jar.iter().map(|(name, token)| format!("{name}={token}")).collect();
        let header = header.join("; ");
        self.sessions.load("POST", |name| (name == "cookie").then_some(header.as_bytes()))
    }
}

/// The cookies that a response sets or deletes. The value of a deleted cookie is `None`.
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

/// The ring in version 0, with one key, or in version 1, in which a second key is primary at once.
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

/// Whether a renewal token contains a copy of this state token.
fn fingerprint_matches(token: &str, renewal: &[u8]) -> bool {
    let purpose = ["model.example/session", "state", "cookie", STATE].join("\0");
    let raw = RawTokens::new(rings(1), Mode::Sealed, purpose).authenticate(token);
    let payload = raw.expect("the model has both keys").payload;
    renewal.windows(payload.len()).any(|window| window == &payload[..])
}
