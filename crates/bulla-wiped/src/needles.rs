//! The needles: the secrets that the search looks for.

use std::error::Error;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bulla::KeyRing;
use hkdf::Hkdf;
use sha2::Sha256;

pub(crate) struct Needle {
    pub(crate) name: &'static str,
    bytes: Vec<u8>,
}

impl Needle {
    /// Pieces of eight bytes, because memory may hold only a part of a needle. For example, the
    /// allocator overwrites the first sixteen bytes of a freed block, and the compiler saves
    /// registers to the stack in parts. Each piece is also searched for with swapped bytes, because
    /// SHA-256 swaps the bytes of words, and masked, because HMAC masks its key.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = (usize, [u8; 8])> {
        let pieces = (0..).step_by(8).zip(self.bytes.as_chunks().0.iter().copied());
        pieces.flat_map(|(at, piece)| {
            let masked = [0, 0x36, 0x5c].map(|mask| piece.map(|byte| byte ^ mask));
            masked.into_iter().flat_map(move |piece| [(at, piece), (at, swapped(piece))])
        })
    }
}

/// Swaps the byte order of both 32-bit words.
fn swapped([a, b, c, d, e, f, g, h]: [u8; 8]) -> [u8; 8] {
    [d, c, b, a, h, g, f, e]
}

/// The purpose of the payload of the program.
const PURPOSE: &str = "bank.example/wiped";

pub(crate) const KEY: &str = "the key";
pub(crate) const KEY_TEXT: &str = "the key as text";
pub(crate) const SEALING: &str = "the sealing subkey";
pub(crate) const SIGNING: &str = "the signing subkey";
pub(crate) const PLAINTEXT: &str = "the plaintext";
pub(crate) const ESCAPED: &str = "a plaintext with a quote";
pub(crate) const OF_TOKEN: &str = "the subkey of a token";

/// The length of a plaintext, in characters.
pub(crate) const PLAINTEXT_LEN: usize = 40;

/// The secrets that the program gets, and the needles derived from them.
pub(crate) struct Secrets {
    pub(crate) ring_text: String,
    pub(crate) plaintext: String,
    /// A plaintext with a quote, before which JSON writes a backslash.
    pub(crate) escaped: String,
    pub(crate) needles: Vec<Needle>,
    sealing: [u8; 32],
}

impl Secrets {
    pub(crate) fn new() -> Result<Secrets, Box<dyn Error>> {
        let ring_text = KeyRing::generate()?.expose_text().trim().to_owned();
        let key_text = &ring_text[12..55];
        let key = BASE64_URL_SAFE_NO_PAD.decode(key_text)?;
        let (plaintext, escaped) = (text()?, format!("{}\"", &text()?[1..]));
        let sealing = derive(&key, "bulla/1/seal")?;
        let needle = |name, bytes: &[u8]| Needle { name, bytes: bytes.to_vec() };
        let needles = vec![
            needle(KEY, &key),
            needle(KEY_TEXT, key_text.as_bytes()),
            needle(SEALING, &sealing),
            needle(SIGNING, &derive(&key, "bulla/1/sign")?),
            needle(PLAINTEXT, plaintext.as_bytes()),
            needle(ESCAPED, escaped.as_bytes()),
        ];
        Ok(Secrets { ring_text, plaintext, escaped, needles, sealing })
    }

    /// Adds the subkey of a token that the program made. The subkey is derived from the token's
    /// nonce.
    pub(crate) fn saw(&mut self, token: &str) -> Result<(), Box<dyn Error>> {
        let raw = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix("b1.").ok_or("not sealed")?)?;
        let nonce: [u8; 16] = raw.get(4..20).ok_or("too short")?.try_into()?;
        let subkey = chacha20::hchacha::<chacha20::R20>(&self.sealing.into(), &nonce.into());
        self.needles.push(Needle { name: OF_TOKEN, bytes: subkey.to_vec() });
        Ok(())
    }
}

fn text() -> Result<String, getrandom::Error> {
    let mut random = [0; PLAINTEXT_LEN * 3 / 4];
    getrandom::fill(&mut random)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random))
}

/// Derives a subkey as in section 3 of the specification.
fn derive(key: &[u8], label: &str) -> Result<[u8; 32], Box<dyn Error>> {
    let mut subkey = [0; 32];
    Hkdf::<Sha256>::new(None, key)
        .expand_multi_info(&[label.as_bytes(), &[0], PURPOSE.as_bytes()], &mut subkey)
        .map_err(|_| "32 bytes are not too long")?;
    Ok(subkey)
}
