//! Law: a session that is bound to a device is alive only for the proof lifetime after a proof of
//! its key. A proof that is refused changes no cookie. Both implementations agree for any tokens of
//! a session and any request of a browser (spec section 9.5), and read the same renewal token.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use bulla::session::{DeviceBound, DeviceBoundResponse, Status};
use bulla::{Policy, Sessions};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

use super::proof::Change;
use super::sessions::{NAME, State, key, sealed};
use crate::fixed::{T0, at, key_bytes, ring, secs};
use crate::independent::{
    Fields, Key, Mode, Record, Renewal, authenticate, make, to_base64url, to_hex,
};

const IDLE: u64 = 1_800;
const ABSOLUTE: u64 = 43_200;
const PROOF_LIFETIME: u64 = 600;
const ID: [u8; 16] = [5; 16];
const OTHER_ID: [u8; 16] = [6; 16];

static SESSIONS: LazyLock<Sessions<State>> = LazyLock::new(|| {
    Sessions::builder(ring(), Policy::new(secs(IDLE), secs(ABSOLUTE)))
        .device_bound(DeviceBound::default().with_proof_lifetime(secs(PROOF_LIFETIME)))
        .build()
});

/// A device with a private key.
pub(super) struct Device {
    pub(super) key: SigningKey,
    pub(super) public: [u8; 33],
    pub(super) jwk: Value,
}

pub(super) static DEVICES: LazyLock<[Device; 2]> = LazyLock::new(|| {
    [7, 8].map(|number| {
        let key = SigningKey::from_slice(&key_bytes(number)).expect("below the order of the curve");
        let point = key.verifying_key().to_sec1_point(false);
        let point = point.as_bytes();
        let (x, y) = (to_base64url(&point[1..33]), to_base64url(&point[33..]));
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
        let public = key.verifying_key().to_sec1_point(true).as_bytes().try_into().unwrap();
        Device { key, public, jwk }
    })
});

/// `data` describes the tokens of a session, and a registration or a proof.
///
/// # Panics
/// If the two implementations differ, or if a request changes more than it may.
pub fn bound(data: &[u8]) {
    let _ = check(&mut Unstructured::new(data));
}

fn check(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let now = time(input)?;
    let record = record(input)?;
    let mut renewals = Vec::new();
    for _ in 0..input.arbitrary::<u8>()? % 3 {
        renewals.push(renewal(input)?);
    }
    let request = Request::read(input)?;

    let state = [&record.write()[..], b"\x05state"].concat();
    let mut cookies = vec![format!("{NAME}={}", sealed(NAME, 1, state))];
    for (fields, nonce) in renewals.iter().zip(1..) {
        let token = make(Mode::Sealed, &role("renewal"), &[nonce; 24], &fields.body(32));
        cookies.push(format!("{NAME}-renewal={token}"));
    }
    let expected = Expected::of(&record, &renewals, now);
    assert_eq!(is_alive(&cookies, now), expected.is_alive(now), "{expected:?}");

    let response = request.send(&cookies, now, &record);
    let lines = cookie_lines(response.headers);
    let answer: Value = serde_json::from_str(&response.body).unwrap_or_default();
    if response.status != 200 {
        assert!([400, 403, 503].contains(&response.status) && answer.is_null());
        assert!(lines.is_empty(), "{lines:?}");
    }
    if expected.is_over {
        assert!(lines.iter().all(|line| line.contains("=; ")), "only deleted: {lines:?}");
        return Ok(());
    }
    if !request.registers && request.identifier == Some(false) {
        assert!(response.status == 200 && lines.is_empty(), "{lines:?}");
        let ends = request.tells_of_an_end(now);
        assert!(ends.is_none_or(|ends| ends == (answer["continue"] == false)), "{answer}");
        return Ok(());
    }
    let has_no_key = expected.key.is_none();
    let is_of_no_key = !request.registers && request.identifier.is_some() && has_no_key;
    assert_eq!(answer["continue"] == false, is_of_no_key, "{answer}");
    if is_of_no_key {
        assert!(lines.is_empty(), "{lines:?}");
        return Ok(());
    }
    assert_eq!(response.status, request.status(&record, &expected, now), "{expected:?}");
    if response.status != 200 {
        return Ok(());
    }
    wrote_key(&lines, &record, &expected, &request);
    let renewal = renewed(&lines, &expected);
    assert_eq!(renewal.id, record.id);
    let named = request.proof.as_ref().and_then(|proof| proof.named);
    let named = named.map(|number| DEVICES[number].public);
    let key = if request.registers { named } else { expected.key };
    assert_eq!(renewal.proof, Some((now, key.expect("a key"))));

    // A browser replaces the cookies that it has.
    let written = |name: &str| {
        let line = lines.iter().find(|line| line.starts_with(&format!("{name}=")));
        line.and_then(|line| line.split(';').next()).map(str::to_owned)
    };
    let state = written(NAME).unwrap_or_else(|| cookies[0].clone());
    let cookies = [state, written("__Host-session-renewal").expect("a renewal token")];
    // The renewal token, which has the proof, expires the idle timeout after the last activity.
    let ends = (now + PROOF_LIFETIME).min(expected.last_seen + IDLE);
    assert!(is_alive(&cookies, now) && is_alive(&cookies, ends - 1));
    assert!(!is_alive(&cookies, ends));
    Ok(())
}

/// What the specification says about the tokens.
#[derive(Debug)]
struct Expected {
    /// Whether the idle timeout has passed, as far as this server knows.
    is_over: bool,
    key: Option<[u8; 33]>,
    proved_at: Option<u64>,
    last_seen: u64,
    validated_at: u64,
    /// Whether no renewal token counts and one cannot be judged.
    left_alone: bool,
}

impl Expected {
    fn of(record: &Record, renewals: &[Fields], now: u64) -> Expected {
        let mut counting = Vec::new();
        let mut unjudged = false;
        for fields in renewals {
            if fields.issued_at > now + 60 {
                unjudged = true;
            } else if now < fields.issued_at + IDLE {
                match Renewal::read(fields.schema, &fields.payload) {
                    Some(renewal) => counting.push((fields.issued_at, renewal)),
                    None => unjudged = true,
                }
            }
        }
        counting.retain(|(_, renewal)| renewal.id == record.id);
        let latest = counting
            .into_iter()
            .max_by_key(|(issued_at, renewal)| (*issued_at, renewal.proof.map(|(at, _)| at)));
        let (issued_at, renewal) = latest.clone().unzip();
        let proof = renewal.as_ref().and_then(|renewal| renewal.proof);
        let last_seen = issued_at.map_or(T0, |at| at.max(T0));
        Expected {
            is_over: now >= last_seen + IDLE,
            key: record.bound.or(proof.map(|(_, key)| key)),
            proved_at: proof.map(|(at, _)| at),
            last_seen,
            validated_at: renewal.map_or(0, |renewal| renewal.validated_at),
            left_alone: latest.is_none() && unjudged,
        }
    }

    fn is_alive(&self, now: u64) -> bool {
        let proven = || self.proved_at.is_some_and(|at| now < at + PROOF_LIFETIME);
        !self.is_over && (self.key.is_none() || proven())
    }
}

/// A request that a browser, or a thief, sends.
struct Request {
    registers: bool,
    /// Whether the identifier of the session is right. `None` if it is not sent.
    identifier: Option<bool>,
    proof: Option<Proof>,
}

struct Proof {
    named: Option<usize>,
    signer: usize,
    origin: [u8; 16],
    asks: u8,
    issued_at: u64,
    purpose: &'static str,
    change: Option<Change>,
}

impl Request {
    fn read(input: &mut Unstructured<'_>) -> arbitrary::Result<Request> {
        let registers = input.arbitrary::<u8>()? % 2 == 1;
        let identifier = [Some(true), Some(true), Some(false), None][choice(input)?];
        let proof = if choice(input)? == 3 { None } else { Some(Proof::read(input)?) };
        Ok(Request { registers, identifier, proof })
    }

    fn send(&self, cookies: &[String], now: u64, record: &Record) -> DeviceBoundResponse {
        let cookies = cookies.join("; ");
        let proof = self.proof.as_ref().map(Proof::jwt);
        let identifier = self.identifier.map(|right| {
            let id = if right { record.first_id() } else { OTHER_ID };
            format!("s{}", to_hex(&id))
        });
        let values = |name: &str| match name {
            "cookie" => Some(cookies.as_bytes()),
            "secure-session-response" => proof.as_deref(),
            "sec-secure-session-id" => identifier.as_deref().map(str::as_bytes),
            _ => None,
        };
        let [register, refresh] = SESSIONS.device_bound_paths().expect("it has settings");
        let path = if self.registers { register } else { refresh };
        SESSIONS.device_bound_response_at(at(now), "POST", path, values).expect("its path")
    }

    /// Whether the proof has the challenge that a browser gets when the session of the other
    /// identifier ends. `None` if that depends on which character of the proof is changed, because
    /// the server does not verify it.
    fn tells_of_an_end(&self, now: u64) -> Option<bool> {
        let Some(proof) = &self.proof else { return Some(false) };
        let tells = proof.purpose == "challenge"
            && proof.issued_at <= now + 60
            && (proof.origin, proof.asks) == (OTHER_ID, 1);
        proof.is_unchanged().then_some(tells)
    }

    /// Whether the request has a recent proof of the session's key or, at a registration, of the
    /// key that it names.
    fn proves(&self, record: &Record, expected: &Expected, now: u64) -> bool {
        let Some(proof) = &self.proof else { return false };
        let signer = DEVICES[proof.signer].public;
        let named = proof.named.map(|number| DEVICES[number].public);
        let needed = if self.registers { named } else { expected.key };
        let same = |key| expected.key.is_none_or(|own| own == key);
        needed == Some(signer)
            && named.is_none_or(|named| named == signer && same(named))
            && proof.is_unchanged()
            && proof.purpose == "challenge"
            && (proof.origin, proof.asks) == (record.first_id(), 0)
            && proof.issued_at <= now + 60
            && now < proof.issued_at + PROOF_LIFETIME + 120
    }

    /// The status of the response, for a session that has not ended.
    fn status(&self, record: &Record, expected: &Expected, now: u64) -> u16 {
        let proves = self.proves(record, expected, now);
        match &self.proof {
            _ if !self.registers && self.identifier.is_none() => 400,
            _ if expected.left_alone => 503,
            _ if proves => 200,
            _ if self.registers => 400,
            None => 403,
            Some(proof) if proof.is_signed(expected) => 403,
            Some(_) => 400,
        }
    }
}

impl Proof {
    fn read(input: &mut Unstructured<'_>) -> arbitrary::Result<Proof> {
        Ok(Proof {
            named: [None, Some(0), Some(0), Some(1)][choice(input)?],
            signer: [0, 0, 0, 1][choice(input)?],
            origin: [ID, ID, [4; 16], OTHER_ID][choice(input)?],
            asks: [0, 0, 1, 2][choice(input)?],
            issued_at: time(input)?,
            purpose: ["challenge", "challenge", "challenge", "state"][choice(input)?],
            change: if choice(input)? == 3 { Some(input.arbitrary()?) } else { None },
        })
    }

    fn whole(&self) -> Vec<u8> {
        let payload = [&self.origin[..], &[self.asks]].concat();
        let fields = Fields { issued_at: self.issued_at, lifetime: ABSOLUTE, schema: 1, payload };
        let challenge = make(Mode::Sealed, &role(self.purpose), &[9; 24], &fields.body(32));
        let mut header = json!({ "typ": "dbsc+jwt", "alg": "ES256" });
        if let Some(number) = self.named {
            header["jwk"] = DEVICES[number].jwk.clone();
        }
        let part = |json: Value| to_base64url(json.to_string().as_bytes());
        let signed = format!("{}.{}", part(header), part(json!({ "jti": challenge })));
        let signature: Signature = DEVICES[self.signer].key.sign(signed.as_bytes());
        format!("{signed}.{}", to_base64url(&signature.to_bytes())).into_bytes()
    }

    fn jwt(&self) -> Vec<u8> {
        let jwt = self.whole();
        self.change.map_or(jwt.clone(), |change| change.apply(&jwt))
    }

    fn is_unchanged(&self) -> bool {
        self.change.is_none() || self.jwt() == self.whole()
    }

    /// Whether the proof is signed with the key of the session. Then the device gets another
    /// challenge if this one does not count.
    fn is_signed(&self, expected: &Expected) -> bool {
        let signer = DEVICES[self.signer].public;
        expected.key == Some(signer)
            && self.named.is_none_or(|number| DEVICES[number].public == signer)
            && self.is_unchanged()
    }
}

/// The response to the first proof has a state token with the key. All others have none.
fn wrote_key(lines: &[String], record: &Record, expected: &Expected, request: &Request) {
    let token = lines.iter().find_map(|line| line.strip_prefix("__Host-session="));
    assert_eq!(token.is_some(), !request.registers && record.bound.is_none());
    let Some(token) = token.and_then(|line| line.split(';').next()) else { return };
    let keys = [key(NAME)];
    let (_, fields) = authenticate(Mode::Sealed, &keys, token.as_bytes()).expect("authentic");
    let mut payload = &fields.payload[..];
    let written = Record::take(&mut payload).expect("a record");
    assert_eq!(written, Record { bound: expected.key, ..record.clone() });
    assert_eq!(payload, b"\x05state");
}

/// The renewal token of the response records the proof, and neither activity nor a check.
fn renewed(lines: &[String], expected: &Expected) -> Renewal {
    let token = lines.iter().find_map(|line| line.strip_prefix("__Host-session-renewal="));
    let token = token.and_then(|line| line.split(';').next()).expect("a renewal token");
    let keys = [role("renewal")];
    let (_, fields) = authenticate(Mode::Sealed, &keys, token.as_bytes()).expect("authentic");
    assert_eq!(
        (fields.issued_at, fields.lifetime, fields.schema),
        (expected.last_seen, IDLE, 2),
        "{expected:?}"
    );
    let renewal = Renewal::read(2, &fields.payload).expect("a renewal token");
    assert_eq!(renewal.validated_at, expected.validated_at);
    assert!(renewal.copy.is_empty());
    assert_eq!(renewal.write(), fields.payload);
    renewal
}

fn is_alive(cookies: &[String], now: u64) -> bool {
    let header = cookies.join("; ");
    let values = |name: &str| (name == "cookie").then_some(header.as_bytes());
    SESSIONS.load_at(at(now), "GET", values).status() == Status::Alive
}

fn cookie_lines(headers: bulla::transport::Bundle) -> Vec<String> {
    let lines = headers.into_iter().filter(|line| line.name == "set-cookie");
    lines.map(|line| line.value.clone()).collect()
}

fn role(role: &str) -> Key {
    let purpose = ["fuzz.example/session", role, "cookie", NAME].join("\0");
    Key::new(&key_bytes(1), purpose.as_bytes())
}

fn record(input: &mut Unstructured<'_>) -> arbitrary::Result<Record> {
    let bound = some_key(input)?;
    let origin = (choice(input)? == 3).then_some([4; 16]);
    Ok(Record {
        id: ID,
        started_at: T0,
        reauthenticated_at: T0,
        ceiling: None,
        origin,
        ended_others: None,
        follows: Vec::new(),
        remembered: false,
        bound,
    })
}

fn renewal(input: &mut Unstructured<'_>) -> arbitrary::Result<Fields> {
    let issued_at = time(input)?;
    let id = if choice(input)? == 3 { [4; 16] } else { ID };
    let proof = match (choice(input)?, time(input)?, some_key(input)?) {
        (0, ..) | (_, _, None) => None,
        (_, at, Some(key)) => Some((at, key)),
    };
    let validated_at = time(input)?;
    let schema = if proof.is_some() { 2 } else { 1 };
    let mut payload = Renewal { id, validated_at, proof, copy: Vec::new() }.write();
    if choice(input)? == 3 {
        let (at, byte): (u8, u8) = input.arbitrary()?;
        let at = usize::from(at) % payload.len();
        payload[at] = byte;
    }
    Ok(Fields { issued_at, lifetime: IDLE, schema, payload })
}

/// No key, the key of a device, or 33 bytes that are no key.
pub(super) fn some_key(input: &mut Unstructured<'_>) -> arbitrary::Result<Option<[u8; 33]>> {
    Ok([None, Some(DEVICES[0].public), Some(DEVICES[1].public), Some([9; 33])][choice(input)?])
}

fn choice(input: &mut Unstructured<'_>) -> arbitrary::Result<usize> {
    Ok(usize::from(input.arbitrary::<u8>()? % 4))
}

/// A time while the first key of the ring is primary.
fn time(input: &mut Unstructured<'_>) -> arbitrary::Result<u64> {
    Ok(T0 + u64::from(input.arbitrary::<u16>()? % 2_900))
}
