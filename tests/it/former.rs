//! Cookies of an earlier release, whose sessions continue in a cookie with another name or scope.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bulla::session::{Status, Validity};
use bulla::{Cookie, KeyRing, Policy, Session, Sessions, UnixTime};

use crate::support::{Account, T0, ada, alan, secs};

/// The cookies of a browser. It keeps one cookie for each place.
#[derive(Clone, Debug, Default, PartialEq)]
struct Browser {
    kept: Vec<(Place, String)>,
}

/// The name, the domain and the path of a cookie, and whether it is partitioned.
type Place = (String, Option<String>, String, bool);

impl Browser {
    fn send(&self, sessions: &Sessions<Account>, now: UnixTime) -> Session<Account> {
        // Longer paths come first, and then older cookies (RFC 6265bis section 5.8.3).
        let mut kept: Vec<_> = self.kept.iter().collect();
        kept.sort_by_key(|((_, _, path, _), _)| std::cmp::Reverse(path.len()));
        let pairs: Vec<_> =
            kept.iter().map(|((name, ..), value)| format!("{name}={value}")).collect();
        let header = pairs.join("; ");
        sessions.load_at(now, "GET", |name| (name == "cookie").then_some(header.as_bytes()))
    }

    /// Returns the number of `Set-Cookie` lines.
    fn receive(&mut self, session: &Session<Account>) -> usize {
        let lines = session.commit().into_iter().filter(|line| line.name == "set-cookie");
        lines.map(|line| self.take(&line.value)).count()
    }

    fn take(&mut self, line: &str) {
        let cookie = cookie::Cookie::parse(line).unwrap();
        let place = (
            cookie.name().to_owned(),
            cookie.domain().map(str::to_lowercase),
            cookie.path().unwrap().to_owned(),
            cookie.partitioned() == Some(true),
        );
        let at = self.kept.iter().position(|(stored, _)| *stored == place);
        let value = cookie.value().to_owned();
        match (at, cookie.max_age().is_some_and(|age| age.is_zero())) {
            (Some(at), true) => drop(self.kept.remove(at)),
            (Some(at), false) => self.kept[at].1 = value,
            (None, true) => {}
            (None, false) => self.kept.push((place, value)),
        }
    }

    fn visit<R>(
        &mut self,
        sessions: &Sessions<Account>,
        now: UnixTime,
        handler: impl FnOnce(&Session<Account>) -> R,
    ) -> R {
        let session = self.send(sessions, now);
        let result = handler(&session);
        self.receive(&session);
        result
    }

    fn signed_in(sessions: &Sessions<Account>) -> Browser {
        let mut browser = Browser::default();
        browser.visit(sessions, T0, |session| session.start(ada()).unwrap());
        browser
    }
}

fn session() -> Cookie {
    Cookie::new("session").unwrap()
}

fn below(path: &str) -> Cookie {
    session().below_path(path).unwrap()
}

fn shared(domain: &str) -> Cookie {
    session().shared_with_domain(domain).unwrap()
}

/// The former and the new cookie.
fn changes() -> Vec<(Cookie, Cookie)> {
    vec![
        (shared("bank.example"), session()),
        (session(), shared("bank.example")),
        (Cookie::new("id").unwrap(), session()),
        (session().over_plain_http(), session()),
        (below("/app"), session().split()),
        (shared("bank.example").split(), session()),
        // The name stays the same.
        (shared("bank.example"), shared("app.bank.example")),
        (shared("app.bank.example"), shared("BANK.example")),
        (below("/app"), shared("bank.example")),
        (below("/app"), below("/app/v2")),
        (session(), session().partitioned()),
        (session().split(), session()),
        (session().split(), session().partitioned()),
        (session(), session().split()),
        // Only attributes change that do not identify the cookie.
        (session(), session().persistent()),
        (shared("bank.example"), shared("BANK.example")),
    ]
}

/// The sessions of the earlier release, of the release that knows both cookies, and of a later
/// release that knows only the new cookie.
fn releases(former: &Cookie, new: &Cookie) -> [Sessions<Account>; 3] {
    let ring = KeyRing::generate().unwrap();
    let both = new.clone().formerly(former.clone());
    [former.clone(), both, new.clone()]
        .map(|cookie| Sessions::builder(&ring, Policy::default()).cookie(cookie).build())
}

/// A state that needs two cookies, if there may be several.
fn long(sessions: &Sessions<Account>) -> Account {
    let name = "x".repeat(4000);
    let session = Browser::default().send(sessions, T0);
    let long = Account { name, ..ada() };
    if session.start(long.clone()).is_ok() { long } else { ada() }
}

#[test]
fn a_session_in_a_former_cookie_continues_and_moves_with_its_next_change() {
    for (former, new) in changes() {
        let [old, both, later] = releases(&former, &new);
        let mut browser = Browser::default();
        let state = long(&old);
        browser.visit(&old, T0, |session| session.start(state.clone()).unwrap());
        let id = browser.send(&old, T0).info().unwrap().id;

        let session = browser.send(&both, T0);
        assert_eq!(*session.get().unwrap(), state, "{former:?}");
        assert_eq!(browser.receive(&session), 0, "reading writes nothing");

        browser.visit(&both, T0, |session| session.set(alan()).unwrap());
        for sessions in [&both, &later] {
            let session = browser.send(sessions, T0);
            assert_eq!(session.get().unwrap().name, "Alan", "{new:?}: {browser:?}");
            assert_eq!(session.info().unwrap().id, id, "it is the same session");
        }
        assert!(browser.kept.len() <= 2, "{browser:?}");
        let mut only_new = Browser::signed_in(&later);
        only_new.visit(&later, T0 + secs(600), |session| session.get());
        let places = |browser: &Browser| -> Vec<_> {
            browser.kept.iter().map(|(place, _)| place.clone()).collect()
        };
        assert!(places(&browser).iter().all(|place| places(&only_new).contains(place)));
    }
}

#[test]
fn signing_out_deletes_the_former_cookie_with_its_renewal_cookie_and_pieces() {
    for (former, new) in changes() {
        let [old, both, _] = releases(&former, &new);
        let mut browser = Browser::default();
        let state = long(&old);
        browser.visit(&old, T0, |session| session.start(state).unwrap());
        browser.visit(&old, T0 + secs(600), |session| session.get());
        assert!(browser.kept.len() >= 2, "there is a renewal cookie: {browser:?}");
        let signed_in = browser.clone();

        browser.visit(&both, T0 + secs(600), |session| session.end().unwrap());
        assert_eq!(browser.kept, [], "{former:?} {new:?}");

        // The path of the former cookie may keep it out of the request.
        let mut browser = signed_in;
        let elsewhere = Browser::default().send(&both, T0);
        elsewhere.end().unwrap();
        browser.receive(&elsewhere);
        assert!(browser.send(&both, T0).get().is_none(), "{former:?} {new:?}");
    }
}

#[test]
fn signing_in_replaces_the_session_in_a_former_cookie() {
    for (former, new) in changes() {
        let [old, both, later] = releases(&former, &new);
        let mut browser = Browser::signed_in(&old);
        browser.visit(&both, T0, |session| session.start(alan()).unwrap());
        assert_eq!(browser.kept.len(), 1, "{browser:?}");
        assert_eq!(browser.send(&later, T0).get().unwrap().name, "Alan");
    }
}

/// Law 6. If a renewal moved the session, it could undo the concurrent change.
#[test]
fn a_renewal_in_a_former_cookie_never_undoes_a_concurrent_change() {
    for (former, new) in changes() {
        let [old, both, _] = releases(&former, &new);
        let browser = Browser::signed_in(&old);
        let due = T0 + secs(600);
        for order in [[0, 1], [1, 0]] {
            let (renews, changes) = (browser.send(&both, due), browser.send(&both, due));
            assert!(renews.get().is_some());
            changes.set(alan()).unwrap();
            let mut browser = browser.clone();
            for response in order {
                assert!(browser.receive([&renews, &changes][response]) > 0);
            }
            let session = browser.send(&both, due + secs(1799));
            assert_eq!(session.get().unwrap().name, "Alan", "{former:?} {new:?} {order:?}");
        }
    }
}

#[test]
fn a_session_in_a_former_cookie_is_kept_alive_by_activity() {
    for (former, new) in changes() {
        let [old, both, _] = releases(&former, &new);
        let mut browser = Browser::signed_in(&old);
        for minutes in (20..200).step_by(20) {
            let now = T0 + secs(60 * minutes);
            assert!(browser.visit(&both, now, |session| session.get().is_some()), "{former:?}");
        }
        let idle = browser.send(&both, T0 + secs(60 * (180 + 30)));
        assert!(matches!(idle.status(), Status::Refused(_)));
    }
}

#[test]
fn a_session_that_moves_keeps_the_answer_of_the_check_and_the_last_activity() {
    for (former, new) in changes() {
        let ring = KeyRing::generate().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let build = |cookie: Cookie| {
            let asked = Arc::clone(&asked);
            let sessions = Sessions::builder(&ring, Policy::default()).cookie(cookie);
            let check = move |_| {
                asked.fetch_add(1, Ordering::Relaxed);
                std::future::ready(Validity::Holds)
            };
            sessions.revalidate(check).build()
        };
        let (old, both) = (build(former.clone()), build(new.clone().formerly(former.clone())));
        let mut browser = Browser::signed_in(&old);
        let visit = |browser: &mut Browser, sessions, at, handler: fn(&Session<Account>)| {
            browser.visit(sessions, T0 + secs(at), |session| {
                futures_executor::block_on(session.revalidate());
                assert!(session.get().is_some());
                handler(session);
            });
            asked.load(Ordering::Relaxed)
        };
        assert_eq!(visit(&mut browser, &old, 300, |_| {}), 1, "due after five minutes");
        let change = |session: &Session<Account>| session.set(alan()).unwrap();
        assert_eq!(visit(&mut browser, &both, 400, change), 1);
        assert_eq!(visit(&mut browser, &both, 500, |_| {}), 1, "{former:?} {new:?}");
    }
}

#[test]
fn a_former_cookie_does_not_revive_a_session_that_has_moved_and_ended() {
    for (former, new) in changes() {
        if former.name() == new.name() {
            continue; // a request does not tell which of the two cookies came first
        }
        let [old, both, _] = releases(&former, &new);
        let left_over = Browser::signed_in(&old);
        let mut browser = left_over.clone();
        browser.visit(&both, T0, |session| session.set(alan()).unwrap());
        browser.kept.extend(left_over.kept);
        let over = T0 + secs(1800);
        for (now, cookies) in [(over, 2..), (over + secs(60), 0..)] {
            browser.visit(&both, now, |session| assert!(session.get().is_none()));
            assert!(cookies.contains(&browser.kept.len()), "{browser:?}");
        }
        assert_eq!(browser.kept, [], "both are deleted, so the former one is not read later");
    }
}

#[test]
fn a_dead_token_in_a_former_cookie_is_deleted_and_the_new_cookie_is_kept() {
    let (former, new) = (shared("bank.example"), session());
    let [old, both, later] = releases(&former, &new);
    let browser = Browser::signed_in(&old);
    let late = T0 + secs(7200);
    let slow = browser.send(&both, late);
    assert!(slow.get().is_none());

    let mut browser = browser;
    browser.visit(&later, late, |session| session.start(alan()).unwrap());
    browser.receive(&slow);
    assert_eq!(browser.kept.len(), 1, "{browser:?}");
    assert!(browser.send(&both, late).get().is_some());
}

#[test]
fn a_token_in_a_former_cookie_that_cannot_be_judged_is_left_alone() {
    let (former, new) = (shared("bank.example"), session());
    let [elsewhere, ..] = releases(&former, &new);
    let [_, both, _] = releases(&former, &new); // with another ring
    let mut browser = Browser::signed_in(&elsewhere);
    let before = browser.clone();
    browser.visit(&both, T0, |session| assert!(session.get().is_none()));
    assert_eq!(browser, before);
}

/// A rolling deploy in two steps: the first release exchanges the roles of the cookies.
#[test]
fn servers_with_exchanged_cookies_sign_nobody_out() {
    for (former, new) in changes() {
        let ring = KeyRing::generate().unwrap();
        let build = |cookie| Sessions::builder(&ring, Policy::default()).cookie(cookie).build();
        let first = build(former.clone().formerly(new.clone()));
        let second = build(new.clone().formerly(former.clone()));
        let mut browser = Browser::signed_in(&first);
        for (visit, sessions) in
            [&first, &second, &second, &first, &second, &first].iter().enumerate()
        {
            let now = T0 + secs(600 * visit as u64);
            let id = browser.visit(sessions, now, |session| {
                session.update(|account| std::mem::replace(&mut account.id, visit as u64))
            });
            assert_eq!(id.unwrap(), visit.checked_sub(1).map_or(ada().id, |last| last as u64));
            browser.visit(sessions, now + secs(300), |session| assert!(session.get().is_some()));
        }
        browser.visit(&first, T0 + secs(4000), |session| session.end().unwrap());
        assert_eq!(browser.kept, [], "{former:?} {new:?}");
    }
}

#[test]
fn several_former_cookies_are_read_in_order_and_deleted_together() {
    let ring = KeyRing::generate().unwrap();
    let names = ["a", "b", "c"].map(|name| Cookie::new(name).unwrap());
    let [a, b, c] = names.clone();
    let both =
        Sessions::<Account>::builder(&ring, Policy::default()).cookie(c.formerly(b.formerly(a)));
    let both = both.build();
    let mut browser = Browser::default();
    for (cookie, state) in names[..2].iter().zip([ada(), alan()]) {
        let sessions = Sessions::builder(&ring, Policy::default()).cookie(cookie.clone()).build();
        browser.visit(&sessions, T0, |session| session.start(state).unwrap());
    }
    assert_eq!(browser.send(&both, T0).get().unwrap().name, "Alan");
    browser.visit(&both, T0, |session| session.reauthenticated().unwrap());
    assert_eq!(browser.kept.len(), 1, "{browser:?}");
    assert_eq!(browser.send(&both, T0).get().unwrap().name, "Alan");
}

#[test]
fn a_former_cookie_that_is_the_same_cookie_changes_nothing() {
    let ring = KeyRing::generate().unwrap();
    let lines = |cookie| {
        let sessions =
            Sessions::<Account>::builder(&ring, Policy::default()).cookie(cookie).build();
        let session = Browser::default().send(&sessions, T0);
        session.start(ada()).unwrap();
        session.commit().into_iter().filter(|line| line.name == "set-cookie").count()
    };
    assert_eq!(lines(session().formerly(session())), 1);
}
