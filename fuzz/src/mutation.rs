//! Changes to the text of a token.

use arbitrary::{Arbitrary, Unstructured};

use crate::fixed::key_bytes;
use crate::independent::{Key, from_base64url, to_base64url};

/// One change. After most changes, the text is still base64url.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Mutation {
    kind: u8,
    at: u16,
    value: u8,
}

/// Reads up to three changes from the front of the input. The first byte is their number.
///
/// # Errors
/// Never fails, because `Unstructured` gives zeros after the end of the input.
pub fn mutations(input: &mut Unstructured<'_>) -> arbitrary::Result<Vec<Mutation>> {
    let count = input.arbitrary::<u8>()? % 4;
    (0..count).map(|_| input.arbitrary()).collect()
}

impl Mutation {
    /// Applies the change. Some changes take parts of `other`, which is a valid token.
    #[must_use]
    pub fn apply(self, mut text: Vec<u8>, other: &[u8]) -> Vec<u8> {
        let len = text.len().max(1);
        let at = usize::from(self.at) % len;
        match self.kind % 16 {
            _ if text.is_empty() => text.push(self.value),
            0 => text[at] ^= 1 << (self.value % 8),
            1 => text[at] = self.value,
            2 => text[at] = letter(self.value),
            3 => text.insert(at, self.value),
            4 => text.insert(at, letter(self.value)),
            5 => drop(text.remove(at)),
            6 => text.truncate(at),
            7 => text.push(letter(self.value)),
            8 => text.swap(at, usize::from(self.value) % len),
            9 => text.splice(at.., other.iter().copied().skip(at)).for_each(drop),
            10 => text.extend_from_slice(other),
            11 => text[0] ^= b'b' ^ b's',
            12 => {
                return raw(&text, |raw| {
                    let at = at % raw.len();
                    raw[at] ^= 1 << (self.value % 8);
                });
            }
            13 => return raw(&text, |raw| raw.insert(at % raw.len(), self.value)),
            14 => return raw(&text, |raw| raw.truncate(at % raw.len())),
            _ => {
                let id = Key::new(&key_bytes(u32::from(self.value % 6)), b"").id;
                return raw(&text, |raw| raw.iter_mut().zip(id).for_each(|(old, new)| *old = new));
            }
        }
        text
    }
}

fn letter(value: u8) -> u8 {
    to_base64url(&[value]).as_bytes()[0]
}

/// Decodes the text, changes the bytes and encodes them again. If the text does not decode, or if
/// it is empty, it stays the same.
fn raw(text: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let bytes = text.get(3..).and_then(from_base64url).filter(|bytes| !bytes.is_empty());
    let Some(mut bytes) = bytes else { return text.to_vec() };
    change(&mut bytes);
    [&text[..3], to_base64url(&bytes).as_bytes()].concat()
}

/// The rest of the input.
///
/// # Errors
/// Never fails.
pub fn rest<'a>(input: &mut Unstructured<'a>) -> arbitrary::Result<&'a [u8]> {
    input.bytes(input.len())
}
