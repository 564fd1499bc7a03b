//! The sealed mode: XChaCha20-Poly1305 (spec section 5).

use crate::primitives::{self, BadTag, NONCE_LEN, RandomError, SealingKey, Secret};
use crate::token::bytes::{Scheme, Tokens};
use crate::token::wire::{HEAD_LEN, Mode};

/// The bodies of sessions, challenges and sealed cookies are padded to a multiple of this many bytes.
pub(crate) const BUCKET: u8 = 32;

pub(crate) type Sealing = Tokens<Sealed>;

pub(crate) struct Sealed;

impl Scheme for Sealed {
    const MODE: Mode = Mode::Sealed;
    const LABEL: &'static str = "bulla/1/seal";
    type Key = SealingKey;
    type Nonce = [u8; NONCE_LEN];

    fn key(secret: &Secret) -> SealingKey {
        SealingKey::new(secret)
    }

    fn nonce() -> Result<[u8; NONCE_LEN], RandomError> {
        primitives::random()
    }

    /// Encrypts the body, with the head as associated data, and appends the tag.
    #[expect(clippy::indexing_slicing, reason = "for sealing: no client chooses these lengths")]
    fn protect(key: &SealingKey, nonce: &[u8; NONCE_LEN], raw: &mut Vec<u8>) {
        let (head, body) = raw.split_at_mut(HEAD_LEN + NONCE_LEN);
        let tag = key.encrypt(nonce, &head[..HEAD_LEN], body);
        raw.extend_from_slice(&tag);
    }

    fn check<'b>(key: &SealingKey, raw: &'b mut [u8]) -> Option<Result<&'b [u8], BadTag>> {
        let (head, rest) = raw.split_at_mut_checked(HEAD_LEN)?;
        let (nonce, rest) = rest.split_first_chunk_mut()?;
        let (body, tag) = rest.split_last_chunk_mut()?;
        Some(key.decrypt(nonce, head, body, tag).map(|()| &*body))
    }
}
