//! Clients that have a key and send proofs of it: a browser (W3C draft "Device Bound Session
//! Credentials"), and a client without cookies (DPoP, RFC 9449).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::client::Client;
use crate::{App, Response};

/// The key of a device, which signs the proofs of a browser.
#[derive(Clone, Debug)]
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// The key whose 32 bytes all have the value `byte`.
    ///
    /// # Panics
    /// If `byte` is 0 or 255, because the bytes are not a private key then.
    #[must_use]
    pub fn new(byte: u8) -> DeviceKey {
        DeviceKey(SigningKey::from_slice(&[byte; 32]).unwrap())
    }

    /// The proof with which a browser registers the key.
    #[must_use]
    pub fn registration(&self, challenge: &str) -> String {
        let header = json!({ "alg": "ES256", "jwk": self.jwk(), "typ": "dbsc+jwt" });
        self.jwt(&header, &json!({ "jti": challenge }))
    }

    /// The proof for one request of a client without cookies (DPoP, RFC 9449).
    #[must_use]
    pub fn dpop(&self, claims: &Value) -> String {
        self.jwt(&json!({ "alg": "ES256", "jwk": self.jwk(), "typ": "dpop+jwt" }), claims)
    }

    fn jwk(&self) -> Value {
        let point = self.0.verifying_key().to_sec1_point(false);
        // SEC 1: 04, then the two coordinates.
        let (x, y) = point.as_bytes()[1..].split_at(32);
        let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "crv": "P-256", "kty": "EC", "x": coordinate(x), "y": coordinate(y) })
    }

    /// The proof that a browser sends without the bound cookie.
    #[must_use]
    pub fn proof(&self, challenge: &str) -> String {
        self.jwt(&json!({ "alg": "ES256", "typ": "dbsc+jwt" }), &json!({ "jti": challenge }))
    }

    fn jwt(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature: Signature = self.0.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// The same proof with the other valid signature: (r, n − s) in place of (r, s).
///
/// # Panics
/// If `proof` has no signature of 64 bytes.
#[must_use]
pub fn with_other_signature(proof: &str) -> String {
    let (signed, signature) = proof.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (r, s) = Signature::from_slice(&signature).unwrap().split_scalars();
    let other = Signature::from_scalars(r, -s).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(other.to_bytes()))
}

/// The SHA-256 of a token in base64url, for the claim `ath` of a proof.
#[must_use]
pub fn token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token))
}

/// The identifier and the challenge of a field `Secure-Session-Challenge`.
///
/// # Panics
/// If the field is not as bulla writes it.
#[must_use]
pub fn challenge_of(field: &str) -> (String, String) {
    let (challenge, id) = field.split_once(";id=").unwrap();
    let text = |quoted: &str| quoted.trim_matches('"').to_owned();
    (text(id), text(challenge))
}

/// A browser that supports device-bound sessions.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) client: Client,
    key: DeviceKey,
    /// The identifier of the bound session, and the challenge for the next proof.
    pub(crate) bound: Option<(String, String)>,
}

impl Device {
    pub(crate) fn new() -> Device {
        Device { client: Client::new(), key: DeviceKey::new(7), bound: None }
    }

    /// The same cookies, and another key.
    pub(crate) fn stolen(&self) -> Device {
        Device { key: DeviceKey::new(9), ..self.clone() }
    }

    /// Registers the key for a challenge, as the response to a sign-in asks.
    pub(crate) fn register(&mut self, app: &dyn App, path: &str, challenge: &str) -> Response {
        let proof = self.key.registration(challenge);
        self.post(app, path, &[("secure-session-response", &proof)])
    }

    /// Sends a proof for the last challenge.
    pub(crate) fn refresh(&mut self, app: &dyn App, path: &str) -> Response {
        let (identifier, challenge) = self.bound.clone().unwrap();
        let proof = self.key.proof(&challenge);
        let headers =
            [("sec-secure-session-id", &*identifier), ("secure-session-response", &*proof)];
        self.post(app, path, &headers)
    }

    pub(crate) fn post(&mut self, app: &dyn App, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.client.request("POST", path);
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        request.headers.extend(headers);
        let response = app.send(&request);
        self.receive(&response);
        response
    }

    /// Stores cookies, and the challenge for the next proof.
    pub(crate) fn receive(&mut self, response: &Response) {
        self.client.receive(response);
        if let Some(field) = response.one("secure-session-challenge") {
            self.bound = Some(challenge_of(field));
        }
    }
}
