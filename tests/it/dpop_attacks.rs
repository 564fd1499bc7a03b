//! Attacks on sessions in headers that are bound to a key (DPoP, RFC 9449), and clients that would
//! be refused by mistake. `dpop` has the other tests of these sessions.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulla::session::{Adopted, Channel, Dpop, Event, Refusal, Start, Status};
use bulla::token::{ClaimError, UsedTokens};
use bulla::transport::Line;
use bulla::{Cookie, KeyRing, Policy, Revocations, Session, SessionError, Sessions, UnixTime};
use bulla_conformance::DeviceKey;

use crate::phone::{ASKS, HERE, Phone, Sent};
use crate::support::{Account, T0, ada, alan, key_text, ring, secs};

const MINUTE: u64 = 60;

fn dpop() -> Dpop {
    Dpop::at(HERE).unwrap()
}

fn build(ring: KeyRing, dpop: Dpop) -> Sessions<Account> {
    Sessions::builder(ring, Policy::default()).cookie(Cookie::default()).dpop(dpop).build()
}

fn sessions() -> Sessions<Account> {
    build(KeyRing::generate().unwrap(), dpop())
}

fn has_challenge(lines: &[Line]) -> bool {
    lines.iter().any(|line| line.name == "dpop-nonce")
}

/// A route that starts the session again, such as "switch the account" or "become another user",
/// turns a copy of a bound session into one without a key.
#[test]
fn a_copy_does_not_become_an_ordinary_session() {
    let sessions = sessions();
    let mut thief = Phone::bound(&sessions, T0);
    let now = T0 + secs(5 * MINUTE);
    let request = thief.bare("DPoP", "POST", "/switch-account");
    let _ = thief.visit(&sessions, now, &request, |session| {
        let _: Arc<Account> = session.require().unwrap();
        session.start(alan())
    });
    // The last proof is 25 minutes old, and the thief never had the key.
    let late = T0 + secs(25 * MINUTE);
    let session = thief.bare("Bearer", "GET", "/balance").load(&sessions, late);
    assert_eq!(session.get().map(|account| account.id), None);
}

/// The same route locks out the owner, who goes on with `Authorization: DPoP` and proofs.
#[test]
fn a_session_that_starts_again_without_a_proof_does_not_lock_out_its_client() {
    let sessions = sessions();
    let mut phone = Phone::bound(&sessions, T0);
    let now = T0 + secs(5 * MINUTE);
    let request = phone.bare("DPoP", "POST", "/switch-account");
    let _ = phone.visit(&sessions, now, &request, |session| session.start(alan()));
    let request = phone.proving("GET", "/balance", now);
    let status = phone.visit(&sessions, now, &request, Session::status);
    assert_eq!(status, Status::Alive);
}

/// `start` says: "to revoke them too, call `end` first". Then a client whose clock is wrong can
/// never sign in, because it never gets the challenge that the 401 asks for.
#[test]
fn a_sign_in_that_ends_the_old_session_first_gives_the_challenge() {
    let sessions = sessions();
    let mut phone = Phone::new(7);
    let wrong_clock = T0 + secs(86_400);
    let mut sign_in = || {
        let request = phone.proving("POST", "/sign-in", wrong_clock);
        let session = request.load(&sessions, T0);
        session.end().unwrap();
        let started = session.start(ada());
        (started, has_challenge(&phone.receive(&session)))
    };
    let (started, challenged) = sign_in();
    assert_eq!(started, Err(SessionError::ProofDue));
    assert!(challenged, "the response says use_dpop_nonce and has no DPoP-Nonce");
    assert_eq!(sign_in().0, Ok(()));
}

/// During a rolling deploy, a server may not know the key of the renewal token. An ordinary session
/// goes on. A bound one could go on with a proof, but nobody asks the client for it (spec section
/// 9.5: "Without a renewal token that counts and has a `proof`, a proof is due").
#[test]
fn a_client_whose_renewal_token_cannot_be_judged_is_asked_for_a_proof() {
    let (old, new) = (key_text(), key_text());
    let before = build(ring(&[&old]), dpop());
    let after = build(ring(&[&new, &old]), dpop());
    let mut phone = Phone::bound(&before, T0);
    let now = T0 + secs(5 * MINUTE);
    let request = phone.get();
    phone.visit(&after, now, &request, |session| assert!(session.get().is_some()));
    assert!(phone.proving("GET", "/balance", now).load(&before, now).get().is_some());

    let session = phone.get().load(&before, now);
    assert_eq!(session.require().unwrap_err().header(), Some(ASKS));
    assert!(has_challenge(&phone.receive(&session)));
}

/// Refused requests end the session of the owner: a copy whose last proof is too old, one with the
/// scheme `Bearer`, and one with the proof of another key.
#[test]
fn a_refused_copy_does_not_end_the_session() {
    let text = key_text();
    let late = T0 + secs(20 * MINUTE);
    let copies: [fn(&Phone, UnixTime) -> Sent; 3] = [
        |phone, _| phone.bare("DPoP", "POST", "/sign-out"),
        |phone, _| phone.bare("Bearer", "POST", "/sign-out"),
        |phone, now| {
            let thief = Phone { key: DeviceKey::new(9), ..phone.clone() };
            thief.proving("POST", "/sign-out", now)
        },
    ];
    for copy in copies {
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let log = Arc::clone(&events);
        let sessions = Sessions::builder(ring(&[&text]), Policy::default())
            .dpop(dpop())
            .revocations(&Revocations::new())
            .on_event(move |event| log.lock().unwrap().push(*event))
            .build();
        let mut phone = Phone::bound(&sessions, T0);
        let session = copy(&phone, late).load(&sessions, late);
        assert!(session.get().is_none());
        let _ = session.end();
        drop(session.commit());

        let request = phone.get();
        phone.visit(&sessions, late, &request, |session| session.require().unwrap_err());
        let request = phone.proving("GET", "/balance", late);
        assert_eq!(request.load(&sessions, late).status(), Status::Alive);
        let ended = |event: &Event| matches!(event, Event::Ended { origin: Some(_) });
        assert!(!events.lock().unwrap().iter().any(ended));
    }
}

/// A copy without its renewal token, with one that this server cannot judge, and on a server with
/// shorter timeouts: the session is refused for another reason than its proof, and `end` revokes it.
#[test]
fn a_copy_that_is_too_old_does_not_end_the_session() {
    let text = key_text();
    let foreign = Phone::bound(&sessions(), T0).renewal;
    let strict = Policy::default().with_absolute_timeout(secs(30 * MINUTE));
    let late = T0 + secs(35 * MINUTE);
    for (refusal, policy, renewal) in [
        (Refusal::IdleTimeout, Policy::default(), None),
        (Refusal::UnknownActivity, Policy::default(), foreign),
        (Refusal::AbsoluteTimeout, strict, None),
    ] {
        for scheme in ["DPoP", "Bearer"] {
            let revocations = Revocations::new();
            let build = |policy: Policy| {
                Sessions::builder(ring(&[&text]), policy)
                    .dpop(dpop())
                    .revocations(&revocations)
                    .build()
            };
            let (owners, thiefs) = (build(Policy::default()), build(policy));
            let mut phone = Phone::bound(&owners, T0);
            let mut thief = Phone { renewal: renewal.clone(), ..phone.clone() };
            let active = T0 + secs(9 * MINUTE);
            let request = phone.proving("GET", "/balance", active);
            phone.visit(&owners, active, &request, |session| assert!(session.get().is_some()));

            let session = thief.bare(scheme, "POST", "/sign-out").load(&thiefs, late);
            assert_eq!(session.status(), Status::Refused(refusal));
            session.end().unwrap();
            thief.receive(&session);
            assert_eq!(thief.token, None);
            let status = phone.get().load(&owners, late).status();
            assert_eq!(status, Status::Refused(Refusal::ProofDue), "{refusal:?} {scheme}");
        }
    }
}

/// At a sign-in, the proof counts from the time of the request, and not from the time at which its
/// challenge was made. So who copies the request gains almost another proof lifetime.
#[test]
fn the_proof_of_a_sign_in_counts_from_the_time_of_its_challenge() {
    let text = key_text();
    let (here, elsewhere) = (build(ring(&[&text]), dpop()), build(ring(&[&text]), dpop()));
    let mut phone = Phone::bound(&here, T0);
    phone.token = None;
    phone.renewal = None;
    let now = T0 + secs(10 * MINUTE - 2);
    let copied = phone.proving("POST", "/sign-in", now);
    phone.visit(&here, now, &copied, |session| session.start(ada()).unwrap());

    let mut thief = Phone::new(9);
    let now = T0 + secs(10 * MINUTE - 1);
    thief.visit(&elsewhere, now, &copied, |session| session.start(ada()).unwrap());
    let late = T0 + secs(19 * MINUTE);
    assert_eq!(thief.get().load(&elsewhere, late).status(), Status::Refused(Refusal::ProofDue));
}

/// The query takes no part in `htu`. HTTP clients send the characters `` ` `` and `\` in a query as
/// they are (WHATWG URL), and a path may contain `//` or an escaped backslash.
#[test]
fn every_address_of_a_request_can_be_proved() {
    let sessions = sessions();
    let mut refused = Vec::new();
    for target in [
        "/search?q=`x`",
        "/search?q=a\\b",
        "/fetch/https://feeds.example/news",
        "/files/a%5Cb",
        "/files//a",
        "/files/a%2F%2Fb?x=//y",
        "/search?q=//",
    ] {
        let phone = Phone::bound(&sessions, T0);
        let session = phone.proving("GET", target, T0).load(&sessions, T0);
        if session.status() != Status::Alive {
            refused.push(target);
        }
    }
    assert_eq!(refused, Vec::<&str>::new());
}

/// `require_after` refuses "a session in headers if it is not bound to a key". A session of the old
/// library is accepted again with each request until the migration ends.
#[test]
fn a_session_of_the_old_library_is_not_accepted_if_keys_are_required() {
    let sessions = Sessions::builder(KeyRing::generate().unwrap(), Policy::default())
        .dpop(dpop().require_after(Duration::ZERO))
        .adopt_bearer(T0 + secs(90 * 86_400), |old| {
            (old == "old").then(|| Adopted::new(ada()).started_at(T0))
        })
        .build();
    for minute in [1, 30, 300] {
        let now = T0 + secs(minute * MINUTE);
        let headers = |name: &str| (name == "authorization").then_some(&b"Bearer old"[..]);
        let session = sessions.load_at(now, "GET", headers);
        assert!(session.get().is_none(), "minute {minute}");
    }
}

struct Down;

impl UsedTokens for Down {
    fn claim(&self, _: &[u8; 16], _: UnixTime) -> Result<bool, ClaimError> {
        Err("connection refused".into())
    }
}

/// A handler that starts a session for a guest if there is none would replace the session.
#[test]
fn a_change_fails_with_not_now_if_the_proof_could_not_be_checked() {
    let text = key_text();
    let phone = Phone::bound(&build(ring(&[&text]), dpop()), T0);
    let sessions = build(ring(&[&text]), dpop().with_used(Down));
    let session = phone.proving("GET", "/balance", T0).load(&sessions, T0);
    assert_eq!(session.status(), Status::Refused(Refusal::ProofUnchecked));
    assert_eq!(session.update(|account| account.id = 1), Err(SessionError::NotNow));
}

/// The pattern in the documentation of `Session`: before you start a session for a guest, check why
/// there is none. A client that sends proofs only when it is asked never gets to its cart.
#[test]
fn the_documented_handler_asks_for_a_proof() {
    fn put_in_cart(session: &Session<Account>, item: u64) -> Result<(), SessionError> {
        match session.status() {
            Status::Alive => session.update(|account| account.id += item),
            Status::Refused(Refusal::ProofDue | Refusal::ProofRefused) => {
                Err(SessionError::NoSession)
            }
            Status::Refused(why) if why.may_be_valid_elsewhere() => Err(SessionError::NotNow),
            _ => session.start(ada()),
        }
    }
    let sessions = sessions();
    let phone = Phone::bound(&sessions, T0);
    let session = phone.get().load(&sessions, T0 + secs(10 * MINUTE));
    assert_eq!(put_in_cart(&session, 1), Err(SessionError::NoSession));
    let denied = session.denied().unwrap(); // what an adapter answers then
    assert_eq!((denied.status(), denied.header()), (401, Some(ASKS)));
}

#[test]
fn the_facts_about_a_new_session_name_its_own_proof() {
    let sessions = sessions();
    let mut phone = Phone::new(7);
    let request = phone.proving("POST", "/sign-in", T0);
    let expires = |session: &Session<Account>| {
        session.start(ada()).unwrap();
        session.info().unwrap().proof_expires_at
    };
    let first = phone.visit(&sessions, T0, &request, expires);
    // The second sign-in replaces the first session.
    let now = T0 + secs(8 * MINUTE);
    let request = phone.proving("POST", "/sign-in", now);
    let second = phone.visit(&sessions, now, &request, expires);
    let third = phone.get().load(&sessions, now).info().unwrap().proof_expires_at;
    assert_eq!((first, second), (Some(T0 + secs(10 * MINUTE)), third));
}

/// The response to a slow poll must not replace the renewal token that a request of the user has
/// just written. So a poll writes one only if a proof was due.
#[test]
fn the_proof_of_a_poll_does_not_undo_activity() {
    let sessions = sessions();
    let mut phone = Phone::bound(&sessions, T0);
    let ask = |phone: &mut Phone, now| {
        let session = phone.get().load(&sessions, now);
        session.require_proven().unwrap_err();
        phone.receive(&session);
    };
    let now = T0 + secs(25 * MINUTE);
    ask(&mut phone, now);
    let request = phone.proving("GET", "/balance", now);
    phone.visit(&sessions, now, &request, |session| assert!(session.get().is_some()));
    let now = T0 + secs(29 * MINUTE);
    ask(&mut phone, now);
    let poll = phone.proving("GET", "/poll", now).load(&sessions, now);
    poll.ignore_activity();
    assert!(poll.get().is_some());
    let before = phone.renewal.clone();
    phone.receive(&poll);
    assert_eq!(phone.renewal, before);
}

#[test]
fn a_proof_that_counts_for_ever_does_not_panic() {
    let sessions = build(KeyRing::generate().unwrap(), dpop().with_proof_lifetime(Duration::MAX));
    let phone = Phone::bound(&sessions, T0);
    for now in [T0, T0 + secs(20 * MINUTE)] {
        let session = phone.proving("GET", "/balance", now).load(&sessions, now);
        assert_eq!(session.status(), Status::Alive);
        drop(session.commit());
    }
}

/// Of many copies of a request at the same time, one is accepted.
#[test]
fn concurrent_copies_of_a_request() {
    let sessions = sessions();
    let phone = Phone::bound(&sessions, T0);
    let request = phone.proving("GET", "/balance", T0);
    let accepted: usize = std::thread::scope(|scope| {
        let copy = || usize::from(request.load(&sessions, T0).get().is_some());
        let copies: Vec<_> = (0..8).map(|_| scope.spawn(copy)).collect();
        copies.into_iter().map(|copy| copy.join().unwrap()).sum()
    });
    assert_eq!(accepted, 1);
}

/// A client that has an ordinary session is told to sign in, but not with a proof. After the
/// sign-in, it is refused again.
#[test]
fn a_client_without_a_key_is_told_that_it_needs_one() {
    let dpop = dpop().require_after(Duration::ZERO);
    let sessions = build(KeyRing::generate().unwrap(), dpop);
    let mut plain = Phone::new(7);
    let over = Start::new().over(Channel::Bearer);
    let request = plain.bare("Bearer", "POST", "/sign-in");
    plain.visit(&sessions, T0, &request, |session| session.start_with(ada(), over).unwrap());
    let session = plain.bare("Bearer", "GET", "/balance").load(&sessions, T0);
    assert_eq!(session.status(), Status::Refused(Refusal::NotBound));
    let denied = session.require().unwrap_err();
    assert!(denied.header().unwrap().1.contains("DPoP"), "{denied:?}");
}

/// `Router::nest` removes the beginning of the path before an inner layer sees it.
#[cfg(feature = "axum08")]
mod nested {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use bulla::{Proven, SessionLayer};
    use tower::ServiceExt;

    use super::*;

    async fn pay(account: Proven<Account>) -> String {
        account.name.clone()
    }

    fn paying(sessions: &Sessions<Account>) -> Router {
        Router::new().route("/pay", get(pay)).layer(SessionLayer::from(sessions.clone()))
    }

    /// The status of a request to `to` with a proof for `proved`.
    fn status(app: Router, phone: &Phone, to: &str, proved: &'static str) -> u16 {
        let mut request = axum::http::Request::get(to).body(Body::empty()).unwrap();
        for (name, value) in phone.proving("GET", proved, UnixTime::now()).headers {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        futures_executor::block_on(app.oneshot(request)).unwrap().status().as_u16()
    }

    #[test]
    fn a_nested_router_knows_the_address_of_its_request() {
        let sessions = sessions();
        let phone = Phone::bound(&sessions, UnixTime::now());
        assert_eq!(status(paying(&sessions), &phone, "/pay", "/pay"), 200);
        let app = Router::new().nest("/api", paying(&sessions));
        assert_eq!(status(app, &phone, "/api/pay", "/api/pay"), 200);
    }

    #[test]
    fn a_proof_for_one_nested_router_is_not_accepted_by_another() {
        let sessions = sessions();
        let phone = Phone::bound(&sessions, UnixTime::now());
        let app = Router::new().nest("/mine", paying(&sessions)).nest("/admin", paying(&sessions));
        assert_eq!(status(app.clone(), &phone, "/mine/pay", "/mine/pay"), 200);
        assert_eq!(status(app, &phone, "/admin/pay", "/mine/pay"), 401);
    }
}
