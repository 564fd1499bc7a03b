//! Derives keys, and makes and opens tokens (spec sections 3 to 7).

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::text::{from_base64url, take_varint, to_base64url, varint};

const LAST_SECOND: u64 = 253_402_300_799;

/// Sealed or signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `b1.`
    Sealed,
    /// `s1.`
    Signed,
}

impl Mode {
    fn prefix(self) -> &'static str {
        match self {
            Mode::Sealed => "b1.",
            Mode::Signed => "s1.",
        }
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut state = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    parts.iter().for_each(|part| state.update(part));
    state.finalize().into_bytes().into()
}

/// HKDF (RFC 5869) without salt. The output is one block, 32 bytes.
fn hkdf(key: &[u8; 32], info: &[&[u8]]) -> [u8; 32] {
    let pseudorandom = hmac(&[0; 32], &[key]);
    hmac(&pseudorandom, &[info.concat().as_slice(), &[1]])
}

/// A key with its subkeys for one purpose.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key id, which is not secret.
    pub id: [u8; 4],
    /// The time until which the key opens, for step 8.
    pub open_until: Option<u64>,
    sealing: [u8; 32],
    signing: [u8; 32],
}

impl Key {
    /// Derives the key id and the subkeys (section 3).
    #[must_use]
    pub fn new(bytes: &[u8; 32], purpose: &[u8]) -> Key {
        let id = hkdf(bytes, &[b"bulla/1/key-id"]);
        Key {
            id: [id[0], id[1], id[2], id[3]],
            open_until: None,
            sealing: hkdf(bytes, &[b"bulla/1/seal\0", purpose]),
            signing: hkdf(bytes, &[b"bulla/1/sign\0", purpose]),
        }
    }

    /// Sets the time until which the key opens.
    #[must_use]
    pub fn open_until(mut self, at: u64) -> Key {
        self.open_until = Some(at);
        self
    }
}

/// The fields of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The time of issue, in Unix time.
    pub issued_at: u64,
    /// The lifetime in seconds.
    pub lifetime: u64,
    /// The schema version, 1 or greater.
    pub schema: u32,
    /// The payload of the application.
    pub payload: Vec<u8>,
}

impl Fields {
    /// Writes the body, padded to a multiple of `bucket` bytes.
    #[must_use]
    pub fn body(&self, bucket: usize) -> Vec<u8> {
        let mut body = varint(self.issued_at);
        body.extend(varint(self.lifetime));
        body.extend(varint(self.schema.into()));
        body.extend(varint(self.payload.len() as u64));
        body.extend(&self.payload);
        while !body.len().is_multiple_of(bucket) {
            body.push(0);
        }
        body
    }
}

/// Seals a body (steps 4 and 5 of section 5) or signs it (steps 3 and 4 of section 6). The body may
/// be malformed. `nonce` is used only for sealing.
#[must_use]
pub fn make(mode: Mode, key: &Key, nonce: &[u8; 24], body: &[u8]) -> String {
    let raw = match mode {
        Mode::Sealed => {
            let ad = [b"b1.", &key.id[..]].concat();
            let sealed = XChaCha20Poly1305::new(&key.sealing.into())
                .encrypt(&(*nonce).into(), Payload { msg: body, aad: &ad })
                .expect("a body is short");
            [&key.id[..], nonce, &sealed].concat()
        }
        Mode::Signed => {
            let mac = hmac(&key.signing, &[b"s1.", &key.id, body]);
            [&key.id[..], body, &mac].concat()
        }
    };
    format!("{}{}", mode.prefix(), to_base64url(&raw))
}

/// The parameters of opening (section 7).
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    /// The expected mode.
    pub mode: Mode,
    /// The keys of the ring, derived for the purpose.
    pub keys: &'a [Key],
    /// The current time, in Unix time.
    pub now: u64,
    /// The maximum lifetime in seconds.
    pub max_lifetime: u64,
    /// The maximum length of a token, in characters.
    pub max_length: usize,
    /// The schema versions that can be decoded.
    pub schemas: &'a [u32],
}

/// The content of a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The id of the key that made the token.
    pub key_id: [u8; 4],
    /// The fields of the body.
    pub fields: Fields,
    /// When the token expires. The maximum lifetime of the reader may have shortened it.
    pub expires_at: u64,
}

/// Steps 1 to 6: returns the authentic body and its key.
///
/// # Errors
/// The name of the first step that fails.
pub fn open_body<'a>(
    mode: Mode,
    keys: &'a [Key],
    max_length: usize,
    token: &[u8],
) -> Result<(&'a Key, Vec<u8>), &'static str> {
    let (id, rest) = layout(mode, max_length, token)?;
    let key = keys.iter().find(|key| key.id == id).ok_or("unknown-key")?;
    let body = match mode {
        Mode::Sealed => {
            let (nonce, sealed) = rest.split_at(24);
            let nonce: [u8; 24] = nonce.try_into().expect("24 bytes");
            let ad = [b"b1.", &id[..]].concat();
            XChaCha20Poly1305::new(&key.sealing.into())
                .decrypt(&nonce.into(), Payload { msg: sealed, aad: &ad })
                .map_err(|_| "bad-tag")?
        }
        Mode::Signed => {
            let (body, mac) = rest.split_at(rest.len() - 32);
            if hmac(&key.signing, &[b"s1.", &id, body]) != mac {
                return Err("bad-tag");
            }
            body.to_vec()
        }
    };
    Ok((key, body))
}

/// Steps 1 to 4: returns the key id and the bytes after it.
fn layout(mode: Mode, max: usize, token: &[u8]) -> Result<([u8; 4], Vec<u8>), &'static str> {
    if token.len() > max.min(8192) {
        return Err("too-long");
    }
    let encoded = token.strip_prefix(mode.prefix().as_bytes()).ok_or("prefix")?;
    let mut raw = from_base64url(encoded).ok_or("encoding")?;
    let least = match mode {
        Mode::Sealed => 48,
        Mode::Signed => 40,
    };
    if raw.len() < least {
        return Err("too-short");
    }
    let rest = raw.split_off(4);
    Ok(([raw[0], raw[1], raw[2], raw[3]], rest))
}

/// Step 7: returns the fields and the padding.
fn parse(body: &[u8]) -> Option<(Fields, &[u8])> {
    let mut rest = body;
    let (issued_at, lifetime) = (take_varint(&mut rest)?, take_varint(&mut rest)?);
    let (schema, length) = (take_varint(&mut rest)?, take_varint(&mut rest)?);
    let in_time = u128::from(issued_at) + u128::from(lifetime) <= u128::from(LAST_SECOND);
    if length > rest.len() as u64 || !(1..1 << 32).contains(&schema) || !in_time {
        return None;
    }
    let (payload, padding) = rest.split_at(length as usize);
    let fields = Fields { issued_at, lifetime, schema: schema as u32, payload: payload.to_vec() };
    Some((fields, padding))
}

/// Steps 1 to 7 and 13, which do not depend on the time.
///
/// # Errors
/// The name of the first step that fails.
pub fn authenticate<'a>(
    mode: Mode,
    keys: &'a [Key],
    token: &[u8],
) -> Result<(&'a Key, Fields), &'static str> {
    let (key, body) = open_body(mode, keys, 8192, token)?;
    let (fields, padding) = parse(&body).ok_or("malformed-body")?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err("padding");
    }
    Ok((key, fields))
}

/// Steps 8 to 10: returns when the token expires.
///
/// # Errors
/// The name of the first step that fails.
pub fn deadline(
    key: &Key,
    fields: &Fields,
    max_lifetime: u64,
    now: u64,
) -> Result<u64, &'static str> {
    if key.open_until.is_some_and(|until| until <= now) {
        return Err("retired-key");
    }
    if fields.issued_at > now + 60 {
        return Err("not-yet-valid");
    }
    let expires_at = fields.issued_at + fields.lifetime.min(max_lifetime);
    if now >= expires_at { Err("expired") } else { Ok(expires_at) }
}

/// Opens a token: section 7 without step 14, which decodes the payload.
///
/// # Errors
/// The name of the first step that fails.
pub fn open(reader: &Reader<'_>, token: &[u8]) -> Result<Opened, &'static str> {
    let (key, body) = open_body(reader.mode, reader.keys, reader.max_length, token)?;
    let (fields, padding) = parse(&body).ok_or("malformed-body")?;
    let expires_at = deadline(key, &fields, reader.max_lifetime, reader.now)?;
    if fields.schema > *reader.schemas.iter().max().expect("there is at least one schema version") {
        return Err("newer-schema");
    }
    if !reader.schemas.contains(&fields.schema) {
        return Err("retired-schema");
    }
    if padding.iter().any(|byte| *byte != 0) {
        return Err("padding");
    }
    Ok(Opened { key_id: key.id, fields, expires_at })
}

/// Reads a signed token without a key: steps 1 to 4, 7 and 13.
///
/// # Errors
/// The name of the first step that fails.
pub fn unverified(token: &[u8]) -> Result<([u8; 4], Fields), &'static str> {
    let (id, rest) = layout(Mode::Signed, 8192, token)?;
    let (fields, padding) = parse(&rest[..rest.len() - 32]).ok_or("malformed-body")?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err("padding");
    }
    Ok((id, fields))
}
