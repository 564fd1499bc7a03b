//! Constants of every run: keys, times and payload types. Because they do not change, an input
//! that causes a crash causes the same crash in every run.

use std::time::Duration;

use bulla::{KeyRing, OpenError, Payload, UnixTime};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::independent::{Key, to_base64url, to_hex};

/// The time at which tokens are made: 2026-12-01T12:00:00Z.
pub const T0: u64 = 1_796_126_400;

/// The longest lifetime that readers accept, in seconds.
pub const MAX_LIFETIME: u64 = 5_000;

/// The purpose of typed tokens.
pub const PURPOSE: &str = "fuzz.example/three";

/// The bytes of a key. Keys 1 to 3 are in [`ring`].
#[must_use]
pub fn key_bytes(number: u32) -> [u8; 32] {
    Sha256::digest(format!("bulla fuzz key {number}")).into()
}

/// The text of a key (spec section 3.1).
#[must_use]
pub fn key_text(number: u32) -> String {
    let bytes = key_bytes(number);
    let id = to_hex(&Key::new(&bytes, b"").id);
    format!("bulla-key-1.{}.{id}", to_base64url(&bytes))
}

/// The text of a ring with three keys: one without times, one that retires, and one that becomes
/// the primary key later.
#[must_use]
pub fn ring_text() -> String {
    let [one, two, three] = [1, 2, 3].map(key_text);
    let (retires, later) = (at(T0 + 2_000), at(T0 + 3_000));
    format!("{one}\n{two} open-until={retires}\n{three} primary-from={later}\n")
}

/// The ring of [`ring_text`].
///
/// # Panics
/// If the library rejects the text.
#[must_use]
pub fn ring() -> KeyRing {
    ring_text().parse().expect("the keys are valid")
}

/// The same keys for the independent implementation, and a fourth key that is not in the ring.
#[must_use]
pub fn keys(purpose: &[u8]) -> [Key; 4] {
    let [one, two, three, four] = [1, 2, 3, 4].map(|number| Key::new(&key_bytes(number), purpose));
    [one, two.open_until(T0 + 2_000), three, four]
}

/// A time as the library's type.
#[must_use]
pub fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

/// A duration as the library's type.
#[must_use]
pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Schema version 1.
#[derive(Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "fuzz.example/three")]
pub struct One {
    /// One byte.
    pub a: u8,
}

/// Schema version 3. There is no version 2. A payload of version 3 has three bytes, so the
/// independent implementation can see from the length whether a payload decodes.
#[derive(Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "fuzz.example/three", version = 3, previous = One)]
pub struct Three {
    /// One byte.
    pub a: u8,
    /// One byte.
    pub b: u8,
    /// One byte.
    pub c: u8,
}

impl From<One> for Three {
    fn from(old: One) -> Three {
        Three { a: old.a, b: 0, c: 0 }
    }
}

/// The name of an error in spec section 7.
#[must_use]
pub fn name(error: &OpenError) -> &'static str {
    match error {
        OpenError::TooLong { .. } => "too-long",
        OpenError::Prefix => "prefix",
        OpenError::Encoding => "encoding",
        OpenError::TooShort => "too-short",
        OpenError::UnknownKey(_) => "unknown-key",
        OpenError::BadTag(_) => "bad-tag",
        OpenError::MalformedBody => "malformed-body",
        OpenError::RetiredKey(_) => "retired-key",
        OpenError::NotYetValid { .. } => "not-yet-valid",
        OpenError::Expired { .. } => "expired",
        OpenError::NewerSchema { .. } => "newer-schema",
        OpenError::RetiredSchema { .. } => "retired-schema",
        OpenError::Padding => "padding",
        OpenError::Payload(_) => "payload",
        _ => "an error that the specification does not know",
    }
}
