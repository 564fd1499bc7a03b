//! A client without cookies that has a key, and sends proofs of it (DPoP, RFC 9449).

use std::sync::atomic::{AtomicU64, Ordering};

use bulla::transport::Line;
use bulla::{Session, Sessions, UnixTime};
use bulla_conformance::{DeviceKey, token_hash};
use serde_json::{Value, json};

use crate::support::{Account, ada};

/// The address of the application.
pub(crate) const HERE: &str = "https://api.bank.example";

/// The header of a response that asks for a proof.
pub(crate) const ASKS: (&str, &str) =
    ("www-authenticate", r#"DPoP error="use_dpop_nonce", algs="ES256""#);

/// A client that has a key. It keeps its tokens and the last challenge.
#[derive(Clone)]
pub(crate) struct Phone {
    pub(crate) key: DeviceKey,
    pub(crate) token: Option<String>,
    pub(crate) renewal: Option<String>,
    pub(crate) challenge: Option<String>,
}

/// A request of the phone: its headers, and what proofs for it say.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    pub(crate) target: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Phone {
    pub(crate) fn new(seed: u8) -> Phone {
        Phone { key: DeviceKey::new(seed), token: None, renewal: None, challenge: None }
    }

    /// A phone with a session that is bound to its key.
    pub(crate) fn bound(sessions: &Sessions<Account>, now: UnixTime) -> Phone {
        let mut phone = Phone::new(7);
        let request = phone.proving("POST", "/sign-in", now);
        phone.visit(sessions, now, &request, |session| session.start(ada()).unwrap());
        phone
    }

    /// A request without a proof. The state token is in this scheme.
    pub(crate) fn bare(&self, scheme: &str, method: &'static str, target: &'static str) -> Sent {
        let token = self.token.iter().map(|token| ("authorization", format!("{scheme} {token}")));
        let renewal = self.renewal.iter().map(|renewal| ("session-renewal", renewal.clone()));
        Sent { method, target, headers: token.chain(renewal).collect() }
    }

    pub(crate) fn get(&self) -> Sent {
        self.bare("DPoP", "GET", "/balance")
    }

    /// A request with a proof for it.
    pub(crate) fn proving(
        &self,
        method: &'static str,
        target: &'static str,
        now: UnixTime,
    ) -> Sent {
        let proof = self.key.dpop(&self.claims(method, target, now));
        self.bare("DPoP", method, target).with("dpop", proof)
    }

    /// The claims of a proof for a request at `now`. Each proof has another id.
    pub(crate) fn claims(&self, method: &str, target: &str, now: UnixTime) -> Value {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let path = target.split('?').next().unwrap();
        let mut claims = json!({
            "jti": SERIAL.fetch_add(1, Ordering::Relaxed).to_string(),
            "htm": method, "htu": format!("{HERE}{path}"), "iat": now.as_secs(),
        });
        if let Some(token) = &self.token {
            claims["ath"] = token_hash(token).into();
        }
        if let Some(challenge) = &self.challenge {
            claims["nonce"] = challenge.as_str().into();
        }
        claims
    }

    pub(crate) fn visit<R>(
        &mut self,
        sessions: &Sessions<Account>,
        now: UnixTime,
        request: &Sent,
        handler: impl FnOnce(&Session<Account>) -> R,
    ) -> R {
        let session = request.load(sessions, now);
        let result = handler(&session);
        self.receive(&session);
        result
    }

    /// Closes the session, and stores what the response says.
    pub(crate) fn receive(&mut self, session: &Session<Account>) -> Vec<Line> {
        let lines: Vec<Line> = session.commit().into_iter().collect();
        for line in &lines {
            let value = Some(line.value.clone()).filter(|value| !value.is_empty());
            match &*line.name {
                "session-token" => self.token = value,
                "session-renewal" => self.renewal = value,
                "dpop-nonce" => self.challenge = value,
                _ => {}
            }
        }
        lines
    }
}

impl Sent {
    pub(crate) fn with(mut self, name: &'static str, value: String) -> Sent {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Sent {
        self.headers.retain(|(header, _)| *header != name);
        self
    }

    pub(crate) fn load(&self, sessions: &Sessions<Account>, now: UnixTime) -> Session<Account> {
        let session = sessions.load_at(now, self.method, |name| {
            let values = self.headers.iter().filter(|(header, _)| *header == name);
            values.map(|(_, value)| value.as_bytes()).collect::<Vec<_>>()
        });
        session.set_target(self.method, self.target);
        session
    }
}
