//! Revalidation: the application rejects a session, or cannot decide.

use std::sync::{Arc, Mutex};

use bulla::Sessions;
use bulla::session::Validity;

use crate::behaviours::setup::{Clock, STATE, builder, key, minutes};
use crate::client::Client;
use crate::{Account, Build};

/// Sessions with a revalidation check, and the result that the check returns.
fn with_a_check(clock: &Clock) -> (Sessions<Account>, Arc<Mutex<Validity>>) {
    let says = Arc::new(Mutex::new(Validity::Holds));
    let answer = Arc::clone(&says);
    let sessions = builder(&[&key()], clock)
        .revalidate(move |_| {
            let answer = *answer.lock().unwrap();
            async move { answer }
        })
        .build();
    (sessions, says)
}

pub fn a_session_that_the_application_rejects_ends(build: Build) {
    for path in ["/look", "/required", "/fresh", "/current"] {
        let clock = Clock::new();
        let (sessions, says) = with_a_check(&clock);
        let app = build(sessions);
        let mut client = Client::new();
        client.post(&*app, "/start/ada");
        *says.lock().unwrap() = Validity::Over;
        clock.advance(minutes(4));
        assert_eq!(client.get(&*app, path).body, "ada", "the check is due after five minutes");
        clock.advance(minutes(1));
        assert_ne!(client.get(&*app, path).body, "ada");
        assert!(client.kept.is_empty(), "{path}");
    }
}

pub fn a_check_without_an_answer_keeps_the_session_and_answers_503(build: Build) {
    let clock = Clock::new();
    let (sessions, says) = with_a_check(&clock);
    let app = build(sessions);
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    *says.lock().unwrap() = Validity::Unknown;
    clock.advance(minutes(5));
    let before = client.kept[STATE].clone();
    let response = client.get(&*app, "/required");
    assert_eq!((response.status, response.one("retry-after")), (503, Some("5")));
    assert_eq!(client.get(&*app, "/look").body, "guest");
    assert_eq!(client.kept[STATE], before);
    // These requests still count as activity, so the idle timeout does not end the session.
    for _ in 0..3 {
        clock.advance(minutes(20));
        assert_eq!(client.get(&*app, "/required").status, 503);
    }
    *says.lock().unwrap() = Validity::Holds;
    assert_eq!(client.get(&*app, "/required").body, "ada");
}
