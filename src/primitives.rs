//! Which cipher, hash and generator: the only file that names any.

use std::fmt;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub(crate) const NONCE_LEN: usize = 24;
pub(crate) const TAG_LEN: usize = 16;
pub(crate) const MAC_LEN: usize = 32;

pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// HKDF-SHA256 without salt (spec section 2). `info` is joined without separators.
pub(crate) fn derive<const N: usize>(key: &[u8; 32], info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    Hkdf::<Sha256>::new(None, key)
        .expand_multi_info(info, &mut *out)
        .expect("HKDF-SHA256 gives up to 8,160 bytes, and 32 at most are asked for");
    out
}

/// XChaCha20-Poly1305 under one sealing key; wiped on drop.
pub(crate) struct SealingKey(XChaCha20Poly1305);

impl SealingKey {
    pub(crate) fn new(key: &Secret) -> SealingKey {
        SealingKey(XChaCha20Poly1305::new((&**key).into()))
    }

    /// Encrypts `body` in place and returns its tag.
    pub(crate) fn encrypt(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated_data: &[u8],
        body: &mut [u8],
    ) -> [u8; TAG_LEN] {
        self.0
            .encrypt_inout_detached(nonce.into(), associated_data, body.into())
            .expect("a body is below the cipher's limit of 256 GiB")
            .into()
    }

    /// Decrypts `body` in place if its tag holds, and leaves it alone otherwise.
    pub(crate) fn decrypt(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated_data: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), BadTag> {
        self.0
            .decrypt_inout_detached(nonce.into(), associated_data, body.into(), tag.into())
            .map_err(|_| BadTag)
    }
}

/// HMAC-SHA256 under one signing key, its key state prepared once; wiped on drop.
pub(crate) struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    pub(crate) fn new(key: &Secret) -> SigningKey {
        SigningKey(Hmac::new_from_slice(&**key).expect("HMAC takes a key of any length"))
    }

    pub(crate) fn mac(&self, prefix: &[u8], message: &[u8]) -> [u8; MAC_LEN] {
        self.fed(prefix, message).finalize().into_bytes().into()
    }

    /// Compares in constant time.
    pub(crate) fn check(&self, prefix: &[u8], message: &[u8], mac: &[u8]) -> Result<(), BadTag> {
        self.fed(prefix, message).verify_slice(mac).map_err(|_| BadTag)
    }

    fn fed(&self, prefix: &[u8], message: &[u8]) -> Hmac<Sha256> {
        let mut state = self.0.clone();
        state.update(prefix);
        state.update(message);
        state
    }
}

/// A tag or mac does not hold.
#[derive(Debug)]
pub(crate) struct BadTag;

/// SHA-256.
pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// `N` bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// The operating system's random generator failed; nothing was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomError;

impl fmt::Display for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system's random generator failed")
    }
}

impl std::error::Error for RandomError {}
