//! Why reading or writing a server half fails.

use std::fmt;

use bulla::SessionError;
use tower_sessions_core::session_store;

/// Why a server half could not be read or written.
///
/// `?` in a handler converts this error to a [`SessionError`]. The response is 401 if there is no
/// session, and otherwise 500 without details. If the store fails, its error is logged at level
/// `error` with the target `bulla`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HalfError {
    /// The request has no session.
    NoSession,
    /// The session is still read from the old library's cookie
    /// (`OldCookie::while_old_servers_run`). Such a session gets a new id in each request, so the
    /// next request could not find the data.
    Borrowed,
    /// The data cannot be written as JSON, for example a map whose keys are not strings.
    Encode,
    /// The store failed.
    Store,
    /// The stored data is not a valid `D`, for example because the type has changed.
    Decode,
}

impl HalfError {
    /// Converts an error of the store, and logs it.
    pub(crate) fn of(error: session_store::Error) -> HalfError {
        match error {
            session_store::Error::Backend(error) => {
                tracing::error!(target: "bulla", "the store of server halves failed: {error}");
                HalfError::Store
            }
            // Not logged, because the texts of these errors could repeat the stored data.
            session_store::Error::Encode(_) => HalfError::Encode,
            session_store::Error::Decode(_) => HalfError::Decode,
        }
    }
}

impl fmt::Display for HalfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HalfError::NoSession => "this request has no session; start one first",
            HalfError::Borrowed => {
                "the session is still read from the old library's cookie and has no lasting id; \
                 change its state first"
            }
            HalfError::Encode => {
                "the data cannot be written as JSON; the keys of a map must be strings"
            }
            HalfError::Store => "the store failed; the log has its error",
            HalfError::Decode => {
                "the stored data cannot be decoded; give new fields a default, or give the half \
                 another name"
            }
        })
    }
}

impl std::error::Error for HalfError {}

impl From<HalfError> for SessionError {
    fn from(error: HalfError) -> SessionError {
        match error {
            HalfError::NoSession => SessionError::NoSession,
            _ => SessionError::Half,
        }
    }
}
