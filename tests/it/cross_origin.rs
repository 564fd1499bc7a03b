//! Requests from pages on other origins: which requests have no session, and what they cannot do.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bulla::session::{Adopted, Channel, Event, OldCookie, Refusal, SessionsBuilder, Start, Status};
use bulla::transport::OriginError;
use bulla::{Bearer, Cookie, Policy, Revocations, Session, SessionError, Sessions, UnixTime};

use crate::support::{Account, Client, T0, ada, alan, effect, key_text, ring, secs};

const HOST: &str = "shop.example";

fn builder() -> SessionsBuilder<Account> {
    Sessions::builder(ring(&[&key_text()]), Policy::default())
        .cookie(Cookie::default())
        .bearer(Bearer::default())
}

/// The session of a request with the tokens of `client` and these headers.
fn send(
    client: &Client,
    sessions: &Sessions<Account>,
    method: &str,
    headers: &[(&str, &str)],
) -> Session<Account> {
    let tokens = client.headers();
    sessions.load_at(T0, method, |asked| {
        let lines = headers.iter().filter(|(name, _)| *name == asked).map(|(_, value)| *value);
        let lines = lines.chain(tokens.get(asked).map(String::as_str));
        lines.map(str::as_bytes).collect::<Vec<_>>()
    })
}

/// A form that a page from another site has sent.
const FORGED: &[(&str, &str)] = &[("host", HOST), ("sec-fetch-site", "cross-site")];

#[test]
fn the_method_and_the_headers_decide_whether_a_request_has_its_session() {
    let sessions = builder().build();
    let client = Client::browser().signed_in(&sessions, T0, ada());
    const UNSAFE: &[&str] =
        &["POST", "PUT", "PATCH", "DELETE", "CONNECT", "TRACE", "QUERY", "get", "Head", ""];
    const SAFE: &[&str] = &["GET", "HEAD", "OPTIONS"];
    type Headers = &'static [(&'static str, &'static str)];
    let table: &[(&[&str], Headers, bool)] = &[
        (UNSAFE, &[], true),
        (UNSAFE, &[("sec-fetch-site", "same-origin")], true),
        (UNSAFE, &[("sec-fetch-site", "none")], true),
        (UNSAFE, &[("sec-fetch-site", "same-site")], false),
        (UNSAFE, &[("sec-fetch-site", "cross-site")], false),
        (UNSAFE, &[("sec-fetch-site", "of the future")], false),
        (UNSAFE, &[("sec-fetch-site", "Same-Origin")], false),
        (UNSAFE, &[("sec-fetch-site", "")], false),
        (UNSAFE, &[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")], false),
        // `Sec-Fetch-Site` takes precedence, because proxies change `Host`.
        (UNSAFE, &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], true),
        (UNSAFE, &[("sec-fetch-site", "same-site"), ("origin", "https://shop.example")], false),
        (UNSAFE, &[("origin", "https://shop.example")], true),
        (UNSAFE, &[("origin", "https://evil.example")], false),
        (UNSAFE, &[("origin", "https://evil.shop.example")], false),
        (UNSAFE, &[("origin", "https://shop.example:8443")], false),
        (UNSAFE, &[("origin", "null")], false),
        (UNSAFE, &[("origin", "")], false),
        (UNSAFE, &[("origin", "https://shop.example"), ("origin", "https://evil.example")], false),
        (SAFE, &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], true),
        // A WebSocket, of Firefox and of Chrome.
        (&["GET"], &[("upgrade", "websocket"), ("sec-fetch-site", "cross-site")], false),
        (&["GET"], &[("upgrade", "websocket"), ("origin", "https://evil.example")], false),
        (&["GET"], &[("upgrade", "WebSocket"), ("origin", "https://evil.example")], false),
        (&["GET"], &[("upgrade", "h2c, websocket"), ("origin", "https://evil.example")], false),
        (&["GET"], &[("upgrade", "websocket"), ("origin", "https://shop.example")], true),
        (&["GET"], &[("upgrade", "websocket")], true),
    ];
    for (methods, headers, lives) in table {
        for method in *methods {
            let headers = [headers, &[("host", HOST)][..]].concat();
            let session = send(&client, &sessions, method, &headers);
            assert_eq!(session.get().is_some(), *lives, "{method} {headers:?}");
            let refused = Status::Refused(Refusal::CrossOrigin);
            assert_eq!(session.status() == refused, !*lives, "{method} {headers:?}");
        }
    }
    let without_host = [("origin", "https://shop.example")];
    assert!(send(&client, &sessions, "POST", &without_host).get().is_none());
}

type Action = fn(&Session<Account>) -> Result<(), SessionError>;

#[test]
fn a_cross_origin_request_changes_nothing() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let revocations = Revocations::new();
    let sessions = builder()
        .revocations(&revocations)
        .subject(|account| account.id.to_string())
        .sign_in_page("/sign-in")
        .on_event(move |event| seen.lock().unwrap().push(*event))
        .build();
    let signed_in = Client::browser().signed_in(&sessions, T0, ada());
    let forged = {
        let mut client = signed_in.clone();
        client.kept.values_mut().for_each(|token| token.push('A'));
        client
    };
    let actions: [(&str, Action); 8] = [
        ("start", |session| session.start(alan())),
        ("start_with", |session| session.start_with(alan(), Start::new().over(Channel::Cookie))),
        ("set", |session| session.set(alan())),
        ("update", |session| session.update(|account| account.id += 1)),
        ("reauthenticated", Session::reauthenticated),
        ("end", Session::end),
        ("end_everywhere", Session::end_everywhere),
        ("end_others", Session::end_others),
    ];
    for client in [Client::browser(), signed_in, forged] {
        for (what, action) in actions {
            events.lock().unwrap().clear();
            let mut client = client.clone();
            let before = client.clone();
            let session = send(&client, &sessions, "POST", FORGED);
            assert_eq!(action(&session), Err(SessionError::CrossOrigin), "{what}");
            assert_eq!(session.require().unwrap_err().status(), 403, "{what}");
            assert_eq!(session.require_fresh(secs(60)).unwrap_err().status(), 403, "{what}");
            assert_eq!(session.require_current(secs(60)).unwrap_err().status(), 403, "{what}");
            assert!(session.info().is_none(), "{what}");
            let lines = client.receive(&session);
            assert_eq!(effect(&lines), "", "{what}");
            assert!(client == before, "{what}");
            let events = events.lock().unwrap();
            assert_eq!(*events, [Event::Refused(Refusal::CrossOrigin)], "{what}");
        }
    }
    assert!(revocations.is_empty());
}

#[test]
fn a_trusted_origin_must_be_equal() {
    let sessions = builder()
        .trust_origin("https://app.example")
        .and_then(|builder| builder.trust_origin("https://partner.example:8443"))
        .unwrap()
        .build();
    let client = Client::browser().signed_in(&sessions, T0, ada());
    for (origins, lives) in [
        (&["https://app.example"][..], true),
        (&["https://partner.example:8443"], true),
        (&["https://app.example", "https://partner.example:8443"], true),
        (&["https://app.example", "https://evil.example"], false),
        (&["http://app.example"], false),
        (&["https://app.example:8443"], false),
        (&["https://APP.example"], false),
        (&["https://app.example "], false),
        (&["https://www.app.example"], false),
        (&["https://partner.example"], false),
        (&["null"], false),
        (&[], false),
    ] {
        for site in [None, Some("same-site"), Some("cross-site")] {
            let origins = origins.iter().map(|origin| ("origin", *origin));
            let site = site.map(|site| ("sec-fetch-site", site));
            let headers: Vec<_> = origins.chain(site).chain([("host", HOST)]).collect();
            let no_browser = headers.len() == 1;
            let session = send(&client, &sessions, "POST", &headers);
            assert_eq!(session.get().is_some(), lives || no_browser, "{headers:?}");
        }
    }
    assert_eq!(builder().trust_origin("https://app.example/").unwrap_err(), OriginError);
}

#[test]
fn tokens_in_headers_work_from_every_origin() {
    let sessions = builder().build();
    let mut client = Client::mobile().signed_in(&sessions, T0, ada());
    let session = send(&client, &sessions, "POST", FORGED);
    session.set(alan()).unwrap();
    client.receive(&session);
    let session = send(&client, &sessions, "DELETE", FORGED);
    assert_eq!(*session.get().unwrap(), alan());
    session.end().unwrap();
    client.receive(&session);
    assert!(client.kept.is_empty());

    // A client without a token signs in. The cookies in the browser stay.
    let browser = Client::browser().signed_in(&sessions, T0, ada());
    let session = send(&browser, &sessions, "POST", FORGED);
    session.start_with(alan(), Start::new().over(Channel::Bearer)).unwrap();
    assert_eq!(*session.require().unwrap(), alan());
    session.update(|account| account.id += 1).unwrap();
    assert_eq!(session.end(), Err(SessionError::CrossOrigin));
    let names: Vec<_> = session.commit().into_iter().map(|line| line.name).collect();
    assert_eq!(names, ["session-token", "session-renewal", "cache-control", "vary"]);

    let only_bearer = Sessions::<Account>::builder(ring(&[&key_text()]), Policy::default())
        .bearer(Bearer::default());
    let session = send(&Client::mobile(), &only_bearer.build(), "POST", FORGED);
    assert_eq!(session.status(), Status::Absent);
    session.start(ada()).unwrap();
}

#[test]
fn a_cross_origin_request_continues_no_session_of_an_old_library() {
    let sessions = builder()
        .adopt_cookie(OldCookie::new("old").unwrap(), UnixTime::MAX, |_| Some(Adopted::new(ada())))
        .build();
    for (headers, adopted) in [(&[][..], true), (FORGED, false)] {
        let headers = [headers, &[("cookie", "old=ada")]].concat();
        let session = send(&Client::browser(), &sessions, "POST", &headers);
        assert_eq!(session.get().is_some(), adopted);
        let lines: Vec<_> = session.commit().into_iter().collect();
        assert_eq!(effect(&lines).is_empty(), !adopted);
    }
}

#[test]
fn a_safe_request_is_not_asked_where_it_comes_from() {
    let sessions = builder().build();
    let asked = |method| {
        let names = RefCell::new(BTreeSet::new());
        let session = sessions.load_at(T0, method, |name| {
            names.borrow_mut().insert(name.to_owned());
            None::<&[u8]>
        });
        assert_eq!(session.status(), Status::Absent);
        let mut names = names.into_inner();
        names.remove("host"); // a debug build also asks for it to give a hint
        names.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(asked("GET"), ["authorization", "cookie", "upgrade"]);
    assert_eq!(asked("HEAD"), ["authorization", "cookie"]);
    assert_eq!(asked("OPTIONS"), ["authorization", "cookie"]);
    assert_eq!(asked("POST"), ["authorization", "cookie", "origin", "sec-fetch-site"]);
}

#[test]
fn odd_bytes_in_the_headers_never_count_as_this_origin() {
    let sessions = builder().trust_origin("https://app.example").unwrap().build();
    let client = Client::browser().signed_in(&sessions, T0, ada());
    let cookie = client.headers()["cookie"].clone();
    let has_session = |origin: &[u8], site: Option<&[u8]>, host: &[u8]| {
        let session = sessions.load_at(T0, "POST", |name| match name {
            "origin" => Some(origin),
            "sec-fetch-site" => site,
            "host" => Some(host),
            "cookie" => Some(cookie.as_bytes()),
            _ => None,
        });
        session.get().is_some()
    };
    let with = |text: &str, byte: u8| {
        (0..=text.len())
            .map(move |at| [&text.as_bytes()[..at], &[byte], &text.as_bytes()[at..]].concat())
            .collect::<Vec<_>>()
    };
    assert!(has_session(b"https://shop.example", None, b"shop.example"));
    for byte in (0..=255_u8).filter(|byte| !byte.is_ascii_alphanumeric()) {
        for origin in with("https://shop.example", byte) {
            assert!(!has_session(&origin, None, b"shop.example"), "{origin:?}");
        }
        for origin in with("https://app.example", byte) {
            assert!(!has_session(&origin, Some(b"same-site"), b"shop.example"), "{origin:?}");
        }
        for host in with("shop.example", byte) {
            assert!(!has_session(b"https://shop.example", None, &host), "{host:?}");
        }
        for site in with("same-origin", byte) {
            assert!(!has_session(b"https://shop.example", Some(&site), b"shop.example"));
        }
    }
}
