//! Guards around whole routers, scopes or lists of routes. They answer as extractors in a handler
//! do.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::behaviours::cross_origin::{FOREIGN, send};
use crate::behaviours::pages::{FETCH, HTMX, MOBILE, NAVIGATION, refusal, with};
use crate::behaviours::setup::{Clock, STATE, builder, key, minutes, sets_nothing};
use crate::client::Client;
use crate::{Build, Customer};

pub fn a_guard_around_routes_answers_as_in_a_handler(build: Build) {
    let clock = Clock::new();
    let sessions = builder(&[&key()], &clock).sign_in_page("/in").step_up_page("/confirm");
    let ada = || Customer { full_name: "Ada Lovelace".to_owned(), may_trade: true };
    let app = build(sessions.user(move |_| async move { Ok::<_, &str>(Some(ada())) }).build());
    let guest = Client::new();
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    for (path, body) in [("/customer", "Ada Lovelace"), ("/fresh", "fresh"), ("/trade", "trade")] {
        assert_eq!(client.get(&*app, &format!("/guarded{path}")).body, body);
    }
    clock.advance(minutes(6));
    let cases =
        [(&guest, "/customer"), (&guest, "/trade"), (&guest, "/fresh"), (&client, "/fresh")];
    for (client, path) in cases {
        for headers in [NAVIGATION, FETCH, HTMX, MOBILE, &[]] {
            let ask = |path: &str| app.send(&with(client.request("GET", path), headers));
            let (route, around) = (ask(path), ask(&format!("/guarded{path}")));
            let (status, [location, htmx, bearer]) = refusal(&route);
            let location = location.map(|page| page.replace("next=", "next=/guarded"));
            let expected = (status, [location.as_deref(), htmx, bearer]);
            assert_eq!(refusal(&around), expected, "{path} {headers:?}");
            assert!([303, 401].contains(&status), "{path} {headers:?}");
            assert_eq!(around.one("cache-control"), Some("no-store"), "{path} {headers:?}");
        }
    }
    for headers in FOREIGN {
        let response = send(&*app, &client, ("POST", "/guarded/customer"), headers);
        assert_eq!(refusal(&response), (403, [None; 3]), "{headers:?}");
        sets_nothing(&response);
    }
    assert_eq!(client.get(&*app, "/guarded/customer").body, "Ada Lovelace");
}

pub fn a_guard_around_routes_loads_the_user_once_and_ends_sessions_without_one(build: Build) {
    let answer = Arc::new(Mutex::new(Ok(Some("Ada Lovelace"))));
    let asked = Arc::new(AtomicUsize::new(0));
    let (database, count) = (Arc::clone(&answer), Arc::clone(&asked));
    let sessions = builder(&[&key()], &Clock::new()).user(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        let answer: Result<Option<&str>, &str> = *database.lock().unwrap();
        async move {
            let name = answer?;
            let customer = |name: &str| Customer { full_name: name.to_owned(), may_trade: true };
            Ok::<_, &str>(name.map(customer))
        }
    });
    let app = build(sessions.build());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    assert_eq!(client.get(&*app, "/guarded/customer").body, "Ada Lovelace");
    assert_eq!(asked.load(Ordering::Relaxed), 1, "the guard and the handler take the user");

    *answer.lock().unwrap() = Err("the database is down");
    for path in ["/guarded/customer", "/guarded/trade"] {
        let response = client.get(&*app, path);
        assert_eq!((response.status, response.one("retry-after")), (503, Some("5")), "{path}");
        assert!(client.kept.contains_key(STATE));
    }
    *answer.lock().unwrap() = Ok(None);
    assert_eq!(client.get(&*app, "/guarded/customer").status, 401);
    assert!(!client.kept.contains_key(STATE), "the response of the guard deletes the cookie");
}

pub fn a_user_without_a_permission_gets_a_403_and_keeps_the_session(build: Build) {
    let may_trade = Arc::new(AtomicBool::new(false));
    let database = Arc::clone(&may_trade);
    let sessions = builder(&[&key()], &Clock::new()).sign_in_page("/in").user(move |_| {
        let may_trade = database.load(Ordering::Relaxed);
        let ada = Customer { full_name: "Ada Lovelace".to_owned(), may_trade };
        async move { Ok::<_, &str>(Some(ada)) }
    });
    let app = build(sessions.build());
    let routes = ["/trade", "/guarded/trade"];
    for start in ["/start/ada", "/start-bearer"] {
        may_trade.store(false, Ordering::Relaxed);
        let mut client = Client::new();
        client.post(&*app, start);
        for path in routes {
            for headers in [NAVIGATION, FETCH, HTMX] {
                let response = app.send(&with(client.request("GET", path), headers));
                assert_eq!(refusal(&response), (403, [None; 3]), "{path} {headers:?}");
                assert_eq!(response.body, "You may not do this.", "{path} {headers:?}");
                assert_eq!(response.one("cache-control"), Some("no-store"), "{path} {headers:?}");
            }
        }
        may_trade.store(true, Ordering::Relaxed);
        assert_eq!(routes.map(|path| client.get(&*app, path).status), [200, 200]);
    }
}
