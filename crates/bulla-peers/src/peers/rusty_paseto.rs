//! rusty_paseto, v4.local.

use rusty_paseto::prelude::*;
use serde::Deserialize;

use crate::peers::{Expiry, Kind, Peer, Ways};
use crate::states::State;

pub(super) const PEER: Peer = Peer {
    name: "rusty_paseto v4.local",
    kind: Kind::Encrypts,
    suite: "XChaCha20, BLAKE2b",
    encoding: "JSON",
    expiry: Expiry::Enforced,
};

#[derive(Deserialize)]
struct In<S> {
    state: S,
}

pub(super) fn ways<S: State>(lifetime: u64) -> Ways<S> {
    let key = || PasetoSymmetricKey::<V4, Local>::from(Key::from(super::KEY));
    let (sealing, opening) = (key(), key());
    Ways::new(
        move |state: &S| {
            let expires = bulla::UnixTime::now() + std::time::Duration::from_secs(lifetime);
            PasetoBuilder::<V4, Local>::default()
                .set_claim(ExpirationClaim::try_from(expires.to_string()).unwrap())
                .set_claim(CustomClaim::try_from(("state", state.clone())).unwrap())
                .build(&sealing)
                .unwrap()
        },
        move |text| {
            let mut parser = PasetoParser::<V4, Local>::default();
            Some(parser.parse_into::<In<S>>(text, &opening).ok()?.state)
        },
    )
}
