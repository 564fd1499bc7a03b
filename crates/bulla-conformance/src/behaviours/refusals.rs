//! Tokens that are refused or left alone (neither read nor deleted): the response and the log.

use bulla::{KeyRing, Payload, Policy, Sessions, UnixTime};
use serde::{Deserialize, Serialize};
use tracing::Level;

use crate::behaviours::setup::{Clock, STATE, key, minutes, new_sessions, ring, sessions};
use crate::client::Client;
use crate::logs::logged;
use crate::{Account, Build};

pub fn forged_expired_and_malformed_tokens_get_the_same_response(build: Build) {
    let clock = Clock::new();
    let app = build(sessions(&[&key()], &clock));
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    let expired = client.kept[STATE].clone();
    clock.advance(minutes(31));
    client.post(&*app, "/start/ada");
    let forged = {
        let good = &client.kept[STATE];
        let other = if &good[50..51] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &good[..50], &good[51..])
    };
    let responses = [&expired, &forged, "b1.AAAA", "b1.=/+"].map(|token| {
        let mut client = Client::new();
        client.kept.insert(STATE.to_owned(), token.to_owned());
        let mut response = client.get(&*app, "/required");
        response.headers.retain(|(name, _)| name != "date");
        response.headers.sort();
        assert_eq!(response.status, 401);
        (response.headers, response.body)
    });
    assert!(responses.iter().all(|response| *response == responses[0]), "{responses:?}");
}

pub fn a_newer_schema_and_an_unknown_key_are_left_alone(build: Build) {
    #[derive(Serialize, Deserialize, Payload)]
    #[payload(purpose = "conformance.example/session", version = 2)]
    struct Newer {
        name: String,
        colour: u8,
    }
    let (here, elsewhere, clock) = (key(), key(), Clock::new());
    let app = build(sessions(&[&here], &clock));
    let newer = Newer { name: "ada".to_owned(), colour: 3 };
    let newer = token_of(newer, ring(&[&here]), clock.now());
    let unknown = token_of(Account::new("ada"), ring(&[&elsewhere]), clock.now());
    for token in [newer, unknown] {
        let mut client = Client::new();
        client.kept.insert(STATE.to_owned(), token);
        let before = client.clone();
        let response = client.get(&*app, "/look");
        assert_eq!(response.body, "guest");
        client.post(&*app, "/rename/alan");
        assert_eq!(client, before, "neither deleted nor overwritten");
        client.post(&*app, "/start/alan");
        assert_eq!(client.get(&*app, "/look").body, "alan", "a sign-in replaces the token");
    }
}

/// Starts a session with this state on a server with this ring, and returns the state token.
fn token_of<T: Payload>(state: T, ring: KeyRing, now: UnixTime) -> String {
    let sessions = Sessions::<T>::new(ring, Policy::default());
    let session = sessions.load_at(now, "POST", |_| Vec::<&[u8]>::new());
    session.start(state).unwrap();
    let line = session.commit().into_iter().next().unwrap().value;
    line.split(';').next().unwrap().split_once('=').unwrap().1.to_owned()
}

pub fn of_duplicate_cookies_the_first_that_opens_is_used(build: Build) {
    let app = build(new_sessions());
    let (mut ada, mut alan) = (Client::new(), Client::new());
    ada.post(&*app, "/start/ada");
    alan.post(&*app, "/start/alan");
    let (ada, alan) = (&ada.kept[STATE], &alan.kept[STATE]);
    let look = |cookies: &[&str]| {
        let pairs: Vec<String> = cookies.iter().map(|token| format!("{STATE}={token}")).collect();
        let mut request = Client::new().request("GET", "/look");
        request.headers.push(("cookie".to_owned(), pairs.join("; ")));
        app.send(&request).body
    };
    assert_eq!(look(&[ada, alan]), "ada");
    assert_eq!(look(&["b1.forged", alan, ada]), "alan");
    assert_eq!(look(&["b1.a", "b1.b", "b1.c", "b1.d", ada]), "guest");
}

pub fn forged_tokens_are_logged_at_debug_only(build: Build) {
    let app = build(new_sessions());
    let mut scanner = Client::new();
    let token = format!("b1.{}", "A".repeat(120));
    scanner.kept.insert(STATE.to_owned(), token.clone());
    let (_, log) = logged(Level::INFO, || scanner.get(&*app, "/required"));
    assert_eq!(log, "");
    let (_, log) = logged(Level::DEBUG, || scanner.get(&*app, "/required"));
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("bulla")).collect();
    assert_eq!(ours.len(), 1, "{log}");
    assert!(ours[0].contains("no session: ") && !log.contains(&token), "{log}");
}
