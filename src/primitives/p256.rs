//! Points of the curve P-256, and signatures by ECDSA with SHA-256 (ES256 of RFC 7518).
//!
//! Keys are always read with RustCrypto. The feature `aws-lc-rs` only selects the backend that
//! verifies signatures.

use p256::Sec1Point;
use p256::ecdsa::VerifyingKey;

pub(crate) const POINT_LEN: usize = 33;
pub(crate) const SIGNATURE_LEN: usize = 64;

/// A point of the curve that is not the identity, in compressed form (SEC 1, section 2.3.3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point([u8; POINT_LEN]);

impl Point {
    /// Reads a compressed point. `None` if the bytes are not a point of the curve. Reading computes
    /// a square root modulo p.
    pub(crate) fn from_compressed(bytes: &[u8; POINT_LEN]) -> Option<Point> {
        // p256 also reads the form "compact", which has the same length and the tag 5.
        match bytes {
            [2 | 3, ..] => VerifyingKey::from_sec1_bytes(bytes).ok().map(|_| Point(*bytes)),
            _ => None,
        }
    }

    /// The point with these coordinates. `None` if it is not on the curve.
    pub(crate) fn from_coordinates(x: &[u8; 32], y: &[u8; 32]) -> Option<Point> {
        let point = Sec1Point::from_affine_coordinates(x.into(), y.into(), false);
        let point = VerifyingKey::from_sec1_point(&point).ok()?.to_sec1_point(true);
        point.as_bytes().try_into().ok().map(Point)
    }

    pub(crate) fn as_compressed(&self) -> &[u8; POINT_LEN] {
        &self.0
    }

    /// The coordinates x and y. Computing them takes a square root modulo p.
    pub(crate) fn coordinates(&self) -> ([u8; 32], [u8; 32]) {
        let key = VerifyingKey::from_sec1_bytes(&self.0).expect("a Point is on the curve");
        let point = key.to_sec1_point(false);
        match (point.x(), point.y()) {
            (Some(x), Some(y)) => ((*x).into(), (*y).into()),
            _ => unreachable!("a point that is not the identity has both, without compression"),
        }
    }

    /// Verifies the signature r ‖ s of `message`.
    ///
    /// Both s and n − s are accepted, as in ES256. Therefore anyone who sees a signature can make a
    /// second signature of the same message, and a signature must not be used as an id.
    pub(crate) fn verify(
        &self,
        message: &[u8],
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<(), BadSignature> {
        verify(self, message, signature)
    }
}

/// The error for a wrong signature.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadSignature;

#[cfg(feature = "aws-lc-rs")]
use aws_lc::verify;
#[cfg(not(feature = "aws-lc-rs"))]
use rustcrypto::verify;

#[cfg(feature = "aws-lc-rs")]
mod aws_lc {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::{BadSignature, Point, SIGNATURE_LEN};

    pub(super) fn verify(
        key: &Point,
        message: &[u8],
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<(), BadSignature> {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.0);
        key.verify(message, signature).map_err(|_| BadSignature)
    }
}

#[cfg(any(test, not(feature = "aws-lc-rs")))]
mod rustcrypto {
    use p256::ecdsa::signature::Verifier as _;
    use p256::ecdsa::{Signature, VerifyingKey};

    use super::{BadSignature, Point, SIGNATURE_LEN};

    pub(super) fn verify(
        key: &Point,
        message: &[u8],
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<(), BadSignature> {
        let key = VerifyingKey::from_sec1_bytes(&key.0).map_err(|_| BadSignature)?;
        let signature = Signature::from_slice(signature).map_err(|_| BadSignature)?;
        key.verify(message, &signature).map_err(|_| BadSignature)
    }
}

/// Signs messages as clients do. Each private key is derived from a number.
#[cfg(test)]
pub(crate) mod signing {
    use p256::ecdsa::signature::Signer as _;
    use p256::ecdsa::{Signature, SigningKey};

    use super::{Point, SIGNATURE_LEN};

    fn private_key(number: u8) -> SigningKey {
        SigningKey::from_slice(&[number; 32]).unwrap()
    }

    pub(crate) fn public_key(number: u8) -> Point {
        let point = private_key(number).verifying_key().to_sec1_point(true);
        Point::from_compressed(point.as_bytes().try_into().unwrap()).unwrap()
    }

    pub(crate) fn sign(number: u8, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        let signature: Signature = private_key(number).sign(message);
        signature.to_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::signing::{public_key, sign};
    use super::*;

    /// p, the modulus of the coordinates, and n, the order of the curve (SEC 2, section 2.4.2).
    const P: &str = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
    const N: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

    fn unhex<const L: usize>(text: &str) -> [u8; L] {
        std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..][..2], 16).unwrap())
    }

    /// Verifies with RustCrypto and with the backend in use, which must agree.
    #[track_caller]
    fn accepts(key: &Point, message: &[u8], signature: &[u8; 64]) -> bool {
        let accepted = rustcrypto::verify(key, message, signature).is_ok();
        assert_eq!(key.verify(message, signature).is_ok(), accepted);
        accepted
    }

    /// n − s.
    fn negated(s: &[u8]) -> [u8; 32] {
        let (mut out, mut borrow) = (unhex::<32>(N), 0);
        for (n, s) in out.iter_mut().zip(s).rev() {
            let digit = i16::from(*n) - i16::from(*s) - borrow;
            (*n, borrow) = (digit.rem_euclid(256) as u8, i16::from(digit < 0));
        }
        out
    }

    #[test]
    fn only_the_signature_of_this_message_by_this_key_is_accepted() {
        let (point, signature) = (public_key(7), sign(7, b"message"));
        assert!(accepts(&point, b"message", &signature));
        assert!(!accepts(&point, b"messagf", &signature));
        assert!(!accepts(&point, b"", &signature));
        let mut other = *point.as_compressed();
        other[0] ^= 1; // the same x with the other y
        assert!(!accepts(&Point::from_compressed(&other).unwrap(), b"message", &signature));
        for at in 0..64 {
            for change in [1, 0x80, 0xff] {
                let mut signature = signature;
                signature[at] ^= change;
                assert!(!accepts(&point, b"message", &signature), "byte {at}");
            }
        }
    }

    #[test]
    fn both_of_the_two_signatures_with_the_same_r_are_accepted() {
        let point = public_key(7);
        for message in [&b"one"[..], b"two", b"three"] {
            let mut signature = sign(7, message);
            let other = negated(&signature[32..]);
            assert!(accepts(&point, message, &signature));
            signature[32..].copy_from_slice(&other);
            assert!(accepts(&point, message, &signature));
        }
    }

    #[test]
    fn signatures_with_numbers_out_of_range_are_refused() {
        let point = public_key(7);
        let edges = [unhex(N), [0; 32], [0xff; 32], unhex(P)];
        let usual = std::array::from_fn(|at| u8::from(at == 31));
        for edge in edges {
            for (r, s) in [(edge, usual), (usual, edge), (edge, edge)] {
                let signature = [r, s].concat().try_into().unwrap();
                assert!(!accepts(&point, b"message", &signature), "{r:x?} {s:x?}");
            }
        }
    }

    #[test]
    fn a_point_has_one_encoding_and_is_on_the_curve() {
        let point = public_key(7);
        let (x, y) = point.coordinates();
        assert!(Point::from_coordinates(&x, &y) == Some(point));
        assert!(Point::from_coordinates(&y, &x).is_none());
        assert!(Point::from_coordinates(&x, &x).is_none());
        assert!(Point::from_coordinates(&[0; 32], &[0; 32]).is_none());
        // Tag 0 is the point at infinity, and tag 5 is the form "compact".
        for tag in (0..=255).filter(|tag| ![2, 3].contains(tag)) {
            let mut bytes = *point.as_compressed();
            bytes[0] = tag;
            assert!(Point::from_compressed(&bytes).is_none(), "tag {tag}");
        }
    }

    #[test]
    fn coordinates_are_below_the_modulus() {
        // p + 5.
        let above = "ffffffff00000001000000000000000000000001000000000000000000000004";
        let compressed = |x: &str| unhex::<POINT_LEN>(&format!("02{x}"));
        let five = Point::from_compressed(&compressed(&format!("{:064x}", 5))).unwrap();
        let (x, y) = five.coordinates();
        assert!(Point::from_coordinates(&x, &y) == Some(five));
        assert!(Point::from_coordinates(&unhex(above), &y).is_none());
        assert!(Point::from_compressed(&compressed(above)).is_none());
        assert!(Point::from_compressed(&compressed(P)).is_none());
    }

    #[test]
    fn about_half_of_all_numbers_are_the_x_of_a_point() {
        let half = (0..=255).filter(|last| {
            let mut bytes = [0; POINT_LEN];
            (bytes[0], bytes[32]) = (3, *last);
            Point::from_compressed(&bytes).is_some()
        });
        assert!((100..156).contains(&half.count()), "of 256");
    }
}
