//! Cryptography: the cipher, the MAC, the hash, key derivation and the random generator.
//!
//! No other folder names an algorithm. A feature selects the backend (the implementation) of the
//! cipher, but never the algorithm. All backends pass the same test vectors and make the same tokens.
//!
//! If several features are on, the first of this list is used: `aws-lc-rs`, `dryoc`, RustCrypto.

#[cfg(test)]
mod agreement;
#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(all(feature = "dryoc", any(test, not(feature = "aws-lc-rs"))))]
mod dryoc;
#[cfg(test)]
pub(crate) mod failing;
#[cfg(feature = "bound")]
pub(crate) mod p256;
#[cfg(any(test, not(any(feature = "aws-lc-rs", feature = "dryoc"))))]
mod rustcrypto;

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

#[cfg(all(feature = "dryoc", not(feature = "aws-lc-rs")))]
pub(crate) use self::dryoc::SealingKey;
#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc::SealingKey;
#[cfg(not(any(feature = "aws-lc-rs", feature = "dryoc")))]
pub(crate) use rustcrypto::SealingKey;

#[cfg(test)]
use failing::fill;
#[cfg(not(test))]
use getrandom::fill;

pub(crate) const NONCE_LEN: usize = 24;
pub(crate) const TAG_LEN: usize = 16;
pub(crate) const MAC_LEN: usize = 32;

pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// HKDF-SHA256 without salt (spec section 2). The parts of `info` are joined without separators.
pub(crate) fn derive<const N: usize>(key: &[u8; 32], info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    Hkdf::<Sha256>::new(None, key)
        .expand_multi_info(info, &mut *out)
        .expect("HKDF-SHA256 gives up to 8,160 bytes, and at most 32 are requested");
    out
}

/// HMAC-SHA256 with one signing key. The key is wiped on drop.
///
/// The key's state is computed once. All backends use RustCrypto's HMAC, because it is faster than
/// the HMAC of aws-lc-rs. On a processor with SHA extensions, RustCrypto's HMAC takes 190 ns for a
/// small token and 1.35 µs for 2.4 kB. The HMAC of aws-lc-rs takes 255 ns and 1.41 µs.
pub(crate) struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    pub(crate) fn new(key: &Secret) -> SigningKey {
        SigningKey(Hmac::new_from_slice(&**key).expect("HMAC takes a key of any length"))
    }

    pub(crate) fn mac(&self, message: &[u8]) -> [u8; MAC_LEN] {
        self.0.clone().chain_update(message).finalize().into_bytes().into()
    }

    /// Checks `mac` in constant time.
    pub(crate) fn check(&self, message: &[u8], mac: &[u8]) -> Result<(), BadTag> {
        self.0.clone().chain_update(message).verify_slice(mac).map_err(|_| BadTag)
    }
}

/// The error for a wrong tag or MAC.
#[derive(Debug)]
pub(crate) struct BadTag;

/// SHA-256 of the joined parts.
pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// `N` random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// The operating system's random generator failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomError;

impl fmt::Display for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system's random generator failed")
    }
}

impl std::error::Error for RandomError {}
