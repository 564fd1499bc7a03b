//! The tokens of a session when the primary key changes, the user is active, or time passes.

use bulla::Policy;

use crate::Build;
use crate::behaviours::setup::{
    Clock, RENEWAL, STATE, builder, key, minutes, sessions, sets_nothing,
};
use crate::client::Client;

pub fn a_session_moves_to_the_new_primary_key(build: Build) {
    let (old, new, clock) = (key(), key(), Clock::new());
    let before = build(sessions(&[&old], &clock));
    let during = build(sessions(&[&new, &old], &clock));
    let after = build(sessions(&[&new], &clock));
    let mut seen = Client::new();
    seen.post(&*before, "/start/ada");
    let mut unseen = seen.clone();
    let response = seen.get(&*during, "/look");
    assert_eq!((response.body.as_str(), response.all("set-cookie").count()), ("ada", 1));
    sets_nothing(&seen.get(&*during, "/look"));
    assert_eq!(seen.get(&*after, "/look").body, "ada");
    assert_eq!(unseen.get(&*after, "/look").body, "guest");
}

pub fn a_renewal_never_undoes_a_concurrent_change(build: Build) {
    let (old, new, clock) = (key(), key(), Clock::new());
    let before = build(sessions(&[&old], &clock));
    let app = build(sessions(&[&new, &old], &clock));
    for start in ["/start/ada", "/start-bearer"] {
        for change_arrives_first in [true, false] {
            let mut client = Client::new();
            client.post(&*before, start);
            clock.advance(minutes(10));
            // Both requests carry the same tokens.
            let (look, rename) =
                (client.request("GET", "/look"), client.request("POST", "/rename/countess"));
            let (renewed, changed) = (app.send(&look), app.send(&rename));
            assert_eq!(renewed.body, "ada");
            let mut responses = [renewed, changed];
            if change_arrives_first {
                responses.reverse();
            }
            responses.iter().for_each(|response| client.receive(response));
            assert_eq!(client.get(&*app, "/look").body, "countess");
        }
    }
}

/// "Keep me signed in": the ordinary timeouts are 30 minutes and 12 hours.
pub fn a_remembered_session_outlives_the_browser_and_the_ordinary_timeouts(build: Build) {
    let (key, clock) = (key(), Clock::new());
    let days = |days: u64| minutes(days * 24 * 60);
    let policy = Policy::new(days(14), days(30));
    let app = build(builder(&[&key], &clock).remembered(policy).build());
    let mut client = Client::new();
    let response = client.post(&*app, "/remember/ada");
    let cookie = response.one("set-cookie").unwrap();
    assert!(cookie.starts_with(STATE) && cookie.contains("Max-Age=2592000"), "{cookie}");
    clock.advance(days(13));
    let response = client.get(&*app, "/look");
    assert_eq!(response.body, "ada");
    let cookie = response.one("set-cookie").unwrap();
    assert!(cookie.starts_with(RENEWAL) && cookie.contains("Max-Age=1468800"), "{cookie}");
    assert_eq!(client.get(&*app, "/fresh").status, 401);
    client.post(&*app, "/prove");
    assert_eq!(client.get(&*app, "/fresh").body, "ada");
    clock.advance(days(17));
    assert_eq!(client.get(&*app, "/look").body, "guest");
    // Without this policy, the error is one for the programmer.
    let app = build(sessions(&[&key], &clock));
    assert_eq!(Client::new().post(&*app, "/remember/ada").status, 500);
}

pub fn the_server_enforces_both_timeouts(build: Build) {
    let clock = Clock::new();
    let app = build(sessions(&[&key()], &clock));
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    for _ in 0..24 {
        clock.advance(minutes(29));
        assert_eq!(client.get(&*app, "/look").body, "ada");
        assert!(client.kept.contains_key(RENEWAL));
    }
    let mut idle = client.clone();
    clock.advance(minutes(24)); // 12 hours after the start
    assert_eq!(client.get(&*app, "/look").body, "guest");
    clock.advance(minutes(1)); // the tolerance for skewed clocks
    assert_eq!(client.get(&*app, "/look").body, "guest");
    assert!(client.kept.is_empty(), "the cookies are deleted");

    idle.post(&*app, "/start/ada");
    clock.advance(minutes(30));
    assert_eq!(idle.get(&*app, "/look").body, "guest");
}
