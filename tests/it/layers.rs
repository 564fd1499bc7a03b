//! Which sessions a layer inside another layer shares with it.

use bulla::{Bearer, Cookie, Policy, Session, Sessions};

use crate::support::{Account, ada, key_text, ring};

fn sessions(cookie: Option<&str>, bearer: Option<Bearer>) -> Sessions<Account> {
    let mut builder = Sessions::builder(ring(&[&key_text()]), Policy::default());
    if let Some(name) = cookie {
        builder = builder.cookie(Cookie::new(name).unwrap());
    }
    if let Some(bearer) = bearer {
        builder = builder.bearer(bearer);
    }
    builder.build()
}

fn enter(
    sessions: &Sessions<Account>,
    outer: Option<&Session<Account>>,
    headers: &[(&str, &str)],
) -> Option<Session<Account>> {
    sessions.load_unless_shared(outer, "GET", |name| {
        let values = headers.iter().filter(|(header, _)| *header == name);
        values.map(|(_, value)| value.as_bytes()).collect::<Vec<_>>()
    })
}

#[test]
fn two_layers_share_a_session_if_they_write_the_same_cookie_or_header() {
    let other = || Bearer::named("app-token", "app-renewal").unwrap();
    let (browser, mobile): (&[_], &[_]) = (&[], &[("authorization", "Bearer b1.")]);
    for (outer, inner, request, shares) in [
        ((Some("a"), None), (Some("a"), None), browser, true),
        ((Some("a"), None), (Some("b"), None), browser, false),
        ((Some("a"), None), (None, Some(Bearer::default())), browser, false),
        // A layer that reads only cookies does not see the token in the headers.
        ((Some("a"), None), (Some("a"), Some(Bearer::default())), browser, true),
        ((Some("a"), None), (Some("a"), Some(Bearer::default())), mobile, false),
        ((Some("a"), Some(Bearer::default())), (Some("a"), None), mobile, false),
        ((Some("a"), Some(Bearer::default())), (Some("b"), Some(Bearer::default())), mobile, true),
        ((None, Some(Bearer::default())), (None, Some(Bearer::default())), browser, true),
        ((None, Some(Bearer::default())), (None, Some(other())), mobile, false),
    ] {
        let names = format!("{outer:?} {inner:?}");
        let (outer, inner) = (sessions(outer.0, outer.1), sessions(inner.0, inner.1));
        let session = enter(&outer, None, request).unwrap();
        assert_eq!(enter(&inner, Some(&session), request).is_none(), shares, "{names}");
    }
}

#[test]
fn a_session_whose_response_was_built_is_not_shared() {
    let sessions = sessions(Some("a"), None);
    let outer = enter(&sessions, None, &[]).unwrap();
    assert!(enter(&sessions, Some(&outer), &[]).is_none());
    let _ = outer.commit();
    let inner = enter(&sessions, Some(&outer), &[]).unwrap();
    inner.start(ada()).unwrap();
}

#[cfg(feature = "tracing")]
#[test]
fn only_an_inner_layer_with_other_settings_logs_a_warning_and_only_once() {
    let (one, other) = (sessions(Some("a"), None), sessions(Some("a"), None));
    let (_, log) = bulla_conformance::logged(tracing::Level::WARN, || {
        for _ in 0..2 {
            let outer = enter(&one, None, &[]);
            assert!(enter(&one.clone(), outer.as_ref(), &[]).is_none());
        }
    });
    assert_eq!(log, "");
    let (_, log) = bulla_conformance::logged(tracing::Level::WARN, || {
        for _ in 0..2 {
            let outer = enter(&one, None, &[]);
            assert!(enter(&other, outer.as_ref(), &[]).is_none());
        }
    });
    assert_eq!(log.matches("settings of the inner layer").count(), 1, "{log}");
}
