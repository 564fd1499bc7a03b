//! Law: a proof is accepted if and only if it is signed by its key and has the claims of its type. A
//! proof that is changed in one character is refused. Both backends accept the same signatures.

use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use serde_json::{Map, Value, json};

use crate::fixed::key_bytes;
use crate::independent::{from_base64url, to_base64url};
use crate::mutation::rest;
use crate::proof::ProofError;
use crate::proof::dbsc::{Registration, refresh, registration};
use crate::proof::dpop::{Dpop, dpop};
use crate::proof::key::PublicKey;
use crate::time::UnixTime;

/// The first byte of `data` chooses: the text of a proof, a header and claims to sign, or the
/// fields of a proof.
///
/// # Panics
/// If the library accepts or refuses another proof than the independent check, or reads other
/// fields than were written.
pub fn proof(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(kind) = input.arbitrary::<u8>() else { return };
    match kind % 3 {
        0 => check(rest(&mut input).unwrap_or_default()),
        1 => drop(of_parts(&mut input)),
        _ => drop(of_fields(&mut input)),
    }
}

/// Signs any bytes as header and claims.
fn of_parts(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let change: Change = input.arbitrary()?;
    let split: u16 = input.arbitrary()?;
    let bytes = rest(input)?;
    let (header, claims) = bytes.split_at(usize::from(split).min(bytes.len()));
    let jwt = signed(header, claims);
    check(&jwt);
    change.check(&jwt);
    Ok(())
}

/// Writes a proof as a client would.
fn of_fields(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let change: Change = input.arbitrary()?;
    let (iat, ath, nonce): (u32, Option<[u8; 32]>, Option<String>) = input.arbitrary()?;
    let [jti, htm, htu]: [String; 3] = input.arbitrary()?;

    let mut claims = json!({ "jti": jti, "htm": htm, "htu": htu, "iat": iat });
    if let Some(ath) = ath {
        claims["ath"] = to_base64url(&ath).into();
    }
    if let Some(nonce) = &nonce {
        claims["nonce"] = nonce.as_str().into();
    }
    let claims = claims.to_string();
    let complete = ![&jti, &htm, &htu].iter().any(|text| text.is_empty());

    let jwt = signed(header("dpop+jwt", jwk()).as_bytes(), claims.as_bytes());
    let read = dpop(&jwt);
    if !complete || jwt.len() > 2048 {
        assert!(read.is_err());
    } else {
        let read = read.expect("it has every claim");
        assert_eq!((&read.htm, &read.htu), (&htm, &htu));
        assert_eq!((read.iat.as_secs(), read.ath, &read.nonce), (iat.into(), ath, &nonce));
        compared(&read);
    }
    check(&jwt);
    change.check(&jwt);

    let jwt = signed(header("dbsc+jwt", Value::Null).as_bytes(), claims.as_bytes());
    assert_eq!(refresh(&jwt, &OWN).is_ok(), !jti.is_empty() && jwt.len() <= 2048);
    change.check(&jwt);
    Ok(())
}

fn compared(read: &Dpop) {
    let (now, age) = (read.iat, Duration::from_secs(1));
    assert!(read.is_near(now, age) && read.is_near(now + age, age));
    assert!(!read.is_near(now + age + age, age));
    let same = read.is_for(&read.htm, &read.htu);
    if let Some((scheme, _)) = read.htu.split_once("://") {
        let other = read.htu.replacen(scheme, &scheme.to_ascii_uppercase(), 1);
        assert_eq!(read.is_for(&read.htm, &other), same);
        assert_eq!(read.is_for(&read.htm, &format!("{}#", read.htu)), same);
        assert!(!read.is_for(&read.htm, &format!("x{}", read.htu)));
    } else {
        assert!(!same);
    }
    assert!(!read.is_for(&format!("{}x", read.htm), &read.htu));
}

/// One changed, added or removed character.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) struct Change {
    kind: u8,
    at: u16,
    value: u8,
}

impl Change {
    pub(super) fn apply(self, jwt: &[u8]) -> Vec<u8> {
        let mut changed = jwt.to_vec();
        let at = usize::from(self.at) % jwt.len();
        match self.kind % 4 {
            0 => changed[at] = self.value,
            1 => changed[at] = to_base64url(&[self.value]).as_bytes()[0],
            2 => changed.insert(at, self.value),
            _ => drop(changed.remove(at)),
        }
        changed
    }

    /// Whatever the proof is, the changed one is refused.
    fn check(self, jwt: &[u8]) {
        let changed = self.apply(jwt);
        if changed != jwt {
            assert!(registration(&changed).is_err());
            assert!(refresh(&changed, &OWN).is_err());
            assert!(dpop(&changed).is_err());
        }
    }
}

/// Compares all kinds of proofs with the independent check.
fn check(jwt: &[u8]) {
    let there = Independent::read(jwt);
    let key = there.as_ref().and_then(Independent::key);

    let here = registration(jwt);
    if let Ok(Registration { key: read, challenge }) = &here {
        let there = there.as_ref().expect("it has three parts");
        assert_eq!(Some(uncompressed(read)), key);
        assert_eq!((there.typ(), there.text("jti")), ("dbsc+jwt", Some(challenge.as_str())));
    }
    agrees(here.map(drop), there.as_ref(), key);

    let here = refresh(jwt, &OWN);
    if let Ok(challenge) = &here {
        let there = there.as_ref().expect("it has three parts");
        assert!(!there.header.contains_key("jwk") || key == Some(*OWN_UNCOMPRESSED));
        assert_eq!((there.typ(), there.text("jti")), ("dbsc+jwt", Some(challenge.as_str())));
    }
    agrees(here.map(drop), there.as_ref(), Some(*OWN_UNCOMPRESSED));

    let here = dpop(jwt);
    if let Ok(read) = &here {
        let there = there.as_ref().expect("it has three parts");
        assert_eq!(Some(uncompressed(&read.key)), key);
        let texts = ["jti", "htm", "htu"].map(|name| there.text(name).unwrap_or_default());
        assert_eq!([&read.htm, &read.htu], [texts[1], texts[2]]);
        assert!(!texts.contains(&"") && there.typ() == "dpop+jwt");
        let ath = there.text("ath").and_then(|text| from_base64url(text.as_bytes()));
        assert_eq!(read.ath.map(|ath| ath.to_vec()), ath);
        assert_eq!(read.nonce.as_deref(), there.text("nonce"));
        let iat = there.claims["iat"].as_f64().expect("a number");
        assert!(iat >= 0.0 && (read.iat == UnixTime::MAX || read.iat.as_secs() == iat as u64));
        compared(read);
    }
    agrees(here.map(drop), there.as_ref(), key);
}

/// A proof that is accepted verifies with AWS-LC too, and one that is refused for its signature
/// does not.
fn agrees(here: Result<(), ProofError>, there: Option<&Independent>, key: Option<[u8; 65]>) {
    let verifies = || there.zip(key).is_some_and(|(there, key)| there.verifies(&key));
    match here {
        Ok(()) => {
            let header = &there.expect("it has three parts").header;
            assert!(verifies() && header["alg"] == "ES256" && !header.contains_key("crit"));
        }
        Err(ProofError::Signature) => assert!(!verifies()),
        Err(_) => {}
    }
}

/// What a lax parser reads: of two members of the same name, the last.
struct Independent {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl Independent {
    fn read(jwt: &[u8]) -> Option<Independent> {
        let parts: Vec<&[u8]> = jwt.split(|byte| *byte == b'.').collect();
        let [header, claims, signature] = parts[..] else { return None };
        let object = |part| serde_json::from_slice(&from_base64url(part)?).ok();
        Some(Independent {
            header: object(header)?,
            claims: object(claims)?,
            signed: [header, b".", claims].concat(),
            signature: from_base64url(signature)?,
        })
    }

    fn typ(&self) -> &str {
        self.header["typ"].as_str().unwrap_or_default()
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    fn key(&self) -> Option<[u8; 65]> {
        let jwk = self.header.get("jwk")?.as_object()?;
        let is = |name: &str, value: &str| jwk.get(name).is_some_and(|member| member == value);
        let coordinate = |name: &str| from_base64url(jwk.get(name)?.as_str()?.as_bytes());
        let public = is("kty", "EC") && is("crv", "P-256") && !jwk.contains_key("d");
        let point = [&[4], &coordinate("x")?[..], &coordinate("y")?[..]].concat();
        public.then_some(point)?.try_into().ok()
    }

    fn verifies(&self, key: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key);
        key.verify(&self.signed, &self.signature).is_ok()
    }
}

/// The key that signs.
static PRIVATE: LazyLock<SigningKey> = LazyLock::new(|| {
    SigningKey::from_slice(&key_bytes(7)).expect("it is below the order of the curve")
});

/// Its public key.
static OWN: LazyLock<PublicKey> = LazyLock::new(|| {
    let point = PRIVATE.verifying_key().to_sec1_point(true);
    let point = point.as_bytes().try_into().expect("33 bytes");
    PublicKey::from_bytes(&point).expect("a point of the curve")
});

static OWN_UNCOMPRESSED: LazyLock<[u8; 65]> = LazyLock::new(|| uncompressed(&OWN));

fn uncompressed(key: &PublicKey) -> [u8; 65] {
    let key = VerifyingKey::from_sec1_bytes(key.as_bytes()).expect("it was read");
    key.to_sec1_point(false).as_bytes().try_into().expect("65 bytes")
}

/// The public key of the key that signs, as JSON Web Key.
#[must_use]
pub fn jwk() -> Value {
    let (x, y) = (to_base64url(&OWN_UNCOMPRESSED[1..33]), to_base64url(&OWN_UNCOMPRESSED[33..]));
    json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
}

fn header(typ: &str, jwk: Value) -> String {
    let mut header = json!({ "typ": typ, "alg": "ES256" });
    if !jwk.is_null() {
        header["jwk"] = jwk;
    }
    header.to_string()
}

/// A proof with any header and any claims.
fn signed(header: &[u8], claims: &[u8]) -> Vec<u8> {
    let signed = format!("{}.{}", to_base64url(header), to_base64url(claims));
    let signature: Signature = PRIVATE.sign(signed.as_bytes());
    format!("{signed}.{}", to_base64url(&signature.to_bytes())).into_bytes()
}
