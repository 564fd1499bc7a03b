//! The backend of the feature `aws-lc-rs`, with ChaCha20-Poly1305 in assembly.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use chacha20::{R20, hchacha};
use zeroize::{Zeroize as _, Zeroizing};

use super::{BadTag, NONCE_LEN, Secret, TAG_LEN};

/// XChaCha20-Poly1305 with one sealing key. The key is wiped on drop.
///
/// XChaCha20-Poly1305 is ChaCha20-Poly1305 with a subkey that is derived from the key and the first
/// 16 bytes of the nonce (draft-irtf-cfrg-xchacha, section 2.3). Therefore each token needs a new
/// AWS-LC context. AWS-LC allocates the context's memory, and wipes this memory before freeing it.
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
        let (key, nonce) = self.of_token(nonce);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(associated_data), body)
            .expect("a body is below the cipher's limit of 256 GiB");
        tag.as_ref().try_into().expect("its tags have 16 bytes")
    }

    /// Decrypts `body` in place if the tag is right, and wipes it otherwise.
    pub(crate) fn decrypt(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated_data: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), BadTag> {
        let (key, nonce) = self.of_token(nonce);
        // AWS-LC decrypts and authenticates in one pass, so the body may contain plaintext when
        // the tag turns out to be wrong.
        match key.open_in_place_separate_tag(nonce, Aad::from(associated_data), tag, body) {
            Ok(_) => Ok(()),
            Err(_) => {
                body.zeroize();
                Err(BadTag)
            }
        }
    }

    fn of_token(&self, nonce: &[u8; NONCE_LEN]) -> (LessSafeKey, Nonce) {
        let (input, rest) = nonce.split_at(16);
        let input = input.try_into().expect("16 bytes of 24");
        let subkey = Zeroizing::new(<[u8; 32]>::from(hchacha::<R20>((&*self.0).into(), input)));
        let key = UnboundKey::new(&CHACHA20_POLY1305, &*subkey).expect("its keys have 32 bytes");
        let mut short = [0; 12];
        short[4..].copy_from_slice(rest);
        (LessSafeKey::new(key), Nonce::assume_unique_for_key(short))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_with_a_wrong_tag_is_wiped() {
        let (key, nonce) = (Zeroizing::new([1; 32]), [2; NONCE_LEN]);
        let key = SealingKey::new(&key);
        let mut body = *b"what only the server reads";
        let mut tag = key.encrypt(&nonce, b"", &mut body);
        tag[15] ^= 1;
        assert!(key.decrypt(&nonce, b"", &mut body, &tag).is_err());
        assert_eq!(body, [0; 26]);
        assert!(key.decrypt(&nonce, b"other", &mut body, &tag).is_err());
    }
}
