//! Sessions in headers that are bound to a key, with a client that has one (DPoP, RFC 9449).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulla::session::{BoundError, Channel, Denied, Dpop, Event, Refusal, Start, Status, Verdict};
use bulla::token::{ClaimError, UsedTokens};
use bulla::transport::Line;
use bulla::{Cookie, KeyRing, Policy, Revocations, Session, SessionError, Sessions, UnixTime};
use bulla_conformance::{DeviceKey, token_hash, with_other_signature};
use serde_json::Value;

use crate::phone::{ASKS, HERE, Phone, Sent};
use crate::support::{Account, T0, ada, alan, key_text, ring, secs};

const MINUTE: u64 = 60;

/// The events of all requests.
type Events = Arc<Mutex<Vec<Event>>>;

fn build(ring: KeyRing, dpop: Dpop) -> (Sessions<Account>, Events) {
    let events = Events::default();
    let log = Arc::clone(&events);
    let sessions = Sessions::builder(ring, Policy::default())
        .cookie(Cookie::default())
        .dpop(dpop)
        .on_event(move |event| log.lock().unwrap().push(*event))
        .build();
    (sessions, events)
}

fn sessions() -> Sessions<Account> {
    build(KeyRing::generate().unwrap(), Dpop::at(HERE).unwrap()).0
}

fn proof_error(events: &Events) -> Option<BoundError> {
    events.lock().unwrap().drain(..).find_map(|event| match event {
        Event::ProofRefused(error) => Some(error),
        _ => None,
    })
}

fn names(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| &*line.name).collect()
}

fn denied(session: &Session<Account>) -> Denied {
    session.require().unwrap_err()
}

const WRONG: (&str, &str) =
    ("www-authenticate", r#"DPoP error="invalid_dpop_proof", algs="ES256""#);
const NO_TOKEN: (&str, &str) = ("www-authenticate", r#"DPoP error="invalid_token", algs="ES256""#);

#[test]
fn a_session_is_bound_when_it_starts_and_goes_on_with_proofs() {
    let sessions = sessions();
    let mut phone = Phone::bound(&sessions, T0);
    assert!(phone.challenge.is_some());

    // No proof is needed while the last one counts.
    let last = T0 + secs(10 * MINUTE - 1);
    let session = phone.get().load(&sessions, last);
    assert_eq!(session.get().unwrap().id, ada().id);
    let info = session.info().unwrap();
    assert!(info.bound);
    assert_eq!(info.proof_expires_at, Some(T0 + secs(10 * MINUTE)));
    assert!(!names(&phone.clone().receive(&session)).contains(&"dpop-nonce"));

    // Then one is due. The response has a challenge, and the tokens stay.
    let due = T0 + secs(10 * MINUTE);
    let session = phone.get().load(&sessions, due);
    assert_eq!(session.status(), Status::Refused(Refusal::ProofDue));
    assert_eq!((denied(&session).status(), denied(&session).header()), (401, Some(ASKS)));
    assert_eq!(names(&phone.receive(&session)), ["dpop-nonce", "cache-control", "vary"]);

    // With the proof, the session goes on, and the renewal token records the proof.
    let before = phone.renewal.clone();
    let request = phone.proving("GET", "/balance", due);
    phone.visit(&sessions, due, &request, |session| assert!(session.require().is_ok()));
    assert_ne!(phone.renewal, before);
    let session = phone.get().load(&sessions, due + secs(10 * MINUTE - 1));
    assert_eq!(session.info().unwrap().proof_expires_at, Some(due + secs(10 * MINUTE)));
    let session = phone.get().load(&sessions, due + secs(10 * MINUTE));
    assert_eq!(session.status(), Status::Refused(Refusal::ProofDue));
}

#[test]
fn a_client_that_sends_a_proof_with_each_request_is_asked_for_none() {
    let sessions = sessions();
    let mut phone = Phone::bound(&sessions, T0);
    let (mut renewals, mut challenges) = (0, 0);
    for minute in 1..=60 {
        let now = T0 + secs(minute * MINUTE);
        let session = phone.proving("GET", "/balance", now).load(&sessions, now);
        assert!(session.require().is_ok(), "minute {minute}");
        let lines = phone.receive(&session);
        renewals += usize::from(names(&lines).contains(&"session-renewal"));
        challenges += usize::from(names(&lines).contains(&"dpop-nonce"));
    }
    // A challenge is replaced after a quarter of the proof lifetime, and its first proof is
    // recorded. Activity is recorded too.
    assert_eq!(challenges, 20);
    assert!((20..40).contains(&renewals), "{renewals}");
}

#[test]
fn a_wrong_proof_is_refused_and_changes_nothing() {
    let (sessions, events) = build(KeyRing::generate().unwrap(), Dpop::at(HERE).unwrap());
    let phone = Phone::bound(&sessions, T0);
    let other = Phone::bound(&sessions, T0);
    let now = T0 + secs(MINUTE);
    let right = phone.claims("GET", "/balance", now);
    let with = |name: &str, value: Value| {
        let mut claims = right.clone();
        claims[name] = value;
        phone.key.dpop(&claims)
    };
    let challenge = other.challenge.clone().unwrap();
    let mut foreign = Phone::bound(&self::sessions(), T0);
    let asked_later = {
        let session = foreign.get().load(&sessions, T0);
        session.require().unwrap_err();
        foreign.receive(&session);
        foreign.challenge.clone()
    };
    let foreign = asked_later.unwrap();
    let due = |error| (error, Refusal::ProofDue, ASKS, true);
    let wrong = |error| (error, Refusal::ProofRefused, WRONG, false);
    let malformed = |error| wrong(BoundError::Proof(error));
    use bulla::proof::ProofError;
    for (what, proof, (error, refusal, header, asks)) in [
        ("another key", DeviceKey::new(9).dpop(&right), wrong(BoundError::OtherKey)),
        ("another method", with("htm", "POST".into()), wrong(BoundError::OtherRequest)),
        ("lower case", with("htm", "get".into()), wrong(BoundError::OtherRequest)),
        (
            "another path",
            with("htu", format!("{HERE}/pay").into()),
            wrong(BoundError::OtherRequest),
        ),
        (
            "another host",
            with("htu", "https://evil.example/balance".into()),
            wrong(BoundError::OtherRequest),
        ),
        (
            "plain HTTP",
            with("htu", "http://api.bank.example/balance".into()),
            wrong(BoundError::OtherRequest),
        ),
        ("another token", with("ath", token_hash("b1.x").into()), wrong(BoundError::OtherToken)),
        ("no token", with("ath", Value::Null), malformed(ProofError::Claim("ath"))),
        ("no id", with("jti", "".into()), malformed(ProofError::Claim("jti"))),
        (
            "no challenge",
            {
                let mut c = right.clone();
                c.as_object_mut().unwrap().remove("nonce");
                phone.key.dpop(&c)
            },
            due(BoundError::NoChallenge),
        ),
        (
            "the challenge of another session",
            with("nonce", challenge.into()),
            due(BoundError::OtherSession),
        ),
        (
            "a browser's proof",
            phone.key.proof(phone.challenge.as_ref().unwrap()),
            malformed(ProofError::Type),
        ),
        ("not a proof", "eyJ.eyJ".to_owned(), malformed(ProofError::Form)),
    ] {
        events.lock().unwrap().clear();
        let session = phone.get().with("dpop", proof).load(&sessions, now);
        assert_eq!(session.status(), Status::Refused(refusal), "{what}");
        assert_eq!(
            (denied(&session).status(), denied(&session).header()),
            (401, Some(header)),
            "{what}"
        );
        assert_eq!(
            session.update(|account| account.id = 1),
            Err(SessionError::NoSession),
            "{what}"
        );
        let lines: Vec<Line> = session.commit().into_iter().collect();
        let expected: &[&str] =
            if asks { &["dpop-nonce", "cache-control", "vary"] } else { &["vary"] };
        assert_eq!(names(&lines), expected, "{what}");
        assert_eq!(proof_error(&events), Some(error), "{what}");
    }
    // A challenge from a server with another ring, or one that the client has made up.
    for nonce in [foreign.as_str(), "x", "b1.", ""] {
        let session = phone.get().with("dpop", with("nonce", nonce.into())).load(&sessions, now);
        assert_eq!(session.status(), Status::Refused(Refusal::ProofDue), "{nonce}");
    }
    // Two proofs.
    let two = phone.proving("GET", "/balance", now).with("dpop", phone.key.dpop(&right));
    assert_eq!(two.load(&sessions, now).status(), Status::Refused(Refusal::ProofRefused));
    // The right one.
    assert!(phone.proving("GET", "/balance", now).load(&sessions, now).require().is_ok());
}

#[test]
fn a_challenge_counts_for_the_proof_lifetime() {
    let sessions = sessions();
    let phone = Phone::bound(&sessions, T0);
    for (age, refusal) in [(10 * MINUTE - 1, None), (10 * MINUTE, Some(Refusal::ProofDue))] {
        let now = T0 + secs(age);
        let status = phone.proving("GET", "/balance", now).load(&sessions, now).status();
        assert_eq!(status, refusal.map_or(Status::Alive, Status::Refused), "{age}");
    }
}

#[test]
fn a_proof_is_accepted_once() {
    let (sessions, events) = build(KeyRing::generate().unwrap(), Dpop::at(HERE).unwrap());
    let phone = Phone::bound(&sessions, T0);
    let now = T0 + secs(MINUTE);
    let request = phone.proving("GET", "/balance", now);
    assert!(request.load(&sessions, now).require().is_ok());
    let session = request.load(&sessions, now);
    assert_eq!((denied(&session).status(), denied(&session).header()), (401, Some(WRONG)));
    assert_eq!(proof_error(&events), Some(BoundError::Used));
    // Anybody can make the other signature of a proof.
    let proof = &request.headers.last().unwrap().1;
    let other = request.clone().without("dpop").with("dpop", with_other_signature(proof));
    let session = other.load(&sessions, now);
    assert_eq!(session.status(), Status::Refused(Refusal::ProofRefused));
    assert_eq!(proof_error(&events), Some(BoundError::Used));
    // A proof that was refused for another reason is not used up.
    let session = phone.proving("GET", "/balance", now + secs(1)).without("session-renewal");
    assert!(session.load(&sessions, now + secs(1)).require().is_ok());
}

#[test]
fn who_copies_a_request_gains_no_time() {
    let text = key_text();
    let server = || build(ring(&[&text]), Dpop::at(HERE).unwrap()).0;
    let (here, elsewhere) = (server(), server());
    let mut phone = Phone::bound(&here, T0);
    let now = T0 + secs(9 * MINUTE);
    let request = phone.proving("GET", "/balance", now);
    phone.visit(&here, now, &request, |session| assert!(session.require().is_ok()));

    // Another server does not know that the proof was used. The session that it renews ends with
    // the proof, which counts from the time of its challenge.
    let mut thief = phone.clone();
    let session = request.load(&elsewhere, now + secs(30));
    assert!(session.require().is_ok());
    assert_eq!(session.info().unwrap().proof_expires_at, Some(T0 + secs(10 * MINUTE)));
    thief.receive(&session);
    let late = T0 + secs(10 * MINUTE);
    assert_eq!(thief.get().load(&elsewhere, late).status(), Status::Refused(Refusal::ProofDue));
    assert_eq!(request.load(&elsewhere, late).status(), Status::Refused(Refusal::ProofDue));
}

#[test]
fn the_scheme_says_whether_a_session_is_bound() {
    let (sessions, events) = build(KeyRing::generate().unwrap(), Dpop::at(HERE).unwrap());
    let phone = Phone::bound(&sessions, T0);
    let token = phone.token.clone().unwrap();
    let as_bearer = |request: Sent, token: &str| {
        request.without("authorization").with("authorization", format!("Bearer {token}"))
    };
    // Even with a proof.
    for request in [phone.get(), phone.proving("GET", "/balance", T0)] {
        let session = as_bearer(request, &token).load(&sessions, T0);
        assert_eq!(session.status(), Status::Refused(Refusal::ProofRefused));
        assert_eq!((denied(&session).status(), denied(&session).header()), (401, Some(NO_TOKEN)));
        assert_eq!(names(&session.commit().into_iter().collect::<Vec<_>>()), ["vary"]);
        assert_eq!(proof_error(&events), Some(BoundError::Scheme));
    }
    // A client without a key has an ordinary session.
    let mut plain = Phone::new(7);
    let request = plain.bare("DPoP", "POST", "/sign-in");
    let over = Start::new().over(Channel::Bearer);
    plain.visit(&sessions, T0, &request, |session| session.start_with(ada(), over).unwrap());
    assert_eq!(plain.challenge, None);
    let session = plain.get().load(&sessions, T0);
    assert_eq!(session.status(), Status::Refused(Refusal::ProofRefused));
    let token = plain.token.clone().unwrap();
    // It may send proofs, which are not read then.
    for request in
        [plain.get(), plain.proving("GET", "/balance", T0), plain.get().with("dpop", "x".into())]
    {
        let session = as_bearer(request, &token).load(&sessions, T0 + secs(29 * MINUTE));
        assert!(!session.info().unwrap().bound);
    }
}

#[test]
fn a_proof_at_the_sign_in_needs_the_right_time_or_a_challenge() {
    let (sessions, events) = build(KeyRing::generate().unwrap(), Dpop::at(HERE).unwrap());
    let sign_in = |phone: &mut Phone, clock: UnixTime| {
        let proof = phone.key.dpop(&phone.claims("POST", "/sign-in", clock));
        let request = phone.bare("DPoP", "POST", "/sign-in").with("dpop", proof);
        let over = Start::new().over(Channel::Bearer);
        phone.visit(&sessions, T0, &request, |session| session.start_with(ada(), over))
    };
    let at = |offset: i64| UnixTime::from_secs(T0.as_secs().saturating_add_signed(offset));
    for offset in [0, 60, -60] {
        assert_eq!(sign_in(&mut Phone::new(7), at(offset)), Ok(()), "{offset}");
    }
    for offset in [61, -61, 86_400, -1_000_000_000] {
        let mut phone = Phone::new(7);
        let error = sign_in(&mut phone, at(offset)).unwrap_err();
        assert_eq!(error, SessionError::ProofDue, "{offset}");
        let denied = error.denied().unwrap();
        assert_eq!((denied.status(), denied.header()), (401, Some(ASKS)));
        assert_eq!(proof_error(&events), Some(BoundError::NoChallenge));
        assert_eq!(phone.token, None);
        // With the challenge of this response, the client's clock does not count.
        assert_eq!(sign_in(&mut phone, at(offset)), Ok(()), "{offset}");
        assert!(phone.token.is_some());
        let session = phone.get().load(&sessions, T0);
        assert_eq!(session.info().unwrap().proof_expires_at, Some(T0 + secs(10 * MINUTE)));
    }
}

#[test]
fn a_wrong_proof_at_the_sign_in_starts_no_session() {
    let (sessions, events) = build(KeyRing::generate().unwrap(), Dpop::at(HERE).unwrap());
    let phone = Phone::new(7);
    let right = phone.claims("POST", "/sign-in", T0);
    let mut elsewhere = right.clone();
    elsewhere["htu"] = "https://evil.example/sign-in".into();
    for (proofs, expected) in [
        (vec![phone.key.dpop(&elsewhere)], BoundError::OtherRequest),
        (vec![phone.key.dpop(&right), phone.key.dpop(&right)], BoundError::NoProof),
        (vec!["x".to_owned()], BoundError::Proof(bulla::proof::ProofError::Form)),
    ] {
        let mut request = phone.bare("DPoP", "POST", "/sign-in");
        for proof in proofs {
            request = request.with("dpop", proof);
        }
        let session = request.load(&sessions, T0);
        let over = || Start::new().over(Channel::Bearer);
        let error = session.start_with(ada(), over()).unwrap_err();
        assert_eq!(error, SessionError::ProofRefused);
        assert_eq!(error.denied().unwrap().header(), Some(WRONG));
        assert!(session.commit().is_empty() || session.get().is_none());
        assert_eq!(proof_error(&events), Some(expected));
    }
}

#[test]
fn a_route_can_ask_for_a_proof_with_each_request() {
    let sessions = sessions();
    let mut phone = Phone::bound(&sessions, T0);
    let now = T0 + secs(MINUTE);
    let session = phone.get().load(&sessions, now);
    assert!(session.require().is_ok());
    let denied = session.require_proven().unwrap_err();
    assert_eq!((denied.status(), denied.header()), (401, Some(ASKS)));
    assert_eq!(names(&phone.receive(&session)), ["dpop-nonce", "cache-control", "vary"]);
    let request = phone.proving("GET", "/balance", now);
    let session = request.load(&sessions, now);
    assert!(session.require_proven().is_ok());
    assert!(session.require_proven().is_ok(), "twice in one request");
    assert!(request.load(&sessions, now).require_proven().is_err(), "the copy of a request");

    let mut new = Phone::new(8);
    let proof = new.key.dpop(&new.claims("POST", "/sign-in", now));
    let request = new.bare("DPoP", "POST", "/sign-in").with("dpop", proof);
    new.visit(&sessions, now, &request, |session| {
        session.start(ada()).unwrap();
        assert!(session.require_proven().is_ok(), "the proof of the sign-in");
    });

    let guest = Phone::new(7).get().with("authorization", "Bearer x".into());
    let denied = guest.load(&sessions, now).require_proven().unwrap_err();
    assert_eq!(denied.header(), Some(("www-authenticate", "Bearer")));
    let mut plain = Phone::new(7);
    let over = Start::new().over(Channel::Bearer);
    let request = plain.bare("DPoP", "POST", "/sign-in");
    plain.visit(&sessions, now, &request, |session| session.start_with(ada(), over).unwrap());
    let token = plain.token.clone().unwrap();
    let request = plain.get().without("authorization");
    let request = request.with("authorization", format!("Bearer {token}"));
    let denied = request.load(&sessions, now).require_proven().unwrap_err();
    assert_eq!(denied.header(), Some(NO_TOKEN), "the client must sign in again");
    let mut browser = crate::support::Client::browser();
    browser.visit(&sessions, now, |session| session.start(ada()).unwrap());
    assert_eq!(browser.send(&sessions, now).require_proven().unwrap_err().status(), 403);
}

#[test]
fn a_change_and_a_new_id_keep_the_key() {
    let sessions = sessions();
    let mut phone = Phone::bound(&sessions, T0);
    let challenge = |phone: &mut Phone, now| {
        let request = phone.get();
        phone.visit(&sessions, now, &request, |session| session.require().unwrap_err());
    };
    let mut now = T0;
    let changes: [fn(&Session<Account>); 3] = [
        |session| session.update(|account| account.id += 1).unwrap(),
        |session| session.reauthenticated().unwrap(),
        |session| session.set(alan()).unwrap(),
    ];
    for change in changes {
        now = now + secs(10 * MINUTE);
        challenge(&mut phone, now);
        let request = phone.proving("GET", "/balance", now);
        phone.visit(&sessions, now, &request, change);
        let session = phone.get().load(&sessions, now + secs(10 * MINUTE - 1));
        assert_eq!(session.info().unwrap().proof_expires_at, Some(now + secs(10 * MINUTE)));
        // A copy with an old renewal token gets nowhere.
        assert!(phone.get().without("session-renewal").load(&sessions, now).get().is_none());
    }
}

#[test]
fn a_background_request_records_its_proof_and_no_activity() {
    let sessions = sessions();
    let mut phone = Phone::bound(&sessions, T0);
    let poll = |session: &Session<Account>| {
        session.ignore_activity();
        session.get().map(|account| account.id)
    };
    for (minute, alive) in [(10, true), (20, true), (29, true), (30, false)] {
        let now = T0 + secs(minute * MINUTE);
        let request = phone.get();
        phone.visit(&sessions, now, &request, poll);
        let request = phone.proving("GET", "/balance", now);
        let id = phone.visit(&sessions, now, &request, poll);
        assert_eq!(id.is_some(), alive, "minute {minute}");
    }
}

#[test]
fn a_client_without_renewal_tokens_sends_a_proof_with_each_request() {
    let sessions = sessions();
    let mut phone = Phone::bound(&sessions, T0);
    phone.renewal = None;
    for minute in 1..=60 {
        let now = T0 + secs(minute * MINUTE);
        let bare = phone.get().load(&sessions, now);
        assert_eq!(bare.status(), Status::Refused(Refusal::ProofDue));
        let request = phone.proving("GET", "/balance", now);
        let id = phone.visit(&sessions, now, &request, |session| session.get().map(|a| a.id));
        assert_eq!(id, Some(ada().id), "minute {minute}");
        phone.renewal = None;
    }
}

#[test]
fn the_keys_of_the_ring_rotate_under_a_bound_session() {
    let (old, new) = (key_text(), key_text());
    let dpop = || Dpop::at(HERE).unwrap();
    let before = build(ring(&[&old]), dpop()).0;
    let both = build(ring(&[&new, &old]), dpop()).0;
    let after = build(ring(&[&new]), dpop()).0;
    let mut phone = Phone::bound(&before, T0);
    for (minute, sessions) in [(10, &both), (20, &after), (30, &after)] {
        let now = T0 + secs(minute * MINUTE);
        let request = phone.get();
        phone.visit(sessions, now, &request, |session| {
            assert_eq!(session.status(), Status::Refused(Refusal::ProofDue), "minute {minute}");
        });
        let request = phone.proving("GET", "/balance", now);
        let id = phone.visit(sessions, now, &request, |session| session.get().map(|a| a.id));
        assert_eq!(id, Some(ada().id), "minute {minute}");
    }
}

#[test]
fn a_server_that_cannot_judge_the_renewal_token_asks_for_a_proof() {
    let (old, new) = (key_text(), key_text());
    let dpop = || Dpop::at(HERE).unwrap();
    let behind = build(ring(&[&old]), dpop()).0;
    let ahead = build(ring(&[&new, &old]), dpop()).0;
    let mut phone = Phone::bound(&behind, T0);
    // The renewal token is now under the new key, which the other server does not know yet.
    let now = T0 + secs(5 * MINUTE);
    let request = phone.proving("GET", "/balance", now);
    phone.visit(&ahead, now, &request, |session| assert!(session.require().is_ok()));
    // A proof is all that the other server needs, so the client must not think that it is signed
    // out.
    let renewal = phone.renewal.clone();
    phone.challenge = None;
    let session = phone.get().load(&behind, now);
    assert_eq!((denied(&session).status(), denied(&session).header()), (401, Some(ASKS)));
    assert_eq!(names(&phone.receive(&session)), ["dpop-nonce", "cache-control", "vary"]);
    let request = phone.proving("GET", "/balance", now);
    phone.visit(&behind, now, &request, |session| assert!(session.require().is_ok()));
    assert_eq!(phone.renewal, renewal, "the other server may know a later activity");
    assert!(phone.get().load(&ahead, now).get().is_some());
}

#[test]
fn a_server_without_the_setting_leaves_bound_sessions_alone() {
    let text = key_text();
    let (here, _) = build(ring(&[&text]), Dpop::at(HERE).unwrap());
    let bearer = bulla::Bearer::default();
    let elsewhere = Sessions::builder(ring(&[&text]), Policy::default()).bearer(bearer).build();
    let phone = Phone::bound(&here, T0);
    let token = phone.token.clone().unwrap();
    for (scheme, status) in [("DPoP", "Absent"), ("Bearer", "Refused(Token(Payload(")] {
        let request = phone.get().without("authorization");
        let request = request.with("authorization", format!("{scheme} {token}"));
        let session = request.load(&elsewhere, T0);
        assert!(format!("{:?}", session.status()).starts_with(status), "{scheme}");
        assert!(session.require().is_err());
        let lines: Vec<Line> = session.commit().into_iter().collect();
        assert!(!names(&lines).iter().any(|name| name.starts_with("session-")), "{scheme}");
    }
    assert!(phone.get().load(&here, T0).get().is_some());
}

#[test]
fn an_application_can_have_several_addresses() {
    let dpop =
        Dpop::at("https://bank.example/api/").unwrap().and_at("http://localhost:3000").unwrap();
    let (sessions, events) = build(KeyRing::generate().unwrap(), dpop);
    for (htu, right) in [
        ("https://bank.example/api/sign-in", true),
        ("HTTPS://BANK.example:443/api/sign-in?next=/", true),
        ("http://localhost:3000/sign-in", true),
        ("https://bank.example/sign-in", false),
        ("https://bank.example/api//sign-in", false),
        ("https://localhost:3000/sign-in", false),
        ("http://localhost/sign-in", false),
        ("/sign-in", false),
        ("", false),
    ] {
        let phone = Phone::new(7);
        let mut claims = phone.claims("POST", "", T0);
        claims["htu"] = htu.into();
        let request = phone.bare("DPoP", "POST", "/sign-in?from=app");
        let session = request.with("dpop", phone.key.dpop(&claims)).load(&sessions, T0);
        let started = session.start_with(ada(), Start::new().over(Channel::Bearer));
        assert_eq!(started.is_ok(), right, "{htu}: {:?}", proof_error(&events));
    }
    for wrong in [
        "",
        "api.bank.example",
        "ftp://a.example",
        "https://a.example?b",
        "https://a@b.example",
        "https://a.example#",
    ] {
        assert!(Dpop::at(wrong).is_err(), "{wrong}");
    }
}

/// A path to which it would not be safe to redirect can still be proven.
#[test]
fn every_path_can_have_a_proof() {
    let sessions = sessions();
    let phone = Phone::bound(&sessions, T0);
    for target in [
        "/balance?at=a\\b",
        "/fetch/https%3A%2F%2Fother.example",
        "/notes/a%0Ab%5C",
        "//balance",
        "/a'\"<>`|{}",
    ] {
        let path = target.split('?').next().unwrap();
        let proof = phone.key.dpop(&phone.claims("GET", path, T0));
        let request = phone.bare("DPoP", "GET", target).with("dpop", proof);
        assert_eq!(request.load(&sessions, T0).status(), Status::Alive, "{target}");
    }
}

#[test]
fn without_the_address_of_the_request_a_proof_cannot_be_verified() {
    let (sessions, events) = build(KeyRing::generate().unwrap(), Dpop::at(HERE).unwrap());
    let phone = Phone::bound(&sessions, T0);
    let request = phone.proving("GET", "/balance", T0);
    let headers: BTreeMap<_, _> = request.headers.iter().cloned().collect();
    let session = sessions.load_at(T0, "GET", |name| headers.get(name).map(|v| v.as_bytes()));
    assert_eq!(session.status(), Status::Refused(Refusal::ProofRefused));
    assert_eq!(proof_error(&events), Some(BoundError::NoTarget));
}

/// A store that cannot be reached.
struct Down;

impl UsedTokens for Down {
    fn claim(&self, _: &[u8; 16], _: UnixTime) -> Result<bool, ClaimError> {
        Err("connection refused".into())
    }
}

#[test]
fn a_store_that_fails_refuses_proofs_for_now() {
    let text = key_text();
    let phone = Phone::bound(&build(ring(&[&text]), Dpop::at(HERE).unwrap()).0, T0);
    let (sessions, _) = build(ring(&[&text]), Dpop::at(HERE).unwrap().with_used(Down));
    let session = phone.proving("GET", "/balance", T0).load(&sessions, T0);
    assert_eq!(session.status(), Status::Refused(Refusal::ProofUnchecked));
    assert_eq!(denied(&session).status(), 503);
    assert!(phone.get().load(&sessions, T0).require().is_ok(), "without a proof, none is checked");
    let mut new = Phone::new(7);
    let proof = new.key.dpop(&new.claims("POST", "/sign-in", T0));
    let request = new.bare("DPoP", "POST", "/sign-in").with("dpop", proof);
    let over = Start::new().over(Channel::Bearer);
    let started = new.visit(&sessions, T0, &request, |session| session.start_with(ada(), over));
    assert_eq!(started, Err(SessionError::NotNow));
    assert_eq!(new.token, None);
}

#[test]
fn an_application_can_require_keys() {
    let dpop = Dpop::at(HERE).unwrap().require_after(Duration::ZERO);
    let (sessions, _) = build(KeyRing::generate().unwrap(), dpop);
    assert!(Phone::bound(&sessions, T0).get().load(&sessions, T0).get().is_some());
    let mut plain = Phone::new(7);
    let over = Start::new().over(Channel::Bearer);
    let request = plain.bare("DPoP", "POST", "/sign-in");
    plain.visit(&sessions, T0, &request, |session| session.start_with(ada(), over).unwrap());
    let token = plain.token.clone().unwrap();
    let request = plain.get().without("authorization");
    let session = request.with("authorization", format!("Bearer {token}")).load(&sessions, T0);
    assert_eq!(session.status(), Status::Refused(Refusal::NotBound));
    // Sessions in cookies are not concerned.
    let mut browser = crate::support::Client::browser();
    browser.visit(&sessions, T0, |session| session.start(ada()).unwrap());
    assert!(browser.send(&sessions, T0).get().is_some());
}

#[test]
fn a_bound_session_can_be_ended_and_revoked() {
    let text = key_text();
    let list = Revocations::new();
    let sessions = Sessions::builder(ring(&[&text]), Policy::default())
        .dpop(Dpop::at(HERE).unwrap())
        .revocations(&list)
        .subject(|account: &Account| account.id.to_string())
        .build();
    let mut phone = Phone::bound(&sessions, T0);
    let mut other = Phone::bound(&sessions, T0);
    let copy = phone.clone();
    let request = other.proving("GET", "/balance", T0);
    other.visit(&sessions, T0 + secs(1), &request, |session| session.end_others().unwrap());
    assert_eq!(
        phone.get().load(&sessions, T0 + secs(1)).status(),
        Status::Refused(Refusal::Revoked)
    );
    let session = other.get().load(&sessions, T0 + secs(2));
    assert!(session.info().unwrap().bound);
    session.end().unwrap();
    let lines = other.receive(&session);
    assert!(!names(&lines).contains(&"dpop-nonce"));
    assert_eq!((other.token, phone.token.take().is_some()), (None, true));
    assert!(copy.get().load(&sessions, T0 + secs(3)).get().is_none());
}

#[test]
fn events_and_the_audit_name_what_happens() {
    let (sessions, events) = build(KeyRing::generate().unwrap(), Dpop::at(HERE).unwrap());
    let mut phone = Phone::bound(&sessions, T0);
    let kinds = |events: &Events| {
        let mut events = events.lock().unwrap();
        events
            .drain(..)
            .map(|event| format!("{event:?}").split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(&events), ["Started", "Bound"]);
    let now = T0 + secs(5 * MINUTE);
    let request = phone.proving("GET", "/balance", now);
    phone.visit(&sessions, now, &request, |session| assert!(session.get().is_some()));
    assert_eq!(kinds(&events), ["Proved", "Opened", "Renewed"]);
    let audit = sessions.audit(T0);
    let row = audit.rows().iter().find(|row| row.requirement == "RFC 9449").unwrap();
    assert_eq!(row.verdict, Verdict::Pass);
    assert!(row.because.contains("10 min"), "{}", row.because);
}
