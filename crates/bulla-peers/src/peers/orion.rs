//! orion: its module `aead`, encoded as base64.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use orion::aead::{self, SecretKey};

use crate::peers::{Expiry, Kind, Peer, Ways};
use crate::states::State;

pub(super) const PEER: Peer = Peer {
    name: "orion",
    kind: Kind::Encrypts,
    suite: "XChaCha20-Poly1305",
    encoding: "postcard",
    expiry: Expiry::None,
};

pub(super) fn ways<S: State>(_: u64) -> Ways<S> {
    let key = || SecretKey::try_from(&super::KEY).unwrap();
    let (sealing, opening) = (key(), key());
    Ways::new(
        move |state: &S| {
            let bytes = postcard::to_allocvec(state).unwrap();
            URL_SAFE_NO_PAD.encode(aead::seal(&sealing, &bytes).unwrap())
        },
        move |text| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            postcard::from_bytes(&aead::open(&opening, &bytes).ok()?).ok()
        },
    )
}
