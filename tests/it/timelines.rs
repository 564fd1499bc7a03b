//! Sessions on random timelines, compared with simpler models.

use std::time::Duration;

use bulla::session::{Channel, Start};
use bulla::token::CLOCK_SKEW;
use bulla::{Bearer, Cookie, Policy, Sessions, UnixTime};
use proptest::prelude::*;

use crate::support::{Account, Client, T0, ada, key_text, ring, secs};

fn sessions(keys: &[&str], policy: Policy) -> Sessions<Account> {
    Sessions::builder(ring(keys), policy)
        .cookie(Cookie::default())
        .bearer(Bearer::default())
        .build()
}

fn over_both() -> impl Strategy<Value = (Channel, Client)> {
    prop_oneof![
        Just((Channel::Cookie, Client::browser())),
        Just((Channel::Bearer, Client::mobile())),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Nothing,
    Look,
    /// A background request.
    Poll,
    Change,
    Reauthenticate,
    SignIn,
    SignOut,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        1 => Just(Act::Nothing),
        6 => Just(Act::Look),
        2 => Just(Act::Poll),
        3 => Just(Act::Change),
        1 => Just(Act::Reauthenticate),
        1 => Just(Act::SignIn),
        1 => Just(Act::SignOut),
    ]
}

/// The record of a session on a server that stores sessions.
#[derive(Clone, Debug, PartialEq)]
struct Model {
    id: u64,
    started_at: UnixTime,
    reauthenticated_at: UnixTime,
    last_seen: UnixTime,
}

impl Model {
    fn new(now: UnixTime) -> Model {
        Model { id: ada().id, started_at: now, reauthenticated_at: now, last_seen: now }
    }

    /// When the session ends.
    fn ends(&self, policy: &Policy) -> UnixTime {
        let idle = self.last_seen + policy.idle_timeout();
        idle.min(self.started_at + policy.absolute_timeout())
    }

    fn seen(&mut self, policy: &Policy, now: UnixTime) {
        let since = now.since(self.last_seen);
        if !since.is_zero() && since >= policy.touch_threshold() {
            self.last_seen = now;
        }
    }
}

proptest! {
    #[test]
    fn a_session_lives_as_long_as_a_record_in_a_store_would(
        (channel, client) in over_both(),
        idle in 1_u64..4_000,
        absolute in 1_u64..20_000,
        steps in prop::collection::vec((0_u64..2_500, act()), 1..40),
    ) {
        let policy = Policy::new(secs(idle), secs(absolute));
        let sessions = sessions(&[&key_text()], policy);
        let mut client = client.signed_in(&sessions, T0, ada());
        let (mut now, mut model) = (T0, Some(Model::new(T0)));
        for (after, act) in steps {
            now = now + secs(after);
            let over = model.as_ref().map(|model| model.ends(&policy)).filter(|end| now >= *end);
            let session = client.send(&sessions, now);
            if !matches!(act, Act::Nothing | Act::SignIn | Act::SignOut) {
                let alive = model.as_ref().filter(|_| over.is_none());
                let shown = session.info().map(|info| {
                    prop_assert_eq!(info.expires_at, info.started_at + secs(absolute));
                    Ok(Model {
                        id: session.get().map_or(0, |account| account.id),
                        started_at: info.started_at,
                        reauthenticated_at: info.reauthenticated_at,
                        last_seen: info.last_seen,
                    })
                });
                prop_assert_eq!(shown.transpose()?, alive.cloned());
            }
            let living = model.as_mut().filter(|_| over.is_none());
            match (act, living) {
                (Act::SignIn, _) => {
                    session.start_with(ada(), Start::new().over(channel)).unwrap();
                    model = Some(Model::new(now));
                }
                (Act::SignOut, _) => {
                    session.end().unwrap();
                    model = None;
                }
                (Act::Poll, _) => session.ignore_activity(),
                (Act::Nothing | Act::Look, None) => {}
                (Act::Change | Act::Reauthenticate, None) => {
                    prop_assert!(session.update(|account| account.id += 1).is_err());
                    prop_assert!(session.reauthenticated().is_err());
                }
                (Act::Nothing, Some(_)) => {}
                (Act::Look, Some(model)) => model.seen(&policy, now),
                (Act::Change, Some(model)) => {
                    session.update(|account| account.id += 1).unwrap();
                    (model.id, model.last_seen) = (model.id + 1, now);
                }
                (Act::Reauthenticate, Some(model)) => {
                    session.reauthenticated().unwrap();
                    (model.reauthenticated_at, model.last_seen) = (now, now);
                }
            }
            client.receive(&session);
            let looked = !matches!(act, Act::Nothing | Act::SignIn | Act::SignOut);
            let absolute = model.as_ref().map(|model| model.started_at + secs(absolute));
            let just_over = |end: UnixTime| now >= end && now < end + CLOCK_SKEW;
            if looked && over.is_some_and(|end| ![Some(end), absolute].into_iter().flatten().any(just_over)) {
                prop_assert!(client.kept.is_empty(), "deleted a minute after the end");
                model = None;
            }
        }
    }
}

const IDLE: u64 = 1_800;
/// The touch threshold: activity is recorded if the last record is this old.
const TOUCH: u64 = 90;
const SKEW: u64 = CLOCK_SKEW.as_secs();
/// The longest time between two visits that is within the idle timeout by the clock of every
/// server.
const WAIT: Duration = Duration::from_secs(IDLE - TOUCH - SKEW - 1);

/// An event that happens `after` seconds after the event before it.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A request to one of two servers.
    Visit { after: u64, server: usize, changes: bool },
    /// The operator adds a key that becomes primary after `spread` seconds. Each server gets the
    /// key `late` seconds later, but at least the skew before the key becomes primary.
    Publish { after: u64, spread: u64, late: [u64; 2] },
}

fn event() -> impl Strategy<Value = Event> {
    let visit = (0..=WAIT.as_secs(), 0_usize..2, any::<bool>())
        .prop_map(|(after, server, changes)| Event::Visit { after, server, changes });
    let publish = (0_u64..1_000, SKEW..4_000)
        .prop_flat_map(|(after, spread)| {
            let late = 0..=spread - SKEW;
            (Just(after), Just(spread), [late.clone(), late])
        })
        .prop_map(|(after, spread, late)| Event::Publish { after, spread, late });
    prop_oneof![3 => visit, 1 => publish]
}

/// A key of the operator's ring, with its dates.
#[derive(Clone, Debug)]
struct Dated {
    text: String,
    primary_from: UnixTime,
    open_until: Option<UnixTime>,
}

/// Adds a key as `docs/operations.md` says. The new key becomes primary after the spread. After
/// that, the key before it opens tokens for the idle timeout and the skew.
fn publish(ring: &mut Vec<Dated>, spread: u64, now: UnixTime) {
    let last = ring.last_mut().expect("a ring has a key");
    let primary_from = (now + secs(spread)).max(last.primary_from + secs(1));
    last.open_until = Some(primary_from + secs(SKEW + IDLE));
    ring.retain(|key| key.open_until.is_none_or(|until| until + CLOCK_SKEW > now));
    ring.push(Dated { text: key_text(), primary_from, open_until: None });
}

fn served(ring: &[Dated]) -> Sessions<Account> {
    let lines: Vec<String> = ring
        .iter()
        .map(|key| {
            let until = key.open_until.map_or(String::new(), |at| format!(" open-until={at}"));
            format!("{} primary-from={}{until}", key.text, key.primary_from)
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    sessions(&lines, Policy::new(secs(IDLE), secs(30 * 86_400)))
}

proptest! {
    /// Each request goes to one of two servers. Their clocks differ by up to the skew. The servers
    /// get a new ring at different times, but before the new key is primary.
    #[test]
    fn two_servers_with_skewed_clocks_and_late_rings_lose_no_session(
        (_, client) in over_both(),
        ahead in prop::array::uniform2(0..=SKEW),
        events in prop::collection::vec(event(), 1..60),
    ) {
        let mut ring =
            vec![Dated { text: key_text(), primary_from: UnixTime::EPOCH, open_until: None }];
        // The rings of each server, with the time from which the server has each ring.
        let first = served(&ring);
        let mut rings = [0, 1].map(|_| vec![(T0, first.clone())]);
        let mut client = client.signed_in(&rings[0][0].1, T0 + secs(ahead[0]), ada());
        let (mut now, mut seen, mut id) = (T0, T0, ada().id);
        for event in events {
            match event {
                Event::Publish { after, spread, late } => {
                    // Time does not advance beyond the latest time of the next visit.
                    now = (now + secs(after)).min(seen + WAIT);
                    publish(&mut ring, spread, now);
                    let ring = served(&ring);
                    for (server, late) in rings.iter_mut().zip(late) {
                        server.push((now + secs(late), ring.clone()));
                    }
                }
                Event::Visit { after, server, changes } => {
                    now = now.max(seen + secs(after));
                    seen = now;
                    // The server uses the newest ring that has arrived.
                    let has = rings[server].iter().rev().find(|(from, _)| *from <= now);
                    let (_, sessions) = has.expect("each server has the first ring");
                    let session = client.send(sessions, now + secs(ahead[server]));
                    prop_assert_eq!(session.get().map(|account| account.id), Some(id));
                    if changes {
                        session.update(|account| account.id += 1).unwrap();
                        id += 1;
                    }
                    client.receive(&session);
                }
            }
        }
    }
}

/// The model uses this value of the touch threshold.
#[test]
fn the_touch_threshold_of_the_model_equals_that_of_the_policy() {
    let policy = Policy::new(secs(IDLE), secs(30 * 86_400));
    assert_eq!(policy.touch_threshold(), Duration::from_secs(TOUCH));
}
