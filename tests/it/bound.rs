//! Sessions that are bound to a device, with a browser that has a key.

use std::collections::BTreeMap;
use std::time::Duration;

use bulla::revocation::Revocations;
use bulla::session::{
    BoundError, DeviceBound, DeviceBoundResponse, Event, Refusal, Status, Verdict,
};
use bulla::transport::Line;
use bulla::{Cookie, KeyRing, Policy, Session, Sessions, UnixTime};
use bulla_conformance::{DeviceKey, challenge_of};
use serde_json::{Value, json};

use crate::support::{Account, Client, RENEWAL, STATE, T0, ada, alan, key_text, ring, secs};

const BOUND: &str = "__Host-session-bound";
const REGISTER: &str = "/bulla/session/register";
const REFRESH: &str = "/bulla/session/refresh";
const MINUTE: u64 = 60;

/// A browser that supports device-bound sessions, as Chromium does.
#[derive(Clone)]
struct Browser {
    cookies: Client,
    key: DeviceKey,
    /// The identifier of the bound session, and the challenge for the next proof.
    bound: Option<(String, String)>,
}

impl Browser {
    fn new(seed: u8) -> Browser {
        Browser { cookies: Client::browser(), key: DeviceKey::new(seed), bound: None }
    }

    /// A browser that has just registered its key.
    fn registered(sessions: &Sessions<Account>, now: UnixTime) -> Browser {
        let mut browser = Browser::new(7);
        let challenge = browser.sign_in(sessions, now).unwrap();
        let response = browser.register(sessions, now, &challenge);
        assert_eq!(response.status, 200, "{response:?}");
        browser
    }

    /// A browser that has registered its key and sent the first proof.
    fn bound(sessions: &Sessions<Account>, now: UnixTime) -> Browser {
        let mut browser = Browser::registered(sessions, now);
        assert_eq!(browser.refresh(sessions, now).status, 200);
        browser
    }

    /// A client that has only the state cookie.
    fn state_alone(&self) -> Client {
        let mut client = Client::browser();
        client.kept.insert(STATE.into(), self.cookies.kept[STATE].clone());
        client
    }

    /// Receives the response of a session, with its challenge.
    fn receive(&mut self, session: &Session<Account>) {
        for line in self.cookies.receive(session) {
            self.learn(&line);
        }
    }

    fn learn(&mut self, line: &Line) {
        if line.name == "secure-session-challenge" {
            self.bound = Some(challenge_of(&line.value));
        }
    }

    /// Signs in. Returns the challenge of the registration header.
    fn sign_in(&mut self, sessions: &Sessions<Account>, now: UnixTime) -> Option<String> {
        let session = self.cookies.send(sessions, now);
        session.start(ada()).unwrap();
        let lines = self.cookies.receive(&session);
        lines.iter().for_each(|line| self.learn(line));
        let offer = lines.iter().find(|line| line.name == "secure-session-registration")?;
        let start = format!("(ES256);path=\"{REGISTER}\";challenge=\"");
        Some(offer.value.strip_prefix(&start)?.strip_suffix('"')?.to_owned())
    }

    fn register(&mut self, sessions: &Sessions<Account>, now: UnixTime, challenge: &str) -> Answer {
        let proof = self.key.registration(challenge);
        self.post(sessions, now, REGISTER, &[("secure-session-response", &proof)])
    }

    /// Sends a proof for the last challenge, as the browser does without the bound cookie.
    fn refresh(&mut self, sessions: &Sessions<Account>, now: UnixTime) -> Answer {
        let (identifier, challenge) = self.bound.clone().unwrap();
        let proof = self.key.proof(&challenge);
        let headers =
            [("sec-secure-session-id", &*identifier), ("secure-session-response", &*proof)];
        self.post(sessions, now, REFRESH, &headers)
    }

    fn post(
        &mut self,
        sessions: &Sessions<Account>,
        now: UnixTime,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut sent = self.cookies.headers();
        sent.extend(headers.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let response = respond(sessions, now, path, &sent);
        let mut answer = Answer { status: response.status, body: Value::Null };
        if !response.body.is_empty() {
            answer.body = serde_json::from_str(&response.body).unwrap();
        }
        for line in response.headers {
            self.cookies.take(&line);
            self.learn(&line);
        }
        if answer.body["continue"] == false {
            self.bound = None;
        }
        answer
    }

    fn status(&self, sessions: &Sessions<Account>, now: UnixTime) -> Status {
        self.cookies.send(sessions, now).status()
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    body: Value,
}

fn respond(
    sessions: &Sessions<Account>,
    now: UnixTime,
    path: &str,
    headers: &BTreeMap<String, String>,
) -> DeviceBoundResponse {
    let values = |name: &str| headers.get(name).map(|value| value.as_bytes());
    sessions.device_bound_response_at(now, "POST", path, values).unwrap()
}

fn sessions(ring: impl Into<bulla::RingHandle>) -> Sessions<Account> {
    Sessions::builder(ring, Policy::default()).device_bound(DeviceBound::default()).build()
}

fn at(minutes: u64) -> UnixTime {
    T0 + secs(minutes * MINUTE)
}

fn just_before(minutes: u64) -> UnixTime {
    T0 + secs(minutes * MINUTE - 1)
}

const DUE: Status = Status::Refused(Refusal::ProofDue);

#[test]
fn a_bound_session_is_alive_while_its_device_proves_its_key() {
    let sessions = sessions(KeyRing::generate().unwrap());
    let mut browser = Browser::new(7);
    let challenge = browser.sign_in(&sessions, T0).unwrap();
    assert!(!browser.cookies.send(&sessions, T0).info().unwrap().bound);

    let answer = browser.register(&sessions, T0, &challenge);
    assert_eq!(answer.status, 200);
    let identifier = &browser.bound.as_ref().unwrap().0;
    let expected = json!({
        "session_identifier": identifier,
        "refresh_url": REFRESH,
        "scope": { "include_site": false, "scope_specification": [] },
        "credentials": [{
            "type": "cookie",
            "name": BOUND,
            "attributes": "HttpOnly; SameSite=Lax; Secure; Path=/",
        }],
    });
    assert_eq!(answer.body, expected);
    assert!(browser.cookies.send(&sessions, T0).info().unwrap().bound);

    for minutes in [10, 20, 30] {
        let info = browser.cookies.send(&sessions, just_before(minutes)).info().unwrap();
        assert_eq!(info.proof_expires_at, Some(at(minutes)));
        assert_eq!(browser.status(&sessions, just_before(minutes)), Status::Alive);
        assert_eq!(browser.status(&sessions, at(minutes)), DUE);
        assert_eq!(browser.refresh(&sessions, at(minutes)).status, 200);
        assert_eq!(browser.status(&sessions, at(minutes)), Status::Alive);
        browser.cookies.visit(&sessions, at(minutes), |session| assert!(session.get().is_some()));
    }
}

#[test]
fn stolen_cookies_end_with_the_last_proof_and_the_state_cookie_alone_at_once() {
    let sessions = sessions(KeyRing::generate().unwrap());
    let mut browser = Browser::bound(&sessions, T0);
    let mut thief = browser.cookies.clone();
    assert_eq!(browser.state_alone().send(&sessions, T0).status(), DUE);

    for minutes in 0..60 {
        browser.cookies.visit(&sessions, at(minutes), |session| drop(session.get()));
        if minutes % 8 == 0 {
            assert_eq!(browser.refresh(&sessions, at(minutes)).status, 200);
        }
        thief.visit(&sessions, at(minutes), |session| {
            assert_eq!(session.get().is_some(), minutes < 10, "{minutes}");
        });
    }
    assert_eq!(browser.status(&sessions, at(60)), Status::Alive);

    // Without the key, a thief cannot answer the challenge.
    let mut robber = Browser::new(9);
    robber.cookies = browser.cookies.clone();
    robber.bound = browser.bound.clone();
    assert_eq!(robber.refresh(&sessions, at(60)).status, 400);
    // Nor can the thief bind the session to another key.
    let challenge = browser.bound.clone().unwrap().1;
    assert_eq!(robber.register(&sessions, at(60), &challenge).status, 400);
    assert_eq!(robber.status(&sessions, at(66)), DUE);
}

#[test]
fn a_proof_does_not_count_as_activity() {
    let sessions = sessions(KeyRing::generate().unwrap());
    let mut browser = Browser::bound(&sessions, T0);
    // The browser keeps sending proofs for a page that nobody looks at.
    for minutes in [8, 16, 24] {
        assert_eq!(browser.refresh(&sessions, at(minutes)).status, 200);
    }
    assert_eq!(browser.status(&sessions, just_before(30)), Status::Alive);
    assert_eq!(browser.status(&sessions, at(30)), Status::Refused(Refusal::IdleTimeout));
    let answer = browser.refresh(&sessions, at(32));
    assert_eq!((answer.status, &answer.body["continue"]), (200, &json!(false)));
    assert!(browser.cookies.kept.is_empty(), "{:?}", browser.cookies.kept);
}

#[test]
fn a_session_that_ended_elsewhere_ends_in_the_browser() {
    let (_, sessions) = listed();
    let mut browser = Browser::bound(&sessions, T0);
    let origin = browser.cookies.send(&sessions, T0).info().unwrap().origin;
    sessions.revoke_session(origin).unwrap();
    let session = browser.cookies.send(&sessions, at(1));
    assert!(session.get().is_none());
    browser.receive(&session);
    assert!(browser.cookies.kept.is_empty());
    assert_eq!(browser.refresh(&sessions, at(1)).body["continue"], false);
}

#[test]
fn a_stale_challenge_is_answered_with_a_new_one() {
    let sessions = sessions(KeyRing::generate().unwrap());
    let mut browser = Browser::bound(&sessions, T0);
    assert_eq!(browser.refresh(&sessions, at(12)).status, 403);
    assert_eq!(browser.refresh(&sessions, at(12)).status, 200);
    // A browser that has no challenge asks for one.
    let identifier = browser.bound.clone().unwrap().0;
    let asked = [("sec-secure-session-id", &*identifier)];
    assert_eq!(browser.post(&sessions, at(13), REFRESH, &asked).status, 403);
    assert_eq!(browser.refresh(&sessions, at(13)).status, 200);
    // Chromium sends the same proof again, even in two refreshes at once.
    let mut tab = browser.clone();
    assert_eq!(browser.refresh(&sessions, at(20)).status, 200);
    assert_eq!(tab.refresh(&sessions, at(20)).status, 200);
}

#[test]
fn signing_out_ends_the_session_in_the_browser() {
    let sessions = sessions(KeyRing::generate().unwrap());
    let mut browser = Browser::bound(&sessions, T0);
    let session = browser.cookies.send(&sessions, at(1));
    session.end().unwrap();
    browser.receive(&session);
    assert!(browser.cookies.kept.is_empty());
    let answer = browser.refresh(&sessions, at(1));
    assert_eq!((answer.status, &answer.body["continue"]), (200, &json!(false)));
}

/// Chromium sends proofs ahead of time, so it may send one beside the sign-out.
#[test]
fn a_proof_whose_response_arrives_after_that_to_a_sign_out_ends_with_the_next_one() {
    let sessions = Sessions::builder(KeyRing::generate().unwrap(), Policy::default())
        .device_bound(DeviceBound::default())
        .revocations(&Revocations::new())
        .build();
    let mut browser = Browser::bound(&sessions, T0);
    let mut late = browser.clone();
    assert_eq!(late.refresh(&sessions, at(8)).status, 200);
    let session = browser.cookies.send(&sessions, at(8));
    session.end().unwrap();
    browser.cookies.receive(&session);
    for name in [RENEWAL, BOUND] {
        browser.cookies.kept.insert(name.into(), late.cookies.kept[name].clone());
    }
    browser.bound = late.bound;
    assert_eq!(browser.status(&sessions, at(8)), Status::Absent);
    let answer = browser.refresh(&sessions, at(17));
    assert_eq!((answer.status, &answer.body["continue"]), (200, &json!(false)));
}

#[test]
fn a_proof_that_comes_without_cookies_ends_nothing() {
    let sessions = sessions(KeyRing::generate().unwrap());
    let mut browser = Browser::bound(&sessions, T0);
    let cookies = std::mem::replace(&mut browser.cookies, Client::browser());
    let answer = browser.refresh(&sessions, at(1));
    assert_eq!((answer.status, &answer.body), (200, &Value::Null));
    assert_eq!(browser.cookies.kept.keys().collect::<Vec<_>>(), [BOUND], "it asks no more");
    // After the absolute timeout, the session has ended, with or without cookies.
    let mut late = browser.clone();
    let answer = late.refresh(&sessions, at(12 * 60 + 2));
    assert_eq!((answer.status, &answer.body["continue"]), (200, &json!(false)));
    browser.cookies = cookies;
    assert_eq!(browser.refresh(&sessions, at(1)).status, 200);
}

#[test]
fn a_new_id_keeps_the_key_and_the_last_proof() {
    let (_, sessions) = listed();
    let mut browser = Browser::bound(&sessions, T0);
    let before = browser.cookies.clone();
    browser.cookies.visit(&sessions, at(3), |session| session.reauthenticated().unwrap());
    browser.cookies.visit(&sessions, at(4), |session| session.end_others().unwrap());
    assert_eq!(browser.status(&sessions, just_before(10)), Status::Alive);
    assert_eq!(browser.status(&sessions, at(10)), DUE, "the proof is still the first one");
    assert_eq!(browser.refresh(&sessions, at(10)).status, 200);
    assert_eq!(browser.status(&sessions, at(12)), Status::Alive);
    assert_eq!(before.send(&sessions, at(5)).status(), Status::Refused(Refusal::Revoked));
}

#[test]
fn a_new_sign_in_replaces_the_bound_session() {
    let sessions = sessions(KeyRing::generate().unwrap());
    let mut browser = Browser::bound(&sessions, T0);
    let old = browser.bound.clone();
    let challenge = browser.sign_in(&sessions, at(1)).unwrap();
    assert!(!browser.cookies.kept.contains_key(BOUND), "the browser proves the old key first");
    let answer = browser.refresh(&sessions, at(1));
    assert_eq!(answer.body["continue"], false);
    browser.key = DeviceKey::new(8);
    assert_eq!(browser.register(&sessions, at(1), &challenge).status, 200);
    assert_ne!(browser.bound, old);
    assert_eq!(browser.refresh(&sessions, at(9)).status, 200);
}

/// Sessions with a list of revocations.
fn listed() -> (Revocations, Sessions<Account>) {
    let list = Revocations::new();
    let sessions = Sessions::builder(KeyRing::generate().unwrap(), Policy::default())
        .device_bound(DeviceBound::default())
        .revocations(&list)
        .subject(|account: &Account| account.id.to_string())
        .build();
    (list, sessions)
}

#[test]
fn copies_without_the_key_have_no_session_after_the_first_proof() {
    let ring: bulla::RingHandle = KeyRing::generate().unwrap().into();
    let list = Revocations::new();
    let with = |settings: Option<DeviceBound>| {
        let builder = Sessions::builder(ring.clone(), Policy::default()).revocations(&list);
        match settings {
            Some(settings) => builder.device_bound(settings).build(),
            None => builder.build(),
        }
    };
    let (sessions, plain) = (with(Some(DeviceBound::default())), with(None));
    let mut browser = Browser::registered(&sessions, T0);
    let copy = browser.state_alone();
    assert_eq!(
        copy.send(&sessions, T0).status(),
        Status::Alive,
        "the first proof is still to come"
    );
    assert_eq!(browser.refresh(&sessions, at(1)).status, 200);
    for server in [&sessions, &plain] {
        let mut client = copy.clone();
        client.visit(server, at(1), |session| {
            assert_eq!(session.status(), Status::Refused(Refusal::Revoked));
        });
        assert_eq!(client, copy, "a response with the key may be on its way");
    }
    assert_eq!(browser.status(&sessions, at(1)), Status::Alive);
}

#[test]
fn with_a_list_only_one_key_can_be_registered() {
    let (_, sessions) = listed();
    let mut browser = Browser::new(7);
    let challenge = browser.sign_in(&sessions, T0).unwrap();
    let mut thief = browser.clone();
    thief.key = DeviceKey::new(9);
    assert_eq!(browser.register(&sessions, T0, &challenge).status, 200);
    assert_eq!(thief.register(&sessions, T0, &challenge).status, 400);
}

#[test]
fn only_a_response_to_a_sign_in_offers_to_bind() {
    let sessions = sessions(KeyRing::generate().unwrap());
    let mut browser = Browser::new(7);
    assert!(browser.sign_in(&sessions, T0).is_some());
    let session = browser.cookies.send(&sessions, at(9));
    assert!(session.get().is_some());
    let lines = browser.cookies.receive(&session);
    assert!(lines.iter().any(|line| line.value.starts_with(RENEWAL)), "{lines:?}");
    let offers =
        |lines: &[Line]| lines.iter().any(|line| line.name == "secure-session-registration");
    assert!(!offers(&lines), "a thief could bind a copy");
    let session = browser.cookies.send(&sessions, at(9));
    session.reauthenticated().unwrap();
    assert!(offers(&browser.cookies.receive(&session)));
}

/// A request of the page that follows the sign-in, which runs while the key is registered.
#[test]
fn a_request_beside_the_registration_signs_nobody_out() {
    for (_list, sessions) in
        [listed(), (Revocations::new(), sessions(KeyRing::generate().unwrap()))]
    {
        // Read before the registration and answered after it, or read after it.
        for read_before in [true, false] {
            let mut browser = Browser::new(7);
            let challenge = browser.sign_in(&sessions, T0).unwrap();
            let late = browser.cookies.send(&sessions, T0);
            let change = || late.update(|account| account.name.push('!')).unwrap();
            if read_before {
                change();
            }
            assert_eq!(browser.register(&sessions, T0, &challenge).status, 200);
            if !read_before {
                change();
            }
            browser.receive(&late);
            assert_eq!(browser.refresh(&sessions, at(9)).status, 200);
            browser.cookies.visit(&sessions, at(9), |session| {
                assert_eq!(session.get().unwrap().name, "Ada!");
                assert!(session.info().unwrap().bound);
            });
            assert_eq!(browser.state_alone().send(&sessions, at(9)).status(), DUE);
            assert_eq!(browser.refresh(&sessions, at(17)).status, 200);
        }
    }
}

#[test]
fn a_late_response_without_the_key_is_mended_by_the_next_proof() {
    let sessions = sessions(KeyRing::generate().unwrap());
    let mut browser = Browser::registered(&sessions, T0);
    let before = browser.clone();
    assert_eq!(browser.refresh(&sessions, at(1)).status, 200);
    let late = before.cookies.send(&sessions, at(1));
    late.update(|account| account.name.push('!')).unwrap();
    browser.receive(&late);
    assert!(browser.cookies.send(&sessions, at(2)).info().unwrap().bound);
    assert_eq!(browser.refresh(&sessions, at(9)).status, 200);
    assert_eq!(browser.state_alone().send(&sessions, at(9)).status(), DUE);
}

#[test]
fn a_lost_registration_or_a_new_id_beside_it_leaves_an_ordinary_session() {
    let (_, sessions) = listed();
    let mut browser = Browser::new(7);
    let challenge = browser.sign_in(&sessions, T0).unwrap();
    let lost = browser.clone();
    let second_factor = browser.cookies.send(&sessions, T0);
    second_factor.reauthenticated().unwrap();
    assert_eq!(browser.register(&sessions, T0, &challenge).status, 200);
    assert_eq!(lost.status(&sessions, at(1)), Status::Alive);
    browser.receive(&second_factor);
    assert_eq!(browser.status(&sessions, at(1)), Status::Alive);
    assert_eq!(browser.refresh(&sessions, at(1)).body["continue"], false);
    assert_eq!(browser.status(&sessions, at(1)), Status::Alive);
}

#[test]
fn a_registration_undoes_no_sign_out_and_no_other_sign_in() {
    let sessions = sessions(KeyRing::generate().unwrap());
    for signs_in_again in [false, true] {
        let mut browser = Browser::new(7);
        let challenge = browser.sign_in(&sessions, T0).unwrap();
        let next = browser.cookies.send(&sessions, T0);
        match signs_in_again {
            true => next.start(alan()).unwrap(),
            false => next.end().unwrap(),
        }
        let mut registers = browser.clone();
        assert_eq!(registers.register(&sessions, T0, &challenge).status, 200);
        browser.receive(&next); // arrives first
        for name in [RENEWAL, BOUND] {
            browser.cookies.kept.insert(name.into(), registers.cookies.kept[name].clone());
        }
        let user = browser.cookies.send(&sessions, T0).get().map(|account| account.name.clone());
        assert_eq!(user, signs_in_again.then(|| "Alan".to_owned()));
    }
}

#[test]
fn a_state_that_does_not_fit_with_the_key_keeps_it_in_the_renewal_token() {
    let (_, sessions) = listed();
    let mut browser = Browser::new(7);
    let challenge = browser.sign_in(&sessions, T0).unwrap();
    let long = "x".repeat(2_902);
    browser.cookies.visit(&sessions, T0, |session| {
        session.update(|account| account.name = long.clone()).unwrap();
    });
    assert_eq!(browser.register(&sessions, T0, &challenge).status, 200);
    for minutes in [1, 9, 18] {
        assert_eq!(browser.refresh(&sessions, at(minutes)).status, 200);
        browser.cookies.visit(&sessions, at(minutes), |session| {
            assert!(session.info().unwrap().bound);
        });
    }
    assert_ne!(browser.state_alone().send(&sessions, at(18)).status(), Status::Alive);
}

#[test]
fn a_session_in_a_former_cookie_goes_on() {
    let ring: bulla::RingHandle = KeyRing::generate().unwrap().into();
    let former = || Cookie::new("session").unwrap().shared_with_domain("bank.example").unwrap();
    let with = |cookie: Cookie| {
        Sessions::<Account>::builder(ring.clone(), Policy::default())
            .cookie(cookie)
            .device_bound(DeviceBound::default())
            .build()
    };
    let (old, new) = (with(former()), with(Cookie::new("session").unwrap().formerly(former())));
    let mut browser = Browser::registered(&old, T0);
    assert_eq!(browser.status(&new, at(1)), Status::Alive);
    assert_eq!(browser.refresh(&new, at(9)).status, 403, "with a challenge for the new cookie");
    assert_eq!(browser.refresh(&new, at(9)).status, 200);
    assert_eq!(browser.status(&new, at(12)), Status::Alive);
}

#[test]
fn a_server_that_cannot_read_the_last_proof_asks_for_none() {
    let (old, new) = (key_text(), key_text());
    let early = sessions(ring(&[&new, &old]));
    let late = sessions(ring(&[&old]));
    let mut browser = Browser::bound(&sessions(ring(&[&old])), T0);
    assert_eq!(browser.refresh(&early, at(1)).status, 200);
    let mut state = browser.state_alone();
    state.kept.insert(RENEWAL.into(), browser.cookies.kept[RENEWAL].clone());
    state.kept.insert(BOUND.into(), "1".into());
    // The state token is under the old key if the client has kept it.
    let kept = state.clone();
    state.visit(&late, at(2), |session| {
        assert!(matches!(session.status(), Status::Refused(why) if why.may_be_valid_elsewhere()));
    });
    assert_eq!(state, kept);
}

#[test]
fn a_proven_session_takes_precedence_over_a_planted_one() {
    let sessions = sessions(KeyRing::generate().unwrap());
    let browser = Browser::bound(&sessions, T0);
    let mallory = Browser::bound(&sessions, T0);
    // A host of the same site has set its own state cookie, with a longer path.
    let mut headers = browser.cookies.headers();
    let planted = format!("{STATE}={}; ", mallory.cookies.kept[STATE]);
    headers.get_mut("cookie").unwrap().insert_str(0, &planted);
    let values = |name: &str| headers.get(name).map(|value| value.as_bytes());
    let session = sessions.load_at(at(1), "GET", values);
    let origin = browser.cookies.send(&sessions, at(1)).info().unwrap().origin;
    assert_eq!(session.info().unwrap().origin, origin);
}

#[test]
fn the_end_of_one_session_ends_no_other() {
    let sessions = sessions(KeyRing::generate().unwrap());
    let mut browser = Browser::bound(&sessions, T0);
    let mut mallory = Browser::bound(&sessions, T0);
    let session = mallory.cookies.send(&sessions, at(1));
    session.end().unwrap();
    mallory.receive(&session);
    browser.bound.as_mut().unwrap().1 = mallory.bound.unwrap().1;
    browser.cookies = Client::browser();
    assert_eq!(browser.refresh(&sessions, at(1)).body, Value::Null);
}

#[test]
fn a_server_without_the_setting_leaves_bound_sessions_alone() {
    let ring: bulla::RingHandle = KeyRing::generate().unwrap().into();
    let new = sessions(ring.clone());
    let old = Sessions::<Account>::new(ring, Policy::default());
    let mut browser = Browser::bound(&new, T0);
    let kept = browser.cookies.clone();
    browser.cookies.visit(&old, at(1), |session| assert!(session.get().is_none()));
    assert_eq!(browser.cookies, kept);
    assert_eq!(browser.status(&new, at(1)), Status::Alive);
}

#[test]
fn an_application_can_require_that_sessions_are_bound() {
    let sessions = Sessions::builder(KeyRing::generate().unwrap(), Policy::default())
        .device_bound(DeviceBound::default().require_after(Duration::from_secs(2 * MINUTE)))
        .build();
    let mut other = Browser::new(7);
    let challenge = other.sign_in(&sessions, T0).unwrap();
    let mut browser = other.clone();
    assert_eq!(browser.register(&sessions, T0, &challenge).status, 200);
    assert_eq!(other.status(&sessions, just_before(2)), Status::Alive);
    assert_eq!(other.status(&sessions, at(2)), Status::Refused(Refusal::NotBound));
    assert_eq!(browser.status(&sessions, at(2)), Status::Alive);
}

#[test]
fn a_bound_session_goes_on_after_its_key_has_left_the_ring() {
    let (old, new) = (key_text(), key_text());
    let before = sessions(ring(&[&old]));
    let both = sessions(ring(&[
        &format!("{old} primary-from=1970-01-01T00:00:00Z"),
        &format!("{new} primary-from=2026-12-01T12:05:00Z"),
    ]));
    let after = sessions(ring(&[&new]));
    let mut browser = Browser::bound(&before, T0);
    assert_eq!(browser.refresh(&both, at(8)).status, 200);
    assert_eq!(browser.status(&after, at(9)), Status::Alive);
    // The challenge, too, is under the new key.
    assert_eq!(browser.refresh(&after, at(16)).status, 200);
    assert_eq!(browser.status(&after, at(20)), Status::Alive);
}

#[test]
fn every_refusal_has_its_reason_and_all_have_one_response() {
    use std::sync::{Arc, Mutex};
    let events = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&events);
    let sessions = Sessions::builder(KeyRing::generate().unwrap(), Policy::default())
        .device_bound(DeviceBound::default())
        .on_event(move |event| {
            if let Event::ProofRefused(why) = event {
                sees.lock().unwrap().push(*why);
            }
        })
        .build();
    let mut guest = Browser::new(7);
    let mut other = Browser::bound(&sessions, T0);
    let mut browser = Browser::new(7);
    let challenge = browser.sign_in(&sessions, T0).unwrap();
    let elsewhere = other.bound.clone().unwrap().1;
    let refused = |answer: Answer| {
        assert_eq!((answer.status, answer.body), (400, Value::Null));
        events.lock().unwrap().pop().unwrap()
    };
    assert_eq!(refused(guest.register(&sessions, T0, &challenge)), BoundError::NoSession);
    assert_eq!(refused(browser.post(&sessions, T0, REGISTER, &[])), BoundError::NoProof);
    assert_eq!(refused(browser.register(&sessions, T0, &elsewhere)), BoundError::OtherSession);
    let stale = browser.register(&sessions, at(12), &challenge);
    assert_eq!(refused(stale), BoundError::Stale);
    assert!(matches!(refused(browser.register(&sessions, T0, "c1")), BoundError::Challenge(_)));
    let bad = [("secure-session-response", "a.b.c")];
    assert!(matches!(refused(browser.post(&sessions, T0, REGISTER, &bad)), BoundError::Proof(_)));
    other.key = DeviceKey::new(9);
    assert!(matches!(refused(other.refresh(&sessions, at(1))), BoundError::Proof(_)));
    let again = other.register(&sessions, T0, &elsewhere);
    assert_eq!(refused(again), BoundError::OtherKey);
}

#[test]
fn a_guard_sends_a_browser_through_a_proof_and_back() {
    let sessions = Sessions::builder(KeyRing::generate().unwrap(), Policy::default())
        .device_bound(DeviceBound::default())
        .sign_in_page("/sign-in")
        .build();
    let browser = Browser::bound(&sessions, T0);
    let denied = |method: &str, without: &[&str], headers: &[(&str, &str)]| {
        let mut cookies = browser.cookies.clone();
        for name in without {
            cookies.kept.remove(*name).unwrap();
        }
        let mut sent = cookies.headers();
        sent.extend(headers.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let session =
            sessions.load_at(at(10), method, |name| sent.get(name).map(|value| value.as_bytes()));
        session.set_target(method, "/pay?to=alan");
        let denied = session.require().unwrap_err();
        let header = denied.header().map(|(name, value)| format!("{name}: {value}"));
        let lines: Vec<_> = session.commit().into_iter().map(|line| line.value).collect();
        (denied.status(), header.unwrap_or_default(), lines.join("\n"))
    };
    let navigates = ("sec-fetch-mode", "navigate");
    let elsewhere = ("sec-fetch-site", "cross-site");
    // If the browser has the bound cookie, the guard deletes the cookie, and the browser repeats
    // the request.
    for method in ["GET", "POST"] {
        let (status, header, lines) = denied(method, &[], &[]);
        assert_eq!((status, &*header), (307, "location: /pay?to=alan"));
        assert!(lines.starts_with(&format!("{BOUND}=; ")), "{lines}");
    }
    // The browser tried to prove, and could not.
    let (status, header, lines) = denied("POST", &[], &[("secure-session-skipped", "unreachable")]);
    assert_eq!((status, &*header), (503, "retry-after: 5"));
    assert!(!lines.contains(BOUND), "{lines}");
    // If a page on another site led here and the browser has no bound cookie, it loads the page
    // again.
    let (status, header, lines) = denied("GET", &[BOUND], &[navigates, elsewhere]);
    assert_eq!((status, &*header), (401, "refresh: 0;url=/pay?to=alan"));
    assert!(!lines.contains(BOUND), "{lines}");
    // If a page of this site led here, the browser could have sent a proof and did not. The user
    // must sign in.
    let (status, header, _) = denied("GET", &[BOUND], &[navigates]);
    assert_eq!((status, &*header), (303, "location: /sign-in?next=/pay%3Fto%3Dalan"));
    let (status, header, _) = denied("POST", &[BOUND], &[]);
    assert_eq!((status, &*header), (401, ""));
}

#[test]
fn an_audit_says_whether_browsers_can_bind_the_cookie() {
    let verdict = |cookie: Cookie, settings: DeviceBound| {
        let sessions =
            Sessions::<Account>::builder(KeyRing::generate().unwrap(), Policy::default())
                .cookie(cookie)
                .device_bound(settings)
                .build();
        let audit = sessions.audit(T0);
        let row = audit.rows().iter().find(|row| row.requirement == "W3C DBSC").unwrap();
        (row.verdict, row.because.clone())
    };
    let offered = verdict(Cookie::default(), DeviceBound::default());
    let why = "a proof counts for 10 min; browsers that cannot bind have ordinary sessions";
    assert_eq!(offered, (Verdict::Pass, why.to_owned()));
    let required = DeviceBound::default().require_after(secs(2 * MINUTE));
    let why = "a proof counts for 10 min; required 2 min after the sign-in";
    assert_eq!(verdict(Cookie::default(), required), (Verdict::Pass, why.to_owned()));
    for cookie in [Cookie::default().over_plain_http(), Cookie::default().partitioned()] {
        assert_eq!(verdict(cookie, DeviceBound::default()).0, Verdict::Fail);
    }
}
