//! Sessions that the application checks every few minutes (`SessionsBuilder::revalidate`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bulla::session::{Adopted, Event, OldCookie, Refusal, Status, Validity};
use bulla::{Policy, Session, SessionError, Sessions};
use futures_executor::block_on;

use crate::support::{
    Account, Client, RENEWAL, STATE, T0, ada, alan, effect, key_text, ring, secs,
};

/// Sessions whose check returns the result that the test sets. Counts the calls of the check.
struct World {
    sessions: Sessions<Account>,
    validity: Arc<Mutex<Validity>>,
    calls: Arc<AtomicUsize>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl World {
    fn new() -> World {
        let (validity, calls) = (Arc::new(Mutex::new(Validity::Holds)), Arc::default());
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let (result, count, log) = (Arc::clone(&validity), Arc::clone(&calls), Arc::clone(&events));
        let sessions = Sessions::builder(ring(&[&key_text()]), Policy::default())
            .cookie(bulla::Cookie::default())
            .bearer(bulla::Bearer::default())
            .on_event(move |event| log.lock().unwrap().push(*event))
            .revalidate(move |account: Arc<Account>| {
                let count: &AtomicUsize = &count;
                count.fetch_add(1, Ordering::Relaxed);
                let result = *result.lock().unwrap();
                async move {
                    assert!(account.id == ada().id || account.id == alan().id);
                    result
                }
            })
            .build();
        World { sessions, validity, calls, events }
    }

    fn set(&self, validity: Validity) {
        *self.validity.lock().unwrap() = validity;
    }

    /// The number of calls since the last call of this function.
    fn take_calls(&self) -> usize {
        self.calls.swap(0, Ordering::Relaxed)
    }

    /// Handles a request as an adapter does. Returns the effect of the response on the client's
    /// tokens.
    fn visit(
        &self,
        client: &mut Client,
        after: u64,
        handler: impl FnOnce(&Session<Account>),
    ) -> String {
        let session = client.send(&self.sessions, T0 + secs(after));
        block_on(session.revalidate());
        handler(&session);
        effect(&client.receive(&session))
    }
}

fn reads(session: &Session<Account>) {
    assert_eq!(session.get().as_deref(), Some(&ada()));
}

#[test]
fn the_check_runs_once_per_session_every_five_minutes() {
    for client in [Client::browser(), Client::mobile()] {
        let world = World::new();
        let mut client = client.signed_in(&world.sessions, T0, ada());
        let steps = [
            (299, 0, "+renewal"), // no check, because the sign-in counts as one
            (300, 1, "+renewal"), // the renewal token records the check
            (320, 0, ""),
            (599, 0, "+renewal"), // records activity and keeps the time of the check
            (600, 1, "+renewal"),
            (2_000, 1, "+renewal"),
        ];
        for (after, calls, effect) in steps {
            assert_eq!(world.visit(&mut client, after, reads), effect, "{after}");
            assert_eq!(world.take_calls(), calls, "{after}");
        }
    }
}

#[test]
fn a_session_that_the_check_ends_is_refused_and_cleared() {
    let world = World::new();
    let mut client = Client::browser().signed_in(&world.sessions, T0, ada());
    world.set(Validity::Over);
    assert_eq!(world.visit(&mut client, 200, reads), "+renewal", "the check is not due yet");
    let effect = world.visit(&mut client, 300, |session| {
        assert_eq!(session.get(), None);
        assert_eq!(session.info(), None);
        assert_eq!(session.status(), Status::Refused(Refusal::Invalidated));
        assert_eq!(session.require().unwrap_err().status(), 401);
        session.update(|account| account.id += 1).unwrap_err();
    });
    assert_eq!(effect, "-renewal -state");
    assert!(client.kept.is_empty());
    let events = world.events.lock().unwrap();
    assert_eq!(events.last(), Some(&Event::Refused(Refusal::Invalidated)));
}

#[test]
fn a_session_that_the_check_ends_can_be_replaced_by_a_new_one() {
    let world = World::new();
    let mut client = Client::browser().signed_in(&world.sessions, T0, ada());
    world.set(Validity::Over);
    let effect = world.visit(&mut client, 300, |session| session.start(alan()).unwrap());
    assert_eq!(effect, "+state");
    world.visit(&mut client, 310, |session| assert_eq!(*session.get().unwrap(), alan()));
}

#[test]
fn an_unknown_result_of_the_check_gives_503_and_keeps_the_tokens() {
    let world = World::new();
    let mut client = Client::browser().signed_in(&world.sessions, T0, ada());
    world.set(Validity::Unknown);
    let effect = world.visit(&mut client, 300, |session| {
        assert_eq!(session.status(), Status::Refused(Refusal::NotRevalidated));
        let denied = session.require().unwrap_err();
        assert_eq!((denied.status(), denied.header()), (503, Some(("retry-after", "5"))));
    });
    assert_eq!(effect, "+renewal", "activity is recorded");
    assert_eq!(world.take_calls(), 1);
    world.set(Validity::Holds);
    assert_eq!(world.visit(&mut client, 305, reads), "+renewal", "the next request checks again");
}

#[test]
fn a_session_is_refused_while_its_check_is_due_and_not_made() {
    let world = World::new();
    let mut client = Client::browser().signed_in(&world.sessions, T0, ada());
    client.visit(&world.sessions, T0 + secs(299), reads);
    let lines = client.visit(&world.sessions, T0 + secs(300), |session| {
        assert_eq!(session.get(), None);
        session.commit().into_iter().collect::<Vec<_>>()
    });
    assert_eq!(effect(&lines), "");
    assert!(client.kept.contains_key(STATE), "the client keeps its tokens");
    assert_eq!(world.take_calls(), 0);
}

#[test]
fn a_check_is_recorded_with_a_change_and_reauthenticating_counts_as_a_check() {
    let world = World::new();
    let mut client = Client::browser().signed_in(&world.sessions, T0, ada());
    let change =
        |session: &Session<Account>| session.update(|account| account.name.push('!')).unwrap();
    assert_eq!(world.visit(&mut client, 300, change), "+state +renewal");
    assert_eq!(world.take_calls(), 1);
    world.visit(&mut client, 310, |session| assert!(session.get().is_some()));
    assert_eq!(world.take_calls(), 0);

    world.visit(&mut client, 650, |session| session.reauthenticated().unwrap());
    assert_eq!(world.take_calls(), 1);
    client.kept.remove(RENEWAL);
    world.visit(&mut client, 900, |session| assert!(session.get().is_some()));
    assert_eq!(world.take_calls(), 0, "250 seconds after the user reauthenticated");
}

#[test]
fn a_sign_out_while_the_check_is_due_still_adds_a_revocation() {
    let revocations = bulla::Revocations::new();
    let sessions = Sessions::builder(ring(&[&key_text()]), Policy::default())
        .revocations(&revocations)
        .revalidate(|_: Arc<Account>| async { Validity::Over })
        .build();
    let mut client = Client::browser().signed_in(&sessions, T0, ada());
    client.visit(&sessions, T0 + secs(400), |session| session.end().unwrap());
    assert_eq!(revocations.len(), 1);
}

#[test]
fn an_outage_of_the_check_does_not_make_active_sessions_idle() {
    let world = World::new();
    let mut client = Client::browser().signed_in(&world.sessions, T0, ada());
    world.set(Validity::Unknown);
    for after in (300..6_000).step_by(100) {
        world.visit(&mut client, after, |session| assert_eq!(session.get(), None));
    }
    world.set(Validity::Holds);
    world.visit(&mut client, 6_010, reads);
}

#[test]
fn changing_a_session_whose_check_has_no_result_gives_503() {
    let world = World::new();
    let mut client = Client::browser().signed_in(&world.sessions, T0, ada());
    world.set(Validity::Unknown);
    world.visit(&mut client, 400, |session| {
        let error = session.update(|account| account.id += 1).unwrap_err();
        assert_eq!((error, error.denied().unwrap().status()), (SessionError::NotNow, 503));
    });
}

#[test]
fn the_check_also_runs_for_adopted_sessions() {
    for old in
        [OldCookie::new("id").unwrap(), OldCookie::new("id").unwrap().while_old_servers_run()]
    {
        let validity = Arc::new(Mutex::new(Validity::Over));
        let result = Arc::clone(&validity);
        let sessions = Sessions::<Account>::builder(ring(&[&key_text()]), Policy::default())
            .revalidate(move |_| {
                let result = *result.lock().unwrap();
                async move { result }
            })
            .adopt_cookie(old, T0 + secs(86_400), |_| Some(Adopted::new(ada())))
            .build();
        let mut client = Client::browser();
        client.kept.insert("id".to_owned(), "1815".to_owned());
        let mut visit = |after: u64| {
            let session = client.send(&sessions, T0 + secs(after));
            block_on(session.revalidate());
            let (found, status) = (session.get().is_some(), session.status());
            client.receive(&session);
            (found, status)
        };
        assert_eq!(visit(0), (false, Status::Refused(Refusal::Invalidated)));
        assert_eq!(visit(60), (false, Status::Refused(Refusal::Invalidated)));
        *validity.lock().unwrap() = Validity::Unknown;
        assert_eq!(visit(90), (false, Status::Refused(Refusal::NotRevalidated)));
        *validity.lock().unwrap() = Validity::Holds;
        assert_eq!(visit(120), (true, Status::Alive));
    }
}
