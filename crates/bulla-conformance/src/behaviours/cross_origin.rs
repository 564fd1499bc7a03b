//! Requests from pages on other origins: they have no session in cookies and change nothing.

use crate::behaviours::setup::{Clock, builder, key, new_sessions, sets_nothing};
use crate::client::Client;
use crate::{App, Build, Request, Response};

pub(super) type Headers = &'static [(&'static str, &'static str)];

/// Requests from the application's own pages, or not from a browser.
pub(super) const OWN: &[Headers] = &[
    &[],
    &[("host", "shop.example")],
    &[("host", "shop.example"), ("sec-fetch-site", "same-origin")],
    &[("host", "shop.example"), ("sec-fetch-site", "none")],
    &[("host", "shop.example"), ("origin", "https://shop.example")],
    &[("host", "shop.example:3000"), ("origin", "http://shop.example:3000")],
    &[(AUTHORITY, "shop.example:3000"), ("origin", "https://shop.example:3000")],
    // A proxy has changed the host.
    &[("host", "10.0.0.7"), ("sec-fetch-site", "same-origin"), ("origin", "https://shop.example")],
];

/// Requests from pages on other origins.
pub(super) const FOREIGN: &[Headers] = &[
    &[("host", "shop.example"), ("sec-fetch-site", "cross-site")],
    &[("host", "shop.example"), ("sec-fetch-site", "same-site")],
    &[
        ("host", "shop.example"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://blog.shop.example"),
    ],
    &[("host", "shop.example"), ("origin", "https://blog.shop.example")],
    &[("host", "shop.example"), ("origin", "https://evil.example")],
    &[("host", "shop.example"), ("origin", "null")],
    &[("host", "shop.example:3000"), ("origin", "http://shop.example:4000")],
    &[(AUTHORITY, "shop.example"), ("origin", "https://evil.example")],
    // HTTP/2 clients may also send a header `Host`, which does not count.
    &[(AUTHORITY, "shop.example"), ("host", "evil.example"), ("origin", "https://evil.example")],
];

/// Not a header, but the `:authority` of HTTP/2.
const AUTHORITY: &str = ":authority";

const UNSAFE: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

fn with(mut request: Request, headers: Headers) -> Request {
    for (name, value) in headers {
        match *name {
            AUTHORITY => request.authority = Some((*value).to_owned()),
            name => request.headers.push((name.to_owned(), (*value).to_owned())),
        }
    }
    request
}

pub(super) fn send(
    app: &dyn App,
    client: &Client,
    (method, path): (&'static str, &str),
    headers: Headers,
) -> Response {
    app.send(&with(client.request(method, path), headers))
}

pub fn a_request_from_the_same_origin_has_its_session(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    for headers in OWN {
        for method in UNSAFE {
            let response = send(&*app, &client, (method, "/required"), headers);
            assert_eq!((response.status, &*response.body), (200, "ada"), "{method} {headers:?}");
        }
        let response = send(&*app, &Client::new(), ("POST", "/start/ada"), headers);
        assert_eq!(response.all("set-cookie").count(), 1, "{headers:?}");
    }
}

pub fn a_request_from_another_origin_has_no_session_and_changes_nothing(build: Build) {
    let app = build(builder(&[&key()], &Clock::new()).sign_in_page("/sign-in").build());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    for headers in FOREIGN {
        for method in UNSAFE {
            let response = send(&*app, &client, (method, "/required"), headers);
            assert_eq!(response.status, 403, "{method} {headers:?}");
            assert_eq!(response.one("location"), None, "{method} {headers:?}");
            assert!(!response.body.contains("ada"), "{method} {headers:?}");
            sets_nothing(&response);
        }
        for (path, status) in [
            ("/update-or-fail", 403),
            ("/rename/mallory", 409),
            ("/prove", 403),
            ("/end", 403),
            ("/end-and-fail", 403),
            ("/end-others", 403),
            ("/start/mallory", 403),
        ] {
            let response = send(&*app, &client, ("POST", path), headers);
            assert_eq!(response.status, status, "{path} {headers:?}");
            sets_nothing(&response);
        }
        // Login forgery: a page of an attacker sends the attacker's password.
        let response = send(&*app, &Client::new(), ("POST", "/start/mallory"), headers);
        assert_eq!(response.status, 403, "{headers:?}");
        sets_nothing(&response);
    }
    assert_eq!(client.get(&*app, "/look").body, "ada");
}

pub fn a_safe_request_from_another_origin_has_its_session(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    for headers in FOREIGN.iter().chain(OWN) {
        for method in ["GET", "OPTIONS"] {
            let response = send(&*app, &client, (method, "/required"), headers);
            assert_eq!((response.status, &*response.body), (200, "ada"), "{method} {headers:?}");
        }
    }
}

pub fn a_websocket_from_another_origin_has_no_session(build: Build) {
    const UPGRADE: Headers = &[
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ];
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    let open = |path, headers| app.send(&with(with(client.request("GET", path), UPGRADE), headers));
    for headers in FOREIGN {
        for path in ["/socket", "/required"] {
            let response = open(path, headers);
            assert_eq!(response.status, 403, "{path} {headers:?}");
            sets_nothing(&response);
        }
    }
    for headers in OWN {
        assert_eq!(open("/socket", headers).one("x-was"), Some("ada"), "{headers:?}");
    }
}

pub fn a_trusted_origin_may_use_the_session(build: Build) {
    let builder = builder(&[&key()], &Clock::new());
    let app = build(builder.trust_origin("https://app.example").unwrap().build());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    for (origin, status) in [
        ("https://app.example", 200),
        ("http://app.example", 403),
        ("https://app.example:8443", 403),
        ("https://other.app.example", 403),
        ("https://evil.example", 403),
        ("null", 403),
    ] {
        for site in [None, Some("same-site"), Some("cross-site")] {
            let mut request =
                with(client.request("POST", "/required"), &[("host", "shop.example")]);
            let site = site.map(|site| ("sec-fetch-site".to_owned(), site.to_owned()));
            request.headers.push(("origin".to_owned(), origin.to_owned()));
            request.headers.extend(site);
            assert_eq!(app.send(&request).status, status, "{origin}");
        }
    }
}

pub fn a_bearer_token_works_from_every_origin(build: Build) {
    let app = build(new_sessions());
    for headers in FOREIGN.iter().chain(OWN) {
        let mut client = Client::new();
        client.receive(&send(&*app, &client, ("POST", "/start-bearer"), headers));
        let response = send(&*app, &client, ("PUT", "/required"), headers);
        assert_eq!((response.status, &*response.body), (200, "ada"), "{headers:?}");
        client.receive(&send(&*app, &client, ("POST", "/rename/countess"), headers));
        assert_eq!(client.get(&*app, "/look").body, "countess", "{headers:?}");
        client.receive(&send(&*app, &client, ("POST", "/end"), headers));
        assert!(client.kept.is_empty(), "{headers:?}");
    }
}
