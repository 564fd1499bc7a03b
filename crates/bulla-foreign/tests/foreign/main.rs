//! Vectors of others against the library's primitives: the files themselves, since nothing
//! outside the library may reach them.

#[allow(dead_code, unreachable_pub)] // a module of the library, and not all of it is asked
#[path = "../../../../src/primitives/mod.rs"]
mod primitives;

mod rfc;
mod wycheproofs;

use primitives::{Secret, digest};

fn unhex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    assert!(text.len().is_multiple_of(2));
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// The same HMAC key in 32 bytes, which is all that the library takes: shorter ones are
/// filled with zeros, and those longer than a block are hashed first (RFC 2104).
fn in_32_bytes(key: &[u8]) -> Secret {
    let mut secret = Secret::default();
    match key.len() {
        0..=32 => secret[..key.len()].copy_from_slice(key),
        65.. => *secret = digest(&[key]),
        len => panic!("no 32 bytes stand for a key of {len}"),
    }
    secret
}
