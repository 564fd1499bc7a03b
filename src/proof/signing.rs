//! Makes proofs, as clients do, for tests.

use super::key::PublicKey;
use crate::primitives::p256::signing;
use crate::token::text;

/// The public key that belongs to the private key with this number.
pub(super) fn public_key(number: u8) -> PublicKey {
    PublicKey::from_bytes(signing::public_key(number).as_compressed()).unwrap()
}

/// The members `x` and `y` of the public key with this number.
pub(super) fn coordinates(number: u8) -> [String; 2] {
    let (x, y) = signing::public_key(number).coordinates();
    [base64url(&x), base64url(&y)]
}

/// The public key with this number, as a JSON Web Key.
pub(super) fn jwk(number: u8) -> String {
    let [x, y] = coordinates(number);
    format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#)
}

/// A header that contains the public key with this number.
pub(super) fn header(typ: &str, number: u8) -> String {
    format!(r#"{{"typ":"{typ}","alg":"ES256","jwk":{}}}"#, jwk(number))
}

/// Signs any header and any claims. The number selects the private key.
pub(super) fn signed(header: &str, claims: &str, number: u8) -> Vec<u8> {
    let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
    let signature = signing::sign(number, signed.as_bytes());
    format!("{signed}.{}", base64url(&signature)).into_bytes()
}

pub(super) fn base64url(bytes: &[u8]) -> String {
    let mut text = vec![0; text::encoded_len(bytes.len())];
    text::encode(bytes, &mut text);
    String::from_utf8(text).unwrap()
}
