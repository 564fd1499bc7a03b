//! Proofs with a request: DPoP (RFC 9449).

use std::time::Duration;

use super::address::Address;
use super::error::ProofError;
use super::jwt::Jwt;
use super::key::{PublicKey, decoded};
use crate::primitives::digest;
use crate::time::UnixTime;

const TYPE: &str = "dpop+jwt";

/// A client proves that it has a key, for one request. The caller must compare every field with
/// the request (RFC 9449 section 4.3).
#[derive(Debug)]
pub(crate) struct Dpop {
    pub(crate) key: PublicKey,
    /// An id that the client has chosen.
    pub(crate) jti: String,
    /// The request's method.
    pub(crate) htm: String,
    /// The request's address.
    pub(crate) htu: String,
    /// When the client made the proof, by its own clock.
    pub(crate) iat: UnixTime,
    /// SHA-256 of the token that goes with the request.
    pub(crate) ath: Option<[u8; 32]>,
    /// The server's challenge.
    pub(crate) nonce: Option<String>,
}

/// Verifies a proof with the key that it brings.
pub(crate) fn dpop(proof: &[u8]) -> Result<Dpop, ProofError> {
    let jwt = Jwt::split(proof)?;
    let key = jwt.key(TYPE)?.ok_or(ProofError::NoKey)?;
    let claims = jwt.claims()?;
    let (jti, htm, htu) = (claims.text("jti")?, claims.text("htm")?, claims.text("htu")?);
    // A NumericDate may have a fraction (RFC 7519 section 2).
    let iat = Duration::try_from_secs_f64(claims.required("iat")?);
    let iat = iat.map_err(|_| ProofError::Claim("iat"))?;
    let ath = claims.optional::<String>("ath")?;
    let ath = ath.map(|ath| decoded(&ath).ok_or(ProofError::Claim("ath"))).transpose()?;
    let nonce = claims.optional("nonce")?;
    jwt.verify(&key)?;
    Ok(Dpop { key, jti, htm, htu, iat: UnixTime::from_secs(iat.as_secs()), ath, nonce })
}

impl Dpop {
    /// Whether the proof is for a request with this method to this address, such as
    /// `https://bank.example/transfer`. Query and fragment do not count.
    pub(crate) fn is_for(&self, method: &str, address: &str) -> bool {
        let (own, other) = (Address::parse(&self.htu), Address::parse(address));
        self.htm == method && own.is_some() && own == other
    }

    /// Whether the proof names this token.
    pub(crate) fn is_with(&self, token: &[u8]) -> bool {
        self.ath == Some(digest(&[token]))
    }

    /// Whether the proof was made at most `age` ago. Clients' clocks may be wrong: so much may it
    /// also lie in the future.
    pub(crate) fn is_near(&self, now: UnixTime, age: Duration) -> bool {
        self.iat <= now + age && now <= self.iat + age
    }
}
