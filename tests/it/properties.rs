//! Properties of every payload, every token and every purpose.

use std::collections::BTreeMap;

use bulla::token::{Mode, RawTokens};
use bulla::{OpenError, Payload, Sealer, Signer};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::support::{T0, key_text, ring, secs};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Pair(u8, char),
    Named { text: String, left: Option<i16> },
    Nested(Vec<Kind>),
}

/// A payload with every shape of serde's data model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/everything")]
struct Everything {
    numbers: (u8, i64, u128, bool),
    text: String,
    list: Option<Vec<u16>>,
    kinds: Vec<Kind>,
    map: BTreeMap<u8, String>,
    bytes: [u8; 4],
}

/// The same payload, encoded as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/everything-readable", encoding = "json")]
struct Readable(Everything);

fn kind() -> impl Strategy<Value = Kind> {
    let leaf = prop_oneof![
        Just(Kind::Unit),
        any::<(u8, char)>().prop_map(|(byte, c)| Kind::Pair(byte, c)),
        any::<(String, Option<i16>)>().prop_map(|(text, left)| Kind::Named { text, left }),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Kind::Nested))
}

prop_compose! {
    fn everything()(
        numbers: (u8, i64, u128, bool),
        text: String,
        list: Option<Vec<u16>>,
        kinds in prop::collection::vec(kind(), 0..4),
        map in prop::collection::btree_map(any::<u8>(), any::<String>(), 0..4),
        bytes: [u8; 4],
    ) -> Everything {
        Everything { numbers, text, list, kinds, map, bytes }
    }
}

/// Purposes as in sections 3 and 9 of the specification: visible characters, or a purpose, a zero
/// byte and more bytes.
fn purpose() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[!-~]{1,12}".prop_map(String::into_bytes),
        ("[ab]{1,2}", prop::collection::vec(any::<u8>(), 0..4)).prop_map(|(base, more)| [
            base.as_bytes(),
            &[0],
            &more
        ]
        .concat()),
    ]
}

const MODES: [Mode; 2] = [Mode::Sealed, Mode::Signed];

fn made(tokens: &RawTokens, payload: &[u8]) -> String {
    tokens.make(payload, 1, secs(900), T0).unwrap()
}

proptest! {
    #[test]
    fn a_value_of_any_shape_survives_a_round_trip(value in everything(), bucket: u8) {
        let ring = ring(&[&key_text()]);
        let sealer = Sealer::<Everything>::new(&ring, secs(60)).padded_to(bucket);
        let token = sealer.seal_at(&value, T0).unwrap();
        prop_assert_eq!(&sealer.open_at(&token, T0).unwrap().payload, &value);
        let signer = Signer::<Readable>::new(&ring, secs(60));
        let value = Readable(value);
        // In JSON, the value may be too long for a token.
        if let Ok(token) = signer.sign_at(&value, T0) {
            prop_assert_eq!(signer.verify_at(&token, T0).unwrap().payload, value);
        }
    }

    #[test]
    fn a_token_opens_only_for_the_purpose_and_in_the_mode_that_it_was_made_for(
        purpose in purpose(),
        other in purpose(),
        payload: Vec<u8>,
    ) {
        let ring = ring(&[&key_text()]);
        let id = ring.primary_at(T0).unwrap();
        for mode in MODES {
            let token = made(&RawTokens::new(&ring, mode, &purpose), &payload);
            for read_as in MODES {
                for read_for in [&purpose, &other] {
                    let read = RawTokens::new(&ring, read_as, read_for).authenticate(&token);
                    match (read_as == mode, *read_for == purpose) {
                        (true, true) => prop_assert_eq!(&*read.unwrap().payload, &payload),
                        (true, false) => prop_assert_eq!(read.unwrap_err(), OpenError::BadTag(id)),
                        (false, _) => prop_assert_eq!(read.unwrap_err(), OpenError::Prefix),
                    }
                }
            }
        }
    }

    #[test]
    fn a_payload_of_a_newer_schema_version_is_refused(schema in 1_u32..=u32::MAX, payload: Vec<u8>) {
        let ring = ring(&[&key_text()]);
        let tokens = RawTokens::new(&ring, Mode::Sealed, Everything::PURPOSE);
        let token = tokens.make(&payload, schema, secs(60), T0).unwrap();
        prop_assert_eq!(tokens.authenticate(&token).unwrap().schema, schema);
        let opened = Sealer::<Everything>::new(&ring, secs(60)).open_at(&token, T0);
        if schema > 1 {
            let newer = OpenError::NewerSchema { version: schema, newest: 1 };
            prop_assert_eq!(opened.unwrap_err(), newer);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused(
        payload in prop::collection::vec(any::<u8>(), 0..200),
        lifetime in 0_u64..1 << 40,
    ) {
        let ring = ring(&[&key_text()]);
        for mode in MODES {
            let tokens = RawTokens::new(&ring, mode, "shop.example/bits");
            let token = tokens.make(&payload, 1, secs(lifetime), T0).unwrap().into_bytes();
            prop_assert!(tokens.authenticate(&token).is_ok());
            for bit in 0..token.len() * 8 {
                let mut flipped = token.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(tokens.authenticate(&flipped).is_err(), "bit {}", bit);
            }
            for len in 0..token.len() {
                prop_assert!(tokens.authenticate(&token[..len]).is_err(), "{} characters", len);
                prop_assert!(tokens.authenticate(&token[token.len() - len..]).is_err());
            }
        }
    }
}
