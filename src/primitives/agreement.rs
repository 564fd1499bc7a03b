//! Tests which backend is used, and that all backends read and write the same bytes.

use zeroize::Zeroizing;

use super::*;

/// Cargo enables the features that any crate of an application asks for.
#[test]
fn of_several_backends_the_first_of_the_list_is_used() {
    let first = match () {
        () if cfg!(feature = "aws-lc-rs") => "aws_lc",
        () if cfg!(feature = "dryoc") => "dryoc",
        () => "rustcrypto",
    };
    let used = std::any::type_name::<SealingKey>();
    assert!(used.ends_with(&format!("::{first}::SealingKey")), "{used}");
}

/// One message for all backends.
struct Message {
    key: Secret,
    nonce: [u8; NONCE_LEN],
    associated_data: Vec<u8>,
    plain: Vec<u8>,
    /// The bit that is changed to make the message invalid. It is a bit of the associated data, the
    /// body or the tag.
    changed: usize,
}

/// Encrypts and decrypts a message with a backend. Returns the encrypted body and its tag.
macro_rules! round_trip {
    ($backend:ident, $message:expr) => {{
        let Message { key, nonce, associated_data, plain, changed } = $message;
        let key = $backend::SealingKey::new(key);
        let mut body = plain.clone();
        let tag = key.encrypt(nonce, associated_data, &mut body);
        let sealed = (body.clone(), tag);
        key.decrypt(nonce, associated_data, &mut body, &tag).expect("the tag is right");
        assert!(body == *plain);

        let (mut associated_data, mut body, mut tag) =
            (associated_data.clone(), sealed.0.clone(), tag);
        let bytes = associated_data.iter_mut().chain(&mut body).chain(&mut tag);
        if let Some(byte) = bytes.into_iter().nth(changed / 8) {
            *byte ^= 1 << (changed % 8);
        }
        assert!(key.decrypt(nonce, &associated_data, &mut body, &tag).is_err());
        sealed
    }};
}

/// Compares all backends that are built.
fn check(message: &Message) {
    let _expected = round_trip!(rustcrypto, message);
    #[cfg(feature = "aws-lc-rs")]
    assert!(round_trip!(aws_lc, message) == _expected);
    #[cfg(feature = "dryoc")]
    assert!(round_trip!(dryoc, message) == _expected);
}

/// SplitMix64. The same messages each time, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.next().to_le_bytes());
        words.take(len.div_ceil(8)).flatten().take(len).collect()
    }

    fn message(&mut self, len: usize) -> Message {
        let associated_data = self.below(64);
        Message {
            key: Zeroizing::new(self.bytes(32).try_into().unwrap()),
            nonce: self.bytes(NONCE_LEN).try_into().unwrap(),
            changed: self.below(8 * (associated_data + len + TAG_LEN)),
            associated_data: self.bytes(associated_data),
            plain: self.bytes(len),
        }
    }
}

/// The largest body of a token, rounded up.
const LONGEST: usize = 6100;

/// `LENGTHS` can select some lengths, for a program that emulates a processor and is slow.
#[test]
fn all_backends_agree_at_every_length() {
    let lengths: Vec<usize> = match std::env::var("LENGTHS") {
        Ok(text) => text.split_whitespace().map(|len| len.parse().unwrap()).collect(),
        Err(_) => (0..1100).chain([2047, 2048, 2049, 4096, LONGEST]).collect(),
    };
    let mut random = Random(1);
    for len in &lengths {
        check(&random.message(*len));
    }
    eprintln!("{} messages compared", lengths.len());
}

/// `EXECUTIONS` is the number of messages, and `SEED` selects them.
#[test]
fn all_backends_agree_about_random_messages() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let executions = number("EXECUTIONS").unwrap_or(2000);
    let mut random = Random(number("SEED").unwrap_or(2));
    for _ in 0..executions {
        // Most states are small.
        let limit = if random.below(16) == 0 { LONGEST } else { 400 };
        let len = random.below(limit);
        check(&random.message(len));
    }
    eprintln!("{executions} messages compared");
}
