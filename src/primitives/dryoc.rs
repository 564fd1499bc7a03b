//! The backend of the feature `dryoc`, in pure Rust with vector instructions.
//!
//! Unlike RustCrypto's code, it selects the instructions when it runs, so an ordinary build is fast.

use std::mem::ManuallyDrop;

use dryoc::classic::crypto_aead_xchacha20poly1305_ietf as aead;

use super::{BadTag, NONCE_LEN, Secret, TAG_LEN};

/// XChaCha20-Poly1305 with one sealing key. The key is wiped on drop.
pub(crate) struct SealingKey(Secret);

impl SealingKey {
    pub(crate) fn new(key: &Secret) -> SealingKey {
        SealingKey(Secret::clone(key))
    }

    /// Encrypts `body` in place and returns its tag.
    pub(crate) fn encrypt(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated_data: &[u8],
        body: &mut [u8],
    ) -> [u8; TAG_LEN] {
        let (associated_data, mut tag) = (Some(associated_data), [0; TAG_LEN]);
        aead::crypto_aead_xchacha20poly1305_ietf_encrypt_detached_inplace(
            body,
            &mut tag,
            associated_data,
            nonce,
            &self.0,
        )
        .expect("a body is far below the cipher's limit, the largest slice");
        tag
    }

    /// Decrypts `body` in place if the tag is right, and does not change it otherwise.
    pub(crate) fn decrypt(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated_data: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), BadTag> {
        let decrypted = aead::crypto_aead_xchacha20poly1305_ietf_decrypt_detached_inplace(
            body,
            tag,
            Some(associated_data),
            nonce,
            &self.0,
        );
        // The only error here is a wrong tag, and it owns nothing. Its destructor would branch on the
        // kind of error, so that more branches than one depended on the tag.
        if ManuallyDrop::new(decrypted).is_ok() { Ok(()) } else { Err(BadTag) }
    }
}
