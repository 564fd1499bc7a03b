//! The state machine of a session, as a truth table, and its timeouts.

use std::sync::{Arc, Mutex};

use bulla::session::{
    Channel, Event, Refusal, SessionId, SessionIdError, SessionsBuilder, Start, Status,
};
use bulla::{Bearer, Cookie, OpenError, Policy, Revocations, Session, SessionError, Sessions};
use serde::{Deserialize, Serialize};

use crate::support::{
    Account, Client, RENEWAL, STATE, T0, ada, alan, effect, key_text, ring, secs,
};

const IDLE: u64 = 1800;
const ABSOLUTE: u64 = 43_200;

/// The payload that a newer release writes.
#[derive(Serialize, Deserialize, bulla::Payload)]
#[payload(purpose = "bank.example/session", version = 2)]
struct Newer {
    id: u64,
    name: String,
    colour: u8,
}

struct World {
    old_key: String,
    key: String,
    sessions: Sessions<Account>,
}

fn sessions(keys: &[&str]) -> Sessions<Account> {
    Sessions::builder(ring(keys), Policy::default())
        .cookie(Cookie::default())
        .bearer(Bearer::default())
        .build()
}

impl World {
    fn new() -> World {
        let (old_key, key) = (key_text(), key_text());
        let sessions = sessions(&[&key, &old_key]);
        World { old_key, key, sessions }
    }

    /// A server before `key` was added.
    fn earlier(&self) -> Sessions<Account> {
        sessions(&[&self.old_key])
    }

    /// A server after `old_key` was dropped.
    fn later(&self) -> Sessions<Account> {
        sessions(&[&self.key])
    }

    /// A server with an unrelated ring.
    fn elsewhere(&self) -> Sessions<Account> {
        sessions(&[&key_text()])
    }

    fn newer(&self) -> Sessions<Newer> {
        Sessions::new(ring(&[&self.key]), Policy::default())
    }
}

fn newer() -> Newer {
    Newer { id: 1815, name: "Ada".into(), colour: 3 }
}

fn forged(mut client: Client) -> Client {
    let token = client.kept.get_mut(STATE).unwrap();
    let at = token.len() - 6;
    let other = if token[at..].starts_with('A') { "B" } else { "A" };
    token.replace_range(at..=at, other);
    client
}

type Action = fn(&Session<Account>) -> Result<(), SessionError>;

/// One case: the name of the client, the client, the name of the handler's action, the action, its
/// result, and the effect of the response on the client's tokens.
type Row<'a> = (&'a str, &'a Client, &'a str, Action, Result<(), SessionError>, &'a str);

const NOTHING: Action = |_| Ok(());
const LOOK: Action = |session| {
    let _ = session.get();
    Ok(())
};
const START: Action = |session| session.start(alan());
const SET: Action = |session| session.set(alan());
const SET_EQUAL: Action = |session| session.set(ada());
const UPDATE: Action = |session| session.update(|account| account.name.push('!'));
const LOOK_IN_BACKGROUND: Action = |session| {
    session.ignore_activity();
    let _ = session.get();
    Ok(())
};
const REAUTHENTICATE: Action = Session::reauthenticated;
const END: Action = Session::end;
const SET_AND_END: Action = |session| {
    session.set(alan())?;
    session.end()
};
const END_START_AND_FAIL: Action = |session| {
    session.end()?;
    session.start(alan())?;
    session.discard_changes();
    Ok(())
};
const START_AND_FAIL: Action = |session| {
    session.start(alan())?;
    session.discard_changes();
    Ok(())
};
const END_AND_FAIL: Action = |session| {
    session.end()?;
    session.discard_changes();
    Ok(())
};

#[test]
fn each_action_on_each_kind_of_session_changes_exactly_the_listed_tokens() {
    let world = World::new();
    let now = T0 + secs(3 * 3600);
    let browser = Client::browser;
    let here = &world.sessions;
    let ago = |seconds| T0 + secs(3 * 3600 - seconds);

    // The clients.
    let guest = browser();
    let fresh = browser().signed_in(here, ago(10), ada());
    let seen = browser().signed_in(here, ago(600), ada());
    let renewed = {
        let mut client = browser().signed_in(here, ago(2400), ada());
        client.visit(here, ago(1200), LOOK).unwrap();
        assert!(client.kept.contains_key(RENEWAL));
        client
    };
    let old_key = browser().signed_in(&world.earlier(), ago(10), ada());
    let copied = {
        let mut client = browser().signed_in(&world.earlier(), ago(10), ada());
        client.visit(here, ago(9), LOOK).unwrap();
        client
    };
    let forged_token = forged(fresh.clone());
    let just_idle = browser().signed_in(here, ago(IDLE + 59), ada());
    let idle = browser().signed_in(here, ago(IDLE + 60), ada());
    let long = Policy::new(secs(9999), secs(9999));
    let long = Sessions::new(ring(&[&world.key]), long);
    let just_over = browser().signed_in(&long, ago(9999 + 59), ada());
    let ended_by_absolute = browser().signed_in(&long, ago(9999 + 60), ada());
    let unknown_key = browser().signed_in(&world.elsewhere(), ago(10), ada());
    let newer_schema = browser().signed_in(&world.newer(), ago(10), newer());
    let from_the_future = browser().signed_in(here, now + secs(61), ada());
    let other_format = {
        let mut client = browser();
        client.kept.insert(STATE.into(), "b2.AAAAAAAAAAAAAAAAAAAA".into());
        client
    };
    let unreadable_renewal = {
        let mut client = seen.clone();
        let other = browser().signed_in(&world.elsewhere(), ago(10), ada());
        client.kept.insert(RENEWAL.into(), other.kept[STATE].clone());
        client
    };
    // Two overlapping requests went to servers with different primary keys.
    let overlapping = |changes_at: &Sessions<Account>, looks_at: &Sessions<Account>| {
        let mut client = browser().signed_in(&world.earlier(), ago(200), ada());
        let (changing, looking) =
            (client.send(changes_at, ago(10)), client.send(looks_at, ago(10)));
        changing.update(|account| account.id += 1).unwrap();
        looking.get().unwrap();
        client.receive(&changing);
        assert_eq!(effect(&client.receive(&looking)), "+renewal");
        client
    };
    let renewal_behind = overlapping(here, &world.earlier());
    let copy_of_another = overlapping(&world.earlier(), here);
    let with_other = |first: &Client, second: &Client| {
        let mut client = browser();
        let both = format!("{}; {STATE}={}", first.kept[STATE], second.kept[STATE]);
        client.kept.insert(STATE.into(), both);
        client
    };
    let dead_and_unknown = with_other(&forged_token, &unknown_key);
    let unknown_and_dead = with_other(&unknown_key, &forged_token);
    let two_dead = with_other(&forged_token, &idle);
    let no_session = Err(SessionError::NoSession);

    let table: Vec<Row<'_>> = vec![
        ("guest", &guest, "nothing", NOTHING, Ok(()), ""),
        ("guest", &guest, "look", LOOK, Ok(()), ""),
        ("guest", &guest, "start", START, Ok(()), "+state"),
        ("guest", &guest, "set", SET, no_session, ""),
        ("guest", &guest, "update", UPDATE, no_session, ""),
        ("guest", &guest, "reauthenticate", REAUTHENTICATE, no_session, ""),
        ("guest", &guest, "end", END, Ok(()), "-state"),
        ("fresh", &fresh, "nothing", NOTHING, Ok(()), ""),
        ("fresh", &fresh, "look", LOOK, Ok(()), ""),
        ("fresh", &fresh, "start", START, Ok(()), "+state"),
        ("fresh", &fresh, "set", SET, Ok(()), "+state"),
        ("fresh", &fresh, "set equal", SET_EQUAL, Ok(()), ""),
        ("fresh", &fresh, "update", UPDATE, Ok(()), "+state"),
        ("fresh", &fresh, "reauthenticate", REAUTHENTICATE, Ok(()), "+state"),
        ("fresh", &fresh, "end", END, Ok(()), "-state"),
        ("fresh", &fresh, "set and end", SET_AND_END, Ok(()), "-state"),
        ("fresh", &fresh, "start and fail", START_AND_FAIL, Ok(()), ""),
        ("fresh", &fresh, "end and fail", END_AND_FAIL, Ok(()), "-state"),
        ("fresh", &fresh, "end, start and fail", END_START_AND_FAIL, Ok(()), "-state"),
        ("seen long ago", &seen, "nothing", NOTHING, Ok(()), ""),
        ("seen long ago", &seen, "look", LOOK, Ok(()), "+renewal"),
        ("seen long ago", &seen, "look in background", LOOK_IN_BACKGROUND, Ok(()), ""),
        ("seen long ago", &seen, "set equal", SET_EQUAL, Ok(()), "+renewal"),
        ("seen long ago", &seen, "set", SET, Ok(()), "+state"),
        ("renewed", &renewed, "look", LOOK, Ok(()), "+renewal"),
        ("renewed", &renewed, "set", SET, Ok(()), "+state"),
        ("renewed", &renewed, "reauthenticate", REAUTHENTICATE, Ok(()), "+state -renewal"),
        ("renewed", &renewed, "start", START, Ok(()), "+state -renewal"),
        ("renewed", &renewed, "end", END, Ok(()), "-renewal -state"),
        ("old key", &old_key, "nothing", NOTHING, Ok(()), ""),
        ("old key", &old_key, "look", LOOK, Ok(()), "+renewal"),
        ("old key", &old_key, "look in background", LOOK_IN_BACKGROUND, Ok(()), ""),
        ("old key", &old_key, "set", SET, Ok(()), "+state"),
        ("copied", &copied, "look", LOOK, Ok(()), ""),
        ("copied", &copied, "set", SET, Ok(()), "+state"),
        ("forged", &forged_token, "nothing", NOTHING, Ok(()), ""),
        ("forged", &forged_token, "look", LOOK, Ok(()), "-state"),
        ("forged", &forged_token, "set", SET, no_session, "-state"),
        ("forged", &forged_token, "start", START, Ok(()), "+state"),
        ("just idle", &just_idle, "look", LOOK, Ok(()), ""),
        ("idle", &idle, "look", LOOK, Ok(()), "-state"),
        ("just over", &just_over, "look", LOOK, Ok(()), ""),
        ("absolute", &ended_by_absolute, "look", LOOK, Ok(()), "-state"),
        ("unknown key", &unknown_key, "look", LOOK, Ok(()), ""),
        ("unknown key", &unknown_key, "set", SET, no_session, ""),
        ("unknown key", &unknown_key, "start", START, Ok(()), "+state"),
        ("unknown key", &unknown_key, "end", END, Ok(()), "-state"),
        ("newer schema", &newer_schema, "look", LOOK, Ok(()), ""),
        ("newer schema", &newer_schema, "update", UPDATE, no_session, ""),
        ("future", &from_the_future, "look", LOOK, Ok(()), ""),
        ("other format", &other_format, "look", LOOK, Ok(()), ""),
        ("unreadable renewal", &unreadable_renewal, "look", LOOK, Ok(()), ""),
        ("unreadable renewal", &unreadable_renewal, "set", SET, Ok(()), "+state"),
        ("unreadable renewal", &unreadable_renewal, "start", START, Ok(()), "+state -renewal"),
        ("renewal behind", &renewal_behind, "look", LOOK, Ok(()), "+renewal"),
        ("copy of another", &copy_of_another, "look", LOOK, Ok(()), "+renewal"),
        ("dead and unknown", &dead_and_unknown, "look", LOOK, Ok(()), ""),
        ("unknown and dead", &unknown_and_dead, "look", LOOK, Ok(()), ""),
        ("two dead", &two_dead, "look", LOOK, Ok(()), "-state"),
    ];
    for (what, client, does, action, result, expected) in table {
        let mut client = client.clone();
        let session = client.send(here, now);
        assert_eq!(action(&session), result, "{what}: {does}");
        let lines = client.receive(&session);
        assert_eq!(effect(&lines), expected, "{what}: {does}");
        let stores = expected.contains(['+', '-']);
        assert_eq!(lines.iter().any(|line| line.name == "cache-control"), stores, "{what}: {does}");
        assert_eq!(session.set(alan()), Err(SessionError::ResponseSent), "{what}: {does}");
        assert_eq!(session.end(), Err(SessionError::ResponseSent), "{what}: {does}");
        assert!(session.commit().is_empty(), "{what}: {does}, committed twice");
    }
}

#[test]
fn activity_extends_the_idle_timeout_and_inactivity_ends_the_session() {
    let world = World::new();
    for over in [Client::browser(), Client::mobile()] {
        let mut client = over.signed_in(&world.sessions, T0, ada());
        let mut now = T0;
        for step in [IDLE - 1, 60, 89, IDLE - 90, IDLE - 1] {
            now = now + secs(step);
            assert!(client.visit(&world.sessions, now, |session| session.get().is_some()));
        }
        for (late, kept) in [(0, true), (59, true), (60, false)] {
            let mut expired = client.clone();
            let over = now + secs(IDLE + late);
            assert!(!expired.visit(&world.sessions, over, |session| session.get().is_some()));
            assert_eq!(!expired.kept.is_empty(), kept, "deleted a minute after the timeout");
        }
    }
}

#[test]
fn activity_is_recorded_once_the_touch_threshold_has_passed() {
    let world = World::new();
    for (age, recorded) in [(0, false), (89, false), (90, true), (900, true)] {
        let client = Client::browser().signed_in(&world.sessions, T0, ada());
        let session = client.send(&world.sessions, T0 + secs(age));
        let _ = session.get();
        let lines: Vec<_> = session.commit().into_iter().collect();
        assert_eq!(effect(&lines) == "+renewal", recorded, "after {age} seconds");
    }
    let threshold = |idle, absolute| Policy::new(secs(idle), secs(absolute)).touch_threshold();
    assert_eq!(threshold(1800, 43_200), secs(90));
    assert_eq!(threshold(600, 43_200), secs(60));
    assert_eq!(threshold(3, 8), std::time::Duration::from_millis(1500));
}

#[test]
fn nothing_extends_the_absolute_timeout() {
    let world = World::new();
    let mut client = Client::browser().signed_in(&world.sessions, T0, ada());
    let mut now = T0;
    while now < T0 + secs(ABSOLUTE) {
        let alive = client.visit(&world.sessions, now, |session| {
            session.update(|account| account.id += 1).unwrap();
            session.reauthenticated().unwrap();
            session.info().unwrap().expires_at
        });
        assert_eq!(alive, T0 + secs(ABSOLUTE));
        now = now + secs(1200);
    }
    let session = client.send(&world.sessions, T0 + secs(ABSOLUTE));
    assert!(session.get().is_none());
}

#[test]
fn a_shorter_policy_applies_to_existing_sessions_and_a_longer_one_does_not() {
    let world = World::new();
    let with = |policy| Sessions::<Account>::new(ring(&[&world.key]), policy);
    let client = Client::browser().signed_in(&with(Policy::default()), T0, ada());
    let alive = |policy, age| client.send(&with(policy), T0 + secs(age)).get().is_some();
    assert!(alive(Policy::new(secs(600), secs(1200)), 599));
    assert!(!alive(Policy::new(secs(600), secs(1200)), 600));
    assert!(!alive(Policy::new(secs(9999), secs(1200)), 1200));
    assert!(alive(Policy::new(secs(99_999), secs(99_999)), ABSOLUTE - 1));
    assert!(!alive(Policy::new(secs(99_999), secs(99_999)), ABSOLUTE));
}

#[test]
fn a_ceiling_is_never_exceeded() {
    let world = World::new();
    let mut client = Client::browser();
    let start = |at| Start::new().with_ceiling(T0 + secs(at));
    client.visit(&world.sessions, T0, |session| {
        assert_eq!(session.start_with(ada(), start(0)), Err(SessionError::CeilingPassed));
        session.start_with(ada(), start(1000)).unwrap();
    });
    client.visit(&world.sessions, T0 + secs(500), |session| session.set(alan()).unwrap());
    client.visit(&world.sessions, T0 + secs(800), |session| session.reauthenticated().unwrap());
    assert!(client.send(&world.sessions, T0 + secs(999)).get().is_some());
    assert!(client.send(&world.sessions, T0 + secs(1000)).get().is_none());
}

#[test]
fn signing_in_and_reauthenticating_give_a_new_id_and_changes_keep_it() {
    let world = World::new();
    let mut client = Client::browser().signed_in(&world.sessions, T0, ada());
    let mut id_after = |action: Action| {
        client.visit(&world.sessions, T0, action).unwrap();
        client.send(&world.sessions, T0).info().unwrap().id
    };
    let first = id_after(LOOK);
    assert_eq!(id_after(SET), first);
    let second = id_after(REAUTHENTICATE);
    let third = id_after(START);
    assert!(first != second && second != third && first != third);
}

#[test]
fn require_fresh_refuses_sign_ins_older_than_its_limit() {
    let world = World::new();
    let mut client = Client::browser().signed_in(&world.sessions, T0, ada());
    let fresh = |client: &Client, age| {
        let session = client.send(&world.sessions, T0 + secs(age));
        session.require_fresh(secs(300)).map(|_| ()).map_err(|denied| denied.status())
    };
    assert_eq!(fresh(&client, 300), Ok(()));
    assert_eq!(fresh(&client, 301), Err(401));
    client.visit(&world.sessions, T0 + secs(400), |session| session.reauthenticated().unwrap());
    assert_eq!(fresh(&client, 700), Ok(()));
    assert_eq!(fresh(&client, 701), Err(401));
    assert_eq!(fresh(&Client::browser(), 0), Err(401));
}

#[test]
fn a_request_reads_its_own_writes() {
    let world = World::new();
    let session = Client::browser().send(&world.sessions, T0);
    assert_eq!(session.status(), Status::Absent);
    session.start(ada()).unwrap();
    assert_eq!(session.get().as_deref(), Some(&ada()));
    session.update(|account| account.name.push('!')).unwrap();
    assert_eq!(session.with(|account| account.unwrap().name.clone()), "Ada!");
    let info = session.info().unwrap();
    assert_eq!((info.started_at, info.expires_at), (T0, T0 + secs(ABSOLUTE)));
    session.end().unwrap();
    assert_eq!((session.get(), session.info(), session.status()), (None, None, Status::Ended));
    assert_eq!(session.set(alan()), Err(SessionError::NoSession));
}

#[test]
fn an_update_may_use_the_session_and_fails_if_the_state_changes_meanwhile() {
    let world = World::new();
    let client = Client::browser().signed_in(&world.sessions, T0, ada());
    let session = client.send(&world.sessions, T0);
    session.update(|account| account.id = session.get().unwrap().id + 1).unwrap();
    assert_eq!(session.get().unwrap().id, 1816);
    let conflict = session.update(|account| {
        session.set(alan()).unwrap();
        account.id = 0;
    });
    assert_eq!(conflict, Err(SessionError::Conflict));
    assert_eq!(session.get().as_deref(), Some(&alan()));
}

#[test]
fn channels_do_not_mix() {
    let world = World::new();
    let browser = Client::browser().signed_in(&world.sessions, T0, ada());
    let mobile = Client::mobile().signed_in(&world.sessions, T0, ada());
    assert_eq!(mobile.kept.keys().collect::<Vec<_>>(), ["session-renewal", "session-token"]);

    // A token of one channel is refused on the other.
    let (cookie, token) = (&browser.kept[STATE], &mobile.kept["session-token"]);
    let mut swapped = Client::browser();
    swapped.kept.insert(STATE.into(), token.clone());
    assert!(swapped.send(&world.sessions, T0).get().is_none());
    let mut swapped = Client::mobile();
    swapped.kept.insert("session-token".into(), cookie.clone());
    assert!(swapped.send(&world.sessions, T0).get().is_none());

    // A renewal token is refused in place of a state token.
    let mut swapped = Client::mobile();
    swapped.kept.insert("session-token".into(), mobile.kept["session-renewal"].clone());
    assert!(swapped.send(&world.sessions, T0).get().is_none());

    // A request with a bearer header ignores cookies and never gets a `Set-Cookie`.
    let (bearer, header) = (format!("bearer  {token}"), format!("{STATE}={cookie}"));
    let both = |authorization: &str| {
        let session = world.sessions.load_at(T0 + secs(600), "GET", |name| match name {
            "authorization" => Some(authorization.as_bytes()),
            "cookie" => Some(header.as_bytes()),
            _ => None,
        });
        let (alive, channel) = (session.get().is_some(), session.channel());
        let refused = session.start_with(alan(), Start::new().over(Channel::Cookie)).is_err();
        let lines: Vec<_> = session.commit().into_iter().collect();
        (alive, channel, refused, lines.iter().any(|line| line.name == "set-cookie"))
    };
    assert_eq!(both(&bearer), (true, Channel::Bearer, true, false));
    assert_eq!(both("Bearer eyJhbGciOiJub25lIn0.e30."), (false, Channel::Bearer, true, false));
    assert_eq!(both("Bearer"), (false, Channel::Bearer, true, false));
    assert_eq!(both("Basic YWRhOjE4MTU="), (true, Channel::Cookie, false, true));
    assert_eq!(both("Bear"), (true, Channel::Cookie, false, true));
}

#[test]
fn a_cookie_under_another_name_is_refused() {
    let world = World::new();
    let other = Sessions::<Account>::builder(ring(&[&world.key]), Policy::default())
        .cookie(Cookie::new("other").unwrap())
        .build();
    let mut client = Client::browser().signed_in(&other, T0, ada());
    let token = client.kept.remove("__Host-other").unwrap();
    client.kept.insert(STATE.into(), token);
    assert!(client.send(&world.sessions, T0).get().is_none());
}

#[test]
fn a_bearer_client_that_keeps_only_the_state_token_is_renewed_in_it() {
    let world = World::new();
    let mut client = Client::mobile().signed_in(&world.earlier(), T0, ada());
    let mut now = T0;
    for _ in 0..20 {
        now = now + secs(IDLE - 1);
        client.kept.remove("session-renewal");
        assert!(client.visit(&world.sessions, now, |session| session.get().is_some()));
        client.kept.remove("session-renewal");
        assert!(client.send(&world.later(), now).get().is_some(), "moved to the new key");
    }
}

#[test]
fn the_event_hook_reports_what_happens_to_sessions() {
    let (old, new) = (key_text(), key_text());
    let log = Arc::new(Mutex::new(Vec::new()));
    let watched = |keys: &[&str]| {
        let log = Arc::clone(&log);
        Sessions::<Account>::builder(ring(keys), Policy::default())
            .on_event(move |event| log.lock().unwrap().push(*event))
            .build()
    };
    let take_events = || std::mem::take(&mut *log.lock().unwrap());
    let (before, after) = (watched(&[&old]), watched(&[&new, &old]));

    let mut client = Client::browser().signed_in(&before, T0, ada());
    let origin = client.send(&before, T0).info().unwrap().id;
    let id = origin;
    let key_id = ring(&[&old]).primary_at(T0).unwrap();
    let opened = Event::Opened { id, origin, key_id };
    assert_eq!(take_events(), [Event::Started { id, origin }, opened]);
    for (action, events) in [
        (NOTHING, vec![]),
        (LOOK, vec![opened, Event::Renewed { id, origin }]),
        (LOOK, vec![opened]),
        (SET, vec![opened, Event::Changed { id, origin }]),
        (END, vec![Event::Ended { origin: None }]),
        (LOOK, vec![]),
    ] {
        client.visit(&after, T0, action).unwrap();
        assert_eq!(take_events(), events);
    }
    client.kept.insert(STATE.into(), "b1.forged".into());
    client.visit(&after, T0, LOOK).unwrap();
    assert!(matches!(take_events()[..], [Event::Refused(Refusal::Token(_))]));
}

/// A list of devices and an audit log use the origin to recognize a session.
#[test]
fn the_events_of_a_session_have_its_first_id_and_tell_a_sign_in_from_a_new_id() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let sessions = Sessions::<Account>::builder(ring(&[&key_text()]), Policy::default())
        .revocations(&Revocations::new())
        .subject(|account| account.id.to_string())
        .on_event(move |event| seen.lock().unwrap().push(*event))
        .build();
    let mut client = Client::browser().signed_in(&sessions, T0, ada());
    let origin = client.send(&sessions, T0).info().unwrap().origin;
    log.lock().unwrap().clear();
    // The events after `Opened` of a request, and the id of the session after it.
    let mut visit = |at: u64, action: Action| {
        client.visit(&sessions, T0 + secs(at), action).unwrap();
        let events: Vec<_> = log.lock().unwrap().drain(..).collect();
        let id = client.send(&sessions, T0 + secs(at)).info().map(|info| info.id);
        log.lock().unwrap().clear();
        let is_opened =
            |event: &Event| matches!(event, Event::Opened { origin: of, .. } if *of == origin);
        (events.into_iter().filter(|event| !is_opened(event)).collect::<Vec<_>>(), id.unwrap())
    };
    for (at, action) in [(1, Session::reauthenticated as Action), (2, Session::end_others)] {
        let (events, id) = visit(at, action);
        assert!(id != origin);
        assert_eq!(events, [Event::Renamed { id, origin }]);
    }
    let (events, id) = visit(600, LOOK);
    assert_eq!(events, [Event::Renewed { id, origin }]);
    let (events, id) = visit(601, SET);
    assert_eq!(events, [Event::Changed { id, origin }]);
    let (events, id) = visit(602, |session| {
        session.end()?;
        session.start(ada())
    });
    assert!(id != origin, "another session");
    let started = Event::Started { id, origin: id };
    assert_eq!(events, [Event::Ended { origin: Some(origin) }, started]);
}

#[test]
fn a_session_id_is_parsed_from_the_text_that_it_is_written_as() {
    let id = SessionId::from_bytes(std::array::from_fn(|byte| u8::try_from(byte).unwrap() * 17));
    assert_eq!(id.to_string().parse(), Ok(id));
    for text in
        ["", "0", &id.to_string()[1..], &format!("{id}0"), &format!("+{}", &id.to_string()[1..])]
    {
        assert_eq!(text.parse::<SessionId>(), Err(SessionIdError), "{text}");
    }
    assert!(id.to_string().to_uppercase().parse::<SessionId>().is_err());
}

#[test]
fn starting_a_session_over_the_other_channel_replaces_the_one_that_arrived() {
    let world = World::new();
    let mut client = Client::browser().signed_in(&world.sessions, T0, ada());
    let over = Start::new().over(Channel::Bearer);
    client.visit(&world.sessions, T0, |session| session.start_with(alan(), over).unwrap());
    assert!(!client.kept.contains_key(STATE));

    let session = Client::browser().send(&world.sessions, T0);
    session.start_with(alan(), Start::new().over(Channel::Bearer)).unwrap();
    let lines: Vec<_> = session.commit().into_iter().collect();
    assert_eq!(effect(&lines), "+state +renewal", "a guest has no session to replace");
}

#[test]
fn vary_names_the_headers_that_carry_sessions() {
    let vary = |build: fn(SessionsBuilder<Account>) -> SessionsBuilder<Account>| {
        let builder = Sessions::<Account>::builder(ring(&[&key_text()]), Policy::default());
        let session = Client::browser().send(&build(builder).build(), T0);
        assert_eq!(session.get(), None);
        let lines: Vec<_> = session.commit().into_iter().collect();
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(line.name, "vary");
        line.value.clone()
    };
    assert_eq!(vary(|builder| builder), "Cookie");
    assert_eq!(vary(|builder| builder.cookie(Cookie::default())), "Cookie");
    assert_eq!(vary(|builder| builder.bearer(Bearer::default())), "Authorization");
    let both = |builder: SessionsBuilder<Account>| {
        builder.cookie(Cookie::default()).bearer(Bearer::default())
    };
    assert_eq!(vary(both), "Cookie, Authorization");
}

#[test]
fn the_status_prefers_a_refused_token_that_may_be_valid_elsewhere() {
    let world = World::new();
    let unknown = Client::browser().signed_in(&world.elsewhere(), T0, ada()).kept[STATE].clone();
    let dead = forged(Client::browser().signed_in(&world.sessions, T0, ada())).kept[STATE].clone();
    let short = "b1.AAAA".to_owned();
    let status = |tokens: &[&String]| {
        let pairs: Vec<String> = tokens.iter().map(|token| format!("{STATE}={token}")).collect();
        let header = pairs.join("; ");
        let session = world
            .sessions
            .load_at(T0, "GET", |name| (name == "cookie").then_some(header.as_bytes()));
        session.status()
    };
    let is = |status, refused: fn(&OpenError) -> bool| matches!(status, Status::Refused(Refusal::Token(error)) if refused(&error));
    let bad_tag = |error: &OpenError| matches!(error, OpenError::BadTag(_));
    let too_short = |error: &OpenError| matches!(error, OpenError::TooShort);
    let unknown_key = |error: &OpenError| matches!(error, OpenError::UnknownKey(_));
    assert!(is(status(&[&dead, &short]), bad_tag));
    assert!(is(status(&[&short, &dead]), too_short));
    assert!(is(status(&[&dead, &unknown, &short]), unknown_key));
    assert!(is(status(&[&unknown, &dead]), unknown_key));
    let prefix = |error: &OpenError| matches!(error, OpenError::Prefix);
    let newer = "b2.AAAA".to_owned();
    assert!(is(status(&[&unknown, &newer]), unknown_key));
    assert!(is(status(&[&newer, &unknown]), prefix));
}

#[test]
fn a_failed_renewal_is_reported_and_the_response_still_has_vary() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let key = key_text();
    let later = format!("{key} primary-from=2099-01-01T00:00:00Z");
    let here = sessions(&[&key]);
    let no_primary = Sessions::<Account>::builder(ring(&[&later]), Policy::default())
        .on_event(move |event| seen.lock().unwrap().push(*event))
        .build();
    let session = Client::browser().signed_in(&here, T0, ada()).send(&no_primary, T0 + secs(600));
    assert!(session.get().is_some());
    let lines: Vec<_> = session.commit().into_iter().collect();
    assert_eq!(lines.iter().map(|line| &*line.name).collect::<Vec<_>>(), ["vary"]);
    assert!(matches!(events.lock().unwrap()[..], [Event::Opened { .. }, Event::NotRenewed(_)]));

    #[cfg(feature = "tracing")]
    {
        let session =
            Client::browser().signed_in(&here, T0, ada()).send(&no_primary, T0 + secs(600));
        session.get().unwrap();
        let (_, log) = bulla_conformance::logged(tracing::Level::ERROR, || drop(session.commit()));
        assert!(log.contains("could not be renewed"), "{log}");
    }
}

/// Over plain HTTP, browsers drop a `Secure` cookie without an error. The developer only sees that
/// there is no session.
#[cfg(all(feature = "tracing", debug_assertions))]
#[test]
fn a_debug_build_hints_once_that_a_secure_cookie_needs_https() {
    let logged = |cookie: Cookie, headers: &[(&str, &str)]| {
        let ring = ring(&[&key_text()]);
        let sessions = Sessions::<Account>::builder(ring, Policy::default()).cookie(cookie).build();
        let load = || {
            sessions.load_at(T0, "GET", |name| {
                let lines = headers.iter().filter(move |(line, _)| *line == name);
                lines.map(|(_, value)| value.as_bytes()).collect::<Vec<_>>()
            })
        };
        let (_, log) = bulla_conformance::logged(tracing::Level::WARN, || (load(), load()));
        log.matches("over_plain_http()").count()
    };
    for (cookie, headers, lines) in [
        (Cookie::default(), &[("host", "192.168.1.5:3000")][..], 1),
        (Cookie::default(), &[("host", "shop.example"), ("x-forwarded-proto", "https")], 0),
        (Cookie::default(), &[("host", "shop.example"), ("forwarded", "proto=https")], 0),
        (Cookie::default(), &[("host", "localhost:3000")], 0),
        (Cookie::default(), &[], 0),
        (Cookie::default().over_plain_http(), &[("host", "192.168.1.5:3000")], 0),
    ] {
        assert_eq!(logged(cookie, headers), lines, "{headers:?}");
    }
}

/// A renewal token contains a copy of the state if the key has changed. The copy may not fit, for
/// example because the configuration now allows only one cookie.
#[test]
fn a_copy_that_does_not_fit_is_omitted_and_activity_is_still_recorded() {
    let (old, new) = (key_text(), key_text());
    let build = |keys: &[&str], cookie| {
        Sessions::<Account>::builder(ring(keys), Policy::default()).cookie(cookie).build()
    };
    let before = build(&[&old], Cookie::default().split());
    let after = build(&[&new, &old], Cookie::default());
    // The states: from one whose copy fits, to one that needs two cookies.
    let mut left_out = 0;
    for len in (2800..3000).step_by(8) {
        let state = Account { id: 1, name: "x".repeat(len) };
        let mut client = Client::browser().signed_in(&before, T0, state);
        if client.kept.len() > 1 {
            continue;
        }
        for at in [1, 1000, 2000, 3000, 4000] {
            let alive = client.visit(&after, T0 + secs(at), |session| session.get().is_some());
            assert!(alive, "{len} {at}");
            left_out += usize::from(at == 1 && !client.kept.contains_key(RENEWAL));
        }
    }
    assert!((1..20).contains(&left_out), "{left_out}");
}

#[test]
fn each_policy_preset_has_its_documented_timeouts_and_a_setter_changes_one() {
    let (hour, day) = (3600, 86_400);
    for (policy, idle, absolute) in [
        (Policy::default(), 1800, 12 * hour),
        (Policy::high_value(), 300, 4 * hour),
        (Policy::aal1(), 30 * day, 30 * day),
        (Policy::aal2(), hour, day),
        (Policy::aal3(), 900, 12 * hour),
    ] {
        let timeouts = |policy: Policy| {
            (policy.idle_timeout(), policy.absolute_timeout(), policy.touch_threshold())
        };
        assert_eq!(
            (policy.idle_timeout(), policy.absolute_timeout()),
            (secs(idle), secs(absolute))
        );
        let touched = policy.with_touch_threshold(secs(7));
        assert_eq!(timeouts(touched), (secs(idle), secs(absolute), secs(7)));
        let idle_set = touched.with_idle_timeout(secs(1200));
        assert_eq!(timeouts(idle_set), (secs(1200), secs(absolute), secs(7)));
        let both_set = idle_set.with_absolute_timeout(secs(9999));
        assert_eq!(timeouts(both_set), (secs(1200), secs(9999), secs(7)));
    }
}

#[test]
#[should_panic(expected = "at least one second")]
fn a_timeout_of_zero_is_refused() {
    let _ = Policy::new(std::time::Duration::ZERO, secs(3600));
}

#[test]
#[should_panic(expected = "visible ASCII")]
fn a_sign_in_page_with_control_characters_is_refused() {
    let ring = ring(&[&key_text()]);
    let _ = Sessions::<Account>::builder(ring, Policy::default()).sign_in_page("/sign in\r\n");
}

#[test]
#[should_panic(expected = "visible ASCII")]
fn an_empty_step_up_page_is_refused() {
    let ring = ring(&[&key_text()]);
    let _ = Sessions::<Account>::builder(ring, Policy::default()).step_up_page("");
}

#[test]
fn invalid_bearer_header_names_are_refused() {
    let longest = "x".repeat(64);
    assert!(Bearer::named("app-token-2", &longest).is_ok());
    let bearer = Bearer::named("a", "b").unwrap();
    assert_eq!((bearer.token_header(), bearer.renewal_header()), ("a", "b"));
    let known = ["authorization", "cookie", "set-cookie", "vary", "cache-control"];
    for bad in ["", "App", "a b", "a_b", "ä", "a:", "a\r\n", &format!("{longest}x")]
        .into_iter()
        .chain(known)
    {
        assert!(Bearer::named(bad, "b").is_err() && Bearer::named("b", bad).is_err(), "{bad}");
    }
    assert!(Bearer::named("same", "same").is_err());
}

#[test]
fn a_renewal_token_of_an_unexpected_length_or_version_is_ignored() {
    let world = World::new();
    let purpose = format!("bank.example/session\0renewal\0cookie\0{STATE}");
    let tokens =
        bulla::token::RawTokens::new(ring(&[&world.key]), bulla::token::Mode::Sealed, purpose);
    let client = Client::browser().signed_in(&world.sessions, T0, ada());
    let id = client.send(&world.sessions, T0).info().unwrap().id;
    for (extra, counts) in [(0, false), (1, true), (2, false), (17, false), (18, true)] {
        let payload = [&id.as_bytes()[..], &vec![0; extra]].concat();
        let renewal = tokens.make(&payload, 1, secs(IDLE), T0 + secs(1700)).unwrap();
        let mut client = client.clone();
        client.kept.insert(RENEWAL.to_owned(), renewal);
        let session = client.send(&world.sessions, T0 + secs(1900));
        assert_eq!(session.get().is_some(), counts, "{extra}");
    }

    // A renewal token of a newer release may have another layout.
    let newer = tokens.make(&[&id.as_bytes()[..], &[0]].concat(), 2, secs(IDLE), T0).unwrap();
    let mut client = client.clone();
    client.kept.insert(RENEWAL.to_owned(), newer);
    assert!(client.send(&world.sessions, T0 + secs(1700)).get().is_some());
    let session = client.send(&world.sessions, T0 + secs(1799));
    assert!(session.get().is_some());
    assert!(session.commit().into_iter().all(|line| !line.sensitive), "left alone");
}
