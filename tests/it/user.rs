//! Loading the user of a session from the application's database.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bulla::session::{Refusal, Status, User};
use bulla::{Policy, SessionError, Sessions};
use futures_executor::block_on;

use crate::support::{Account, Client, T0, ada, key_text, ring, secs};

/// A row of the database.
#[derive(Clone, Debug, PartialEq)]
struct Customer {
    name: String,
    locked: bool,
}

impl User for Customer {
    type State = Account;

    fn accepts(&self, _: &Account) -> bool {
        !self.locked
    }
}

struct Other;

impl User for Other {
    type State = Account;
}

/// What the database answers, and how often it was asked.
#[derive(Clone)]
struct Database {
    answer: Arc<Mutex<Result<Option<Customer>, &'static str>>>,
    asked: Arc<AtomicUsize>,
}

impl Database {
    fn new() -> Database {
        let ada = Customer { name: "Ada Lovelace".to_owned(), locked: false };
        Database { answer: Arc::new(Mutex::new(Ok(Some(ada)))), asked: Arc::default() }
    }

    fn set(&self, answer: Result<Option<Customer>, &'static str>) {
        *self.answer.lock().unwrap() = answer;
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }

    fn sessions(&self) -> Sessions<Account> {
        let database = self.clone();
        Sessions::builder(ring(&[&key_text()]), Policy::default())
            .user(move |account: Arc<Account>| {
                assert_eq!(account.id, 1815);
                database.asked.fetch_add(1, Ordering::Relaxed);
                let answer = database.answer.lock().unwrap().clone();
                async move { answer }
            })
            .build()
    }
}

#[test]
fn the_user_is_loaded_once_in_a_request_and_only_with_a_session() {
    let database = Database::new();
    let sessions = database.sessions();
    let client = Client::browser().signed_in(&sessions, T0, ada());
    let session = client.send(&sessions, T0);
    assert_eq!(database.asked(), 0);
    for _ in 0..3 {
        let user = block_on(session.user::<Customer>()).unwrap().unwrap();
        assert_eq!(user.name, "Ada Lovelace");
    }
    assert_eq!(database.asked(), 1);
    let guest = Client::browser().send(&sessions, T0);
    assert!(block_on(guest.user::<Customer>()).unwrap().is_none());
    assert_eq!(database.asked(), 0);
}

#[test]
fn a_session_without_its_user_is_over() {
    let locked = Customer { name: String::new(), locked: true };
    for answer in [None, Some(locked)] {
        let database = Database::new();
        let sessions = database.sessions();
        let mut client = Client::browser().signed_in(&sessions, T0, ada());
        database.set(Ok(answer));
        let session = client.send(&sessions, T0);
        assert!(session.get().is_some(), "the user has not been loaded yet");
        assert!(block_on(session.user::<Customer>()).unwrap().is_none());
        assert_eq!(session.status(), Status::Refused(Refusal::Invalidated));
        client.receive(&session);
        assert!(client.kept.is_empty());
    }
}

#[test]
fn a_user_that_cannot_be_loaded_now_leaves_the_session_alone() {
    let database = Database::new();
    let sessions = database.sessions();
    let mut client = Client::browser().signed_in(&sessions, T0, ada());
    database.set(Err("the database is down"));
    let session = client.send(&sessions, T0);
    assert_eq!(block_on(session.user::<Customer>()).unwrap_err(), SessionError::NotNow);
    assert!(session.get().is_none());
    client.receive(&session);
    assert_eq!(client.kept.len(), 1);
    database.set(Ok(Some(Customer { name: "Ada".to_owned(), locked: false })));
    let session = client.send(&sessions, T0);
    assert!(block_on(session.user::<Customer>()).unwrap().is_some());
}

#[test]
fn routes_that_do_not_need_the_user_load_it_when_the_check_is_due() {
    let database = Database::new();
    let sessions = database.sessions();
    let mut client = Client::browser().signed_in(&sessions, T0, ada());
    for (after, asked) in [(299, 0), (300, 1), (301, 0), (599, 0), (600, 1)] {
        let session = client.send(&sessions, T0 + secs(after));
        block_on(session.revalidate());
        assert!(session.get().is_some());
        // The user that the check has loaded is not loaded again.
        if asked == 1 {
            assert!(block_on(session.user::<Customer>()).unwrap().is_some());
        }
        client.receive(&session);
        assert_eq!(database.asked(), asked, "{after}");
    }
    database.set(Ok(None));
    let session = client.send(&sessions, T0 + secs(900));
    block_on(session.revalidate());
    assert_eq!(session.status(), Status::Refused(Refusal::Invalidated));
}

#[test]
fn a_wrong_type_of_user_or_no_loader_is_an_error() {
    let database = Database::new();
    let sessions = database.sessions();
    let client = Client::browser().signed_in(&sessions, T0, ada());
    let session = client.send(&sessions, T0);
    let wrong = block_on(session.user::<Other>()).map(|user| user.is_some());
    assert_eq!(wrong, Err(SessionError::NoUserLoader));
    assert!(session.get().is_some());
    let plain = Sessions::<Account>::new(ring(&[&key_text()]), Policy::default());
    let guest = Client::browser().send(&plain, T0);
    let none = block_on(guest.user::<Customer>());
    assert_eq!(none, Err(SessionError::NoUserLoader));
}

#[test]
fn a_new_sign_in_replaces_a_session_without_its_user() {
    let database = Database::new();
    let sessions = database.sessions();
    let mut client = Client::browser().signed_in(&sessions, T0, ada());
    database.set(Ok(None));
    let session = client.send(&sessions, T0);
    assert!(block_on(session.user::<Customer>()).unwrap().is_none());
    session.start(ada()).unwrap();
    assert!(session.get().is_some());
    client.receive(&session);
    assert!(client.send(&sessions, T0).get().is_some());
}
