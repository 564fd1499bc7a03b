//! Known failures of other libraries that bulla avoids (docs/standards.md).

use std::sync::atomic::{AtomicUsize, Ordering};

use bulla::keys::Key;
use bulla::{KeyRing, OpenError, Payload, Sealer, Signer};
use serde::{Deserialize, Deserializer, Serialize};

use crate::support::{Account, T0, ada, key_text, ring, secs};

static DECODED: AtomicUsize = AtomicUsize::new(0);

/// A payload that counts how often it is decoded.
#[derive(Serialize, Payload)]
#[payload(purpose = "disasters.example/watched")]
struct Watched(String);

impl<'de> Deserialize<'de> for Watched {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Watched, D::Error> {
        DECODED.fetch_add(1, Ordering::Relaxed);
        String::deserialize(deserializer).map(Watched)
    }
}

/// The failure: a server decodes a client's objects before it verifies them.
#[test]
fn nothing_is_decoded_before_its_tag_is_verified() {
    let ring = ring(&[&key_text()]);
    let sealer = Sealer::<Watched>::new(&ring, secs(60));
    let signer = Signer::<Watched>::new(&ring, secs(60));
    let sealed = sealer.seal_at(&Watched("object".to_owned()), T0).unwrap();
    let signed = signer.sign_at(&Watched("object".to_owned()), T0).unwrap();
    DECODED.store(0, Ordering::Relaxed); // in debug builds, sealing also decodes the result
    for (token, open) in [
        (sealed, (&|text: &str| sealer.open_at(text, T0).is_ok()) as &dyn Fn(&str) -> bool),
        (signed, &|text: &str| signer.verify_at(text, T0).is_ok()),
    ] {
        for at in 0..token.len() {
            let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
            assert!(!open(&format!("{}{other}{}", &token[..at], &token[at + 1..])));
        }
        assert_eq!(DECODED.swap(0, Ordering::Relaxed), 0);
        assert!(open(&token));
        assert_eq!(DECODED.swap(0, Ordering::Relaxed), 1);
    }
}

/// The failure: a token says `alg: none`, or a server uses a public key as a shared secret.
#[test]
fn a_token_cannot_choose_its_algorithm() {
    let ring = ring(&[&key_text()]);
    let sealer = Sealer::<Account>::new(&ring, secs(60));
    let signer = Signer::<Account>::new(&ring, secs(60));
    let sealed = sealer.seal_at(&ada(), T0).unwrap();
    let signed = signer.sign_at(&ada(), T0).unwrap();
    let (in_seal, in_sign) = (&sealed[3..], &signed[3..]);
    for prefix in ["", ".", "b0.", "b2.", "s0.", "n1.", "none.", "B1.", "eyJhbGciOiJub25lIn0."] {
        for body in [in_seal, in_sign] {
            let token = format!("{prefix}{body}");
            assert!(sealer.open_at(&token, T0).is_err(), "{prefix}");
            assert!(signer.verify_at(&token, T0).is_err(), "{prefix}");
        }
    }
    // A token of one mode with the prefix of the other mode. The modes have different subkeys.
    assert!(sealer.open_at(format!("b1.{in_sign}"), T0).is_err());
    assert!(signer.verify_at(format!("s1.{in_seal}"), T0).is_err());
    // A token without its tag.
    let cut = &signed[..signed.len() - 43];
    assert!(signer.verify_at(cut, T0).is_err());
}

/// The failure: `kid` (the key id) is a path, a query, or a key of the attacker.
#[test]
fn a_key_id_selects_only_keys_of_the_ring() {
    let ours = ring(&[&key_text()]);
    let theirs = ring(&[&key_text()]);
    let sealer = Sealer::<Account>::new(&ours, secs(60));
    let forged = Sealer::<Account>::new(&theirs, secs(60)).seal_at(&ada(), T0).unwrap();
    assert!(matches!(sealer.open_at(&forged, T0), Err(OpenError::UnknownKey(_))));
    // A token that was sealed under their key, but names the id of our key.
    let good = sealer.seal_at(&ada(), T0).unwrap();
    let under_ours = format!("{}{}", &good[..8], &forged[8..]);
    assert!(matches!(
        sealer.open_at(&under_ours, T0),
        Err(OpenError::BadTag(_) | OpenError::UnknownKey(_))
    ));
}

/// The failure: applications use secrets from word lists or from documentation.
#[test]
fn a_password_is_refused_as_a_key() {
    for word in ["secret", "change me", "base64:c2VjcmV0", "correct horse battery staple", ""] {
        assert!(word.parse::<KeyRing>().is_err(), "{word}");
        assert!(word.parse::<Key>().is_err(), "{word}");
    }
}
