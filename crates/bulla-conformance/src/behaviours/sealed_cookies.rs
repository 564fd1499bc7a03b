//! Cookies that hold one sealed value beside the session.

use tracing::Level;

use crate::Build;
use crate::behaviours::cross_origin::{FOREIGN, Headers, OWN, send};
use crate::behaviours::setup::{new_sessions, sets_nothing};
use crate::client::Client;
use crate::logs::logged;

const NOTE: &str = "__Host-note";

pub fn a_sealed_cookie_is_read_back_and_has_strict_attributes(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    let response = client.get(&*app, "/note");
    assert_eq!(response.body, "none");
    sets_nothing(&response);

    let response = client.post(&*app, "/note/saved");
    let line = response.one("set-cookie").unwrap();
    let (pair, attributes) = line.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-note=b1."), "{pair}");
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60");
    assert_eq!(response.one("cache-control"), Some("no-store"));
    for _ in 0..2 {
        let response = client.get(&*app, "/note");
        assert_eq!(response.body, "saved");
        sets_nothing(&response);
        assert!(response.all("vary").any(|vary| vary.contains("Cookie")));
    }
    let response = client.get(&*app, "/untouched");
    assert_eq!(response.one("vary"), None);
}

pub fn a_sealed_cookie_is_taken_once(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    client.post(&*app, "/note/saved");
    let response = client.post(&*app, "/take-note");
    assert_eq!(response.body, "saved");
    assert_eq!(
        response.one("set-cookie").unwrap(),
        "__Host-note=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; \
         Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    );
    let response = client.post(&*app, "/take-note");
    assert_eq!(response.body, "none");
    sets_nothing(&response);
    assert_eq!(client.get(&*app, "/look").body, "ada", "the session is another cookie");
}

pub fn a_failing_handler_sets_no_sealed_cookie_and_still_takes_one(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/note/first");
    let response = client.post(&*app, "/note-and-fail");
    assert_eq!(response.status, 500);
    sets_nothing(&response);
    assert_eq!(client.get(&*app, "/note").body, "first");
    assert_eq!(client.post(&*app, "/take-note-and-fail").status, 500);
    assert!(client.kept.is_empty());
}

pub fn a_value_too_large_for_its_cookie_is_an_opaque_500_and_the_old_one_stays(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/note/first");
    let (response, log) = logged(Level::INFO, || client.post(&*app, "/large-note/4000"));
    assert_eq!(response.status, 500);
    sets_nothing(&response);
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("ERROR") && log.contains("octets") && !log.contains("xxx"), "{log}");
    for word in ["4096", "octets", "cookie", "xxx"] {
        assert!(!response.body.contains(word), "{}", response.body);
    }
    assert_eq!(client.get(&*app, "/note").body, "first");
}

pub fn a_forged_sealed_cookie_is_no_value(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/note/first");
    let note = client.kept[NOTE].clone();
    for forged in [note.replace(&note[40..44], "AAAA"), note[..40].to_owned(), "b1.".to_owned()] {
        client.kept.insert(NOTE.to_owned(), forged);
        assert_eq!(client.get(&*app, "/note").body, "none");
        assert_eq!(client.post(&*app, "/take-note").body, "none");
        assert!(client.kept.is_empty(), "no server accepts the token, so it is deleted");
    }
}

pub fn a_request_from_another_origin_neither_reads_nor_changes_a_sealed_cookie(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/note/first");
    for headers in FOREIGN {
        let response = send(&*app, &client, ("POST", "/take-note"), headers);
        assert_eq!(response.body, "none", "{headers:?}");
        sets_nothing(&response);
        for path in ["/note/forged", "/note-and-fail", "/remove-note"] {
            let response = send(&*app, &client, ("POST", path), headers);
            assert_eq!(response.status, 403, "{path} {headers:?}");
            sets_nothing(&response);
        }
        // A provider that redirects the browser back.
        assert_eq!(send(&*app, &client, ("GET", "/note"), headers).body, "first", "{headers:?}");
    }
    for headers in OWN {
        let response = send(&*app, &client, ("POST", "/take-note"), headers);
        assert_eq!(response.body, "first", "{headers:?}");
    }
}

/// A provider that sends the browser back with a form.
pub fn a_trusted_origin_may_use_a_sealed_cookie(build: Build) {
    const TABLE: &[(Headers, &str)] = &[
        (&[("sec-fetch-site", "cross-site"), ("origin", "https://id.example")], "first"),
        (&[("origin", "https://id.example")], "first"),
        (&[("origin", "http://id.example")], "none"),
        (&[("origin", "https://evil.id.example")], "none"),
        (&[("sec-fetch-site", "cross-site"), ("origin", "null")], "none"),
    ];
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/note/first");
    for (headers, body) in TABLE {
        let response = send(&*app, &client, ("POST", "/take-note"), headers);
        assert_eq!(response.body, *body, "{headers:?}");
    }
}

pub fn two_layers_of_one_sealed_cookie_share_a_value_that_the_outer_one_writes(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/note/first");
    let response = client.post(&*app, "/twice-note/second");
    assert_eq!(response.status, 200);
    assert_eq!(response.all("set-cookie").count(), 1);
    assert_eq!(client.get(&*app, "/note").body, "second");
}

/// The tests of each adapter also check that the response or the log names the missing layer.
pub fn a_missing_layer_for_a_sealed_cookie_is_a_500(build: Build) {
    assert_eq!(Client::new().get(&*build(new_sessions()), "/missing/note").status, 500);
}
