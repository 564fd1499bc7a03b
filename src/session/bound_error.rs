//! Why a browser's registration of a key, or its proof, was refused.

use std::fmt;

use crate::proof::ProofError;
use crate::session::error::SessionError;
use crate::token::error::OpenError;

/// Why a registration or a proof was refused. It is for logs. The browser learns only that it was
/// refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BoundError {
    /// The request does not have exactly one header `Secure-Session-Response`.
    NoProof,
    /// The request has no session that can be bound or proved.
    NoSession,
    /// The session is bound to another key, or another key was registered for it.
    OtherKey,
    /// The proof is not valid.
    Proof(ProofError),
    /// The challenge could not be opened. For example, it was made with another ring or for another
    /// kind of session.
    Challenge(OpenError),
    /// The challenge belongs to another session, or is the one that a browser gets when its session
    /// ends.
    OtherSession,
    /// The challenge is too old.
    Stale,
    /// The session could not be sealed.
    Session(SessionError),
}

impl fmt::Display for BoundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BoundError::NoProof => f.write_str("the request has no proof, or more than one"),
            BoundError::NoSession => f.write_str("the request has no session that can be bound"),
            BoundError::OtherKey => f.write_str("the session is not bound to this key"),
            BoundError::Proof(error) => error.fmt(f),
            BoundError::Challenge(error) => write!(f, "the challenge was refused: {error}"),
            BoundError::OtherSession => f.write_str("the challenge is of another session"),
            BoundError::Stale => f.write_str("the challenge is too old"),
            BoundError::Session(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BoundError {}
