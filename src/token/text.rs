//! Canonical base64url without padding: each byte string has exactly one text (spec section 2).
//!
//! On processors with AVX2 or NEON, vector instructions decode 2.3 kB in 0.2 µs. Decoding without
//! them took 1.0 µs, which was a sixth of the time to open a large state. Tokens are not secret
//! from the client that sends them, so table lookups need not take constant time.

#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
mod engine {
    use std::sync::LazyLock;

    use base64::engine::Simd;
    use base64::engine::general_purpose::NO_PAD;

    /// Detects the processor's features once.
    static DETECTED: LazyLock<Simd> = LazyLock::new(|| Simd::url_safe(NO_PAD));

    pub(super) fn engine() -> &'static Simd {
        &DETECTED
    }
}

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
mod engine {
    use base64::engine::general_purpose::{GeneralPurpose, URL_SAFE_NO_PAD};

    pub(super) fn engine() -> &'static GeneralPurpose {
        &URL_SAFE_NO_PAD
    }
}

use base64::Engine as _;

use self::engine::engine;

/// The number of characters that encode `len` bytes.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "a slice is at most isize::MAX bytes, and a token 8 kB"
)]
pub(crate) fn encoded_len(len: usize) -> usize {
    (len * 4).div_ceil(3)
}

/// Encodes `raw` into `text`, whose length must be [`encoded_len`].
#[expect(clippy::expect_used, reason = "the caller has made room for encoded_len characters")]
pub(crate) fn encode(raw: &[u8], text: &mut [u8]) {
    engine().encode_slice(raw, text).expect("encoded_len has counted the characters");
}

/// Decodes `text` and appends the bytes to `buf`. `None` if `text` is not canonical base64url.
pub(crate) fn decode(text: &[u8], buf: &mut Vec<u8>) -> Option<()> {
    engine().decode_vec(text, buf).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    /// Compares decoding with the engine that uses no vector instructions.
    #[track_caller]
    fn same(text: &[u8]) {
        let mut buf = Vec::new();
        let decoded = decode(text, &mut buf).map(|()| buf);
        assert_eq!(
            decoded,
            URL_SAFE_NO_PAD.decode(text).ok(),
            "{:?}",
            String::from_utf8_lossy(text)
        );
    }

    #[test]
    fn vector_instructions_accept_and_reject_the_same_texts_as_the_scalar_engine() {
        for len in (0..200).chain([1000, 6141]) {
            let raw: Vec<u8> = (0..len as u32).map(|n| (n * n * 31 + n / 7) as u8).collect();
            let mut text = vec![0; encoded_len(len)];
            encode(&raw, &mut text);
            assert_eq!(text, URL_SAFE_NO_PAD.encode(&raw).as_bytes());
            same(&text);
            same(&[&text[..], b"="].concat());
            same(&[&text[..], b"A"].concat());
            // Every byte as the last character. A character with non-zero trailing bits is not
            // canonical.
            for last in 0..=255 {
                if let Some(end) = text.last_mut() {
                    *end = last;
                    same(&text);
                }
            }
        }
    }

    #[test]
    fn every_wrong_character_is_rejected_at_every_position() {
        for len in [64, 67, 130, 300] {
            for at in 0..len {
                for wrong in 0..=255 {
                    let mut text = vec![b'Q'; len];
                    text[at] = wrong;
                    same(&text);
                }
            }
        }
    }
}
