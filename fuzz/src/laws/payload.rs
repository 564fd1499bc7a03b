//! Law: a value that is encoded and then decoded stays the same. This also holds for a value that
//! was first decoded from arbitrary bytes.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use bulla::token::{Mode, RawTokens, read_unverified};
use bulla::{KeyRing, Payload, Signer};
use serde::{Deserialize, Serialize};

use crate::fixed::{T0, at, ring, secs};

#[derive(Arbitrary, Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Tuple(u8, char),
    Struct { name: String, left: Option<i16> },
    Nested(Vec<Kind>),
}

#[derive(Arbitrary, Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "fuzz.example/postcard")]
struct Compact {
    small: u8,
    signed: i64,
    name: String,
    list: Option<Vec<u16>>,
    kinds: Vec<Kind>,
    map: BTreeMap<String, bool>,
    pair: (u32, i8),
    bytes: [u8; 4],
    wide: u128,
}

#[derive(Arbitrary, Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "fuzz.example/json", encoding = "json")]
struct Readable {
    small: u8,
    signed: i64,
    name: String,
    list: Option<Vec<u16>>,
    kinds: Vec<Kind>,
    map: BTreeMap<u8, String>,
}

struct World {
    compact: (Signer<Compact>, RawTokens),
    readable: (Signer<Readable>, RawTokens),
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let ring = ring();
    World { compact: tokens(&ring), readable: tokens(&ring) }
});

fn tokens<P: Payload>(ring: &KeyRing) -> (Signer<P>, RawTokens) {
    (Signer::new(ring, secs(60)), RawTokens::new(ring, Mode::Signed, P::PURPOSE))
}

/// `data` is the bytes of a payload, or the parts from which a value is made.
///
/// # Panics
/// If a value that was encoded and decoded has changed.
pub fn payload(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let world = &*WORLD;
    let mut input = Unstructured::new(rest);
    match kind % 4 {
        0 => input.arbitrary().iter().for_each(|value| comes_back(&world.compact.0, value)),
        1 => input.arbitrary().iter().for_each(|value| comes_back(&world.readable.0, value)),
        2 => drop(read(&world.compact, rest)),
        _ => {
            let Some(token) = read(&world.readable, rest) else { return };
            let read = read_unverified::<Readable>(&token).expect("it was verified");
            comes_back(&world.readable.0, &read.unverified_payload);
        }
    }
}

fn comes_back<P: Payload + Debug + PartialEq>(signer: &Signer<P>, value: &P) {
    // A value that is too long for a token is rejected.
    let Ok(token) = signer.sign_at(value, at(T0)) else { return };
    assert_eq!(signer.verify_at(&token, at(T0)).expect("it was signed").payload, *value);
}

/// Makes a token whose payload is these bytes. Returns the token if the bytes decode as a value.
fn read<P: Payload + Debug + PartialEq>(
    (signer, raw): &(Signer<P>, RawTokens),
    bytes: &[u8],
) -> Option<String> {
    let token = raw.make(bytes, 1, secs(60), at(T0)).ok()?;
    let value = signer.verify_at(&token, at(T0)).ok()?.payload;
    comes_back(signer, &value);
    Some(token)
}
