//! Sessions that users asked to be remembered: "keep me signed in".

use std::time::Duration;

use bulla::revocation::Revocation;
use bulla::session::{Channel, Refusal, Start, Status};
use bulla::transport::Line;
use bulla::{Bearer, OpenError, Policy, Revocations, SessionError, Sessions};

use crate::support::{Account, Client, RENEWAL, STATE, T0, ada, alan, key_text, ring, secs};

const DAY: u64 = 86_400;

/// Ordinary sessions: idle timeout 30 minutes, absolute timeout 12 hours. Remembered sessions: 14
/// and 30 days.
fn sessions(keys: &[&str]) -> Sessions<Account> {
    Sessions::builder(ring(keys), Policy::default())
        .remembered(Policy::new(secs(14 * DAY), secs(30 * DAY)))
        .bearer(Bearer::default())
        .cookie(bulla::Cookie::default())
        .build()
}

fn sign_in(client: &mut Client, sessions: &Sessions<Account>, options: Start) -> Vec<Line> {
    let session = client.send(sessions, T0);
    session.start_with(ada(), options).unwrap();
    client.receive(&session)
}

fn remembered(sessions: &Sessions<Account>) -> Client {
    let mut client = Client::browser();
    sign_in(&mut client, sessions, Start::new().remembered());
    client
}

/// The `Max-Age` of each cookie that a response sets.
fn max_ages(lines: &[Line]) -> Vec<(String, Option<Duration>)> {
    let cookies = lines.iter().filter(|line| line.name == "set-cookie");
    cookies
        .map(|line| {
            let cookie = cookie::Cookie::parse(line.value.as_str()).unwrap();
            let age = cookie.max_age().map(|age| age.try_into().unwrap());
            (cookie.name().to_owned(), age)
        })
        .collect()
}

#[test]
fn a_remembered_session_has_the_timeouts_of_its_own_policy() {
    let key = key_text();
    let sessions = sessions(&[&key]);
    let ordinary = Client::browser().signed_in(&sessions, T0, ada());
    let kept = remembered(&sessions);
    for (after, lives, refusal) in [
        (1799, true, None),
        (1800, false, None),
        (14 * DAY - 1, false, None),
        (14 * DAY, false, Some(Refusal::IdleTimeout)),
        (30 * DAY, false, Some(Refusal::AbsoluteTimeout)),
    ] {
        let now = T0 + secs(after);
        assert_eq!(ordinary.send(&sessions, now).get().is_some(), lives, "{after}");
        let session = kept.send(&sessions, now);
        assert_eq!(session.get().is_some(), refusal.is_none(), "{after}");
        if let Some(refusal) = refusal {
            assert_eq!(session.status(), Status::Refused(refusal));
        }
    }
    // Activity extends the idle timeout, and nothing extends the absolute timeout.
    let mut kept = kept;
    for day in [10, 20, 29] {
        kept.visit(&sessions, T0 + secs(day * DAY), |session| assert!(session.get().is_some()));
    }
    assert!(kept.send(&sessions, T0 + secs(30 * DAY)).get().is_none());
}

#[test]
fn the_cookies_of_a_remembered_session_stay_in_the_browser_until_its_deadline() {
    let key = key_text();
    let sessions = sessions(&[&key]);
    let mut client = Client::browser();
    let lines = sign_in(&mut client, &sessions, Start::new());
    assert_eq!(max_ages(&lines), [(STATE.to_owned(), None)]);

    let mut client = Client::browser();
    let lines = sign_in(&mut client, &sessions, Start::new().remembered());
    assert_eq!(max_ages(&lines), [(STATE.to_owned(), Some(secs(30 * DAY)))]);
    let at = |client: &mut Client, day: u64, act: fn(&bulla::Session<Account>)| {
        let session = client.send(&sessions, T0 + secs(day * DAY));
        act(&session);
        assert!(session.info().unwrap().remembered, "day {day}");
        max_ages(&client.receive(&session))
    };
    // A renewal, a change, and a new id.
    let left = |day: u64| Some(secs((30 - day) * DAY));
    assert_eq!(at(&mut client, 1, |_| {}), [(RENEWAL.to_owned(), left(1))]);
    let changed = at(&mut client, 2, |session| session.set(alan()).unwrap());
    assert_eq!(changed, [(STATE.to_owned(), left(2))]);
    let proved = at(&mut client, 3, |session| session.reauthenticated().unwrap());
    let removed = (RENEWAL.to_owned(), Some(Duration::ZERO));
    assert_eq!(proved, [(STATE.to_owned(), left(3)), removed]);
    // A sign-in without the box makes an ordinary session again.
    let lines = sign_in(&mut client, &sessions, Start::new());
    assert_eq!(max_ages(&lines), [(STATE.to_owned(), None)]);
    assert!(!client.send(&sessions, T0).info().unwrap().remembered);
}

#[test]
fn a_remembered_session_moves_to_a_new_key() {
    let (old, new) = (key_text(), key_text());
    let mut client = remembered(&sessions(&[&old]));
    let now = T0 + secs(DAY);
    let both = sessions(&[&new, &old]);
    client.visit(&both, now, |session| assert!(session.info().unwrap().remembered));
    let session = client.send(&sessions(&[&new]), now + secs(13 * DAY));
    assert!(session.info().unwrap().remembered);
}

#[test]
fn a_remembered_session_is_fresh_for_at_most_the_ordinary_absolute_timeout() {
    let key = key_text();
    let sessions = sessions(&[&key]);
    let client = remembered(&sessions);
    let week = secs(7 * DAY);
    for (after, fresh) in [(0, true), (43_199, true), (43_200, false), (2 * DAY, false)] {
        let session = client.send(&sessions, T0 + secs(after));
        assert_eq!(session.require_fresh(week).is_ok(), fresh, "{after}");
    }
    let session = client.send(&sessions, T0 + secs(2 * DAY));
    session.reauthenticated().unwrap();
    assert!(session.require_fresh(week).is_ok());
}

#[test]
fn a_server_without_the_policy_leaves_a_remembered_session_alone() {
    let key = key_text();
    let mut client = remembered(&sessions(&[&key]));
    let before = client.clone();
    let other = Sessions::<Account>::new(ring(&[&key]), Policy::default());
    for after in [0, DAY, 15 * DAY] {
        let session = client.send(&other, T0 + secs(after));
        let status = session.status();
        assert!(matches!(status, Status::Refused(Refusal::Token(OpenError::Payload(_)))));
        client.receive(&session);
        assert_eq!(client, before);
    }
    let session = Client::browser().send(&other, T0);
    let started = session.start_with(ada(), Start::new().remembered());
    assert_eq!(started, Err(SessionError::NoRememberedPolicy));
    assert_eq!(session.status(), Status::Absent);
}

#[test]
fn a_revocation_lasts_as_long_as_a_remembered_session() {
    let (key, list) = (key_text(), Revocations::new());
    let sessions = Sessions::<Account>::builder(ring(&[&key]), Policy::default())
        .remembered(Policy::new(secs(14 * DAY), secs(30 * DAY)))
        .revocations(&list)
        .subject(|account| account.id.to_string())
        .clock(|| T0)
        .build();
    sessions.revoke_subject("1815").unwrap();
    let until: Vec<_> = list.to_vec().iter().map(Revocation::until).collect();
    assert_eq!(until, [T0 + secs(30 * DAY + 60)]);
}

#[test]
fn a_mobile_client_can_be_remembered() {
    let key = key_text();
    let sessions = sessions(&[&key]);
    let mut client = Client::mobile();
    sign_in(&mut client, &sessions, Start::new().remembered().over(Channel::Bearer));
    assert!(client.send(&sessions, T0 + secs(13 * DAY)).get().is_some());
    assert!(client.send(&sessions, T0 + secs(14 * DAY)).get().is_none());
}

#[test]
fn an_audit_reports_remembered_sessions_above_30_days() {
    for (days, fails) in [(30, false), (31, true)] {
        let policy = Policy::new(secs(14 * DAY), secs(days * DAY));
        let sessions = Sessions::<Account>::builder(ring(&[&key_text()]), Policy::default())
            .remembered(policy)
            .build();
        let audit = sessions.audit(T0);
        let row = audit.rows().iter().find(|row| row.asks.contains("remembered")).unwrap();
        assert_eq!(row.verdict == bulla::session::Verdict::Fail, fails);
    }
}
