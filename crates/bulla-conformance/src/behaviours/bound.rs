//! Sessions that are bound to the device of a browser: what the layer answers itself, and what a
//! guard answers before a proof.

use bulla::Sessions;
use serde_json::{Value, json};

use crate::behaviours::pages::{NAVIGATION, with};
use crate::behaviours::setup::{Clock, RENEWAL, STATE, builder, key, minutes, new_sessions};
use crate::device::Device;
use crate::{Account, App, Bind, Build, Response};

const BOUND: &str = "__Host-session-bound";
const REGISTER: &str = "/bulla/session/register";
const REFRESH: &str = "/bulla/session/refresh";

/// Sessions whose proofs count for 10 minutes, and with a sign-in page.
fn bound_sessions(bind: Bind, clock: &Clock) -> Sessions<Account> {
    bind(builder(&[&key()], clock).sign_in_page("/sign-in"), None).build()
}

/// The path and the challenge of the header that asks a browser to register a key.
fn offer(response: &Response) -> Option<(String, String)> {
    let field = response.one("secure-session-registration")?;
    let (path, challenge) = field.strip_prefix("(ES256);path=\"")?.split_once("\";challenge=\"")?;
    Some((path.to_owned(), challenge.strip_suffix('"')?.to_owned()))
}

/// A browser whose session is bound, and which has sent the first proof.
fn bound_device(app: &dyn App) -> Device {
    let mut device = Device::new();
    let (path, challenge) = offer(&device.client.post(app, "/start/ada")).unwrap();
    assert_eq!(device.register(app, &path, &challenge).status, 200);
    assert_eq!(device.refresh(app, REFRESH).status, 200);
    device
}

#[track_caller]
fn json_of(response: &Response) -> Value {
    assert_eq!(response.one("content-type"), Some("application/json"));
    serde_json::from_str(&response.body).unwrap()
}

/// The names of the cookies that a response stores, and of those that it deletes.
fn cookies(response: &Response) -> [Vec<&str>; 2] {
    let (deleted, stored): (Vec<_>, Vec<_>) =
        response.all("set-cookie").partition(|line| line.contains("Max-Age=0"));
    [stored, deleted]
        .map(|lines| lines.iter().map(|line| line.split('=').next().unwrap()).collect())
}

pub fn a_sign_in_asks_the_browser_to_register_a_key((build, bind): (Build, Bind)) {
    let app = build(bound_sessions(bind, &Clock::new()));
    let response = Device::new().client.post(&*app, "/start/ada");
    assert_eq!(response.all("secure-session-registration").count(), 1);
    let (path, challenge) = offer(&response).unwrap();
    assert_eq!(path, REGISTER);
    assert!(challenge.starts_with("b1."), "{challenge}");
    assert_eq!(cookies(&response), [vec![STATE], vec![]]);
    // A bearer token is not bound to a browser.
    let response = Device::new().client.post(&*app, "/start-bearer");
    assert_eq!(offer(&response), None);
}

pub fn the_layer_answers_the_registration_and_the_proofs((build, bind): (Build, Bind)) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut device = Device::new();
    let (path, challenge) = offer(&device.client.post(&*app, "/start/ada")).unwrap();
    let response = device.register(&*app, &path, &challenge);
    assert_eq!(response.status, 200);
    let instructions = json_of(&response);
    assert_eq!(instructions["session_identifier"], device.bound.as_ref().unwrap().0.as_str());
    assert_eq!(instructions["refresh_url"], REFRESH);
    assert_eq!(instructions["credentials"][0]["name"], BOUND);
    assert_eq!(cookies(&response), [vec![RENEWAL, BOUND], vec![]]);
    assert_eq!(response.one("cache-control"), Some("no-store"));

    // The state token gets the key with the first proof.
    for stored in [vec![STATE, RENEWAL, BOUND], vec![RENEWAL, BOUND], vec![RENEWAL, BOUND]] {
        clock.advance(minutes(8));
        let response = device.refresh(&*app, REFRESH);
        assert_eq!(response.status, 200);
        assert_eq!(json_of(&response), instructions);
        assert_eq!(cookies(&response), [stored, vec![]]);
        assert_eq!(response.all("secure-session-challenge").count(), 1);
        assert_eq!(response.one("cache-control"), Some("no-store"));
        assert_eq!(device.client.get(&*app, "/required").body, "ada");
    }
}

pub fn a_proof_without_a_signature_gets_a_challenge_and_a_wrong_one_a_400(
    (build, bind): (Build, Bind),
) {
    let app = build(bound_sessions(bind, &Clock::new()));
    let mut device = bound_device(&*app);
    let identifier = device.bound.clone().unwrap().0;
    let response = device.post(&*app, REFRESH, &[("sec-secure-session-id", &identifier)]);
    assert_eq!((response.status, &*response.body), (403, ""));
    assert_eq!(response.all("secure-session-challenge").count(), 1);
    assert_eq!(response.one("cache-control"), Some("no-store"));
    assert_eq!(cookies(&response), [vec![], vec![]] as [Vec<&str>; 2]);

    let refused = [
        device.stolen().refresh(&*app, REFRESH),
        device.post(&*app, REFRESH, &[]),
        Device::new().post(&*app, REGISTER, &[]),
    ];
    for response in refused {
        assert_eq!((response.status, &*response.body), (400, ""));
        assert_eq!(response.one("set-cookie"), None);
        assert_eq!(response.one("secure-session-challenge"), None);
        assert_eq!(response.one("cache-control"), Some("no-store"));
    }
    assert_eq!(device.refresh(&*app, REFRESH).status, 200);
}

/// Here, the paths of the layer are also paths of a route of the application.
pub fn the_layer_answers_two_paths_and_leaves_all_others_to_the_application(
    (build, bind): (Build, Bind),
) {
    let clock = Clock::new();
    let app = build(bind(builder(&[&key()], &clock), Some("/start")).build());
    let mut device = Device::new();
    let (path, challenge) = offer(&device.client.post(&*app, "/start/ada")).unwrap();
    assert_eq!(path, "/start/register");
    assert_eq!(device.register(&*app, &path, &challenge).status, 200);
    assert_eq!(device.refresh(&*app, "/start/refresh?from=here").status, 200);
    assert_eq!(device.client.get(&*app, "/look").body, "ada");
    for name in ["registered", "refresh2", "Refresh"] {
        let mut other = Device::new();
        assert_eq!(other.client.post(&*app, &format!("/start/{name}")).status, 200);
        assert_eq!(other.client.get(&*app, "/look").body, name);
    }
    // The requests of a browser are POST requests.
    let status = |path| Device::new().client.get(&*app, path).status;
    assert_eq!(status("/start/refresh"), status("/start/another"));
}

pub fn a_guard_repeats_a_request_whose_proof_is_due_after_deleting_the_bound_cookie(
    (build, bind): (Build, Bind),
) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut device = bound_device(&*app);
    clock.advance(minutes(10));
    let before = device.client.clone();
    for method in ["GET", "POST", "PUT"] {
        device.client = before.clone();
        let response = device.client.send(&*app, method, "/required?a=b");
        assert_eq!((response.status, response.one("location")), (307, Some("/required?a=b")));
        assert_eq!(cookies(&response), [vec![], vec![BOUND]]);
        assert_eq!(response.one("cache-control"), Some("no-store"));
        assert!(response.all("vary").any(|vary| vary.contains("Cookie")));
        assert!(device.client.kept.contains_key(STATE));
    }
    assert_eq!(device.client.get(&*app, "/look").body, "guest");
    assert_eq!(device.refresh(&*app, REFRESH).status, 200);
    assert_eq!(device.client.post(&*app, "/required?a=b").body, "ada");
}

pub fn a_guard_loads_a_page_again_to_which_another_site_led_before_a_proof(
    (build, bind): (Build, Bind),
) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut device = bound_device(&*app);
    device.client.kept.remove(BOUND).unwrap();
    clock.advance(minutes(10));
    let mut request = with(device.client.request("GET", "/required?a=b"), NAVIGATION);
    request.headers.push(("sec-fetch-site".to_owned(), "cross-site".to_owned()));
    let response = app.send(&request);
    assert_eq!((response.status, response.one("refresh")), (401, Some("0;url=/required?a=b")));
    assert_eq!(response.one("location"), None);
    assert_eq!(response.one("set-cookie"), None);
    assert_eq!(response.one("cache-control"), Some("no-store"));
}

/// A thief has no key, so no proof follows.
pub fn without_a_proof_a_copy_of_the_cookies_is_sent_to_the_sign_in_page(
    (build, bind): (Build, Bind),
) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut device = bound_device(&*app);
    let mut thief = device.stolen();
    assert_eq!(thief.client.get(&*app, "/look").body, "ada");
    let mut state_alone = device.stolen();
    state_alone.client.kept.retain(|name, _| name == STATE);
    assert_eq!(state_alone.client.get(&*app, "/look").body, "guest");

    clock.advance(minutes(10));
    assert_eq!(device.refresh(&*app, REFRESH).status, 200);
    assert_eq!(thief.client.get(&*app, "/required").status, 307);
    let request = with(thief.client.request("GET", "/required"), NAVIGATION);
    let response = app.send(&request);
    let page = Some("/sign-in?next=/required");
    assert_eq!((response.status, response.one("location")), (303, page));
    assert_eq!(thief.client.get(&*app, "/required").status, 401);
    assert_eq!(thief.client.get(&*app, "/look").body, "guest");
    assert_eq!(device.client.get(&*app, "/look").body, "ada");
}

pub fn a_handler_that_changes_a_session_whose_proof_is_due_answers_as_a_guard(
    (build, bind): (Build, Bind),
) {
    let clock = Clock::new();
    let app = build(bound_sessions(bind, &clock));
    let mut device = bound_device(&*app);
    clock.advance(minutes(10));
    let response = device.client.post(&*app, "/update-or-fail");
    assert_eq!((response.status, response.one("location")), (307, Some("/update-or-fail")));
    assert_eq!(cookies(&response), [vec![], vec![BOUND]]);
    assert_eq!(response.one("www-authenticate"), None);
    assert_eq!(device.refresh(&*app, REFRESH).status, 200);
    assert_eq!(device.client.post(&*app, "/update-or-fail").status, 200);
    assert_eq!(device.client.get(&*app, "/look").body, "ada!");
}

pub fn signing_out_tells_the_browser_with_its_next_proof_that_the_session_is_over(
    (build, bind): (Build, Bind),
) {
    let app = build(bound_sessions(bind, &Clock::new()));
    let mut device = bound_device(&*app);
    let before = device.bound.clone().unwrap();
    let request = device.client.request("POST", "/end");
    let response = app.send(&request);
    device.receive(&response);
    assert_eq!(cookies(&response), [vec![], vec![BOUND, RENEWAL, STATE]]);
    assert!(device.client.kept.is_empty());
    let after = device.bound.clone().unwrap();
    assert!(before.0 == after.0 && before.1 != after.1);
    let response = device.refresh(&*app, REFRESH);
    assert_eq!(response.status, 200);
    let over = json!({ "session_identifier": before.0, "continue": false });
    assert_eq!(json_of(&response), over);
    assert_eq!(response.one("secure-session-challenge"), None);
}

pub fn without_the_setting_the_two_paths_belong_to_the_application((build, _): (Build, Bind)) {
    let app = build(new_sessions());
    let mut client = Device::new().client;
    assert_eq!(offer(&client.post(&*app, "/start/ada")), None);
    for path in [REGISTER, REFRESH] {
        assert_eq!(client.post(&*app, path).status, 404);
    }
}
