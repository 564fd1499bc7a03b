//! Errors of changing a session.

use std::fmt;

use crate::token::error::SealError;
use crate::token::payload::PayloadError;

/// Why a session could not be changed. It stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionError {
    /// The headers of the response were already sent, so a change cannot reach the client.
    ResponseSent,
    /// There is no session to change; use `start`. An adapter answers 401, as for any request that
    /// needs a session. It answers `NotNow` with 503, and logs all other errors and answers 500.
    NoSession,
    /// The transport is not configured, or a cookie was asked for in a request with a bearer
    /// token.
    NoChannel,
    /// The sessions were built without revocations or without a subject.
    NoRevocations,
    /// The ceiling has passed, so the session would end at once.
    CeilingPassed,
    /// The state could not be encoded or sealed.
    Seal(SealError),
    /// The state is too large for its cookie. `size` is the larger of the state token and of the
    /// renewal token that may have to carry a copy of it.
    TooLarge {
        /// Octets of the cookie's name and value together.
        size: usize,
        /// The most octets that a browser keeps.
        limit: usize,
    },
    /// Another task changed the session at the same time.
    Conflict,
    /// This server cannot decide now. Either the application's check is due and did not decide, or
    /// this session has [ended the others](crate::Session::end_others) in this second. An adapter
    /// answers 503.
    NotNow,
    /// The server half of the session (crate `bulla-half`) could not be read or written.
    Half,
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::ResponseSent => {
                f.write_str("the response was already sent; a session can only change before that")
            }
            SessionError::NoSession => f.write_str("there is no session to change; start one"),
            SessionError::NoChannel => {
                f.write_str("this request cannot carry a session over that channel")
            }
            SessionError::NoRevocations => {
                f.write_str("these sessions were built without revocations or without a subject")
            }
            SessionError::CeilingPassed => f.write_str("the session's ceiling has passed"),
            SessionError::Seal(error) => error.fmt(f),
            SessionError::TooLarge { size, limit } => write!(
                f,
                "the session's cookie would have {size} octets, but browsers keep only {limit}: \
                 store less in it or split it over several cookies"
            ),
            SessionError::Conflict => {
                f.write_str("another task of this request changed the session at the same time")
            }
            SessionError::NotNow => f.write_str(
                "this server cannot tell now: the application's check is due, or this session has \
                 ended the others in the same second",
            ),
            SessionError::Half => {
                f.write_str("the server half of the session could not be read or written")
            }
        }
    }
}

impl std::error::Error for SessionError {}

impl From<SealError> for SessionError {
    fn from(error: SealError) -> SessionError {
        SessionError::Seal(error)
    }
}

impl From<PayloadError> for SessionError {
    fn from(error: PayloadError) -> SessionError {
        SessionError::Seal(error.into())
    }
}
