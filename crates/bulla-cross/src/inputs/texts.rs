//! Key texts, ring texts and lines of revocation lists.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Input, changes, latin1};
use crate::fixed::{T0, key_bytes};
use crate::independent::{Key, to_base64url, to_hex};
use crate::outcome;
use crate::rng::Rng;

pub(super) fn key(rng: &mut Rng) -> Input {
    let mut text = key_text(rng).into_bytes();
    if rng.percent(40) {
        (0..=rng.below(2)).for_each(|_| change(rng, &mut text));
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    Input { kind: "key", expected: outcome::key(&text), line: json!(["key", text]) }
}

/// A key, which in some cases is too weak, public, or has the id of another key.
fn key_text(rng: &mut Rng) -> String {
    let bytes: [u8; 32] = match rng.below(20) {
        0 => Sha256::digest(format!("bulla/1 example key {}", rng.below(19))).into(),
        // 14 to 17 distinct values.
        1 => {
            let count = 14 + rng.index(4);
            let values = rng.bytes(count);
            std::array::from_fn(|_| rng.pick(&values))
        }
        // Few distinct differences.
        2 => {
            let count = 6 + rng.index(4);
            let steps = rng.bytes(count);
            let mut last = rng.byte();
            std::array::from_fn(|_| {
                last = last.wrapping_add(rng.pick(&steps));
                last
            })
        }
        // A text, with up to one byte that is not printable.
        3 => {
            let mut bytes: [u8; 32] = std::array::from_fn(|_| 0x20 + rng.below(0x5f) as u8);
            if rng.percent(50) {
                bytes[rng.index(32)] = rng.pick(&[0x1f, 0x7f, 0x80, 0, 0xff]);
            }
            bytes
        }
        4 => rng.array(),
        _ => key_bytes(rng.below(70) as u32),
    };
    let id = match rng.percent(4) {
        true => rng.array(),
        false => Key::new(&bytes, b"").id,
    };
    let mut encoded = to_base64url(&bytes);
    if rng.percent(3) {
        // The last character has only four bits of the key.
        encoded.pop();
        encoded.push(rng.pick(&['A', 'B', 'C', 'D', 'E', 'w', '_']));
    }
    key_line(&encoded, &id)
}

fn key_line(encoded: &str, id: &[u8; 4]) -> String {
    format!("bulla-key-1.{encoded}.{}", to_hex(id))
}

fn change(rng: &mut Rng, text: &mut Vec<u8>) {
    const PARTS: [&str; 34] = [
        ".",
        "..",
        "=",
        "A",
        "g",
        "-",
        "bulla-key-1.",
        "bulla-key-2.",
        "Ä",
        "😀",
        "\u{feff}",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        ";",
        "#",
        "# serial: 7",
        "# serial: 18446744073709551615",
        "# serial: 18446744073709551616",
        " primary-from=2026-12-01T12:00:00Z",
        " open-until=2026-12-01T12:00:00Z",
        " open-until=9999-12-31T23:59:59Z",
        " primary-from=1970-01-01T00:00:00Z",
        " primary-from=1969-12-31T23:59:59Z",
        " open-until=2027-02-29T00:00:00Z",
        " open-until=2028-02-29T24:00:00Z",
        " open-until=2028-02-29T23:59:60Z",
        " Open-until=",
        "T",
        "Z",
        "\u{b}",
        "\u{a0}",
    ];
    let at = rng.index(text.len());
    match rng.below(3) {
        0 => changes::bytes(rng, text),
        1 => drop(text.splice(at..at, rng.pick(&PARTS).bytes())),
        _ => text.extend(rng.pick(&PARTS).bytes()),
    }
}

pub(super) fn ring(rng: &mut Rng) -> Input {
    let mut text = String::new();
    let (keys, longest) = match rng.below(100) {
        0..96 => (rng.below(5), false),
        // A ring has at most 64 keys.
        _ => (63 + rng.below(4), true),
    };
    for number in 0..keys {
        if longest {
            let bytes = key_bytes(number as u32);
            text += &key_line(&to_base64url(&bytes), &Key::new(&bytes, b"").id);
            text.push('\n');
            continue;
        }
        text += &line(rng);
        text += rng.pick(&["\n", "\n", "\n", "\r\n", ";", ";;", "\n\n", "\r", " \n"]);
    }
    let mut text = text.into_bytes();
    if rng.percent(40) {
        (0..=rng.below(3)).for_each(|_| change(rng, &mut text));
    }
    if rng.percent(1) {
        text.resize(65_530 + rng.index(10), b' ');
    }
    let times: Vec<u64> = (0..4).map(|_| instant_secs(rng)).collect();
    Input {
        kind: "ring",
        expected: outcome::ring(&text, &times),
        line: json!(["ring", latin1(&text), times]),
    }
}

fn line(rng: &mut Rng) -> String {
    let mut line = match rng.below(12) {
        0 => {
            return rng
                .pick(&[
                    "",
                    "#",
                    " # a comment",
                    "# serial: 12",
                    "# serial: 012",
                    "# serial: 18446744073709551616",
                    "#serial: 3",
                ])
                .to_owned();
        }
        1 => {
            return format!(
                "# serial: {}",
                rng.pick(&[0, u64::MAX, u64::MAX, 1 << 53, (1 << 53) + 1])
            );
        }
        2 => format!("\t {}", key_text(rng)),
        _ => key_text(rng),
    };
    for name in ["primary-from", "open-until"] {
        if rng.percent(45) {
            line += &format!("{}{name}={}", rng.pick(&[" ", " ", "\t", "  "]), instant(rng));
        }
    }
    if rng.percent(10) {
        line += rng.pick(&[" ", "\t", " # note", "#note", " #", " note", " open-until="]);
    }
    line
}

fn instant_secs(rng: &mut Rng) -> u64 {
    match rng.below(10) {
        0..7 => T0 + rng.below(6) * 1_000,
        7 => rng.below(4),
        8 => 253_402_300_799 - rng.below(3),
        _ => rng.below(253_402_300_799),
    }
}

/// A time that is well-formed in most cases.
fn instant(rng: &mut Rng) -> String {
    if rng.percent(85) {
        return bulla::UnixTime::from_secs(instant_secs(rng)).to_string();
    }
    let two = |rng: &mut Rng, limit: u64| format!("{:02}", rng.below(limit));
    let year = rng.pick(&["1969", "1970", "2000", "2024", "2026", "2100", "9999", "0000", "10000"]);
    let (month, day) = (two(rng, 14), two(rng, 33));
    let (hour, minute, second) = (two(rng, 26), two(rng, 62), two(rng, 62));
    let end = rng.pick(&["Z", "Z", "Z", "Z", "z", "+00:00", "-00:00", ".0Z", ""]);
    let t = rng.pick(&["T", "T", "T", "T", "t", " "]);
    format!("{year}-{month}-{day}{t}{hour}:{minute}:{second}{end}")
}

pub(super) fn revocation(rng: &mut Rng) -> Input {
    let hex = |rng: &mut Rng, len: usize| to_hex(&rng.bytes(len));
    let except = |rng: &mut Rng| match rng.percent(50) {
        true => format!(" except={}.{}", to_hex(&rng.bytes(16)), to_hex(&rng.bytes(8))),
        false => String::new(),
    };
    let text = match rng.below(4) {
        0 => format!("session {} until={}", hex(rng, 16), instant(rng)),
        1 => format!("key {} before={} until={}", hex(rng, 4), instant(rng), instant(rng)),
        2 => {
            let subject = hex(rng, 16);
            format!(
                "subject {subject} before={} until={}{}",
                instant(rng),
                instant(rng),
                except(rng)
            )
        }
        _ => format!("all before={} until={}{}", instant(rng), instant(rng), except(rng)),
    };
    let mut text = text.into_bytes();
    if rng.percent(40) {
        (0..=rng.below(2)).for_each(|_| change(rng, &mut text));
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    Input {
        kind: "revocation",
        expected: outcome::revocation(&text),
        line: json!(["revocation", text]),
    }
}
