//! "Sign out my other devices", at servers that hear of revocations late, restart, or whose
//! clocks differ.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use bulla::revocation::{Exception, Revocation, Subject};
use bulla::{Policy, Revocations, SessionError, Sessions, UnixTime};

use crate::support::{Account, Client, ENDS_ADA, T0, ada, key_text, ring, secs};

const HOUR: u64 = 3600;

/// How long a revocation may be late, in seconds.
const LATER: [u64; 5] = [0, 1, 4, 600, HOUR];

/// A server, and what its list passes on.
struct Server {
    key: String,
    sessions: Sessions<Account>,
    list: Revocations,
    says: Arc<Mutex<Vec<Revocation>>>,
    clock: Arc<AtomicU64>,
}

fn fleet<const N: usize>() -> [Server; N] {
    let key = key_text();
    [(); N].map(|()| Server::new(&key, Policy::default(), T0))
}

impl Server {
    fn new(key: &str, policy: Policy, now: UnixTime) -> Server {
        let (list, says) = (Revocations::new(), Arc::new(Mutex::new(Vec::new())));
        let sink = Arc::clone(&says);
        list.on_add(move |revocation| sink.lock().unwrap().push(*revocation));
        let clock = Arc::new(AtomicU64::new(now.as_secs()));
        let reads = Arc::clone(&clock);
        let sessions = Sessions::builder(ring(&[key]), policy)
            .revocations(&list)
            .subject(|account: &Account| account.id.to_string())
            .clock(move || UnixTime::from_secs(reads.load(Relaxed)))
            .build();
        Server { key: key.to_owned(), sessions, list, says, clock }
    }

    /// Starts again, and reads the revocations that the fleet has kept.
    fn restart(&mut self, kept: &[Revocation]) {
        let now = UnixTime::from_secs(self.clock.load(Relaxed));
        *self = Server::new(&self.key, Policy::default(), now);
        self.list.learn(kept.iter().copied());
    }

    fn at(&self, now: UnixTime) -> &Server {
        self.clock.store(now.as_secs(), Relaxed);
        self
    }

    fn says(&self) -> Vec<Revocation> {
        std::mem::take(&mut self.says.lock().unwrap())
    }

    fn end_others(&self, client: &mut Client, now: UnixTime) -> Result<(), SessionError> {
        client.visit(&self.sessions, now, |session| session.end_others())
    }

    fn lets_in(&self, client: &Client, now: UnixTime) -> bool {
        client.send(&self.sessions, now).get().is_some()
    }
}

/// Every server hears everything that was said. Returns how many revocations that were.
fn settle(fleet: &[Server]) -> usize {
    let said: Vec<Revocation> = fleet.iter().flat_map(Server::says).collect();
    all_hear(fleet, &said);
    assert!(
        fleet.iter().all(|server| server.says().is_empty()),
        "what is learned is not passed on"
    );
    said.len()
}

fn all_hear(fleet: &[Server], said: &[Revocation]) {
    fleet.iter().for_each(|server| {
        server.list.learn(said.iter().copied());
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
    settle(&fleet);
    for server in &fleet {
        assert!(server.lets_in(&owner, T0 + secs(10)));
        assert!(!server.lets_in(&copy, T0 + secs(10)));
        assert!(!others.iter().any(|other| server.lets_in(other, T0 + secs(10))));
    }
    let info = owner.send(&fleet[1].sessions, T0 + secs(10)).info().unwrap();
    assert_eq!(info.started_at, T0);
}

/// Also if the server that let the session end the others was restarted, and if a server
/// was cut off for an hour.
#[test]
fn a_revocation_that_comes_late_ends_a_session_that_ended_the_others() {
    for revoke in ENDS_ADA {
        for later in LATER {
            for restarts in [false, true] {
                let mut fleet = fleet::<3>();
                let mut thief = Client::browser().signed_in(&fleet[0].sessions, T0, ada());
                revoke(&fleet[1].sessions);
                let late = fleet[1].says();
                let now = T0 + secs(later);
                if later == HOUR {
                    // The session is used meanwhile, or it would be idle.
                    for at in [1500, 3000] {
                        let looks = |s: &bulla::Session<Account>| assert!(s.get().is_some());
                        thief.visit(&fleet[0].sessions, T0 + secs(at), looks);
                    }
                }
                assert_eq!(fleet[0].end_others(&mut thief, now), Ok(()), "{later}");
                assert!(fleet[0].lets_in(&thief, now), "{later}");
                let kept = fleet[0].says();
                if restarts {
                    fleet[0].at(now);
                    fleet[0].restart(&kept);
                }
                all_hear(&fleet, &kept);
                all_hear(&fleet, &late);
                for server in &fleet {
                    assert!(!server.lets_in(&thief, now), "{later} {restarts}");
                    let again = Client::browser().signed_in(&server.sessions, now, ada());
                    assert!(fleet.iter().all(|server| server.lets_in(&again, now)), "{later}");
                }
            }
        }
    }
}

#[test]
fn what_was_heard_before_or_is_heard_again_ends_nothing() {
    let fleet = fleet::<2>();
    let [here, there] = &fleet;
    there.sessions.revoke_subject("1815");
    let before = there.says();
    all_hear(&fleet, &before);
    let now = T0 + secs(600);
    let mut client = Client::browser().signed_in(&here.sessions, now, ada());
    here.end_others(&mut client, now).unwrap();
    let its_own = here.says();
    // Servers repeat what they know, merged and in any order.
    let mut merged = here.list.to_vec();
    merged.reverse();
    for said in [&before[..], &its_own, &merged, &before] {
        all_hear(&fleet, said);
        assert!(fleet.iter().all(|server| server.lets_in(&client, now)));
        assert_eq!(fleet.iter().map(|server| server.says().len()).sum::<usize>(), 0);
    }
    there.at(now).sessions.revoke_subject("1815");
    assert_eq!(settle(&fleet), 1);
    assert!(!fleet.iter().any(|server| server.lets_in(&client, now)));
}

#[test]
fn a_request_that_looked_before_its_session_ended_does_not_outlive_that() {
    let fleet = fleet::<1>();
    let [server] = &fleet;
    let mut thief = Client::browser().signed_in(&server.sessions, T0, ada());
    let looked = thief.send(&server.sessions, T0);
    assert!(looked.get().is_some());
    server.sessions.revoke_subject("1815");
    assert_eq!(looked.end_others(), Err(SessionError::NoSession));
    thief.receive(&looked);
    assert!(!server.lets_in(&thief, T0));
}

/// A revocation means what started within a minute of it, since clocks differ.
#[test]
fn a_revocation_that_comes_late_spares_users_who_signed_in_a_minute_after_it() {
    let fleet = fleet::<2>();
    let [here, cut_off] = &fleet;
    cut_off.sessions.revoke_subject("1815");
    for (seconds, lives) in [(0, false), (60, false), (61, true), (HOUR, true)] {
        let now = T0 + secs(seconds);
        let mut client = Client::browser().signed_in(&here.sessions, now, ada());
        here.end_others(&mut client, now).unwrap();
        let judge = Server::new(&here.key, Policy::default(), now);
        judge.list.learn(here.list.to_vec());
        judge.list.learn(cut_off.list.to_vec());
        assert_eq!(judge.lets_in(&client, now), lives, "{seconds}");
    }
}

/// From server to server or at one, faster than the revocation or slower.
#[test]
fn a_session_that_ends_the_others_on_and_on_ends_all_the_same() {
    for chain in [[0, 1, 2], [0, 0, 0], [0, 1, 0], [0, 0, 1]] {
        for pause in [0, 1, 2, 6, 30] {
            for hears in [false, true] {
                let mut fleet = fleet::<4>();
                let mut thief = Client::browser().signed_in(&fleet[0].sessions, T0, ada());
                fleet[3].sessions.revoke_subject("1815");
                let late = fleet[3].says();
                let (mut now, mut kept) = (T0, Vec::new());
                for server in chain {
                    let result = fleet[server].end_others(&mut thief, now);
                    // In one second, only one token can be told from the others.
                    let again = pause == 0 && now == T0 && !kept.is_empty();
                    assert_eq!(result.is_ok(), !again);
                    kept.extend(fleet[server].says());
                    if hears {
                        all_hear(&fleet[..3], &kept);
                    }
                    fleet[server].at(now);
                    fleet[server].restart(&kept);
                    now = now + secs(pause);
                }
                assert!(fleet[chain[2]].lets_in(&thief, now));
                all_hear(&fleet, &kept);
                all_hear(&fleet, &late);
                let lets_in = fleet.iter().any(|server| server.lets_in(&thief, now));
                assert!(!lets_in, "{chain:?} {pause} {hears}");
            }
        }
    }
}

/// A server's clock is ahead, and another's sessions live longer.
#[test]
fn servers_that_differ_end_each_other_s_sessions() {
    for revoke in ENDS_ADA {
        for ahead in [0, 1, 59, 60] {
            let fleet = fleet::<2>();
            let [here, there] = &fleet;
            let then = T0 + secs(ahead);
            let other = Client::browser().signed_in(&here.sessions, then, ada());
            let mut thief = Client::browser().signed_in(&here.sessions, then, ada());
            here.end_others(&mut thief, then).unwrap();
            settle(&fleet);
            revoke(&there.sessions);
            settle(&fleet);
            for client in [&thief, &other] {
                assert!(!there.lets_in(client, T0) && !here.lets_in(client, then), "{ahead}");
            }
        }
    }
    let [here] = fleet::<1>();
    let there = Server::new(&here.key, Policy::aal1(), T0);
    let mut thief = Client::browser().signed_in(&here.sessions, T0, ada());
    there.sessions.revoke_subject("1815");
    here.end_others(&mut thief, T0).unwrap();
    let fleet = [here, there];
    settle(&fleet);
    assert!(!fleet.iter().any(|server| server.lets_in(&thief, T0)));
}

#[test]
fn a_session_at_a_server_that_is_ahead_ends_its_copies_at_one_that_is_not() {
    for ahead in [1, 60] {
        let fleet = fleet::<2>();
        let [here, there] = &fleet;
        let mut client = Client::browser().signed_in(&there.sessions, T0 + secs(ahead), ada());
        let copy = client.clone();
        here.end_others(&mut client, T0).unwrap();
        settle(&fleet);
        for (server, now) in [(here, T0), (there, T0 + secs(ahead))] {
            assert!(server.lets_in(&client, now) && !server.lets_in(&copy, now));
        }
    }
}

#[test]
fn two_sessions_that_end_each_other_unheard_both_end() {
    for apart in [0, 1, 3] {
        let fleet = fleet::<2>();
        let [here, there] = &fleet;
        let mut owner = Client::browser().signed_in(&here.sessions, T0, ada());
        let mut thief = Client::browser().signed_in(&there.sessions, T0, ada());
        here.end_others(&mut owner, T0).unwrap();
        let now = T0 + secs(apart);
        there.end_others(&mut thief, now).unwrap();
        settle(&fleet);
        for server in &fleet {
            assert!(!server.lets_in(&owner, now) && !server.lets_in(&thief, now), "{apart}");
        }
    }
}

/// Copies of one token: whoever ends the others later stays, and in one second neither.
#[test]
fn of_two_copies_of_a_session_that_end_the_others_at_most_one_stays() {
    for apart in [0, 1, 30] {
        let fleet = fleet::<2>();
        let [here, there] = &fleet;
        let mut first = Client::browser().signed_in(&here.sessions, T0, ada());
        let mut second = first.clone();
        here.end_others(&mut first, T0).unwrap();
        let now = T0 + secs(apart);
        there.end_others(&mut second, now).unwrap();
        settle(&fleet);
        for server in &fleet {
            assert!(!server.lets_in(&first, now), "{apart}");
            assert_eq!(server.lets_in(&second, now), apart > 0, "{apart}");
        }
    }
}

#[test]
fn a_session_ends_the_others_once_a_second_and_the_owner_is_never_locked_out() {
    let fleet = fleet::<1>();
    let [server] = &fleet;
    let mut owner = Client::browser().signed_in(&server.sessions, T0, ada());
    for second in 0..300 {
        let now = T0 + secs(second);
        assert_eq!(server.end_others(&mut owner, now), Ok(()));
        for _ in 0..3 {
            assert_eq!(server.end_others(&mut owner, now), Err(SessionError::NotNow));
        }
        assert!(server.lets_in(&owner, now));
        let mut again = Client::browser().signed_in(&server.sessions, now, ada());
        assert!(server.lets_in(&again, now), "{second}");
        again.visit(&server.sessions, now, |session| session.end().unwrap());
    }
}

/// One session, or a new one each time for a thief who has the password, too. The server of
/// the password change has heard nothing of it, and its clock is behind.
#[test]
fn a_password_change_ends_a_thief_who_ends_the_others_without_pause() {
    for signs_in in [false, true] {
        for seconds in [0, 1, 90] {
            for ahead in [0, 60] {
                for hears in [false, true] {
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
                        kept.extend(fleet[0].says());
                    }
                    if hears {
                        all_hear(&fleet, &kept);
                    }
                    let now = T0 + secs(seconds);
                    fleet[1].at(now).sessions.revoke_subject("1815");
                    settle(&fleet);
                    all_hear(&fleet, &kept);
                    fleet[0].at(now + secs(ahead));
                    fleet[0].restart(&[kept, fleet[1].list.to_vec()].concat());
                    for server in &fleet {
                        assert!(!server.lets_in(&thief, now + secs(ahead)), "{seconds} {ahead}");
                    }
                    let later = now + secs(if signs_in { 122 } else { 0 });
                    let owner = Client::browser().signed_in(&fleet[1].sessions, later, ada());
                    assert!(fleet.iter().all(|server| server.lets_in(&owner, later)), "{seconds}");
                }
            }
        }
    }
}

/// Found by the model checker (crates/bulla-model): a sign-in after a revocation at a server
/// that is ahead used to start past a revocation by a server that had not heard of the first.
#[test]
fn a_sign_in_after_one_revocation_does_not_start_past_another_that_is_unheard() {
    let fleet = fleet::<2>();
    let [here, ahead] = &fleet;
    let mut thief = Client::browser().signed_in(&ahead.sessions, T0 + secs(60), ada());
    ahead.end_others(&mut thief, T0 + secs(60)).unwrap();
    let other = Client::browser().signed_in(&ahead.sessions, T0 + secs(60), ada());
    here.sessions.revoke_subject("1815");
    settle(&fleet);
    assert!(!here.lets_in(&other, T0));
    assert!(!ahead.lets_in(&other, T0 + secs(60)));
}

#[test]
fn a_session_that_starts_after_a_revocation_lives_no_longer_for_it() {
    let fleet = fleet::<1>();
    let [server] = &fleet;
    server.sessions.revoke_subject("1815");
    let mut client = Client::browser().signed_in(&server.sessions, T0, ada());
    let info = |client: &Client| client.send(&server.sessions, T0).info().unwrap();
    let deadline = T0 + Policy::default().absolute_timeout();
    assert_eq!((info(&client).started_at, info(&client).expires_at), (T0, deadline));
    server.end_others(&mut client, T0).unwrap();
    assert_eq!((info(&client).started_at, info(&client).expires_at), (T0, deadline));
}

/// A token has room for eight revocations that it follows. Whoever signs in after more of them
/// within two minutes, each by another session or by an administrator, has to wait.
#[test]
fn after_nine_revocations_in_two_minutes_sign_ins_wait() {
    for (times, lives_at) in [(1, 0), (8, 0), (9, 61), (1000, 61)] {
        let fleet = fleet::<1>();
        let [server] = &fleet;
        for _ in 0..times {
            let thief = Client::browser().signed_in(&server.sessions, T0, ada());
            server.sessions.revoke_subject("1815");
            assert!(!server.lets_in(&thief, T0));
        }
        for seconds in [0, 60, 61] {
            let now = T0 + secs(seconds);
            let owner = Client::browser().signed_in(&server.sessions, now, ada());
            assert_eq!(server.lets_in(&owner, now), seconds >= lives_at, "{times} {seconds}");
        }
    }
}

#[test]
fn a_revocation_in_the_far_future_closes_an_account_until_then() {
    let subject = Subject::of("bank.example/session", "1815");
    let until = T0 + secs(90_000);
    let Ok(Revocation::Subject { except, .. }) = Revocation::of_subject(subject, T0, until) else {
        panic!("a revocation of a subject");
    };
    // It may have been made two minutes before, by the clocks of others: from then on, those
    // who sign in follow it, if there is something to follow.
    for (except, opens) in [(None, 600), (except, 479)] {
        let [server] = fleet::<1>();
        server.list.learn([Revocation::Subject { subject, before: T0 + secs(600), except, until }]);
        for seconds in [0, 478, 479, 599, 600] {
            let now = T0 + secs(seconds);
            let client = Client::browser().signed_in(&server.sessions, now, ada());
            assert_eq!(server.lets_in(&client, now), seconds >= opens, "{seconds}");
        }
    }
}

#[test]
fn an_exception_spares_only_the_token_with_its_mark() {
    let fleet = fleet::<2>();
    let [here, there] = &fleet;
    let mut client = Client::browser().signed_in(&here.sessions, T0, ada());
    here.end_others(&mut client, T0).unwrap();
    let [Revocation::Subject { subject, before, except, until }] = here.says()[..] else {
        panic!("one revocation of a subject");
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
        assert_eq!(judge.lets_in(&client, T0), lives, "{except:?}");
    }
}
