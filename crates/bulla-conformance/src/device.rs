//! A browser that has a key, and sends proofs of it (W3C draft "Device Bound Session Credentials").

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

use crate::client::Client;
use crate::{App, Response};

/// A browser that supports device-bound sessions.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) client: Client,
    key: SigningKey,
    /// The identifier of the bound session, and the challenge for the next proof.
    pub(crate) bound: Option<(String, String)>,
}

impl Device {
    pub(crate) fn new() -> Device {
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        Device { client: Client::new(), key, bound: None }
    }

    /// The same cookies, and another key.
    pub(crate) fn stolen(&self) -> Device {
        Device { key: SigningKey::from_slice(&[9; 32]).unwrap(), ..self.clone() }
    }

    /// Registers the key for a challenge, as the response to a sign-in asks.
    pub(crate) fn register(&mut self, app: &dyn App, path: &str, challenge: &str) -> Response {
        let point = self.key.verifying_key().to_sec1_point(false);
        let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = json!({
            "crv": "P-256",
            "kty": "EC",
            "x": coordinate(point.x().unwrap()),
            "y": coordinate(point.y().unwrap()),
        });
        let header = json!({ "alg": "ES256", "jwk": jwk, "typ": "dbsc+jwt" });
        let proof = self.jwt(&header, challenge);
        self.post(app, path, &[("secure-session-response", &proof)])
    }

    /// Sends a proof for the last challenge.
    pub(crate) fn refresh(&mut self, app: &dyn App, path: &str) -> Response {
        let (identifier, challenge) = self.bound.clone().unwrap();
        let proof = self.jwt(&json!({ "alg": "ES256", "typ": "dbsc+jwt" }), &challenge);
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
            let (challenge, id) = field.split_once(";id=").unwrap();
            let text = |quoted: &str| quoted.trim_matches('"').to_owned();
            self.bound = Some((text(id), text(challenge)));
        }
    }

    fn jwt(&self, header: &Value, challenge: &str) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(&json!({ "jti": challenge })));
        let signature: Signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}
