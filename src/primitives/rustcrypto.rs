//! The default backend, RustCrypto, in pure Rust.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};

use super::{BadTag, NONCE_LEN, Secret, TAG_LEN};

/// XChaCha20-Poly1305 with one sealing key. The key is wiped on drop.
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

    /// Decrypts `body` in place if the tag is right, and does not change it otherwise.
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
