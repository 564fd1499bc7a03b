//! The behaviour when the operating system's random generator fails.
//!
//! These tests are not in tests/it, because only code inside the crate can make the generator
//! fail. `tests/no_randomness.sh` makes it fail from outside the process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::keys::key::Key;
use crate::keys::ring::KeyRing;
use crate::primitives::RandomError;
use crate::primitives::failing::with_randomness_for;
use crate::session::error::SessionError;
use crate::session::event::Event;
use crate::session::info::Status;
use crate::session::policy::Policy;
use crate::session::session::Session;
use crate::session::sessions::Sessions;
use crate::session::{Adopted, Channel, OldCookie, Start};
use crate::time::UnixTime;
use crate::token::error::SealError;
use crate::token::payload::{NoPrevious, Payload};
use crate::token::sealer::Sealer;
use crate::token::signer::Signer;
use crate::transport::Line;
use crate::{Bearer, Cookie, Revocations};

const T0: UnixTime = UnixTime::from_secs(1_796_126_400);

const LIFETIME: Duration = Duration::from_secs(900);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Account {
    id: u64,
}

impl Payload for Account {
    const PURPOSE: &'static str = "bank.example/session";
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Account {
        match previous {}
    }
}

const ADA: Account = Account { id: 1815 };

fn without_randomness<R>(test: impl FnOnce() -> R) -> R {
    with_randomness_for(0, test)
}

fn after(seconds: u64) -> UnixTime {
    T0 + Duration::from_secs(seconds)
}

#[test]
fn keys_and_rings_cannot_be_made_without_randomness() {
    without_randomness(|| {
        assert_eq!(Key::generate().unwrap_err(), RandomError);
        assert_eq!(KeyRing::generate().unwrap_err(), RandomError);
    });
}

#[test]
fn without_randomness_only_sealing_fails() {
    let ring = KeyRing::generate().unwrap();
    let sealer = Sealer::<Account>::new(&ring, LIFETIME);
    let signer = Signer::<Account>::new(&ring, LIFETIME);
    let sealed = sealer.seal_at(&ADA, T0).unwrap();
    without_randomness(|| {
        assert_eq!(sealer.seal_at(&ADA, T0), Err(SealError::Random));
        assert_eq!(sealer.open_at(&sealed, T0).unwrap().payload, ADA);
        let signed = signer.sign_at(&ADA, T0).unwrap();
        assert_eq!(signer.verify_at(signed, T0).unwrap().payload, ADA);
        // Parsing a ring and deriving subkeys need no randomness either.
        let again: KeyRing = ring.expose_text().parse().unwrap();
        assert!(Sealer::<Account>::new(again, LIFETIME).open_at(&sealed, T0).is_ok());
    });
    assert!(sealer.seal_at(&ADA, T0).is_ok(), "sealing works again when the generator does");
}

/// A caller that ignores the error must not send the token of another user.
#[test]
fn the_buffer_is_empty_after_sealing_has_failed() {
    let sealer = Sealer::<Account>::new(KeyRing::generate().unwrap(), LIFETIME);
    let mut token = String::new();
    sealer.seal_into(&ADA, T0, &mut token).unwrap();
    let error = without_randomness(|| sealer.seal_into(&ADA, T0, &mut token)).unwrap_err();
    assert_eq!(error, SealError::Random);
    assert_eq!(token, "");
}

/// The sessions of one application, with the events that they emit.
struct World {
    sessions: Sessions<Account>,
    events: Arc<Mutex<Vec<Event>>>,
    revocations: Revocations,
}

impl World {
    fn new(ring: &str) -> World {
        let events = Arc::new(Mutex::new(Vec::new()));
        let (sink, revocations) = (Arc::clone(&events), Revocations::new());
        let adopt = |value: &str| (value == "old").then(|| Adopted::new(ADA));
        let sessions = Sessions::builder(ring.parse::<KeyRing>().unwrap(), Policy::default())
            .cookie(Cookie::default())
            .bearer(Bearer::default())
            .revocations(&revocations)
            .subject(|account: &Account| account.id.to_string())
            .adopt_cookie(OldCookie::new("id").unwrap(), UnixTime::MAX, adopt)
            .on_event(move |event| sink.lock().unwrap().push(*event))
            .build();
        World { sessions, events, revocations }
    }

    fn load(&self, headers: &[(String, String)], at: UnixTime) -> Session<Account> {
        self.sessions.load_at(at, "POST", |name| {
            let values = headers.iter().filter(|(header, _)| header == name);
            values.map(|(_, value)| value.as_bytes()).collect::<Vec<_>>()
        })
    }

    fn signed_in(&self, channel: Channel) -> Vec<(String, String)> {
        let session = self.load(&[], T0);
        session.start_with(ADA, Start::new().over(channel)).unwrap();
        let lines: Vec<Line> = session.commit().into_iter().collect();
        let of = |name: &str| lines.iter().find(|line| line.name == name).unwrap().value.clone();
        match channel {
            Channel::Cookie => {
                let pair = of("set-cookie").split(';').next().unwrap().to_owned();
                vec![("cookie".to_owned(), pair)]
            }
            Channel::Bearer => vec![
                ("authorization".to_owned(), format!("Bearer {}", of("session-token"))),
                ("session-renewal".to_owned(), of("session-renewal")),
            ],
        }
    }

    fn tokens_out(&self, session: &Session<Account>) -> usize {
        session.commit().into_iter().filter(|line| line.sensitive).count()
    }
}

type Act = fn(&Session<Account>) -> Result<(), SessionError>;

/// A change to a session calls the random generator at least once. The table shows the number of
/// calls, for cookies and for bearer tokens. Whichever call fails, the session stays as it was, the
/// response carries no token, and nothing is revoked.
#[test]
fn a_change_that_fails_for_lack_of_randomness_changes_nothing() {
    let ring = KeyRing::generate().unwrap().expose_text().to_string();
    let table: [(&str, Act, [u32; 2]); 5] = [
        ("start", |session| session.start(Account { id: 1 }), [2, 3]),
        ("set", |session| session.set(Account { id: 1 }), [1, 1]),
        ("update", |session| session.update(|account| account.id = 1), [1, 1]),
        ("reauthenticated", Session::reauthenticated, [2, 3]),
        ("end the others", Session::end_others, [3, 4]),
    ];
    for (what, act, draws) in table {
        for (channel, draws) in [Channel::Cookie, Channel::Bearer].into_iter().zip(draws) {
            let world = World::new(&ring);
            let headers = world.signed_in(channel);
            for works in 0..draws {
                let session = world.load(&headers, after(1));
                let (id, error) = with_randomness_for(works, || {
                    (session.info().unwrap().id, act(&session).unwrap_err())
                });
                assert_eq!(error, SessionError::Seal(SealError::Random), "{what}, draw {works}");
                assert_eq!(session.get().as_deref(), Some(&ADA), "{what}: the old session stays");
                assert_eq!(session.info().unwrap().id, id, "{what}");
                assert_eq!(session.status(), Status::Alive, "{what}");
                assert_eq!(world.tokens_out(&session), 0, "{what}, draw {works}");
                assert!(world.revocations.is_empty(), "{what}, draw {works}");
            }
            let session = world.load(&headers, after(1));
            assert_eq!(with_randomness_for(draws, || act(&session)), Ok(()), "{what}");
        }
    }
}

#[test]
fn a_failed_sign_in_sets_no_cookie() {
    let world = World::new(&KeyRing::generate().unwrap().expose_text());
    for works in 0..2 {
        let session = world.load(&[], T0);
        let started = with_randomness_for(works, || session.start(ADA));
        assert_eq!(started, Err(SessionError::Seal(SealError::Random)));
        assert_eq!((session.status(), session.get()), (Status::Absent, None));
        assert_eq!(world.tokens_out(&session), 0);
    }
}

#[test]
fn signing_out_needs_no_randomness() {
    for channel in [Channel::Cookie, Channel::Bearer] {
        for end in [Session::end, Session::end_everywhere] {
            let world = World::new(&KeyRing::generate().unwrap().expose_text());
            let headers = world.signed_in(channel);
            without_randomness(|| {
                let session = world.load(&headers, T0);
                end(&session).unwrap();
                assert!(world.tokens_out(&session) > 0, "the tokens are deleted");
                assert!(world.load(&headers, T0).get().is_none(), "copies are revoked");
            });
        }
    }
}

/// Renewals because of activity, because of a new primary key, and because of both.
#[test]
fn a_renewal_that_fails_for_lack_of_randomness_emits_an_event_and_the_session_continues() {
    let old = KeyRing::generate().unwrap().expose_text().to_string();
    let new = format!("{}{old}", KeyRing::generate().unwrap().expose_text().as_str());
    for channel in [Channel::Cookie, Channel::Bearer] {
        for (ring, at) in [(&old, 600), (&new, 1), (&new, 600)] {
            let world = World::new(&old);
            let headers = world.signed_in(channel);
            let world = World::new(ring);
            let lines = without_randomness(|| {
                let session = world.load(&headers, after(at));
                assert_eq!(session.get().as_deref(), Some(&ADA));
                session.commit().into_iter().collect::<Vec<_>>()
            });
            assert!(lines.iter().all(|line| !line.sensitive), "the response has no token");
            assert!(lines.iter().any(|line| line.name == "vary"), "the session was read");
            let events = std::mem::take(&mut *world.events.lock().unwrap());
            assert_eq!(events.last(), Some(&Event::NotRenewed(SealError::Random)));

            let session = world.load(&headers, after(at + 60));
            assert_eq!(session.get().as_deref(), Some(&ADA), "the session continues");
            assert_eq!(world.tokens_out(&session), 1, "the next request renews it");
        }
    }
}

#[test]
fn a_change_is_sent_even_if_its_renewal_lacks_randomness() {
    let old = KeyRing::generate().unwrap().expose_text().to_string();
    let new = format!("{}{old}", KeyRing::generate().unwrap().expose_text().as_str());
    let headers = World::new(&old).signed_in(Channel::Bearer);
    let world = World::new(&new);
    let session = world.load(&headers, after(1));
    let lines = with_randomness_for(1, || {
        session.set(Account { id: 1 }).unwrap();
        session.commit().into_iter().filter(|line| line.sensitive).collect::<Vec<_>>()
    });
    assert_eq!(lines.iter().map(|line| &*line.name).collect::<Vec<_>>(), ["session-token"]);
    assert!(world.events.lock().unwrap().contains(&Event::NotRenewed(SealError::Random)));
}

#[test]
fn a_session_that_cannot_be_migrated_keeps_the_cookie_of_the_old_library() {
    let world = World::new(&KeyRing::generate().unwrap().expose_text());
    let headers = [("cookie".to_owned(), "id=old".to_owned())];
    for works in 0..2 {
        let session = world.load(&headers, T0);
        with_randomness_for(works, || assert!(session.get().is_none()));
        assert_eq!(world.tokens_out(&session), 0, "the old cookie is not deleted");
        let events = std::mem::take(&mut *world.events.lock().unwrap());
        let error = SessionError::Seal(SealError::Random);
        assert!(events.contains(&Event::NotAdopted(error)), "{events:?}");
    }
    assert!(world.load(&headers, T0).get().is_some());
}
