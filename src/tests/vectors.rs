//! Checks this implementation against the vectors in spec/vectors.
//!
//! These tests are not in tests/it, because only code inside the crate can use example keys and
//! choose nonces.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::keys::key::{Key, KeyError, KeyId};
use crate::keys::ring::{KeyRing, RingEntry};
use crate::primitives::{SealingKey, digest};
use crate::session::policy::Term;
use crate::session::record::{Proof, Record, RenewalRecord, StateCopy};
use crate::time::UnixTime;
use crate::token::error::OpenError;
use crate::token::id::fingerprint;
use crate::token::sealed::Sealing;
use crate::token::signed::Signing;
use crate::token::wire::{self, Authentic, Body, Claims, MAX_TOKEN_LEN};
use crate::transport::cookie::MAX_COOKIE_LEN;
use crate::transport::pieces::{HEADER_LEN, join, split};

/// Runs `check` on every vector of a file, which must have at least `least` vectors.
#[track_caller]
pub(super) fn each(file: &str, least: usize, check: impl Fn(&Vector<'_>)) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/vectors").join(file);
    let text = fs::read_to_string(path).unwrap();
    let vectors = if cfg!(miri) { samples(&text) } else { all(&text) };
    let least = if cfg!(miri) { 1 } else { least };
    assert!(vectors.len() >= least, "{file} has {} vectors", vectors.len());
    for vector in &vectors {
        eprintln!("{file}: {}", vector["name"]); // shown when the check fails
        check(&Vector(vector));
    }
}

fn all(text: &str) -> Vec<Value> {
    let mut file: Value = serde_json::from_str(text).unwrap();
    serde_json::from_value(file["vectors"].take()).unwrap()
}

/// The vectors that follow some places of the file. Miri, which is thousands of times slower than a
/// processor, would parse a whole file for minutes.
fn samples(text: &str) -> Vec<Value> {
    let rests = (0..5).filter_map(|fifth| text.get(fifth * text.len() / 5..));
    let starts = rests.filter_map(|rest| rest.split_once("\n  {"));
    let objects = starts.filter_map(|(_, start)| start.split_once("\n  }"));
    objects.map(|(object, _)| serde_json::from_str(&format!("{{{object}}}")).unwrap()).collect()
}

pub(super) struct Vector<'a>(pub(super) &'a Value);

impl<'a> Vector<'a> {
    pub(super) fn text(&self, field: &str) -> &'a str {
        self.0[field].as_str().unwrap_or_else(|| panic!("{field} is not a string"))
    }

    /// The octets of a text that may be null.
    #[cfg(feature = "bound")]
    pub(super) fn text_or_null(&self, field: &str) -> Option<&'a [u8]> {
        (!self.0[field].is_null()).then(|| self.text(field).as_bytes())
    }

    #[cfg(feature = "bound")]
    pub(super) fn texts(&self, field: &str) -> impl Iterator<Item = &'a str> {
        self.list(field).map(|text| text.0.as_str().unwrap())
    }

    #[cfg(feature = "bound")]
    pub(super) fn flag(&self, field: &str) -> bool {
        self.0[field].as_bool().unwrap_or_else(|| panic!("{field} is neither true nor false"))
    }

    pub(super) fn number(&self, field: &str) -> u64 {
        self.0[field].as_u64().unwrap_or_else(|| panic!("{field} is not a number"))
    }

    pub(super) fn time(&self, field: &str) -> UnixTime {
        UnixTime::from_secs(self.number(field))
    }

    pub(super) fn bytes(&self, field: &str) -> Vec<u8> {
        unhex(self.text(field))
    }

    pub(super) fn array<const N: usize>(&self, field: &str) -> [u8; N] {
        self.bytes(field).try_into().unwrap()
    }

    /// A list of byte strings.
    #[cfg(feature = "bound")]
    pub(super) fn arrays<const N: usize>(&self, field: &str) -> impl Iterator<Item = [u8; N]> {
        self.texts(field).map(|text| unhex(text).try_into().unwrap())
    }

    fn list(&self, field: &str) -> impl Iterator<Item = Vector<'a>> {
        self.0[field].as_array().unwrap().iter().map(Vector)
    }

    /// A ring with only the vector's key.
    pub(super) fn ring(&self) -> KeyRing {
        KeyRing::new([RingEntry::new(Key::unchecked(&self.array("key")))]).unwrap()
    }

    pub(super) fn claims(&self) -> Claims {
        let schema = u32::try_from(self.number("schema")).unwrap();
        Claims::new(self.time("issued_at"), self.lifetime(), schema)
    }

    fn lifetime(&self) -> Duration {
        Duration::from_secs(self.number("lifetime"))
    }

    /// The bytes of a field that may be null.
    pub(super) fn optional<const N: usize>(&self, field: &str) -> Option<[u8; N]> {
        self.0[field].as_str().map(|text| unhex(text).try_into().unwrap())
    }
}

/// Accepts example keys, because the vectors use them. All other code rejects them.
pub(super) fn fit_or_example(key: &Key) -> Result<(), KeyError> {
    match key.refuse_unfit() {
        Err(KeyError::Example) => Ok(()),
        other => other,
    }
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn seal(
    ring: &KeyRing,
    purpose: &[u8],
    bucket: u8,
    claims: Claims,
    nonce: &[u8; 24],
    payload: &[u8],
) -> String {
    let mut token = String::new();
    Sealing::new(ring.into(), purpose, bucket)
        .make_with(claims.issued_at, claims, nonce, &mut token, |out| {
            out.extend_from_slice(payload);
            Ok(())
        })
        .unwrap();
    token
}

fn sign(ring: &KeyRing, purpose: &[u8], bucket: u8, claims: Claims, payload: &[u8]) -> String {
    let mut token = String::new();
    Signing::new(ring.into(), purpose, bucket)
        .make(claims.issued_at, claims, &mut token, |out| {
            out.extend_from_slice(payload);
            Ok(())
        })
        .unwrap();
    token
}

#[test]
fn keys() {
    each("keys.json", 4, |vector| {
        let key = Key::unchecked(&vector.array("key"));
        assert_eq!(key.id().to_string(), vector.text("key_id"));
        assert_eq!(*key.expose_text(), vector.text("text"));
        for subkeys in vector.list("purposes") {
            let purpose = subkeys.bytes("purpose");
            let sealing = key.derive("bulla/1/seal", &purpose);
            let signing = key.derive("bulla/1/sign", &purpose);
            assert_eq!(hex(&*sealing), subkeys.text("sealing_key"));
            assert_eq!(hex(&*signing), subkeys.text("signing_key"));
        }
    });
}

#[test]
fn key_text() {
    each("key-text.json", 10, |vector| {
        let expected = vector.text("expect");
        match vector.text("text").parse::<Key>() {
            Ok(key) => {
                assert_eq!(expected, "ok");
                assert_eq!(key.id().to_string(), vector.text("key_id"));
                assert_eq!(key.expose_text().as_str(), vector.text("text"));
            }
            Err(error) => assert_eq!(
                expected,
                match error {
                    KeyError::Malformed | KeyError::MalformedId => "malformed",
                    KeyError::IdMismatch => "id-mismatch",
                    KeyError::LowEntropy => "low-entropy",
                    KeyError::Example => "example-key",
                }
            ),
        }
    });
}

#[test]
fn sealing() {
    each("seal.json", 10, |vector| {
        let (ring, purpose, claims) = (vector.ring(), vector.bytes("purpose"), vector.claims());
        let bucket = u8::try_from(vector.number("bucket")).unwrap();
        let payload = vector.bytes("payload");
        let mut body = Vec::new();
        wire::write_body(&mut body, claims, bucket, |out| {
            out.extend_from_slice(&payload);
            Ok(())
        })
        .unwrap();
        assert_eq!(hex(&body), vector.text("body"));
        let token = seal(&ring, &purpose, bucket, claims, &vector.array("nonce"), &payload);
        assert_eq!(token, vector.text("token"));
    });
}

#[test]
fn signing() {
    each("sign.json", 10, |vector| {
        let bucket = u8::try_from(vector.number("bucket")).unwrap();
        let payload = vector.bytes("payload");
        let token =
            sign(&vector.ring(), &vector.bytes("purpose"), bucket, vector.claims(), &payload);
        assert_eq!(token, vector.text("token"));
    });
}

/// Steps 1 to 13 of opening, for a payload of bytes.
fn open(
    vector: &Vector<'_>,
    buf: &mut Vec<u8>,
) -> Result<(KeyId, UnixTime, Claims, Vec<u8>), OpenError> {
    let ring = KeyRing::parse(vector.text("ring"), fit_or_example).unwrap();
    let (token, purpose) = (vector.text("token").as_bytes(), vector.bytes("purpose"));
    let now = vector.time("now");
    let longest = vector.0["max_lifetime"].as_u64().map_or(Duration::MAX, Duration::from_secs);
    let limit = usize::try_from(vector.number("max_length")).unwrap().min(MAX_TOKEN_LEN);
    let Authentic { key_id, body, expires_at } = match vector.text("mode") {
        "sealed" => {
            let mut sealing = Sealing::new((&ring).into(), &purpose, 1);
            sealing.limit = limit;
            sealing.open(token, || now, longest, buf)?
        }
        _ => {
            let mut signing = Signing::new((&ring).into(), &purpose, 1);
            signing.limit = limit;
            signing.open(token, || now, longest, buf)?
        }
    };
    let version = body.claims.schema;
    let known: Vec<u64> =
        vector.0["schemas"].as_array().unwrap().iter().flat_map(Value::as_u64).collect();
    let newest = u32::try_from(*known.iter().max().unwrap()).unwrap();
    if version > newest {
        return Err(OpenError::NewerSchema { version, newest });
    }
    if !known.contains(&version.into()) {
        return Err(OpenError::RetiredSchema { version });
    }
    body.check_padding()?;
    Ok((key_id, expires_at, body.claims, body.payload.to_vec()))
}

#[test]
fn opening() {
    each("open.json", 60, |vector| {
        let expected = vector.text("expect");
        match open(vector, &mut Vec::new()) {
            Ok((key_id, expires_at, claims, payload)) => {
                assert_eq!(expected, "ok");
                assert_eq!(key_id.to_string(), vector.text("key_id"));
                assert_eq!(claims.issued_at, vector.time("issued_at"));
                assert_eq!(expires_at, vector.time("expires_at"));
                assert_eq!(u64::from(claims.schema), vector.number("schema"));
                assert_eq!(hex(&payload), vector.text("payload"));
            }
            Err(error) => assert_eq!(expected, name(&error)),
        }
    });
}

/// The name of an error in spec section 7.
pub(super) fn name(error: &OpenError) -> &'static str {
    match error {
        OpenError::TooLong { .. } => "too-long",
        OpenError::Prefix => "prefix",
        OpenError::Encoding => "encoding",
        OpenError::TooShort => "too-short",
        OpenError::UnknownKey(_) => "unknown-key",
        OpenError::BadTag(_) => "bad-tag",
        OpenError::MalformedBody => "malformed-body",
        OpenError::RetiredKey(_) => "retired-key",
        OpenError::NotYetValid { .. } => "not-yet-valid",
        OpenError::Expired { .. } => "expired",
        OpenError::NewerSchema { .. } => "newer-schema",
        OpenError::RetiredSchema { .. } => "retired-schema",
        OpenError::Padding => "padding",
        OpenError::Payload(_) => "payload",
    }
}

#[test]
fn rings() {
    each("ring.json", 20, |vector| {
        let bytes = match vector.0["text_hex"].as_str() {
            Some(text) => unhex(text),
            None => vector.text("text").as_bytes().to_vec(),
        };
        let ring = match std::str::from_utf8(&bytes) {
            Ok(text) => KeyRing::parse(text, fit_or_example),
            Err(_) => KeyRing::try_from(&bytes[..]),
        };
        let ring = match ring {
            Ok(ring) => ring,
            Err(error) => {
                assert_eq!(vector.text("expect"), "refused", "{error}");
                assert_eq!(error.line() as u64, vector.number("line"), "{error}");
                return;
            }
        };
        assert_eq!(vector.text("expect"), "ok");
        let id = |key_id: Option<KeyId>| key_id.map_or(Value::Null, |id| id.to_string().into());
        let time = |time: Option<UnixTime>| time.map_or(Value::Null, |time| time.as_secs().into());
        assert_eq!(ring.entries().len(), vector.list("keys").count());
        for (entry, expected) in ring.entries().zip(vector.list("keys")) {
            assert_eq!(entry.key_id().to_string(), expected.text("key_id"));
            let from = expected.0["primary_from"].as_u64().unwrap_or(0); // none means 1970
            assert_eq!(entry.primary_from().as_secs(), from);
            assert_eq!(time(entry.open_until()), expected.0["open_until"]);
        }
        for primary in vector.list("primary") {
            assert_eq!(id(ring.primary_at(primary.time("at"))), primary.0["key_id"]);
        }
    });
}

#[test]
fn sessions() {
    each("session.json", 4, |vector| {
        let (channel, state) = (vector.bytes("channel"), vector.bytes("state"));
        let base = vector.bytes("purpose");
        let record = Record::take(&mut &vector.bytes("payload")[..]).unwrap();
        assert_eq!(record.id.to_string(), vector.text("session_id"));
        assert_eq!(record.started_at, vector.time("started_at"));
        assert_eq!(record.reauthenticated_at, vector.time("reauthenticated_at"));
        assert_eq!(record.ceiling.map(UnixTime::as_secs), vector.0["ceiling"].as_u64());
        assert_eq!(record.origin.map(|id| id.to_string()).as_deref(), vector.0["origin"].as_str());
        let ended = &vector.0["ended_others"];
        let own = record.ended_others;
        assert_eq!(own.map(|(before, _)| before.as_secs()), ended["before"].as_u64());
        assert_eq!(own.map(|(_, mark)| hex(&mark)).as_deref(), ended["mark"].as_str());
        let follows: Vec<Value> = record
            .follows
            .iter()
            .map(|of| {
                let (origin, mark) = (of.except.origin.to_string(), hex(&of.except.mark));
                serde_json::json!({ "origin": origin, "before": of.before.as_secs(), "mark": mark })
            })
            .collect();
        assert_eq!(&follows, vector.0["follows"].as_array().unwrap());
        let remembered = record.term == Term::Remembered;
        assert_eq!(Some(remembered), vector.0["remembered"].as_bool());
        assert_eq!(record.bound, vector.optional("bound").map(Box::new));
        let mut payload = Vec::new();
        record.write(&mut payload);
        payload.extend_from_slice(&state);
        assert_eq!(hex(&payload), vector.text("payload"));

        let purpose = [&base[..], b"state", &channel].join(&0);
        let claims = vector.claims();
        let token = seal(&vector.ring(), &purpose, 32, claims, &vector.array("nonce"), &payload);
        assert_eq!(token, vector.text("token"));

        let renewal = Vector(&vector.0["renewal"]);
        if renewal.0.is_null() {
            return;
        }
        let mut buf = Vec::new();
        let opened = Sealing::new(vector.ring().into(), &purpose, 32);
        let opened =
            opened.open(token.as_bytes(), || claims.issued_at, Duration::MAX, &mut buf).unwrap();
        let copy =
            StateCopy { fingerprint: fingerprint(token.as_bytes()), body: opened.body.unpadded };
        let copy = Some(copy).filter(|_| renewal.0["with_copy"] == true);
        let mut payload = Vec::new();
        let validated_at = renewal.time("validated_at");
        let proved_at = renewal.0["proved_at"].as_u64().map(UnixTime::from_secs);
        let proof = proved_at.map(|at| Proof { at, key: renewal.array("bound") });
        let written = RenewalRecord { id: record.id, validated_at, proof, copy };
        written.write(&mut payload);
        assert_eq!(hex(&payload), renewal.text("payload"));
        let purpose = [&base[..], b"renewal", &channel].join(&0);
        let claims = Claims::new(renewal.time("issued_at"), renewal.lifetime(), written.schema());
        let token = seal(&renewal.ring(), &purpose, 32, claims, &renewal.array("nonce"), &payload);
        assert_eq!(token, renewal.text("token"));
        let read = RenewalRecord::read(written.schema(), &payload).unwrap();
        assert_eq!((read.id, read.validated_at, read.proof), (record.id, validated_at, proof));
        assert_eq!(read.copy.map(|copy| Body::parse(copy.body).is_ok()), copy.map(|_| true));
    });
}

#[test]
fn pieces() {
    each("pieces.json", 2, |vector| {
        let (name, token) = (vector.text("cookie_name"), vector.text("token"));
        let chunk = MAX_COOKIE_LEN - name.len() - "-3".len() - HEADER_LEN;
        let values: Vec<String> =
            vector.list("pieces").map(|p| p.text("value").to_owned()).collect();
        assert_eq!(split(token, chunk).unwrap(), values);
        let found: Vec<(usize, &[u8])> = values.iter().map(String::as_bytes).enumerate().collect();
        assert_eq!(join(&found), [token.as_bytes()]);
        for (index, piece) in vector.list("pieces").enumerate() {
            let suffix = if index == 0 { String::new() } else { format!("-{index}") };
            assert_eq!(piece.text("name"), format!("{name}{suffix}"));
        }
    });
}

#[test]
#[cfg_attr(miri, ignore = "seals thousands of tokens")]
fn accumulated() {
    each("accumulated.json", 1, |vector| {
        let mut tokens = String::new();
        for case in 0..u32::try_from(vector.number("cases")).unwrap() {
            let mut stream = Stream { case, block: 0, left: Vec::new() };
            let key = Key::unchecked(&stream.array());
            let nonce = stream.array();
            let issued_at = UnixTime::from_secs(stream.number(8) % (1 << 33));
            let lifetime = Duration::from_secs(stream.number(4) % (1 << 25));
            let schema = 1 + u32::try_from(stream.number(1) % 200).unwrap();
            let bucket = 1 + u8::try_from(stream.number(1) % 64).unwrap();
            let letters = stream.number(1) % 20;
            let mut purpose = b"case/".to_vec();
            purpose.extend((0..letters).map(|_| b'a' + (stream.number(1) % 26) as u8));
            let len = usize::try_from(stream.number(2) % 700).unwrap();
            let payload = stream.take(len);
            let ring = KeyRing::new([RingEntry::new(key)]).unwrap();
            let claims = Claims::new(issued_at, lifetime, schema);
            tokens += &seal(&ring, &purpose, bucket, claims, &nonce, &payload);
            tokens += "\n";
            tokens += &sign(&ring, &purpose, bucket, claims, &payload);
            tokens += "\n";
        }
        assert_eq!(hex(&digest(&[tokens.as_bytes()])), vector.text("sha256"));
    });
}

/// The deterministic bytes of spec section 10.
struct Stream {
    case: u32,
    block: u32,
    left: Vec<u8>,
}

impl Stream {
    fn take(&mut self, len: usize) -> Vec<u8> {
        while self.left.len() < len {
            let parts: [&[u8]; 3] =
                [b"bulla/1 case", &self.case.to_be_bytes(), &self.block.to_be_bytes()];
            self.left.extend(digest(&parts));
            self.block += 1;
        }
        self.left.drain(..len).collect()
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().unwrap()
    }

    fn number(&mut self, len: usize) -> u64 {
        self.take(len).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

#[test]
fn decrypting_with_a_wrong_tag_reveals_no_plaintext() {
    let key = SealingKey::new(&Key::unchecked(&[7; 32]).derive("bulla/1/seal", b"p"));
    let (nonce, mut body) = ([1; 24], *b"body");
    let mut tag = key.encrypt(&nonce, b"ad", &mut body);
    let encrypted = body;
    tag[0] ^= 1;
    assert!(key.decrypt(&nonce, b"ad", &mut body, &tag).is_err());
    // RustCrypto and dryoc check the tag before they decrypt. AWS-LC does both in one pass and then
    // wipes.
    let expected = if cfg!(feature = "aws-lc-rs") { [0; 4] } else { encrypted };
    assert_eq!(body, expected, "the body contains no plaintext");
}
