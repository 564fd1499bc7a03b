//! The public key of a client.

use std::fmt;

use super::error::ProofError;
use super::json::Object;
use crate::primitives::digest;
use crate::primitives::p256::{POINT_LEN, Point};
use crate::token::text;

/// A public key of P-256, compressed: 33 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublicKey(Point);

impl PublicKey {
    /// Reads a compressed point (SEC 1). This takes a square root modulo p, some microseconds:
    /// use it when a proof arrives, and not for each request.
    pub(crate) fn from_bytes(bytes: &[u8; POINT_LEN]) -> Option<PublicKey> {
        Point::from_compressed(bytes).map(PublicKey)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; POINT_LEN] {
        self.0.as_compressed()
    }

    /// Reads a JSON Web Key (RFC 7518 section 6.2). One with a private part is refused: its owner
    /// has published it.
    pub(super) fn from_jwk(jwk: &Object<'_>) -> Result<PublicKey, ProofError> {
        let is = |name, value: &str| {
            jwk.member::<String>(name).is_ok_and(|text| text.as_deref() == Some(value))
        };
        if !is("kty", "EC") || !is("crv", "P-256") || jwk.has("d") {
            return Err(ProofError::Key);
        }
        let coordinate = |name| {
            let text: String = jwk.member(name).ok()??;
            decoded(&text)
        };
        let (Some(x), Some(y)) = (coordinate("x"), coordinate("y")) else {
            return Err(ProofError::Key);
        };
        Point::from_coordinates(&x, &y).map(PublicKey).ok_or(ProofError::Key)
    }

    pub(super) fn point(&self) -> &Point {
        &self.0
    }

    /// The thumbprint of the key (RFC 7638 with SHA-256) in base64url: 43 characters.
    pub(crate) fn thumbprint(&self) -> String {
        let (x, y) = self.0.coordinates();
        let (x, y) = (encoded(&x), encoded(&y));
        let jwk = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        encoded(&digest(&[jwk.as_bytes()]))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.thumbprint())
    }
}

/// 32 bytes in base64url: exactly 43 characters.
pub(super) fn decoded(text: &str) -> Option<[u8; 32]> {
    let mut bytes = Vec::with_capacity(32);
    text::decode(text.as_bytes(), &mut bytes)?;
    bytes.try_into().ok()
}

fn encoded(bytes: &[u8; 32]) -> String {
    let mut text = vec![0; text::encoded_len(bytes.len())];
    text::encode(bytes, &mut text);
    text.into_iter().map(char::from).collect()
}
