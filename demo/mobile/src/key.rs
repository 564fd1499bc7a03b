//! The key of the phone and its proofs (DPoP, RFC 9449). A real phone makes the key in its secure
//! hardware, which never gives it away.

use std::error::Error;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

#[derive(Clone)]
pub(crate) struct Key(SigningKey);

/// What a proof says about its request.
#[derive(Clone)]
pub(crate) struct Claims<'a> {
    pub(crate) method: &'a str,
    /// The address, without its query.
    pub(crate) address: String,
    /// `None` at the sign-in.
    pub(crate) token: Option<&'a str>,
    /// The challenge of the last `DPoP-Nonce`. `None` at the sign-in.
    pub(crate) challenge: Option<&'a str>,
}

impl Key {
    pub(crate) fn new() -> Result<Key, Box<dyn Error>> {
        Ok(Key(SigningKey::from_slice(&random::<32>()?)?))
    }

    pub(crate) fn proof(&self, claims: &Claims<'_>) -> Result<String, Box<dyn Error>> {
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.public() });
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let mut payload = json!({
            "jti": base64url(&random::<16>()?),
            "htm": claims.method,
            "htu": claims.address,
            "iat": now.as_secs(),
        });
        if let Some(token) = claims.token {
            payload["ath"] = base64url(&Sha256::digest(token)).into();
        }
        if let Some(challenge) = claims.challenge {
            payload["nonce"] = challenge.into();
        }
        let signed = [header, payload].map(|part| base64url(part.to_string().as_bytes())).join(".");
        let signature: Signature = self.0.sign(signed.as_bytes());
        Ok(format!("{signed}.{}", base64url(&signature.to_bytes())))
    }

    fn public(&self) -> Value {
        let point = self.0.verifying_key().to_sec1_point(false);
        // SEC 1: one byte for the format, then the two coordinates.
        let (x, y) = point.as_bytes().split_at(1).1.split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) })
    }
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn random<const LEN: usize>() -> Result<[u8; LEN], Box<dyn Error>> {
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
