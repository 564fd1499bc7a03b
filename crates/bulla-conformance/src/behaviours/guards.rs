//! Guards: the responses if there is no session, or if the sign-in is too old (step-up).

use std::time::Duration;

use crate::Build;
use crate::behaviours::setup::{Clock, builder, key, minutes, new_sessions, sessions};
use crate::client::Client;

pub fn a_guard_answers_401_or_redirects_to_the_sign_in_page(build: Build) {
    let app = build(new_sessions());
    assert_eq!(Client::new().get(&*app, "/required").status, 401);
    let app = build(builder(&[&key()], &Clock::new()).sign_in_page("/sign-in").build());
    let response = Client::new().get(&*app, "/required");
    assert_eq!((response.status, response.one("location")), (303, Some("/sign-in")));
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
