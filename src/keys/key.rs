//! Keys: their bytes, ids and text form, and the checks that reject weak keys.

use std::fmt;
use std::hint::black_box;
use std::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use zeroize::{Zeroize as _, Zeroizing};

use crate::primitives::{self, RandomError, Secret};

const TEXT_PREFIX: &str = "bulla-key-1.";
const ENCODED_LEN: usize = 43;
const TEXT_LEN: usize = TEXT_PREFIX.len() + ENCODED_LEN + 1 + 8;

/// The number of example keys in the specification (spec section 3.2).
const EXAMPLE_KEYS: u32 = 16;

/// A secret key of 32 random bytes, wiped on drop.
///
/// A key is not `Clone`, its `Debug` output shows only the id, and it cannot be made from a
/// password.
///
/// The text form is `bulla-key-1.<43 characters>.<id>`, 64 characters (spec section 3.1). Secret
/// scanners can find it by its prefix. The id at the end detects a text that was cut or mistyped.
///
/// ```
/// use bulla::keys::Key;
///
/// let key = Key::generate()?;
/// let text = key.expose_text();
/// let again: Key = text.parse()?;
/// assert_eq!(again.id(), key.id());
/// assert!(!format!("{key:?}").contains(&text[12..55]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```compile_fail
/// # let key = bulla::keys::Key::generate().unwrap();
/// let copy = key.clone(); // Key is not Clone
/// ```
pub struct Key {
    // The bytes are boxed, so that moving a key does not leave copies of them on the stack.
    bytes: Box<Secret>,
    id: KeyId,
}

impl Key {
    /// Makes a key with the operating system's random generator.
    ///
    /// # Errors
    /// [`RandomError`] if that generator fails.
    pub fn generate() -> Result<Key, RandomError> {
        let mut bytes = primitives::random()?;
        let key = Key::unchecked(&bytes);
        bytes.zeroize();
        Ok(key)
    }

    /// Makes a key from 32 uniformly random bytes, for example from a key management service.
    ///
    /// # Errors
    /// [`KeyError::LowEntropy`] if the bytes are not random, and [`KeyError::Example`] if the key
    /// is an example from the documentation (spec section 3.2).
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Key, KeyError> {
        let key = Key::unchecked(bytes);
        key.refuse_unfit()?;
        Ok(key)
    }

    /// The public id of the key, which is derived one-way from its bytes. Every token that is made
    /// with the key contains this id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The secret text form. Anyone who has this text can forge tokens.
    #[must_use]
    pub fn expose_text(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(Base64UrlUnpadded::encode_string(&self.bytes[..]));
        let mut text = Zeroizing::new(String::with_capacity(TEXT_LEN));
        text.push_str(TEXT_PREFIX);
        text.push_str(&encoded);
        text.push('.');
        text.push_str(&self.id.to_string());
        text
    }

    /// Derives the subkey for a label and a purpose (spec section 3).
    pub(crate) fn derive(&self, label: &str, purpose: &[u8]) -> Secret {
        primitives::derive(&self.bytes, &[label.as_bytes(), &[0], purpose])
    }

    /// Parses the text form and checks the id, but accepts weak keys and example keys.
    pub(crate) fn from_text(text: &str) -> Result<Key, KeyError> {
        // The text is split at fixed positions, because a search for the dot would branch on the
        // characters of the key.
        let (encoded, id) = text
            .strip_prefix(TEXT_PREFIX)
            .filter(|_| text.len() == TEXT_LEN)
            .and_then(|rest| rest.split_at_checked(ENCODED_LEN))
            .ok_or(KeyError::Malformed)?;
        let id = id.strip_prefix('.').and_then(|id| id.parse().ok()).ok_or(KeyError::Malformed)?;
        let mut bytes = Zeroizing::new([0; 32]);
        let decoded = Base64UrlUnpadded::decode(encoded, &mut *bytes);
        if decoded.map_or(0, <[u8]>::len) != 32 {
            return Err(KeyError::Malformed);
        }
        let key = Key::unchecked(&bytes);
        if key.id != id {
            return Err(KeyError::IdMismatch);
        }
        Ok(key)
    }

    /// Rejects weak keys and example keys (spec section 3.2). The code branches on the results of
    /// these two checks, but not on the bytes of the key.
    pub(crate) fn refuse_unfit(&self) -> Result<(), KeyError> {
        let few = distinct(self.bytes.iter().copied()) < 16;
        let counts = distinct(
            self.bytes.iter().zip(self.bytes.iter().skip(1)).map(|(a, b)| b.wrapping_sub(*a)),
        ) < 8;
        let printable = |byte: &u8| (0x20..=0x7e).contains(byte);
        let text = self.bytes.iter().fold(true, |all, byte| all & printable(byte));
        if few | counts | text {
            return Err(KeyError::LowEntropy);
        }
        let is = |n| example_bytes(n) == **self.bytes;
        if (1..=EXAMPLE_KEYS).fold(false, |any, n| any | is(n)) {
            return Err(KeyError::Example);
        }
        Ok(())
    }

    pub(crate) fn unchecked(bytes: &[u8; 32]) -> Key {
        let id = primitives::derive(bytes, &[b"bulla/1/key-id"]);
        Key { bytes: Box::new(Zeroizing::new(*bytes)), id: KeyId(*id) }
    }
}

/// Counts the distinct values in constant time.
///
/// Each value that was seen is a bit in one of four words, and the code reads all four words for
/// each value. With a table indexed by the value, the addresses that are read would depend on the
/// key.
fn distinct(values: impl Iterator<Item = u8>) -> u32 {
    let mut seen = [0_u64; 4];
    for value in values {
        for (bits, word) in seen.iter_mut().zip(0..) {
            // black_box keeps the compiler from turning the comparison into a branch.
            *bits |= black_box(u64::from(value >> 6 == word)) << (value & 63);
        }
    }
    seen.iter().map(|bits| bits.count_ones()).sum()
}

fn example_bytes(n: u32) -> [u8; 32] {
    primitives::digest(&[b"bulla/1 example key ", n.to_string().as_bytes()])
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Key, KeyError> {
        let key = Key::from_text(text)?;
        key.refuse_unfit()?;
        Ok(key)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// The public id of a key: 4 bytes, written as 8 hexadecimal digits.
///
/// It identifies the key that made a token, and reveals nothing about the key's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(crate) [u8; 4]);

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<KeyId, KeyError> {
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 8 || !text.bytes().all(lower_hex) {
            return Err(KeyError::MalformedId);
        }
        let id = u32::from_str_radix(text, 16).map_err(|_| KeyError::MalformedId)?;
        Ok(KeyId(id.to_be_bytes()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a key was rejected. The error never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not `bulla-key-1.<43 base64url characters>.<8 hexadecimal digits>`.
    Malformed,
    /// The text is not a key id: 8 hexadecimal digits in lower case.
    MalformedId,
    /// The id at the end of the text does not match the key, because the text was mistyped or cut.
    IdMismatch,
    /// The bytes are not random: they repeat, count up, or are all printable.
    LowEntropy,
    /// The key is printed in the documentation, so it is not secret.
    Example,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyError::Malformed => {
                "not a key in the form bulla-key-1.<43 characters>.<8 hexadecimal digits>"
            }
            KeyError::MalformedId => {
                "not a key id: 8 hexadecimal digits in lower case, such as 04be77d1; \
                 `bulla ring list` shows them"
            }
            KeyError::IdMismatch => {
                "the id at the end does not match the key; was the text cut or mistyped?"
            }
            KeyError::LowEntropy => "the key is not random: make a new one with Key::generate",
            KeyError::Example => {
                "the key is an example from the documentation: make a new one with Key::generate"
            }
        })
    }
}

impl std::error::Error for KeyError {}
