//! Checks the primitives of the library with the test vectors of other projects. The primitives are
//! private to the library, so this test includes their source.

#[allow(dead_code, unreachable_pub)] // a module of the library, which this test uses in part
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

/// Converts an HMAC key to an equivalent key of 32 bytes, because the library accepts no other
/// length. HMAC itself pads short keys with zeros and hashes keys that are longer than a block (RFC
/// 2104).
fn in_32_bytes(key: &[u8]) -> Secret {
    let mut secret = Secret::default();
    match key.len() {
        0..=32 => secret[..key.len()].copy_from_slice(key),
        65.. => *secret = digest(&[key]),
        len => panic!("no key of 32 bytes is equivalent to one of {len}"),
    }
    secret
}
