//! The behaviours.
#![allow(missing_docs, clippy::missing_panics_doc, reason = "each is a test, and its name says it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulla::session::{SessionsBuilder, Validity};
use bulla::{Bearer, Cookie, KeyRing, Payload, Policy, Revocations, Sessions, UnixTime};
use serde::{Deserialize, Serialize};
use tracing::Level;

use crate::client::Client;
use crate::logs::logged;
use crate::{Account, Build, Clock, Response};

const STATE: &str = "__Host-session";
const RENEWAL: &str = "__Host-session-renewal";

fn key() -> String {
    KeyRing::generate().unwrap().expose_text().trim().to_owned()
}

fn ring(keys: &[&str]) -> KeyRing {
    keys.join("\n").parse().unwrap()
}

fn builder(keys: &[&str], clock: &Clock) -> SessionsBuilder<Account> {
    let clock = clock.clone();
    Sessions::builder(ring(keys), Policy::default())
        .cookie(Cookie::default())
        .bearer(Bearer::default())
        .clock(move || clock.now())
}

fn sessions(keys: &[&str], clock: &Clock) -> Sessions<Account> {
    builder(keys, clock).build()
}

/// Sessions of one new key, at a time that stands still.
fn any() -> Sessions<Account> {
    sessions(&[&key()], &Clock::new())
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

#[track_caller]
fn sets_nothing(response: &Response) {
    for name in ["set-cookie", "session-token", "session-renewal"] {
        assert_eq!(response.one(name), None, "{name}");
    }
}

pub fn a_guest_gets_no_token(build: Build) {
    let app = build(any());
    let response = Client::new().get(&*app, "/look");
    assert_eq!((response.status, response.body.as_str()), (200, "guest"));
    sets_nothing(&response);
}

pub fn an_untouched_route_gains_no_header(build: Build) {
    let app = build(any());
    let mut client = Client::new();
    client.kept.insert(STATE.to_owned(), "b1.forged".to_owned());
    let response = client.get(&*app, "/untouched");
    assert_eq!((response.status, response.body.as_str()), (200, "hello"));
    sets_nothing(&response);
    assert_eq!((response.one("vary"), response.one("cache-control")), (None, None));
}

pub fn starting_sets_a_cookie_with_every_attribute(build: Build) {
    let app = build(any());
    let response = Client::new().post(&*app, "/start/ada");
    let lines: Vec<&str> = response.all("set-cookie").collect();
    let [line] = lines[..] else { panic!("{} cookies", lines.len()) };
    let (pair, attributes) = line.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-session=b1."), "{pair}");
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/");
}

pub fn a_session_comes_back_and_an_unchanged_one_is_silent(build: Build) {
    let app = build(any());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    for path in ["/look", "/required", "/fresh"] {
        let response = client.get(&*app, path);
        assert_eq!((response.status, response.body.as_str()), (200, "ada"), "{path}");
        sets_nothing(&response);
        assert!(response.all("vary").any(|vary| vary.contains("Cookie")), "{path}");
    }
}

pub fn a_change_is_written(build: Build) {
    let app = build(any());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    let response = client.post(&*app, "/rename/countess");
    assert_eq!(response.all("set-cookie").count(), 1);
    assert_eq!(client.get(&*app, "/look").body, "countess");
    sets_nothing(&client.post(&*app, "/rename/countess"));
}

pub fn a_change_without_a_session_is_a_401_and_no_error(build: Build) {
    let app = build(any());
    let (response, log) = logged(Level::INFO, || Client::new().post(&*app, "/update-or-fail"));
    assert_eq!((response.status, log.as_str()), (401, ""));
    assert_eq!(response.one("www-authenticate"), Some("Bearer"));
}

pub fn an_ended_session_is_removed_with_the_same_attributes(build: Build) {
    let app = build(any());
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

pub fn forged_expired_and_malformed_tokens_look_alike(build: Build) {
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

pub fn of_duplicate_cookies_the_first_that_opens_counts(build: Build) {
    let app = build(any());
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

pub fn a_state_too_large_is_an_opaque_500_and_the_old_session_stays(build: Build) {
    let app = build(any());
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

pub fn a_failing_handler_changes_nothing(build: Build) {
    let app = build(any());
    let response = Client::new().post(&*app, "/start-and-fail");
    assert_eq!(response.status, 500);
    sets_nothing(&response);
}

pub fn a_failing_handler_still_ends_the_session(build: Build) {
    let app = build(any());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    assert_eq!(client.post(&*app, "/end-and-fail").status, 500);
    assert!(client.kept.is_empty());
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
    let token_of =
        |ring: KeyRing, start: &dyn Fn(KeyRing, UnixTime) -> String| start(ring, clock.now());
    let newer = token_of(ring(&[&here]), &|ring, now| {
        let session =
            Sessions::<Newer>::new(ring, Policy::default()).load_at(now, |_| Vec::<&[u8]>::new());
        session.start(Newer { name: "ada".to_owned(), colour: 3 }).unwrap();
        session.commit().into_iter().next().unwrap().value
    });
    let unknown = token_of(ring(&[&elsewhere]), &|ring, now| {
        let session =
            Sessions::<Account>::new(ring, Policy::default()).load_at(now, |_| Vec::<&[u8]>::new());
        session.start(Account::new("ada")).unwrap();
        session.commit().into_iter().next().unwrap().value
    });
    for line in [newer, unknown] {
        let token = line.split(';').next().unwrap().split_once('=').unwrap().1.to_owned();
        let mut client = Client::new();
        client.kept.insert(STATE.to_owned(), token);
        let before = client.clone();
        let response = client.get(&*app, "/look");
        assert_eq!(response.body, "guest");
        client.post(&*app, "/rename/alan");
        assert_eq!(client, before, "neither cleared nor overwritten");
        client.post(&*app, "/start/alan");
        assert_eq!(client.get(&*app, "/look").body, "alan", "a sign-in replaces it");
    }
}

pub fn a_token_is_not_cached_unless_the_application_says_so(build: Build) {
    let app = build(any());
    let response = Client::new().post(&*app, "/start/ada");
    assert_eq!(response.one("cache-control"), Some("no-store"));
    assert_eq!(response.one("vary"), Some("Cookie, Authorization"));
    let response = Client::new().get(&*app, "/cached");
    assert_eq!(response.all("cache-control").collect::<Vec<_>>(), ["private"]);
    let vary: Vec<&str> = response.all("vary").collect();
    assert_eq!(vary.join(", "), "Accept, Cookie, Authorization");
}

pub fn a_change_after_the_head_has_left_is_an_error(build: Build) {
    let app = build(any());
    let response = Client::new().get(&*app, "/late");
    assert_eq!(response.body, "Err(ResponseSent)");
    sets_nothing(&response);
}

pub fn a_stream_begins_when_its_session_is_written_and_reads_it(build: Build) {
    let app = build(any());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    let response = client.get(&*app, "/events");
    assert_eq!(response.body, "data: streamed\n\ndata: streamed\n\n");
    assert_eq!(response.all("set-cookie").count(), 1);
    assert_eq!(response.one("cache-control"), Some("no-store"));
    assert_eq!(client.get(&*app, "/look").body, "streamed");
}

pub fn an_upgrade_reads_and_writes_its_session(build: Build) {
    let app = build(any());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    let mut request = client.request("GET", "/socket");
    for (name, value) in [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ] {
        request.headers.push((name.to_owned(), value.to_owned()));
    }
    let response = app.send(&request);
    assert_eq!((response.status, response.one("upgrade")), (101, Some("websocket")));
    assert_eq!(response.one("x-was"), Some("ada"));
    client.receive(&response);
    assert_eq!(client.get(&*app, "/look").body, "upgraded");
}

pub fn a_scanner_s_tokens_fill_no_log(build: Build) {
    let app = build(any());
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

/// The answer or, where the framework writes it, the log names the layer.
pub fn a_missing_layer_is_a_500(build: Build) {
    assert_eq!(Client::new().get(&*build(any()), "/missing").status, 500);
}

pub fn split_cookies_grow_and_shrink(build: Build) {
    let sessions = Sessions::builder(ring(&[&key()]), Policy::default())
        .cookie(Cookie::default().split())
        .build();
    let app = build(sessions);
    let mut client = Client::new();
    for (len, cookies) in [(10, 1), (5000, 2), (3500, 2), (10, 1)] {
        let response = client.post(&*app, &format!("/large/{len}"));
        assert_eq!(response.all("set-cookie").count(), 4, "the whole range");
        assert_eq!(client.kept.len(), cookies);
        assert_eq!(client.get(&*app, "/look").body.len(), len);
    }
    client.post(&*app, "/large/5000");
    client.post(&*app, "/end");
    assert!(client.kept.is_empty());
}

pub fn the_bearer_channel_uses_headers_and_no_cookie(build: Build) {
    let app = build(any());
    let mut client = Client::new();
    let response = client.post(&*app, "/start-bearer");
    assert_eq!(response.one("set-cookie"), None);
    assert_eq!(client.kept.keys().collect::<Vec<_>>(), ["session-renewal", "session-token"]);
    assert_eq!(client.get(&*app, "/look").body, "ada");
    let response = client.post(&*app, "/rename/countess");
    assert_eq!(response.one("set-cookie"), None);
    assert_eq!(client.get(&*app, "/look").body, "countess");

    let mut as_cookie = Client::new();
    as_cookie.kept.insert(STATE.to_owned(), client.kept["session-token"].clone());
    assert_eq!(as_cookie.get(&*app, "/look").body, "guest", "bound to its channel");

    let response = client.post(&*app, "/end");
    assert_eq!((response.one("set-cookie"), client.kept.len()), (None, 0));
    client.kept.insert("session-token".to_owned(), "b1.forged".to_owned());
    let response = client.get(&*app, "/required");
    assert_eq!((response.status, response.one("www-authenticate")), (401, Some("Bearer")));
}

pub fn a_renewal_never_undoes_an_overlapping_change(build: Build) {
    let (old, new, clock) = (key(), key(), Clock::new());
    let before = build(sessions(&[&old], &clock));
    let app = build(sessions(&[&new, &old], &clock));
    for start in ["/start/ada", "/start-bearer"] {
        for change_arrives_first in [true, false] {
            let mut client = Client::new();
            client.post(&*before, start);
            clock.advance(minutes(10));
            // Both leave with what the client has now.
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

pub fn timeouts_are_the_server_s(build: Build) {
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
    clock.advance(minutes(24)); // 12 hours since the start
    assert_eq!(client.get(&*app, "/look").body, "guest");
    clock.advance(minutes(1)); // for clocks that differ
    assert_eq!(client.get(&*app, "/look").body, "guest");
    assert!(client.kept.is_empty(), "and cleared");

    idle.post(&*app, "/start/ada");
    clock.advance(minutes(30));
    assert_eq!(idle.get(&*app, "/look").body, "guest");
}

pub fn a_guard_answers_401_or_sends_to_the_page(build: Build) {
    let app = build(any());
    assert_eq!(Client::new().get(&*app, "/required").status, 401);
    let app = build(builder(&[&key()], &Clock::new()).sign_in_page("/sign-in").build());
    let response = Client::new().get(&*app, "/required");
    assert_eq!((response.status, response.one("location")), (303, Some("/sign-in")));
}

pub fn a_fresh_sign_in_is_asked_for(build: Build) {
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
    assert_eq!(client.get(&*app, "/look").body, "ada", "the session itself goes on");
}

pub fn proving_who_one_is_makes_this_client_fresh_and_no_copy(build: Build) {
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

/// Session fixation: what an attacker has planted in a browser stays what it was.
pub fn a_planted_session_does_not_become_the_user_s(build: Build) {
    let app = build(any());
    let mut attacker = Client::new();
    attacker.post(&*app, "/start/mallory");
    let mut victim = attacker.clone();
    victim.post(&*app, "/start/ada");
    assert_eq!(victim.get(&*app, "/look").body, "ada");
    assert_eq!(attacker.get(&*app, "/look").body, "mallory");
    assert_ne!(victim.kept[STATE], attacker.kept[STATE]);
}

/// Sessions of which each name is a subject.
fn with_revocations(clock: &Clock, revocations: &Revocations) -> Sessions<Account> {
    builder(&[&key()], clock)
        .revocations(revocations)
        .subject(|account| account.name.clone())
        .build()
}

pub fn signing_out_ends_the_copies(build: Build) {
    let app = build(with_revocations(&Clock::new(), &Revocations::new()));
    for start in ["/start/ada", "/start-bearer"] {
        let mut client = Client::new();
        client.post(&*app, start);
        let mut copy = client.clone();
        client.post(&*app, "/end");
        assert_eq!(copy.get(&*app, "/look").body, "guest");
        assert!(copy.kept.is_empty());
    }
}

pub fn signing_out_the_other_devices_leaves_this_one(build: Build) {
    let clock = Clock::new();
    let app = build(with_revocations(&clock, &Revocations::new()));
    let (mut here, mut phone, mut alan) = (Client::new(), Client::new(), Client::new());
    here.post(&*app, "/start/ada");
    phone.post(&*app, "/start-bearer");
    alan.post(&*app, "/start/alan");
    clock.advance(minutes(1));
    assert_eq!(here.post(&*app, "/end-others").status, 200);
    assert_eq!(here.get(&*app, "/look").body, "ada");
    assert_eq!(phone.get(&*app, "/look").body, "guest");
    assert_eq!(alan.get(&*app, "/look").body, "alan");
    phone.post(&*app, "/start-bearer");
    assert_eq!(phone.get(&*app, "/look").body, "ada", "who signs in again is in");
    assert_eq!(Client::new().post(&*app, "/end-others").status, 401);
}

pub fn a_list_of_revocations_that_is_too_old_closes_the_marked_routes_only(build: Build) {
    let (clock, revocations) = (Clock::new(), Revocations::new());
    let app = build(with_revocations(&clock, &revocations));
    let mut client = Client::new();
    assert_eq!(client.get(&*app, "/current").status, 401);
    client.post(&*app, "/start/ada");
    assert_eq!(client.get(&*app, "/current").status, 200, "nobody spreads this list");
    revocations.confirm(clock.now());
    clock.advance(Duration::from_secs(10));
    assert_eq!(client.get(&*app, "/current").status, 200);
    clock.advance(Duration::from_secs(1));
    let response = client.get(&*app, "/current");
    assert_eq!((response.status, response.one("retry-after")), (503, Some("5")));
    assert_eq!(client.get(&*app, "/required").body, "ada");
    revocations.confirm(clock.now());
    assert_eq!(client.get(&*app, "/current").body, "ada");
}

/// Sessions whose check gives what is in the second.
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

pub fn a_session_that_the_application_no_longer_knows_ends(build: Build) {
    for path in ["/look", "/required", "/fresh", "/current"] {
        let clock = Clock::new();
        let (sessions, says) = with_a_check(&clock);
        let app = build(sessions);
        let mut client = Client::new();
        client.post(&*app, "/start/ada");
        *says.lock().unwrap() = Validity::Over;
        clock.advance(minutes(4));
        assert_eq!(client.get(&*app, path).body, "ada", "asked after five minutes");
        clock.advance(minutes(1));
        assert_ne!(client.get(&*app, path).body, "ada");
        assert!(client.kept.is_empty(), "{path}");
    }
}

pub fn an_application_that_cannot_tell_costs_nobody_a_session(build: Build) {
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
    // Whoever is there all the time is not idle for it.
    for _ in 0..3 {
        clock.advance(minutes(20));
        assert_eq!(client.get(&*app, "/required").status, 503);
    }
    *says.lock().unwrap() = Validity::Holds;
    assert_eq!(client.get(&*app, "/required").body, "ada");
}
