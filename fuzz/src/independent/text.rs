//! Base64url and varints (spec section 2), and hexadecimal. Each value has exactly one spelling.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Encodes bytes as base64url without padding.
#[must_use]
pub fn to_base64url(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().enumerate().fold(0, |bits, (i, b)| bits | u32::from(*b) << (16 - 8 * i));
        for i in 0..=group.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * i)) as usize & 63]));
        }
    }
    text
}

/// Decodes base64url. Returns `None` for a text that [`to_base64url`] does not write.
#[must_use]
pub fn from_base64url(text: &[u8]) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for c in text {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        (bits, held) = (bits << 6 | u32::from(digit), held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    // If six bits remain, the length is 1 modulo 4. Fewer remaining bits must be zeros.
    (held < 6 && bits == 0).then_some(bytes)
}

/// Encodes bytes as lower-case hexadecimal.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Encodes a number as unsigned LEB128.
#[must_use]
pub fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = vec![];
    loop {
        let group = (value % 128) as u8;
        value /= 128;
        if value == 0 {
            bytes.push(group);
            return bytes;
        }
        bytes.push(group + 128);
    }
}

/// Takes a varint from the front. Returns `None` if [`varint`] would write the number differently.
pub fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let len = rest.iter().position(|byte| *byte < 128)? + 1;
    let (bytes, tail) = rest.split_at(len);
    let mut value = 0_u128;
    for byte in bytes.iter().rev() {
        value = value.checked_mul(128)?.checked_add(u128::from(byte % 128))?;
    }
    let value = u64::try_from(value).ok()?;
    *rest = tail;
    (varint(value) == bytes).then_some(value)
}
