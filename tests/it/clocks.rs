//! Wrong clocks: clocks before 1970, clocks that are set back or forward, and the last second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use bulla::session::{Channel, Refusal, Start, Status, Validity};
use bulla::token::CLOCK_SKEW;
use bulla::{
    Bearer, Cookie, KeyRing, OpenError, Policy, Revocations, Sealer, Session, SessionError,
    Sessions, Signer, UnixTime,
};

use crate::support::{Account, Client, T0, ada, effect, key_text, ring, secs};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A server whose clock the test sets, in seconds from `T0`.
struct World {
    sessions: Sessions<Account>,
    revocations: Revocations,
    clock: Arc<AtomicU64>,
}

impl World {
    fn new(policy: Policy, keys: &[&str]) -> World {
        let (clock, revocations) = (Arc::new(AtomicU64::new(T0.as_secs())), Revocations::new());
        let reads = Arc::clone(&clock);
        let sessions = Sessions::builder(ring(keys), policy)
            .cookie(Cookie::default().persistent())
            .bearer(Bearer::default())
            .revocations(&revocations)
            .subject(|account: &Account| account.id.to_string())
            .clock(move || UnixTime::from_secs(reads.load(Relaxed)))
            .build();
        World { sessions, revocations, clock }
    }

    fn at(&self, seconds: i64) -> &World {
        self.set(UnixTime::from_secs(T0.as_secs().checked_add_signed(seconds).unwrap()))
    }

    fn set(&self, now: UnixTime) -> &World {
        self.clock.store(now.as_secs(), Relaxed);
        self
    }

    fn signed_in(&self, client: Client) -> Client {
        let mut client = client;
        let over = if client == Client::mobile() { Channel::Bearer } else { Channel::Cookie };
        self.visit(&mut client, |session| {
            session.start_with(ada(), Start::new().over(over)).unwrap();
        });
        client
    }

    fn visit<R>(
        &self,
        client: &mut Client,
        handler: impl FnOnce(&Session<Account>) -> R,
    ) -> (R, String) {
        let session = client.send_now(&self.sessions);
        let result = handler(&session);
        let lines = client.receive(&session);
        (result, effect(&lines))
    }
}

#[test]
fn a_system_time_out_of_range_is_clamped() {
    let epoch = SystemTime::UNIX_EPOCH;
    let table = [
        (epoch - secs(1), UnixTime::EPOCH),
        (epoch - secs(60 * 365 * 86_400), UnixTime::EPOCH),
        (epoch - Duration::from_nanos(1), UnixTime::EPOCH),
        (epoch, UnixTime::EPOCH),
        (epoch + Duration::from_millis(1999), UnixTime::from_secs(1)),
        (epoch + secs(UnixTime::MAX.as_secs()), UnixTime::MAX),
        (epoch + secs(UnixTime::MAX.as_secs() + 1), UnixTime::MAX),
        (epoch + secs(1 << 50), UnixTime::MAX),
    ];
    for (system, expected) in table {
        assert_eq!(UnixTime::from(system), expected);
        assert_eq!(SystemTime::from(expected), epoch + secs(expected.as_secs()));
        assert_eq!(expected.to_string().parse(), Ok(expected));
    }
    assert_eq!(UnixTime::MAX + Duration::MAX, UnixTime::MAX);
    assert_eq!(UnixTime::EPOCH.since(UnixTime::MAX), Duration::ZERO);
}

/// One client makes requests. The table says for each request: the time of the server's clock,
/// whether there is a session, and which tokens the response sets or deletes.
#[test]
fn a_clock_that_steps_between_requests_has_the_listed_effects() {
    type Steps = &'static [(i64, bool, &'static str)];
    let table: &[(&str, Steps)] = &[
        (
            "back by seconds: the session continues",
            &[(600, true, "+renewal"), (595, true, ""), (541, true, ""), (690, true, "+renewal")],
        ),
        (
            "back by the skew: valid; back by one second more: issued in the future, so left alone",
            &[(600, true, "+renewal"), (540, true, ""), (-61, false, ""), (601, true, "")],
        ),
        (
            "back by an hour, then correct again: the session is not lost",
            &[(0, true, ""), (-HOUR, false, ""), (-HOUR, false, ""), (60, true, "")],
        ),
        (
            "back by days, then correct again",
            &[(1_000, true, "+renewal"), (-30 * DAY, false, ""), (1_100, true, "+renewal")],
        ),
        (
            "back to before the last renewal: only the state token counts, and no token is set",
            &[
                (1_000, true, "+renewal"),
                (900, true, ""),
                (1_089, true, ""),
                (1_090, true, "+renewal"),
            ],
        ),
        (
            "forward within the idle timeout: activity gets a time that is too late",
            &[(1_700, true, "+renewal"), (1_640, true, ""), (1_790, true, "+renewal")],
        ),
        (
            "forward to less than a minute after the idle timeout: left alone",
            &[(1_859, false, ""), (10, true, "")],
        ),
        (
            "forward by days: expired, because the server's clock is trusted",
            &[(3 * DAY, false, "-state"), (10, false, "")],
        ),
    ];
    for (what, steps) in table {
        let world = World::new(Policy::default(), &[&key_text()]);
        let mut client = world.signed_in(Client::browser());
        for (at, lives, leaves) in *steps {
            let (read, effect) = world.at(*at).visit(&mut client, |session| session.get());
            assert_eq!(read.is_some(), *lives, "{what}, at {at}");
            // A renewal token is deleted together with its state token.
            assert_eq!(effect.replace("-renewal ", ""), *leaves, "{what}, at {at}");
        }
    }
}

#[test]
fn setting_the_clock_back_does_not_extend_the_absolute_timeout() {
    let world = World::new(Policy::new(secs(1_800), secs(7_200)), &[&key_text()]);
    for client in [Client::browser(), Client::mobile()] {
        let mut client = world.at(0).signed_in(client);
        // Every 20 minutes the clock is set back by the skew.
        for at in (0..7_200).step_by(300) {
            let back = if at % 1_200 == 0 { 60 } else { 0 };
            let (ends, _) = world.at(at - back).visit(&mut client, |session| {
                session.update(|account| account.id += 1).unwrap();
                session.reauthenticated().unwrap();
                session.info().unwrap().expires_at
            });
            assert_eq!(ends, T0 + secs(7_200));
        }
        let (read, _) = world.at(7_200).visit(&mut client, |session| session.get());
        assert_eq!(read, None);
    }
}

#[test]
fn a_revoked_session_stays_revoked_when_the_clock_is_set() {
    for step in [-DAY, -HOUR, -61, -60, -1, 1, 60, HOUR] {
        let world = World::new(Policy::default(), &[&key_text()]);
        let mut client = world.at(0).signed_in(Client::browser());
        let (copy, other) = (client.clone(), world.signed_in(Client::browser()));
        world.at(10).visit(&mut client, |session| session.end().unwrap());
        world.sessions.revoke_subject("1815").unwrap();
        for (at, of) in [(10 + step, &copy), (10 + step, &other), (20, &copy), (20, &other)] {
            let session = of.send_now(&world.at(at).sessions);
            assert!(session.get().is_none(), "{step}: {at}");
        }
        // A user who signs in when the clock is correct is not revoked.
        let again = world.at(12).signed_in(Client::browser());
        assert!(again.send_now(&world.sessions).get().is_some(), "{step}");
    }
}

#[test]
fn a_revocation_list_confirmed_in_the_future_is_not_current() {
    let world = World::new(Policy::default(), &[&key_text()]);
    let client = world.signed_in(Client::browser());
    for (confirmed, at, current) in [
        (0, 5, true),
        (0, 11, false),
        (60, 0, true),
        (61, 0, false),
        (DAY, 0, false),
        (0, -1, true),
    ] {
        world.revocations.confirm(world.at(confirmed).now());
        let session = client.send_now(&world.at(at).sessions);
        assert_eq!(session.require_current(secs(10)).is_ok(), current, "{confirmed}, {at}");
    }
}

impl World {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.clock.load(Relaxed))
    }
}

#[test]
fn whether_a_check_is_due_depends_only_on_the_current_time() {
    let clock = Arc::new(AtomicU64::new(T0.as_secs()));
    let reads = Arc::clone(&clock);
    let sessions = Sessions::<Account>::builder(KeyRing::generate().unwrap(), Policy::default())
        .clock(move || UnixTime::from_secs(reads.load(Relaxed)))
        .revalidate(|_| async { Validity::Holds })
        .revalidate_after(secs(300))
        .build();
    let client = Client::browser().signed_in(&sessions, T0, ada());
    for (at, status) in [
        (299, Status::Alive),
        (300, Status::Refused(Refusal::NotRevalidated)),
        (299, Status::Alive),
        (-60, Status::Alive),
        (1_799, Status::Refused(Refusal::NotRevalidated)),
    ] {
        clock.store(T0.as_secs().checked_add_signed(at).unwrap(), Relaxed);
        assert_eq!(client.send_now(&sessions).status(), status, "{at}");
    }
}

type Act = (&'static str, fn(&Session<Account>) -> Result<(), SessionError>);

const ACTS: &[Act] = &[
    ("look", |session| {
        let _ = (session.get(), session.info(), session.require_fresh(secs(300)).is_ok());
        Ok(())
    }),
    ("set", |session| session.set(Account { id: 1, name: "Alan".into() })),
    ("reauthenticate", Session::reauthenticated),
    ("start", |session| session.start(ada())),
    ("start with a ceiling", |session| {
        session.start_with(ada(), Start::new().with_ceiling(UnixTime::MAX))
    }),
    ("end others", Session::end_others),
    ("end everywhere", Session::end_everywhere),
    ("end", Session::end),
];

/// Runs every action at the first second, the last second and instants between, under policies with
/// timeouts from one second to the longest duration. An action may succeed or be refused, but no
/// number may overflow. Tests are built with overflow checks, so an overflow would panic.
#[test]
fn sessions_at_the_first_and_last_second_do_not_overflow() {
    let max = UnixTime::MAX.as_secs();
    let skew = CLOCK_SKEW.as_secs();
    let instants = [0, 1, skew, skew + 1, T0.as_secs(), 1 << 32].into_iter().chain([
        max - 2 * skew - 1,
        max - skew,
        max - 1,
        max,
    ]);
    let instants: Vec<UnixTime> = instants.map(UnixTime::from_secs).collect();
    let key = key_text();
    let policies = [
        Policy::new(secs(1), secs(1)),
        Policy::default(),
        Policy::new(Duration::MAX, Duration::MAX),
        Policy::default().with_touch_threshold(Duration::MAX),
    ];
    let mut tried = 0;
    for policy in policies {
        let ends = format!("{key} primary-from=1970-01-01T00:00:00Z open-until={}", UnixTime::MAX);
        let world = World::new(policy, &[&ends]);
        for begun in &instants {
            for client in [Client::browser(), Client::mobile()] {
                let session = client.send_now(&world.set(*begun).sessions);
                let over =
                    if client == Client::mobile() { Channel::Bearer } else { Channel::Cookie };
                let started = session.start_with(ada(), Start::new().over(over));
                // A session that starts at the last second would end at once, and its key has
                // retired.
                assert_eq!(started.is_ok(), *begun < UnixTime::MAX, "{begun}");
                let mut client = client.clone();
                client.receive(&session);
                for (now, (what, act)) in
                    instants.iter().flat_map(|now| ACTS.iter().map(move |act| (now, act)))
                {
                    let session = client.send_now(&world.set(*now).sessions);
                    let read = session.get().is_some();
                    let in_time =
                        *now + CLOCK_SKEW >= *begun && *now < *begun + policy.idle_timeout();
                    assert!(!read || in_time, "begun {begun}, now {now}");
                    let _ = act(&session);
                    let (_, lines) = (session.info(), session.commit());
                    for line in lines {
                        assert!(
                            line.value.bytes().all(|byte| (0x20..0x7f).contains(&byte)),
                            "{what}"
                        );
                    }
                    tried += 1;
                }
                for now in &instants {
                    world.revocations.prune(*now);
                }
            }
        }
    }
    assert!(tried > 6_000, "{tried}");
}

#[test]
fn tokens_at_the_first_and_last_second_open_until_their_deadline() {
    let ring = KeyRing::generate().unwrap();
    let (end, before) = (UnixTime::MAX, UnixTime::from_secs(UnixTime::MAX.as_secs() - 1));
    for lifetime in [secs(1), secs(900), Duration::MAX] {
        let (sealer, signer) = (Sealer::new(&ring, lifetime), Signer::new(&ring, lifetime));
        for made in [UnixTime::EPOCH, T0, before, end] {
            let sealed = sealer.seal_at(&ada(), made).unwrap();
            let signed = signer.sign_at(&ada(), made).unwrap();
            for now in [UnixTime::EPOCH, T0, before, end] {
                let opens = [sealer.open_at(&sealed, now), signer.verify_at(&signed, now)];
                for opened in opens {
                    let expected = if made > now + CLOCK_SKEW {
                        Err(OpenError::NotYetValid { issued_at: made })
                    } else if now >= made + lifetime {
                        Err(OpenError::Expired { expires_at: made + lifetime })
                    } else {
                        Ok(made + lifetime)
                    };
                    assert_eq!(opened.map(|opened| opened.expires_at), expected, "{made}, {now}");
                }
            }
        }
    }
}

#[test]
fn correcting_a_clock_that_started_in_1970_ends_only_the_sessions_made_meanwhile() {
    let world = World::new(Policy::default(), &[&key_text()]);
    let mut client = world.set(UnixTime::EPOCH).signed_in(Client::browser());
    assert!(client.send_now(&world.sessions).get().is_some());
    let elsewhere = world.at(0).signed_in(Client::browser());
    let session = elsewhere.send_now(&world.set(UnixTime::EPOCH).sessions);
    assert!(matches!(
        session.status(),
        Status::Refused(Refusal::Token(OpenError::NotYetValid { .. }))
    ));
    assert_eq!(effect(&session.commit().into_iter().collect::<Vec<_>>()), "", "left alone");
    let (read, leaves) = world.at(5).visit(&mut client, |session| session.get());
    assert_eq!((read, leaves.as_str()), (None, "-state"));
    assert!(elsewhere.send_now(&world.sessions).get().is_some());
}
