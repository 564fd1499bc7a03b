//! The jars of cookie, which axum-extra and Rocket put their names to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::{Cookie, CookieJar, Key};

use crate::peers::{Expiry, Kind, Peer, Ways};
use crate::states::State;

const PRIVATE: Peer = Peer {
    name: "cookie private",
    kind: Kind::Encrypts,
    suite: "AES-256-GCM",
    encoding: "JSON",
    expiry: Expiry::None,
};

pub(super) const PRIVATE_JSON: Peer = PRIVATE;

pub(super) const PRIVATE_POSTCARD: Peer =
    Peer { name: "cookie private, postcard", encoding: "postcard in base64", ..PRIVATE };

pub(super) const SIGNED: Peer =
    Peer { name: "cookie signed", kind: Kind::Signs, suite: "HMAC-SHA256", ..PRIVATE };

fn key() -> Key {
    Key::from(&[super::KEY, super::KEY].concat())
}

pub(super) fn private_json<S: State>(_: u64) -> Ways<S> {
    let (sealing, opening) = (key(), key());
    Ways::new(
        move |state: &S| {
            let mut jar = CookieJar::new();
            let value = serde_json::to_string(state).unwrap();
            jar.private_mut(&sealing).add(Cookie::new("s", value));
            leaving(&jar)
        },
        move |text| {
            let jar = arriving(text)?;
            let cookie = jar.private(&opening).get("s")?;
            serde_json::from_str(cookie.value()).ok()
        },
    )
}

/// As axum-extra writes a line and reads one: what a cookie cannot hold is escaped.
fn leaving(jar: &CookieJar) -> String {
    let line = jar.get("s").unwrap().encoded().stripped().to_string();
    line["s=".len()..].to_owned()
}

fn arriving(text: &str) -> Option<CookieJar> {
    let mut jar = CookieJar::new();
    jar.add_original(Cookie::parse_encoded(format!("s={text}")).ok()?);
    Some(jar)
}

/// A cookie's value is a string, so the bytes take base64.
pub(super) fn private_postcard<S: State>(_: u64) -> Ways<S> {
    let (sealing, opening) = (key(), key());
    Ways::new(
        move |state: &S| {
            let mut jar = CookieJar::new();
            let value = URL_SAFE_NO_PAD.encode(postcard::to_allocvec(state).unwrap());
            jar.private_mut(&sealing).add(Cookie::new("s", value));
            leaving(&jar)
        },
        move |text| {
            let jar = arriving(text)?;
            let cookie = jar.private(&opening).get("s")?;
            postcard::from_bytes(&URL_SAFE_NO_PAD.decode(cookie.value()).ok()?).ok()
        },
    )
}

pub(super) fn signed<S: State>(_: u64) -> Ways<S> {
    let (sealing, opening) = (key(), key());
    Ways::new(
        move |state: &S| {
            let mut jar = CookieJar::new();
            let value = serde_json::to_string(state).unwrap();
            jar.signed_mut(&sealing).add(Cookie::new("s", value));
            leaving(&jar)
        },
        move |text| {
            let jar = arriving(text)?;
            let cookie = jar.signed(&opening).get("s")?;
            serde_json::from_str(cookie.value()).ok()
        },
    )
}
