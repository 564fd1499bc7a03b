//! Guards: the responses if there is no session, or if the sign-in is too old (step-up).

use std::time::Duration;

use tracing::Level;

use crate::Build;
use crate::behaviours::setup::{Clock, builder, key, minutes, new_sessions, sessions};
use crate::client::Client;
use crate::logs::logged;

pub fn an_optional_guard_is_none_without_a_session_or_a_fresh_one(build: Build) {
    let clock = Clock::new();
    let app = build(builder(&[&key()], &clock).sign_in_page("/sign-in").build());
    let routes = ["/optional", "/optional-fresh", "/optional-current"];
    let look = |client: &mut Client| {
        routes.map(|path| {
            let response = client.get(&*app, path);
            (response.status, response.body)
        })
    };
    let (guest, ada) = ((200, "guest".to_owned()), (200, "ada".to_owned()));
    let mut client = Client::new();
    assert_eq!(look(&mut client), [guest.clone(), guest.clone(), guest.clone()]);
    client.post(&*app, "/start/ada");
    assert_eq!(look(&mut client), [ada.clone(), ada.clone(), ada.clone()]);
    clock.advance(minutes(6));
    assert_eq!(look(&mut client), [ada.clone(), guest, ada]);
}

/// The status depends on the framework. actix-web, poem and Rocket turn every error of an optional
/// guard into `None`.
pub fn an_optional_guard_without_a_layer_is_an_error_in_the_log(build: Build) {
    let app = build(new_sessions());
    let (_, log) = logged(Level::INFO, || Client::new().get(&*app, "/missing/optional"));
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("ERROR") && log.contains("bulla_conformance::Account"), "{log}");
}

pub fn a_sign_in_that_is_too_old_gets_a_step_up_challenge(build: Build) {
    let clock = Clock::new();
    let app = build(sessions(&[&key()], &clock));
    let mut client = Client::new();
    client.post(&*app, "/start-bearer");
    clock.advance(minutes(5));
    assert_eq!(client.get(&*app, "/fresh").status, 200);
    clock.advance(Duration::from_secs(1));
    let response = client.get(&*app, "/fresh");
    assert_eq!(response.status, 401);
    assert_eq!(
        response.one("www-authenticate"),
        Some("Bearer error=\"insufficient_user_authentication\", max_age=300")
    );
    assert_eq!(client.get(&*app, "/look").body, "ada", "the session itself continues");
}

pub fn reauthentication_makes_this_client_fresh_and_not_its_stolen_copy(build: Build) {
    let clock = Clock::new();
    let app = build(sessions(&[&key()], &clock));
    for start in ["/start/ada", "/start-bearer"] {
        let mut client = Client::new();
        client.post(&*app, start);
        clock.advance(minutes(6));
        let mut copy = client.clone();
        assert_eq!(client.post(&*app, "/prove").status, 200);
        assert_eq!(client.get(&*app, "/fresh").body, "ada");
        assert_eq!(copy.get(&*app, "/fresh").status, 401);
    }
    assert_eq!(Client::new().post(&*app, "/prove").status, 401);
}
