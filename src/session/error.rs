//! Why changing a session fails.

use std::fmt;

use crate::token::error::SealError;
use crate::token::payload::PayloadError;

/// Why a session could not be changed. It is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionError {
    /// The head of the response has left: nothing can reach the client any more.
    ResponseSent,
    /// There is no session to change; `start` one. As a response it is a 401,
    /// as for everybody who is not signed in; the others are a 500 and a log line.
    NoSession,
    /// The transport asked for is switched off, or it is the cookie of a
    /// request with a bearer token.
    NoChannel,
    /// The sessions know no revocations, or not whose they are.
    NoRevocations,
    /// The session would be past its ceiling at once.
    CeilingPassed,
    /// The state could not be encoded or sealed.
    Seal(SealError),
    /// The state is too large for its cookie. Counted is the larger of the
    /// state token and the renewal token that may have to carry a copy of it.
    TooLarge {
        /// Octets of name and value.
        size: usize,
        /// Octets that they may have.
        limit: usize,
    },
    /// Another task changed the session in between.
    Conflict,
    /// This server cannot tell now whether it may: the application's check is
    /// due and has not said, the list of revocations is not complete, or sessions
    /// have [ended the others](crate::Session::end_others) many times. As a response
    /// it is a 503.
    NotNow,
    /// What the server keeps of the session (`bulla-half`) could not be read or
    /// written.
    Half,
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::ResponseSent => {
                f.write_str("the response has left; a session changes only before that")
            }
            SessionError::NoSession => f.write_str("there is no session to change; start one"),
            SessionError::NoChannel => {
                f.write_str("this request cannot carry a session over that channel")
            }
            SessionError::NoRevocations => f.write_str(
                "these sessions were built without revocations, or without saying whose they are",
            ),
            SessionError::CeilingPassed => f.write_str("the session's ceiling has passed"),
            SessionError::Seal(error) => error.fmt(f),
            SessionError::TooLarge { size, limit } => write!(
                f,
                "the session's cookie would have {size} octets and browsers keep {limit}: keep \
                 less in it, or split it over several cookies"
            ),
            SessionError::Conflict => {
                f.write_str("another task of this request changed the session in between")
            }
            SessionError::NotNow => f.write_str(
                "this server cannot tell now: a check is due, the list of revocations is old, or \
                 sessions of this subject have ended each other many times just now",
            ),
            SessionError::Half => {
                f.write_str("what the server keeps of the session could not be read or written")
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
