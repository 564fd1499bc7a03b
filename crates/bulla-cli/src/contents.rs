//! What `bulla inspect` finds in a token. `page` writes it as text, and serde as JSON.
//!
//! This file uses only the library and `json`, so that the fuzz targets can include it.

use bulla::keys::{KeyId, RingEntry, Zeroizing};
use bulla::token::{Mode, RawToken, RawTokens, Visible};
use bulla::{KeyRing, OpenError, UnixTime};
use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};
use serde_json::value::RawValue;

use crate::json::Text;

/// Where a token comes from. For a token of a session, this is part of the purpose.
#[derive(Clone, Copy)]
pub(crate) enum Carrier<'a> {
    /// The token does not belong to a session.
    Alone,
    /// The cookie of this name, or its renewal cookie.
    Cookie(&'a str),
    /// A header.
    Bearer,
}

/// What was found in a token.
#[derive(Serialize)]
pub(crate) struct Contents {
    pub(crate) mode: Kind,
    /// The key id in the token's text, which is not verified.
    pub(crate) key_id: Text<KeyId>,
    pub(crate) characters: usize,
    pub(crate) body_bytes: usize,
    /// What anyone can read in a signed token, if the token was not verified.
    pub(crate) not_verified: Option<Unverified>,
    /// What an authentic token contains.
    pub(crate) authentic: Option<Authentic>,
    /// `None` if the token was not verified.
    pub(crate) opens: Option<bool>,
    pub(crate) opens_for_seconds: Option<u64>,
    /// Why the token does not open.
    pub(crate) refused: Option<Text<OpenError>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Sealed,
    Signed,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Unverified {
    Claims(Claims),
    Malformed { body: Text<OpenError> },
}

#[derive(Serialize)]
pub(crate) struct Authentic {
    pub(crate) role: Role,
    #[serde(flatten)]
    pub(crate) claims: Claims,
    pub(crate) key_retires: Option<Text<UnixTime>>,
    /// The record in a session's state token, if it can be read.
    pub(crate) session: Option<Session>,
    /// The record in a session's renewal token, if it can be read.
    pub(crate) renewal: Option<Renewal>,
}

/// What a token is used for.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    Plain,
    /// A session's state token.
    State,
    /// A session's renewal token.
    Renewal,
    /// The value of a cookie that does not belong to a session.
    SealedCookie,
    /// A challenge for the device of a bound session.
    Challenge,
}

#[derive(Serialize)]
pub(crate) struct Claims {
    pub(crate) key_id: Text<KeyId>,
    pub(crate) issued_at: Text<UnixTime>,
    pub(crate) expires_at: Text<UnixTime>,
    pub(crate) schema_version: u32,
    pub(crate) payload: Bytes,
}

/// A session's record, which is before its state in the state token. Instants that are not set are
/// `None`.
#[derive(Serialize)]
pub(crate) struct Session {
    pub(crate) session_id: Id,
    pub(crate) started_at: Option<Text<UnixTime>>,
    pub(crate) reauthenticated_at: Option<Text<UnixTime>>,
    /// `None` if a newer release has made the token, with fields that this release cannot read.
    #[serde(flatten)]
    pub(crate) fields: Option<Fields>,
}

#[derive(Serialize)]
pub(crate) struct Fields {
    pub(crate) ceiling: Option<Text<UnixTime>>,
    pub(crate) origin: Option<Id>,
    pub(crate) others_ended: Option<Ended>,
    pub(crate) follows: Vec<Follows>,
    /// Whether the user asked to stay signed in.
    pub(crate) remembered: bool,
    /// The key of the device to which the session is bound.
    pub(crate) bound: Option<Id>,
    pub(crate) state: Bytes,
}

/// A revocation by which the session ended the other sessions of its user.
#[derive(Serialize)]
pub(crate) struct Ended {
    pub(crate) before: Option<Text<UnixTime>>,
    pub(crate) mark: Id,
}

/// A revocation that the server knew when the session started.
#[derive(Serialize)]
pub(crate) struct Follows {
    pub(crate) origin: Id,
    #[serde(flatten)]
    pub(crate) ended: Ended,
}

#[derive(Serialize)]
pub(crate) struct Renewal {
    pub(crate) session_id: Id,
    pub(crate) validated_at: Option<Text<UnixTime>>,
    /// When the device of a bound session last proved that it has the key.
    pub(crate) proved_at: Option<Text<UnixTime>>,
    /// The key of that device, if this token has it.
    pub(crate) bound: Option<Id>,
    /// Whether the token contains a copy of the state.
    pub(crate) copy: bool,
}

/// An id, which is written as lower-case hexadecimal.
pub(crate) struct Id(Vec<u8>);

/// Bytes of the application. They are written as hexadecimal. If they are JSON, they are also
/// written as JSON.
pub(crate) struct Bytes(pub(crate) Zeroizing<Vec<u8>>);

impl Contents {
    /// Describes a token. If `verifying` has a ring and a purpose, also verifies the token.
    pub(crate) fn of(
        token: &str,
        visible: Visible,
        verifying: Option<(&KeyRing, &str, Carrier<'_>)>,
        now: UnixTime,
    ) -> Contents {
        let kind = match visible.mode {
            Mode::Sealed => Kind::Sealed,
            Mode::Signed => Kind::Signed,
        };
        let mut contents = Contents {
            mode: kind,
            key_id: Text(visible.unverified_key_id),
            characters: token.len(),
            body_bytes: visible.body_len,
            not_verified: None,
            authentic: None,
            opens: None,
            opens_for_seconds: None,
            refused: None,
        };
        match verifying {
            Some((ring, purpose, carrier)) => {
                contents.verify(token, visible.mode, ring, &purposes(purpose, carrier), now);
            }
            None if kind == Kind::Signed => {
                contents.not_verified = Some(match bulla::token::read_unverified_raw(token) {
                    Ok(claims) => Unverified::Claims(Claims::of(claims)),
                    Err(error) => Unverified::Malformed { body: Text(error) },
                });
            }
            None => {}
        }
        contents
    }

    /// Authenticates the token under the first purpose that fits, and reads its content.
    fn verify(
        &mut self,
        token: &str,
        mode: Mode,
        ring: &KeyRing,
        purposes: &[(Role, Vec<u8>)],
        now: UnixTime,
    ) {
        let mut refused = None;
        for (role, purpose) in purposes {
            let token = match RawTokens::new(ring, mode, purpose).authenticate(token) {
                Ok(token) => token,
                Err(error) => {
                    refused = refused.or(Some(error));
                    continue;
                }
            };
            let entry = ring.entries().find(|entry| entry.key_id() == token.key_id);
            let retires = entry.and_then(RingEntry::open_until);
            let until = token.expires_at.min(retires.unwrap_or(UnixTime::MAX));
            let checked = token.check_at(now);
            self.opens = Some(checked.is_ok());
            self.opens_for_seconds = checked.is_ok().then(|| until.since(now).as_secs());
            self.refused = checked.err().map(Text);
            self.authentic = Some(Authentic {
                role: *role,
                session: Session::of(*role, &token.payload),
                renewal: Renewal::of(*role, token.schema, &token.payload),
                key_retires: retires.map(Text),
                claims: Claims::of(token),
            });
            return;
        }
        self.opens = Some(false);
        self.refused = Some(Text(refused.unwrap_or(OpenError::Prefix)));
    }
}

/// The purposes that the token may have (specification, section 9).
fn purposes(purpose: &str, carrier: Carrier<'_>) -> Vec<(Role, Vec<u8>)> {
    let channel = match carrier {
        Carrier::Cookie(name) => [b"cookie", name.as_bytes()].join(&0),
        Carrier::Bearer => b"bearer".to_vec(),
        Carrier::Alone => return vec![(Role::Plain, purpose.as_bytes().to_vec())],
    };
    let of = |role: &[u8]| [purpose.as_bytes(), role, &channel].join(&0);
    let mut purposes = vec![(Role::State, of(b"state")), (Role::Renewal, of(b"renewal"))];
    if let Carrier::Cookie(_) = carrier {
        purposes.push((Role::SealedCookie, [purpose.as_bytes(), &channel].join(&0)));
        purposes.push((Role::Challenge, of(b"challenge")));
    }
    purposes
}

impl Claims {
    fn of(token: RawToken) -> Claims {
        Claims {
            key_id: Text(token.key_id),
            issued_at: Text(token.issued_at),
            expires_at: Text(token.expires_at),
            schema_version: token.schema,
            payload: Bytes(token.payload),
        }
    }
}

impl Session {
    /// `None` if the token is not a state token or its record is cut off.
    fn of(role: Role, payload: &[u8]) -> Option<Session> {
        let rest = &mut &*payload;
        if role != Role::State {
            return None;
        }
        let session_id = Id::take(rest, 16)?;
        let started_at = instant(take_varint(rest)?);
        let reauthenticated_at = instant(take_varint(rest)?);
        let fields = match take_varint(rest)? {
            fields @ 0..=63 => Some(Fields::take(fields, rest)?),
            _ => None,
        };
        Some(Session { session_id, started_at, reauthenticated_at, fields })
    }
}

impl Fields {
    fn take(fields: u64, rest: &mut &[u8]) -> Option<Fields> {
        let has = |field: u64| fields & field != 0;
        let ceiling = if has(1) { instant(take_varint(rest)?) } else { None };
        let origin = if has(2) { Some(Id::take(rest, 16)?) } else { None };
        let others_ended = if has(4) { Some(Ended::take(rest)?) } else { None };
        let count = if has(8) { take_varint(rest)? } else { 0 };
        if count > MAX_FOLLOWS {
            return None;
        }
        let mut follows = Vec::new();
        for _ in 0..count {
            follows.push(Follows { origin: Id::take(rest, 16)?, ended: Ended::take(rest)? });
        }
        let remembered = has(16);
        let bound = if has(32) { Some(Id::take(rest, BOUND_LEN)?) } else { None };
        let state = Bytes(Zeroizing::new(rest.to_vec()));
        Some(Fields { ceiling, origin, others_ended, follows, remembered, bound, state })
    }
}

/// The most revocations that a record can name (specification, section 9).
const MAX_FOLLOWS: u64 = 32;

/// The length of a device's key in bytes (specification, section 9).
const BOUND_LEN: usize = 33;

impl Ended {
    fn take(rest: &mut &[u8]) -> Option<Ended> {
        Some(Ended { before: instant(take_varint(rest)?), mark: Id::take(rest, 8)? })
    }
}

impl Renewal {
    /// `None` if the token is not a renewal token or its record is cut off.
    fn of(role: Role, schema: u32, payload: &[u8]) -> Option<Renewal> {
        let rest = &mut &*payload;
        if role != Role::Renewal {
            return None;
        }
        let (session_id, seconds) = (Id::take(rest, 16)?, take_varint(rest)?);
        let (mut proved_at, mut bound) = (None, None);
        if schema == 2 {
            proved_at = instant(take_varint(rest)?);
            bound = Some(Id::take(rest, BOUND_LEN)?);
        }
        let (validated_at, copy) = (instant(seconds), !rest.is_empty());
        Some(Renewal { session_id, validated_at, proved_at, bound, copy })
    }
}

fn instant(seconds: u64) -> Option<Text<UnixTime>> {
    (seconds > 0).then(|| Text(UnixTime::from_secs(seconds)))
}

impl Id {
    fn take(rest: &mut &[u8], len: usize) -> Option<Id> {
        let (taken, tail) = rest.split_at_checked(len)?;
        *rest = tail;
        Some(Id(taken.to_vec()))
    }

    pub(crate) fn text(&self) -> String {
        hex(&self.0)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl Bytes {
    pub(crate) fn hex(&self) -> String {
        hex(&self.0)
    }

    /// The bytes as JSON. Every character that could control a terminal is escaped.
    pub(crate) fn json(&self) -> Option<String> {
        let json = serde_json::from_slice::<&RawValue>(&self.0).ok()?;
        Some(harmless(json.get()))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The JSON may come from an attacker. Some programs refuse JSON that is nested more than
        // 128 levels deep, and would then refuse our whole output. The field `json` is null in that
        // case.
        let is_shallow = serde_json::from_slice::<serde_json::Value>(&self.0).is_ok();
        let json = self.json().filter(|_| is_shallow).map(RawValue::from_string);
        let mut fields = serializer.serialize_struct("Bytes", 3)?;
        fields.serialize_field("bytes", &self.0.len())?;
        fields.serialize_field("hex", &self.hex())?;
        fields.serialize_field("json", &json.transpose().ok().flatten())?;
        fields.end()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Escapes characters that control a terminal or change the direction of text, because an
/// attacker may have written the text.
fn harmless(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        match c {
            '\t' | '\n' | '\r' => text.push(' '), // never inside JSON strings, which escape them
            c if c.is_control() || turns => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text
}

/// Reads a varint (specification, section 4) of an authenticated token.
fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let len = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let (bytes, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    let mut groups = bytes.iter().rev();
    groups.try_fold(0_u64, |value, byte| value.checked_mul(128)?.checked_add((byte & 0x7f).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_cannot_control_the_terminal() {
        assert_eq!(
            harmless("{\n\"a\": \"\u{9b}2J\u{202e}\u{7f}é\"}"),
            "{ \"a\": \"\\u009b2J\\u202e\\u007fé\"}"
        );
    }

    #[test]
    fn a_json_payload_is_part_of_the_document_unless_it_is_nested_too_deeply() {
        let deep = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
        for (payload, is_part) in [
            (b"{\"a\":1}".to_vec(), true),
            (b"{a}".to_vec(), false),
            (deep(100), true),
            (deep(200), false),
        ] {
            let text = serde_json::to_string(&Bytes(Zeroizing::new(payload))).unwrap();
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(!read["json"].is_null(), is_part, "{text}");
        }
    }
}
