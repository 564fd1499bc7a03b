//! Checks bound sessions in headers against the vectors in spec/vectors (spec section 9.6).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::bound::{Account, DAY, step_of_proof};
use super::vectors::{Vector, each, fit_or_example, hex, name};
use crate::keys::ring::KeyRing;
use crate::session::bound_error::BoundError;
use crate::session::dpop::Dpop;
use crate::session::error::SessionError;
use crate::session::event::Event;
use crate::session::guard::Denied;
use crate::session::info::Status;
use crate::session::policy::Policy;
use crate::session::record::{Proof, Record, RenewalRecord};
use crate::session::refusal::Refusal;
use crate::session::session::Session;
use crate::session::sessions::Sessions;
use crate::session::shared::Channel;
use crate::session::start::Start;
use crate::time::UnixTime;
use crate::token::id::{ID_LEN, SessionId};
use crate::token::once::{ClaimError, UsedTokens};
use crate::token::payload::Payload;
use crate::token::sealed::Sealing;
use crate::transport::bundle::Line;
use crate::transport::cookie::Cookie;

/// The proofs that were used.
struct Used(Mutex<BTreeSet<[u8; 16]>>);

impl UsedTokens for Used {
    fn claim(&self, proof: &[u8; 16], _: UnixTime) -> Result<bool, ClaimError> {
        Ok(self.0.lock().unwrap().insert(*proof))
    }
}

/// The server of a vector, and what it has recorded.
struct Server {
    sessions: Sessions<Account>,
    ring: KeyRing,
    used: Arc<Used>,
    refusals: Arc<Mutex<Vec<BoundError>>>,
}

impl Server {
    fn of(vector: &Vector<'_>) -> Server {
        let ring = KeyRing::parse(vector.text("ring"), fit_or_example).unwrap();
        assert_eq!(vector.bytes("purpose"), Account::PURPOSE.as_bytes());
        let mut addresses = vector.texts("addresses");
        let mut dpop = Dpop::at(addresses.next().unwrap()).unwrap();
        for address in addresses {
            dpop = dpop.and_at(address).unwrap();
        }
        let used = Arc::new(Used(Mutex::new(vector.arrays("used").collect())));
        let refusals = Arc::new(Mutex::new(Vec::new()));
        let sees = Arc::clone(&refusals);
        let lifetime = Duration::from_secs(vector.number("proof_lifetime"));
        let sessions = Sessions::builder(&ring, Policy::new(2 * DAY, 2 * DAY))
            .cookie(Cookie::default())
            .dpop(dpop.with_proof_lifetime(lifetime).with_used(Arc::clone(&used)))
            .on_event(move |event| {
                if let Event::ProofRefused(error) = event {
                    sees.lock().unwrap().push(*error);
                }
            })
            .build();
        Server { sessions, ring, used, refusals }
    }

    fn load(&self, vector: &Vector<'_>) -> Session<Account> {
        let method = vector.text("method");
        let session = self.sessions.load_at(vector.time("now"), method, |name| match name {
            "authorization" => vector.text_or_null("authorization").into_iter().collect(),
            "dpop" => vector.texts("proofs").map(str::as_bytes).collect(),
            _ => Vec::new(),
        });
        session.set_target(method, vector.text("target"));
        session
    }

    /// The payload of a token of the session, and when the token was issued.
    fn open(&self, role: &[u8], token: &str, now: UnixTime) -> (Vec<u8>, UnixTime) {
        let purpose = [Account::PURPOSE.as_bytes(), role, b"bearer"].join(&0);
        let sealing = Sealing::new((&self.ring).into(), &purpose, 32);
        let mut buf = Vec::new();
        let opened = sealing.open(token.as_bytes(), || now, Duration::MAX, &mut buf).unwrap();
        (opened.body.payload.to_vec(), opened.body.claims.issued_at)
    }

    /// Checks that the response has a renewal token with the proof of the vector.
    fn records(&self, lines: &[Line], vector: &Vector<'_>) {
        let now = vector.time("now");
        let token = value(lines, "session-renewal").unwrap();
        let (payload, issued_at) = self.open(b"renewal", token, now);
        assert_eq!(issued_at, now);
        let Proof { at, key } = RenewalRecord::read(2, &payload).unwrap().proof.unwrap();
        assert_eq!(at, vector.time("proved_at"));
        assert_eq!(hex(&key), vector.text("public_key"));
    }

    /// Checks that the response has a challenge for the session that began under this id.
    fn asks(&self, lines: &[Line], origin: SessionId, now: UnixTime) {
        let challenge = value(lines, "dpop-nonce").unwrap();
        let (payload, issued_at) = self.open(b"challenge", challenge, now);
        assert_eq!(payload, [origin.as_bytes(), &[0][..]].concat());
        assert_eq!(issued_at, now);
    }

    fn refusal(&self) -> Option<BoundError> {
        let mut refusals = self.refusals.lock().unwrap();
        let refusal = refusals.pop();
        assert!(refusals.is_empty(), "each failure is told once");
        refusal
    }
}

#[test]
fn request_proofs() {
    each("dpop.json", 200, |vector| {
        let server = Server::of(vector);
        let session = server.load(vector);
        let used = |server: &Server| server.used.0.lock().unwrap().clone();
        let mut expected_used = used(&server);
        match vector.text("request") {
            "sign-in" => sign_in(&server, &session, vector),
            _ => visit(&server, &session, vector),
        }
        if vector.text("expect") == "ok" {
            assert!(expected_used.insert(vector.array("identifier")));
        }
        assert_eq!(used(&server), expected_used);
    });
}

fn sign_in(server: &Server, session: &Session<Account>, vector: &Vector<'_>) {
    let now = vector.time("now");
    assert_eq!(session.channel(), Channel::Bearer);
    let started = session.start_with(Account { id: 7 }, Start::new().over(Channel::Bearer));
    let lines: Vec<Line> = session.commit().into_iter().collect();
    match started {
        Ok(()) => {
            assert_eq!(vector.text("expect"), "ok");
            let (state, _) = server.open(b"state", value(&lines, "session-token").unwrap(), now);
            let record = Record::take(&mut &state[..]).unwrap();
            assert_eq!(hex(record.bound.unwrap().as_ref()), vector.text("public_key"));
            server.records(&lines, vector);
            server.asks(&lines, record.id, now);
        }
        Err(error) => {
            let step = step(&server.refusal().unwrap());
            assert_eq!(step, vector.text("expect"));
            let expected = if asks_again(step) {
                server.asks(&lines, SessionId::from_bytes([0; ID_LEN]), now);
                SessionError::ProofDue
            } else {
                assert!(lines.is_empty() || value(&lines, "dpop-nonce").is_none());
                SessionError::ProofRefused
            };
            assert_eq!(error, expected);
            assert_eq!(challenge(&error.denied().unwrap()), error_of(step, vector));
            assert!(lines.iter().all(|line| !line.name.starts_with("session-")), "{lines:?}");
        }
    }
}

fn visit(server: &Server, session: &Session<Account>, vector: &Vector<'_>) {
    let now = vector.time("now");
    let status = session.status();
    let denied = session.require().err();
    let origin = session.info().map(|info| info.origin);
    let lines: Vec<Line> = session.commit().into_iter().collect();
    let Some(error) = server.refusal() else {
        assert_eq!((status, denied, vector.text("expect")), (Status::Alive, None, "ok"));
        server.records(&lines, vector);
        match vector.flag("asks_again") {
            true => server.asks(&lines, origin.unwrap(), now),
            false => assert_eq!(value(&lines, "dpop-nonce"), None),
        }
        return;
    };
    let step = step(&error);
    assert_eq!(step, vector.text("expect"));
    let asks = asks_again(step);
    let refusal = if asks { Refusal::ProofDue } else { Refusal::ProofRefused };
    assert_eq!(status, Status::Refused(refusal));
    assert_eq!(challenge(&denied.unwrap()), error_of(step, vector));
    assert_eq!(value(&lines, "dpop-nonce").is_some(), asks);
    assert!(lines.iter().all(|line| !line.name.starts_with("session-")), "{lines:?}");
}

/// The error that the client is told.
fn error_of(step: &str, vector: &Vector<'_>) -> String {
    let scheme = vector.text_or_null("authorization").unwrap_or_default();
    let error = match step {
        _ if asks_again(step) => "use_dpop_nonce",
        "scheme" if scheme.starts_with(b"Bearer ") => "invalid_token",
        _ => "invalid_dpop_proof",
    };
    format!("DPoP error=\"{error}\", algs=\"ES256\"")
}

fn challenge(denied: &Denied) -> String {
    assert_eq!(denied.status(), 401);
    let (name, value) = denied.header().unwrap();
    assert_eq!(name, "www-authenticate");
    value.to_owned()
}

fn value<'l>(lines: &'l [Line], name: &str) -> Option<&'l str> {
    lines.iter().find(|line| line.name == name).map(|line| line.value.as_str())
}

/// Whether the client gets another challenge: steps 16 to 20 of spec section 9.6.
fn asks_again(step: &str) -> bool {
    let others = [
        "scheme",
        "two-proofs",
        "too-long",
        "form",
        "header",
        "type",
        "algorithm",
        "key",
        "no-key",
        "claims",
        "claim",
        "signature",
        "other-request",
        "other-key",
        "other-token",
        "used",
    ];
    !others.contains(&step)
}

/// The name of an error in spec section 9.6.
fn step(error: &BoundError) -> &'static str {
    match error {
        BoundError::Scheme => "scheme",
        BoundError::NoProof => "two-proofs",
        BoundError::Proof(error) => step_of_proof(error),
        BoundError::NoTarget | BoundError::OtherRequest => "other-request",
        BoundError::OtherKey => "other-key",
        BoundError::OtherToken => "other-token",
        BoundError::NoChallenge => "no-challenge",
        BoundError::Challenge(error) => name(error),
        BoundError::OtherSession => "other-session",
        BoundError::Stale => "stale",
        BoundError::Used => "used",
        other => panic!("{other:?}"),
    }
}
