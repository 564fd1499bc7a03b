//! Law: the text of a ring is read as the specification says and written back as the same ring. No
//! error repeats a part of the text.

use std::sync::LazyLock;

use bulla::KeyRing;
use bulla::keys::RingError;

use crate::fixed::{at, key_text};
use crate::independent::{read_ring, to_hex};

/// The keys in the seeds, as base64url without prefix and id.
static SECRETS: LazyLock<Vec<String>> =
    LazyLock::new(|| (1..=6).map(|number| key_text(number)[12..55].to_owned()).collect());

/// `data` is the text of a ring.
///
/// # Panics
/// If the two implementations differ, if the text that is written gives a different ring, or if an
/// error contains a part of a key.
pub fn ring(data: &[u8]) {
    let (here, there) = (KeyRing::try_from(data), read_ring(data));
    let (ring, there) = match (here, there) {
        (Err(error), Err(line)) => {
            assert_eq!(error.line(), line, "{error}");
            return tells_no_secret(error);
        }
        (Ok(here), Ok(there)) => (here, there),
        (here, there) => panic!("{here:?} here, {there:?} there"),
    };
    assert_eq!(ring.serial(), there.serial);
    let shown: Vec<_> = ring
        .entries()
        .map(|entry| (entry.key_id().to_string(), entry.primary_from(), entry.open_until()))
        .collect();
    let expected: Vec<_> = there
        .entries
        .iter()
        .map(|entry| {
            (to_hex(&entry.id), at(entry.primary_from.unwrap_or(0)), entry.open_until.map(at))
        })
        .collect();
    assert_eq!(shown, expected);

    let text = ring.expose_text();
    let again: KeyRing = text.parse().expect("a ring reads its own text");
    assert_eq!(again.expose_text(), text);
    assert_eq!(format!("{again:?}"), format!("{ring:?}"));
    // Compares the primary keys at each time at which a key becomes primary or retires, and one
    // second before each of these times.
    let changes = there.entries.iter().flat_map(|entry| [entry.primary_from, entry.open_until]);
    for change in changes.flatten() {
        for now in [change.saturating_sub(1), change] {
            let primary = there.primary_at(now).map(|id| to_hex(&id));
            assert_eq!(ring.primary_at(at(now)).map(|id| id.to_string()), primary);
            assert_eq!(again.primary_at(at(now)), ring.primary_at(at(now)));
        }
    }
    let debug = format!("{ring:?}");
    assert!(SECRETS.iter().all(|secret| !debug.contains(&secret[..8])));
}

/// Checks that the messages of an error contain no part of a key. The error is `Copy` and
/// `'static`, so it cannot contain an owned text.
fn tells_no_secret<E: Copy + 'static + std::fmt::Display + std::fmt::Debug>(error: E) {
    let shown = format!("{error} {error:?}");
    for secret in &*SECRETS {
        assert!(
            secret.as_bytes().windows(8).all(|part| {
                !shown.contains(std::str::from_utf8(part).expect("keys are ASCII"))
            })
        );
    }
}

const _: fn(RingError) = tells_no_secret::<RingError>;
