//! branca.

use branca::Branca;

use crate::peers::{Expiry, Kind, Peer, Ways};
use crate::states::State;

pub(super) const PEER: Peer = Peer {
    name: "branca",
    kind: Kind::Encrypts,
    suite: "XChaCha20-Poly1305",
    encoding: "postcard",
    expiry: Expiry::Enforced,
};

pub(super) fn ways<S: State>(lifetime: u64) -> Ways<S> {
    let opening = Branca::new(&super::KEY).unwrap();
    Ways::new(
        // This does the same as the method `encode` of `Branca`, which would need exclusive access.
        move |state: &S| {
            let now = bulla::UnixTime::now().as_secs() as u32;
            let bytes = postcard::to_allocvec(state).unwrap();
            branca::encode(&bytes, &super::KEY, now).unwrap()
        },
        move |text| postcard::from_bytes(&opening.decode(text, lifetime as u32).ok()?).ok(),
    )
}
