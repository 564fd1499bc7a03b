//! The sign-in page and the step-up page: who is sent there, and how users come back.

use bulla::session::local_path;

use crate::behaviours::setup::{Clock, builder, key, minutes, new_sessions};
use crate::client::Client;
use crate::{App, Build, Request, Response};

/// The headers of a navigation. The constants below are the headers of other kinds of requests.
pub(super) const NAVIGATION: &[(&str, &str)] =
    &[("sec-fetch-mode", "navigate"), ("accept", "text/html,application/xml;q=0.9,*/*;q=0.8")];
const OLD_SAFARI: &[(&str, &str)] = &[("accept", "text/html,application/xml;q=0.9,*/*;q=0.8")];
pub(super) const FETCH: &[(&str, &str)] = &[("sec-fetch-mode", "cors"), ("accept", "*/*")];
const FETCH_FOR_HTML: &[(&str, &str)] = &[("sec-fetch-mode", "cors"), ("accept", "text/html")];
const JQUERY: &[(&str, &str)] = &[("accept", "text/html, */*"), ("x-requested-with", "any")];
const CURL: &[(&str, &str)] = &[("accept", "*/*")];
pub(super) const HTMX: &[(&str, &str)] =
    &[("hx-request", "true"), ("sec-fetch-mode", "cors"), ("accept", "*/*")];
pub(super) const MOBILE: &[(&str, &str)] =
    &[("authorization", "Bearer b1."), ("accept", "text/html"), ("hx-request", "true")];

pub(super) fn with(mut request: Request, headers: &[(&str, &str)]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    request.headers.extend(headers);
    request
}

fn send(app: &dyn App, method: &'static str, path: &str, headers: &[(&str, &str)]) -> Response {
    app.send(&with(Client::new().request(method, path), headers))
}

/// The status, and the headers that a refusal can have.
pub(super) fn refusal(response: &Response) -> (u16, [Option<&str>; 3]) {
    let names = ["location", "hx-redirect", "www-authenticate"];
    (response.status, names.map(|name| response.one(name)))
}

pub fn a_guard_redirects_navigations_to_the_sign_in_page_and_answers_scripts_401(build: Build) {
    let without = build(new_sessions());
    let app = build(builder(&[&key()], &Clock::new()).sign_in_page("/sign-in").build());
    let page = Some("/sign-in?next=/required");
    for headers in [NAVIGATION, OLD_SAFARI] {
        let response = send(&*app, "GET", "/required", headers);
        assert_eq!(refusal(&response), (303, [page, None, None]), "{headers:?}");
        let response = send(&*without, "GET", "/required", headers);
        assert_eq!(refusal(&response), (401, [None; 3]), "{headers:?}");
    }
    for headers in [FETCH, FETCH_FOR_HTML, JQUERY, CURL, &[]] {
        for app in [&app, &without] {
            let response = send(&**app, "GET", "/required", headers);
            assert_eq!(refusal(&response), (401, [None; 3]), "{headers:?}");
        }
    }
    let response = send(&*app, "GET", "/required", HTMX);
    assert_eq!(refusal(&response), (401, [None, Some("/sign-in"), None]));
    let response = send(&*without, "GET", "/required", HTMX);
    assert_eq!(refusal(&response), (401, [None; 3]));
    let response = send(&*app, "GET", "/required", MOBILE);
    assert_eq!(refusal(&response), (401, [None, None, Some("Bearer")]));
}

pub fn a_step_up_page_is_for_navigations_too(build: Build) {
    let clock = Clock::new();
    let app = build(builder(&[&key()], &clock).step_up_page("/confirm?why=age#form").build());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    clock.advance(minutes(6));
    let send = |headers| app.send(&with(client.request("GET", "/fresh?n=1"), headers));
    let page = "/confirm?why=age&next=/fresh%3Fn%3D1#form";
    assert_eq!(refusal(&send(NAVIGATION)), (303, [Some(page), None, None]));
    assert_eq!(refusal(&send(HTMX)), (401, [None, Some("/confirm?why=age#form"), None]));
    assert_eq!(refusal(&send(FETCH)), (401, [None; 3]));
}

pub fn a_page_gets_the_path_to_come_back_to_after_a_get_request(build: Build) {
    let app = build(builder(&[&key()], &Clock::new()).sign_in_page("/sign-in").build());
    let target = "/required?to=alan&note=a%20b+c&url=https://x.example/%C3%A9";
    let response = send(&*app, "GET", target, NAVIGATION);
    let encoded =
        "/required%3Fto%3Dalan%26note%3Da%2520b%2Bc%26url%3Dhttps%3A//x.example/%25C3%25A9";
    assert_eq!(response.one("location"), Some(format!("/sign-in?next={encoded}").as_str()));
    assert_eq!(local_path(target), Some(target));
    // A form cannot be sent again, and a long path would not fit the buffers of proxies.
    let response = send(&*app, "POST", "/required", NAVIGATION);
    assert_eq!(refusal(&response), (303, [Some("/sign-in"), None, None]));
    // htmx asks for a part of a page, and names the page.
    for (page, next) in [
        ("http://bank.example/table?sort=name#top", "?next=/table%3Fsort%3Dname%23top"),
        ("http://bank.example//evil.example", ""),
        ("javascript:alert(1)", ""),
    ] {
        for (method, path) in [("GET", "/required?row=7"), ("POST", "/required")] {
            let headers = [HTMX, &[("hx-current-url", page)]].concat();
            let response = send(&*app, method, path, &headers);
            let sign_in = format!("/sign-in{next}");
            assert_eq!(refusal(&response), (401, [None, Some(&*sign_in), None]), "{page}");
        }
    }
    let long = format!("/required?text={}", "x".repeat(3000));
    let response = send(&*app, "GET", &long, NAVIGATION);
    assert_eq!(refusal(&response), (303, [Some("/sign-in"), None, None]));
}

pub fn a_refusal_is_not_cached(build: Build) {
    let app = build(builder(&[&key()], &Clock::new()).sign_in_page("/sign-in").build());
    for (method, path) in [("GET", "/required"), ("POST", "/update-or-fail")] {
        for headers in [NAVIGATION, FETCH, HTMX, MOBILE] {
            let response = send(&*app, method, path, headers);
            assert_eq!(response.one("cache-control"), Some("no-store"), "{headers:?}");
        }
    }
}

pub fn a_change_without_a_session_is_answered_like_a_guard_refuses(build: Build) {
    let page = build(builder(&[&key()], &Clock::new()).sign_in_page("/sign-in").build());
    for app in [page, build(new_sessions())] {
        for headers in [NAVIGATION, FETCH, HTMX, MOBILE, &[]] {
            let change = send(&*app, "POST", "/update-or-fail", headers);
            let guard = send(&*app, "POST", "/required", headers);
            assert_eq!(refusal(&change), refusal(&guard), "{headers:?}");
        }
    }
}
