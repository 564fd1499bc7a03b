//! Why the registration of a key, or a proof, was refused.

use std::fmt;

use crate::proof::ProofError;
use crate::session::error::SessionError;
use crate::token::error::OpenError;

/// Why a registration or a proof was refused. It is for logs. The client learns only that it was
/// refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BoundError {
    /// The request does not have exactly one header with a proof: `Secure-Session-Response` for a
    /// browser, `DPoP` for other clients.
    NoProof,
    /// A bound session came in `Authorization: Bearer`, or one that is not bound in `Authorization:
    /// DPoP`.
    Scheme,
    /// The request has no session that can be bound or proved.
    NoSession,
    /// The session is bound to another key, or another key was registered for it.
    OtherKey,
    /// The proof is not valid.
    Proof(ProofError),
    /// The session was not told the address of the request: call
    /// [`Session::set_target`](crate::Session::set_target). Adapters do this.
    NoTarget,
    /// The proof is for another method or address (`htm`, `htu`).
    OtherRequest,
    /// The proof does not name the token of the request (`ath`).
    OtherToken,
    /// The proof contains no challenge (`nonce`).
    NoChallenge,
    /// The challenge could not be opened. For example, it was made with another ring or for another
    /// kind of session.
    Challenge(OpenError),
    /// The challenge belongs to another session, or is the one that a browser gets when its session
    /// ends.
    OtherSession,
    /// The challenge is too old.
    Stale,
    /// The proof was used before.
    Used,
    /// The store of used proofs failed. The log has its error.
    Store,
    /// The session could not be sealed.
    Session(SessionError),
}

impl fmt::Display for BoundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BoundError::NoProof => f.write_str("the request has no proof, or more than one"),
            BoundError::Scheme => {
                f.write_str("the scheme of the credentials is not that of the session")
            }
            BoundError::NoSession => f.write_str("the request has no session that can be bound"),
            BoundError::OtherKey => f.write_str("the session is not bound to this key"),
            BoundError::Proof(error) => error.fmt(f),
            BoundError::NoTarget => {
                f.write_str("the session does not know the address of its request: call set_target")
            }
            BoundError::OtherRequest => f.write_str("the proof is for another method or address"),
            BoundError::OtherToken => {
                f.write_str("the proof does not name the token of the request")
            }
            BoundError::NoChallenge => f.write_str("the proof contains no challenge"),
            BoundError::Challenge(error) => write!(f, "the challenge was refused: {error}"),
            BoundError::OtherSession => f.write_str("the challenge is of another session"),
            BoundError::Stale => f.write_str("the challenge is too old"),
            BoundError::Used => f.write_str("the proof was used before"),
            BoundError::Store => f.write_str("the store of used proofs failed"),
            BoundError::Session(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BoundError {}
