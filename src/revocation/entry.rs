//! One revocation, and its text.

use std::fmt;
use std::str::FromStr;

use crate::keys::key::KeyId;
use crate::primitives;
use crate::time::UnixTime;
use crate::token::id::SessionId;

const SUBJECT_LEN: usize = 16;

/// One revocation. Its text form is a line, such as
/// `session 6f0c…e1 until=2026-12-01T12:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revocation {
    /// One session.
    Session {
        /// Which.
        id: SessionId,
        /// When it would have ended in any case.
        until: UnixTime,
    },
    /// The sessions of one subject that were started before an instant.
    Subject {
        /// Whose.
        subject: Subject,
        /// Those started before this. The library ends all sessions of a subject before
        /// even seconds, and before an odd one all others
        /// ([`end_others`](crate::Session::end_others)). Whoever signs in starts after
        /// it, unless it is over an hour ahead: then nobody does.
        before: UnixTime,
        /// When the last of them would have ended in any case.
        until: UnixTime,
    },
    /// The state tokens under one key that were issued before an instant.
    Key {
        /// Which key.
        id: KeyId,
        /// Those issued before this.
        before: UnixTime,
        /// When the last of them would have expired in any case.
        until: UnixTime,
    },
    /// All sessions that were started before an instant: the panic button.
    All {
        /// Those started before this.
        before: UnixTime,
        /// When the last of them would have ended in any case.
        until: UnixTime,
    },
}

/// Whose sessions: a digest of 16 bytes of the purpose and the subject's name.
/// It keeps names out of lists and logs, but not from whoever tries them all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject([u8; SUBJECT_LEN]);

impl Subject {
    /// The subject of sessions of one purpose.
    #[must_use]
    pub fn of(purpose: &str, name: &str) -> Subject {
        let digest =
            primitives::digest(&[b"bulla/1/subject\0", purpose.as_bytes(), b"\0", name.as_bytes()]);
        let mut subject = [0; SUBJECT_LEN];
        subject.copy_from_slice(&digest[..SUBJECT_LEN]);
        Subject(subject)
    }
}

impl Revocation {
    /// After this it is about nothing that could be alive.
    #[must_use]
    pub fn until(&self) -> UnixTime {
        match *self {
            Revocation::Session { until, .. }
            | Revocation::Subject { until, .. }
            | Revocation::Key { until, .. }
            | Revocation::All { until, .. } => until,
        }
    }
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Revocation::Session { id, until } => write!(f, "session {id} until={until}"),
            Revocation::Subject { subject, before, until } => {
                write!(f, "subject {subject} before={before} until={until}")
            }
            Revocation::Key { id, before, until } => {
                write!(f, "key {id} before={before} until={until}")
            }
            Revocation::All { before, until } => write!(f, "all before={before} until={until}"),
        }
    }
}

impl FromStr for Revocation {
    type Err = RevocationError;

    fn from_str(line: &str) -> Result<Revocation, RevocationError> {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let instant = |word: &str, name: &str| -> Result<UnixTime, RevocationError> {
            let value = word.strip_prefix(name).ok_or(RevocationError)?;
            value.parse().map_err(|_| RevocationError)
        };
        match words[..] {
            ["session", id, until] => {
                let id = SessionId::from_bytes(hex(id)?);
                Ok(Revocation::Session { id, until: instant(until, "until=")? })
            }
            ["subject", subject, before, until] => Ok(Revocation::Subject {
                subject: Subject(hex(subject)?),
                before: instant(before, "before=")?,
                until: instant(until, "until=")?,
            }),
            ["key", id, before, until] => Ok(Revocation::Key {
                id: id.parse().map_err(|_| RevocationError)?,
                before: instant(before, "before=")?,
                until: instant(until, "until=")?,
            }),
            ["all", before, until] => Ok(Revocation::All {
                before: instant(before, "before=")?,
                until: instant(until, "until=")?,
            }),
            _ => Err(RevocationError),
        }
    }
}

/// A line is no revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevocationError;

impl fmt::Display for RevocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a revocation: session ID until=INSTANT, or subject DIGEST, key ID or all, with \
             before=INSTANT until=INSTANT",
        )
    }
}

impl std::error::Error for RevocationError {}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 32 hexadecimal digits, in lower case.
fn hex(text: &str) -> Result<[u8; 16], RevocationError> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 32 || !text.bytes().all(lower) {
        return Err(RevocationError);
    }
    u128::from_str_radix(text, 16).map(u128::to_be_bytes).map_err(|_| RevocationError)
}
