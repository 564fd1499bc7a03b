//! Reading the cookies that browsers send (RFC 6265bis sections 5.6 and 5.8.3).

use std::sync::{Arc, Mutex};

use bulla::session::OldCookie;
use bulla::{Cookie, KeyRing, Policy, Sessions, UnixTime};

use crate::support::{Account, Client, STATE, T0, ada};

/// The values of the cookie `name` in a header, as the hook of [`OldCookie`] gets them.
fn found(header: &[u8], name: &str) -> Vec<String> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let sessions = Sessions::<Account>::builder(KeyRing::generate().unwrap(), Policy::default())
        .adopt_cookie(OldCookie::new(name).unwrap(), UnixTime::MAX, move |value| {
            sees.lock().unwrap().push(value.to_owned());
            None
        })
        .build();
    let session =
        sessions.load_at(T0, "GET", |header_name| (header_name == "cookie").then_some(header));
    assert!(session.get().is_none());
    drop((session, sessions));
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

/// Checks that the session cookie is found before and after the cookies of `header`.
fn check_session_is_found_beside(header: &[u8]) {
    let sessions = Sessions::<Account>::builder(KeyRing::generate().unwrap(), Policy::default())
        .cookie(Cookie::default())
        .build();
    let mut client = Client::browser().signed_in(&sessions, T0, ada());
    let ours = format!("{STATE}={}", client.kept.remove(STATE).unwrap()).into_bytes();
    for whole in [[header, b"; ", &ours].concat(), [&ours, &b"; "[..], header].concat()] {
        let session = sessions.load_at(T0, "GET", |name| (name == "cookie").then_some(&whole[..]));
        assert!(session.get().is_some(), "{}", String::from_utf8_lossy(&whole));
    }
    // Over HTTP/2 and later, browsers split the header (RFC 9113 section 8.2.3).
    let both = [header, &ours];
    let session = sessions
        .load_at(T0, "GET", |name| if name == "cookie" { both.to_vec() } else { Vec::new() });
    assert!(session.get().is_some());
}

#[test]
fn a_cookie_value_is_read_as_it_was_stored() {
    let table: [(&[u8], &[&str]); 22] = [
        (b"a=1", &["1"]),
        (b"a=1; b=2", &["1"]),
        (b"b=2; a=1", &["1"]),
        // If two cookies have the same name, a browser sends the cookie with the longer path first.
        (b"a=deep; a=shallow", &["deep", "shallow"]),
        // The first = ends the name. The rest is the value.
        (b"a=b=c", &["b=c"]),
        (b"a==", &["="]),
        (b"a=1, b=2", &["1, b=2"]),
        (b"a=$Version=1", &["$Version=1"]),
        // Quotes and escapes are part of the value, even if a quote has no counterpart.
        (b"a=\"1\"", &["\"1\""]),
        (b"a=\"1", &["\"1"]),
        (b"a=x\\\"y", &["x\\\"y"]),
        (b"a=\" 1 \" x", &["\" 1 \" x"]),
        (b"a=%41%3B", &["%41%3B"]),
        (b"a=one two", &["one two"]),
        (b"a=one\ttwo", &["one\ttwo"]),
        ("a=žluť".as_bytes(), &["žluť"]),
        // A browser sends a cookie without a name as its bare value. Empty values are skipped.
        (b"a", &[]),
        (b"a; a=1", &["1"]),
        (b"a=; a=1", &["1"]),
        // Names are compared byte by byte.
        (b"A=1; aa=2; a =3; \xef\xbb\xbfa=4", &["3"]),
        (b"a=\xff\xfe; a=1", &["1"]),
        (b"a=1; a=2; a=3; a=4; a=5", &["1", "2", "3", "4"]),
    ];
    for (header, expected) in table {
        assert_eq!(found(header, "a"), expected, "{}", String::from_utf8_lossy(header));
        check_session_is_found_beside(header);
    }
}

#[test]
fn malformed_cookies_do_not_hide_the_session_cookie() {
    for odd in [
        &b""[..],
        b"=",
        b"=value",
        b"==;==",
        b"; ; ;;",
        b"\"a=b\"=c",
        b"a b=c d",
        b"(a)=1; @=2; {}=3",
        b"$Version=1; a=1; $Path=/",
        b"a=\"1; b=2",
        b"a=1,b=2,c=3",
        b"\x00=\x00; \x7f=\x1b[2J",
        b"a=\r\n b",
        b"\xe4=\xf6; \xc3=\x28",
        b"__Host-session; __Host-session=; __host-session=b1.x; __Host-session2=b1.y",
    ] {
        check_session_is_found_beside(odd);
    }
    check_session_is_found_beside(&vec![b';'; 100_000]);
    check_session_is_found_beside("a=b; ".repeat(10_000).as_bytes());
}

/// The cases of the working group are not in this repository, because we may not distribute
/// them. `tests/http-state.sh` takes the cases from a package and runs this test.
#[test]
#[ignore = "needs the path of parser.json in HTTP_STATE"]
fn all_cases_of_the_http_state_working_group_are_read_correctly() {
    let path = std::env::var("HTTP_STATE").expect("HTTP_STATE is the path of parser.json");
    let cases: Vec<serde_json::Value> =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (mut cookies, mut skipped) = (0, 0);
    for case in &cases {
        let field =
            |cookie: &serde_json::Value, field: &str| cookie[field].as_str().unwrap().to_owned();
        let sent: Vec<(String, String)> = case["sent"]
            .as_array()
            .unwrap()
            .iter()
            .map(|cookie| (field(cookie, "name"), field(cookie, "value")))
            .collect();
        let pairs: Vec<String> =
            sent.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let header = pairs.join("; ");
        check_session_is_found_beside(header.as_bytes());
        for (name, _) in &sent {
            if OldCookie::new(name).is_err() {
                skipped += 1;
                continue;
            }
            let same = sent.iter().filter(|(other, value)| other == name && !value.is_empty());
            let expected: Vec<&String> = same.map(|(_, value)| value).take(4).collect();
            assert_eq!(
                found(header.as_bytes(), name).iter().collect::<Vec<_>>(),
                expected,
                "{case}"
            );
            cookies += 1;
        }
        // Also reads the text of the server, as if a browser sent this text back unchanged.
        for received in case["received"].as_array().unwrap() {
            check_session_is_found_beside(received.as_str().unwrap().as_bytes());
        }
    }
    eprintln!(
        "{} cases, {cookies} cookies found, {skipped} skipped because OldCookie refuses their names",
        cases.len()
    );
    assert!(cases.len() > 200 && cookies > 100);
}
