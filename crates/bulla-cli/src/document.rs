//! The text of a key ring as an editable document.
//!
//! A change to one key keeps the rest of the text, with its comments, order and line ends.

use bulla::keys::{Key, KeyId, MAX_KEYS, MAX_RING_LEN, RingError, Zeroizing};
use bulla::{KeyRing, UnixTime};

use crate::reply::Failure;

const SERIAL: &str = "# serial: ";
const PUBLISHED: &str = "published ";

pub(crate) struct Document {
    lines: Vec<Line>,
    serial: Option<u64>,
}

struct Line {
    /// The line without its end.
    text: Zeroizing<String>,
    /// LF, CRLF, `;`, or empty at the end of the text.
    end: String,
    key: Option<KeyLine>,
}

/// A key and its attributes, as one line of the ring has them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyLine {
    pub(crate) id: KeyId,
    pub(crate) primary_from: UnixTime,
    pub(crate) open_until: Option<UnixTime>,
    /// When the key was published, from the comment that `publish` writes.
    pub(crate) published: Option<UnixTime>,
}

impl Document {
    pub(crate) fn parse(text: &[u8]) -> Result<Document, RingError> {
        let ring = KeyRing::try_from(text)?;
        let mut entries = ring.entries();
        // `KeyRing` accepted the text, so it is UTF-8.
        let text = std::str::from_utf8(text).unwrap_or_default();
        let lines = segments(text).map(|(line, end)| Line {
            text: Zeroizing::new(line.to_owned()),
            end: end.to_owned(),
            key: words(line).next().and_then(|_| entries.next()).map(|entry| KeyLine {
                id: entry.key_id(),
                primary_from: entry.primary_from(),
                open_until: entry.open_until(),
                published: published(line),
            }),
        });
        Ok(Document { lines: lines.collect(), serial: ring.serial() })
    }

    /// A new ring with one key.
    pub(crate) fn begin(key: &Key, now: UnixTime) -> Document {
        let mut document = Document { lines: Vec::new(), serial: None };
        document.add(key, UnixTime::EPOCH, now);
        document
    }

    pub(crate) fn serial(&self) -> Option<u64> {
        self.serial
    }

    pub(crate) fn keys(&self) -> Vec<KeyLine> {
        self.lines.iter().filter_map(|line| line.key).collect()
    }

    pub(crate) fn key(&self, id: KeyId) -> Option<KeyLine> {
        self.lines.iter().filter_map(|line| line.key).find(|key| key.id == id)
    }

    /// Adds a key at the end.
    pub(crate) fn add(&mut self, key: &Key, primary_from: UnixTime, published: UnixTime) {
        let end = self.usual_end();
        if let Some(last) = self.lines.last_mut().filter(|last| last.end.is_empty()) {
            last.end.clone_from(&end);
        }
        let line = KeyLine { id: key.id(), primary_from, open_until: None, published: None };
        self.lines.push(Line::new(key, line, published, end));
    }

    /// Replaces a key with another one, which gets the same dates.
    pub(crate) fn exchange(&mut self, id: KeyId, key: &Key, published: UnixTime) {
        for line in &mut self.lines {
            if let Some(old) = line.key.filter(|old| old.id == id) {
                let new = KeyLine { id: key.id(), ..old };
                *line = Line::new(key, new, published, line.end.clone());
            }
        }
    }

    pub(crate) fn set_primary_from(&mut self, id: KeyId, at: UnixTime) {
        self.change(id, |line| line.primary_from = at);
    }

    pub(crate) fn set_open_until(&mut self, id: KeyId, at: Option<UnixTime>) {
        self.change(id, |line| line.open_until = at);
    }

    fn change(&mut self, id: KeyId, change: impl FnOnce(&mut KeyLine)) {
        let line = self.lines.iter_mut().find(|line| line.key.is_some_and(|key| key.id == id));
        let Some(Line { text, key: Some(key), .. }) = line else { return };
        change(key);
        let from = Some(key.primary_from).filter(|from| *from > UnixTime::EPOCH);
        *text = with_attribute(text, "primary-from=", from);
        *text = with_attribute(text, "open-until=", key.open_until);
    }

    pub(crate) fn remove(&mut self, id: KeyId) {
        self.lines.retain(|line| line.key.is_none_or(|key| key.id != id));
    }

    /// The text with the next serial number. Fails if it does not read back with the same keys.
    pub(crate) fn next(&self) -> Result<Zeroizing<String>, Failure> {
        if self.keys().len() > MAX_KEYS {
            let full = format!("a ring has at most {MAX_KEYS} keys; first run `bulla ring prune`");
            return Err(full.into());
        }
        let next = self.serial.unwrap_or(0).checked_add(1);
        let next = next.ok_or("the serial number is at its maximum; create a new ring")?;
        let at = self.lines.iter().position(|line| serial(&line.text).is_some());
        // The capacity is enough, because a string that grows leaves copies of keys in memory.
        let mut text = Zeroizing::new(String::with_capacity(2 * MAX_RING_LEN));
        if at.is_none() {
            text.push_str(&format!("{SERIAL}{next}{}", self.usual_end()));
        }
        for (index, line) in self.lines.iter().enumerate() {
            if Some(index) == at {
                text.push_str(&format!("{SERIAL}{next}"));
            } else {
                text.push_str(&line.text);
            }
            text.push_str(&line.end);
        }
        let read = Document::parse(text.as_bytes())?;
        if read.serial != Some(next) || read.keys() != self.keys() {
            return Err("the changed ring does not read back correctly; nothing was changed".into());
        }
        Ok(text)
    }

    /// The line end of the first line, which new lines get too.
    fn usual_end(&self) -> String {
        let first = self.lines.first().map(|line| line.end.clone());
        first.filter(|end| !end.is_empty()).unwrap_or_else(|| "\n".to_owned())
    }
}

impl Line {
    fn new(key: &Key, line: KeyLine, published: UnixTime, end: String) -> Line {
        let from = Some(line.primary_from).filter(|from| *from > UnixTime::EPOCH);
        let text = with_attribute(&key.expose_text(), "primary-from=", from);
        let mut text = with_attribute(&text, "open-until=", line.open_until);
        text.push_str(&format!("  # {PUBLISHED}{published}"));
        Line { text, end, key: Some(KeyLine { published: Some(published), ..line }) }
    }
}

/// Splits a text into lines and their ends (specification, section 8).
fn segments(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split_inclusive('\n').flat_map(|chunk| {
        let line = chunk.strip_suffix("\r\n").or(chunk.strip_suffix('\n')).unwrap_or(chunk);
        let end = &chunk[line.len()..];
        let mut parts = line.split(';').peekable();
        std::iter::from_fn(move || {
            let part = parts.next()?;
            Some((part, if parts.peek().is_some() { ";" } else { end }))
        })
    })
}

fn before_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or_default()
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    before_comment(line).split([' ', '\t']).filter(|word| !word.is_empty())
}

/// Sets or removes one attribute of a line and keeps everything else.
fn with_attribute(line: &str, name: &str, value: Option<UnixTime>) -> Zeroizing<String> {
    let value = value.map(|value| format!("{name}{value}"));
    let end_of = |word: &str| word.as_ptr() as usize - line.as_ptr() as usize + word.len();
    let (start, end, new) = match (words(line).find(|word| word.starts_with(name)), value) {
        (Some(word), Some(value)) => (end_of(word) - word.len(), end_of(word), value),
        (Some(word), None) => {
            let before = &line[..end_of(word) - word.len()];
            (before.trim_end_matches([' ', '\t']).len(), end_of(word), String::new())
        }
        (None, Some(value)) => {
            // primary-from goes after the key, open-until at the end.
            let mut words = words(line);
            let after = if name == "primary-from=" { words.next() } else { words.last() };
            let end = after.map_or(0, end_of);
            (end, end, format!(" {value}"))
        }
        (None, None) => (0, 0, String::new()),
    };
    let mut text = Zeroizing::new(String::with_capacity(line.len() + 128));
    text.push_str(&line[..start]);
    text.push_str(&new);
    text.push_str(&line[end..]);
    text
}

fn published(line: &str) -> Option<UnixTime> {
    let comment = line[before_comment(line).len()..].strip_prefix('#')?;
    comment.trim().strip_prefix(PUBLISHED)?.split(' ').next()?.parse().ok()
}

/// The serial number of a line, by the same rule as in the library.
fn serial(line: &str) -> Option<u64> {
    let digits = line.trim_ascii().strip_prefix(SERIAL)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_their_ends_join_to_the_whole_text() {
        for text in ["", "a", "a\n", "a\r\nb", "a;b;\n;c\r\n\n", "\r", "a\rb\n", ";"] {
            let joined: String = segments(text).flat_map(|(line, end)| [line, end]).collect();
            assert_eq!(joined, text);
        }
    }

    #[test]
    fn attributes_are_changed_in_place() {
        let at = |text: &str| Some(text.parse().unwrap());
        let noon = "2026-12-01T12:00:00Z";
        for (line, name, value, expected) in [
            ("  k\t # c", "primary-from=", at(noon), "  k primary-from=2026-12-01T12:00:00Z\t # c"),
            ("k#c", "open-until=", at(noon), "k open-until=2026-12-01T12:00:00Z#c"),
            ("k open-until=x  primary-from=y", "open-until=", None, "k  primary-from=y"),
            (
                "k open-until=x #open-until=x",
                "open-until=",
                at(noon),
                "k open-until=2026-12-01T12:00:00Z #open-until=x",
            ),
            ("k open-until=x", "primary-from=", None, "k open-until=x"),
        ] {
            assert_eq!(*with_attribute(line, name, value), expected);
        }
    }
}
