//! A client without cookies that has a key and sends proofs of it (DPoP, RFC 9449).

use bulla::UnixTime;
use serde_json::{Value, json};

use crate::client::Client;
use crate::device::{DeviceKey, token_hash};
use crate::{App, Request, Response};

/// The address under which clients reach the application. A proxy removes `/v1`.
pub(crate) const ADDRESS: &str = "https://api.conformance.example/v1";

/// A phone: its tokens, its key and the challenge for its next proof.
#[derive(Clone)]
pub(crate) struct Phone {
    pub(crate) client: Client,
    pub(crate) key: DeviceKey,
    pub(crate) challenge: Option<String>,
    proofs: u64,
}

impl Phone {
    pub(crate) fn new() -> Phone {
        Phone { client: Client::new(), key: DeviceKey::new(7), challenge: None, proofs: 0 }
    }

    /// The same tokens, and another key.
    pub(crate) fn stolen(&self) -> Phone {
        Phone { key: DeviceKey::new(9), ..self.clone() }
    }

    pub(crate) fn request(&self, method: &'static str, path: &str) -> Request {
        let mut request = self.client.request(method, path);
        for (name, value) in &mut request.headers {
            if name == "authorization" {
                *value = value.replacen("Bearer", "DPoP", 1);
            }
        }
        request
    }

    /// A request with a proof for it.
    pub(crate) fn proven(&mut self, now: UnixTime, method: &'static str, path: &str) -> Request {
        let claims = self.claims(now, method, path);
        self.with(&claims, method, path)
    }

    /// A request with a proof that makes these claims.
    pub(crate) fn with(&self, claims: &Value, method: &'static str, path: &str) -> Request {
        let mut request = self.request(method, path);
        request.headers.push(("dpop".to_owned(), self.key.dpop(claims)));
        request
    }

    /// What a proof for a request claims at `now`.
    pub(crate) fn claims(&mut self, now: UnixTime, method: &str, path: &str) -> Value {
        self.proofs += 1;
        let path = path.split('?').next().unwrap();
        let mut claims = json!({
            "jti": self.proofs.to_string(), "htm": method, "htu": format!("{ADDRESS}{path}"),
            "iat": now.as_secs(),
        });
        if let Some(token) = self.client.kept.get("session-token") {
            claims["ath"] = token_hash(token).into();
        }
        if let Some(challenge) = &self.challenge {
            claims["nonce"] = challenge.as_str().into();
        }
        claims
    }

    pub(crate) fn send(&mut self, app: &dyn App, request: &Request) -> Response {
        let response = app.send(request);
        self.client.receive(&response);
        if let Some(challenge) = response.one("dpop-nonce") {
            self.challenge = Some(challenge.to_owned());
        }
        response
    }

    pub(crate) fn get(&mut self, app: &dyn App, path: &str) -> Response {
        let request = self.request("GET", path);
        self.send(app, &request)
    }
}
