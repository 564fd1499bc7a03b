//! The text that `bulla inspect` prints for a token.
//!
//! This file uses only the library and `values`, so that the fuzz targets can include it.

use bulla::keys::Zeroizing;
use bulla::token::{Mode, RawToken, RawTokens, Visible};
use bulla::{KeyRing, OpenError, UnixTime};

use crate::values::shown;

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

pub(crate) struct Shown {
    pub(crate) text: Zeroizing<String>,
    /// `None` if the token was not verified.
    pub(crate) opens: Option<bool>,
}

/// Describes a token. If `verifying` has a ring and a purpose, also verifies the token.
pub(crate) fn of_token(
    token: &str,
    visible: Visible,
    verifying: Option<(&KeyRing, &str, Carrier<'_>)>,
    now: UnixTime,
) -> Shown {
    let mut page = Page::default();
    page.line("mode", mode(visible.mode));
    page.line("key id", &format!("{} (not verified)", visible.unverified_key_id));
    let (len, body) = (token.len(), visible.body_len);
    page.line("size", &format!("{len} characters, with a body of {body} bytes"));
    if let Some((ring, purpose, carrier)) = verifying {
        let opens = page.verified(token, visible.mode, ring, &purposes(purpose, carrier), now);
        return Shown { text: page.text, opens: Some(opens) };
    }
    if visible.mode == Mode::Signed {
        page.title("NOT VERIFIED: anyone could have written this");
        match bulla::token::read_unverified_raw(token) {
            Ok(claims) => page.claims(&claims, now),
            Err(error) => page.line("body", &error.to_string()),
        }
    }
    Shown { text: page.text, opens: None }
}

/// The role of a token in a session.
#[derive(Clone, Copy)]
enum Role {
    Plain,
    State,
    Renewal,
}

/// The purposes that the token may have (specification, section 9).
fn purposes(purpose: &str, carrier: Carrier<'_>) -> Vec<(Role, Vec<u8>)> {
    let channel = match carrier {
        Carrier::Cookie(name) => [b"cookie", name.as_bytes()].join(&0),
        Carrier::Bearer => b"bearer".to_vec(),
        Carrier::Alone => return vec![(Role::Plain, purpose.as_bytes().to_vec())],
    };
    let of = |role: &[u8]| [purpose.as_bytes(), role, &channel].join(&0);
    vec![(Role::State, of(b"state")), (Role::Renewal, of(b"renewal"))]
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Sealed => "sealed: readable only with its key",
        Mode::Signed => "signed: readable by anyone",
    }
}

/// The output, with a name and a value on each line.
#[derive(Default)]
struct Page {
    text: Zeroizing<String>,
}

impl Page {
    fn title(&mut self, title: &str) {
        self.text.push_str(&format!("\n{title}\n"));
    }

    fn line(&mut self, name: &str, value: &str) {
        self.text.push_str(&format!("{name:<19}  {value}\n"));
    }

    /// Authenticates the token under the first purpose that fits, and describes it. Returns
    /// whether the token opens.
    fn verified(
        &mut self,
        token: &str,
        mode: Mode,
        ring: &KeyRing,
        purposes: &[(Role, Vec<u8>)],
        now: UnixTime,
    ) -> bool {
        let mut refused = None;
        for (role, purpose) in purposes {
            let token = match RawTokens::new(ring, mode, purpose).authenticate(token) {
                Ok(token) => token,
                Err(error) => {
                    refused = refused.or(Some(error));
                    continue;
                }
            };
            self.title(match role {
                Role::Plain => "authentic",
                Role::State => "authentic: a session's state token",
                Role::Renewal => "authentic: a session's renewal token",
            });
            self.claims(&token, now);
            let entry = ring.entries().find(|entry| entry.key_id() == token.key_id);
            let retires = entry.and_then(bulla::keys::RingEntry::open_until);
            self.line("key retires", &retires.map_or("no date".to_owned(), |at| at.to_string()));
            match role {
                Role::Plain => {}
                Role::State => self.state(&token),
                Role::Renewal => self.renewal(&token),
            }
            return self.opens(token.check_at(now), retires.unwrap_or(UnixTime::MAX), &token, now);
        }
        self.line("opens", &format!("no: {}", refused.unwrap_or(OpenError::Prefix)));
        false
    }

    fn claims(&mut self, token: &RawToken, now: UnixTime) {
        self.line("key id", &token.key_id.to_string());
        self.line("issued at", &relative(token.issued_at, now));
        self.line("expires at", &relative(token.expires_at, now));
        self.line("schema version", &token.schema.to_string());
        self.bytes("payload", &token.payload);
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.line(name, format!("{} bytes {hex}", bytes.len()).trim_end());
        if let Ok(json) = serde_json::from_slice::<&serde_json::value::RawValue>(bytes) {
            self.line("  as JSON", &harmless(json.get()));
        }
    }

    /// The record of a session (id, times, optional fields) comes before its state.
    fn state(&mut self, token: &RawToken) {
        let mut rest = &token.payload[..];
        if self.record(&mut rest).is_some() {
            self.bytes("state", rest);
        }
    }

    /// Returns `None` if the record is cut off or has an unknown field.
    fn record(&mut self, rest: &mut &[u8]) -> Option<()> {
        let id = take(rest, 16)?;
        self.id("session id", id);
        for name in ["started at", "reauthenticated at"] {
            self.instant(name, take_varint(rest)?);
        }
        let fields = take_varint(rest)?;
        if fields > 31 {
            self.line("fields", "unknown to this release");
            return None;
        }
        if fields & 16 != 0 {
            self.line("remembered", "yes");
        }
        let ceiling = if fields & 1 == 0 { 0 } else { take_varint(rest)? };
        self.instant("ceiling", ceiling);
        if fields & 2 != 0 {
            self.id("origin", take(rest, 16)?);
        }
        if fields & 4 != 0 {
            self.instant("others ended before", take_varint(rest)?);
            self.id("  with the mark", take(rest, 8)?);
        }
        let follows = if fields & 8 == 0 { 0 } else { take_varint(rest)? };
        for _ in 0..follows {
            self.id("follows", take(rest, 16)?);
            self.instant("  of", take_varint(rest)?);
            self.id("  with the mark", take(rest, 8)?);
        }
        Some(())
    }

    fn renewal(&mut self, token: &RawToken) {
        let Some((id, mut copy)) = token.payload.split_at_checked(16) else { return };
        self.id("session id", id);
        let Some(seconds) = take_varint(&mut copy) else { return };
        self.instant("validated at", seconds);
        let copy = if copy.is_empty() { "none" } else { "the state, sealed again under this key" };
        self.line("copy", copy);
    }

    fn id(&mut self, name: &str, id: &[u8]) {
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        self.line(name, &id);
    }

    fn instant(&mut self, name: &str, seconds: u64) {
        match seconds {
            0 => self.line(name, "none"),
            _ => self.line(name, &UnixTime::from_secs(seconds).to_string()),
        }
    }

    fn opens(
        &mut self,
        opens: Result<(), OpenError>,
        retires: UnixTime,
        token: &RawToken,
        now: UnixTime,
    ) -> bool {
        let until = token.expires_at.min(retires);
        let said = match &opens {
            Ok(()) => format!("yes, for {}", shown(until.since(now))),
            Err(error) => format!("no: {error}"),
        };
        self.line("opens", &said);
        opens.is_ok()
    }
}

fn relative(at: UnixTime, now: UnixTime) -> String {
    if at > now {
        format!("{at} (in {})", shown(at.since(now)))
    } else {
        format!("{at} ({} ago)", shown(now.since(at)))
    }
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

fn take<'b>(rest: &mut &'b [u8], len: usize) -> Option<&'b [u8]> {
    let (taken, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    Some(taken)
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
}
