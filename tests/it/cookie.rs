//! Cookies: names, attributes, size limits, duplicates and pieces.

use bulla::session::Status;
use bulla::transport::{CookieError, SameSite};
use bulla::{Cookie, KeyRing, Policy, SessionError, Sessions};
use serde::{Deserialize, Serialize};

use crate::support::{Account, Client, STATE, T0, ada, effect, secs};

/// The `Set-Cookie` lines of a sign-in and of a sign-out, with "…" in place of the token.
fn lines(cookie: Cookie) -> [Vec<String>; 2] {
    let sessions = Sessions::<Account>::builder(KeyRing::generate().unwrap(), Policy::default())
        .cookie(cookie)
        .build();
    let shorten = |line: String| match line.split_once("=b1.") {
        Some((name, rest)) => format!("{name}=…{}", &rest[rest.find(';').unwrap()..]),
        None => line,
    };
    [true, false].map(|signs_in| {
        let session = Client::browser().send(&sessions, T0);
        if signs_in {
            session.start(ada()).unwrap();
        } else {
            session.end().unwrap();
        }
        let lines = session.commit().into_iter();
        lines.filter(|line| line.name == "set-cookie").map(|line| shorten(line.value)).collect()
    })
}

#[test]
fn attributes_are_strict_unless_a_call_relaxes_them() {
    let new = || Cookie::new("session").unwrap();
    let table = [
        (Cookie::default(), "__Host-session=…; HttpOnly; SameSite=Lax; Secure; Path=/"),
        (
            new().with_same_site(SameSite::Strict).persistent(),
            "__Host-session=…; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=43200",
        ),
        (
            new().with_same_site(SameSite::None).partitioned(),
            "__Host-session=…; HttpOnly; SameSite=None; Partitioned; Secure; Path=/",
        ),
        (
            new().shared_with_domain("example.com").unwrap(),
            "__Secure-session=…; HttpOnly; SameSite=Lax; Secure; Path=/; Domain=example.com",
        ),
        (
            new().below_path("/app").unwrap(),
            "__Secure-session=…; HttpOnly; SameSite=Lax; Secure; Path=/app",
        ),
        (new().readable_by_scripts(), "__Host-session=…; SameSite=Lax; Secure; Path=/"),
        (
            new().with_same_site(SameSite::None).partitioned().over_plain_http(),
            "session=…; HttpOnly; SameSite=Lax; Path=/",
        ),
    ];
    for (cookie, expected) in table {
        let name = cookie.name().to_owned();
        let [set, removed] = lines(cookie);
        assert_eq!(set, [expected]);
        // A deletion repeats the name, the path, the domain, the prefix and `Secure`.
        let attributes = expected.split_once("; ").unwrap().1.replace("; Max-Age=43200", "");
        let expected =
            format!("{name}=; {attributes}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(removed, [expected]);
    }
}

#[test]
fn a_persistent_cookie_is_kept_for_400_days_at_most() {
    let policy = Policy::new(secs(86_400), secs(1000 * 86_400));
    let sessions = Sessions::<Account>::builder(KeyRing::generate().unwrap(), policy)
        .cookie(Cookie::default().persistent())
        .build();
    let session = Client::browser().send(&sessions, T0);
    session.start(ada()).unwrap();
    let line = session.commit().into_iter().next().unwrap();
    assert!(line.value.ends_with("; Max-Age=34560000"), "{}", line.value.len());
}

#[test]
fn invalid_cookie_names_domains_and_paths_are_refused() {
    let long = "x".repeat(65);
    for name in ["", "a b", "a;b", "a=b", "ä", "__Host-x", "x-renewal", "x-1", "\r\n", &long] {
        assert_eq!(Cookie::new(name).unwrap_err(), CookieError::Name, "{name}");
    }
    let domain = |len: usize| format!("{}.com", "x".repeat(len - 4));
    assert!(Cookie::default().shared_with_domain(&domain(253)).is_ok());
    assert!(Cookie::default().shared_with_domain(&domain(254)).is_err());
    let path = |len: usize| format!("/{}", "x".repeat(len - 1));
    assert!(Cookie::default().below_path(&path(1024)).is_ok());
    assert!(Cookie::default().below_path(&path(1025)).is_err());
    for domain in ["", "com", ".example.com", "example.com.", "a b.com", "a.com\r\nX: y", "a.com;"]
    {
        assert!(Cookie::default().shared_with_domain(domain).is_err(), "{domain}");
    }
    for path in ["", "app", "/a;b", "/a\r\nX: y", "/ä"] {
        assert!(Cookie::default().below_path(path).is_err(), "{path}");
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, bulla::Payload)]
#[payload(purpose = "test/bytes")]
struct Text(String);

fn texts(cookie: Cookie) -> Sessions<Text> {
    Sessions::builder(KeyRing::generate().unwrap(), Policy::default()).cookie(cookie).build()
}

/// The length of the longest state that fits, and the error for one byte more.
fn longest(sessions: &Sessions<Text>) -> (usize, SessionError) {
    let start = |len| Client::browser().send(sessions, T0).start(Text("x".repeat(len)));
    let mut fits = 0;
    for bit in (0..13).rev() {
        if start(fits + (1 << bit)).is_ok() {
            fits += 1 << bit;
        }
    }
    (fits, start(fits + 1).unwrap_err())
}

#[test]
fn setting_a_state_too_large_for_its_cookie_fails_and_keeps_the_old_state() {
    let sessions = texts(Cookie::default());
    let (fits, error) = longest(&sessions);
    let SessionError::TooLarge { size, limit } = error else { panic!("{error}") };
    assert_eq!(limit, 4096);
    assert!(size > 4096 && size < 4096 + 64, "{size}");
    assert!(fits > 2850, "{fits}");

    let mut client = Client::browser().signed_in(&sessions, T0, Text("x".repeat(fits)));
    assert!(STATE.len() + client.kept[STATE].len() <= 4096);
    client.visit(&sessions, T0, |session| {
        assert!(session.set(Text("x".repeat(fits + 1))).is_err());
        assert_eq!(session.get().unwrap().0.len(), fits);
    });
    assert_eq!(client.send(&sessions, T0).get().unwrap().0.len(), fits);
}

/// The length of a token grows in steps. Cookie names of 1 to 64 octets give the lengths between.
#[test]
fn the_size_limit_is_exact_for_every_length_of_the_cookie_name() {
    for len in 1..=64 {
        let (_, error) = longest(&texts(Cookie::new(&"x".repeat(len)).unwrap()));
        let SessionError::TooLarge { size, limit } = error else { panic!("{error}") };
        assert!(limit == 4096 && size > 4096, "{size} octets were refused, name of {len}");
    }
}

#[test]
fn a_too_large_error_gives_the_limit_of_the_channel_for_any_size() {
    let start = |client: Client, len| {
        let sessions = Sessions::<Text>::builder(KeyRing::generate().unwrap(), Policy::default())
            .cookie(Cookie::default())
            .bearer(bulla::Bearer::default())
            .build();
        let session = client.send(&sessions, T0);
        let over = bulla::session::Start::new().over(match client == Client::mobile() {
            true => bulla::session::Channel::Bearer,
            false => bulla::session::Channel::Cookie,
        });
        session.start_with(Text("x".repeat(len)), over)
    };
    for (client, len, largest) in [
        (Client::browser(), 3500, 4096),
        (Client::browser(), 20_000, 4096),
        (Client::mobile(), 6090, 8192),
        (Client::mobile(), 20_000, 8192),
    ] {
        let Err(SessionError::TooLarge { size, limit }) = start(client, len) else {
            panic!("{len} bytes are no error");
        };
        assert_eq!(limit, largest);
        assert!(size > len && size < len * 4 / 3 + 300, "{size}");
    }
}

#[test]
fn the_largest_state_can_still_move_to_a_new_key() {
    let (old, new) = (crate::support::key_text(), crate::support::key_text());
    let long = || Cookie::new(&"x".repeat(64)).unwrap();
    for cookie in [Cookie::default(), Cookie::default().split(), long(), long().split()] {
        let before = Sessions::<Text>::builder(crate::support::ring(&[&old]), Policy::default())
            .cookie(cookie.clone())
            .build();
        let after =
            Sessions::<Text>::builder(crate::support::ring(&[&new, &old]), Policy::default())
                .cookie(cookie)
                .build();
        let (fits, _) = longest(&before);
        let mut client = Client::browser().signed_in(&before, T0, Text("x".repeat(fits)));
        client.visit(&after, T0, |session| assert_eq!(session.get().unwrap().0.len(), fits));
        assert!(client.kept.keys().any(|name| name.ends_with("-renewal")));
        for (name, value) in &client.kept {
            assert!(name.len() + value.len() <= 4096, "{name}: {}", name.len() + value.len());
        }
    }
}

#[test]
fn the_first_of_several_cookies_of_one_name_that_opens_is_used() {
    let sessions = Sessions::<Account>::new(KeyRing::generate().unwrap(), Policy::default());
    let good = Client::browser().signed_in(&sessions, T0, ada()).kept[STATE].clone();
    let bad = good.replace(&good[60..64], "AAAA");
    let found = |header: &str| {
        let session =
            sessions.load_at(T0, "GET", |name| (name == "cookie").then_some(header.as_bytes()));
        session.get().is_some()
    };
    let table = [
        (format!("{STATE}={good}"), true),
        (format!("a=b; {STATE}={good}; c=d"), true),
        (format!("{STATE}={bad}; {STATE}={good}"), true),
        (format!("{STATE}=; {STATE}={good}"), true),
        (format!("{STATE}={bad}; {STATE}={bad}; {STATE}={bad}; {STATE}={good}"), true),
        (
            format!("{STATE}={bad}; {STATE}={bad}; {STATE}={bad}; {STATE}={bad}; {STATE}={good}"),
            false,
        ),
        (format!("{STATE}=\"{good}\""), false),
        (format!("session={good}"), false),
        (format!("__host-session={good}"), false),
        (format!("__Host-session2={good}"), false),
        (format!("x{STATE}={good}"), false),
        (format!(";;; ;{STATE}={good};;"), true),
        (format!("{STATE} = {good} "), true),
        (STATE.to_owned(), false),
        (String::new(), false),
    ];
    for (header, opens) in table {
        assert_eq!(found(&header), opens, "{}", header.replace(&good, "GOOD").replace(&bad, "BAD"));
    }
    let latin1 = [b"name=Andr\xe9; ", STATE.as_bytes(), b"=", good.as_bytes()].concat();
    let session = sessions.load_at(T0, "GET", |name| (name == "cookie").then_some(&latin1[..]));
    assert!(session.get().is_some(), "a cookie that is not UTF-8 does not hide the session");
}

#[test]
fn a_header_of_10_000_bad_cookies_is_refused() {
    let sessions = Sessions::<Account>::new(KeyRing::generate().unwrap(), Policy::default());
    let header = format!("{STATE}=b1.AAAA; ").repeat(10_000);
    let session =
        sessions.load_at(T0, "GET", |name| (name == "cookie").then_some(header.as_bytes()));
    assert!(matches!(session.status(), Status::Refused(_)));
}

#[test]
fn every_write_of_a_split_session_sets_or_deletes_every_piece() {
    let sessions = texts(Cookie::default().split());
    let mut client = Client::browser();
    for (len, pieces) in [(10, 1), (5000, 2), (10, 1), (3200, 2), (4900, 2)] {
        let session = client.send(&sessions, T0);
        session.start(Text("x".repeat(len))).unwrap();
        let lines = client.receive(&session);
        assert_eq!(lines.iter().filter(|line| line.name == "set-cookie").count(), 4);
        assert_eq!(client.kept.len(), pieces, "{len}");
        assert_eq!(client.send(&sessions, T0).get().unwrap().0.len(), len);
    }
    let session = client.send(&sessions, T0);
    session.end().unwrap();
    client.receive(&session);
    assert!(client.kept.is_empty());
}

#[test]
fn an_incomplete_or_mixed_set_of_pieces_is_left_alone() {
    let sessions = texts(Cookie::default().split());
    let whole =
        |c: char| Client::browser().signed_in(&sessions, T0, Text(c.to_string().repeat(5000)));
    let (a, b) = (whole('a'), whole('b'));
    assert_eq!(a.kept.len(), 2);
    for name in a.kept.keys() {
        let mut mixed = a.clone();
        mixed.kept.insert(name.clone(), b.kept[name].clone());
        let mut cut = a.clone();
        cut.kept.remove(name);
        for mut client in [mixed, cut] {
            let before = client.clone();
            let session = client.send(&sessions, T0);
            assert!(session.get().is_none());
            assert_eq!(effect(&client.receive(&session)), "");
            assert_eq!(client, before);
        }
    }
    // If a header has two complete sets, the first is read.
    let header: Vec<String> =
        a.kept.iter().chain(&b.kept).map(|(k, v)| format!("{k}={v}")).collect();
    let header = header.join("; ");
    let session =
        sessions.load_at(T0, "GET", |name| (name == "cookie").then_some(header.as_bytes()));
    assert!(session.get().unwrap().0.starts_with('a'));
}

#[test]
fn a_whole_token_under_the_name_of_a_piece_is_ignored() {
    let sessions = texts(Cookie::default().split());
    let client = Client::browser().signed_in(&sessions, T0, Text("x".to_owned()));
    let token = &client.kept[STATE];
    for index in 1..4 {
        let header = format!("{STATE}-{index}={token}");
        let session =
            sessions.load_at(T0, "GET", |name| (name == "cookie").then_some(header.as_bytes()));
        assert!(session.get().is_none(), "{STATE}-{index}");
        assert_eq!(session.status(), Status::Absent);
        assert!(!session.commit().into_iter().any(|line| line.name == "set-cookie"));
    }
}

#[test]
fn a_damaged_first_piece_does_not_hide_a_good_one() {
    let sessions = texts(Cookie::default().split());
    let client = Client::browser().signed_in(&sessions, T0, Text("x".repeat(5000)));
    let pairs: Vec<String> = client.kept.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let damaged = pairs[0].replacen(".b1.", ".b2.", 1);
    assert_ne!(damaged, pairs[0]);
    let header = [&[damaged], &pairs[..]].concat().join("; ");
    let session =
        sessions.load_at(T0, "GET", |name| (name == "cookie").then_some(header.as_bytes()));
    assert!(session.get().is_some());
}
