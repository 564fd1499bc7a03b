//! Several layers (middleware, fairings) that handle one request.

use tracing::Level;

use crate::Build;
use crate::behaviours::setup::{STATE, new_sessions, sets_nothing};
use crate::client::Client;
use crate::logs::logged;

pub fn two_layers_of_one_type_share_a_session_that_the_outer_one_writes(build: Build) {
    let app = build(new_sessions());
    for start in ["/start/ada", "/start-bearer"] {
        let mut client = Client::new();
        client.post(&*app, start);
        let response = client.post(&*app, "/twice/alan");
        assert_eq!(response.status, 200);
        let tokens = response.all("set-cookie").filter(|line| line.starts_with(STATE)).count()
            + response.all("session-token").count();
        assert_eq!(tokens, 1);
        assert_eq!(client.get(&*app, "/look").body, "ada+alan", "both changes were kept");
        let response = client.post(&*app, "/twice/fail");
        assert_eq!(response.status, 500);
        sets_nothing(&response);
    }
}

pub fn two_layers_of_one_type_with_different_settings_log_a_warning(build: Build) {
    let app = build(new_sessions());
    let (_, log) = logged(Level::WARN, || Client::new().post(&*app, "/twice/alan"));
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("WARN") && log.contains("bulla_conformance::Account"), "{log}");
    let (_, log) = logged(Level::WARN, || Client::new().get(&*app, "/look"));
    assert_eq!(log, "");
}

pub fn two_types_of_state_in_one_cookie_are_an_opaque_500_and_an_error_in_the_log(build: Build) {
    let app = build(new_sessions());
    let (response, log) = logged(Level::INFO, || Client::new().get(&*app, "/clash"));
    assert_eq!(response.status, 500);
    assert_eq!(log.lines().count(), 1, "{log}");
    for word in ["ERROR", "bulla_conformance::Account", "bulla_conformance::Visitor", STATE] {
        assert!(log.contains(word), "{log}");
    }
    for word in ["conformance", STATE, "layer"] {
        assert!(!response.body.contains(word), "{}", response.body);
    }
}
