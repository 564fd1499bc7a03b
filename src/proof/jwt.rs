//! The steps in which a proof is read and verified.
//!
//! The steps that cost little come first, so that garbage never costs a verification. The key is
//! often in the proof itself, so a right signature says nothing about the claims, and reading them
//! before the verification risks nothing.

use serde::de::DeserializeOwned;

use super::error::ProofError;
use super::json::Object;
use super::key::PublicKey;
use crate::token::text;

/// The length of a proof, in bytes.
///
/// A browser's registration has 350 bytes and its refresh 200, of which the challenge is a small
/// part. A proof for a request has 450 bytes, the request's address and the challenge. The limit
/// leaves 1 kB for these. Headers of all kinds together are limited to 8 kB by most servers.
pub(crate) const MAX_PROOF_LEN: usize = 2048;

/// A proof whose form is right (steps 1 and 2), decoded.
pub(super) struct Jwt<'a> {
    header: Vec<u8>,
    claims: Vec<u8>,
    signature: Vec<u8>,
    /// What the signature signs.
    signed: &'a [u8],
}

impl<'a> Jwt<'a> {
    pub(super) fn split(jwt: &'a [u8]) -> Result<Jwt<'a>, ProofError> {
        if jwt.len() > MAX_PROOF_LEN {
            return Err(ProofError::TooLong { len: jwt.len(), limit: MAX_PROOF_LEN });
        }
        let mut ends = jwt.rsplitn(2, |byte| *byte == b'.');
        let (Some(signature), Some(signed)) = (ends.next(), ends.next()) else {
            return Err(ProofError::Form);
        };
        let mut parts = signed.split(|byte| *byte == b'.');
        let (Some(header), Some(claims), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(ProofError::Form);
        };
        let [header, claims, signature] = [header, claims, signature].map(|part| {
            let mut bytes = Vec::new();
            text::decode(part, &mut bytes).map(|()| bytes)
        });
        match (header, claims, signature) {
            (Some(header), Some(claims), Some(signature)) => {
                Ok(Jwt { header, claims, signature, signed })
            }
            _ => Err(ProofError::Form),
        }
    }

    /// Steps 3 to 6: the header, its `typ` and `alg`, and its key.
    pub(super) fn key(&self, typ: &str) -> Result<Option<PublicKey>, ProofError> {
        let header = Object::parse(&self.header).ok_or(ProofError::Header)?;
        // No extension is implemented, and one that is critical must not be ignored.
        if header.has("crit") {
            return Err(ProofError::Header);
        }
        let is = |name, value: &str| {
            header.member::<String>(name).is_ok_and(|text| text.as_deref() == Some(value))
        };
        if !is("typ", typ) {
            return Err(ProofError::Type);
        }
        if !is("alg", "ES256") {
            return Err(ProofError::Algorithm);
        }
        let jwk = header.object("jwk").map_err(|_| ProofError::Key)?;
        jwk.map(|jwk| PublicKey::from_jwk(&jwk)).transpose()
    }

    /// Step 7: the claims.
    pub(super) fn claims(&self) -> Result<Claims<'_>, ProofError> {
        Object::parse(&self.claims).map(Claims).ok_or(ProofError::Claims)
    }

    /// Step 8: the signature.
    pub(super) fn verify(&self, key: &PublicKey) -> Result<(), ProofError> {
        let signature = self.signature.as_slice().try_into().map_err(|_| ProofError::Signature)?;
        key.point().verify(self.signed, signature).map_err(|_| ProofError::Signature)
    }
}

pub(super) struct Claims<'a>(Object<'a>);

impl Claims<'_> {
    pub(super) fn optional<T: DeserializeOwned>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, ProofError> {
        self.0.member(name).map_err(|_| ProofError::Claim(name))
    }

    pub(super) fn required<T: DeserializeOwned>(
        &self,
        name: &'static str,
    ) -> Result<T, ProofError> {
        self.optional(name)?.ok_or(ProofError::Claim(name))
    }

    /// A text that is not empty.
    pub(super) fn text(&self, name: &'static str) -> Result<String, ProofError> {
        let text: String = self.required(name)?;
        if text.is_empty() { Err(ProofError::Claim(name)) } else { Ok(text) }
    }
}
