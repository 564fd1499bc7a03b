//! "Sign out my other devices" (`Session::end_others`) in a fleet. The servers learn of revocations
//! late, restart, and have different clocks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use bulla::revocation::{Exception, Revocation, Subject};
use bulla::{Policy, Revocations, SessionError, Sessions, UnixTime};

use crate::support::{Account, Client, ENDS_ADA, T0, ada, key_text, ring, secs};

const HOUR: u64 = 3600;

/// How many seconds late a revocation arrives.
const DELAYS: [u64; 5] = [0, 1, 4, 600, HOUR];

/// A server, with the revocations that it has passed on to other servers.
struct Server {
    key: String,
    sessions: Sessions<Account>,
    list: Revocations,
    passed_on: Arc<Mutex<Vec<Revocation>>>,
    clock: Arc<AtomicU64>,
}

fn fleet<const N: usize>() -> [Server; N] {
    let key = key_text();
    [(); N].map(|()| Server::new(&key, Policy::default(), T0))
}

impl Server {
    fn new(key: &str, policy: Policy, now: UnixTime) -> Server {
        let (list, passed_on) = (Revocations::new(), Arc::new(Mutex::new(Vec::new())));
        let sink = Arc::clone(&passed_on);
        list.on_add(move |revocation| sink.lock().unwrap().push(*revocation));
        let clock = Arc::new(AtomicU64::new(now.as_secs()));
        let reads = Arc::clone(&clock);
        let sessions = Sessions::builder(ring(&[key]), policy)
            .revocations(&list)
            .subject(|account: &Account| account.id.to_string())
            .clock(move || UnixTime::from_secs(reads.load(Relaxed)))
            .build();
        Server { key: key.to_owned(), sessions, list, passed_on, clock }
    }

    /// Restarts, and reads the revocations that the fleet has stored.
    fn restart(&mut self, kept: &[Revocation]) {
        let now = UnixTime::from_secs(self.clock.load(Relaxed));
        *self = Server::new(&self.key, Policy::default(), now);
        self.list.learn(kept.iter().copied());
    }

    fn at(&self, now: UnixTime) -> &Server {
        self.clock.store(now.as_secs(), Relaxed);
        self
    }

    /// Takes the revocations that the list has passed on since the last call.
    fn take_passed_on(&self) -> Vec<Revocation> {
        std::mem::take(&mut self.passed_on.lock().unwrap())
    }

    fn end_others(&self, client: &mut Client, now: UnixTime) -> Result<(), SessionError> {
        client.visit(&self.sessions, now, |session| session.end_others())
    }

    fn accepts(&self, client: &Client, now: UnixTime) -> bool {
        client.send(&self.sessions, now).get().is_some()
    }
}

/// Spreads all new revocations to every server. Returns how many there were.
fn spread(fleet: &[Server]) -> usize {
    let revocations: Vec<Revocation> = fleet.iter().flat_map(Server::take_passed_on).collect();
    all_learn(fleet, &revocations);
    assert!(
        fleet.iter().all(|server| server.take_passed_on().is_empty()),
        "a learned revocation is passed on again"
    );
    revocations.len()
}

fn all_learn(fleet: &[Server], revocations: &[Revocation]) {
    fleet.iter().for_each(|server| {
        server.list.learn(revocations.iter().copied());
    });
}

#[test]
fn the_session_that_ends_the_others_stays_and_the_others_end_on_every_server() {
    let fleet = fleet::<3>();
    let mut owner = Client::browser().signed_in(&fleet[0].sessions, T0, ada());
    let copy = owner.clone();
    let others: Vec<Client> = fleet
        .iter()
        .flat_map(|server| {
            let of = || Client::browser().signed_in(&server.sessions, T0 + secs(9), ada());
            [of(), of()]
        })
        .collect();
    fleet[0].end_others(&mut owner, T0 + secs(10)).unwrap();
    spread(&fleet);
    for server in &fleet {
        assert!(server.accepts(&owner, T0 + secs(10)));
        assert!(!server.accepts(&copy, T0 + secs(10)));
        assert!(!others.iter().any(|other| server.accepts(other, T0 + secs(10))));
    }
    let info = owner.send(&fleet[1].sessions, T0 + secs(10)).info().unwrap();
    assert_eq!(info.started_at, T0);
}

/// The result is the same if the server where the session ended the others has restarted, and if
/// the revocation arrives an hour late.
#[test]
fn a_late_revocation_ends_a_session_that_ended_the_others() {
    for revoke in ENDS_ADA {
        for later in DELAYS {
            for restarts in [false, true] {
                let mut fleet = fleet::<3>();
                let mut thief = Client::browser().signed_in(&fleet[0].sessions, T0, ada());
                revoke(&fleet[1].sessions);
                let late = fleet[1].take_passed_on();
                let now = T0 + secs(later);
                if later == HOUR {
                    // The session is used in between. Otherwise it would reach the idle timeout.
                    for at in [1500, 3000] {
                        let looks = |s: &bulla::Session<Account>| assert!(s.get().is_some());
                        thief.visit(&fleet[0].sessions, T0 + secs(at), looks);
                    }
                }
                assert_eq!(fleet[0].end_others(&mut thief, now), Ok(()), "{later}");
                assert!(fleet[0].accepts(&thief, now), "{later}");
                let kept = fleet[0].take_passed_on();
                if restarts {
                    fleet[0].at(now);
                    fleet[0].restart(&kept);
                }
                all_learn(&fleet, &kept);
                all_learn(&fleet, &late);
                for server in &fleet {
                    assert!(!server.accepts(&thief, now), "{later} {restarts}");
                    let again = Client::browser().signed_in(&server.sessions, now, ada());
                    assert!(fleet.iter().all(|server| server.accepts(&again, now)), "{later}");
                }
            }
        }
    }
}

#[test]
fn a_revocation_that_is_learned_again_ends_no_later_session() {
    let fleet = fleet::<2>();
    let [here, there] = &fleet;
    there.sessions.revoke_subject("1815").unwrap();
    let before = there.take_passed_on();
    all_learn(&fleet, &before);
    let now = T0 + secs(600);
    let mut client = Client::browser().signed_in(&here.sessions, now, ada());
    here.end_others(&mut client, now).unwrap();
    let its_own = here.take_passed_on();
    // Servers send known revocations again, merged and in another order.
    let mut merged = here.list.to_vec();
    merged.reverse();
    for again in [&before[..], &its_own, &merged, &before] {
        all_learn(&fleet, again);
        assert!(fleet.iter().all(|server| server.accepts(&client, now)));
        assert_eq!(fleet.iter().map(|server| server.take_passed_on().len()).sum::<usize>(), 0);
    }
    there.at(now).sessions.revoke_subject("1815").unwrap();
    assert_eq!(spread(&fleet), 1);
    assert!(!fleet.iter().any(|server| server.accepts(&client, now)));
}

#[test]
fn a_request_that_read_its_session_before_a_revocation_cannot_end_the_others_after_it() {
    let fleet = fleet::<1>();
    let [server] = &fleet;
    let mut thief = Client::browser().signed_in(&server.sessions, T0, ada());
    let request = thief.send(&server.sessions, T0);
    assert!(request.get().is_some());
    server.sessions.revoke_subject("1815").unwrap();
    assert_eq!(request.end_others(), Err(SessionError::NoSession));
    thief.receive(&request);
    assert!(!server.accepts(&thief, T0));
}

/// A revocation also ends sessions that start up to a minute after the revocation, because clocks
/// differ.
#[test]
fn a_late_revocation_spares_users_who_signed_in_more_than_a_minute_after_it() {
    let fleet = fleet::<2>();
    let [here, cut_off] = &fleet;
    cut_off.sessions.revoke_subject("1815").unwrap();
    for (seconds, lives) in [(0, false), (60, false), (61, true), (HOUR, true)] {
        let now = T0 + secs(seconds);
        let mut client = Client::browser().signed_in(&here.sessions, now, ada());
        here.end_others(&mut client, now).unwrap();
        let judge = Server::new(&here.key, Policy::default(), now);
        judge.list.learn(here.list.to_vec());
        judge.list.learn(cut_off.list.to_vec());
        assert_eq!(judge.accepts(&client, now), lives, "{seconds}");
    }
}

/// A server that is cut off revokes the sessions of a user. Before the other servers learn of this,
/// a thief's session ends the others three times, on one server or on several, and each server then
/// restarts. In half of the cases, the servers that are not cut off learn of each call at once. At
/// the end, all servers learn everything, and the thief's session must be refused.
#[test]
fn ending_the_others_repeatedly_does_not_evade_a_revocation() {
    for chain in [[0, 1, 2], [0, 0, 0], [0, 1, 0], [0, 0, 1]] {
        for pause in [0, 1, 2, 6, 30] {
            for spreads in [false, true] {
                let mut fleet = fleet::<4>();
                let mut thief = Client::browser().signed_in(&fleet[0].sessions, T0, ada());
                fleet[3].sessions.revoke_subject("1815").unwrap();
                let late = fleet[3].take_passed_on();
                let (mut now, mut kept) = (T0, Vec::new());
                for server in chain {
                    let result = fleet[server].end_others(&mut thief, now);
                    // A session can end the others only once per second.
                    let again = pause == 0 && now == T0 && !kept.is_empty();
                    assert_eq!(result.is_ok(), !again);
                    kept.extend(fleet[server].take_passed_on());
                    if spreads {
                        all_learn(&fleet[..3], &kept);
                    }
                    fleet[server].at(now);
                    fleet[server].restart(&kept);
                    now = now + secs(pause);
                }
                assert!(fleet[chain[2]].accepts(&thief, now));
                all_learn(&fleet, &kept);
                all_learn(&fleet, &late);
                let accepted = fleet.iter().any(|server| server.accepts(&thief, now));
                assert!(!accepted, "{chain:?} {pause} {spreads}");
            }
        }
    }
}

/// The clock of one server is ahead, or the sessions of one server live longer.
#[test]
fn revocations_take_effect_between_servers_with_different_clocks_and_policies() {
    for revoke in ENDS_ADA {
        for ahead in [0, 1, 59, 60] {
            let fleet = fleet::<2>();
            let [here, there] = &fleet;
            let then = T0 + secs(ahead);
            let other = Client::browser().signed_in(&here.sessions, then, ada());
            let mut thief = Client::browser().signed_in(&here.sessions, then, ada());
            here.end_others(&mut thief, then).unwrap();
            spread(&fleet);
            revoke(&there.sessions);
            spread(&fleet);
            for client in [&thief, &other] {
                assert!(!there.accepts(client, T0) && !here.accepts(client, then), "{ahead}");
            }
        }
    }
    let [here] = fleet::<1>();
    let there = Server::new(&here.key, Policy::aal1(), T0);
    let mut thief = Client::browser().signed_in(&here.sessions, T0, ada());
    there.sessions.revoke_subject("1815").unwrap();
    here.end_others(&mut thief, T0).unwrap();
    let fleet = [here, there];
    spread(&fleet);
    assert!(!fleet.iter().any(|server| server.accepts(&thief, T0)));
}

#[test]
fn ending_the_others_also_ends_copies_that_started_at_a_server_whose_clock_is_ahead() {
    for ahead in [1, 60] {
        let fleet = fleet::<2>();
        let [here, there] = &fleet;
        let mut client = Client::browser().signed_in(&there.sessions, T0 + secs(ahead), ada());
        let copy = client.clone();
        here.end_others(&mut client, T0).unwrap();
        spread(&fleet);
        for (server, now) in [(here, T0), (there, T0 + secs(ahead))] {
            assert!(server.accepts(&client, now) && !server.accepts(&copy, now));
        }
    }
}

#[test]
fn two_sessions_that_end_each_other_before_their_servers_sync_both_end() {
    for apart in [0, 1, 3] {
        let fleet = fleet::<2>();
        let [here, there] = &fleet;
        let mut owner = Client::browser().signed_in(&here.sessions, T0, ada());
        let mut thief = Client::browser().signed_in(&there.sessions, T0, ada());
        here.end_others(&mut owner, T0).unwrap();
        let now = T0 + secs(apart);
        there.end_others(&mut thief, now).unwrap();
        spread(&fleet);
        for server in &fleet {
            assert!(!server.accepts(&owner, now) && !server.accepts(&thief, now), "{apart}");
        }
    }
}

/// Two clients have the same token. Only the client that ends the others later stays signed in. If
/// both end the others in the same second, neither stays signed in.
#[test]
fn at_most_one_of_two_copies_that_end_the_others_stays() {
    for apart in [0, 1, 30] {
        let fleet = fleet::<2>();
        let [here, there] = &fleet;
        let mut first = Client::browser().signed_in(&here.sessions, T0, ada());
        let mut second = first.clone();
        here.end_others(&mut first, T0).unwrap();
        let now = T0 + secs(apart);
        there.end_others(&mut second, now).unwrap();
        spread(&fleet);
        for server in &fleet {
            assert!(!server.accepts(&first, now), "{apart}");
            assert_eq!(server.accepts(&second, now), apart > 0, "{apart}");
        }
    }
}

#[test]
fn ending_the_others_works_once_a_second_and_never_locks_out_the_owner() {
    let fleet = fleet::<1>();
    let [server] = &fleet;
    let mut owner = Client::browser().signed_in(&server.sessions, T0, ada());
    for second in 0..300 {
        let now = T0 + secs(second);
        assert_eq!(server.end_others(&mut owner, now), Ok(()));
        for _ in 0..3 {
            assert_eq!(server.end_others(&mut owner, now), Err(SessionError::NotNow));
        }
        assert!(server.accepts(&owner, now));
        let mut again = Client::browser().signed_in(&server.sessions, now, ada());
        assert!(server.accepts(&again, now), "{second}");
        again.visit(&server.sessions, now, |session| session.end().unwrap());
    }
}

/// The thief uses one session or, because the thief also has the password, signs in each time. The
/// user changes the password on a server whose clock is behind. In some cases, that server has not
/// learned of the thief's revocations.
#[test]
fn a_password_change_ends_the_session_of_a_thief_who_ends_the_others_without_pause() {
    for signs_in in [false, true] {
        for seconds in [0, 1, 90] {
            for ahead in [0, 60] {
                for spreads in [false, true] {
                    let mut fleet = fleet::<2>();
                    let mut thief = Client::browser().signed_in(&fleet[0].sessions, T0, ada());
                    let mut kept = Vec::new();
                    for at in 0..=seconds {
                        let now = T0 + secs(at + ahead);
                        for _ in 0..10 {
                            if signs_in {
                                let new = Client::browser();
                                thief = new.signed_in(&fleet[0].sessions, now, ada());
                            }
                            let _ = fleet[0].end_others(&mut thief, now);
                        }
                        kept.extend(fleet[0].take_passed_on());
                    }
                    if spreads {
                        all_learn(&fleet, &kept);
                    }
                    let now = T0 + secs(seconds);
                    fleet[1].at(now).sessions.revoke_subject("1815").unwrap();
                    spread(&fleet);
                    all_learn(&fleet, &kept);
                    fleet[0].at(now + secs(ahead));
                    fleet[0].restart(&[kept, fleet[1].list.to_vec()].concat());
                    for server in &fleet {
                        assert!(!server.accepts(&thief, now + secs(ahead)), "{seconds} {ahead}");
                    }
                    let later = now + secs(if signs_in { 122 } else { 0 });
                    let owner = Client::browser().signed_in(&fleet[1].sessions, later, ada());
                    assert!(fleet.iter().all(|server| server.accepts(&owner, later)), "{seconds}");
                }
            }
        }
    }
}

/// The model checker (crates/bulla-model) found this failure. A session started after a revocation,
/// on a server whose clock is ahead, and got a start time that was too late. Therefore a second
/// revocation, by a server that did not know the first one, did not end the session.
#[test]
fn a_sign_in_after_one_revocation_is_ended_by_another_that_arrives_later() {
    let fleet = fleet::<2>();
    let [here, ahead] = &fleet;
    let mut thief = Client::browser().signed_in(&ahead.sessions, T0 + secs(60), ada());
    ahead.end_others(&mut thief, T0 + secs(60)).unwrap();
    let other = Client::browser().signed_in(&ahead.sessions, T0 + secs(60), ada());
    here.sessions.revoke_subject("1815").unwrap();
    spread(&fleet);
    assert!(!here.accepts(&other, T0));
    assert!(!ahead.accepts(&other, T0 + secs(60)));
}

#[test]
fn a_session_that_starts_after_a_revocation_keeps_its_start_and_deadline() {
    let fleet = fleet::<1>();
    let [server] = &fleet;
    server.sessions.revoke_subject("1815").unwrap();
    let mut client = Client::browser().signed_in(&server.sessions, T0, ada());
    let info = |client: &Client| client.send(&server.sessions, T0).info().unwrap();
    let deadline = T0 + Policy::default().absolute_timeout();
    assert_eq!((info(&client).started_at, info(&client).expires_at), (T0, deadline));
    server.end_others(&mut client, T0).unwrap();
    assert_eq!((info(&client).started_at, info(&client).expires_at), (T0, deadline));
}

/// A new session names the revocations of the last two minutes, which therefore do not end it. A
/// token has room for 32 of them. If there were more, each by a different session or by an
/// administrator, new sign-ins are refused until fewer are left.
#[test]
fn after_33_revocations_in_two_minutes_sign_ins_are_refused_for_a_minute() {
    for (times, lives_at) in [(1, 0), (32, 0), (33, 61), (1000, 61)] {
        let fleet = fleet::<1>();
        let [server] = &fleet;
        for _ in 0..times {
            let thief = Client::browser().signed_in(&server.sessions, T0, ada());
            server.sessions.revoke_subject("1815").unwrap();
            assert!(!server.accepts(&thief, T0));
        }
        for seconds in [0, 60, 61] {
            let now = T0 + secs(seconds);
            let owner = Client::browser().signed_in(&server.sessions, now, ada());
            assert_eq!(server.accepts(&owner, now), seconds >= lives_at, "{times} {seconds}");
        }
    }
}

#[test]
fn a_revocation_in_the_future_refuses_sign_ins_until_then() {
    let subject = Subject::of("bank.example/session", "1815");
    let until = T0 + secs(90_000);
    let Ok(Revocation::Subject { except, .. }) = Revocation::of_subject(subject, T0, until) else {
        panic!("not a revocation of a subject");
    };
    // Because clocks differ, the revocation may have been made up to two minutes before its time.
    // From then on, a new session is not ended if the revocation has an exception.
    for (except, opens) in [(None, 600), (except, 479)] {
        let [server] = fleet::<1>();
        server.list.learn([Revocation::Subject { subject, before: T0 + secs(600), except, until }]);
        for seconds in [0, 478, 479, 599, 600] {
            let now = T0 + secs(seconds);
            let client = Client::browser().signed_in(&server.sessions, now, ada());
            assert_eq!(server.accepts(&client, now), seconds >= opens, "{seconds}");
        }
    }
}

#[test]
fn an_exception_protects_only_the_token_with_its_mark() {
    let fleet = fleet::<2>();
    let [here, there] = &fleet;
    let mut client = Client::browser().signed_in(&here.sessions, T0, ada());
    here.end_others(&mut client, T0).unwrap();
    let [Revocation::Subject { subject, before, except, until }] = here.take_passed_on()[..] else {
        panic!("not one revocation of a subject");
    };
    let Exception { origin, mark } = except.unwrap();
    let other = Exception { origin, mark: mark.map(|byte| !byte) };
    for (except, lives) in [
        (Some(Exception { origin, mark }), true),
        (Some(other), false),
        (Some(Exception { origin, mark: [0; 8] }), false),
        (None, false),
    ] {
        let judge = Server::new(&there.key, Policy::default(), T0);
        judge.list.learn([Revocation::Subject { subject, before, except, until }]);
        assert_eq!(judge.accepts(&client, T0), lives, "{except:?}");
    }
}
