//! Keys: ids, subkeys, text, and the check that key bytes look random.

use std::fmt::Write as _;
use std::hint::black_box;

use crate::keys::key::{Key, KeyError};
use crate::keys::ring::KeyRing;
use crate::secret::{Seen, assert_hidden, hide, public_bytes, secret_bytes, show, unwatched};
use crate::{Expected, Operation, decides, quiet};

/// The number of keys for each operation.
const KEYS: usize = 100;

pub(crate) const OPERATIONS: &[Operation] = &[
    quiet("key: derive its id", |seen| {
        for _ in 0..KEYS {
            let bytes = secret_bytes();
            let key = seen.watch(|| Key::unchecked(&bytes));
            assert_hidden(&mut key.id().0);
        }
    }),
    quiet("key: derive its subkeys", |seen| {
        for (key, label) in
            (0..KEYS).map(|_| key()).zip(["bulla/1/seal", "bulla/1/sign"].iter().cycle())
        {
            let mut subkey = seen.watch(|| key.derive(label, b"bank.example/session"));
            assert_hidden(&mut *subkey);
        }
    }),
    quiet("key: write it as text", |seen| {
        for _ in 0..KEYS {
            let mut text = seen.watch({
                let key = key();
                move || key.expose_text()
            });
            let mut characters = std::mem::take(&mut *text).into_bytes();
            assert_hidden(&mut characters[SECRET_CHARACTERS]);
        }
    }),
    // An observer may learn two bits: whether the text is base64url, and whether the id in the text
    // is the id of the key.
    decides("key: read it from text", 2, |seen| {
        for _ in 0..KEYS {
            let text = secret_text();
            assert!(seen.watch_decision(|| Key::from_text(&text).is_ok()));
        }
    }),
    // An observer may learn one bit: whether base64ct rejects the text, but not at which character.
    decides("key: read text with an invalid character", 1, |seen| {
        for at in [12, 30, 54].repeat(KEYS / 3) {
            let mut text = unwatched(|| key().expose_text().as_bytes().to_vec());
            text[at] = b'!';
            hide(&mut text[SECRET_CHARACTERS]);
            let text = String::from_utf8(unwatched(|| black_box(text))).expect("ASCII");
            assert!(!seen.watch_decision(|| Key::from_text(&text).is_ok()));
        }
    }),
    // An observer may learn two bits: whether the key looks random, and whether it is an example
    // key of the specification.
    decides("key: check that it is fit for use", 2, |seen| {
        for _ in 0..KEYS {
            let key = key();
            assert!(seen.watch_decision(|| key.refuse_unfit().is_ok()));
        }
    }),
    decides("key: refuse one that is not random", 1, |seen| {
        for n in 0..KEYS as u8 {
            let mut bytes: [u8; 32] = black_box(std::array::from_fn(|at| at as u8 + n));
            hide(&mut bytes);
            let key = Key::unchecked(&bytes);
            assert!(seen.watch_decision(|| key.refuse_unfit() == Err(KeyError::LowEntropy)));
        }
    }),
    // Reading a ring searches its text for line ends, spaces and comments, and branches on each
    // character. No key contains such a character, so the branches are the same for all keys.
    Operation { name: "ring: read it from text", expected: Expected::SameForAll, run: ring },
];

/// The secret part of the text of a key.
const SECRET_CHARACTERS: std::ops::Range<usize> = 12..55;

/// A key with secret bytes and a public id.
fn key() -> Key {
    let mut key = Key::unchecked(&secret_bytes());
    show(&mut key);
    key
}

fn secret_text() -> String {
    let mut text = Key::unchecked(&public_bytes()).expose_text().as_bytes().to_vec();
    hide(&mut text[SECRET_CHARACTERS]);
    unwatched(|| String::from_utf8(text).expect("ASCII"))
}

fn ring(seen: &mut Seen) {
    for _ in 0..KEYS {
        let mut text = String::new();
        unwatched(|| {
            writeln!(text, "{} # now", secret_text()).expect("a string");
            writeln!(text, "{} primary-from=2027-01-01T00:00:00Z", secret_text())
                .expect("a string");
        });
        assert!(seen.watch_decision(|| text.parse::<KeyRing>().is_ok()));
    }
}
