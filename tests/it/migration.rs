//! Migration: adopting sessions from the old library.

use std::sync::{Arc, Mutex};

use bulla::session::{Adopted, Event, OldCookie, SessionsBuilder, Status};
use bulla::{Policy, Session, SessionError, Sessions, UnixTime};

use crate::support::{Account, Client, STATE, T0, ada, alan, key_text, ring, secs};

/// The old library's cookie. Its value is a name, or `NAME@SECONDS` with the time of sign-in.
const OLD: &str = "old";

fn until() -> UnixTime {
    T0 + secs(1000)
}

fn recognize(value: &str) -> Option<Adopted<Account>> {
    let (name, since) = value.split_once('@').unwrap_or((value, ""));
    let adopted = Adopted::new(match name {
        "ada" => ada(),
        "alan" => alan(),
        "huge" => Account { id: 1, name: "x".repeat(5000) },
        _ => return None,
    });
    match since {
        "" => Some(adopted),
        since => Some(adopted.started_at(UnixTime::from_secs(since.parse().ok()?))),
    }
}

fn builder(key: &str) -> SessionsBuilder<Account> {
    Sessions::builder(ring(&[key]), Policy::default())
}

fn sessions() -> Sessions<Account> {
    builder(&key_text()).adopt_cookie(OldCookie::new(OLD).unwrap(), until(), recognize).build()
}

fn browser_with(value: &str) -> Client {
    let mut browser = Client::browser();
    browser.kept.insert(OLD.to_owned(), value.to_owned());
    browser
}

fn id(session: &Session<Account>) -> Option<u64> {
    session.with(|account| account.map(|account| account.id))
}

#[test]
fn an_old_session_is_adopted_and_its_cookie_is_deleted() {
    let sessions = sessions();
    let mut browser = browser_with("ada");
    assert_eq!(browser.visit(&sessions, T0, id), Some(1815));
    assert_eq!(browser.kept.keys().collect::<Vec<_>>(), [STATE]);

    let first = browser.visit(&sessions, T0 + secs(5), |session| session.info().unwrap());
    let second = browser.visit(&sessions, T0 + secs(6), |session| session.info().unwrap());
    assert_eq!(first.id, second.id);
    assert_eq!(first.started_at, T0);
}

#[test]
fn a_request_that_does_not_read_the_session_adopts_nothing() {
    let mut browser = browser_with("ada");
    let lines = browser.receive(&browser.send(&sessions(), T0));
    assert!(lines.is_empty());
}

#[test]
fn an_adopted_session_can_be_changed_and_ended_at_once() {
    let sessions = sessions();
    let mut browser = browser_with("ada");
    browser.visit(&sessions, T0, |session| {
        session.update(|account| account.name = "Augusta".to_owned()).unwrap();
        assert_eq!(session.status(), Status::Alive);
    });
    assert_eq!(
        browser.visit(&sessions, T0, |session| session.get().unwrap().name.clone()),
        "Augusta"
    );

    let mut browser = browser_with("ada");
    browser.visit(&sessions, T0, |session| session.end().unwrap());
    assert!(browser.kept.is_empty());
}

#[test]
fn an_old_cookie_that_the_hook_does_not_recognize_is_left_alone() {
    let sessions = sessions();
    let mut browser = browser_with("eve");
    assert_eq!(browser.visit(&sessions, T0, id), None);
    assert_eq!(browser, browser_with("eve"));
}

#[test]
fn signing_in_replaces_the_old_session() {
    let sessions = sessions();
    let mut browser = browser_with("ada");
    browser.visit(&sessions, T0, |session| session.start(alan()).unwrap());
    assert_eq!(browser.kept.keys().collect::<Vec<_>>(), [STATE]);
    assert_eq!(browser.visit(&sessions, T0, id), Some(1912));
}

#[test]
fn a_session_of_bulla_takes_precedence_over_an_old_one() {
    let sessions = sessions();
    let mut browser = Client::browser().signed_in(&sessions, T0, alan());
    browser.kept.insert(OLD.to_owned(), "ada".to_owned());
    assert_eq!(browser.visit(&sessions, T0, id), Some(1912));
    assert_eq!(browser.kept.keys().collect::<Vec<_>>(), [STATE]);
}

#[test]
fn an_old_cookie_does_not_revive_an_expired_session() {
    let sessions = sessions();
    let mut browser = Client::browser().signed_in(&sessions, T0, ada());
    browser.kept.insert(OLD.to_owned(), "ada".to_owned());
    for late in [1800, 1860, 1861] {
        // The browser does not delete the old cookie, because it was set for another domain.
        browser.kept.insert(OLD.to_owned(), "ada".to_owned());
        assert_eq!(browser.visit(&sessions, T0 + secs(late), id), None);
    }
    assert_eq!(browser.visit(&sessions, T0 + secs(1900), id), None);
    assert!(browser.kept.is_empty(), "without an old cookie, the expired token is deleted");
}

#[test]
fn a_malformed_cookie_beside_an_expired_session_does_not_cause_an_adoption() {
    let sessions = sessions();
    let browser = Client::browser().signed_in(&sessions, T0, ada());
    let cookies = format!("{STATE}={}; {STATE}=x; {OLD}=ada", browser.kept[STATE]);
    let now = T0 + secs(1900);
    let session =
        sessions.load_at(now, "GET", |name| (name == "cookie").then_some(cookies.as_bytes()));
    assert_eq!(id(&session), None);
}

#[test]
fn an_old_cookie_is_not_adopted_beside_a_piece_or_a_malformed_token() {
    for (ours, adopted) in [("p1.02.AAAAAAAA.b1", None), ("b1.AAAA", None), ("x", Some(1815))] {
        let mut browser = browser_with("ada");
        browser.kept.insert(STATE.to_owned(), ours.to_owned());
        assert_eq!(browser.visit(&sessions(), T0, id), adopted, "{ours}");
    }
}

#[test]
fn an_old_cookie_is_not_adopted_beside_a_token_under_an_unknown_key() {
    let mut browser = Client::browser().signed_in(&sessions(), T0, ada());
    browser.kept.insert(OLD.to_owned(), "ada".to_owned());
    let before = browser.clone();
    assert_eq!(browser.visit(&sessions(), T0, id), None);
    assert_eq!(browser, before);
}

#[test]
fn nothing_is_adopted_once_the_migration_has_ended() {
    let sessions = sessions();
    let before_the_end = T0 + secs(999);
    assert_eq!(browser_with("ada").visit(&sessions, before_the_end, id), Some(1815));
    assert_eq!(browser_with("ada").visit(&sessions, until(), id), None);
}

#[test]
fn an_adopted_session_lives_no_longer_than_the_old_one_would_have() {
    let adopt = |_: &str| Some(Adopted::new(ada()).with_ceiling(T0 + secs(600)));
    let sessions =
        builder(&key_text()).adopt_cookie(OldCookie::new(OLD).unwrap(), until(), adopt).build();
    let mut browser = browser_with("ada");
    assert_eq!(browser.visit(&sessions, T0, id), Some(1815));
    assert_eq!(browser.visit(&sessions, T0 + secs(599), id), Some(1815));
    assert_eq!(browser.visit(&sessions, T0 + secs(600), id), None);
    assert_eq!(browser_with("ada").visit(&sessions, T0 + secs(600), id), None);
}

#[test]
fn an_adopted_session_is_fresh_only_if_its_sign_in_time_is_known() {
    let sessions = sessions();
    let fresh = |session: &Session<Account>| session.require_fresh(secs(300)).is_ok();
    assert!(!browser_with("ada").visit(&sessions, T0, fresh));
    let at = |since: UnixTime| browser_with(&format!("ada@{}", since.as_secs()));
    assert!(at(UnixTime::from_secs(T0.as_secs() - 300)).visit(&sessions, T0, fresh));
    assert!(!at(UnixTime::from_secs(T0.as_secs() - 301)).visit(&sessions, T0, fresh));
    let info = at(T0 + secs(900)).visit(&sessions, T0, |session| session.info().unwrap());
    assert_eq!((info.started_at, info.reauthenticated_at), (T0, T0));
}

#[test]
fn while_old_servers_run_the_old_cookie_is_read_until_the_state_changes() {
    let old = OldCookie::new(OLD).unwrap().while_old_servers_run();
    let sessions = builder(&key_text()).adopt_cookie(old, until(), recognize).build();
    let mut browser = browser_with("ada");
    for (value, want) in [("ada", Some(1815)), ("alan", Some(1912)), ("signed-out", None)] {
        browser.kept.insert(OLD.to_owned(), value.to_owned()); // by an old server
        assert_eq!(browser.visit(&sessions, T0, id), want);
        assert_eq!(browser.kept.keys().collect::<Vec<_>>(), [OLD]);
    }

    // A change creates a bulla session. The old cookie stays for the old servers.
    let mut changed = browser_with("ada");
    let borrowed = |session: &Session<Account>| session.info().unwrap().borrowed;
    assert!(changed.visit(&sessions, T0, borrowed));
    changed.visit(&sessions, T0, |session| session.update(|account| account.id = 7).unwrap());
    assert_eq!(changed.kept.keys().collect::<Vec<_>>(), [STATE, OLD]);
    assert_eq!(changed.visit(&sessions, T0, id), Some(7));
    assert!(!changed.visit(&sessions, T0, borrowed));
    let in_one = |session: &Session<Account>| {
        session.set(alan()).unwrap();
        session.info().unwrap().borrowed
    };
    assert!(!browser_with("ada").visit(&sessions, T0, in_one));
    assert_eq!(changed.kept.keys().collect::<Vec<_>>(), [STATE, OLD]);

    // Signing in or out also deletes the old cookie. Otherwise it would have no effect on old
    // servers.
    changed.visit(&sessions, T0, |session| session.end().unwrap());
    assert!(changed.kept.is_empty());
    let mut other = browser_with("ada");
    other.visit(&sessions, T0, |session| session.start(alan()).unwrap());
    assert_eq!(other.kept.keys().collect::<Vec<_>>(), [STATE]);
}

#[test]
fn adopting_a_cookie_or_a_bearer_token_enables_its_channel() {
    let cookie = || OldCookie::new(OLD).unwrap();
    let over = |sessions: Sessions<Account>| {
        let start = |channel| {
            let session = sessions.load_at(T0, "POST", |_| Vec::<&[u8]>::new());
            session.start_with(ada(), bulla::session::Start::new().over(channel)).is_ok()
        };
        (start(bulla::session::Channel::Cookie), start(bulla::session::Channel::Bearer))
    };
    let key = key_text();
    assert_eq!(over(builder(&key).build()), (true, false));
    assert_eq!(over(builder(&key).adopt_bearer(until(), recognize).build()), (false, true));
    let from_cookie = builder(&key).bearer(bulla::Bearer::default());
    let from_cookie = from_cookie.adopt_cookie(cookie(), until(), recognize);
    assert_eq!(over(from_cookie.build()), (true, true));
}

#[test]
fn an_old_cookie_is_deleted_with_its_path_and_domain() {
    let table = [
        (OldCookie::new(OLD), "old=; Path=/; Secure; Max-Age=0"),
        (
            OldCookie::new(OLD).and_then(|old| old.with_path("/app")?.with_domain("bank.example")),
            "old=; Path=/app; Domain=bank.example; Secure; Max-Age=0",
        ),
    ];
    for (old, want) in table {
        let sessions = builder(&key_text()).adopt_cookie(old.unwrap(), until(), recognize).build();
        let session = browser_with("ada").send(&sessions, T0);
        assert_eq!(id(&session), Some(1815));
        let lines: Vec<_> = session.commit().into_iter().collect();
        let mut got: Vec<_> = lines[1].value.split("; ").collect();
        assert_eq!(got.pop(), Some("Expires=Thu, 01 Jan 1970 00:00:00 GMT"));
        let mut want: Vec<_> = want.split("; ").collect();
        got.sort_unstable();
        want.sort_unstable();
        assert_eq!(got, want);
    }
}

#[test]
fn an_old_bearer_token_is_exchanged_for_new_ones() {
    let sessions = builder(&key_text()).adopt_bearer(until(), recognize).build();
    let mut phone = Client::mobile();
    phone.kept.insert("session-token".to_owned(), "ada".to_owned());
    let old = phone.clone();
    assert_eq!(phone.visit(&sessions, T0, id), Some(1815));
    assert!(phone.kept["session-token"].starts_with("b1."));
    assert_eq!(phone.visit(&sessions, T0 + secs(1), id), Some(1815));

    // A client that ignores the new tokens gets a new session with each request.
    let ids = [0, 1].map(|_| old.clone().visit(&sessions, T0, |s| s.info().unwrap().id));
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn an_old_cookie_with_the_name_of_the_session_cookie_is_adopted() {
    let sessions = builder(&key_text())
        .cookie(bulla::Cookie::new(OLD).unwrap().over_plain_http())
        .adopt_cookie(OldCookie::new(OLD).unwrap(), until(), recognize)
        .build();
    let mut browser = browser_with("ada");
    assert_eq!(browser.visit(&sessions, T0, id), Some(1815));
    assert!(browser.kept[OLD].starts_with("b1."));
    assert_eq!(browser.visit(&sessions, T0, id), Some(1815));
}

#[test]
fn events_report_each_adoption_and_each_failed_one() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let sessions = builder(&key_text())
        .adopt_cookie(OldCookie::new(OLD).unwrap(), until(), recognize)
        .on_event(move |event| seen.lock().unwrap().push(*event))
        .build();
    for value in ["ada", "eve", "huge", "ada@1"] {
        browser_with(value).visit(&sessions, T0, |session| session.get());
    }
    let events = events.lock().unwrap();
    assert!(matches!(
        events[..],
        [
            Event::Adopted { .. },
            Event::NotAdopted(SessionError::TooLarge { .. }),
            Event::NotAdopted(SessionError::CeilingPassed),
        ]
    ));
}

#[test]
fn signing_in_and_reauthenticating_in_one_request_deletes_the_old_cookie() {
    let old = OldCookie::new("old").unwrap().while_old_servers_run();
    let sessions = Sessions::<Account>::builder(ring(&[&key_text()]), Policy::default())
        .adopt_cookie(old, T0 + secs(86_400), |_| Some(Adopted::new(ada())))
        .build();
    let mut client = Client::browser();
    client.kept.insert("old".to_owned(), "1815".to_owned());
    client.visit(&sessions, T0, |session| {
        session.start(alan()).unwrap();
        session.reauthenticated().unwrap();
    });
    assert!(!client.kept.contains_key("old"), "old servers would still accept the old session");
}
