//! Spec sections 3 to 7: keys, making and opening.

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
    let mut state = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    parts.iter().for_each(|part| state.update(part));
    state.finalize().into_bytes().into()
}

/// RFC 5869 without salt, for up to 32 bytes: one block of output.
fn hkdf(key: &[u8; 32], info: &[&[u8]]) -> [u8; 32] {
    let pseudorandom = hmac(&[0; 32], &[key]);
    hmac(&pseudorandom, &[info.concat().as_slice(), &[1]])
}

/// A key with its subkeys for one purpose.
#[derive(Clone, Debug)]
pub struct Key {
    /// Public.
    pub id: [u8; 4],
    /// Of the ring's text, for step 8.
    pub open_until: Option<u64>,
    sealing: [u8; 32],
    signing: [u8; 32],
}

impl Key {
    /// Derives (section 3).
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

    /// With a date of retirement.
    #[must_use]
    pub fn open_until(mut self, at: u64) -> Key {
        self.open_until = Some(at);
        self
    }
}

/// What a body says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Unix time.
    pub issued_at: u64,
    /// In seconds.
    pub lifetime: u64,
    /// From 1.
    pub schema: u32,
    /// The application's bytes.
    pub payload: Vec<u8>,
}

impl Fields {
    /// The body, padded to a multiple of `bucket`.
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

/// Steps 4 of sections 5 and 6, for a body that need not be well-formed. `nonce` is
/// for sealing.
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

/// What the reader brings (section 7).
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    /// The mode that it expects.
    pub mode: Mode,
    /// The ring, derived for its purpose.
    pub keys: &'a [Key],
    /// Unix time.
    pub now: u64,
    /// In seconds.
    pub max_lifetime: u64,
    /// In characters.
    pub max_length: usize,
    /// Those it can read.
    pub schemas: &'a [u32],
}

/// What a good token holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Which key made it.
    pub key_id: [u8; 4],
    /// What its body says.
    pub fields: Fields,
    /// The deadline, which the reader may have shortened.
    pub expires_at: u64,
}

/// Steps 1 to 7: the authentic body and its key.
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

/// Steps 1 to 4.
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

/// Step 7: the fields, and the padding.
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

/// Steps 1 to 7 and 13, whatever the time is.
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

/// Steps 8 to 10: the deadline.
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

/// Section 7 but for step 14, which is the application's.
///
/// # Errors
/// The name of the first step that fails.
pub fn open(reader: &Reader<'_>, token: &[u8]) -> Result<Opened, &'static str> {
    let (key, body) = open_body(reader.mode, reader.keys, reader.max_length, token)?;
    let (fields, padding) = parse(&body).ok_or("malformed-body")?;
    let expires_at = deadline(key, &fields, reader.max_lifetime, reader.now)?;
    if fields.schema > *reader.schemas.iter().max().expect("a reader reads something") {
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

/// Of a signed token, without a key: steps 1 to 4, 7 and 13.
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
