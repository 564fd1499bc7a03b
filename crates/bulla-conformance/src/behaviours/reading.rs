//! The response headers if a handler reads the session, or ignores the session.

use crate::Build;
use crate::behaviours::setup::{STATE, new_sessions, sets_nothing};
use crate::client::Client;

pub fn a_guest_gets_no_token(build: Build) {
    let app = build(new_sessions());
    let response = Client::new().get(&*app, "/look");
    assert_eq!((response.status, response.body.as_str()), (200, "guest"));
    sets_nothing(&response);
}

pub fn a_route_that_does_not_read_the_session_adds_no_header(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.kept.insert(STATE.to_owned(), "b1.forged".to_owned());
    let response = client.get(&*app, "/untouched");
    assert_eq!((response.status, response.body.as_str()), (200, "hello"));
    sets_nothing(&response);
    assert_eq!((response.one("vary"), response.one("cache-control")), (None, None));
}

pub fn a_session_is_read_back_and_reading_sends_nothing(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    for path in ["/look", "/required", "/fresh"] {
        let response = client.get(&*app, path);
        assert_eq!((response.status, response.body.as_str()), (200, "ada"), "{path}");
        sets_nothing(&response);
        assert!(response.all("vary").any(|vary| vary.contains("Cookie")), "{path}");
    }
}
