//! Reads the text of a ring (spec sections 3.1, 3.2 and 8).

use sha2::{Digest as _, Sha256};

use super::text::from_base64url;
use super::token::Key;

/// A key of a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key id, which is not secret.
    pub id: [u8; 4],
    /// The time from which the key seals. `None` means 1970.
    pub primary_from: Option<u64>,
    /// The time until which the key opens. `None` means forever.
    pub open_until: Option<u64>,
}

/// A key ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingText {
    /// The keys, in the order of the text.
    pub entries: Vec<Entry>,
    /// The serial number in a comment.
    pub serial: Option<u64>,
}

impl RingText {
    /// The id of the key that seals at `now`.
    #[must_use]
    pub fn primary_at(&self, now: u64) -> Option<[u8; 4]> {
        let mut best: Option<&Entry> = None;
        for entry in &self.entries {
            let usable = entry.primary_from.unwrap_or(0) <= now
                && entry.open_until.is_none_or(|until| until > now);
            let later = best.is_none_or(|best| {
                entry.primary_from.unwrap_or(0) > best.primary_from.unwrap_or(0)
            });
            if usable && later {
                best = Some(entry);
            }
        }
        best.map(|entry| entry.id)
    }
}

/// Reads the text of a ring.
///
/// # Errors
/// The number of the rejected line, or 0 if the whole text is rejected.
pub fn read_ring(bytes: &[u8]) -> Result<RingText, usize> {
    if bytes.len() > 65_536 {
        return Err(0);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(lines(&bytes[..error.valid_up_to()]).len()),
    };
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(1);
    }
    let (mut entries, mut serial): (Vec<Entry>, _) = (vec![], None);
    for (line, number) in lines(text.as_bytes()).into_iter().zip(1..) {
        serial = serial.or_else(|| serial_of(line));
        let code = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let mut words = code.split(|byte| b" \t".contains(byte)).filter(|word| !word.is_empty());
        let Some(key) = words.next() else { continue };
        let entry = read_entry(key, words).ok_or(number)?;
        let from = entry.primary_from.unwrap_or(0);
        let never = entry.open_until.is_some_and(|until| until <= from);
        if entries.len() == 64 || never || entries.iter().any(|other| other.id == entry.id) {
            return Err(number);
        }
        entries.push(entry);
    }
    if entries.is_empty() { Err(0) } else { Ok(RingText { entries, serial }) }
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    let mut lines = vec![];
    let mut start = 0;
    for (at, byte) in text.iter().enumerate() {
        if *byte == b'\n' || *byte == b';' {
            let end =
                if *byte == b'\n' && at > start && text[at - 1] == b'\r' { at - 1 } else { at };
            lines.push(&text[start..end]);
            start = at + 1;
        }
    }
    lines.push(&text[start..]);
    lines
}

fn serial_of(line: &[u8]) -> Option<u64> {
    let number = std::str::from_utf8(line).ok()?.trim_ascii().strip_prefix("# serial: ")?;
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| number.parse().ok())?
}

fn read_entry<'a>(key: &[u8], attributes: impl Iterator<Item = &'a [u8]>) -> Option<Entry> {
    let rest = key.strip_prefix(b"bulla-key-1.")?;
    if rest.len() != 52 || rest[43] != b'.' {
        return None;
    }
    let bytes: [u8; 32] = from_base64url(&rest[..43])?.try_into().ok()?;
    let id = Key::new(&bytes, b"").id;
    let written: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    if written.as_bytes() != &rest[44..] || is_unfit(&bytes) {
        return None;
    }
    let mut entry = Entry { id, primary_from: None, open_until: None };
    for attribute in attributes {
        let (slot, value) = match attribute.strip_prefix(b"primary-from=") {
            Some(value) => (&mut entry.primary_from, value),
            None => (&mut entry.open_until, attribute.strip_prefix(b"open-until=")?),
        };
        if slot.replace(instant(value)?).is_some() {
            return None;
        }
    }
    Some(entry)
}

fn is_unfit(bytes: &[u8; 32]) -> bool {
    let distinct = |mut values: Vec<u8>| {
        values.sort_unstable();
        values.dedup();
        values.len()
    };
    let steps = bytes.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    distinct(bytes.to_vec()) < 16
        || distinct(steps) < 8
        || bytes.iter().all(|byte| matches!(byte, 0x20..=0x7e))
        || (1..=16).any(|n| Sha256::digest(format!("bulla/1 example key {n}"))[..] == bytes[..])
}

/// Reads a time such as `2026-12-01T00:00:00Z`, from the years 1970 to 9999.
pub(super) fn instant(text: &[u8]) -> Option<u64> {
    let shape = b"dddd-dd-ddTdd:dd:ddZ";
    let fits = |(c, shape): (&u8, &u8)| match shape {
        b'd' => c.is_ascii_digit(),
        _ => c == shape,
    };
    if text.len() != shape.len() || !text.iter().zip(shape).all(fits) {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to].iter().fold(0, |number, c| number * 10 + u64::from(c - b'0'))
    };
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let months = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let in_range = year >= 1970
        && (1..=12).contains(&month)
        && (1..=months[(month as usize).clamp(1, 12) - 1]).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range {
        return None;
    }
    let before: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let days = before + months[..month as usize - 1].iter().sum::<u64>() + day - 1;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}
