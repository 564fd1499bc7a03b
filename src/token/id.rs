//! Session ids, the marks of revocations, and the fingerprints of tokens.

use std::fmt;
use std::str::FromStr;

use crate::primitives::{self, RandomError};

pub(crate) const ID_LEN: usize = 16;
pub(crate) const FINGERPRINT_LEN: usize = 16;
pub(crate) const BOUND_KEY_LEN: usize = 33;

/// A compressed P-256 public key (SEC 1, section 2.3.3). A session that contains such a key is
/// bound to the device that has the private key.
pub(crate) type BoundKey = [u8; BOUND_KEY_LEN];

/// Random bytes that a session gets when it ends the other sessions of its subject. They
/// distinguish its new token from copies of its old token.
pub(crate) type Mark = [u8; 8];

/// A session's id: 16 random bytes, written as 32 hexadecimal digits.
///
/// A session id is unique and cannot be guessed. It is not a credential, because a client that
/// sends only the id gets no session. Use it in audit logs, to revoke a session, and to find data
/// that the server stores for a session.
///
/// A session gets a new id when the user signs in or reauthenticates, and when it ends the other
/// sessions of its subject. [`Info::origin`](crate::session::Info::origin) is the id that does
/// not change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; ID_LEN]);

impl SessionId {
    pub(crate) fn new() -> Result<SessionId, RandomError> {
        primitives::random().map(SessionId)
    }

    /// Makes an id from its 16 bytes, for example from a log or a database.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; ID_LEN]) -> SessionId {
        SessionId(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; ID_LEN] {
        &self.0
    }
}

/// Parses the text that `Display` writes. Capital letters are rejected, so that each id has exactly
/// one text.
///
/// ```
/// use bulla::session::SessionId;
///
/// let id: SessionId = "6f0c2a90b3d14e5f8a7b6c5d4e3f2a1b".parse()?;
/// assert_eq!(id.to_string().parse(), Ok(id));
/// # Ok::<(), bulla::session::SessionIdError>(())
/// ```
impl FromStr for SessionId {
    type Err = SessionIdError;

    fn from_str(text: &str) -> Result<SessionId, SessionIdError> {
        let id = hex::<ID_LEN>(text).ok_or(SessionIdError)?;
        Ok(SessionId(id.to_be_bytes()))
    }
}

/// The error for a text that is not a session id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionIdError;

impl fmt::Display for SessionIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a session id: 32 hexadecimal digits in lower case")
    }
}

impl std::error::Error for SessionIdError {}

/// Parses `BYTES` bytes in lower-case hexadecimal.
pub(crate) fn hex<const BYTES: usize>(text: &str) -> Option<u128> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != BYTES.saturating_mul(2) || !text.bytes().all(lower) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub(crate) type Fingerprint = [u8; FINGERPRINT_LEN];

/// Identifies a token by the first 16 bytes of the SHA-256 of its text.
pub(crate) fn fingerprint(token: &[u8]) -> Fingerprint {
    let mut fingerprint = [0; FINGERPRINT_LEN];
    fingerprint.copy_from_slice(&primitives::digest(&[token])[..FINGERPRINT_LEN]);
    fingerprint
}
