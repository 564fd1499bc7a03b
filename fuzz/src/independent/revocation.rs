//! The lines of a revocation list.

use super::ring::instant;

/// The bytes of `except=`: an origin (the first id of a session) and a mark (random bytes).
pub type Exception = ([u8; 16], [u8; 8]);

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// `session ID until=INSTANT`
    Session {
        /// The id.
        id: [u8; 16],
        /// The time at which the list drops the revocation.
        until: u64,
    },
    /// `subject DIGEST before=INSTANT until=INSTANT [except=ORIGIN.MARK]`
    Subject {
        /// The digest of the subject.
        digest: [u8; 16],
        /// Sessions and tokens from before this time are revoked.
        before: u64,
        /// The time at which the list drops the revocation.
        until: u64,
        /// The tokens that the revocation does not end.
        except: Option<Exception>,
    },
    /// `key ID before=INSTANT until=INSTANT`
    Key {
        /// The key id.
        id: [u8; 4],
        /// Sessions and tokens from before this time are revoked.
        before: u64,
        /// The time at which the list drops the revocation.
        until: u64,
    },
    /// `all before=INSTANT until=INSTANT [except=ORIGIN.MARK]`
    All {
        /// Sessions and tokens from before this time are revoked.
        before: u64,
        /// The time at which the list drops the revocation.
        until: u64,
        /// The tokens that the revocation does not end.
        except: Option<Exception>,
    },
}

/// Reads a line. Returns `None` if the line does not have one of these four forms.
#[must_use]
pub fn read_line(line: &str) -> Option<Line> {
    let is_space = |c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c');
    let mut words = line.split(is_space).filter(|word| !word.is_empty());
    let kind = words.next()?;
    let name = if kind == "all" { "" } else { words.next()? };
    let mut before = 0;
    if kind != "session" {
        before = instant(words.next()?.strip_prefix("before=")?.as_bytes())?;
    }
    let until = instant(words.next()?.strip_prefix("until=")?.as_bytes())?;
    let except = match words.next() {
        None => None,
        Some(word) => {
            let (origin, mark) = word.strip_prefix("except=")?.split_once('.')?;
            Some((hex(origin)?, hex(mark)?))
        }
    };
    if words.next().is_some() {
        return None;
    }
    match (kind, except) {
        ("session", None) => Some(Line::Session { id: hex(name)?, until }),
        ("subject", _) => Some(Line::Subject { digest: hex(name)?, before, until, except }),
        ("key", None) => Some(Line::Key { id: hex(name)?, before, until }),
        ("all", _) => Some(Line::All { before, until, except }),
        _ => None,
    }
}

/// Reads `N` bytes in lower-case hexadecimal.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        for c in pair {
            let digit = b"0123456789abcdef".iter().position(|digit| digit == c)?;
            *byte = *byte * 16 + digit as u8;
        }
    }
    Some(bytes)
}
