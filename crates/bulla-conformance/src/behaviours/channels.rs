//! Tokens that are split over several cookies, and tokens in bearer headers.

use bulla::{Cookie, Policy, Sessions};

use crate::Build;
use crate::behaviours::setup::{STATE, key, new_sessions, ring, sets_nothing};
use crate::client::Client;

pub fn split_cookies_grow_and_shrink(build: Build) {
    let sessions = Sessions::builder(ring(&[&key()]), Policy::default())
        .cookie(Cookie::default().split())
        .build();
    let app = build(sessions);
    let mut client = Client::new();
    for (len, cookies) in [(10, 1), (5000, 2), (3500, 2), (10, 1)] {
        let response = client.post(&*app, &format!("/large/{len}"));
        assert_eq!(response.all("set-cookie").count(), 4, "a line for each possible piece");
        assert_eq!(client.kept.len(), cookies);
        assert_eq!(client.get(&*app, "/look").body.len(), len);
    }
    client.post(&*app, "/large/5000");
    client.post(&*app, "/end");
    assert!(client.kept.is_empty());
}

pub fn a_session_in_a_former_cookie_moves_with_its_next_change_and_both_are_deleted(build: Build) {
    let keys = key();
    let former = Cookie::new("session").unwrap().shared_with_domain("bank.example").unwrap();
    let app =
        |cookie| build(Sessions::builder(ring(&[&keys]), Policy::default()).cookie(cookie).build());
    let (old, new) = (app(former.clone()), app(Cookie::default().formerly(former)));
    let mut signed_in = Client::new();
    signed_in.post(&*old, "/start/ada");
    assert_eq!(signed_in.kept.keys().collect::<Vec<_>>(), ["__Secure-session"]);

    for (path, name) in [("/rename/countess", "countess"), ("/start/alan", "alan")] {
        let mut client = signed_in.clone();
        sets_nothing(&client.get(&*new, "/look"));
        client.post(&*new, path);
        assert!(client.kept.contains_key(STATE) && !client.kept.contains_key("__Secure-session"));
        assert_eq!(client.get(&*new, "/look").body, name);
        client.post(&*new, "/end");
        assert!(client.kept.is_empty());
    }
    signed_in.post(&*new, "/end");
    assert!(signed_in.kept.is_empty());
}

pub fn the_bearer_channel_uses_headers_and_no_cookie(build: Build) {
    let app = build(new_sessions());
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
    assert_eq!(as_cookie.get(&*app, "/look").body, "guest", "a token is bound to its channel");

    let response = client.post(&*app, "/end");
    assert_eq!((response.one("set-cookie"), client.kept.len()), (None, 0));
    client.kept.insert("session-token".to_owned(), "b1.forged".to_owned());
    let response = client.get(&*app, "/required");
    assert_eq!((response.status, response.one("www-authenticate")), (401, Some("Bearer")));
}
