//! biscuit-auth. The state is a fact that contains bytes.

use std::time::{Duration, SystemTime};

use biscuit_auth::macros::{authorizer, biscuit};
use biscuit_auth::{AuthorizerLimits, Biscuit, KeyPair};

use crate::peers::{Expiry, Kind, Peer, Ways};
use crate::states::State;

pub(super) const PEER: Peer = Peer {
    name: "biscuit-auth",
    kind: Kind::Signs,
    suite: "Ed25519",
    encoding: "postcard",
    expiry: Expiry::Enforced,
};

pub(super) fn ways<S: State>(lifetime: u64) -> Ways<S> {
    let root = KeyPair::new();
    let public = root.public();
    Ways::new(
        move |state: &S| {
            let bytes = postcard::to_allocvec(state).unwrap();
            let expires = SystemTime::now() + Duration::from_secs(lifetime);
            let builder = biscuit!("state({bytes}); check if time($now), $now < {expires};");
            builder.build(&root).unwrap().to_base64().unwrap()
        },
        move |text| {
            let token = Biscuit::from_base64(text, public).ok()?;
            let now = SystemTime::now();
            let mut authorizer = {
                let builder = authorizer!("time({now}); allow if true;");
                builder.set_limits(patient()).build(&token).ok()?
            };
            authorizer.authorize().ok()?;
            let state: (Vec<u8>,) =
                authorizer.query_exactly_one("state($bytes) <- state($bytes)").ok()?;
            postcard::from_bytes(&state.0).ok()
        },
    )
}

/// Raises the default time limit of one millisecond, which a busy scheduler can exceed.
fn patient() -> AuthorizerLimits {
    AuthorizerLimits { max_time: Duration::from_secs(1), ..AuthorizerLimits::default() }
}
