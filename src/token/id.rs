//! What tells sessions and tokens apart: ids, marks and fingerprints.

use std::fmt;

use crate::primitives::{self, RandomError};

pub(crate) const ID_LEN: usize = 16;
pub(crate) const FINGERPRINT_LEN: usize = 16;

/// Random bytes that a session gets when it ends the others of its subject.
pub(crate) type Mark = [u8; 8];

/// A session's id: 16 random bytes, written as 32 hexadecimal digits.
///
/// It is unique and cannot be guessed, and knowing it opens nothing: it is the
/// handle for audit logs, for revocation, and for data kept on the server.
/// Signing in and raising privilege give a session a new one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; ID_LEN]);

impl SessionId {
    pub(crate) fn new() -> Result<SessionId, RandomError> {
        primitives::random().map(SessionId)
    }

    /// An id that was written down, such as in a log.
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

/// Says which state token a copy is of.
pub(crate) fn fingerprint(token: &[u8]) -> Fingerprint {
    let mut fingerprint = [0; FINGERPRINT_LEN];
    fingerprint.copy_from_slice(&primitives::digest(&[token])[..FINGERPRINT_LEN]);
    fingerprint
}
