//! The public API: how the library refuses a token that was changed.

use std::hint::black_box;
use std::time::Duration;

use bulla::keys::{Key, RingEntry};
use bulla::token::{Mode, RawTokens};
use bulla::{KeyRing, OpenError, UnixTime};

use crate::secret::{Seen, secret_bytes, show, unwatched};
use crate::{Operation, decides};

pub(crate) const OPERATIONS: &[Operation] = &[
    decides("library: refuse a changed sealed token", 1, |seen| refuse(seen, Mode::Sealed)),
    decides("library: refuse a changed signed token", 1, |seen| refuse(seen, Mode::Signed)),
];

/// Refuses tokens that were changed. Genuine tokens are not checked here, because the library may
/// branch on their content.
fn refuse(seen: &mut Seen, mode: Mode) {
    let tokens = RawTokens::new(ring(), mode, "bank.example/session");
    for len in (0..=130).chain([1024, 5900]) {
        let payload = vec![7; len];
        let (lifetime, now) = (Duration::from_secs(60), UnixTime::EPOCH);
        // Encoding the token as text branches on its bytes, which are public.
        let token = unwatched(|| tokens.make(&payload, 1, lifetime, now)).expect("it fits");
        let mut token = token.into_bytes();
        show(&mut token[..]);
        for at in [token.len() - 3, token.len() - 20] {
            let mut token = black_box(token.clone());
            token[at] = if token[at] == b'A' { b'B' } else { b'A' };
            let refused = seen.watch_decision(|| {
                matches!(tokens.authenticate(&token), Err(OpenError::BadTag(_)))
            });
            assert!(refused);
        }
    }
}

/// A ring with one key, which has secret bytes and a public id.
fn ring() -> KeyRing {
    let mut key = unwatched(|| Key::from_bytes(&secret_bytes())).expect("random");
    show(&mut key);
    KeyRing::new([RingEntry::new(key)]).expect("one key")
}
