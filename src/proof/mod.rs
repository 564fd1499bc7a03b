//! Proofs that a client has a private key: JWTs from browsers (DBSC) and from other clients (DPoP).
//!
//! A proof is a JSON Web Signature (RFC 7515). The only algorithm that is accepted is ES256.
//!
//! | question | file |
//! |---|---|
//! | What does a browser prove when it registers a key or refreshes a session? | `dbsc` |
//! | What does a client prove with a request (RFC 9449)? | `dpop` |
//! | Do two texts name the same address? | `address` |
//! | In which steps is a JWT read and verified? | `jwt` |
//! | Which JSON objects are accepted? | `json` |
//! | What is the public key of a client? | `key` |
//! | Why is a proof refused? | `error` |
//!
//! This folder uses only `primitives`, `time` and `token::text`.

pub(crate) mod address;
pub(crate) mod dbsc;
pub(crate) mod dpop;
mod error;
mod json;
mod jwt;
pub(crate) mod key;
#[cfg(test)]
mod signing;

pub use self::error::ProofError;
