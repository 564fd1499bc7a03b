//! Revocations, which end sessions before their deadline.

use bulla::revocation::{Exception, Revocation, Subject};
use bulla::session::{Refusal, SessionId, Status};
use bulla::{Policy, Revocations, Session, SessionError, Sessions, UnixTime};

use crate::support::{Account, Client, ENDS_ADA, T0, ada, alan, key_text, ring, secs};

const ABSOLUTE: u64 = 43_200;

/// A server with a revocation list and with a clock that the test sets.
struct World {
    revocations: Revocations,
    sessions: Sessions<Account>,
    now: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

impl World {
    fn new() -> World {
        let now = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(T0.as_secs()));
        let clock = std::sync::Arc::clone(&now);
        let revocations = Revocations::new();
        let sessions = Sessions::builder(ring(&[&key_text()]), Policy::default())
            .cookie(bulla::Cookie::default())
            .bearer(bulla::Bearer::default())
            .revocations(&revocations)
            .subject(|account: &Account| account.id.to_string())
            .clock(move || UnixTime::from_secs(clock.load(std::sync::atomic::Ordering::Relaxed)))
            .build();
        World { revocations, sessions, now }
    }

    fn at(&self, seconds: u64) -> &World {
        self.now.store(T0.as_secs() + seconds, std::sync::atomic::Ordering::Relaxed);
        self
    }

    fn signed_in(&self, client: Client, account: Account) -> Client {
        let now = UnixTime::from_secs(self.now.load(std::sync::atomic::Ordering::Relaxed));
        client.signed_in(&self.sessions, now, account)
    }

    fn visit<R>(&self, client: &mut Client, handler: impl FnOnce(&Session<Account>) -> R) -> R {
        let session = client.send_now(&self.sessions);
        let result = handler(&session);
        client.receive(&session);
        result
    }

    fn alive(&self, client: &Client) -> bool {
        client.send_now(&self.sessions).get().is_some()
    }
}

#[test]
fn signing_out_also_ends_stolen_copies() {
    for client in [Client::browser(), Client::mobile()] {
        let world = World::new();
        let mut client = world.signed_in(client, ada());
        let copy = client.clone();
        let other = world.signed_in(client.clone(), ada());
        world.visit(&mut client, |session| session.end().unwrap());
        assert!(!world.alive(&copy));
        assert_eq!(copy.send_now(&world.sessions).status(), Status::Refused(Refusal::Revoked));
        assert!(world.alive(&other), "another session of the same user stays valid");
    }
}

#[test]
fn signing_out_ends_stolen_copies_even_if_the_handler_fails() {
    let world = World::new();
    let client = world.signed_in(Client::browser(), ada());
    let session = client.send_now(&world.sessions);
    session.end().unwrap();
    session.discard_changes();
    assert!(!world.alive(&client));
}

#[test]
fn each_revocation_ends_exactly_the_sessions_that_it_names() {
    type Revoke = fn(&World, &Client);
    let table: &[(&str, Revoke, [bool; 3])] = &[
        ("nothing", |_, _| {}, [true, true, true]),
        (
            "one session",
            |world, client| {
                let id = client.send_now(&world.sessions).info().unwrap().id;
                world.sessions.revoke_session(id).unwrap();
            },
            [false, true, true],
        ),
        (
            "a subject",
            |world, _| world.sessions.revoke_subject("1815").unwrap(),
            [false, false, true],
        ),
        ("another subject", |world, _| world.sessions.revoke_subject("7").unwrap(), [true; 3]),
        ("all sessions", |world, _| world.sessions.revoke_all().unwrap(), [false, false, false]),
        (
            "a key",
            |world, client| {
                let id = client.send_now(&world.sessions).info().unwrap().key_id;
                let (before, until) = (T0 + secs(1), T0 + secs(ABSOLUTE));
                world.revocations.add(Revocation::Key { id, before, until });
            },
            [false, false, false],
        ),
        (
            "end everywhere",
            |world, client| client.send_now(&world.sessions).end_everywhere().unwrap(),
            [false, false, true],
        ),
    ];
    for (what, revoke, expected) in table {
        let world = World::new();
        let clients = [ada(), ada(), alan()].map(|a| world.signed_in(Client::browser(), a));
        revoke(&world, &clients[0]);
        assert_eq!(clients.clone().map(|client| world.alive(&client)), *expected, "{what}");
        // If a user signs in afterwards, even in the same second, the new session is not revoked,
        // except by the revocation of a key.
        let again = clients.map(|client| world.signed_in(client, ada()));
        let revoked = *what == "a key";
        assert_eq!(again.map(|client| world.alive(&client)), [!revoked; 3], "{what}");
        world.at(1);
        assert!(world.alive(&world.signed_in(Client::browser(), ada())), "{what}");
    }
}

#[test]
fn ending_the_others_keeps_this_session_and_its_timeouts() {
    for client in [Client::browser(), Client::mobile()] {
        let world = World::new();
        let mut here = world.signed_in(client.clone(), ada());
        let there = world.signed_in(client.clone(), ada());
        let alans = world.signed_in(client, alan());
        let before = here.send_now(&world.sessions).info().unwrap();
        world.at(600);
        world.visit(&mut here, |session| session.end_others().unwrap());
        assert!(world.alive(&here) && !world.alive(&there) && world.alive(&alans));
        let after = here.send_now(&world.sessions).info().unwrap();
        assert_ne!(after.id, before.id);
        assert_eq!(after.expires_at, before.expires_at, "the deadline stays");
        assert_eq!(after.reauthenticated_at, before.reauthenticated_at, "no fresher than before");

        world.at(1200);
        world.visit(&mut here, |session| session.end_others().unwrap());
        assert!(world.alive(&here));
    }
}

#[test]
fn two_revocations_in_one_second_both_take_effect() {
    let world = World::new();
    for _ in 0..3 {
        let mut here = world.signed_in(Client::browser(), ada());
        let there = world.signed_in(Client::browser(), ada());
        world.visit(&mut here, |session| session.end_others().unwrap());
        assert!(world.alive(&here) && !world.alive(&there));
        world.sessions.revoke_subject("1815").unwrap();
        assert!(!world.alive(&here));
    }
    let again = world.signed_in(Client::browser(), ada());
    world.sessions.revoke_all().unwrap();
    assert!(!world.alive(&again));
    let once_more = world.signed_in(Client::browser(), ada());
    assert!(world.alive(&once_more));
    world.sessions.revoke_all().unwrap();
    assert!(!world.alive(&once_more));
    world.at(1);
    assert!(world.alive(&world.signed_in(Client::browser(), ada())));
}

#[test]
fn a_session_that_starts_after_revoke_all_can_be_ended_at_once() {
    for revoke in ENDS_ADA {
        let world = World::new();
        // The sign-ins of another user are refused forever. This does not affect Ada.
        let (subject, never) = (Subject::of("bank.example/session", "1912"), UnixTime::MAX);
        world.revocations.add(Revocation::Subject {
            subject,
            before: never,
            except: None,
            until: never,
        });
        world.sessions.revoke_all().unwrap();
        let mut client = world.signed_in(Client::browser(), ada());
        let other = world.signed_in(Client::browser(), ada());
        world.visit(&mut client, |session| session.end_others().unwrap());
        assert!(world.alive(&client) && !world.alive(&other));
        revoke(&world.sessions);
        assert!(!world.alive(&client));
        let again = world.signed_in(Client::browser(), ada());
        assert!(world.alive(&again));
        let ahead = again.send_now(&world.sessions).info().unwrap().started_at.since(T0);
        assert!(ahead < secs(70), "{ahead:?}");
        assert!(!world.alive(&world.signed_in(Client::browser(), alan())));
    }
}

#[test]
fn without_a_subject_ending_other_sessions_fails_and_nothing_ends() {
    let sessions = Sessions::<Account>::builder(ring(&[&key_text()]), Policy::default())
        .revocations(&Revocations::new())
        .build(); // no subject is configured
    let client = Client::browser().signed_in(&sessions, T0, ada());
    for end in [Session::end_everywhere, Session::end_others] {
        let session = client.send(&sessions, T0);
        assert_eq!(end(&session), Err(SessionError::NoSubject));
        assert!(session.get().is_some() && session.commit().into_iter().all(|l| !l.sensitive));
    }
    let guest = Client::browser().send(&sessions, T0);
    assert_eq!(guest.end_others(), Err(SessionError::NoSession));
    // Revoking by name would find no session, and must not seem to work.
    assert_eq!(sessions.revoke_subject("1815"), Err(SessionError::NoSubject));
    assert_eq!(sessions.revoke_all(), Ok(()));
}

#[test]
fn without_a_list_revoking_fails() {
    let sessions = Sessions::<Account>::builder(ring(&[&key_text()]), Policy::default())
        .subject(|account| account.id.to_string())
        .build();
    let id = SessionId::from_bytes([1; 16]);
    for revoked in
        [sessions.revoke_subject("7"), sessions.revoke_session(id), sessions.revoke_all()]
    {
        assert_eq!(revoked, Err(SessionError::NoRevocations));
    }
    let client = Client::browser().signed_in(&sessions, T0, ada());
    assert_eq!(client.send(&sessions, T0).end_others(), Err(SessionError::NoRevocations));
}

#[test]
fn a_server_whose_clock_is_ahead_revokes_no_later_sign_in() {
    let world = World::new();
    let (subject, until) = (Subject::of("bank.example/session", "1815"), T0 + secs(ABSOLUTE));
    let revoke = |before| {
        let Ok(Revocation::Subject { except, .. }) = Revocation::of_subject(subject, T0, until)
        else {
            panic!("a revocation of a subject");
        };
        world.revocations.add(Revocation::Subject { subject, before, except, until });
    };
    let old = world.signed_in(Client::browser(), ada());
    revoke(T0 + secs(60));
    assert!(!world.alive(&old));
    assert!(world.alive(&world.signed_in(Client::browser(), ada())));
    revoke(T0 + secs(121)); // by a server whose clock is ahead
    assert!(world.alive(&world.signed_in(Client::browser(), ada())));
    revoke(T0 + secs(122));
    assert!(!world.alive(&world.signed_in(Client::browser(), ada())), "over two minutes ahead");
}

#[test]
fn an_old_credential_of_a_revoked_subject_is_not_adopted() {
    let revocations = Revocations::new();
    let until = T0 + secs(9999);
    let sessions = Sessions::builder(ring(&[&key_text()]), Policy::default())
        .revocations(&revocations)
        .subject(|account: &Account| account.id.to_string())
        .adopt_cookie(bulla::session::OldCookie::new("old").unwrap(), until, |value| {
            let adopted = bulla::session::Adopted::new(ada());
            match value.parse() {
                Ok(since) => Some(adopted.started_at(UnixTime::from_secs(since))),
                Err(_) => Some(adopted),
            }
        })
        .build();
    let adopted = |value: String| {
        let mut browser = Client::browser();
        browser.kept.insert("old".to_owned(), value);
        browser.send(&sessions, T0 + secs(10)).get().is_some()
    };
    assert!(adopted("of-unknown-age".to_owned()));
    let subject = Subject::of("bank.example/session", "1815");
    revocations.add(Revocation::Subject { subject, before: T0, except: None, until });
    assert!(!adopted("of-unknown-age".to_owned()));
    assert!(!adopted((T0.as_secs() - 1).to_string()));
    assert!(adopted(T0.as_secs().to_string()));
}

fn session(n: u128, until: UnixTime) -> Revocation {
    Revocation::Session { id: SessionId::from_bytes(n.to_be_bytes()), until }
}

#[test]
fn pruning_removes_exactly_the_revocations_that_are_over() {
    let revocations = Revocations::new();
    for n in 0..5000 {
        assert!(revocations.add(session(n, T0 + secs(n as u64))));
    }
    assert!(!revocations.is_empty());
    assert!(!revocations.add(session(7, T0 + secs(7))), "already known");
    assert!(revocations.add(session(7, T0 + secs(9000))), "a later deadline is new");
    assert_eq!(revocations.to_vec().len(), revocations.len());
    for (at, left) in [(0, 4999), (1000, 4000), (4998, 2), (4999, 1), (9000, 0)] {
        revocations.prune(T0 + secs(at));
        assert_eq!(revocations.len(), left, "{at}");
    }
    assert!(revocations.is_empty());
}

#[test]
fn two_revocations_of_the_same_sessions_merge_into_what_either_revokes() {
    type Of = Box<dyn Fn(u64, u64) -> Revocation>;
    let id = ring(&[&key_text()]).primary_at(T0).unwrap();
    let subject = Subject::of("bank.example/session", "ada");
    let of = |before, until| (T0 + secs(before), T0 + secs(until));
    let kinds: [Of; 3] = [
        Box::new(move |before, until| {
            let (before, until) = of(before, until);
            Revocation::Subject { subject, before, except: None, until }
        }),
        Box::new(move |before, until| {
            let (before, until) = of(before, until);
            Revocation::Key { id, before, until }
        }),
        Box::new(move |before, until| {
            let (before, until) = of(before, until);
            Revocation::All { before, except: None, until }
        }),
    ];
    let all = Revocations::new();
    for (kind, kinds_so_far) in kinds.iter().zip(1..) {
        let list = Revocations::new();
        for (before, until, is_new, kept) in [
            (10, 100, true, (10, 100)),
            (10, 100, false, (10, 100)),
            (9, 99, false, (10, 100)),
            (11, 100, true, (11, 100)),
            (11, 101, true, (11, 101)),
            (12, 50, true, (12, 101)),
            (1, 200, true, (12, 200)),
        ] {
            assert_eq!(list.add(kind(before, until)), is_new, "{before} {until}");
            assert_eq!(list.to_vec(), [kind(kept.0, kept.1)], "{before} {until}");
            all.add(kind(before, until));
        }
        assert_eq!(all.len(), kinds_so_far);
    }
}

#[test]
fn learned_revocations_that_are_over_are_dropped_when_new_ones_are_made_here() {
    let world = World::new();
    world.revocations.learn((0..1_500).map(|n| session(n, T0)));
    for n in 0..1_100_u128 {
        let id = SessionId::from_bytes((n + 10_000).to_be_bytes());
        world.at(86_400).sessions.revoke_session(id).unwrap();
    }
    assert_eq!(world.revocations.len(), 1_100);
}

#[test]
fn only_new_revocations_of_this_server_are_passed_on() {
    let revocations = Revocations::new();
    let passed = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = std::sync::Arc::clone(&passed);
    revocations.on_add(move |revocation| sink.lock().unwrap().push(*revocation));
    revocations.learn([session(1, T0)]);
    revocations.add(session(1, T0));
    revocations.add(session(2, T0));
    assert_eq!(*passed.lock().unwrap(), [session(2, T0)]);
}

#[test]
fn the_text_of_a_revocation_parses_back_and_malformed_text_is_refused() {
    let id = SessionId::from_bytes(*b"0123456789abcdef");
    let subject = Subject::of("bank.example/session", "ada");
    let key_id = ring(&[&key_text()]).primary_at(T0).unwrap();
    let (before, until) = (T0, T0 + secs(60));
    let except = Exception { origin: id, mark: *b"\0\x01\xff3456z" };
    for revocation in [
        Revocation::Session { id, until },
        Revocation::Subject { subject, before, except: None, until },
        Revocation::Subject { subject, before, except: Some(except), until },
        Revocation::Key { id: key_id, before, until },
        Revocation::All { before, except: None, until },
        Revocation::All { before, except: Some(except), until },
    ] {
        let line = revocation.to_string();
        assert_eq!(line.parse(), Ok(revocation), "{line}");
        for bad in [line.replace("until=", ""), format!("{line} x"), line.to_uppercase()] {
            assert!(bad.parse::<Revocation>().is_err(), "{bad}");
        }
    }
    assert_eq!(
        session(1, until).to_string(),
        "session 00000000000000000000000000000001 until=2026-12-01T12:01:00Z"
    );
    assert_ne!(subject, Subject::of("bank.example/sessio", "nada"));
    let spares = Revocation::Subject { subject, before, except: Some(except), until }.to_string();
    assert!(spares.ends_with(" except=30313233343536373839616263646566.0001ff333435367a"));
    let (line, except) = spares.split_once(" except=").unwrap();
    let (subject_alone, _) = line.split_once(" before=").unwrap();
    let (origin, mark) = except.split_once('.').unwrap();
    for bad in [
        format!("{line} except="),
        format!("{line} except={origin}"),
        format!("{line} except={origin}."),
        format!("{line} except=.{mark}"),
        format!("{line} except={mark}.{origin}"),
        format!("{line} except={origin}.{mark}0"),
        format!("{line} except={origin}.{}", &mark[1..]),
        format!("{line} except={origin}.{mark} except={origin}.{mark}"),
        format!("{line} {except}"),
        format!("{subject_alone} except={except}"),
        format!("{line} except={}", except.to_uppercase()),
        format!("key {key_id} before={before} until={until} except={except}"),
        line.replace("2026", "12026"),
        line.replace("2026", "+12026"),
    ] {
        assert!(bad.parse::<Revocation>().is_err(), "{bad}");
    }
    let digits = "0123456789abcdef0123456789abcdef";
    for (id, reads) in [
        (digits.to_owned(), true),
        (digits[1..].to_owned(), false),
        (format!("{digits}0"), false),
        (digits.to_uppercase(), false),
        (format!("+{}", &digits[1..]), false),
    ] {
        let line = format!("session {id} until={until}");
        assert_eq!(line.parse::<Revocation>().is_ok(), reads, "{line}");
    }
}

#[test]
fn a_list_prunes_itself_while_revocations_are_added() {
    let world = World::new();
    let mut longest = 0;
    for day in 0..5 {
        for number in 0..3_000_u64 {
            world.at(day * 86_400 + number);
            world
                .sessions
                .revoke_session(SessionId::from_bytes(
                    u128::from(day * 3_000 + number).to_be_bytes(),
                ))
                .unwrap();
            longest = longest.max(world.revocations.len());
        }
    }
    assert!(longest < 3_000 + 1_100, "{longest}");
}

/// Sessions that share the list of `world`, but have another key and another policy.
fn sharing_the_list(world: &World, key: &str, policy: Policy) -> Sessions<Account> {
    Sessions::builder(ring(&[key]), policy)
        .revocations(&world.revocations)
        .subject(|account: &Account| account.id.to_string())
        .build()
}

#[test]
fn ending_a_session_also_ends_copies_from_before_its_id_changed() {
    for by_its_id in [false, true] {
        let world = World::new();
        let mut client = world.signed_in(Client::browser(), ada());
        let (copy, id) = (client.clone(), client.send_now(&world.sessions).info().unwrap().id);
        world.at(10).visit(&mut client, |session| session.reauthenticated().unwrap());
        assert!(world.alive(&client) && world.alive(&copy));
        match by_its_id {
            true => world.sessions.revoke_session(id).unwrap(), // as from a list of devices
            false => world.visit(&mut client, |session| session.end().unwrap()),
        }
        assert!(!world.alive(&client) && !world.alive(&copy));
    }
}

#[test]
fn ending_the_others_repeatedly_does_not_block_sign_ins() {
    let world = World::new();
    let mut thief = world.signed_in(Client::browser(), ada());
    for _ in 0..500 {
        world.visit(&mut thief, |session| {
            let _ = session.end_others();
        });
    }
    world.at(60).sessions.revoke_subject("1815").unwrap(); // the password is changed
    assert!(!world.alive(&thief));
    assert!(world.alive(&world.signed_in(Client::browser(), ada())));
}

/// If another server has revoked this session, the session still ends when this server learns of
/// the revocation.
#[test]
fn ending_the_others_works_on_a_server_that_is_cut_off() {
    let world = World::new();
    let mut client = world.signed_in(Client::browser(), ada());
    let other = world.signed_in(Client::browser(), ada());
    world.revocations.confirm(T0);
    world.at(600).visit(&mut client, |session| session.end_others().unwrap());
    assert!(world.alive(&client) && !world.alive(&other));
}

#[test]
fn revoke_all_is_kept_until_the_longest_session_has_ended() {
    let (world, key) = (World::new(), key_text());
    let long = sharing_the_list(&world, &key, Policy::aal1());
    let client = Client::browser().signed_in(&long, T0, ada());
    world.at(5).sessions.revoke_all().unwrap();
    for at in [10, 13 * 3_600] {
        world.revocations.prune(T0 + secs(at));
        assert!(client.send(&long, T0 + secs(at)).get().is_none(), "{at}");
    }
}

#[test]
fn a_clock_that_jumps_ahead_and_back_drops_no_revocation() {
    let world = World::new();
    let mut client = world.signed_in(Client::browser(), ada());
    let copy = client.clone();
    world.at(86_400 * 365).sessions.revoke_session(SessionId::from_bytes([9; 16])).unwrap();
    world.at(10).visit(&mut client, |session| session.end().unwrap());
    for number in 0..1_100_u128 {
        world.sessions.revoke_session(SessionId::from_bytes(number.to_be_bytes())).unwrap();
    }
    assert!(!world.alive(&copy));

    world.revocations.confirm(T0 + secs(3_600));
    let client = world.signed_in(Client::browser(), alan());
    let session = client.send_now(&world.sessions);
    let current = session.require_current(secs(10)).is_ok();
    assert!(!current, "a confirmation in the future does not count");
}

#[test]
fn a_sign_out_under_a_short_policy_also_holds_under_a_longer_one() {
    let (world, key) = (World::new(), key_text());
    let long = sharing_the_list(&world, &key, Policy::aal1());
    let short = sharing_the_list(&world, &key, Policy::high_value());
    let mut client = Client::browser().signed_in(&long, T0, ada());
    let copy = client.clone();
    client.visit(&short, T0 + secs(10), |session| session.end().unwrap());
    world.revocations.prune(T0 + secs(5 * 3_600));
    assert!(copy.send(&long, T0 + secs(5 * 3_600)).get().is_none());
}

#[test]
fn sessions_of_a_revoked_key_stay_revoked_after_the_key_is_dropped() {
    let (old, new) = (key_text(), format!("{} primary-from=2026-01-01T00:00:00Z", key_text()));
    let list = Revocations::new();
    let sessions = |keys: &[&str]| {
        Sessions::<Account>::builder(ring(keys), Policy::default()).revocations(&list).build()
    };
    let (before, both, after) = (sessions(&[&old]), sessions(&[&new, &old]), sessions(&[&new]));
    let mut client = Client::browser().signed_in(&before, T0, ada());
    let id = client.send(&before, T0).info().unwrap().key_id;
    client.visit(&both, T0 + secs(10), |session| assert!(session.get().is_some()));
    let before = T0 + secs(20);
    list.add(Revocation::Key { id, before, until: T0 + secs(ABSOLUTE) });
    for sessions in [both, after] {
        assert!(client.send(&sessions, T0 + secs(30)).get().is_none());
    }
}

/// This server does not have the key of the renewal token. Other servers have the key and accept
/// the session.
#[test]
fn a_server_can_end_a_session_that_it_cannot_judge() {
    let (key, later) = (key_text(), format!("{} primary-from=2026-12-01T12:10:00Z", key_text()));
    let list = Revocations::new();
    let sessions = |keys: &[&str]| {
        Sessions::<Account>::builder(ring(keys), Policy::default()).revocations(&list).build()
    };
    let (there, here) = (sessions(&[&later, &key]), sessions(&[&key]));
    let mut client = Client::browser().signed_in(&there, T0, ada());
    client.visit(&there, T0 + secs(1_500), |session| assert!(session.get().is_some()));
    let copy = client.clone();
    client.visit(&here, T0 + secs(2_000), |session| {
        assert_eq!(session.status(), Status::Refused(Refusal::UnknownActivity));
        session.end().unwrap();
    });
    assert!(copy.send(&there, T0 + secs(2_010)).get().is_none());
}

#[test]
fn an_old_credential_stays_revoked_until_its_migration_ends() {
    let (list, until) = (Revocations::new(), T0 + secs(30 * 86_400));
    let sessions = Sessions::<Account>::builder(ring(&[&key_text()]), Policy::default())
        .revocations(&list)
        .subject(|account| account.id.to_string())
        .clock(|| T0)
        .adopt_cookie(bulla::session::OldCookie::new("id").unwrap(), until, |_| {
            Some(bulla::session::Adopted::new(ada()))
        })
        .build();
    let mut client = Client::browser();
    client.kept.insert("id".to_owned(), "1815".to_owned());
    sessions.revoke_subject("1815").unwrap();
    for at in [60, 13 * 3_600] {
        list.prune(T0 + secs(at));
        assert!(client.send(&sessions, T0 + secs(at)).get().is_none(), "{at}");
    }
}
