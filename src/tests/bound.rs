//! Checks bound sessions against the vectors in spec/vectors (spec section 9.5).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::vectors::{Vector, each, fit_or_example, hex, name, seal};
use crate::keys::ring::KeyRing;
use crate::proof::ProofError;
use crate::session::bound_error::BoundError;
use crate::session::device_bound::DeviceBound;
use crate::session::dpop::Dpop;
use crate::session::event::Event;
use crate::session::policy::{Policy, Term};
use crate::session::proving::{identifier, unbound_id};
use crate::session::record::{Record, RenewalRecord};
use crate::session::sessions::Sessions;
use crate::time::UnixTime;
use crate::token::error::OpenError;
use crate::token::id::SessionId;
use crate::token::payload::{NoPrevious, Payload};
use crate::token::sealed::Sealing;
use crate::token::wire::Claims;
use crate::transport::cookie::Cookie;

pub(super) const DAY: Duration = Duration::from_secs(86_400);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) id: u64,
}

impl Payload for Account {
    const PURPOSE: &'static str = "shop.example/session";
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Account {
        match previous {}
    }
}

#[test]
fn challenges() {
    each("challenge.json", 10, |vector| {
        let purpose = String::from_utf8(vector.bytes("purpose")).unwrap();
        let ring = vector.ring().into();
        let cookie_name = vector.text_or_null("cookie_name");
        let binding = match cookie_name {
            None => Dpop::at("https://api.shop.example").unwrap().bind(ring, &purpose).binding,
            Some(name) => {
                let cookie = match name {
                    b"sid" => Cookie::new("sid").unwrap().over_plain_http(),
                    _ => Cookie::default(),
                };
                assert_eq!(cookie.name().as_bytes(), name);
                DeviceBound::default().bind(ring, &purpose, &cookie).binding
            }
        };
        let issued_at = vector.time("issued_at");
        let token = vector.text("token").as_bytes();
        let open = |now| binding.challenges.open(token, now);
        let opened = open(issued_at).unwrap();
        assert_eq!(format!("{}{:02x}", opened.origin, opened.asks as u8), vector.text("payload"));
        assert_eq!(opened.issued_at, issued_at);
        let ends = issued_at + Duration::from_secs(vector.number("lifetime"));
        assert!(open(UnixTime::from_secs(ends.as_secs().saturating_sub(1))).is_ok());
        assert_eq!(open(ends).err(), Some(OpenError::Expired { expires_at: ends }));
        if cookie_name.is_none() {
            return;
        }
        let origin = SessionId::from_bytes(vector.array("origin"));
        assert_eq!(identifier(origin), vector.text("session_identifier"));
        assert_eq!(unbound_id(origin).to_string(), vector.text("unbound_id"));
    });
}

/// What a request of a browser led to.
enum Answer {
    Accepted { public_key: [u8; 33] },
    Challenged,
    Refused(BoundError),
}

/// Sends the proof of a vector with the state token of its session.
fn send(vector: &Vector<'_>) -> Answer {
    let ring = KeyRing::parse(vector.text("ring"), fit_or_example).unwrap();
    let key = ring.entries().next().unwrap().key_id();
    let origin = SessionId::from_bytes(vector.array("origin"));
    // The session goes on after the last challenge of the vectors has expired.
    let started_at = UnixTime::from_secs(1_700_000_000);
    let record = Record {
        id: origin,
        started_at,
        reauthenticated_at: started_at,
        ceiling: None,
        origin: None,
        ended_others: None,
        follows: Vec::new(),
        term: Term::Ordinary,
        bound: vector.optional("bound").map(Box::new),
    };
    let mut payload = Vec::new();
    record.write(&mut payload);
    payload.push(7);
    let purpose = [&vector.bytes("purpose")[..], b"state", b"cookie", b"__Host-session"].join(&0);
    let claims = Claims::new(started_at, 2 * DAY, 1);
    let state = seal(&ring, &purpose, 32, claims, &[7; 24], &payload);

    let refusals = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&refusals);
    let lifetime = Duration::from_secs(vector.number("proof_lifetime"));
    let sessions = Sessions::<Account>::builder(&ring, Policy::new(2 * DAY, 2 * DAY))
        .device_bound(DeviceBound::default().with_proof_lifetime(lifetime))
        .on_event(move |event| {
            if let Event::ProofRefused(error) = event {
                sees.lock().unwrap().push(*error);
            }
        })
        .build();
    let cookies = format!("__Host-session={state}");
    let asked = identifier(origin);
    let values = |name: &str| match name {
        "cookie" => Some(cookies.as_bytes()),
        "secure-session-response" => Some(vector.text("proof").as_bytes()),
        "sec-secure-session-id" => Some(asked.as_bytes()),
        _ => None,
    };
    let [register, refresh] = sessions.device_bound_paths().unwrap();
    let path = if vector.text("request") == "registration" { register } else { refresh };
    let now = vector.time("now");
    let response = sessions.device_bound_response_at(now, "POST", path, values).unwrap();
    let refusal = refusals.lock().unwrap().pop();
    let lines: Vec<_> = response.headers.into_iter().collect();
    match (response.status, refusal) {
        (200, None) => {
            let cookie = "__Host-session-renewal=";
            let token = lines.iter().find_map(|line| line.value.strip_prefix(cookie)).unwrap();
            let token = token.split(';').next().unwrap().as_bytes();
            let purpose =
                [&vector.bytes("purpose")[..], b"renewal", b"cookie", b"__Host-session"].join(&0);
            let sealing = Sealing::new((&ring).into(), &purpose, 32);
            let mut buf = Vec::new();
            let opened = sealing.open(token, || now, Duration::MAX, &mut buf).unwrap();
            assert_eq!(opened.key_id, key);
            let schema = opened.body.claims.schema;
            let proof = RenewalRecord::read(schema, opened.body.payload).unwrap().proof.unwrap();
            assert_eq!(proof.at, now);
            let public_key = proof.key;
            Answer::Accepted { public_key }
        }
        (403, None) => Answer::Challenged,
        (400, Some(error)) => {
            assert!(lines.iter().all(|line| line.name != "set-cookie"), "{lines:?}");
            Answer::Refused(error)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn proofs() {
    each("proof.json", 121, |vector| {
        let expected = vector.text("expect");
        let refreshes = vector.text("request") == "refresh";
        match send(vector) {
            Answer::Accepted { public_key } => {
                assert_eq!(expected, "ok");
                assert_eq!(hex(&public_key), vector.text("public_key"));
            }
            Answer::Challenged => {
                // The device has the key, so it gets another challenge.
                assert!(refreshes && !is_step_of_proof(expected), "{expected}");
            }
            Answer::Refused(error) => {
                assert!(!refreshes || is_step_of_proof(expected), "{expected}");
                assert_eq!(expected, step(&error));
            }
        }
    });
}

/// Whether a name is that of one of the steps 1 to 11 of spec section 9.5.
fn is_step_of_proof(name: &str) -> bool {
    [
        "too-long",
        "form",
        "header",
        "type",
        "algorithm",
        "key",
        "no-key",
        "other-key",
        "claims",
        "claim",
        "signature",
    ]
    .contains(&name)
}

/// The name of an error in spec section 9.5.
fn step(error: &BoundError) -> &'static str {
    match error {
        BoundError::Proof(error) => step_of_proof(error),
        BoundError::Challenge(error) => name(error),
        BoundError::OtherSession => "other-session",
        BoundError::Stale => "stale",
        other => panic!("{other:?}"),
    }
}

/// The name of an error of a proof in spec sections 9.5 and 9.6.
pub(super) fn step_of_proof(error: &ProofError) -> &'static str {
    match error {
        ProofError::TooLong { .. } => "too-long",
        ProofError::Form => "form",
        ProofError::Header => "header",
        ProofError::Type => "type",
        ProofError::Algorithm => "algorithm",
        ProofError::NoKey => "no-key",
        ProofError::Key => "key",
        ProofError::OtherKey => "other-key",
        ProofError::Claims => "claims",
        ProofError::Claim(_) => "claim",
        ProofError::Signature => "signature",
    }
}
