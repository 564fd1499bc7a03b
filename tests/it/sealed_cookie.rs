//! Cookies that hold one sealed value beside the session.

use bulla::transport::SetError;
use bulla::{
    Cookie, KeyRing, OpenError, Payload, Policy, Sealed, SealedCookie, Sealer, Sessions, UnixTime,
};
use serde::{Deserialize, Serialize};

use crate::support::{Account, Client, T0, ada, key_text, ring, secs};

#[derive(Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/flash")]
struct Flash {
    text: String,
}

fn flash(text: &str) -> Flash {
    Flash { text: text.to_owned() }
}

fn cookie(ring: &KeyRing) -> SealedCookie<Flash> {
    SealedCookie::new(ring, "flash", secs(60)).unwrap()
}

/// The value of a request with this `Cookie` header.
fn load<T: Payload>(cookie: &SealedCookie<T>, header: &str, now: UnixTime) -> Sealed<T> {
    cookie.load_at(now, "GET", |name| (name == "cookie").then_some(header.as_bytes()))
}

/// The `Set-Cookie` lines of the response.
fn lines<T>(value: &Sealed<T>) -> Vec<String> {
    let lines = value.commit().into_iter().filter(|line| line.name == "set-cookie");
    lines.map(|line| line.value).collect()
}

/// The `Cookie` header of a browser in which the value was set at `T0`.
fn header<T: Payload>(cookie: &SealedCookie<T>, value: &T) -> String {
    let sealed = load(cookie, "", T0);
    sealed.set(value).unwrap();
    let pairs: Vec<_> = lines(&sealed)
        .iter()
        .map(|line| line.split(';').next().unwrap().to_owned())
        .filter(|pair| !pair.ends_with('='))
        .collect();
    pairs.join("; ")
}

#[test]
fn a_value_opens_until_its_lifetime_has_passed_and_not_after() {
    let ring = KeyRing::generate().unwrap();
    let cookie = cookie(&ring);
    let header = header(&cookie, &flash("saved"));
    for (now, opens) in [(T0, true), (T0 + secs(59), true), (T0 + secs(60), false)] {
        assert_eq!(load(&cookie, &header, now).get().is_some(), opens);
    }
    let shorter = SealedCookie::<Flash>::new(&ring, "flash", secs(10)).unwrap();
    assert!(load(&shorter, &header, T0 + secs(9)).get().is_some());
    let late = load(&shorter, &header, T0 + secs(10));
    assert_eq!(late.refused(), Some(OpenError::Expired { expires_at: T0 + secs(10) }));
    assert!(late.take().is_none());
    assert_eq!(lines(&late).len(), 1, "an expired cookie is deleted");
}

/// Otherwise an attacker could use the token of a link, or of another cookie, as this cookie.
#[test]
fn a_token_opens_only_in_the_cookie_for_which_it_was_made() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, Payload)]
    #[payload(purpose = "bank.example/other")]
    struct Other {
        text: String,
    }
    let ring = KeyRing::generate().unwrap();
    let cookie = cookie(&ring);
    let value = |header: String| header.split_once('=').unwrap().1.to_owned();
    let own = value(header(&cookie, &flash("saved")));
    let other_name = SealedCookie::<Flash>::new(&ring, "notice", secs(60)).unwrap();
    let other_type = SealedCookie::<Other>::new(&ring, "flash", secs(60)).unwrap();
    let sealer = Sealer::<Flash>::new(&ring, secs(60));
    let sessions = Sessions::<Flash>::builder(&ring, Policy::default())
        .cookie(Cookie::new("flash").unwrap())
        .build();
    let session = Client::browser().signed_in(&sessions, T0, flash("saved"));
    for (token, opens) in [
        (own, true),
        (value(header(&other_name, &flash("saved"))), false),
        (value(header(&other_type, &Other { text: "saved".to_owned() })), false),
        (sealer.seal_at(&flash("saved"), T0).unwrap(), false),
        (session.kept["__Host-flash"].clone(), false),
    ] {
        let found = load(&cookie, &format!("__Host-flash={token}"), T0);
        assert_eq!(found.get().is_some(), opens);
        let as_link = sealer.open_at(&token, T0).is_ok();
        assert!(!(opens && as_link), "a cookie is no link");
    }
}

#[test]
fn a_value_is_taken_once_in_a_request_and_its_cookie_is_deleted() {
    let cookie = cookie(&KeyRing::generate().unwrap());
    let header = header(&cookie, &flash("saved"));
    let sealed = load(&cookie, &header, T0);
    assert_eq!(sealed.get(), Some(flash("saved")));
    assert_eq!(sealed.clone().take(), Some(flash("saved")));
    assert_eq!((sealed.take(), sealed.get()), (None, None));
    let deleted = "__Host-flash=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; \
                   Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(lines(&sealed), [deleted]);

    let removed = load(&cookie, &header, T0);
    removed.remove().unwrap();
    assert_eq!(removed.get(), None);
    assert_eq!(lines(&removed), [deleted]);
}

#[test]
fn a_value_that_was_set_is_read_and_taken_in_the_same_request() {
    let cookie = cookie(&KeyRing::generate().unwrap());
    let header = header(&cookie, &flash("first"));
    let sealed = load(&cookie, &header, T0);
    sealed.set(&flash("second")).unwrap();
    assert_eq!(sealed.get(), Some(flash("second")));
    assert_eq!(sealed.take(), Some(flash("second")));
    assert!(lines(&sealed)[0].contains("Max-Age=0"), "the first value is deleted in the browser");

    let sealed = load(&cookie, &header, T0);
    sealed.take().unwrap();
    sealed.set(&flash("second")).unwrap();
    let line = lines(&sealed).swap_remove(0);
    assert_eq!(load(&cookie, line.split(';').next().unwrap(), T0).get(), Some(flash("second")));
}

#[test]
fn after_the_response_was_sent_nothing_changes_and_nothing_is_taken() {
    let cookie = cookie(&KeyRing::generate().unwrap());
    let header = header(&cookie, &flash("saved"));
    let sealed = load(&cookie, &header, T0);
    assert!(sealed.commit().is_empty(), "an unused cookie adds no header");
    assert_eq!(sealed.set(&flash("late")), Err(SetError::ResponseSent));
    assert_eq!(sealed.remove(), Err(SetError::ResponseSent));
    assert_eq!(sealed.take(), None, "it would not be deleted");
    assert_eq!(sealed.get(), Some(flash("saved")));
    assert!(sealed.commit().is_empty());
}

#[test]
fn a_failed_handler_sets_nothing_and_still_deletes_what_it_took() {
    let cookie = cookie(&KeyRing::generate().unwrap());
    let header = header(&cookie, &flash("saved"));
    let failed = |handler: fn(&Sealed<Flash>)| {
        let sealed = load(&cookie, &header, T0);
        handler(&sealed);
        sealed.discard_changes();
        lines(&sealed)
    };
    assert_eq!(failed(|sealed| sealed.set(&flash("new")).unwrap()).len(), 0);
    let handlers: [fn(&Sealed<Flash>); 3] = [
        |sealed| assert!(sealed.take().is_some()),
        |sealed| sealed.remove().unwrap(),
        |sealed| {
            sealed.take().unwrap();
            sealed.set(&flash("new")).unwrap();
        },
    ];
    for handler in handlers {
        assert!(failed(handler)[0].contains("Max-Age=0"));
    }
}

#[test]
fn a_token_that_another_server_may_accept_is_left_alone_and_a_dead_one_is_deleted_when_taken() {
    let (old, new) = (key_text(), key_text());
    let header = header(&cookie(&ring(&[&old])), &flash("saved"));
    let both = cookie(&ring(&[&new, &old]));
    assert!(load(&both, &header, T0).get().is_some(), "the key was replaced");

    let without = cookie(&ring(&[&new]));
    let unknown = load(&without, &header, T0);
    assert!(matches!(unknown.refused(), Some(OpenError::UnknownKey(_))));
    assert!(unknown.take().is_none());
    assert_eq!(lines(&unknown).len(), 0);

    let dead = header.replace(&header[60..64], "AAAA");
    let forged = load(&both, &dead, T0);
    assert!(forged.take().is_none());
    assert_eq!(lines(&forged).len(), 1);
    // One of two tokens of the name may be valid elsewhere, so nothing is deleted.
    let two = load(&without, &format!("{header}; {}", dead), T0);
    assert!(two.take().is_none());
    assert_eq!(lines(&two).len(), 0);
    // Another host may have set a second cookie of the name.
    let tossed = load(&both, &format!("{dead}; {header}"), T0);
    assert_eq!(tossed.take(), Some(flash("saved")));
}

#[test]
fn a_value_of_an_older_schema_is_upgraded() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, Payload)]
    #[payload(purpose = "bank.example/flash", version = 2, previous = Flash)]
    struct Flash2 {
        text: String,
        kind: u8,
    }
    impl From<Flash> for Flash2 {
        fn from(old: Flash) -> Flash2 {
            Flash2 { text: old.text, kind: 0 }
        }
    }
    let ring = KeyRing::generate().unwrap();
    let newer = SealedCookie::<Flash2>::new(&ring, "flash", secs(60)).unwrap();
    let older_header = header(&cookie(&ring), &flash("saved"));
    let upgraded = Flash2 { text: "saved".to_owned(), kind: 0 };
    assert_eq!(load(&newer, &older_header, T0).get(), Some(upgraded));
    let newer_header = header(&newer, &Flash2 { text: "new".to_owned(), kind: 1 });
    let older = cookie(&ring);
    let newer_value = load(&older, &newer_header, T0);
    assert!(newer_value.take().is_none());
    assert_eq!(lines(&newer_value).len(), 0, "a newer server reads it");
}

#[test]
fn a_value_too_large_for_its_cookie_is_an_error_with_the_exact_limit() {
    let ring = KeyRing::generate().unwrap();
    let cookie = cookie(&ring);
    let set = |len: usize| load(&cookie, "", T0).set(&flash(&"x".repeat(len)));
    let longest = (0..4096).rev().find(|len| set(*len).is_ok()).unwrap();
    assert!(header(&cookie, &flash(&"x".repeat(longest))).len() <= 4096 + "=".len());
    let Err(SetError::TooLarge { size, limit }) = set(longest + 1) else { panic!("it fits") };
    assert!(limit == 4096 && size > 4096 && size < 4096 + 64, "{size}");

    let split = Cookie::new("flash").unwrap().split();
    let split = SealedCookie::<Flash>::with_attributes(&ring, split, secs(60));
    let long = flash(&"x".repeat(longest + 1));
    let header = header(&split, &long);
    assert_eq!(header.split("; ").count(), 2);
    let sealed = load(&split, &header, T0);
    assert_eq!(sealed.take(), Some(long));
    assert_eq!(lines(&sealed).len(), 4);
}

#[test]
fn the_attributes_of_the_cookie_can_be_chosen() {
    let ring = KeyRing::generate().unwrap();
    let device = Cookie::new("device").unwrap();
    let table = [
        (device.clone(), "HttpOnly; SameSite=Lax; Secure; Path=/"),
        (device.clone().persistent(), "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=34560000"),
        (
            device.with_same_site(bulla::transport::SameSite::Strict).below_path("/app").unwrap(),
            "HttpOnly; SameSite=Strict; Secure; Path=/app",
        ),
    ];
    for (cookie, attributes) in table {
        let year_and_more = secs(500 * 86_400);
        let cookie = SealedCookie::<Flash>::with_attributes(&ring, cookie, year_and_more);
        let sealed = load(&cookie, "", T0);
        sealed.set(&flash("known")).unwrap();
        assert_eq!(lines(&sealed)[0].split_once("; ").unwrap().1, attributes);
    }
}

#[test]
fn a_value_in_a_former_cookie_is_read_and_deleted_with_the_next_change() {
    let ring = KeyRing::generate().unwrap();
    let former = Cookie::new("flash").unwrap().shared_with_domain("bank.example").unwrap();
    let build = |cookie| SealedCookie::<Flash>::with_attributes(&ring, cookie, secs(60));
    let (old, new) = (build(former.clone()), build(Cookie::new("flash").unwrap().formerly(former)));
    let header = header(&old, &flash("saved"));
    let read = load(&new, &header, T0);
    assert_eq!(read.get(), Some(flash("saved")));
    assert_eq!(lines(&read).len(), 0);
    let taken = load(&new, &header, T0);
    assert_eq!(taken.take(), Some(flash("saved")));
    assert!(lines(&taken).iter().any(|line| line.starts_with("__Secure-flash=;")));
    let changed = load(&new, &header, T0);
    changed.set(&flash("new")).unwrap();
    let lines = lines(&changed);
    assert!(lines[0].starts_with("__Secure-flash=;") && lines[1].starts_with("__Host-flash=b1."));
}

#[test]
fn a_sealed_cookie_and_a_session_of_one_request_do_not_disturb_each_other() {
    let ring = KeyRing::generate().unwrap();
    let sessions = Sessions::<Account>::new(&ring, Policy::default());
    let cookie = cookie(&ring);
    let client = Client::browser().signed_in(&sessions, T0, ada());
    let header = format!(
        "__Host-session={}; {}",
        client.kept["__Host-session"],
        header(&cookie, &flash("saved"))
    );
    let session =
        sessions.load_at(T0, "GET", |name| (name == "cookie").then_some(header.as_bytes()));
    let sealed = load(&cookie, &header, T0);
    assert!(session.get().is_some() && sealed.take().is_some());
    assert!(!session.commit().into_iter().any(|line| line.name == "set-cookie"));
    assert_eq!(lines(&sealed).len(), 1);
}

/// A request with the cookie, which a page from another site has sent.
fn forged(cookie: &SealedCookie<Flash>, header: &str, origin: &str) -> Sealed<Flash> {
    cookie.load_at(T0, "POST", |name| match name {
        "cookie" => Some(header.as_bytes()),
        "host" => Some(&b"bank.example"[..]),
        "origin" => Some(origin.as_bytes()),
        "sec-fetch-site" => Some(&b"cross-site"[..]),
        _ => None,
    })
}

#[test]
fn a_request_from_another_origin_has_no_value_and_changes_nothing() {
    let cookie = cookie(&KeyRing::generate().unwrap());
    let header = header(&cookie, &flash("saved"));
    for header in [header.as_str(), ""] {
        let sealed = forged(&cookie, header, "https://evil.example");
        assert_eq!(sealed.set(&flash("forged")), Err(SetError::CrossOrigin));
        assert_eq!(sealed.remove(), Err(SetError::CrossOrigin));
        assert_eq!((sealed.get(), sealed.take(), sealed.refused()), (None, None, None));
        sealed.discard_changes();
        assert_eq!(lines(&sealed).len(), 0);
        assert_eq!(sealed.set(&flash("late")), Err(SetError::ResponseSent));
    }
}

#[test]
fn a_page_of_a_trusted_origin_may_use_the_cookie() {
    let cookie = cookie(&KeyRing::generate().unwrap());
    let header = header(&cookie, &flash("saved"));
    let trusting = cookie.clone().trust_origin("https://id.example").unwrap();
    let trusting = trusting.trust_origin("https://id2.example").unwrap();
    for origin in ["https://id.example", "https://id2.example"] {
        assert!(forged(&trusting, &header, origin).take().is_some(), "{origin}");
        assert!(forged(&cookie, &header, origin).take().is_none(), "{origin}");
    }
    assert!(forged(&trusting, &header, "null").take().is_none());
    for text in ["null", "https://id.example/", "*"] {
        assert!(cookie.clone().trust_origin(text).is_err(), "{text}");
    }
}

#[test]
fn a_layer_inside_a_layer_for_the_same_cookie_shares_its_value() {
    let ring = KeyRing::generate().unwrap();
    let (cookie, header) = (cookie(&ring), |_: &str| None::<&[u8]>);
    let notice = SealedCookie::<Flash>::new(&ring, "notice", secs(60)).unwrap();
    let outer = cookie.load_unless_shared(None, "GET", header).unwrap();
    assert!(cookie.load_unless_shared(Some(&outer), "GET", header).is_none());
    assert!(notice.load_unless_shared(Some(&outer), "GET", header).is_some());
    let _ = outer.commit();
    assert!(cookie.load_unless_shared(Some(&outer), "GET", header).is_some(), "it was sent");
}

#[test]
fn debug_shows_no_value_and_no_token() {
    let cookie = cookie(&KeyRing::generate().unwrap());
    let header = header(&cookie, &flash("very secret"));
    let sealed = load(&cookie, &header, T0);
    sealed.set(&flash("very secret")).unwrap();
    let shown = format!("{cookie:?} {sealed:?} {:?}", sealed.commit());
    assert!(shown.contains("__Host-flash") && !shown.contains("secret") && !shown.contains("b1."));
}
