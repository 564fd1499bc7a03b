//! Requests with the tokens of sessions: records with any fields, renewal tokens with and without a
//! copy, pieces, and headers.

use std::sync::LazyLock;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Input, changes, latin1};
use crate::fixed::{self, PURPOSE, T0};
use crate::independent::{Fields, Followed, Key, Mode, Record, Renewal, make, split};
use crate::outcome::{self, Action, Headers, SETTINGS, Settings};
use crate::rng::Rng;

const NAME: &str = "__Host-session";
const IDLE: u64 = 1_800;
const LONG_IDLE: u64 = 14 * 86_400;
/// 5 % of the idle timeout.
const TOUCH: u64 = 90;
const ABSOLUTE: u64 = 43_200;
const LONG_ABSOLUTE: u64 = 30 * 86_400;

/// The keys for the two tokens of one channel.
struct Keys {
    state: [Key; 4],
    renewal: [Key; 4],
}

impl Keys {
    fn of(channel: &[&str]) -> Keys {
        let of = |role| fixed::keys([&[PURPOSE, role], channel].concat().join("\0").as_bytes());
        Keys { state: of("state"), renewal: of("renewal") }
    }
}

pub(super) fn in_cookies(rng: &mut Rng) -> Input {
    static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::of(&["cookie", NAME]));
    let settings = rng.pick(&SETTINGS);
    let mut times = vec![T0];
    let mut pairs = Vec::new();
    let states: Vec<State> = (0..rng.pick(&[1, 1, 1, 1, 1, 0, 2, 3, 5]))
        .map(|_| state(rng, &KEYS, &mut times))
        .collect();
    for State { token, .. } in &states {
        place(rng, NAME, token, settings, &mut pairs);
    }
    for _ in 0..rng.pick(&[0, 1, 1, 1, 1, 2, 5]) {
        let token = renewal(rng, &KEYS, &states, &mut times);
        place(rng, &format!("{NAME}-renewal"), &token, settings, &mut pairs);
    }
    if rng.percent(15) && pairs.len() > 1 {
        let (one, other) = (rng.index(pairs.len()), rng.index(pairs.len()));
        pairs.swap(one, other);
    }
    let headers = Headers { cookie: written(rng, &pairs), ..Headers::default() };
    input(rng, "session", settings, &times, headers)
}

pub(super) fn in_headers(rng: &mut Rng) -> Input {
    static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::of(&["bearer"]));
    let settings = rng.pick(&SETTINGS);
    let mut times = vec![T0];
    let state = state(rng, &KEYS, &mut times);
    let renewals = (0..rng.pick(&[0, 1, 1, 1, 2]))
        .map(|_| renewal(rng, &KEYS, std::slice::from_ref(&state), &mut times))
        .collect();
    let scheme = rng.pick(&[
        "Bearer ",
        "Bearer ",
        "Bearer ",
        "bearer ",
        "BEARER   ",
        "Bearer",
        "Basic ",
        "Bearer\t",
    ]);
    let credentials = [scheme.as_bytes(), &state.token].concat();
    let headers = Headers {
        authorization: vec![credentials; rng.pick(&[1, 1, 1, 1, 1, 1, 2, 0])],
        renewal: renewals,
        cookie: Vec::new(),
    };
    input(rng, "bearer", settings, &times, headers)
}

fn input(
    rng: &mut Rng,
    kind: &'static str,
    settings: Settings,
    times: &[u64],
    headers: Headers,
) -> Input {
    let now = match rng.below(10) {
        0..5 => T0 + rng.below(3_600),
        _ => rng.pick(times).saturating_add(rng.below(3)).saturating_sub(1),
    };
    let action = match rng.below(10) {
        0 => Action::Set,
        1 => rng.pick(&[Action::Reauthenticate, Action::Start, Action::End, Action::Ignore]),
        _ => Action::Read,
    };
    let values = |of: &[Vec<u8>]| of.iter().map(|value| latin1(value)).collect::<Vec<_>>();
    let which = SETTINGS.iter().position(|other| *other == settings);
    Input {
        kind,
        expected: outcome::session(settings, now, &headers, action),
        line: json!([
            kind,
            which,
            now,
            action.name(),
            values(&headers.cookie),
            values(&headers.authorization),
            values(&headers.renewal)
        ]),
    }
}

/// A state token, and what a renewal token can say about it.
struct State {
    token: Vec<u8>,
    id: [u8; 16],
    body: Vec<u8>,
}

fn state(rng: &mut Rng, keys: &Keys, times: &mut Vec<u64>) -> State {
    let issued_at = T0 + rng.below(2_400);
    let record = record(rng, issued_at);
    let id = record.id;
    let started_at = record.started_at;
    times.extend([
        started_at + ABSOLUTE,
        started_at + LONG_ABSOLUTE,
        issued_at + IDLE,
        issued_at + LONG_IDLE,
    ]);
    let deadline = record.ceiling.unwrap_or(started_at + ABSOLUTE);
    times.extend([deadline; 4]);
    times.extend([started_at + ABSOLUTE + 60, issued_at + IDLE + 60, T0 + 2_000, T0 + 3_000]);
    let schema = rng.pick(&[3, 3, 3, 3, 3, 3, 3, 1, 1, 2, 4]);
    let mut payload = record.write();
    changes::varint_at(rng, &mut payload, 16);
    if rng.percent(8) {
        let len = payload.len();
        match rng.below(3) {
            0 => payload.truncate(rng.index(len)),
            1 => payload[rng.index(len)] = rng.byte(),
            // The byte with the fields, or one near it.
            _ => payload[(26 + rng.index(3)).min(len - 1)] = rng.byte(),
        }
    }
    payload.extend(rng.bytes(if schema == 1 { 1 } else { 3 }));
    if rng.percent(3) {
        payload.push(rng.byte());
    }
    let lifetime = match rng.below(10) {
        0..6 => (started_at + ABSOLUTE).saturating_sub(issued_at),
        6..8 => LONG_ABSOLUTE,
        _ => rng.below(5_000),
    };
    times.extend([issued_at + lifetime, issued_at + lifetime + 60]);
    times.extend(near(rng, issued_at));
    let fields = Fields { issued_at, lifetime, schema, payload };
    let body = fields.body(1);
    let token = sealed(rng, &keys.state, &fields);
    State { token, id, body }
}

fn record(rng: &mut Rng, issued_at: u64) -> Record {
    let times = [
        issued_at,
        issued_at,
        issued_at - rng.below(5_000),
        // The absolute timeout is near.
        issued_at + rng.below(2_000) - ABSOLUTE,
        T0 + rng.below(9_000),
        u64::MAX,
        1 << 53,
    ];
    let ids = [[1; 16], [2; 16], [2; 16], rng.array()];
    let followed = |rng: &mut Rng| Followed {
        origin: rng.array(),
        before: T0 + rng.below(3_000),
        mark: rng.array(),
    };
    let started_at = match rng.percent(95) {
        true => rng.pick(&times[..4]),
        false => rng.pick(&times[4..]).min(1 << 60),
    };
    Record {
        id: rng.pick(&ids),
        started_at,
        reauthenticated_at: rng.pick(&times),
        ceiling: rng.percent(15).then(|| issued_at + rng.below(4_000)),
        origin: rng.percent(20).then(|| rng.pick(&ids)),
        ended_others: rng.percent(15).then(|| (T0 + rng.below(3_000), rng.array())),
        follows: match rng.below(10) {
            0..8 => Vec::new(),
            8 => vec![followed(rng)],
            _ => (0..rng.pick(&[2, 31, 32, 33])).map(|_| followed(rng)).collect(),
        },
        remembered: rng.percent(20),
        bound: rng.percent(3).then(|| rng.array()),
    }
}

fn renewal(rng: &mut Rng, keys: &Keys, states: &[State], times: &mut Vec<u64>) -> Vec<u8> {
    let issued_at = T0 + if rng.percent(50) { 600 } else { rng.below(4_000) };
    times.extend([issued_at + IDLE, issued_at + IDLE + 60, issued_at - 61]);
    let state = match states.is_empty() {
        true => None,
        false => Some(&states[rng.index(states.len())]),
    };
    let copy = match (rng.below(10), state) {
        (0..5, Some(state)) => {
            let mut body = state.body.clone();
            if rng.percent(10) {
                changes::bytes(rng, &mut body);
            }
            [&Sha256::digest(&state.token)[..16], &body].concat()
        }
        (5, Some(state)) => [&rng.bytes(16)[..], &state.body].concat(),
        (6, _) => {
            let len = rng.index(24);
            rng.bytes(len)
        }
        _ => Vec::new(),
    };
    let proof = rng.percent(4).then(|| (issued_at, rng.array()));
    let validated_at = rng.pick(&[0, 0, issued_at, 1 << 53, u64::MAX]);
    let id = state.filter(|_| rng.percent(90)).map_or([1; 16], |state| state.id);
    let mut payload = Renewal { id, validated_at, proof, copy }.write();
    changes::varint_at(rng, &mut payload, 16);
    if rng.percent(6) {
        changes::bytes(rng, &mut payload);
    }
    let schema = if proof.is_some() { 2 } else { rng.pick(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3]) };
    let lifetime = rng.pick(&[IDLE, IDLE, IDLE, LONG_IDLE, 600]);
    times.extend([issued_at + lifetime]);
    times.extend(near(rng, issued_at));
    sealed(rng, &keys.renewal, &Fields { issued_at, lifetime, schema, payload })
}

/// Times around the touch threshold, from which on activity is recorded.
fn near(rng: &mut Rng, issued_at: u64) -> [u64; 3] {
    [issued_at + rng.below(TOUCH), issued_at + TOUCH, issued_at + TOUCH]
}

fn sealed(rng: &mut Rng, keys: &[Key; 4], fields: &Fields) -> Vec<u8> {
    let mut body = fields.body(32);
    match rng.below(40) {
        // So long that the token needs two or three cookies.
        0..4 => body.resize(3_000 + rng.index(3_000), 0),
        4 => body.push(rng.byte()),
        5 => changes::bytes(rng, &mut body),
        _ => {}
    }
    let key = &keys[rng.pick(&[0, 0, 0, 0, 1, 1, 2, 2, 3])];
    let mut token = make(Mode::Sealed, key, &rng.array(), &body).into_bytes();
    if rng.percent(8) {
        changes::token(rng, &mut token);
    }
    token
}

/// Adds the cookies of a token: one, or several with pieces.
fn place(
    rng: &mut Rng,
    name: &str,
    token: &[u8],
    settings: Settings,
    pairs: &mut Vec<(String, Vec<u8>)>,
) {
    let text =
        str::from_utf8(token).ok().filter(|_| settings != Settings::Plain || rng.percent(10));
    let Some(pieces) = text.filter(|text| text.is_ascii()).and_then(|text| split(name, text))
    else {
        return pairs.push((name.to_owned(), token.to_owned()));
    };
    for (name, value) in pieces {
        let mut value = value.into_bytes();
        match rng.below(40) {
            0 => continue,
            1 => changes::bytes(rng, &mut value),
            // Another piece, before this one or in its place. Some differ only in their index or
            // count.
            2..6 => {
                let mut other = value.clone();
                let any = rng.index(16);
                let at = rng.pick(&[3, 4, any]);
                // A token that was cut off can be shorter than the head of a piece.
                let digit = rng.pick(b"p1.0234-_A=");
                other.get_mut(at).into_iter().for_each(|byte| *byte = digit);
                pairs.push((name.clone(), other));
            }
            6 => {
                let stem = name.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit());
                pairs.push((format!("{stem}-{}", rng.below(5)), value.clone()));
            }
            7 => pairs.push((name.clone(), value.clone())),
            _ => {}
        }
        if rng.percent(97) {
            pairs.push((name, value));
        }
    }
}

/// Writes `Cookie` headers.
fn written(rng: &mut Rng, pairs: &[(String, Vec<u8>)]) -> Vec<Vec<u8>> {
    let mut headers = vec![Vec::new()];
    for (name, value) in pairs {
        if rng.percent(3) {
            headers.push(Vec::new());
        }
        let Some(header) = headers.last_mut() else { continue };
        let junk = rng.pick(&[
            "",
            "",
            "",
            "a=b; ",
            "=; ",
            ";",
            "session=b1.AAAA; ",
            "__host-session=b1.A; ",
            "__Host-session=; ",
            "x; ",
        ]);
        let quote = rng.pick(&["", "", "", "", "", "", "", "", "", "\""]);
        let around = rng.pick(&["", "", "", "", "", "", "", " ", "\t", "\u{b}", "\u{a0}"]);
        for part in [
            junk.as_bytes(),
            around.as_bytes(),
            name.as_bytes(),
            around.as_bytes(),
            b"=",
            quote.as_bytes(),
        ] {
            header.extend(part);
        }
        header.extend(value);
        header.extend(
            [quote.as_bytes(), rng.pick(&["; ", "; ", "; ", ";", " ;"]).as_bytes()].concat(),
        );
    }
    headers
}
