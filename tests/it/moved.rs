//! Sessions that end the others, at servers that hear of each other late.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use bulla::revocation::{Revocation, Subject};
use bulla::{Policy, Revocations, SessionError, Sessions, UnixTime};

use crate::support::{Account, Client, ENDS_ADA, T0, ada, key_text, ring, secs};

/// A server, and what its list passes on.
struct Server {
    sessions: Sessions<Account>,
    list: Revocations,
    says: Arc<Mutex<Vec<Revocation>>>,
    clock: Arc<AtomicU64>,
}

fn fleet<const N: usize>() -> [Server; N] {
    let key = key_text();
    [(); N].map(|()| {
        let (list, says) = (Revocations::new(), Arc::new(Mutex::new(Vec::new())));
        let sink = Arc::clone(&says);
        list.on_add(move |revocation| sink.lock().unwrap().push(*revocation));
        let clock = Arc::new(AtomicU64::new(T0.as_secs()));
        let now = Arc::clone(&clock);
        let sessions = Sessions::builder(ring(&[&key]), Policy::default())
            .revocations(&list)
            .subject(|account: &Account| account.id.to_string())
            .clock(move || UnixTime::from_secs(now.load(Relaxed)))
            .build();
        Server { sessions, list, says, clock }
    })
}

impl Server {
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

    fn prunes_and_moves_another(&self, now: UnixTime) -> Result<(), SessionError> {
        self.list.prune(now);
        let mut another = Client::browser().signed_in(&self.sessions, now, ada());
        self.end_others(&mut another, now)
    }

    fn lets_in(&self, client: &Client, now: UnixTime) -> bool {
        client.send(&self.sessions, now).get().is_some()
    }
}

fn all_hear(fleet: &[Server], said: &[Revocation]) {
    fleet.iter().for_each(|server| {
        server.list.learn(said.iter().copied());
    });
}

/// Until all have heard all; how many revocations that took.
fn settle(fleet: &[Server]) -> usize {
    let mut heard = 0;
    for _ in 0..10 {
        let said: Vec<Revocation> = fleet.iter().flat_map(Server::says).collect();
        if said.is_empty() {
            return heard;
        }
        heard += said.len();
        all_hear(fleet, &said);
    }
    panic!("they go on and on");
}

#[test]
fn a_revocation_that_comes_late_ends_a_session_that_was_put_past_it() {
    type Revoke = fn(&Server);
    let revocations: [(Revoke, u64); 2] = [
        (|server| server.sessions.revoke_subject("1815"), 0),
        (|server| server.sessions.revoke_all(), 61), // those hold for a minute's clocks
    ];
    for (revoke, ahead) in revocations {
        for later in [0, 1, 4, 600] {
            let fleet = fleet::<3>();
            let [here, there, _] = &fleet;
            let mut thief = Client::browser().signed_in(&here.sessions, T0, ada());
            revoke(there);
            // This server has not heard.
            let now = T0 + secs(later + ahead);
            here.end_others(&mut thief, now).unwrap();
            assert!(here.lets_in(&thief, now), "{later}");
            settle(&fleet);
            for server in &fleet {
                assert!(!server.lets_in(&thief, now), "{later}");
                let again = Client::browser().signed_in(&server.sessions, now + secs(1), ada());
                assert!(fleet.iter().all(|server| server.lets_in(&again, now + secs(1))));
            }
        }
    }
}

#[test]
fn what_was_heard_before_or_comes_after_ends_nothing_by_surprise() {
    let fleet = fleet::<2>();
    let [here, there] = &fleet;
    there.sessions.revoke_subject("1815");
    let before = there.says();
    all_hear(&fleet, &before);
    let now = T0 + secs(600);
    let mut client = Client::browser().signed_in(&here.sessions, now, ada());
    here.end_others(&mut client, now).unwrap();
    let its_own = here.says();
    // All that is known is told again, as every server does; merged, too, as by one whose
    // sessions live longer.
    let subject = Subject::of("bank.example/session", "1815");
    let Revocation::Subject { before: put_to, until, .. } = its_own[0] else { panic!() };
    let merged = [Revocation::Subject { subject, before: put_to, until: until + secs(9) }];
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

#[test]
fn a_revocation_that_comes_late_does_not_mean_who_has_signed_in_since() {
    let fleet = fleet::<2>();
    let [here, cut_off] = &fleet;
    cut_off.sessions.revoke_subject("1815");
    let now = T0 + secs(60);
    let mut client = Client::browser().signed_in(&here.sessions, now, ada());
    here.end_others(&mut client, now).unwrap();
    settle(&fleet);
    assert!(fleet.iter().all(|server| server.lets_in(&client, now)));
}

/// From server to server or at one, faster than the revocation or slower.
#[test]
fn a_session_that_moves_on_and_on_ends_all_the_same() {
    for [first, second, third] in [[0, 1, 2], [0, 0, 0], [0, 1, 0], [0, 0, 1]] {
        for pause in [0, 1, 2, 6, 30] {
            for hears in [false, true] {
                let fleet = fleet::<4>();
                let mut thief = Client::browser().signed_in(&fleet[0].sessions, T0, ada());
                fleet[3].sessions.revoke_subject("1815");
                let late = fleet[3].says();
                let mut now = T0;
                for server in [first, second, third] {
                    let _ = fleet[server].end_others(&mut thief, now);
                    if hears {
                        all_hear(&fleet[..3], &fleet[server].says());
                    }
                    now = now + secs(pause);
                }
                assert!(fleet[third].lets_in(&thief, now));
                all_hear(&fleet, &late);
                settle(&fleet);
                let lets_in = fleet.iter().any(|server| server.lets_in(&thief, now));
                assert!(!lets_in, "{first} {second} {third} {pause} {hears}");
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
            let mut thief = Client::browser().signed_in(&here.sessions, T0, ada());
            here.end_others(&mut thief, T0 + secs(ahead)).unwrap();
            all_hear(&fleet, &here.says());
            revoke(&there.sessions);
            settle(&fleet);
            assert!(!there.lets_in(&thief, T0) && !here.lets_in(&thief, T0 + secs(ahead)));
        }
    }
    for second in [0, 1] {
        let fleet = fleet::<2>();
        let [here, there] = &fleet;
        let now = T0 + secs(second);
        let mut thief = Client::browser().signed_in(&here.sessions, now, ada());
        let longer = Sessions::<Account>::builder(ring(&[&key_text()]), Policy::aal1())
            .revocations(&there.list)
            .subject(|account| account.id.to_string())
            .clock(move || now)
            .build();
        longer.revoke_subject("1815");
        here.end_others(&mut thief, now).unwrap();
        settle(&fleet);
        assert!(!fleet.iter().any(|server| server.lets_in(&thief, now)));
    }
}

/// Each has ended the other.
#[test]
fn two_that_end_each_other_unheard_both_end() {
    for apart in [0, 1, 3] {
        let fleet = fleet::<2>();
        let [here, there] = &fleet;
        let mut owner = Client::browser().signed_in(&here.sessions, T0, ada());
        let mut thief = owner.clone();
        here.end_others(&mut owner, T0).unwrap();
        there.end_others(&mut thief, T0 + secs(apart)).unwrap();
        if *here.says.lock().unwrap() == *there.says.lock().unwrap() {
            continue; // one time in 256, of one second
        }
        settle(&fleet);
        let now = T0 + secs(apart);
        for client in [owner, thief] {
            assert!(!fleet.iter().any(|server| server.lets_in(&client, now)), "{apart}");
        }
    }
}

/// One session, or a new one each time for a thief who has the password, too.
#[test]
fn a_password_change_ends_a_thief_who_ends_the_others_without_pause() {
    for signs_in in [false, true] {
        for seconds in [0, 1, 90] {
            for ahead in [0, 60] {
                let fleet = fleet::<2>();
                let [server, other] = &fleet;
                let mut thief = Client::browser().signed_in(&server.sessions, T0, ada());
                for at in 0..=seconds {
                    let now = T0 + secs(at + ahead);
                    for _ in 0..70 {
                        if signs_in {
                            thief = Client::browser().signed_in(&server.sessions, now, ada());
                        }
                        let _ = server.end_others(&mut thief, now);
                    }
                }
                all_hear(&fleet, &server.says());
                let now = T0 + secs(seconds);
                assert!(server.lets_in(&thief, now + secs(ahead)));
                other.at(now).sessions.revoke_subject("1815");
                settle(&fleet);
                assert!(!server.lets_in(&thief, now + secs(ahead)), "{seconds} {ahead}");
                let owner = Client::browser().signed_in(&other.sessions, now, ada());
                assert!(fleet.iter().all(|server| server.lets_in(&owner, now)));
            }
        }
    }
}

/// What is forgotten could come late; what is over could not.
#[test]
fn a_thousand_moves_are_remembered_until_they_are_over_and_no_more_are_made() {
    let fleet = fleet::<2>();
    let [here, there] = &fleet;
    let mut thief = Client::browser().signed_in(&here.sessions, T0, ada());
    there.sessions.revoke_subject("1815");
    let late = there.says();
    let moves = (0..2_300).filter(|at| here.end_others(&mut thief, T0 + secs(*at)).is_ok());
    assert_eq!(moves.count(), 1_000);

    let now = T0 + secs(2_300);
    assert_eq!(here.prunes_and_moves_another(now), Err(SessionError::NotNow));
    assert!(here.lets_in(&thief, now));
    all_hear(&fleet, &late);
    assert!(!here.lets_in(&thief, now));

    let fleet = self::fleet::<1>();
    let [here] = &fleet;
    let mut client = Client::browser().signed_in(&here.sessions, T0, ada());
    for at in 0..2_300 {
        let _ = here.end_others(&mut client, T0 + secs(at));
    }
    assert_eq!(here.prunes_and_moves_another(now), Err(SessionError::NotNow));
    let tomorrow = now + secs(86_400);
    assert_eq!(here.prunes_and_moves_another(tomorrow), Ok(()));
}

#[test]
fn a_session_at_a_server_that_is_ahead_ends_its_copies_at_one_that_is_not() {
    let fleet = fleet::<2>();
    let [here, ahead] = &fleet;
    let mut client = Client::browser().signed_in(&ahead.sessions, T0 + secs(60), ada());
    let copy = client.clone();
    here.end_others(&mut client, T0).unwrap();
    settle(&fleet);
    assert!(here.lets_in(&client, T0) && !here.lets_in(&copy, T0));
}

#[test]
fn who_is_put_after_a_revocation_lives_no_longer_for_it() {
    let fleet = fleet::<1>();
    let [server] = &fleet;
    for times in [1, 100] {
        (0..times).for_each(|_| server.sessions.revoke_subject("1815"));
        let mut client = Client::browser().signed_in(&server.sessions, T0, ada());
        assert!(server.lets_in(&client, T0));
        let ends = |client: &Client| client.send(&server.sessions, T0).info().unwrap().expires_at;
        let deadline = T0 + Policy::default().absolute_timeout();
        assert_eq!(ends(&client), deadline);
        if server.end_others(&mut client, T0).is_ok() {
            assert_eq!(ends(&client), deadline);
        }
    }
}
