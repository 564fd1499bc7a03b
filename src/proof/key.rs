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
    /// Reads a compressed point (SEC 1). `None` if the bytes are not a point of the curve.
    ///
    /// Reading computes a square root modulo p, which takes some microseconds. Therefore callers
    /// read a key only when a proof arrives, and not for each request.
    pub(crate) fn from_bytes(bytes: &[u8; POINT_LEN]) -> Option<PublicKey> {
        Point::from_compressed(bytes).map(PublicKey)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; POINT_LEN] {
        self.0.as_compressed()
    }

    /// Reads a JSON Web Key (RFC 7518 section 6.2). A key with a private part is refused, because a
    /// private key that was sent is no longer secret.
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

/// Decodes 32 bytes from base64url. `None` if `text` is not exactly 43 valid characters.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::signing::{coordinates, jwk, public_key};

    fn read(jwk: &str) -> Result<PublicKey, ProofError> {
        PublicKey::from_jwk(&Object::parse(jwk.as_bytes()).unwrap())
    }

    #[test]
    fn a_key_is_read_from_json_and_from_its_bytes() {
        let key = public_key(1);
        assert_eq!(read(&jwk(1)), Ok(key));
        assert_eq!(PublicKey::from_bytes(key.as_bytes()), Some(key));
        assert_ne!(read(&jwk(2)), Ok(key));
        let more = jwk(1).replacen('{', r#"{"use":"sig","kid":"k","ext":true,"#, 1);
        assert_eq!(read(&more), Ok(key));
    }

    #[test]
    fn any_other_key_is_refused() {
        let [x, y] = coordinates(1);
        let without = |member: &str| jwk(1).replacen(&format!("\"{member}\""), "\"other\"", 1);
        let with = |from: &str, to: &str| jwk(1).replacen(from, to, 1);
        for wrong in [
            without("kty"),
            without("crv"),
            without("x"),
            without("y"),
            with("EC", "OKP"),
            with("EC", "ec"),
            with("P-256", "P-384"),
            with("P-256", "secp256k1"),
            with(&x, &y),
            with(&y, &x),
            with(&x, &format!("{x}=")),
            with(&x, &format!("AA{x}")),
            with(&x, &x[1..]),
            with(&x, &x.replace(['-', '_'], "+")),
            with(&format!("\"{x}\""), "7"),
            with(&format!("\"{x}\""), "null"),
            with(&x, &"A".repeat(43)),
            with("{", r#"{"d":"AAAA","#),
            with("{", r#"{"d":null,"#),
            "{}".to_owned(),
        ] {
            assert_eq!(read(&wrong), Err(ProofError::Key), "{wrong}");
        }
    }

    #[test]
    fn bits_after_the_last_byte_of_a_coordinate_are_refused() {
        let [x, _] = coordinates(1);
        let mut same = 0;
        for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars() {
            let other = format!("{}{last}", &x[..42]);
            same += usize::from(read(&jwk(1).replace(&x, &other)) == Ok(public_key(1)));
        }
        assert_eq!(same, 1);
    }
}
