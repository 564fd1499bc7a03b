//! The cookies that a response sets when a session starts, and deletes when a session ends.

use crate::Build;
use crate::behaviours::setup::{STATE, new_sessions};
use crate::client::Client;

pub fn starting_sets_a_cookie_with_every_attribute(build: Build) {
    let app = build(new_sessions());
    let response = Client::new().post(&*app, "/start/ada");
    let lines: Vec<&str> = response.all("set-cookie").collect();
    let [line] = lines[..] else { panic!("{} cookies", lines.len()) };
    let (pair, attributes) = line.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-session=b1."), "{pair}");
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/");
}

/// Session fixation: an attacker sets the cookie of the attacker's session in a user's browser.
pub fn signing_in_replaces_a_session_that_an_attacker_planted(build: Build) {
    let app = build(new_sessions());
    let mut attacker = Client::new();
    attacker.post(&*app, "/start/mallory");
    let mut victim = attacker.clone();
    victim.post(&*app, "/start/ada");
    assert_eq!(victim.get(&*app, "/look").body, "ada");
    assert_eq!(attacker.get(&*app, "/look").body, "mallory");
    assert_ne!(victim.kept[STATE], attacker.kept[STATE]);
}

pub fn a_token_is_not_cached_unless_the_application_says_so(build: Build) {
    let app = build(new_sessions());
    let response = Client::new().post(&*app, "/start/ada");
    assert_eq!(response.one("cache-control"), Some("no-store"));
    assert_eq!(response.one("vary"), Some("Cookie, Authorization"));
    let response = Client::new().get(&*app, "/cached");
    assert_eq!(response.all("cache-control").collect::<Vec<_>>(), ["private"]);
    let vary: Vec<&str> = response.all("vary").collect();
    assert_eq!(vary.join(", "), "Accept, Cookie, Authorization");
}

pub fn ending_deletes_the_cookie_with_the_same_attributes(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    let response = client.post(&*app, "/end");
    assert_eq!(
        response.one("set-cookie"),
        Some(
            "__Host-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; \
             Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        )
    );
    assert!(client.kept.is_empty());
    assert_eq!(client.get(&*app, "/look").body, "guest");
}
