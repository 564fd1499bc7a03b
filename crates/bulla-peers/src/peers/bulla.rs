//! bulla with every backend, sealed and signed, with new and with reused buffers.

use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use crate::jobs::{Job, Size, Verb};
use crate::peers::{Expiry, Kind, Peer, Ways};
use crate::states::State;

/// The name of bulla with sealed tokens and the backend in C and assembly.
pub const AWS_LC: &str = "bulla, aws-lc-rs";
/// The name of bulla with sealed tokens and the fast backend in Rust.
pub const DRYOC: &str = "bulla, dryoc";
/// The name of bulla with sealed tokens and the default backend.
pub const DEFAULT: &str = "bulla";
/// The name of bulla with signed tokens. All backends use the same code for them.
pub const SIGNED: &str = "bulla signed";

const fn peer(name: &'static str, kind: Kind, suite: &'static str) -> Peer {
    Peer { name, kind, suite, encoding: "postcard", expiry: Expiry::Enforced }
}

pub(super) const PEERS: [Peer; 4] = [
    peer(AWS_LC, Kind::Encrypts, "XChaCha20-Poly1305"),
    peer(DRYOC, Kind::Encrypts, "XChaCha20-Poly1305"),
    peer(DEFAULT, Kind::Encrypts, "XChaCha20-Poly1305"),
    peer(SIGNED, Kind::Signs, "HMAC-SHA256"),
];

/// The name of the variant that reuses its buffers.
pub fn reusing(name: &str) -> &'static str {
    match name {
        AWS_LC => "bulla, aws-lc-rs, reusing a buffer",
        DRYOC => "bulla, dryoc, reusing a buffer",
        DEFAULT => "bulla, reusing a buffer",
        _ => "bulla signed, reusing a buffer",
    }
}

macro_rules! ways {
    ($name:ident, $who:expr, $library:ident, $type:ident: $seal:ident, $seal_into:ident, $open:ident, $open_in:ident) => {
        pub(super) fn $name<S: State>(lifetime: u64) -> Ways<S> {
            let ring = $library::KeyRing::generate().unwrap();
            let tokens = $library::$type::<S>::new(ring, Duration::from_secs(lifetime));
            let (sealer, state) = (Rc::new(tokens), S::sample());
            let opener = Rc::clone(&sealer);
            let (in_place, borrowing) = (Rc::clone(&sealer), Rc::clone(&sealer));
            let text = sealer.$seal(&state).unwrap();

            let mut token = String::new();
            let seal_into = move || {
                let now = $library::UnixTime::now();
                in_place.$seal_into(black_box(&state), now, &mut token).unwrap();
                black_box(&token);
            };
            let mut buf = Vec::new();
            let open_in = move || {
                let now = $library::UnixTime::now();
                let opened = borrowing.$open_in::<S::View<'_>>(black_box(&text), now, &mut buf);
                black_box(&opened.unwrap().payload);
            };
            let more =
                |verb, run| Job { who: reusing($who), verb, size: Size::Small, chars: 0, run };
            Ways {
                seal: Box::new(move |state| sealer.$seal(state).unwrap()),
                open: Box::new(move |text| Some(opener.$open(text).ok()?.payload)),
                more: vec![
                    more(Verb::Seal, Box::new(seal_into)),
                    more(Verb::Open, Box::new(open_in)),
                ],
            }
        }
    };
}

ways! { aws_lc, AWS_LC, bulla, Sealer: seal, seal_into, open, open_in }
ways! { dryoc, DRYOC, bulla_dryoc, Sealer: seal, seal_into, open, open_in }
ways! { default, DEFAULT, bulla_default, Sealer: seal, seal_into, open, open_in }
ways! { signed, SIGNED, bulla_default, Signer: sign, sign_into, verify, verify_in }
