//! The primitives with secret keys: sealing, opening, signing and verifying.

use zeroize::Zeroizing;

use crate::primitives::{
    MAC_LEN, NONCE_LEN, SealingKey, Secret, SigningKey, TAG_LEN, derive, digest,
};
use crate::secret::{Seen, assert_hidden, hide, public_bytes, secret_bytes, show};
use crate::{Operation, decides, quiet};

pub(crate) const OPERATIONS: &[Operation] = &[
    quiet("seal: secret key and plaintext", seal),
    decides("open: the tag is right", 1, |seen| open(seen, |_| (), Outcome::Accepted)),
    decides("open: the first bit of the tag is wrong", 1, |seen| {
        open(seen, |tag| tag[0] ^= 0x80, Outcome::Refused);
    }),
    decides("open: the last bit of the tag is wrong", 1, |seen| {
        open(seen, |tag| tag[TAG_LEN - 1] ^= 1, Outcome::Refused);
    }),
    decides("open: the whole tag is wrong", 1, |seen| {
        open(seen, |tag| tag.iter_mut().for_each(|byte| *byte = !*byte), Outcome::Refused);
    }),
    quiet("sign: secret key", sign),
    decides("verify: the mac is right", 1, |seen| verify(seen, |_| (), Outcome::Accepted)),
    decides("verify: the first bit of the mac is wrong", 1, |seen| {
        verify(seen, |mac| mac[0] ^= 0x80, Outcome::Refused);
    }),
    decides("verify: the last bit of the mac is wrong", 1, |seen| {
        verify(seen, |mac| mac[MAC_LEN - 1] ^= 1, Outcome::Refused);
    }),
    decides("verify: the whole mac is wrong", 1, |seen| {
        verify(seen, |mac| mac.iter_mut().for_each(|byte| *byte = !*byte), Outcome::Refused);
    }),
    quiet("digest: secret message", |seen| {
        for body in bodies() {
            let mut hash = seen.watch(|| digest(&[&body]));
            if !body.is_empty() {
                assert_hidden(&mut hash);
            }
        }
    }),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    Accepted,
    Refused,
}

impl Outcome {
    fn of(accepted: bool) -> Outcome {
        if accepted { Outcome::Accepted } else { Outcome::Refused }
    }
}

/// Secret bytes of many lengths: all lengths around the block sizes of the ciphers, and the length
/// of a long token.
fn bodies() -> impl Iterator<Item = Vec<u8>> {
    (0..=130).chain([255, 256, 257, 511, 512, 513, 1024, 6100]).map(|len| {
        let pool: [u8; 6100] = public_bytes();
        let mut body = pool[..len].to_vec();
        hide(&mut body[..]);
        body
    })
}

fn secret_key() -> Secret {
    Zeroizing::new(secret_bytes())
}

fn seal(seen: &mut Seen) {
    for mut body in bodies() {
        let (key, nonce) = (secret_key(), public_bytes());
        let mut tag = seen.watch(|| SealingKey::new(&key).encrypt(&nonce, b"b1.", &mut body));
        assert_hidden(&mut tag);
        assert_hidden(&mut body);
    }
}

fn open(seen: &mut Seen, change: fn(&mut [u8; TAG_LEN]), outcome: Outcome) {
    for mut body in bodies() {
        let (key, nonce): (_, [u8; NONCE_LEN]) = (SealingKey::new(&secret_key()), public_bytes());
        let mut tag = key.encrypt(&nonce, b"b1.", &mut body);
        show(&mut body[..]);
        show(&mut tag);
        change(&mut tag);
        let found = seen.watch_decision(|| key.decrypt(&nonce, b"b1.", &mut body, &tag).is_ok());
        assert_eq!(Outcome::of(found), outcome);
        if outcome == Outcome::Accepted {
            assert_hidden(&mut body);
        }
    }
}

fn sign(seen: &mut Seen) {
    for mut message in bodies() {
        let key = secret_key();
        show(&mut message[..]); // a signed message is public
        let mut mac = seen.watch(|| SigningKey::new(&key).mac(&message));
        assert_hidden(&mut mac);
    }
}

fn verify(seen: &mut Seen, change: fn(&mut [u8; MAC_LEN]), outcome: Outcome) {
    for mut message in bodies() {
        let key = SigningKey::new(&derive(&secret_key(), &[b"bulla/1/sign"]));
        show(&mut message[..]);
        let mut mac = key.mac(&message);
        show(&mut mac);
        change(&mut mac);
        let found = seen.watch_decision(|| key.check(&message, &mac).is_ok());
        assert_eq!(Outcome::of(found), outcome);
    }
}
