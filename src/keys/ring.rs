//! Which keys there are, and which of them is primary when (spec section 8).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::keys::key::{Key, KeyError, KeyId};
use crate::primitives::RandomError;
use crate::time::UnixTime;

/// The most keys that a ring holds.
pub const MAX_KEYS: usize = 64;

/// The longest ring text in bytes: 64 KiB.
pub const MAX_RING_LEN: usize = 65_536;

/// At least one key, each with its place in the schedule.
///
/// The text form is one key a line, with `#` comments; `;` serves for a line
/// end, so that a ring fits an environment variable:
///
/// ```text
/// # sealed with until December, opens until the new year
/// bulla-key-1.….9f3a12c4  open-until=2027-01-01T00:00:00Z
/// bulla-key-1.….04be77d1  primary-from=2026-12-01T00:00:00Z
/// ```
///
/// Every server that has this text changes keys at the same instant by its
/// own clock, and none needs to ask another.
///
/// ```
/// use bulla::{KeyRing, UnixTime};
///
/// let old = KeyRing::generate()?;
/// let new = KeyRing::generate()?;
/// let text = format!(
///     "{}  # until December\n{} primary-from=2026-12-01T00:00:00Z",
///     old.expose_text().trim(),
///     new.expose_text().trim(),
/// );
/// let ring: KeyRing = text.parse()?;
///
/// let november: UnixTime = "2026-11-30T23:59:59Z".parse()?;
/// let december: UnixTime = "2026-12-01T00:00:00Z".parse()?;
/// assert_eq!(ring.primary_at(november), old.primary_at(november));
/// assert_eq!(ring.primary_at(december), new.primary_at(december));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct KeyRing {
    // Shared with handles, so that no key is copied.
    entries: Arc<Vec<RingEntry>>,
    serial: Option<u64>,
}

impl KeyRing {
    /// A ring of one new key, primary at all times.
    ///
    /// # Errors
    /// [`RandomError`] when the operating system's random generator fails.
    pub fn generate() -> Result<KeyRing, RandomError> {
        Ok(KeyRing { entries: Arc::new(vec![RingEntry::new(Key::generate()?)]), serial: None })
    }

    /// A ring of the given entries, in their order.
    ///
    /// # Errors
    /// As for parsing, without a line: [`RingError::line`] gives the entry's
    /// number, counted from 1.
    pub fn new(entries: impl IntoIterator<Item = RingEntry>) -> Result<KeyRing, RingError> {
        let mut ring = Vec::new();
        for (entry, line) in entries.into_iter().zip(1..) {
            push(&mut ring, entry, line)?;
        }
        KeyRing::of(ring, None)
    }

    /// The key that seals at a time, if any: of the keys that are primary by
    /// then and still open, the one that became primary last, and of several
    /// the one listed first.
    #[must_use]
    pub fn primary_at(&self, now: UnixTime) -> Option<KeyId> {
        primary_at(&self.entries, RingEntry::schedule, now).map(RingEntry::key_id)
    }

    /// The entries in their order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &RingEntry> {
        self.entries.iter()
    }

    /// The serial number that the text has in a comment, `# serial: 7` alone on
    /// a line: it counts how often the ring was changed. Servers that follow a
    /// ring refuse one with a lower number than they have.
    #[must_use]
    pub fn serial(&self) -> Option<u64> {
        self.serial
    }

    /// The secret text form, one key a line. Anyone who has it can make tokens.
    #[must_use]
    pub fn expose_text(&self) -> Zeroizing<String> {
        // A line is at most 64 + 34 + 32 + 1 characters; growing would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(
            self.entries.len().saturating_mul(131).saturating_add(31),
        ));
        if let Some(serial) = self.serial {
            text.push_str(&format!("# serial: {serial}\n"));
        }
        for entry in self.entries() {
            text.push_str(&entry.key.expose_text());
            if entry.schedule.primary_from > UnixTime::EPOCH {
                text.push_str(&format!(" primary-from={}", entry.schedule.primary_from));
            }
            if let Some(open_until) = entry.schedule.open_until {
                text.push_str(&format!(" open-until={open_until}"));
            }
            text.push('\n');
        }
        text
    }

    /// The same ring once more.
    pub(crate) fn share(&self) -> KeyRing {
        KeyRing { entries: Arc::clone(&self.entries), serial: self.serial }
    }

    fn of(entries: Vec<RingEntry>, serial: Option<u64>) -> Result<KeyRing, RingError> {
        if entries.is_empty() {
            return Err(RingError::Empty);
        }
        Ok(KeyRing { entries: Arc::new(entries), serial })
    }
}

fn push(ring: &mut Vec<RingEntry>, entry: RingEntry, line: usize) -> Result<(), RingError> {
    if ring.len() == MAX_KEYS {
        return Err(RingError::TooManyKeys { line });
    }
    if ring.iter().any(|other| other.key_id() == entry.key_id()) {
        return Err(RingError::DuplicateKey { line, key_id: entry.key_id() });
    }
    if entry.schedule.open_until.is_some_and(|until| until <= entry.schedule.primary_from) {
        return Err(RingError::NeverPrimary { line });
    }
    ring.push(entry);
    Ok(())
}

/// A key of a ring, and when it is used.
#[derive(Debug)]
pub struct RingEntry {
    key: Key,
    schedule: Schedule,
}

impl RingEntry {
    /// A key that counts as primary from 1970 and opens for as long as it is in the ring.
    #[must_use]
    pub fn new(key: Key) -> RingEntry {
        RingEntry { key, schedule: Schedule { primary_from: UnixTime::EPOCH, open_until: None } }
    }

    /// From when the key may be primary. Until then it only opens.
    #[must_use]
    pub fn with_primary_from(mut self, at: UnixTime) -> RingEntry {
        self.schedule.primary_from = at;
        self
    }

    /// Until when the key opens its tokens.
    #[must_use]
    pub fn with_open_until(mut self, at: UnixTime) -> RingEntry {
        self.schedule.open_until = Some(at);
        self
    }

    /// The public id of the key.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key.id()
    }

    /// From when the key may be primary.
    #[must_use]
    pub fn primary_from(&self) -> UnixTime {
        self.schedule.primary_from
    }

    /// Until when the key opens its tokens, if that is limited.
    #[must_use]
    pub fn open_until(&self) -> Option<UnixTime> {
        self.schedule.open_until
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn schedule(&self) -> Schedule {
        self.schedule
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) primary_from: UnixTime,
    pub(crate) open_until: Option<UnixTime>,
}

impl Schedule {
    pub(crate) fn is_open_at(self, now: UnixTime) -> bool {
        self.open_until.is_none_or(|until| now < until)
    }
}

/// The rule of [`KeyRing::primary_at`], for anything that has a schedule.
pub(crate) fn primary_at<T>(
    items: &[T],
    schedule: impl Fn(&T) -> Schedule,
    now: UnixTime,
) -> Option<&T> {
    items
        .iter()
        .filter(|item| schedule(item).primary_from <= now && schedule(item).is_open_at(now))
        // Of equals max_by_key takes the last, and the rule the first.
        .rev()
        .max_by_key(|item| schedule(item).primary_from)
}

impl FromStr for KeyRing {
    type Err = RingError;

    fn from_str(text: &str) -> Result<KeyRing, RingError> {
        KeyRing::parse(text, Key::refuse_unfit)
    }
}

/// A file's bytes; text that is not UTF-8 is an error that names the line.
impl TryFrom<&[u8]> for KeyRing {
    type Error = RingError;

    fn try_from(bytes: &[u8]) -> Result<KeyRing, RingError> {
        check_len(bytes.len())?;
        let text = std::str::from_utf8(bytes).map_err(|error| RingError::NotUtf8 {
            line: line_ends(bytes.get(..error.valid_up_to()).unwrap_or(bytes)).saturating_add(1),
        })?;
        text.parse()
    }
}

impl KeyRing {
    pub(crate) fn parse(
        text: &str,
        fitness: impl Fn(&Key) -> Result<(), KeyError>,
    ) -> Result<KeyRing, RingError> {
        check_len(text.len())?;
        if text.starts_with('\u{feff}') {
            return Err(RingError::ByteOrderMark);
        }
        let mut ring = Vec::new();
        for (text, line) in lines(text).zip(1..) {
            let text = text.split_once('#').map_or(text, |(before, _)| before);
            let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
            let Some(key) = words.next() else { continue };
            let key = Key::from_text(key).map_err(|source| RingError::Key { line, source })?;
            fitness(&key).map_err(|source| RingError::Key { line, source })?;
            push(&mut ring, RingEntry { schedule: schedule(words, line)?, key }, line)?;
        }
        KeyRing::of(ring, lines(text).find_map(serial))
    }
}

/// LF, CRLF and `;` end a line; a CR elsewhere is a character like any other.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').flat_map(|line| {
        let line = line.strip_suffix("\r\n").or(line.strip_suffix('\n')).unwrap_or(line);
        line.split(';')
    })
}

fn schedule<'a>(words: impl Iterator<Item = &'a str>, line: usize) -> Result<Schedule, RingError> {
    let (mut primary_from, mut open_until) = (None, None);
    for word in words {
        let (name, value) = word.split_once('=').ok_or(RingError::UnknownAttribute { line })?;
        let (attribute, slot) = match name {
            "primary-from" => ("primary-from", &mut primary_from),
            "open-until" => ("open-until", &mut open_until),
            _ => return Err(RingError::UnknownAttribute { line }),
        };
        let instant = value.parse().map_err(|_| RingError::Instant { line, attribute })?;
        if slot.replace(instant).is_some() {
            return Err(RingError::RepeatedAttribute { line, attribute });
        }
    }
    Ok(Schedule { primary_from: primary_from.unwrap_or(UnixTime::EPOCH), open_until })
}

/// The first `# serial: N` counts.
fn serial(line: &str) -> Option<u64> {
    let digits = line.trim_ascii().strip_prefix("# serial: ")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn check_len(len: usize) -> Result<(), RingError> {
    if len > MAX_RING_LEN {
        return Err(RingError::TooLong { len });
    }
    Ok(())
}

fn line_ends(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| matches!(byte, b'\n' | b';')).count()
}

/// Why a key ring is refused. It names the line and never repeats its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RingError {
    /// More than 64 KiB: this is not a key ring.
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not UTF-8.
    NotUtf8 {
        /// The line, counted from 1.
        line: usize,
    },
    /// The text begins with a byte order mark.
    ByteOrderMark,
    /// The line does not begin with a key, or with one that is refused.
    Key {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with the key.
        source: KeyError,
    },
    /// Something other than `primary-from=` or `open-until=` follows the key.
    UnknownAttribute {
        /// The line, counted from 1.
        line: usize,
    },
    /// An attribute's value is not an instant.
    Instant {
        /// The line, counted from 1.
        line: usize,
        /// The attribute's name.
        attribute: &'static str,
    },
    /// An attribute stands twice on one line.
    RepeatedAttribute {
        /// The line, counted from 1.
        line: usize,
        /// The attribute's name.
        attribute: &'static str,
    },
    /// More keys than a ring may hold.
    TooManyKeys {
        /// The line of the first key too many, counted from 1.
        line: usize,
    },
    /// A key with this id stands on an earlier line.
    DuplicateKey {
        /// The line, counted from 1.
        line: usize,
        /// The id.
        key_id: KeyId,
    },
    /// The key's `open-until` is not after its `primary-from`.
    NeverPrimary {
        /// The line, counted from 1.
        line: usize,
    },
    /// There is no key at all.
    Empty,
}

impl RingError {
    /// The line, counted from 1; 0 when it is the text as a whole.
    #[must_use]
    pub fn line(&self) -> usize {
        match *self {
            RingError::TooLong { .. } | RingError::Empty => 0,
            RingError::ByteOrderMark => 1,
            RingError::NotUtf8 { line }
            | RingError::Key { line, .. }
            | RingError::UnknownAttribute { line }
            | RingError::Instant { line, .. }
            | RingError::RepeatedAttribute { line, .. }
            | RingError::TooManyKeys { line }
            | RingError::DuplicateKey { line, .. }
            | RingError::NeverPrimary { line } => line,
        }
    }
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line() > 0 {
            write!(f, "line {} of the key ring: ", self.line())?;
        }
        match self {
            RingError::TooLong { len } => {
                write!(f, "the key ring has {len} bytes; the limit is {MAX_RING_LEN}")
            }
            RingError::NotUtf8 { .. } => f.write_str("not UTF-8"),
            RingError::ByteOrderMark => {
                f.write_str("begins with a byte order mark; save it as UTF-8 without one")
            }
            RingError::Key { source, .. } => source.fmt(f),
            RingError::UnknownAttribute { .. } => f.write_str(
                "after the key come primary-from=INSTANT and open-until=INSTANT, and nothing else",
            ),
            RingError::Instant { attribute, .. } => write!(
                f,
                "{attribute} takes an instant like 2026-12-01T00:00:00Z (UTC, whole seconds)"
            ),
            RingError::RepeatedAttribute { attribute, .. } => {
                write!(f, "{attribute} stands here twice")
            }
            RingError::TooManyKeys { .. } => {
                write!(f, "one key too many: a ring holds at most {MAX_KEYS}")
            }
            RingError::DuplicateKey { key_id, .. } => {
                write!(f, "a key with the id {key_id} stands on an earlier line; remove one")
            }
            RingError::NeverPrimary { .. } => f.write_str(
                "open-until must be after primary-from, or the key would retire before it is used",
            ),
            RingError::Empty => f.write_str("the key ring has no key; it needs at least one"),
        }
    }
}

impl std::error::Error for RingError {}
