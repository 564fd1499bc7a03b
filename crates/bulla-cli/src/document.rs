//! The text of a ring, so that what a change does not concern stays as it was:
//! comments, order, and everything else that people write.

use bulla::{Key, KeyId, KeyRing, RingError, UnixTime, Zeroizing};

const SERIAL: &str = "# serial: ";
const PUBLISHED: &str = "published ";

pub(crate) struct Document {
    lines: Vec<Line>,
}

struct Line {
    /// As it is written.
    text: Zeroizing<String>,
    key: Option<KeyLine>,
}

/// What a line says of its key.
#[derive(Clone, Copy)]
pub(crate) struct KeyLine {
    pub(crate) id: KeyId,
    pub(crate) primary_from: UnixTime,
    pub(crate) open_until: Option<UnixTime>,
    /// From the comment that `publish` leaves.
    pub(crate) published: Option<UnixTime>,
}

impl Document {
    /// No text is a document without keys.
    pub(crate) fn parse(text: &[u8]) -> Result<Document, RingError> {
        if text.is_empty() {
            return Ok(Document { lines: Vec::new() });
        }
        let ring = KeyRing::try_from(text)?;
        let mut entries = ring.entries();
        // It has parsed, so it is UTF-8.
        let text = std::str::from_utf8(text).unwrap_or_default();
        let lines = text.lines().flat_map(|line| line.split(';')).map(|line| Line {
            text: Zeroizing::new(line.to_owned()),
            key: words(line).next().and_then(|_| entries.next()).map(|entry| KeyLine {
                id: entry.key_id(),
                primary_from: entry.primary_from(),
                open_until: entry.open_until(),
                published: published(line),
            }),
        });
        Ok(Document { lines: lines.collect() })
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = KeyLine> {
        self.lines.iter().filter_map(|line| line.key)
    }

    pub(crate) fn key(&self, id: KeyId) -> Option<KeyLine> {
        self.keys().find(|key| key.id == id)
    }

    /// The one key of a new ring.
    pub(crate) fn begin(key: &Key) -> Document {
        let line = KeyLine {
            id: key.id(),
            primary_from: UnixTime::EPOCH,
            open_until: None,
            published: None,
        };
        let text = written(&key.expose_text(), &line, "");
        Document { lines: vec![Line { text, key: Some(line) }] }
    }

    pub(crate) fn add(&mut self, key: &Key, primary_from: UnixTime, published: UnixTime) {
        let text = key.expose_text();
        let comment = format!("# {PUBLISHED}{published}");
        let line =
            KeyLine { id: key.id(), primary_from, open_until: None, published: Some(published) };
        self.lines.push(Line { text: written(&text, &line, &comment), key: Some(line) });
    }

    /// Rewrites a key's line.
    pub(crate) fn change(&mut self, id: KeyId, change: impl FnOnce(&mut KeyLine)) {
        for line in &mut self.lines {
            let Some(key) = line.key.as_mut().filter(|key| key.id == id) else { continue };
            change(key);
            let comment = line.text.find('#').map_or("", |at| &line.text[at..]);
            let text = words(&line.text).next().unwrap_or_default();
            let rewritten = written(text, key, comment);
            line.text = rewritten;
            return;
        }
    }

    pub(crate) fn remove(&mut self, id: KeyId) {
        self.lines.retain(|line| line.key.is_none_or(|key| key.id != id));
    }

    /// The text with the next serial number, and the ring that it is.
    pub(crate) fn next(&self) -> Result<(Zeroizing<String>, KeyRing), RingError> {
        let at = self.lines.iter().position(|line| serial(&line.text).is_some());
        let next = at.and_then(|at| serial(&self.lines[at].text)).unwrap_or(0).saturating_add(1);
        let mut text = Zeroizing::new(String::with_capacity(bulla::MAX_RING_LEN));
        if at.is_none() {
            text.push_str(&format!("{SERIAL}{next}\n"));
        }
        for (index, line) in self.lines.iter().enumerate() {
            if Some(index) == at {
                text.push_str(&format!("{SERIAL}{next}"));
            } else {
                text.push_str(&line.text);
            }
            text.push('\n');
        }
        let ring = text.parse()?;
        Ok((text, ring))
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    let before = line.split('#').next().unwrap_or_default();
    before.split([' ', '\t', '\r']).filter(|word| !word.is_empty())
}

fn written(key: &str, line: &KeyLine, comment: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(256));
    text.push_str(key);
    if line.primary_from > UnixTime::EPOCH {
        text.push_str(&format!(" primary-from={}", line.primary_from));
    }
    if let Some(until) = line.open_until {
        text.push_str(&format!(" open-until={until}"));
    }
    if !comment.is_empty() {
        text.push_str("  ");
        text.push_str(comment.trim_end());
    }
    text
}

fn published(line: &str) -> Option<UnixTime> {
    let (_, comment) = line.split_once('#')?;
    comment.trim().strip_prefix(PUBLISHED)?.parse().ok()
}

fn serial(line: &str) -> Option<u64> {
    line.trim().strip_prefix(SERIAL)?.parse().ok()
}
