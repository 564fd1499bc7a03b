//! `bulla inspect` on the tokens of real sessions.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use bulla::session::Start;
use bulla::token::{Mode, RawTokens};
use bulla::{KeyRing, Payload, Policy, Sessions, UnixTime};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session", encoding = "json", version = 3)]
struct Account {
    name: String,
}

const RING: &str = "tests/cmd/tokens.in/ring";

/// The values of the cookies that a response sets.
fn cookies(session: &bulla::Session<Account>) -> Vec<(String, String)> {
    let lines = session.commit().into_iter().filter(|line| line.name == "set-cookie");
    let pairs = lines.filter_map(|line| {
        let (name, value) = line.value.split(';').next()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

fn inspect(token: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
    command.args(["inspect", "-", "--ring", RING, "--purpose", "bank.example/session"]);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[track_caller]
fn says(text: &str, name: &str, value: &str) {
    let line = text.lines().find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in:\n{text}"));
    assert_eq!(line[name.len()..].trim(), value, "{name}");
}

#[test]
fn inspect_distinguishes_and_shows_the_tokens_of_a_session() {
    let ring: KeyRing = std::fs::read_to_string(RING).unwrap().parse().unwrap();
    let sessions = Sessions::<Account>::new(&ring, Policy::default());
    let at = |text: &str| text.parse::<UnixTime>().unwrap();
    let (nine, later) = (at("2026-11-01T09:00:00Z"), at("2026-11-01T09:10:00Z"));

    let session = sessions.load_at(nine, "POST", |_| Vec::<&[u8]>::new());
    let options = Start::default().with_ceiling(at("2026-11-01T17:00:00Z"));
    session.start_with(Account { name: "ada".to_owned() }, options).unwrap();
    let id = session.info().unwrap().id.to_string();
    let (name, state) = cookies(&session).swap_remove(0);
    assert_eq!(name, "__Host-session");

    let cookie = ["--cookie", "__Host-session", "--now", "2026-11-01T09:30:00Z"];
    let (status, text) = inspect(&state, &cookie);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("authentic: a session's state token"));
    says(&text, "session id", &id);
    says(&text, "started at", "2026-11-01T09:00:00Z");
    says(&text, "reauthenticated at", "2026-11-01T09:00:00Z");
    says(&text, "ceiling", "2026-11-01T17:00:00Z");
    says(&text, "schema version", "3");
    says(&text, "state ", "14 bytes 7b226e616d65223a22616461227d");
    says(&text, "  as JSON", r#"{"name":"ada"}"#);
    says(&text, "opens", "yes, for 7h 30m");

    let header = format!("{name}={state}");
    let session =
        sessions.load_at(later, "GET", |name| (name == "cookie").then_some(header.as_bytes()));
    assert!(session.get().is_some());
    let (name, renewal) = cookies(&session).swap_remove(0);
    assert_eq!(name, "__Host-session-renewal");
    for cookie in ["__Host-session", "__Host-session-renewal"] {
        let (status, text) =
            inspect(&renewal, &["--cookie", cookie, "--now", "2026-11-01T09:30:00Z"]);
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains("authentic: a session's renewal token"));
        says(&text, "session id", &id);
        says(&text, "issued at", "2026-11-01T09:10:00Z (20m ago)");
        says(&text, "validated at", "none");
        says(&text, "copy", "none");
    }

    let session =
        sessions.load_at(later, "GET", |name| (name == "cookie").then_some(header.as_bytes()));
    session.reauthenticated().unwrap();
    let (_, state) = cookies(&session).swap_remove(0);
    let (_, text) = inspect(&state, &cookie);
    assert_ne!(session.info().unwrap().id.to_string(), id);
    says(&text, "origin", &id);
    says(&text, "  as JSON", r#"{"name":"ada"}"#);

    let list = bulla::Revocations::new();
    let sessions = Sessions::<Account>::builder(&ring, Policy::default())
        .revocations(&list)
        .subject(|account| account.name.clone())
        .build();
    let header = format!("__Host-session={state}");
    let session =
        sessions.load_at(later, "GET", |name| (name == "cookie").then_some(header.as_bytes()));
    session.end_others().unwrap();
    let (_, spared) = cookies(&session).swap_remove(0);
    let (_, text) = inspect(&spared, &cookie);
    says(&text, "others ended before", "2026-11-01T09:11:01Z");
    says(&text, "  as JSON", r#"{"name":"ada"}"#);

    // The token does not open with --bearer, with the name of another cookie, or without either.
    for arguments in [&["--bearer"][..], &["--cookie", "session"], &[]] {
        let (status, text) = inspect(&state, arguments);
        assert_eq!(status, Some(1));
        assert!(text.contains("opens                no: not authentic"), "{text}");
    }
}

#[test]
fn inspect_shows_the_value_of_a_sealed_cookie() {
    let ring: KeyRing = std::fs::read_to_string(RING).unwrap().parse().unwrap();
    let lifetime = std::time::Duration::from_secs(600);
    let cookie = bulla::SealedCookie::<Account>::new(&ring, "device", lifetime).unwrap();
    let now = "2026-11-01T09:00:00Z".parse().unwrap();
    let sealed = cookie.load_at(now, "POST", |_| Vec::<&[u8]>::new());
    sealed.set(&Account { name: "ada".to_owned() }).unwrap();
    let line = sealed.commit().into_iter().next().unwrap().value;
    let token = line.split(';').next().unwrap().split_once('=').unwrap().1.to_owned();

    let now = ["--now", "2026-11-01T09:05:00Z"];
    let named = |name| ["--cookie", name, now[0], now[1]];
    let (status, text) = inspect(&token, &named("__Host-device"));
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("authentic: a sealed cookie"), "{text}");
    says(&text, "  as JSON", r#"{"name":"ada"}"#);
    says(&text, "opens", "yes, for 5m");
    assert!(!text.contains("session id"), "{text}");
    let (status, text) = inspect(&token, &named("__Host-session"));
    assert_eq!(status, Some(1), "{text}");
}

/// The payloads are written as section 9 of the specification says, because the tool is built
/// without the feature `bound`.
#[test]
fn inspect_shows_the_key_and_the_last_proof_of_a_bound_session() {
    let ring: KeyRing = std::fs::read_to_string(RING).unwrap().parse().unwrap();
    let nine = "2026-11-01T09:00:00Z".parse().unwrap();
    let made = |role: &str, schema, payload: &[u8]| {
        let purpose = ["bank.example/session", role, "cookie", "__Host-session"].join("\0");
        let tokens = RawTokens::new(&ring, Mode::Sealed, purpose);
        tokens.make(payload, schema, Duration::from_secs(1800), nine).unwrap()
    };
    // 2026-11-01T09:00:00Z as a varint.
    let time = [0x90, 0xff, 0x9b, 0xd7, 0x06];
    let key = "02".repeat(33);
    let cookie = ["--cookie", "__Host-session", "--now", "2026-11-01T09:05:00Z"];

    let payload = [&[7; 16][..], &time, &time, &[32], &[2; 33], b"{}"].concat();
    let (status, text) = inspect(&made("state", 3, &payload), &cookie);
    assert_eq!(status, Some(0), "{text}");
    says(&text, "bound to the key", &key);
    says(&text, "  as JSON", "{}");

    for copy in [&[][..], &[9; 40]] {
        let payload = [&[7; 16][..], &[0], &time, &[2; 33], copy].concat();
        let (status, text) = inspect(&made("renewal", 2, &payload), &cookie);
        assert_eq!(status, Some(0), "{text}");
        says(&text, "proved at", "2026-11-01T09:00:00Z");
        says(&text, "bound to the key", &key);
        let copied =
            if copy.is_empty() { "none" } else { "the state, sealed again under this key" };
        says(&text, "copy", copied);
    }

    let (status, text) = inspect(&made("challenge", 1, &[7; 17]), &cookie);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("authentic: a challenge for the device of a session"), "{text}");
}
