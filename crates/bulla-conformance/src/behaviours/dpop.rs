//! Sessions in headers that are bound to a key of the client (DPoP, RFC 9449).

use bulla::Sessions;
use serde_json::Value;

use crate::behaviours::setup::{Clock, builder, key, minutes, sets_nothing};
use crate::client::Client;
use crate::phone::{ADDRESS, Phone};
use crate::{Account, App, BindInHeaders, Build, Request, Response};

const ASKS: &str = r#"DPoP error="use_dpop_nonce", algs="ES256""#;
const WRONG: &str = r#"DPoP error="invalid_dpop_proof", algs="ES256""#;
const NO_TOKEN: &str = r#"DPoP error="invalid_token", algs="ES256""#;

/// Sessions whose proofs count for 10 minutes.
fn bound_sessions(bind: BindInHeaders, clock: &Clock) -> Sessions<Account> {
    bind(builder(&[&key()], clock), ADDRESS).build()
}

/// A phone with a session that is bound to its key.
fn bound_phone(app: &dyn App, clock: &Clock) -> Phone {
    let mut phone = Phone::new();
    let request = phone.proven(clock.now(), "POST", "/start-bearer");
    assert_eq!(phone.send(app, &request).status, 200);
    phone
}

/// The response is a 401 with this challenge, and it neither sets nor deletes a token.
#[track_caller]
fn refuses(response: &Response, challenge: &str) {
    assert_eq!(response.status, 401);
    assert_eq!(response.all("www-authenticate").collect::<Vec<_>>(), [challenge]);
    assert_eq!(response.one("cache-control"), Some("no-store"));
    assert_eq!(response.all("dpop-nonce").count(), usize::from(challenge == ASKS));
    sets_nothing(response);
}

pub fn a_sign_in_with_a_proof_binds_the_session_to_its_key((build, bind): (Build, BindInHeaders)) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut phone = Phone::new();
    let request = phone.proven(clock.now(), "POST", "/start-bearer");
    let response = phone.send(&*app, &request);
    assert_eq!(response.status, 200);
    for name in ["session-token", "session-renewal", "dpop-nonce"] {
        assert_eq!(response.all(name).count(), 1, "{name}");
    }
    assert_eq!(response.one("set-cookie"), None);
    assert_eq!(response.one("cache-control"), Some("no-store"));
    let response = phone.get(&*app, "/required");
    assert_eq!(response.body, "ada");
    assert_eq!(response.one("dpop-nonce"), None);
    sets_nothing(&response);
    // With the scheme for tokens without a key, the tokens are refused.
    refuses(&app.send(&phone.client.request("GET", "/required")), NO_TOKEN);
    // Nobody can bind the session to another key.
    let response = phone.send(&*app, &request);
    refuses(&response, WRONG);
}

pub fn a_client_without_a_key_has_an_ordinary_session((build, bind): (Build, BindInHeaders)) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut client = Client::new();
    let response = client.post(&*app, "/start-bearer");
    assert_eq!((response.status, response.one("dpop-nonce")), (200, None));
    clock.advance(minutes(10));
    assert_eq!(client.get(&*app, "/required").body, "ada");
    refuses(&client.get(&*app, "/proven"), NO_TOKEN);
}

pub fn a_guard_asks_for_a_proof_that_is_due_and_the_session_goes_on_with_it(
    (build, bind): (Build, BindInHeaders),
) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut phone = bound_phone(&*app, &clock);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        clock.advance(minutes(10));
        let request = phone.request(method, "/required?a=b");
        refuses(&phone.send(&*app, &request), ASKS);
        assert_eq!(phone.clone().get(&*app, "/look").body, "guest", "{method}");
        let request = phone.proven(clock.now(), method, "/required?a=b");
        let response = phone.send(&*app, &request);
        assert_eq!((response.status, &*response.body), (200, "ada"), "{method}");
        assert_eq!(response.all("session-renewal").count(), 1, "{method}");
        assert_eq!(response.one("cache-control"), Some("no-store"));
        clock.advance(minutes(9));
        assert_eq!(phone.get(&*app, "/required").body, "ada", "{method}");
    }
}

pub fn a_handler_that_changes_a_session_whose_proof_is_due_asks_for_it(
    (build, bind): (Build, BindInHeaders),
) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut phone = bound_phone(&*app, &clock);
    clock.advance(minutes(10));
    let request = phone.request("POST", "/update-or-fail");
    refuses(&phone.send(&*app, &request), ASKS);
    let request = phone.proven(clock.now(), "POST", "/update-or-fail");
    assert_eq!(phone.send(&*app, &request).status, 200);
    assert_eq!(phone.get(&*app, "/look").body, "ada!");
}

pub fn a_proof_for_another_request_or_of_another_key_is_refused(
    (build, bind): (Build, BindInHeaders),
) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut phone = bound_phone(&*app, &clock);
    let mut refused: Vec<Request> = ["/look", "/required/", "/required/x", "/v1/required"]
        .map(|path| phone.claims(clock.now(), "GET", path))
        .map(|claims| phone.with(&claims, "GET", "/required"))
        .into();
    let claims = phone.claims(clock.now(), "POST", "/required");
    refused.push(phone.with(&claims, "GET", "/required"));
    let mut claims = phone.claims(clock.now(), "GET", "/required");
    claims["htu"] = "https://conformance.example/required".into();
    refused.push(phone.with(&claims, "GET", "/required"));
    refused.push(phone.stolen().proven(clock.now(), "GET", "/required"));
    for request in refused {
        refuses(&phone.send(&*app, &request), WRONG);
    }
    let mut claims = phone.claims(clock.now(), "GET", "/required");
    claims.as_object_mut().unwrap().remove("nonce");
    let request = phone.with(&claims, "GET", "/required");
    refuses(&phone.send(&*app, &request), ASKS);
    assert_eq!(phone.get(&*app, "/required").body, "ada");
}

pub fn a_proof_names_the_path_as_the_client_has_sent_it((build, bind): (Build, BindInHeaders)) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut phone = bound_phone(&*app, &clock);
    for (path, name) in [
        ("/rename/countess", "countess"),
        ("/rename/a%20b", "a b"),
        ("/rename/a%2520b", "a%20b"),
        ("/rename/a%5Cb%0Ac", "a\\b\nc"),
        ("/rename/%C3%A9l%c3%a9onore?next=/a%2Fb", "éléonore"),
    ] {
        let request = phone.proven(clock.now(), "POST", path);
        assert_eq!(phone.send(&*app, &request).status, 200, "{path}");
        assert_eq!(phone.get(&*app, "/look").body, name);
    }
}

pub fn a_route_can_ask_for_a_proof_with_each_request((build, bind): (Build, BindInHeaders)) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut phone = bound_phone(&*app, &clock);
    for (path, body) in [("/proven", "ada"), ("/guarded/proven", "proven")] {
        refuses(&phone.get(&*app, path), ASKS);
        let request = phone.proven(clock.now(), "GET", path);
        assert_eq!(phone.send(&*app, &request).body, body, "{path}");
        // A copy of the request is refused.
        refuses(&phone.send(&*app, &request), WRONG);
        let mut browser = Client::new();
        browser.post(&*app, "/start/ada");
        assert_eq!(browser.get(&*app, path).status, 403, "{path}");
        assert_eq!(Client::new().get(&*app, path).status, 401, "{path}");
    }
}

pub fn an_optional_guard_for_a_proof_is_none_without_one((build, bind): (Build, BindInHeaders)) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut phone = bound_phone(&*app, &clock);
    let response = phone.get(&*app, "/optional-proven");
    assert_eq!((response.status, &*response.body), (200, "guest"));
    assert_eq!(response.all("dpop-nonce").count(), 1);
    let request = phone.proven(clock.now(), "GET", "/optional-proven");
    assert_eq!(phone.send(&*app, &request).body, "ada");
    assert_eq!(phone.send(&*app, &request).body, "guest");
    assert_eq!(Client::new().get(&*app, "/optional-proven").body, "guest");
}

pub fn a_sign_in_with_a_wrong_clock_gets_a_challenge_and_succeeds_with_it(
    (build, bind): (Build, BindInHeaders),
) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let wrong = Clock::new();
    wrong.advance(minutes(60));
    let mut phone = Phone::new();
    let request = phone.proven(wrong.now(), "POST", "/start-bearer");
    refuses(&phone.send(&*app, &request), ASKS);
    let request = phone.proven(wrong.now(), "POST", "/start-bearer");
    assert_eq!(phone.send(&*app, &request).status, 200);
    assert_eq!(phone.get(&*app, "/required").body, "ada");
}

pub fn a_sign_in_with_a_wrong_proof_starts_no_session((build, bind): (Build, BindInHeaders)) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut phone = Phone::new();
    let claims = phone.claims(clock.now(), "POST", "/start-bearer");
    let wrong = |name: &str, value: &str| {
        let mut claims = claims.clone();
        claims[name] = value.into();
        claims
    };
    let (method, path) = (wrong("htm", "GET"), wrong("htu", ADDRESS));
    for claims in [method, path, Value::Null] {
        let request = phone.with(&claims, "POST", "/start-bearer");
        refuses(&phone.send(&*app, &request), WRONG);
    }
    let mut request = phone.with(&claims, "POST", "/start-bearer");
    request.headers.push(("dpop".to_owned(), phone.key.dpop(&claims)));
    refuses(&phone.send(&*app, &request), WRONG);
}

pub fn signing_out_ends_a_bound_session((build, bind): (Build, BindInHeaders)) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut phone = bound_phone(&*app, &clock);
    let request = phone.request("POST", "/end");
    let response = phone.send(&*app, &request);
    assert_eq!((response.status, response.one("dpop-nonce")), (200, None));
    assert!(phone.client.kept.is_empty());
}
