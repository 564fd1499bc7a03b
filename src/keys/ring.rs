//! Key rings: their keys, the schedule of each key, and the text form (spec section 8).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::keys::key::{Key, KeyError, KeyId};
use crate::primitives::RandomError;
use crate::time::UnixTime;

/// The maximum number of keys in a ring.
pub const MAX_KEYS: usize = 64;

/// The maximum length of a ring's text: 64 KiB.
pub const MAX_RING_LEN: usize = 65_536;

/// A list of 1 to 64 keys, each with the times at which it is used.
///
/// The text form has one key per line and `#` comments. `;` also ends a line, so that a ring
/// fits in an environment variable:
///
/// ```text
/// # primary until December, opens until the new year
/// bulla-key-1.….9f3a12c4  open-until=2027-01-01T00:00:00Z
/// bulla-key-1.….04be77d1  primary-from=2026-12-01T00:00:00Z
/// ```
///
/// Every server that has this text changes to the new key at the same instant, by its own
/// clock. Servers do not need to talk to each other.
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
    // Shared with handles, so that keys are not copied.
    entries: Arc<Vec<RingEntry>>,
    serial: Option<u64>,
}

impl KeyRing {
    /// Makes a ring with one new key, which is always primary.
    ///
    /// # Errors
    /// [`RandomError`] if the operating system's random generator fails.
    pub fn generate() -> Result<KeyRing, RandomError> {
        Ok(KeyRing { entries: Arc::new(vec![RingEntry::new(Key::generate()?)]), serial: None })
    }

    /// Makes a ring from entries and keeps their order.
    ///
    /// # Errors
    /// [`RingError`] if there are no entries or more than [`MAX_KEYS`], if two have the same key
    /// id, or if a key's `open_until` is not after its `primary_from`. [`RingError::line`] is the
    /// number of the entry, counted from 1.
    pub fn new(entries: impl IntoIterator<Item = RingEntry>) -> Result<KeyRing, RingError> {
        let mut ring = Vec::new();
        for (entry, line) in entries.into_iter().zip(1..) {
            push(&mut ring, entry, line)?;
        }
        KeyRing::of(ring, None)
    }

    /// The primary key at `now`: the key that seals and signs.
    ///
    /// A key can be primary if its `primary_from` is not after `now`, and its `open_until`, if any,
    /// is after `now`. Among these keys, the one with the latest `primary_from` is primary. If
    /// several keys have the same latest `primary_from`, the first of them in the ring is primary.
    /// `None` if no key can be primary.
    #[must_use]
    pub fn primary_at(&self, now: UnixTime) -> Option<KeyId> {
        primary_at(&self.entries, RingEntry::schedule, now).map(RingEntry::key_id)
    }

    /// The entries, in the order of the ring.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &RingEntry> {
        self.entries.iter()
    }

    /// The ring's serial number, from a line such as `# serial: 7`.
    ///
    /// The number counts how often the ring was changed. If a ring has a serial number, a
    /// `RingHandle` that watches the ring's source does not replace this ring with one that has a
    /// lower number or no number. `None` if the ring has no such line.
    #[must_use]
    pub fn serial(&self) -> Option<u64> {
        self.serial
    }

    /// The secret text form, one key per line. Anyone who has this text can forge tokens.
    #[must_use]
    pub fn expose_text(&self) -> Zeroizing<String> {
        // A string that grows leaves copies of its content in freed memory, so this string gets
        // enough capacity. A line has at most 64 + 34 + 32 + 1 characters.
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

    /// Makes another ring that shares the same keys.
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

/// A key of a ring with its schedule.
#[derive(Debug)]
pub struct RingEntry {
    key: Key,
    schedule: Schedule,
}

impl RingEntry {
    /// An entry whose key may be primary from 1970 on, and opens tokens as long as it is in the
    /// ring.
    #[must_use]
    pub fn new(key: Key) -> RingEntry {
        RingEntry { key, schedule: Schedule { primary_from: UnixTime::EPOCH, open_until: None } }
    }

    /// Sets the time from which the key may be primary. Before this time, the key only opens
    /// tokens.
    #[must_use]
    pub fn with_primary_from(mut self, at: UnixTime) -> RingEntry {
        self.schedule.primary_from = at;
        self
    }

    /// Sets the time until which the key opens its tokens.
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

    /// The time from which the key may be primary.
    #[must_use]
    pub fn primary_from(&self) -> UnixTime {
        self.schedule.primary_from
    }

    /// The time until which the key opens its tokens. `None` if there is no limit.
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

/// The rule of [`KeyRing::primary_at`] for any items that have a schedule.
pub(crate) fn primary_at<T>(
    items: &[T],
    schedule: impl Fn(&T) -> Schedule,
    now: UnixTime,
) -> Option<&T> {
    items
        .iter()
        .filter(|item| schedule(item).primary_from <= now && schedule(item).is_open_at(now))
        // Of several items with the same maximum, max_by_key returns the last, but the rule takes
        // the first.
        .rev()
        .max_by_key(|item| schedule(item).primary_from)
}

impl FromStr for KeyRing {
    type Err = RingError;

    fn from_str(text: &str) -> Result<KeyRing, RingError> {
        KeyRing::parse(text, Key::refuse_unfit)
    }
}

/// Parses the bytes of a file. If the bytes are not UTF-8, the error names the line.
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

/// The lines of a ring text. LF, CRLF and `;` end a line. A CR alone does not.
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

/// The serial number in a line of the form `# serial: N`.
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

/// Why a key ring was rejected. The error names the line and never repeats its content.
///
/// `Debug` writes the same text as `Display`, so that a `main` that returns the error prints it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RingError {
    /// The text is longer than 64 KiB.
    TooLong {
        /// The length of the text in bytes.
        len: usize,
    },
    /// The text is not UTF-8.
    NotUtf8 {
        /// The line, counted from 1.
        line: usize,
    },
    /// The text begins with a byte order mark.
    ByteOrderMark,
    /// The line does not begin with a key, or the key was rejected.
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
    /// The value of an attribute is not an instant.
    Instant {
        /// The line, counted from 1.
        line: usize,
        /// The attribute's name.
        attribute: &'static str,
    },
    /// A line has the same attribute twice.
    RepeatedAttribute {
        /// The line, counted from 1.
        line: usize,
        /// The attribute's name.
        attribute: &'static str,
    },
    /// The ring has more than [`MAX_KEYS`] keys.
    TooManyKeys {
        /// The line of the first key above the limit, counted from 1.
        line: usize,
    },
    /// An earlier line has a key with the same id.
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
    /// The ring has no key.
    Empty,
}

impl RingError {
    /// The number of the line, counted from 1. Returns 0 if the error concerns the whole text.
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
            RingError::UnknownAttribute { .. } => {
                f.write_str("only primary-from=INSTANT and open-until=INSTANT may follow the key")
            }
            RingError::Instant { attribute, .. } => write!(
                f,
                "{attribute} takes an instant like 2026-12-01T00:00:00Z (UTC, whole seconds)"
            ),
            RingError::RepeatedAttribute { attribute, .. } => {
                write!(f, "{attribute} is given twice")
            }
            RingError::TooManyKeys { .. } => {
                write!(f, "too many keys: a ring has at most {MAX_KEYS}")
            }
            RingError::DuplicateKey { key_id, .. } => {
                write!(f, "an earlier line has the same key id, {key_id}; remove one of them")
            }
            RingError::NeverPrimary { .. } => f.write_str(
                "open-until must be after primary-from, or the key would retire before it is used",
            ),
            RingError::Empty => f.write_str("the key ring has no key; it needs at least one"),
        }
    }
}

impl fmt::Debug for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for RingError {}
