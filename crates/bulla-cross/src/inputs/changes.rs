//! Changes to bytes, to the text of a token and to varints.

use crate::fixed::key_bytes;
use crate::independent::{self, Key, from_base64url, to_base64url};
use crate::rng::Rng;

/// Changes one place of a byte string.
pub(super) fn bytes(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let at = rng.index(bytes.len());
    match rng.below(7) {
        _ if bytes.is_empty() => bytes.push(rng.byte()),
        0 => bytes[at] ^= 1 << rng.below(8),
        1 => bytes[at] = rng.byte(),
        2 => bytes.insert(at, rng.byte()),
        3 => drop(bytes.remove(at)),
        4 => bytes.truncate(at),
        5 => bytes.push(rng.byte()),
        _ => {
            let other = rng.index(bytes.len());
            bytes.swap(at, other);
        }
    }
}

/// Changes the text of a token in one way. After most changes, it is still base64url.
pub(super) fn token(rng: &mut Rng, text: &mut Vec<u8>) {
    if text.is_empty() {
        return text.push(rng.byte());
    }
    let at = rng.index(text.len());
    let last = text.len() - 1;
    match rng.below(18) {
        0 => text[at] ^= 1 << rng.below(8),
        1 => text[at] = rng.byte(),
        2 => text[at] = letter(rng),
        3 => text.insert(at, rng.byte()),
        4 => text.insert(at, letter(rng)),
        5 => drop(text.remove(at)),
        6 => text.truncate(at),
        7 => (0..rng.below(6)).for_each(|_| text.push(letter(rng))),
        // The bits after the last byte.
        8 => text[last] = letter(rng),
        9 => text[0] ^= b'b' ^ b's',
        10 => text[rng.index(3.min(last + 1))] = rng.pick(b"bBsS12.,"),
        11 => text.extend(rng.pick(&[&b"="[..], b"==", b" ", b"\n", b"\r\n", b"\0", b"."])),
        12 => text.insert(at, rng.pick(b"+/= \t\n.~")),
        13 => raw(text, |raw| bytes(rng, raw)),
        14 => raw(text, |raw| {
            let at = rng.index(raw.len());
            raw[at] ^= 1 << rng.below(8);
        }),
        15 => {
            let id = Key::new(&key_bytes(rng.below(6) as u32), b"").id;
            raw(text, |raw| raw.iter_mut().zip(id).for_each(|(old, new)| *old = new));
        }
        // Characters of two to four bytes, so that a text has fewer characters than bytes.
        16 => {
            let characters =
                rng.pick(&["é", "€", "Ａ", "😀"]).repeat(rng.pick(&[1, 1, 1, 60, 200]));
            drop(text.splice(at..at, characters.bytes()));
        }
        _ => {
            let len =
                rng.pick(&[499, 500, 501, 4_100, 8_180, 8_188, 8_190, 8_191, 8_192, 8_193, 9_000]);
            text.resize(len, letter(rng));
        }
    }
}

fn letter(rng: &mut Rng) -> u8 {
    to_base64url(&[rng.byte()]).as_bytes()[0]
}

/// Decodes the text, changes the bytes and encodes them again. A text that does not decode stays.
fn raw(text: &mut Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) {
    let decoded = text.get(3..).and_then(from_base64url).filter(|bytes| !bytes.is_empty());
    let Some(mut bytes) = decoded else { return };
    change(&mut bytes);
    text.truncate(3);
    text.extend(to_base64url(&bytes).into_bytes());
}

/// Writes a number as a varint, in one of fifty cases in a form that no writer may use.
pub(super) fn varint(rng: &mut Rng, number: u64) -> Vec<u8> {
    let mut bytes = independent::varint(number);
    if rng.percent(98) {
        return bytes;
    }
    let len = bytes.len();
    match rng.below(4) {
        // Longer than needed.
        0 => {
            bytes[len - 1] |= 0x80;
            bytes.push(0);
        }
        1 => {
            bytes[len - 1] |= 0x80;
            bytes.extend(vec![0x80; rng.index(10)]);
            bytes.push(0);
        }
        // More than 64 bits, or just 64.
        2 => {
            bytes = vec![0xff; rng.pick(&[8, 9, 9, 10])];
            bytes.push(rng.pick(&[0, 1, 2, 0x7f]));
        }
        // Cut off.
        _ => bytes[len - 1] |= 0x80,
    }
    bytes
}

/// Replaces the varint at a place of a byte string by one that [`varint`] wrote.
pub(super) fn varint_at(rng: &mut Rng, bytes: &mut Vec<u8>, at: usize) {
    let mut rest = &bytes[at..];
    let before = rest.len();
    let Some(number) = independent::take_varint(&mut rest) else { return };
    let end = at + before - rest.len();
    bytes.splice(at..end, varint(rng, number)).for_each(drop);
}
