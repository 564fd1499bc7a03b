//! Pages that guards redirect to: the address to come back to, and which addresses are accepted.

use bulla::session::{Denied, SessionsBuilder, local_path};
use bulla::{Bearer, Cookie, Policy, Session, SessionError, Sessions};

use crate::support::{Account, ada, key_text, ring};

fn builder() -> SessionsBuilder<Account> {
    Sessions::builder(ring(&[&key_text()]), Policy::default())
}

/// The session of a navigation to `target`.
fn navigate(sessions: &Sessions<Account>, target: &str) -> Session<Account> {
    let session =
        sessions.load("GET", |name| (name == "sec-fetch-mode").then_some(&b"navigate"[..]));
    session.set_target("GET", target);
    session
}

/// Where a navigation to `target` is redirected if the sign-in page is `page`.
fn location(page: &str, target: &str) -> String {
    let denied = navigate(&builder().sign_in_page(page).build(), target).require().unwrap_err();
    assert_eq!(denied.status(), 303);
    let (name, location) = denied.header().unwrap();
    assert_eq!(name, "location");
    location.to_owned()
}

#[test]
fn only_paths_on_this_site_are_local() {
    for local in [
        "/",
        "/a",
        "/a/",
        "/.well-known/change-password",
        "/a/../b",
        "/transfer?to=alan&amount=12.50",
        "/search?q=https://x.example//y",
        "/a#b",
        "/a#//b",
        "/?",
        "/@evil.example",
        "/evil.example:80",
        "/caf%C3%A9/a%20b",
        "/100%",
        "/%2",
        "/%zz/%+f",
        "/~a!$&'()*+,;=:@-._",
        "/a[b]{c}|d^e",
    ] {
        assert_eq!(local_path(local), Some(local));
    }
    for other in [
        "",
        "a",
        "evil.example",
        "https://evil.example/",
        "https:/evil.example",
        "javascript:alert(1)",
        "?a",
        "#a",
        "%2F",
        "%2F/evil.example",
        // Browsers read these as the address of another host.
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        " /a",
        // These become the address of another host if a program resolves the dots, or decodes the
        // text once more.
        "/..//evil.example",
        "/.//evil.example",
        "/a/..//evil.example",
        "/a//b",
        "/%2Fevil.example",
        "/%2f/evil.example",
        "/%5cevil.example",
        "/%5Cevil.example",
        "/a%5c..%5cb",
        "/.%2f/evil.example",
        "/%09/evil.example",
        "/%0d%0aset-cookie:a=b",
        "/%00",
        "/%7f",
        // These would end a header or an attribute of HTML, or look like another character.
        "/a\r\nset-cookie: a=b",
        "/a b",
        "/a\0",
        "/a\u{7f}",
        "/a\"onclick=",
        "/<script>",
        "/a`b",
        "/é",
        "/a\u{2028}",
        "/\u{ff0f}evil.example",
        "/a?b=\\",
        "/a?b=é",
        "/a#b c",
    ] {
        assert_eq!(local_path(other), None, "{other:?}");
    }
}

/// The parser of the `url` crate follows the rules of browsers.
#[cfg(feature = "actix4")]
#[test]
fn a_local_path_stays_on_the_site() {
    use proptest::prelude::*;

    let request = actix_web::test::TestRequest::with_uri("https://bank.example/sign-in");
    let site = request.to_http_request().full_url();
    let parts = [
        "/",
        "/",
        "\\",
        ".",
        "..",
        "%2f",
        "%5C",
        "%2e",
        "%09",
        "%25",
        "?",
        "#",
        "@",
        ":",
        ";",
        "\t",
        "\n",
        " ",
        "e",
        "evil.example",
        "http:",
        "é",
        "\u{ff0f}",
    ];
    let texts = prop::collection::vec(prop::sample::select(parts.to_vec()), 1..8);
    proptest!(ProptestConfig::with_cases(20_000), |(text in texts)| {
        let text = text.concat();
        if let Some(local) = local_path(&text) {
            let url = site.join(local).unwrap();
            prop_assert_eq!(url.origin(), site.origin());
            prop_assert!(url.username().is_empty(), "{}", local);
            prop_assert!(!url.path().starts_with("//"), "{}", local);
            // A program may resolve the path and redirect again.
            prop_assert_eq!(site.join(url.path()).unwrap().origin(), site.origin());
        }
    });
}

#[test]
fn a_page_keeps_its_query_and_its_fragment() {
    for (page, expected) in [
        ("/in", "/in?next=/a%3Fb%3Dc"),
        ("/in?", "/in?next=/a%3Fb%3Dc"),
        ("/in?from=%2F", "/in?from=%2F&next=/a%3Fb%3Dc"),
        ("/in#form", "/in?next=/a%3Fb%3Dc#form"),
        ("/in?x#form?next=", "/in?x&next=/a%3Fb%3Dc#form?next="),
        ("/in?nextpage=1", "/in?nextpage=1&next=/a%3Fb%3Dc"),
        // The application has already chosen where the user goes.
        ("/in?next=/welcome", "/in?next=/welcome"),
        ("/in?a=b&next", "/in?a=b&next"),
        // A page on another site cannot use a path of this site, and does not learn the path.
        ("https://accounts.example/in", "https://accounts.example/in"),
        ("//accounts.example/in", "//accounts.example/in"),
        ("in", "in"),
    ] {
        assert_eq!(location(page, "/a?b=c"), expected);
    }
}

#[test]
fn a_target_that_is_not_local_is_not_added() {
    for target in ["//evil.example/", "*", "", "/a\\b", "http://bank.example/a"] {
        assert_eq!(location("/in", target), "/in");
    }
    let longest = format!("/{}", "x".repeat(2047));
    assert_eq!(location("/in", &longest), format!("/in?next={longest}"));
    assert_eq!(location("/in", &format!("{longest}x")), "/in");
    assert_eq!(location("/in", &"/?".repeat(513)), "/in", "1,026 characters, 2,052 encoded");
}

#[test]
fn a_form_that_was_sent_is_not_come_back_to() {
    let sessions = builder().sign_in_page("/in").build();
    for (method, expected) in [("GET", "/in?next=/a"), ("HEAD", "/in?next=/a"), ("POST", "/in")] {
        let session = navigate(&sessions, "*");
        session.set_target(method, "/a");
        let denied = session.require().unwrap_err();
        assert_eq!(denied.header(), Some(("location", expected)));
    }
}

#[test]
fn the_first_target_counts() {
    let session = navigate(&builder().sign_in_page("/in").build(), "/admin/users");
    session.set_target("GET", "/users");
    let denied = session.require().unwrap_err();
    assert_eq!(denied.header(), Some(("location", "/in?next=/admin/users")));
}

#[test]
fn without_a_page_the_target_is_not_read() {
    struct Panics;
    impl std::fmt::Display for Panics {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("the target was formatted")
        }
    }
    let session = navigate(&builder().build(), "/");
    session.set_target("GET", Panics);
    let session = builder().sign_in_page("/in").build().load("GET", |_| None::<&[u8]>);
    session.set_target("GET", Panics);
}

#[test]
fn a_client_of_the_headers_is_never_redirected() {
    for builder in [builder(), builder().cookie(Cookie::default())] {
        let sessions = builder.bearer(Bearer::default()).sign_in_page("/in").build();
        let session = sessions.load("GET", |name| match name {
            "authorization" => Some("Bearer b1.".as_bytes()),
            "sec-fetch-mode" => Some("navigate".as_bytes()),
            "hx-request" => Some("true".as_bytes()),
            _ => None,
        });
        session.set_target("GET", "/a");
        let denied = session.require().unwrap_err();
        assert_eq!((denied.status(), denied.header()), (401, Some(("www-authenticate", "Bearer"))));
    }
}

#[test]
fn a_change_without_a_session_is_refused_like_a_guard() {
    let sessions = builder().sign_in_page("/in").build();
    let session = navigate(&sessions, "/a");
    assert_eq!(session.denied(), None, "the session has not been read yet");
    assert_eq!(session.set(ada()), Err(SessionError::NoSession));
    assert_eq!(session.denied(), session.require().err());
    assert_eq!(session.denied().as_ref().map(Denied::status), Some(303));
    session.start(ada()).unwrap();
    assert_eq!(session.denied(), None);
}
