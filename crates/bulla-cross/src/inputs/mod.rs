//! The inputs of the fuzzer: tokens, texts and sessions, most of them malformed in one way.
//!
//! Each input is a line for the other implementation, with the answer of the Rust library.

mod changes;
mod sessions;
mod texts;
mod tokens;

use serde_json::Value;

use crate::rng::Rng;

/// One input.
pub(crate) struct Input {
    /// What the input is: the first member of the line.
    pub(crate) kind: &'static str,
    /// A list for the other implementation.
    pub(crate) line: Value,
    /// What the Rust library says.
    pub(crate) expected: String,
}

/// Makes the next input.
pub(crate) fn next(rng: &mut Rng) -> Input {
    match rng.below(100) {
        0..55 => tokens::open(rng),
        55..60 => tokens::any(rng),
        60..66 => tokens::unverified(rng),
        66..71 => texts::key(rng),
        71..77 => texts::ring(rng),
        77..80 => texts::revocation(rng),
        80..95 => sessions::in_cookies(rng),
        _ => sessions::in_headers(rng),
    }
}

/// Bytes as a text with one character for each byte, as TypeScript has the values of headers.
fn latin1(bytes: &[u8]) -> Value {
    bytes.iter().copied().map(char::from).collect::<String>().into()
}
