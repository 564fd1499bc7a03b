//! fernet.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use fernet::Fernet;

use crate::peers::{Expiry, Kind, Peer, Ways};
use crate::states::State;

pub(super) const PEER: Peer = Peer {
    name: "fernet",
    kind: Kind::Encrypts,
    suite: "AES-128-CBC, HMAC-SHA256",
    encoding: "postcard",
    expiry: Expiry::Enforced,
};

pub(super) fn ways<S: State>(lifetime: u64) -> Ways<S> {
    let key = || Fernet::new(&URL_SAFE.encode(super::KEY)).unwrap();
    let (sealing, opening) = (key(), key());
    Ways::new(
        move |state| sealing.encrypt(&postcard::to_allocvec(state).unwrap()),
        move |text| postcard::from_bytes(&opening.decrypt_with_ttl(text, lifetime).ok()?).ok(),
    )
}
