//! The errors of proofs.

use std::fmt;

/// Why a proof was refused: the first step that failed. The steps are in this order.
///
/// The errors are for programmers and logs, and repeat nothing of the proof. Tell the client only
/// that its proof was refused.
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
    /// The proof is not three texts in canonical base64url without padding, with dots between them.
    Form,
    /// The header is not a JSON object, an object has two members of the same name, objects are
    /// nested too deeply, or the header has the parameter `crit`.
    Header,
    /// `typ` is missing or names another type of JWT.
    Type,
    /// `alg` is missing or names another algorithm than ES256.
    Algorithm,
    /// The header has no public key, although this kind of proof must have one.
    NoKey,
    /// The key is not a point of P-256, is not written as RFC 7518 section 6.2 says, or has a
    /// private part.
    Key,
    /// The key in the header is another one than that of the session.
    OtherKey,
    /// The claims are not a JSON object, an object has two members of the same name, or objects are
    /// nested too deeply.
    Claims,
    /// A claim is missing, empty or malformed.
    Claim(
        /// The name of the claim, such as `jti`.
        &'static str,
    ),
    /// The signature does not have 64 bytes, or was not made with the key over this proof.
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
