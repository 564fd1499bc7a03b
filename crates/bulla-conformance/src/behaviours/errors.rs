//! Handlers that fail, or that cannot change the session.

use tracing::Level;

use crate::Build;
use crate::behaviours::setup::{new_sessions, sets_nothing};
use crate::client::Client;
use crate::logs::logged;

pub fn a_change_without_a_session_logs_nothing(build: Build) {
    let app = build(new_sessions());
    let (response, log) = logged(Level::INFO, || Client::new().post(&*app, "/update-or-fail"));
    assert_eq!((response.status, log.as_str()), (401, ""));
}

pub fn a_state_too_large_is_an_opaque_500_and_the_old_session_stays(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    for len in [4000, 20_000] {
        let (response, log) = logged(Level::INFO, || client.post(&*app, &format!("/large/{len}")));
        assert_eq!(response.status, 500);
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.contains("ERROR") && log.contains("octets") && !log.contains("xxx"), "{log}");
        sets_nothing(&response);
        for word in ["4096", "octets", "session", "xxx"] {
            assert!(!response.body.contains(word), "{}", response.body);
        }
    }
    assert_eq!(client.get(&*app, "/look").body, "ada");
}

pub fn a_change_after_the_response_head_was_sent_is_an_error(build: Build) {
    let app = build(new_sessions());
    let response = Client::new().get(&*app, "/late");
    assert_eq!(response.body, "Err(ResponseSent)");
    sets_nothing(&response);
}

pub fn a_failing_handler_changes_nothing(build: Build) {
    let app = build(new_sessions());
    let response = Client::new().post(&*app, "/start-and-fail");
    assert_eq!(response.status, 500);
    sets_nothing(&response);
}

pub fn a_failing_handler_still_ends_the_session(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    assert_eq!(client.post(&*app, "/end-and-fail").status, 500);
    assert!(client.kept.is_empty());
}

/// Checks only the status. The tests of each adapter also check that the response or the log names
/// the missing layer.
pub fn a_missing_layer_is_a_500(build: Build) {
    assert_eq!(Client::new().get(&*build(new_sessions()), "/missing").status, 500);
}
