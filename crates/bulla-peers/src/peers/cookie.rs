//! The jars of cookie, which axum-extra and Rocket also use.

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

const SIGNED: Peer =
    Peer { name: "cookie signed", kind: Kind::Signs, suite: "HMAC-SHA256", ..PRIVATE };

pub(super) const SIGNED_JSON: Peer = SIGNED;

pub(super) const SIGNED_POSTCARD: Peer =
    Peer { name: "cookie signed, postcard", encoding: "postcard in base64", ..SIGNED };

fn key() -> Key {
    Key::from(&[super::KEY, super::KEY].concat())
}

pub(super) fn private_json<S: State>(_: u64) -> Ways<S> {
    let (sealing, opening) = (key(), key());
    Ways::new(
        move |state: &S| {
            let mut jar = CookieJar::new();
            jar.private_mut(&sealing).add(Cookie::new("s", serde_json::to_string(state).unwrap()));
            value(&jar)
        },
        move |text| {
            let cookie = with(text).private(&opening).get("s")?;
            serde_json::from_str(cookie.value()).ok()
        },
    )
}

pub(super) fn private_postcard<S: State>(_: u64) -> Ways<S> {
    let (sealing, opening) = (key(), key());
    Ways::new(
        move |state: &S| {
            let mut jar = CookieJar::new();
            jar.private_mut(&sealing).add(Cookie::new("s", base64_of(state)));
            value(&jar)
        },
        move |text| of_base64(with(text).private(&opening).get("s")?.value()),
    )
}

/// Percent-encodes the value as axum-extra does. The signed jar does not encode values, and JSON
/// has characters that a cookie must not contain.
pub(super) fn signed_json<S: State>(_: u64) -> Ways<S> {
    let (sealing, opening) = (key(), key());
    Ways::new(
        move |state: &S| {
            let mut jar = CookieJar::new();
            jar.signed_mut(&sealing).add(Cookie::new("s", serde_json::to_string(state).unwrap()));
            let line = jar.get("s").unwrap().encoded().stripped().to_string();
            line["s=".len()..].to_owned()
        },
        move |text| {
            let mut jar = CookieJar::new();
            jar.add_original(Cookie::parse_encoded(format!("s={text}")).ok()?);
            let cookie = jar.signed(&opening).get("s")?;
            serde_json::from_str(cookie.value()).ok()
        },
    )
}

pub(super) fn signed_postcard<S: State>(_: u64) -> Ways<S> {
    let (sealing, opening) = (key(), key());
    Ways::new(
        move |state: &S| {
            let mut jar = CookieJar::new();
            jar.signed_mut(&sealing).add(Cookie::new("s", base64_of(state)));
            value(&jar)
        },
        move |text| of_base64(with(text).signed(&opening).get("s")?.value()),
    )
}

/// The value of the cookie, which needs no encoding.
fn value(jar: &CookieJar) -> String {
    jar.get("s").unwrap().value().to_owned()
}

fn with(text: &str) -> CookieJar {
    let mut jar = CookieJar::new();
    jar.add_original(Cookie::new("s", text.to_owned()));
    jar
}

/// Encodes the bytes as base64, because the value of a cookie is a string.
fn base64_of(state: &impl State) -> String {
    URL_SAFE_NO_PAD.encode(postcard::to_allocvec(state).unwrap())
}

fn of_base64<S: State>(text: &str) -> Option<S> {
    postcard::from_bytes(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
