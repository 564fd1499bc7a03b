//! The errors of proofs.

use std::fmt;

/// Why a proof was refused: the first step that failed. The variants are in the order of the steps.
///
/// The errors are for programmers and logs. They never repeat a part of the proof. Tell the client
/// only that its proof was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofError {
    /// The proof is longer than the limit. No other check was made.
    TooLong {
        /// The length of the proof in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The proof does not consist of three parts in canonical base64url without padding, separated
    /// by dots.
    Form,
    /// The header is not a JSON object, an object in it has two members with the same name, it is
    /// nested too deeply, or it has the parameter `crit`.
    Header,
    /// `typ` is missing, or is not the type of this kind of proof.
    Type,
    /// `alg` is missing, or names an algorithm other than ES256.
    Algorithm,
    /// The header has no public key, although this kind of proof must have one.
    NoKey,
    /// The key is not a point of P-256, is not written as RFC 7518 section 6.2 says, or has a
    /// private part.
    Key,
    /// The key in the header is not the key of the session.
    OtherKey,
    /// The claims are not a JSON object, an object in them has two members with the same name, or
    /// they are nested too deeply.
    Claims,
    /// A claim is missing, empty or malformed.
    Claim(
        /// The name of the claim, such as `jti`.
        &'static str,
    ),
    /// The signature does not have 64 bytes, or is not a signature of this proof by the key.
    Signature,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProofError::TooLong { len, limit } => {
                write!(f, "the proof has {len} bytes; the limit is {limit}")
            }
            ProofError::Form => f.write_str("the proof is not three parts in base64url"),
            ProofError::Header => f.write_str(
                "the header is not a JSON object with each member once, or has a critical parameter",
            ),
            ProofError::Type => f.write_str("the proof is of another type"),
            ProofError::Algorithm => f.write_str("the algorithm is not ES256"),
            ProofError::NoKey => f.write_str("the header has no public key"),
            ProofError::Key => f.write_str("the key is not a public key of P-256"),
            ProofError::OtherKey => f.write_str("the key is not the key of the session"),
            ProofError::Claims => f.write_str("the claims are not a JSON object with each member once"),
            ProofError::Claim(name) => write!(f, "the claim {name} is missing or malformed"),
            ProofError::Signature => f.write_str("the signature is wrong"),
        }
    }
}

impl std::error::Error for ProofError {}
