//! Why a half could not be read or written.

use std::fmt;

use bulla::SessionError;
use tower_sessions_core::session_store;

/// Why a half could not be read or written.
///
/// With `?` in a handler it becomes a [`SessionError`]: a 401 without a
/// session, otherwise an opaque 500. What a store fails with is logged when it
/// happens, as an error of the target `bulla`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HalfError {
    /// There is no session to keep something of.
    NoSession,
    /// The session is another library's, which this request only borrows
    /// (`while_old_servers_run`): there is no id to find it by next time.
    Borrowed,
    /// The data cannot be JSON: a map whose keys are no strings.
    Encode,
    /// The store failed.
    Store,
    /// What is kept is no `D`: its shape has changed since.
    Decode,
}

impl HalfError {
    /// Says in the log what a store failed with.
    pub(crate) fn of(error: session_store::Error) -> HalfError {
        match error {
            session_store::Error::Backend(error) => {
                tracing::error!(target: "bulla", "the store of sessions' halves failed: {error}");
                HalfError::Store
            }
            // Their texts could repeat what is kept.
            session_store::Error::Encode(_) => HalfError::Encode,
            session_store::Error::Decode(_) => HalfError::Decode,
        }
    }
}

impl fmt::Display for HalfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HalfError::NoSession => "there is no session to keep something of; start one",
            HalfError::Borrowed => {
                "the session is the old library's as long as its servers run, and has no id that \
                 stays: change its state first"
            }
            HalfError::Encode => "the data cannot be kept: as JSON, a map's keys are strings",
            HalfError::Store => "the store failed; its error is in the log",
            HalfError::Decode => {
                "what is kept does not decode: give fields that are new a default, or the half \
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
