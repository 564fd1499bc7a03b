//! Tests of the server half of a session.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bulla::session::{Adopted, OldCookie, Start};
use bulla::{KeyRing, Payload, Policy, Session, SessionError, Sessions, UnixTime};
use bulla_half::{Half, HalfError};
use serde::{Deserialize, Serialize};
use tower_sessions_core::session::{Id, Record};
use tower_sessions_core::{SessionStore, session_store};
use tower_sessions_memory_store::MemoryStore;

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/session")]
struct Visit {
    account: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Basket {
    items: Vec<u64>,
}

struct World {
    sessions: Sessions<Visit>,
    baskets: Half<Basket>,
    cookies: String,
}

impl World {
    fn new(store: impl SessionStore) -> World {
        let sessions = Sessions::new(KeyRing::generate().unwrap(), Policy::default());
        World { sessions, baskets: Half::new("basket", store), cookies: String::new() }
    }

    fn session(&self) -> Session<Visit> {
        let cookies = self.cookies.as_bytes();
        self.sessions
            .load("POST", |name| (name == "cookie" && !cookies.is_empty()).then_some(cookies))
    }

    /// Stores the cookie of the response in the client.
    fn finish(&mut self, session: &Session<Visit>) {
        for line in session.commit().into_iter().filter(|line| line.name == "set-cookie") {
            let pair = line.value.split(';').next().unwrap();
            if pair.starts_with("__Host-session=") {
                self.cookies = pair.to_owned();
            }
        }
    }

    fn signed_in(store: impl SessionStore) -> World {
        let mut world = World::new(store);
        let session = world.session();
        session.start(Visit { account: 42 }).unwrap();
        world.finish(&session);
        world
    }

    async fn kept(&self) -> Option<Basket> {
        self.baskets.get(&self.session()).await.unwrap()
    }
}

fn items(items: &[u64]) -> Option<Basket> {
    Some(Basket { items: items.to_vec() })
}

#[tokio::test]
async fn the_next_request_reads_what_was_stored() {
    let world = World::signed_in(MemoryStore::default());
    assert_eq!(world.kept().await, None);
    for item in [1, 2] {
        world.baskets.update(&world.session(), |basket| basket.items.push(item)).await.unwrap();
    }
    assert_eq!(world.kept().await, items(&[1, 2]));
    world.baskets.delete(&world.session()).await.unwrap();
    assert_eq!(world.kept().await, None);
}

#[tokio::test]
async fn a_request_that_signs_in_can_store_data() {
    let mut world = World::new(MemoryStore::default());
    let session = world.session();
    session.start(Visit { account: 42 }).unwrap();
    world.baskets.set(&session, &Basket { items: vec![7] }).await.unwrap();
    world.finish(&session);
    assert_eq!(world.kept().await, items(&[7]));
}

#[tokio::test]
async fn without_a_session_nothing_is_found_and_nothing_is_stored() {
    let world = World::new(MemoryStore::default());
    let session = world.session();
    assert_eq!(world.baskets.get(&session).await, Ok(None));
    assert_eq!(world.baskets.set(&session, &Basket::default()).await, Err(HalfError::NoSession));
    assert_eq!(world.baskets.update(&session, |_| ()).await, Err(HalfError::NoSession));
    assert_eq!(world.baskets.delete(&session).await, Ok(()));
    assert_eq!(SessionError::from(HalfError::NoSession).denied().unwrap().status(), 401);
    assert_eq!(SessionError::from(HalfError::Store).denied(), None);
}

#[tokio::test]
async fn a_new_session_id_keeps_the_half_and_a_new_sign_in_does_not() {
    let mut world = World::signed_in(MemoryStore::default());
    world.baskets.set(&world.session(), &Basket { items: vec![1] }).await.unwrap();
    for _ in 0..2 {
        let session = world.session();
        let id = session.info().unwrap().id;
        session.reauthenticated().unwrap();
        assert_ne!(session.info().unwrap().id, id);
        assert_eq!(world.baskets.get(&session).await, Ok(items(&[1])), "in this request");
        world.finish(&session);
        assert_eq!(world.kept().await, items(&[1]), "in the next request");
    }
    let session = world.session();
    session.start(Visit { account: 43 }).unwrap();
    assert_eq!(world.baskets.get(&session).await, Ok(None));
}

#[tokio::test]
async fn the_half_of_an_ended_session_is_not_found() {
    let world = World::signed_in(MemoryStore::default());
    world.baskets.set(&world.session(), &Basket { items: vec![1] }).await.unwrap();
    let session = world.session();
    session.end().unwrap();
    assert_eq!(world.baskets.get(&session).await, Ok(None));
}

#[tokio::test]
async fn two_halves_can_share_a_store() {
    let store = MemoryStore::default();
    let world = World::signed_in(store.clone());
    let wishes = Half::<Basket>::new("wishes", store);
    let session = world.session();
    world.baskets.set(&session, &Basket { items: vec![1] }).await.unwrap();
    wishes.set(&session, &Basket { items: vec![2] }).await.unwrap();
    assert_eq!(world.kept().await, items(&[1]));
    assert_eq!(wishes.get(&session).await, Ok(items(&[2])));
}

/// A store for one record. It saves only an existing record, as the Redis store does.
#[derive(Clone, Debug, Default)]
struct Last(Arc<std::sync::Mutex<Option<Record>>>);

#[async_trait]
impl SessionStore for Last {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        *self.0.lock().unwrap() = Some(record.clone());
        Ok(())
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        if let Some(held) = &mut *self.0.lock().unwrap() {
            *held = record.clone();
        }
        Ok(())
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        Ok(self.0.lock().unwrap().clone().filter(|record| record.id == *id))
    }

    async fn delete(&self, _: &Id) -> session_store::Result<()> {
        Err(session_store::Error::Backend("out of order".to_owned()))
    }
}

#[tokio::test]
async fn the_record_expires_with_the_session_and_does_not_contain_its_id() {
    let store = Last::default();
    let mut world = World::new(store.clone());
    let session = world.session();
    let ends = UnixTime::now() + Duration::from_secs(3600);
    session.start_with(Visit { account: 42 }, Start::new().with_ceiling(ends)).unwrap();
    let id = session.info().unwrap().id;
    world.finish(&session);
    for items in [vec![1], vec![1, 2]] {
        world.baskets.set(&world.session(), &Basket { items }).await.unwrap();
    }
    assert_eq!(world.kept().await, items(&[1, 2]));
    let record = store.0.lock().unwrap().clone().unwrap();
    assert_eq!(record.expiry_date.unix_timestamp(), i64::try_from(ends.as_secs()).unwrap());
    assert_ne!(record.id.0.to_be_bytes(), *id.as_bytes());
}

#[tokio::test]
async fn a_failing_store_is_an_error() {
    let world = World::signed_in(Last::default());
    assert_eq!(world.baskets.delete(&world.session()).await, Err(HalfError::Store));
}

#[tokio::test]
async fn data_of_another_type_is_an_error_that_does_not_repeat_the_data() {
    let store = MemoryStore::default();
    let world = World::signed_in(store.clone());
    let other = Half::<String>::new("basket", store);
    other.set(&world.session(), &"hidden".to_owned()).await.unwrap();
    let error = world.baskets.get(&world.session()).await.unwrap_err();
    assert_eq!(error, HalfError::Decode);
    assert!(!format!("{error} {error:?}").contains("hidden"));
}

/// Such a session gets a new id in each request, so a later request could not find the data.
#[tokio::test]
async fn nothing_is_stored_for_a_session_of_another_library() {
    let old = OldCookie::new("old").unwrap().while_old_servers_run();
    let until = UnixTime::now() + Duration::from_secs(3600);
    let sessions = Sessions::builder(KeyRing::generate().unwrap(), Policy::default())
        .adopt_cookie(old, until, |_| Some(Adopted::new(Visit { account: 42 })))
        .build();
    let baskets = Half::<Basket>::new("basket", MemoryStore::default());
    let session = sessions.load("GET", |name| (name == "cookie").then_some(&b"old=42"[..]));
    assert!(session.info().unwrap().borrowed);
    assert_eq!(baskets.update(&session, |_| ()).await, Err(HalfError::Borrowed));
    assert_eq!(baskets.get(&session).await, Ok(None));
}
