//! pasetors, v4.local.

use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pasetors::Local;
use pasetors::claims::{Claims, ClaimsValidationRules};
use pasetors::keys::SymmetricKey;
use pasetors::token::UntrustedToken;
use pasetors::version4::{LocalToken, V4};

use crate::peers::{Expiry, Kind, Peer, Ways};
use crate::states::State;

pub(super) const JSON: Peer = Peer {
    name: "pasetors v4.local",
    kind: Kind::Encrypts,
    suite: "XChaCha20, BLAKE2b",
    encoding: "JSON",
    expiry: Expiry::Enforced,
};

/// The lower layer of pasetors has no claims. It returns a string, so the bytes are encoded as
/// base64.
pub(super) const POSTCARD: Peer = Peer {
    name: "pasetors v4.local, postcard",
    encoding: "postcard in base64",
    expiry: Expiry::None,
    ..JSON
};

fn key() -> SymmetricKey<V4> {
    SymmetricKey::from(&super::KEY).unwrap()
}

pub(super) fn json<S: State>(lifetime: u64) -> Ways<S> {
    let (sealing, opening) = (key(), key());
    let rules = ClaimsValidationRules::new();
    Ways::new(
        move |state: &S| {
            let mut claims = Claims::new_expires_in(&Duration::from_secs(lifetime)).unwrap();
            claims.add_additional("state", serde_json::to_value(state).unwrap()).unwrap();
            pasetors::local::encrypt(&sealing, &claims, None, None).unwrap()
        },
        move |text| {
            let token = UntrustedToken::<Local, V4>::try_from(text).ok()?;
            let token = pasetors::local::decrypt(&opening, &token, &rules, None, None).ok()?;
            let state = token.payload_claims()?.get_claim("state")?;
            S::deserialize(state).ok()
        },
    )
}

pub(super) fn postcard<S: State>(_: u64) -> Ways<S> {
    let (sealing, opening) = (key(), key());
    Ways::new(
        move |state: &S| {
            let message = URL_SAFE_NO_PAD.encode(postcard::to_allocvec(state).unwrap());
            LocalToken::encrypt(&sealing, message.as_bytes(), None, None).unwrap()
        },
        move |text| {
            let token = UntrustedToken::<Local, V4>::try_from(text).ok()?;
            let token = LocalToken::decrypt(&opening, &token, None, None).ok()?;
            postcard::from_bytes(&URL_SAFE_NO_PAD.decode(token.payload()).ok()?).ok()
        },
    )
}
