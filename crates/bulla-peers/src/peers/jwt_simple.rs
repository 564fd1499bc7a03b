//! jwt-simple, HS256.

use jwt_simple::prelude::*;

use crate::peers::{Expiry, Kind, Peer, Ways};
use crate::states::State;

pub(super) const PEER: Peer = Peer {
    name: "jwt-simple",
    kind: Kind::Signs,
    suite: "HMAC-SHA256",
    encoding: "JSON",
    expiry: Expiry::Enforced,
};

pub(super) fn ways<S: State>(lifetime: u64) -> Ways<S> {
    let (signing, verifying) =
        (HS256Key::from_bytes(&super::KEY), HS256Key::from_bytes(&super::KEY));
    let strict = VerificationOptions {
        time_tolerance: Some(Duration::from_secs(0)),
        ..VerificationOptions::default()
    };
    Ways::new(
        move |state: &S| {
            let claims = Claims::with_custom_claims(state, Duration::from_secs(lifetime));
            signing.authenticate(claims).unwrap()
        },
        move |text| Some(verifying.verify_token::<S>(text, Some(strict.clone())).ok()?.custom),
    )
}
