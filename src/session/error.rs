//! Errors of changing a session.

use std::fmt;

use crate::token::error::SealError;
use crate::token::payload::PayloadError;
use crate::transport::value::SetError;

/// Why a session could not be changed. The session stays as it was.
///
/// If a handler returns the error, an adapter answers `NoSession` in the same way as a guard that
/// refuses the request ([`Denied`](crate::session::Denied)), `CrossOrigin` with 403, `ProofRefused`
/// and `ProofDue` with 401, and `NotNow` with 503. It answers all other errors with 500, without details, and logs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionError {
    /// The headers of the response were already sent, so a change cannot reach the client.
    ResponseSent,
    /// There is no session to change, so `start` must be called first.
    NoSession,
    /// A page on another origin sent the request, so it can neither start, change nor end a session
    /// in cookies. See [cross-origin requests](crate::Sessions#cross-origin-requests).
    CrossOrigin,
    /// The proof that came with the sign-in is wrong, so no session was started. The event
    /// [`ProofRefused`](crate::session::Event) says why.
    ProofRefused,
    /// The proof that came with the sign-in does not count, because its time is not near this
    /// server's, or because its challenge is too old. So no session was started. The response
    /// carries a challenge, with which the client can try again.
    ProofDue,
    /// The session cannot be sent over the chosen transport, because that transport is not
    /// configured, or because a request with a bearer token asked for a cookie.
    NoChannel,
    /// The sessions were built without
    /// [`revocations`](crate::session::SessionsBuilder::revocations).
    NoRevocations,
    /// The sessions were built without [`subject`](crate::session::SessionsBuilder::subject), so
    /// the sessions of one user cannot be found.
    NoSubject,
    /// The sessions were built without a policy for
    /// [remembered](crate::session::SessionsBuilder::remembered) sessions.
    NoRememberedPolicy,
    /// The sessions were built without a function that loads this type of
    /// [user](crate::session::SessionsBuilder::user).
    NoUserLoader,
    /// The [ceiling](crate::session::Start::with_ceiling) has passed, so the session would end at
    /// once.
    CeilingPassed,
    /// The state could not be encoded or sealed.
    Seal(SealError),
    /// The state is too large for its cookie, or for the renewal cookie, which may have to carry a
    /// copy of the state token. `size` and `limit` are those of the cookie that is too large.
    TooLarge {
        /// The octets of the cookie's name and value together.
        size: usize,
        /// The maximum number of octets that a browser keeps.
        limit: usize,
    },
    /// Another task changed the session at the same time.
    Conflict,
    /// This server cannot decide now. Either the application's check is due and did not decide, or
    /// this session has already [ended the others](crate::Session::end_others) in this second.
    NotNow,
    /// The half of the session that the server stores (crate `bulla-half`) could not be read or
    /// written.
    Half,
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::ResponseSent => {
                f.write_str("the response was already sent, so the session can no longer change")
            }
            SessionError::NoSession => f.write_str("there is no session to change; start one"),
            SessionError::CrossOrigin => f.write_str(
                "a page on another origin cannot use the session; if the origin is yours, call \
                 .trust_origin(…) on the builder",
            ),
            SessionError::ProofRefused => f.write_str("the proof of the client's key is wrong"),
            SessionError::ProofDue => {
                f.write_str("the client must repeat its proof, with the challenge of the response")
            }
            SessionError::NoChannel => {
                f.write_str("this request cannot carry a session over that channel")
            }
            SessionError::NoRevocations => f.write_str(
                "sessions cannot be revoked without a list: call .revocations(…) on the builder",
            ),
            SessionError::NoSubject => f.write_str(
                "the sessions of one user cannot be found: call .subject(…) on the builder",
            ),
            SessionError::NoRememberedPolicy => f.write_str(
                "sessions cannot be remembered without a policy: call .remembered(…) on the builder",
            ),
            SessionError::NoUserLoader => f.write_str(
                "the user of a session cannot be loaded: call .user(…) on the builder, with this \
                 type of user",
            ),
            SessionError::CeilingPassed => f.write_str("the session's ceiling has passed"),
            SessionError::Seal(error) => error.fmt(f),
            SessionError::TooLarge { size, limit } => write!(
                f,
                "the cookie would have {size} octets, but browsers keep only {limit}: \
                 store less in it or split it over several cookies"
            ),
            SessionError::Conflict => {
                f.write_str("another task of this request changed the session at the same time")
            }
            SessionError::NotNow => f.write_str(
                "this server cannot decide now, because the application's check is due or this \
                 session has ended the others in the same second",
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

impl From<SetError> for SessionError {
    fn from(error: SetError) -> SessionError {
        match error {
            SetError::ResponseSent => SessionError::ResponseSent,
            SetError::CrossOrigin => SessionError::CrossOrigin,
            SetError::Seal(error) => SessionError::Seal(error),
            SetError::TooLarge { size, limit } => SessionError::TooLarge { size, limit },
        }
    }
}

impl From<PayloadError> for SessionError {
    fn from(error: PayloadError) -> SessionError {
        SessionError::Seal(error.into())
    }
}
