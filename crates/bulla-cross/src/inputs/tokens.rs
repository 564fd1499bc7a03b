//! Tokens with any body, sealed or signed with the right key, and then changed or not.

use std::sync::LazyLock;

use serde_json::json;

use super::{Input, changes, latin1};
use crate::fixed::{self, MAX_LIFETIME, PURPOSE, T0};
use crate::independent::{Key, Mode, make};
use crate::outcome::{self, Reader};
use crate::rng::Rng;

const LAST_SECOND: u64 = 253_402_300_799;

/// Numbers at which an implementation could err.
const EDGES: [u64; 14] = [
    0,
    1,
    (1 << 31) - 1,
    1 << 32,
    LAST_SECOND - 1,
    LAST_SECOND,
    LAST_SECOND + 1,
    (1 << 53) - 1,
    1 << 53,
    (1 << 53) + 1,
    1 << 63,
    u64::MAX - LAST_SECOND,
    u64::MAX - 1,
    u64::MAX,
];

pub(super) fn open(rng: &mut Rng) -> Input {
    static KEYS: LazyLock<[[Key; 4]; 2]> =
        LazyLock::new(|| [fixed::keys(PURPOSE.as_bytes()), fixed::keys(b"fuzz.example/other")]);
    let mode = rng.pick(&[Mode::Sealed, Mode::Signed]);
    let read_as = match (mode, rng.percent(3)) {
        (mode, false) => mode,
        (Mode::Sealed, true) => Mode::Signed,
        (Mode::Signed, true) => Mode::Sealed,
    };
    let reader = rng.pick(&[Reader::Strict, Reader::Lenient]);
    let keys = &KEYS[usize::from(rng.percent(2))];
    let (body, now) = body(rng, payload);
    let mut token = made(rng, mode, keys, &body);
    change(rng, &mut token);
    let number = |mode| usize::from(mode == Mode::Signed);
    Input {
        kind: "open",
        line: json!([
            "open",
            number(read_as),
            usize::from(reader == Reader::Lenient),
            now,
            latin1(&token)
        ]),
        expected: outcome::opened(read_as, reader, now, &token),
    }
}

pub(super) fn any(rng: &mut Rng) -> Input {
    let (body, now) = body(rng, |rng, _| json_text(rng));
    let mut token = made(rng, Mode::Signed, any_keys(), &body);
    change(rng, &mut token);
    Input {
        kind: "any",
        line: json!(["any", now, latin1(&token)]),
        expected: outcome::any(now, &token),
    }
}

pub(super) fn unverified(rng: &mut Rng) -> Input {
    let (body, _) = body(rng, |rng, _| json_text(rng));
    let mut token = made(rng, Mode::Signed, any_keys(), &body);
    change(rng, &mut token);
    Input {
        kind: "unverified",
        line: json!(["unverified", latin1(&token)]),
        expected: outcome::unverified(&token),
    }
}

fn any_keys() -> &'static [Key; 4] {
    static KEYS: LazyLock<[Key; 4]> = LazyLock::new(|| fixed::keys(b"fuzz.example/any"));
    &KEYS
}

fn made(rng: &mut Rng, mode: Mode, keys: &[Key; 4], body: &[u8]) -> Vec<u8> {
    // The fourth key is not in the ring.
    let key = &keys[rng.pick(&[0, 0, 0, 1, 1, 2, 3])];
    make(mode, key, &rng.array(), body).into_bytes()
}

/// Changes three of ten tokens in up to three places.
fn change(rng: &mut Rng, token: &mut Vec<u8>) {
    if rng.percent(30) {
        (0..=rng.below(3)).for_each(|_| changes::token(rng, token));
    }
}

/// A body, and a time at which it is interesting to read it. `payload` makes the payload for a
/// schema version.
fn body(rng: &mut Rng, payload: impl Fn(&mut Rng, u64) -> Vec<u8>) -> (Vec<u8>, u64) {
    let issued_at = time(rng);
    let lifetime = lifetime(rng, issued_at);
    let schema = match rng.below(100) {
        0..42 => 1,
        42..84 => 3,
        84..88 => 2,
        88..92 => 4,
        92..96 => rng.pick(&[0, 5, (1 << 32) - 1, 1 << 32, (1 << 32) + 1, (1 << 32) + 3]),
        _ => rng.pick(&EDGES),
    };
    let now = read_at(rng, issued_at, lifetime);
    let payload = payload(rng, schema);
    let length = match rng.below(100) {
        0..92 => payload.len() as u64,
        92..95 => payload.len() as u64 + 1,
        95..97 => (payload.len() as u64).saturating_sub(1),
        _ => rng.pick(&EDGES),
    };
    let mut body = Vec::new();
    for number in [issued_at, lifetime, schema, length] {
        body.extend(changes::varint(rng, number));
    }
    body.extend(payload);
    if rng.percent(30) {
        let padding = rng.pick(&[1, 2, 31, 32, 255, 300, 2_900, 6_000]);
        body.resize(body.len() + rng.index(padding + 1), 0);
    }
    if rng.percent(4) {
        body.push(rng.byte());
    }
    if rng.percent(4) {
        changes::bytes(rng, &mut body);
    }
    (body, now)
}

fn time(rng: &mut Rng) -> u64 {
    match rng.below(100) {
        0..85 => T0 + rng.below(5_000),
        85..90 => rng.below(1 << 38),
        _ => rng.pick(&EDGES),
    }
}

fn lifetime(rng: &mut Rng, issued_at: u64) -> u64 {
    let most = LAST_SECOND.saturating_sub(issued_at);
    match rng.below(100) {
        0..50 => rng.below(10_000),
        50..80 => rng.pick(&[0, 1, 60, 3_600, MAX_LIFETIME - 1, MAX_LIFETIME, MAX_LIFETIME + 1]),
        80..92 => rng.pick(&[most.saturating_sub(1), most, most, most + 1, most + (1 << 32)]),
        // The sum of the two times is a small number modulo 2^64.
        92..95 => u64::MAX - issued_at + rng.below(issued_at.saturating_add(1).min(9)),
        _ => rng.pick(&EDGES),
    }
}

/// A time near one at which a check changes its result.
fn read_at(rng: &mut Rng, issued_at: u64, lifetime: u64) -> u64 {
    let end = issued_at.saturating_add(lifetime);
    let near = rng.pick(&[
        issued_at,
        issued_at.saturating_sub(60),
        end,
        end,
        issued_at.saturating_add(MAX_LIFETIME),
        T0 + 2_000, // the second key retires
        T0 + 3_000,
    ]);
    let time = match rng.below(10) {
        0..6 => issued_at.saturating_add(rng.below(lifetime.clamp(1, 4_000))),
        6..9 => near.saturating_add(rng.below(3)).saturating_sub(1),
        _ => T0 + rng.below(9_000),
    };
    time.min(LAST_SECOND + 5)
}

/// The payload of the type `Three`: one or three bytes.
fn payload(rng: &mut Rng, schema: u64) -> Vec<u8> {
    let right = if schema == 3 { 3 } else { 1 };
    let len = match rng.below(100) {
        0..94 => right,
        94..97 => rng.index(5),
        _ => rng.pick(&[200, 400, 3_000, 6_050]),
    };
    rng.bytes(len)
}

/// A text that is JSON or nearly so, without integers of 16 digits and more. TypeScript refuses most
/// of these on purpose, because JavaScript would read another number.
fn json_text(rng: &mut Rng) -> Vec<u8> {
    let has_long = |text: &[u8]| {
        text.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit())
            .any(|run| run[0].is_ascii_digit() && run.len() >= 16)
    };
    (0..100).map(|_| any_json_text(rng)).find(|text| !has_long(text)).unwrap_or_default()
}

fn any_json_text(rng: &mut Rng) -> Vec<u8> {
    const PARTS: [&str; 42] = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "null",
        "true",
        "false",
        "nul",
        "True",
        "0",
        "-0",
        "-",
        "01",
        "1.",
        ".5",
        "1.5",
        "1e5",
        "1E+400",
        "-1e999",
        "1e-999",
        "\"a\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"\\\\ud800\"",
        "\"é\"",
        "\"\t\"",
        "\"\\x\"",
        "\"\\/\"",
        " ",
        "\n",
        "\u{feff}",
        "\u{a0}",
        "\u{2028}",
        "NaN",
        "/**/",
    ];
    let mut text = match rng.below(8) {
        0 => (0..rng.below(7)).map(|_| rng.pick(&PARTS)).collect::<String>(),
        1 => format!("[{}]", value(rng, 3)),
        2 => {
            let depth = rng.pick(&[5, 126, 127, 128, 129, 400]);
            let (open, close) = rng.pick(&[("[", "]"), ("{\"a\":", "}")]);
            format!("{}1{}", open.repeat(depth), close.repeat(depth))
        }
        _ => value(rng, 3),
    }
    .into_bytes();
    if rng.percent(15) {
        changes::bytes(rng, &mut text);
    }
    text
}

fn value(rng: &mut Rng, depth: u64) -> String {
    const SCALARS: [&str; 15] = [
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1.25",
        "1e3",
        "1e400",
        "\"\"",
        "\"Ada\"",
        "\"\\n\\u0001\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\\\\"",
        "\"é😀\"",
    ];
    if depth == 0 || rng.percent(40) {
        return rng.pick(&SCALARS).to_owned();
    }
    let space = rng.pick(&["", "", " ", "\n\t"]);
    let members: Vec<String> = (0..rng.below(4)).map(|_| value(rng, depth - 1)).collect();
    if rng.percent(50) {
        return format!("[{space}{}{space}]", members.join(","));
    }
    let names = ["\"a\"", "\"b\"", "\"__proto__\"", "\"\\u0061\""];
    let members: Vec<String> = members
        .into_iter()
        .map(|value| format!("{}{space}:{space}{value}", rng.pick(&names)))
        .collect();
    format!("{{{}}}", members.join(", "))
}
