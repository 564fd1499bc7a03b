//! jsonwebtoken, HS256, with both of its providers.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use jsonwebtoken::crypto::{CryptoProvider, KeyUtils, aws_lc as aws, rust_crypto as rust};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::peers::{Expiry, Kind, Peer, Ways};
use crate::states::State;

const PEER: Peer = Peer {
    name: "jsonwebtoken, aws-lc-rs",
    kind: Kind::Signs,
    suite: "HMAC-SHA256",
    encoding: "JSON",
    expiry: Expiry::Enforced,
};

pub(super) const AWS_LC: Peer = PEER;
pub(super) const RUST_CRYPTO: Peer = Peer { name: "jsonwebtoken, RustCrypto", ..PEER };

/// A process can install only one provider. This provider calls the provider that is selected.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| (selected().signer_factory)(algorithm, key),
    verifier_factory: |algorithm, key| (selected().verifier_factory)(algorithm, key),
    key_utils: KeyUtils::new_unimplemented(),
};

static WITH_AWS_LC: AtomicBool = AtomicBool::new(false);

fn selected() -> &'static CryptoProvider {
    match WITH_AWS_LC.load(Ordering::Relaxed) {
        true => &aws::DEFAULT_PROVIDER,
        false => &rust::DEFAULT_PROVIDER,
    }
}

#[derive(Serialize)]
struct Out<'a, S> {
    exp: u64,
    state: &'a S,
}

#[derive(Clone, Deserialize)]
struct In<S> {
    state: S,
}

pub(super) fn aws_lc<S: State>(lifetime: u64) -> Ways<S> {
    ways(true, lifetime)
}

pub(super) fn rust_crypto<S: State>(lifetime: u64) -> Ways<S> {
    ways(false, lifetime)
}

fn ways<S: State>(with_aws_lc: bool, lifetime: u64) -> Ways<S> {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| PROVIDER.install_default().expect("no other code installs a provider"));

    let (encoding, decoding) =
        (EncodingKey::from_secret(&super::KEY), DecodingKey::from_secret(&super::KEY));
    let header = Header::new(Algorithm::HS256);
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    Ways::new(
        move |state: &S| {
            WITH_AWS_LC.store(with_aws_lc, Ordering::Relaxed);
            let exp = bulla::UnixTime::now().as_secs() + lifetime;
            encode(&header, &Out { exp, state }, &encoding).unwrap()
        },
        move |text| {
            WITH_AWS_LC.store(with_aws_lc, Ordering::Relaxed);
            Some(decode::<In<S>>(text, &decoding, &validation).ok()?.claims.state)
        },
    )
}
