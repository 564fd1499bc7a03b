//! Revocation: the sessions that it ends, and the routes that require a current revocation list.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulla::session::Event;
use bulla::{Revocations, Sessions};

use crate::behaviours::setup::{Clock, builder, key, minutes};
use crate::client::Client;
use crate::{Account, Build};

/// Sessions with a revocation list. The subject of a session (its user) is the name of the account.
fn with_revocations(clock: &Clock, revocations: &Revocations) -> Sessions<Account> {
    builder(&[&key()], clock)
        .revocations(revocations)
        .subject(|account| account.name.clone())
        .build()
}

pub fn signing_out_ends_stolen_copies(build: Build) {
    let app = build(with_revocations(&Clock::new(), &Revocations::new()));
    for start in ["/start/ada", "/start-bearer"] {
        let mut client = Client::new();
        client.post(&*app, start);
        let mut copy = client.clone();
        client.post(&*app, "/end");
        assert_eq!(copy.get(&*app, "/look").body, "guest");
        assert!(copy.kept.is_empty());
    }
}

pub fn signing_out_other_devices_keeps_this_session(build: Build) {
    let clock = Clock::new();
    let app = build(with_revocations(&clock, &Revocations::new()));
    let (mut here, mut phone, mut alan) = (Client::new(), Client::new(), Client::new());
    here.post(&*app, "/start/ada");
    phone.post(&*app, "/start-bearer");
    alan.post(&*app, "/start/alan");
    clock.advance(minutes(1));
    assert_eq!(here.post(&*app, "/end-others").status, 200);
    assert_eq!(here.get(&*app, "/look").body, "ada");
    assert_eq!(phone.get(&*app, "/look").body, "guest");
    assert_eq!(alan.get(&*app, "/look").body, "alan");
    phone.post(&*app, "/start-bearer");
    assert_eq!(phone.get(&*app, "/look").body, "ada", "a user who signs in again is not revoked");
    assert_eq!(Client::new().post(&*app, "/end-others").status, 401);
}

/// The list has the first ids of sessions, which it learns from events (docs/devices.md).
pub fn ending_one_device_of_a_list_ends_it_and_no_other(build: Build) {
    let (clock, list) = (Clock::new(), Arc::new(Mutex::new(Vec::new())));
    let rows = Arc::clone(&list);
    let sessions = builder(&[&key()], &clock)
        .revocations(&Revocations::new())
        .subject(|account| account.name.clone())
        .on_event(move |event| match event {
            Event::Started { origin, .. } => rows.lock().unwrap().push(*origin),
            Event::Ended { origin } => rows.lock().unwrap().retain(|row| Some(*row) != *origin),
            _ => {}
        })
        .build();
    let app = build(sessions.clone());
    let (mut here, mut phone) = (Client::new(), Client::new());
    here.post(&*app, "/start/ada");
    phone.post(&*app, "/start-bearer");
    let mut copy = phone.clone();
    clock.advance(minutes(1));
    here.post(&*app, "/end-others"); // also changes the id
    phone.post(&*app, "/start-bearer");
    phone.post(&*app, "/prove");
    let rows = list.lock().unwrap().clone();
    let [first, ended, second] = rows[..] else { panic!("{rows:?}") };
    assert!(first != ended && first != second && ended != second);

    sessions.revoke_session(second).unwrap();
    assert_eq!(phone.get(&*app, "/look").body, "guest");
    assert!(phone.kept.is_empty(), "the tokens are deleted");
    assert_eq!(copy.get(&*app, "/look").body, "guest", "the other devices were ended before");
    assert_eq!(here.get(&*app, "/look").body, "ada");
    here.post(&*app, "/end");
    assert_eq!(*list.lock().unwrap(), [ended, second], "a sign-out has the id of its row");
}

pub fn an_outdated_revocation_list_closes_only_the_marked_routes(build: Build) {
    let (clock, revocations) = (Clock::new(), Revocations::new());
    let app = build(with_revocations(&clock, &revocations));
    let mut client = Client::new();
    assert_eq!(client.get(&*app, "/current").status, 401);
    client.post(&*app, "/start/ada");
    assert_eq!(
        client.get(&*app, "/current").status,
        200,
        "a list that no program confirms is never outdated"
    );
    revocations.confirm(clock.now());
    clock.advance(Duration::from_secs(10));
    assert_eq!(client.get(&*app, "/current").status, 200);
    clock.advance(Duration::from_secs(1));
    let response = client.get(&*app, "/current");
    assert_eq!((response.status, response.one("retry-after")), (503, Some("5")));
    assert_eq!(client.get(&*app, "/required").body, "ada");
    revocations.confirm(clock.now());
    assert_eq!(client.get(&*app, "/current").body, "ada");
}
