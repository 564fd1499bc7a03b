//! One revocation and its text form.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::keys::key::KeyId;
use crate::primitives::{self, RandomError};
use crate::time::UnixTime;
use crate::token::id::{Mark, SessionId, hex};
use crate::token::wire::CLOCK_SKEW;

const SUBJECT_LEN: usize = 16;

/// A server sets the instant of a revocation 61 seconds after the time of its own clock. Therefore
/// the revocation also revokes sessions that started on a server whose clock is ahead.
pub(crate) const REACH: Duration = Duration::from_secs(CLOCK_SKEW.as_secs() + 1);

/// The mark of an [`Exception`] that no token has. A merge sets this mark if a session ended the
/// other sessions of its subject twice in the same second.
pub(crate) const NO_MARK: Mark = [0; 8];

/// A revocation. Its text form is one line, such as `session 6f0c…e1 until=2026-12-01T12:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revocation {
    /// Revokes one session.
    Session {
        /// The id under which the session started. If this is a later id of the session instead,
        /// only tokens with the later id are revoked.
        id: SessionId,
        /// When the session would have ended anyway.
        until: UnixTime,
    },
    /// Revokes the sessions of one subject that started before an instant.
    Subject {
        /// The subject.
        subject: Subject,
        /// Sessions that started before this instant are revoked.
        before: UnixTime,
        /// The tokens that are not revoked. `None` if there is no exception.
        except: Option<Exception>,
        /// When the last of the revoked sessions would have ended anyway.
        until: UnixTime,
    },
    /// Revokes the state tokens under one key that were issued before an instant.
    Key {
        /// The key.
        id: KeyId,
        /// Tokens that were issued before this instant are revoked.
        before: UnixTime,
        /// When the last of the revoked tokens would have expired anyway.
        until: UnixTime,
    },
    /// Revokes all sessions that started before an instant.
    All {
        /// Sessions that started before this instant are revoked.
        before: UnixTime,
        /// The tokens that are not revoked. `None` if there is no exception.
        except: Option<Exception>,
        /// When the last of the revoked sessions would have ended anyway.
        until: UnixTime,
    },
}

/// The tokens that a revocation does not revoke, although their session started before its instant.
///
/// There are two kinds of these tokens: the new token of the session that made the revocation
/// ([`Session::end_others`](crate::Session::end_others)), and the tokens of sessions that started
/// on a server that already knew the revocation. All of them contain the 24 bytes of the exception.
///
/// The text form is `ORIGIN.MARK`, 32 and 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Exception {
    /// The first id of the session that made the revocation. If no session made it, this is 16
    /// random bytes.
    pub origin: SessionId,
    /// 8 random bytes. They distinguish the session's new token from copies of its earlier tokens.
    pub mark: [u8; 8],
}

impl Exception {
    /// An exception for a revocation that no session makes.
    pub(crate) fn of_nobody() -> Result<Exception, RandomError> {
        Ok(Exception { origin: SessionId::new()?, mark: primitives::random()? })
    }
}

/// Identifies the user whose sessions are revoked: a 16-byte digest of the purpose and the
/// subject's name.
///
/// The digest keeps names out of lists and logs. It does not hide them from an attacker who hashes
/// all possible names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject([u8; SUBJECT_LEN]);

impl Subject {
    /// The subject with this name, in sessions with this purpose.
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
    /// Revokes the sessions of `subject` that exist at `now`.
    ///
    /// The instant `before` is 61 seconds after `now`, because a session may have started on a
    /// server whose clock is ahead by up to [`CLOCK_SKEW`](crate::token::CLOCK_SKEW). A session
    /// that starts later on a server that knows the revocation is not revoked.
    ///
    /// `until` is the time at which the last revoked session would have ended: `now`, plus the
    /// absolute timeout, plus 60 seconds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use bulla::{Revocations, UnixTime};
    /// use bulla::revocation::{Revocation, Subject};
    ///
    /// let subject = Subject::of("bank.example/session", "7");
    /// let (now, twelve_hours) = (UnixTime::now(), Duration::from_secs(12 * 60 * 60));
    /// let until = now + twelve_hours + Duration::from_secs(60);
    /// let revocations = Revocations::new();
    /// assert!(revocations.add(Revocation::of_subject(subject, now, until)?));
    /// # Ok::<(), bulla::keys::RandomError>(())
    /// ```
    ///
    /// # Errors
    /// [`RandomError`] if there are no random bytes for the [`Exception`].
    pub fn of_subject(
        subject: Subject,
        now: UnixTime,
        until: UnixTime,
    ) -> Result<Revocation, RandomError> {
        let except = Some(Exception::of_nobody()?);
        Ok(Revocation::Subject { subject, before: now + REACH, except, until })
    }

    /// Revokes all sessions that exist at `now`. See [`of_subject`](Revocation::of_subject).
    ///
    /// # Errors
    /// [`RandomError`] if there are no random bytes for the [`Exception`].
    pub fn of_all(now: UnixTime, until: UnixTime) -> Result<Revocation, RandomError> {
        let except = Some(Exception::of_nobody()?);
        Ok(Revocation::All { before: now + REACH, except, until })
    }

    /// Revokes the state tokens under one key that exist at `now`. See
    /// [`of_subject`](Revocation::of_subject).
    #[must_use]
    pub fn of_key(id: KeyId, now: UnixTime, until: UnixTime) -> Revocation {
        Revocation::Key { id, before: now + REACH, until }
    }

    /// The time at which the revocation expires. All sessions that it revokes would have ended by
    /// then anyway.
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
            Revocation::Subject { subject, before, except, until } => {
                write!(f, "subject {subject} before={before} until={until}")?;
                except.map_or(Ok(()), |except| write!(f, " except={except}"))
            }
            Revocation::Key { id, before, until } => {
                write!(f, "key {id} before={before} until={until}")
            }
            Revocation::All { before, except, until } => {
                write!(f, "all before={before} until={until}")?;
                except.map_or(Ok(()), |except| write!(f, " except={except}"))
            }
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
                let id = id.parse().map_err(|_| RevocationError)?;
                Ok(Revocation::Session { id, until: instant(until, "until=")? })
            }
            ["subject", subject, before, until, ref except @ ..] => Ok(Revocation::Subject {
                subject: subject_of(subject)?,
                before: instant(before, "before=")?,
                until: instant(until, "until=")?,
                except: exception(except)?,
            }),
            ["key", id, before, until] => Ok(Revocation::Key {
                id: id.parse().map_err(|_| RevocationError)?,
                before: instant(before, "before=")?,
                until: instant(until, "until=")?,
            }),
            ["all", before, until, ref except @ ..] => Ok(Revocation::All {
                before: instant(before, "before=")?,
                until: instant(until, "until=")?,
                except: exception(except)?,
            }),
            _ => Err(RevocationError),
        }
    }
}

/// The error for a line that is not a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevocationError;

impl fmt::Display for RevocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a revocation: session ID until=INSTANT, or subject DIGEST, key ID or all, with \
             before=INSTANT until=INSTANT; after a subject or all, except=ORIGIN.MARK may follow",
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

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:016x}", self.origin, u64::from_be_bytes(self.mark))
    }
}

impl FromStr for Exception {
    type Err = RevocationError;

    fn from_str(text: &str) -> Result<Exception, RevocationError> {
        let (origin, mark) = text.split_once('.').ok_or(RevocationError)?;
        let origin = origin.parse().map_err(|_| RevocationError)?;
        let mark = hex::<8>(mark).and_then(|mark| u64::try_from(mark).ok());
        Ok(Exception { origin, mark: mark.ok_or(RevocationError)?.to_be_bytes() })
    }
}

/// Parses the last, optional part of a line.
fn exception(words: &[&str]) -> Result<Option<Exception>, RevocationError> {
    match words {
        [] => Ok(None),
        [word] => word.strip_prefix("except=").ok_or(RevocationError)?.parse().map(Some),
        _ => Err(RevocationError),
    }
}

fn subject_of(digest: &str) -> Result<Subject, RevocationError> {
    let digest = hex::<SUBJECT_LEN>(digest).ok_or(RevocationError)?;
    Ok(Subject(digest.to_be_bytes()))
}
