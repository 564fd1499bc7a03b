//! Benchmarks of a request in a session in headers that is bound to a key (DPoP), beside one in an
//! ordinary session. Both requests have a state token and a renewal token.

use bulla::session::Dpop;
use bulla::token::{ClaimError, UsedTokens};
use bulla::{Bearer, Policy, Session, Sessions, UnixTime};
use bulla_conformance::{DeviceKey, token_hash};
use divan::Bencher;
use serde_json::json;

use crate::state::{NOW, SIZES, Size, State, ring};

const HERE: &str = "https://api.bank.example";

#[divan::bench(args = SIZES)]
fn reads_an_ordinary_session(bencher: Bencher<'_, '_>, size: Size) {
    let sessions = Sessions::builder(ring(1), Policy::default()).bearer(Bearer::default()).build();
    let (tokens, _) = sign_in(&sessions, size, None);
    let headers = [("authorization", format!("Bearer {}", tokens[0])), tokens_header(&tokens)];
    reads(bencher, &sessions, &headers);
}

#[divan::bench(args = SIZES)]
fn reads_a_bound_session(bencher: Bencher<'_, '_>, size: Size) {
    let sessions = bound();
    let (tokens, _) = sign_in(&sessions, size, Some(proof("POST", "/", &json!({}))));
    let headers = [("authorization", format!("DPoP {}", tokens[0])), tokens_header(&tokens)];
    reads(bencher, &sessions, &headers);
}

#[divan::bench(args = SIZES)]
fn reads_a_bound_session_with_a_proof(bencher: Bencher<'_, '_>, size: Size) {
    let sessions = bound();
    let (tokens, challenge) = sign_in(&sessions, size, Some(proof("POST", "/", &json!({}))));
    let more = json!({ "nonce": challenge, "ath": token_hash(&tokens[0]) });
    let proof = ("dpop", proof("GET", "/", &more));
    let headers = [("authorization", format!("DPoP {}", tokens[0])), tokens_header(&tokens), proof];
    reads(bencher, &sessions, &headers);
}

/// A store that accepts the same proof again.
struct Forgets;

impl UsedTokens for Forgets {
    fn claim(&self, _: &[u8; 16], _: UnixTime) -> Result<bool, ClaimError> {
        Ok(true)
    }
}

fn bound() -> Sessions<State> {
    let dpop = Dpop::at(HERE).expect("an address").with_used(Forgets);
    Sessions::builder(ring(1), Policy::default()).dpop(dpop).build()
}

fn proof(method: &str, path: &str, more: &serde_json::Value) -> String {
    let mut claims = json!({
        "jti": "1", "htm": method, "htu": format!("{HERE}{path}"), "iat": NOW.as_secs(),
    });
    for (name, value) in more.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    DeviceKey::new(7).dpop(&claims)
}

/// Signs in. Returns the state token and the renewal token, and the challenge.
fn sign_in(
    sessions: &Sessions<State>,
    size: Size,
    proof: Option<String>,
) -> ([String; 2], Option<String>) {
    let headers: Vec<_> = proof.map(|proof| ("dpop", proof)).into_iter().collect();
    let session = load(sessions, "POST", &headers);
    session.start(size.state()).expect("it fits");
    let lines: Vec<_> = session.commit().into_iter().collect();
    let value = |name| lines.iter().find(|line| line.name == name).map(|line| line.value.clone());
    let tokens = ["session-token", "session-renewal"].map(|name| value(name).expect("a token"));
    (tokens, value("dpop-nonce"))
}

fn tokens_header([_, renewal]: &[String; 2]) -> (&'static str, String) {
    ("session-renewal", renewal.clone())
}

fn load(sessions: &Sessions<State>, method: &str, headers: &[(&str, String)]) -> Session<State> {
    let session = sessions.load_at(NOW, method, |name| {
        headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_bytes())
    });
    session.set_target(method, "/");
    session
}

fn reads(bencher: Bencher<'_, '_>, sessions: &Sessions<State>, headers: &[(&str, String)]) {
    bencher.bench(|| {
        let session = load(sessions, "GET", divan::black_box(headers));
        assert!(session.get().is_some());
        session.commit()
    });
}
