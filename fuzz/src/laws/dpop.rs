//! Law: a session in headers that is bound to a key is alive only for the proof lifetime after the
//! challenge in a proof of this key was made, and a proof is accepted once. Both implementations
//! agree for any history of requests (spec section 9.6). The response to a request that is refused
//! has no tokens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arbitrary::Unstructured;
use bulla::session::{Channel, Dpop, Refusal, Start, Status};
use bulla::token::UsedHere;
use bulla::transport::Line;
use bulla::{Bearer, Policy, Session, SessionError, Sessions};
use p256::ecdsa::Signature;
use p256::ecdsa::signature::Signer as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::bound::{DEVICES, Device, some_key};
use super::proof::Change;
use super::sessions::State;
use crate::fixed::{T0, at, key_bytes, ring, secs};
use crate::independent::{
    Fields, Key, Mode, Opened, Reader, Record, Renewal, from_base64url, make, open, to_base64url,
};

const IDLE: u64 = 1_800;
const ABSOLUTE: u64 = 43_200;
const PROOF_LIFETIME: u64 = 600;
/// No key of the ring becomes primary before this time.
const LAST: u64 = T0 + 2_900;
/// The id of a session whose tokens the independent implementation has made.
const PLANTED: [u8; 16] = [5; 16];

const METHOD: &str = "POST";
const SERVER: &str = "https://bank.example/api";
const TARGET: &str = "/pay?to=alan";
const ADDRESS: &str = "https://bank.example/api/pay";

/// `data` describes requests to two servers that share the store of used proofs.
///
/// # Panics
/// If the two implementations differ, or if a response has more tokens than it may.
pub fn dpop(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(mut world) = World::new(&mut input) else { return };
    for _ in 0..8 {
        if input.is_empty() || world.request(&mut input).is_err() {
            return;
        }
    }
}

/// Everything that clients and thieves have, and what the servers must know.
struct World {
    servers: [Sessions<State>; 2],
    now: u64,
    states: Vec<String>,
    renewals: Vec<String>,
    challenges: Vec<String>,
    proofs: Vec<Proof>,
    /// The signed texts of the proofs that were accepted.
    used: BTreeSet<Vec<u8>>,
    /// The time from which the last proof of a session counts.
    proved: BTreeMap<[u8; 16], u64>,
}

/// A proof, and what it contains.
#[derive(Clone)]
struct Proof {
    text: Vec<u8>,
    /// The text before the signature.
    signed: Vec<u8>,
    /// Whether the proof is signed with the key in it, and unchanged.
    is_sound: bool,
    is_for_this_request: bool,
    key: [u8; 33],
    token: Option<String>,
    challenge: Option<String>,
    iat: u64,
}

impl Proof {
    /// The same proof with the other valid signature, which anybody can make.
    fn with_other_signature(mut self) -> Proof {
        if self.is_sound {
            let signature = from_base64url(&self.text[self.signed.len() + 1..]).expect("base64url");
            let (r, s) = Signature::from_slice(&signature).expect("64 bytes").split_scalars();
            let other = Signature::from_scalars(r, -s).expect("not zero").to_bytes();
            self.text = [&self.signed[..], b".", to_base64url(&other).as_bytes()].concat();
        }
        self
    }
}

/// The tokens of a request, as the specification reads them.
struct Read {
    record: Record,
    last_seen: u64,
    is_over: bool,
    proved_at: Option<u64>,
    /// Whether this server cannot open the renewal token, so that another may.
    is_unjudged: bool,
}

/// What the proof of a request shows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shown {
    Nothing,
    KeyAt(u64),
    /// The client gets another challenge.
    Asks,
    Wrong,
}

#[derive(Clone, Copy, PartialEq)]
enum Action {
    Read,
    Poll,
    Update,
    Reauthenticate,
    Start,
    End,
}

impl World {
    fn new(input: &mut Unstructured<'_>) -> arbitrary::Result<World> {
        let used = Arc::new(UsedHere::new());
        let server = || {
            let dpop = Dpop::at(SERVER).expect("an address");
            let dpop = dpop.with_proof_lifetime(secs(PROOF_LIFETIME)).with_used(Arc::clone(&used));
            Sessions::builder(ring(), Policy::new(secs(IDLE), secs(ABSOLUTE)))
                .bearer(Bearer::default())
                .dpop(dpop)
                .build()
        };
        let record = Record {
            id: PLANTED,
            started_at: T0,
            reauthenticated_at: T0,
            ceiling: None,
            origin: None,
            ended_others: None,
            follows: Vec::new(),
            remembered: false,
            bound: some_key(input)?,
        };
        let proof_at = T0 + u64::from(input.arbitrary::<u16>()?) % 1_000;
        let proof = some_key(input)?.map(|key| (proof_at, key));
        let renewal = Renewal { id: PLANTED, validated_at: 0, proof, copy: Vec::new() };
        let schema = if proof.is_some() { 2 } else { 1 };
        let state = [&record.write()[..], b"\x05state"].concat();
        let renewal = renewal.write();
        let fields = Fields { issued_at: T0, lifetime: IDLE, schema, payload: renewal.clone() };
        let unknown = Key::new(&key_bytes(4), &purpose("renewal"));
        let unjudged = make(Mode::Sealed, &unknown, &[7; 24], &fields.body(32));
        Ok(World {
            servers: [server(), server()],
            now: T0 + 300,
            states: vec![sealed("state", T0, ABSOLUTE, 1, state)],
            renewals: vec![unjudged, sealed("renewal", T0 + 200, IDLE, schema, renewal)],
            challenges: Vec::new(),
            proofs: Vec::new(),
            used: BTreeSet::new(),
            proved: proof.iter().map(|(at, _)| (PLANTED, *at)).collect(),
        })
    }

    fn request(&mut self, input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        self.now = (self.now + u64::from(input.arbitrary::<u16>()?) % 400).min(LAST);
        let server = below(input, 2)?;
        let actions = [Action::Read, Action::Poll, Action::Update, Action::Reauthenticate];
        let action = [&actions[..], &[Action::Start, Action::Start, Action::End, Action::Read]];
        let action = action.concat()[below(input, 8)?];
        let state = pick(&self.states, input)?;
        let renewal = pick(&self.renewals, input)?;
        let read = state.as_ref().map(|token| self.read(token, renewal.as_deref()));
        let proof = self.proof(state.as_deref(), input)?;
        let is_bound = read.as_ref().is_some_and(|read| read.record.bound.is_some());
        let is_dpop = is_bound ^ (below(input, 8)? == 7);

        let scheme = if is_dpop { "DPoP" } else { "Bearer" };
        let authorization = state.as_ref().map(|token| format!("{scheme} {token}"));
        let values = |name: &str| match name {
            "authorization" => authorization.as_deref().map(str::as_bytes),
            "session-renewal" => renewal.as_deref().map(str::as_bytes),
            "dpop" => proof.as_ref().map(|proof| &proof.text[..]),
            _ => None,
        };
        let session = self.servers[server].load_at(at(self.now), METHOD, values);
        session.set_target(METHOD, TARGET);
        self.proofs.extend(proof.clone());
        if action == Action::Start {
            let scheme = authorization.as_ref().map(|_| scheme);
            self.start(&session, read.as_ref(), scheme, proof.as_ref());
            return Ok(());
        }
        let Some(read) = read else {
            assert_eq!(session.status(), Status::Absent);
            return Ok(());
        };
        let shown = match read.record.bound {
            _ if read.is_over => Shown::Nothing,
            bound if is_dpop != bound.is_some() => Shown::Wrong,
            Some(_) => self.shown(proof.as_ref(), state.as_deref().map(|token| (token, &read))),
            None => Shown::Nothing,
        };
        self.accept(shown, proof.as_ref());
        self.visit(&session, action, &read, shown);
        Ok(())
    }

    /// Starts a session, in a request that may have the tokens of another one.
    fn start(
        &mut self,
        session: &Session<State>,
        old: Option<&Read>,
        scheme: Option<&str>,
        proof: Option<&Proof>,
    ) {
        let shown = match self.shown(proof, None) {
            // Otherwise a copy of a bound session could become an ordinary one.
            Shown::Nothing if scheme == Some("DPoP") => Shown::Asks,
            shown => shown,
        };
        self.accept(shown, proof);
        let state = State { text: "state".to_owned() };
        let started = session.start_with(state, Start::new().over(Channel::Bearer));
        let lines = self.receive(session);
        match shown {
            Shown::Asks => assert_eq!(started, Err(SessionError::ProofDue)),
            Shown::Wrong => assert_eq!(started, Err(SessionError::ProofRefused)),
            Shown::Nothing | Shown::KeyAt(_) => assert_eq!(started, Ok(())),
        }
        if started.is_err() {
            assert!(lines.state.is_none() && lines.renewal.is_none());
            let origin = old.filter(|old| !old.is_over).map(|old| old.record.first_id());
            let asks = (shown == Shown::Asks).then_some(origin.unwrap_or_default());
            assert_eq!(lines.challenge, asks);
            return;
        }
        let key = proof.map(|proof| proof.key);
        let (state, renewal) = (lines.state.expect("a session"), lines.renewal.expect("a session"));
        assert_eq!(state.bound, key);
        let (_, renewal) = renewal;
        let made_at = if let Shown::KeyAt(made_at) = shown { made_at } else { 0 };
        assert_eq!((renewal.id, renewal.proof), (state.id, key.map(|key| (made_at, key))));
        assert_eq!(lines.challenge, key.map(|_| state.id));
        if key.is_some() {
            self.proved.insert(state.id, made_at);
        }
    }

    /// Reads, changes or ends the session of a request.
    fn visit(&mut self, session: &Session<State>, action: Action, read: &Read, shown: Shown) {
        let (record, now) = (&read.record, self.now);
        let made_at = if let Shown::KeyAt(made_at) = shown { Some(made_at) } else { None };
        let proved_at = record.bound.and(made_at.max(read.proved_at));
        let is_recent = proved_at.is_some_and(|at| now < at + PROOF_LIFETIME);
        let expected = match shown {
            _ if read.is_over && read.is_unjudged => Status::Refused(Refusal::UnknownActivity),
            _ if read.is_over => Status::Refused(Refusal::IdleTimeout),
            Shown::Wrong => Status::Refused(Refusal::ProofRefused),
            Shown::Asks => Status::Refused(Refusal::ProofDue),
            _ if record.bound.is_none() || is_recent => Status::Alive,
            _ => Status::Refused(Refusal::ProofDue),
        };
        assert_eq!(session.status(), expected);
        let alive = expected == Status::Alive;
        assert_eq!(session.require().is_ok(), alive);
        assert_eq!(session.require_proven().is_ok(), alive && made_at.is_some());
        match action {
            Action::Read | Action::Start => {}
            Action::Poll => session.ignore_activity(),
            Action::Update => {
                assert_eq!(session.update(|state| state.text.push('x')).is_ok(), alive);
            }
            Action::Reauthenticate => assert_eq!(session.reauthenticated().is_ok(), alive),
            Action::End => session.end().expect("any session can be ended"),
        }
        // `require_proven` asks too.
        let wants_proof = alive && record.bound.is_some() && made_at.is_none();
        let is_old = made_at.is_some_and(|made_at| now >= made_at + PROOF_LIFETIME / 4);
        let asks = expected == Status::Refused(Refusal::ProofDue) || wants_proof || is_old;
        let lines = self.receive(session);
        if read.is_over || action == Action::End {
            assert!(lines.state.is_none() && lines.renewal.is_none());
            assert_eq!(lines.challenge, (asks && !read.is_over).then_some([0; 16]));
            return;
        }
        let origin = record.first_id();
        assert_eq!(lines.challenge, asks.then_some(origin));
        if !alive {
            assert!(!lines.has_tokens, "a request that is refused changes no token");
            return;
        }

        if record.bound.is_some() {
            // Whatever the tokens are, somebody had the key.
            let proved = self.proved.entry(origin).or_default();
            *proved = made_at.map_or(*proved, |made_at| made_at.max(*proved));
            assert!(now < *proved + PROOF_LIFETIME);
        }
        if let Some(state) = &lines.state {
            assert_eq!((state.first_id(), state.bound), (origin, record.bound));
        }
        let id = match action {
            Action::Reauthenticate => lines.state.as_ref().expect("a new id").id,
            _ => record.id,
        };
        assert_eq!(id != record.id, action == Action::Reauthenticate);
        assert!(lines.state.is_some() || action != Action::Update);
        if action == Action::Reauthenticate {
            assert!(lines.renewal.is_some());
        } else if read.is_unjudged {
            assert!(lines.renewal.is_none(), "a token that cannot be judged is kept");
        } else if action == Action::Poll {
            let counts = read.proved_at.is_some_and(|at| now < at + PROOF_LIFETIME);
            assert_eq!(lines.renewal.is_some(), made_at > read.proved_at && !counts);
        } else {
            assert!(lines.renewal.is_some() || made_at <= read.proved_at);
        }
        let Some((issued_at, renewal)) = lines.renewal else { return };
        assert_eq!((renewal.id, renewal.proof), (id, proved_at.zip(record.bound)));
        let is_activity = action != Action::Poll;
        assert_eq!(issued_at, if is_activity { now } else { read.last_seen });
    }

    fn read(&self, state: &str, renewal: Option<&str>) -> Read {
        let Opened { fields, .. } = self.open("state", u64::MAX, state).expect("it is authentic");
        let mut record = Record::take(&mut &fields.payload[..]).expect("a record");
        let renewal = renewal.map(|token| self.open("renewal", IDLE, token));
        let is_unjudged = renewal.as_ref().is_some_and(|opened| *opened == Err("unknown-key"));
        let renewal = renewal.and_then(Result::ok);
        let renewal = renewal.and_then(|Opened { fields, .. }| {
            let renewal = Renewal::read(fields.schema, &fields.payload).expect("a renewal token");
            (renewal.id == record.id).then_some((fields.issued_at, renewal))
        });
        let proof = renewal.as_ref().and_then(|(_, renewal)| renewal.proof);
        let seen = renewal.map_or(0, |(issued_at, _)| issued_at);
        let last_seen = seen.max(fields.issued_at);
        record.bound = record.bound.or(proof.map(|(_, key)| key));
        let is_over = self.now >= last_seen + IDLE;
        Read { record, last_seen, is_over, proved_at: proof.map(|(at, _)| at), is_unjudged }
    }

    /// What a proof shows about a session or, without one, at a sign-in.
    fn shown(&self, proof: Option<&Proof>, session: Option<(&str, &Read)>) -> Shown {
        let Some(proof) = proof else { return Shown::Nothing };
        if !proof.is_sound || !proof.is_for_this_request {
            return Shown::Wrong;
        }
        if let Some((token, read)) = session
            && (read.record.bound != Some(proof.key) || proof.token.as_deref() != Some(token))
        {
            return Shown::Wrong;
        }
        let made_at = match &proof.challenge {
            None if session.is_none() && self.now.abs_diff(proof.iat) <= 60 => {
                proof.iat.min(self.now)
            }
            None => return Shown::Asks,
            Some(challenge) => {
                let Ok(Opened { fields, .. }) = self.open("challenge", u64::MAX, challenge) else {
                    return Shown::Asks;
                };
                let Some((0, origin)) = fields.payload.split_last().map(|(asks, id)| (*asks, id))
                else {
                    return Shown::Asks;
                };
                let is_of = |read: &Read| read.record.first_id() == origin;
                let is_stale = self.now >= fields.issued_at + PROOF_LIFETIME;
                if is_stale || session.is_some_and(|(_, read)| !is_of(read)) {
                    return Shown::Asks;
                }
                fields.issued_at
            }
        };
        if self.used.contains(&proof.signed) { Shown::Wrong } else { Shown::KeyAt(made_at) }
    }

    fn accept(&mut self, shown: Shown, proof: Option<&Proof>) {
        if let (Shown::KeyAt(_), Some(proof)) = (shown, proof) {
            assert!(self.used.insert(proof.signed.clone()), "a proof is accepted once");
        }
    }

    fn open(&self, role: &str, max_lifetime: u64, token: &str) -> Result<Opened, &'static str> {
        let schemas: &[u32] = if role == "renewal" { &[1, 2] } else { &[1] };
        let (keys, now) = ([key(role)], self.now);
        let (mode, max_length) = (Mode::Sealed, 8_192);
        let reader = Reader { mode, keys: &keys, now, max_lifetime, max_length, schemas };
        open(&reader, token.as_bytes())
    }

    /// Closes the session. Clients and thieves keep every value of the response.
    fn receive(&mut self, session: &Session<State>) -> Lines {
        let lines: Vec<Line> = session.commit().into_iter().collect();
        let value = |name: &str| lines.iter().find(|line| line.name == name);
        let has_tokens = lines.iter().any(|line| line.name.starts_with("session-"));
        let value = |name: &str| {
            value(name).map(|line| line.value.clone()).filter(|value| !value.is_empty())
        };
        let [state, renewal, challenge] =
            ["session-token", "session-renewal", "dpop-nonce"].map(value);
        let opened = |role: &str, token: &Option<String>| {
            let token = token.as_ref()?;
            Some(self.open(role, u64::MAX, token).expect("it is new").fields)
        };
        let read = Lines {
            has_tokens,
            state: opened("state", &state)
                .map(|fields| Record::take(&mut &fields.payload[..]).expect("a record")),
            renewal: opened("renewal", &renewal).map(|fields| {
                assert_eq!(fields.lifetime, IDLE);
                let renewal = Renewal::read(fields.schema, &fields.payload).expect("a renewal");
                assert_eq!(fields.schema == 2, renewal.proof.is_some());
                (fields.issued_at, renewal)
            }),
            challenge: opened("challenge", &challenge).map(|fields| {
                assert_eq!((fields.issued_at, fields.payload[16]), (self.now, 0));
                assert!(fields.lifetime <= PROOF_LIFETIME + 120);
                fields.payload[..16].try_into().expect("16 bytes")
            }),
        };
        self.states.extend(state);
        self.renewals.extend(renewal);
        self.challenges.extend(challenge);
        read
    }

    /// A new proof with at most one fault, or an old one.
    fn proof(
        &self,
        state: Option<&str>,
        input: &mut Unstructured<'_>,
    ) -> arbitrary::Result<Option<Proof>> {
        match below(input, 4)? {
            0 => Ok(None),
            1 => {
                let old = pick(&self.proofs, input)?;
                let other = below(input, 4)? == 3;
                Ok(old.map(|proof| if other { proof.with_other_signature() } else { proof }))
            }
            _ => self.new_proof(state, input).map(Some),
        }
    }

    fn new_proof(
        &self,
        state: Option<&str>,
        input: &mut Unstructured<'_>,
    ) -> arbitrary::Result<Proof> {
        let fault = below(input, 16)?;
        let [named, signer] = match fault {
            1 => [1, 0],
            2 => [0, 1],
            3 => [1, 1],
            _ => [0, 0],
        };
        let token = match fault {
            4 => None,
            5 => pick(&self.renewals, input)?,
            _ => state.map(str::to_owned),
        };
        let challenge = self.challenge(input)?;
        let iat = self.now + 100 - u64::from(input.arbitrary::<u8>()? % 200);
        let (htm, htu) = match fault {
            6 => ("post", ADDRESS),
            7 => (METHOD, "https://bank.example/pay"),
            _ => (METHOD, ADDRESS),
        };
        let mut claims = json!({ "jti": self.proofs.len().to_string(), "htm": htm, "htu": htu });
        claims["iat"] = iat.into();
        if let Some(token) = &token {
            claims["ath"] = to_base64url(&Sha256::digest(token)).into();
        }
        if let Some(challenge) = &challenge {
            claims["nonce"] = challenge.as_str().into();
        }
        let Device { public, jwk, .. } = &DEVICES[named];
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
        let [header, claims] =
            [header, claims].map(|part| to_base64url(part.to_string().as_bytes()));
        let signed = format!("{header}.{claims}").into_bytes();
        let signature: Signature = DEVICES[signer].key.sign(&signed);
        let whole = [&signed[..], b".", to_base64url(&signature.to_bytes()).as_bytes()].concat();
        let text =
            if fault == 8 { input.arbitrary::<Change>()?.apply(&whole) } else { whole.clone() };
        Ok(Proof {
            is_sound: named == signer && text == whole,
            is_for_this_request: fault != 6 && fault != 7,
            key: *public,
            text,
            signed,
            token,
            challenge,
            iat,
        })
    }

    /// A challenge of a server, one that the independent implementation has made, or none.
    fn challenge(&self, input: &mut Unstructured<'_>) -> arbitrary::Result<Option<String>> {
        let kind = below(input, 8)?;
        if kind < 4 {
            return pick(&self.challenges, input);
        }
        if kind == 4 {
            return Ok(Some("b1.x".to_owned()));
        }
        let origin = [PLANTED, PLANTED, [0; 16], [6; 16]][below(input, 4)?];
        let asks = [0, 0, 0, 1][below(input, 4)?];
        let made_at = (self.now + 90).saturating_sub(u64::from(input.arbitrary::<u16>()?) % 900);
        let role = if kind == 5 { "state" } else { "challenge" };
        let payload = [&origin[..], &[asks]].concat();
        Ok(Some(sealed(role, made_at, PROOF_LIFETIME + 120, 1, payload)))
    }
}

/// The tokens of a response.
struct Lines {
    /// Whether the response has a line for one of the tokens, even if it is empty.
    has_tokens: bool,
    state: Option<Record>,
    /// When the renewal token was issued, and its content.
    renewal: Option<(u64, Renewal)>,
    /// The session of the challenge.
    challenge: Option<[u8; 16]>,
}

fn sealed(role: &str, issued_at: u64, lifetime: u64, schema: u32, payload: Vec<u8>) -> String {
    let fields = Fields { issued_at, lifetime, schema, payload };
    make(Mode::Sealed, &key(role), &[7; 24], &fields.body(32))
}

fn key(role: &str) -> Key {
    Key::new(&key_bytes(1), &purpose(role))
}

fn purpose(role: &str) -> Vec<u8> {
    ["fuzz.example/session", role, "bearer"].join("\0").into_bytes()
}

/// The newest value, another one, or none.
fn pick<V: Clone>(values: &[V], input: &mut Unstructured<'_>) -> arbitrary::Result<Option<V>> {
    let back = below(input, 8)?;
    let back = if back < 5 { 0 } else { back - 4 };
    Ok(values.iter().rev().nth(back).cloned())
}

fn below(input: &mut Unstructured<'_>, count: u8) -> arbitrary::Result<usize> {
    Ok(usize::from(input.arbitrary::<u8>()? % count))
}
