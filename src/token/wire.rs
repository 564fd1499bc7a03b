//! The layout of tokens: prefix, base64url, body and padding (spec sections 2 and 4).
//!
//! This file contains no cryptography.

use std::time::Duration;

use zeroize::Zeroize as _;

use crate::keys::key::KeyId;
use crate::primitives::{MAC_LEN, NONCE_LEN, TAG_LEN};
use crate::time::UnixTime;
use crate::token::error::OpenError;
use crate::token::payload::PayloadError;
use crate::token::text;
use crate::token::wipe::{SMALL, reserve_wiped};

/// The maximum length of a token in characters, with its prefix: 8192 (spec section 4).
pub const MAX_TOKEN_LEN: usize = 8192;

/// How far in the future a token may have been issued: 60 seconds. A tolerance is needed because
/// the clocks of servers differ.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

const PREFIX_LEN: usize = 3;

const KEY_ID_LEN: usize = 4;

/// The length of a token's head: the prefix and the key id, which are readable and authenticated.
pub(crate) const HEAD_LEN: usize = PREFIX_LEN + KEY_ID_LEN;

/// The length of the shortest body: four varints of one byte.
const MIN_BODY_LEN: usize = 4;

/// Whether a token is sealed or signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Encrypted and authenticated (spec section 5). The prefix is `b1.`.
    Sealed,
    /// Authenticated and readable by anyone (spec section 6). The prefix is `s1.`.
    Signed,
}

impl Mode {
    pub(crate) fn prefix(self) -> &'static [u8; PREFIX_LEN] {
        match self {
            Mode::Sealed => b"b1.",
            Mode::Signed => b"s1.",
        }
    }

    fn min_len(self) -> usize {
        self.overhead().saturating_add(PREFIX_LEN + MIN_BODY_LEN)
    }

    /// The number of bytes of a token without its prefix and its body.
    pub(crate) fn overhead(self) -> usize {
        match self {
            Mode::Sealed => KEY_ID_LEN + NONCE_LEN + TAG_LEN,
            Mode::Signed => KEY_ID_LEN + MAC_LEN,
        }
    }

    /// The length in characters of a token whose body has `len` bytes with padding.
    pub(crate) fn text_len(self, len: usize) -> usize {
        text::encoded_len(len.saturating_add(self.overhead())).saturating_add(PREFIX_LEN)
    }

    /// The length in bytes, with padding, of the body of a token of `len` characters.
    pub(crate) fn body_len(self, len: usize) -> usize {
        (len.saturating_sub(PREFIX_LEN).saturating_mul(3) / 4).saturating_sub(self.overhead())
    }
}

/// Steps 1 to 4 of opening. Replaces the content of `buf` with the prefix and the decoded bytes.
/// The prefix is kept because it is authenticated too.
pub(crate) fn decode(
    mode: Mode,
    token: &[u8],
    limit: usize,
    buf: &mut Vec<u8>,
) -> Result<(), OpenError> {
    if token.len() > limit {
        return Err(OpenError::TooLong { len: token.len(), limit });
    }
    let encoded = token.strip_prefix(mode.prefix()).ok_or(OpenError::Prefix)?;
    buf.clear();
    buf.extend_from_slice(mode.prefix());
    text::decode(encoded, buf).ok_or(OpenError::Encoding)?;
    if buf.len() < mode.min_len() {
        return Err(OpenError::TooShort);
    }
    Ok(())
}

/// The key id of a token that [`decode`] has decoded.
pub(crate) fn key_id(raw: &[u8]) -> KeyId {
    let id = raw.get(PREFIX_LEN..).and_then(<[u8]>::first_chunk);
    id.map_or(KeyId([0; KEY_ID_LEN]), |id| KeyId(*id))
}

/// Replaces the content of `buf` with the head of a token.
pub(crate) fn begin(mode: Mode, id: KeyId, buf: &mut Vec<u8>) {
    buf.clear();
    reserve_wiped(buf, SMALL);
    buf.extend_from_slice(mode.prefix());
    buf.extend_from_slice(&id.0);
}

/// The text of `raw`, which begins with the prefix. `reused` is a text whose memory is reused.
#[expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "for sealing: no client chooses this text"
)]
pub(crate) fn encode(raw: &[u8], reused: String) -> String {
    let (prefix, raw) = raw.split_at(PREFIX_LEN);
    let len = text::encoded_len(raw.len()).saturating_add(PREFIX_LEN);
    let mut text = reused.into_bytes();
    text.reserve_exact(len.saturating_sub(text.len()));
    // Without `clear`, so that the memory of a text of this length is not filled with zeros.
    text.resize(len, 0);
    text[..PREFIX_LEN].copy_from_slice(prefix);
    text::encode(raw, &mut text[PREFIX_LEN..]);
    String::from_utf8(text).expect("a token is ASCII")
}

/// The fields of a body before its payload.
#[derive(Clone, Copy)]
pub(crate) struct Claims {
    pub(crate) issued_at: UnixTime,
    /// The lifetime in seconds.
    pub(crate) lifetime: u64,
    pub(crate) schema: u32,
}

impl Claims {
    /// Makes the claims. A lifetime that would end after [`UnixTime::MAX`] is shortened.
    pub(crate) fn new(issued_at: UnixTime, lifetime: Duration, schema: u32) -> Claims {
        let lifetime = (issued_at + lifetime).since(issued_at).as_secs();
        Claims { issued_at, lifetime, schema }
    }
}

/// The bytes reserved for a payload's length.
const ROOM: usize = 2;

/// Appends a body. `encode` appends only the payload; this function writes the length before it.
#[expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "for sealing: no client chooses these lengths"
)]
pub(crate) fn write_body(
    buf: &mut Vec<u8>,
    claims: Claims,
    bucket: u8,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), PayloadError>,
) -> Result<(), PayloadError> {
    let start = buf.len();
    write_varint(buf, claims.issued_at.as_secs());
    write_varint(buf, claims.lifetime);
    write_varint(buf, claims.schema.into());

    // The length is known only after encoding. Two bytes are reserved for it, which is the right
    // number for payloads of 128 bytes to 16 KiB. A shorter payload is moved by one byte, which is
    // cheap.
    let at = buf.len();
    buf.extend([0; ROOM]);
    encode(buf)?;
    let payload_len = buf.len() - at - ROOM;
    let (length, len) = varint(payload_len as u64);
    if len != ROOM {
        reserve_wiped(buf, len);
        buf.resize(at + payload_len + len.max(ROOM), 0);
        buf.copy_within(at + ROOM..at + ROOM + payload_len, at + len);
        // The bytes that are cut off may be plaintext, and on drop a buffer wipes only the bytes up
        // to its length.
        buf[at + len + payload_len..].zeroize();
        buf.truncate(at + len + payload_len);
    }
    buf[at..at + len].copy_from_slice(&length[..len]);

    let padded = (buf.len() - start).next_multiple_of(usize::from(bucket.max(1)));
    reserve_wiped(buf, padded);
    buf.resize(start + padded, 0);
    Ok(())
}

/// A token that has passed steps 1 to 10 of opening.
pub(crate) struct Authentic<'b> {
    pub(crate) key_id: KeyId,
    pub(crate) body: Body<'b>,
    pub(crate) expires_at: UnixTime,
}

/// A parsed body.
pub(crate) struct Body<'a> {
    pub(crate) claims: Claims,
    pub(crate) payload: &'a [u8],
    /// The body without its padding.
    pub(crate) unpadded: &'a [u8],
    padding: &'a [u8],
}

impl<'a> Body<'a> {
    /// Step 7 of opening.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Body<'a>, OpenError> {
        Body::take(body).ok_or(OpenError::MalformedBody)
    }

    fn take(body: &'a [u8]) -> Option<Body<'a>> {
        let mut rest = body;
        let issued_at = take_varint(&mut rest)?;
        let lifetime = take_varint(&mut rest)?;
        let schema = u32::try_from(take_varint(&mut rest)?).ok().filter(|schema| *schema > 0)?;
        let length = usize::try_from(take_varint(&mut rest)?).ok()?;
        if issued_at.checked_add(lifetime)? > UnixTime::MAX.as_secs() {
            return None;
        }
        let (payload, padding) = rest.split_at_checked(length)?;
        let unpadded = body.get(..body.len().checked_sub(padding.len())?)?;
        let claims = Claims { issued_at: UnixTime::from_secs(issued_at), lifetime, schema };
        Some(Body { claims, payload, unpadded, padding })
    }

    /// Steps 9 and 10 of opening. Returns the deadline: the time of issue plus the smaller of
    /// `longest` and the token's lifetime.
    pub(crate) fn deadline(&self, now: UnixTime, longest: Duration) -> Result<UnixTime, OpenError> {
        let issued_at = self.claims.issued_at;
        if issued_at > now + CLOCK_SKEW {
            return Err(OpenError::NotYetValid { issued_at });
        }
        let expires_at = issued_at + longest.min(Duration::from_secs(self.claims.lifetime));
        if now >= expires_at {
            return Err(OpenError::Expired { expires_at });
        }
        Ok(expires_at)
    }

    /// Step 13 of opening.
    pub(crate) fn check_padding(&self) -> Result<(), OpenError> {
        if self.padding.iter().any(|byte| *byte != 0) {
            return Err(OpenError::Padding);
        }
        Ok(())
    }
}

#[expect(clippy::as_conversions, reason = "takes the low bits")]
pub(crate) fn write_varint(buf: &mut Vec<u8>, mut value: u64) {
    // Byte by byte: most numbers have one byte or five, and a copy of unknown length costs more.
    while value >= 0x80 {
        buf.push(value as u8 | 0x80);
        value >>= 7;
    }
    buf.push(value as u8);
}

/// The bytes of a varint, and how many of the ten are used.
#[expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "for sealing: no client chooses these lengths"
)]
fn varint(mut value: u64) -> ([u8; 10], usize) {
    let (mut bytes, mut len) = ([0; 10], 0);
    while value >= 0x80 {
        bytes[len] = value as u8 | 0x80;
        value >>= 7;
        len += 1;
    }
    bytes[len] = value as u8;
    (bytes, len + 1)
}

/// Removes a varint from the front of `rest` and returns its value. `None` if the varint is
/// incomplete, has more bytes than it needs, or has a value of more than 64 bits.
pub(crate) fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            let overlong = byte == 0 && shift != 0;
            return (!overlong).then_some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_one_varint() {
        for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            write_varint(&mut bytes, value);
            assert_eq!(take_varint(&mut &bytes[..]), Some(value));
            *bytes.last_mut().unwrap() |= 0x80;
            bytes.push(0);
            assert_eq!(take_varint(&mut &bytes[..]), None, "{value} with a superfluous byte");
            bytes.truncate(bytes.len() - 1);
            assert_eq!(take_varint(&mut &bytes[..]), None, "{value} cut");
        }
        let above_64_bits = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(take_varint(&mut &above_64_bits[..]), None);
    }
}
