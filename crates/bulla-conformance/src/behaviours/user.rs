//! How does a guard load the user of a session?

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::behaviours::setup::{Clock, STATE, builder, key, new_sessions};
use crate::client::Client;
use crate::{Build, Customer};

type Answer = Result<Option<&'static str>, &'static str>;

pub fn the_user_is_loaded_once_for_a_request_and_a_missing_user_ends_the_session(build: Build) {
    let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Ok(Some("Ada Lovelace"))));
    let asked = Arc::new(AtomicUsize::new(0));
    let (database, count) = (Arc::clone(&answer), Arc::clone(&asked));
    let sessions = builder(&[&key()], &Clock::new()).user(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        let answer = *database.lock().unwrap();
        async move {
            let name = answer?;
            Ok::<_, &str>(name.map(|name| Customer { full_name: name.to_owned(), may_trade: true }))
        }
    });
    let app = build(sessions.build());
    let mut client = Client::new();
    assert_eq!(client.get(&*app, "/customer").status, 401);
    assert_eq!(client.get(&*app, "/optional-customer").body, "guest");
    client.post(&*app, "/start/ada");
    assert_eq!(asked.swap(0, Ordering::Relaxed), 0);
    for path in ["/customer", "/optional-customer"] {
        assert_eq!(client.get(&*app, path).body, "Ada Lovelace");
        assert_eq!(asked.swap(0, Ordering::Relaxed), 1);
    }
    assert_eq!(client.get(&*app, "/required").body, "ada");
    assert_eq!(asked.swap(0, Ordering::Relaxed), 0);

    *answer.lock().unwrap() = Err("the database is down");
    assert_eq!(client.get(&*app, "/customer").status, 503);
    assert!(client.kept.contains_key(STATE));
    *answer.lock().unwrap() = Ok(None);
    assert_eq!(client.get(&*app, "/customer").status, 401);
    assert!(!client.kept.contains_key(STATE));
}

pub fn a_guard_for_the_user_without_a_loader_is_a_500(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    assert_eq!(client.get(&*app, "/customer").status, 500);
}
