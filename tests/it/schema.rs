//! Payloads that change their shape.

use bulla::token::NoPrevious;
use bulla::{KeyRing, OpenError, Payload, Sealer};
use serde::{Deserialize, Serialize};

use crate::support::{T0, secs};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct V1 {
    id: u32,
}

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session", version = 2, previous = V1)]
struct V2 {
    id: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session", version = 5, previous = V2)]
struct V5 {
    id: u64,
    name: String,
}

/// Version 3 and 4 were never released; version 6 has forgotten versions below 5.
#[derive(Serialize, Deserialize)]
struct V6 {
    name: String,
}

impl From<V1> for V2 {
    fn from(old: V1) -> V2 {
        V2 { id: old.id.into() }
    }
}

impl From<V2> for V5 {
    fn from(old: V2) -> V5 {
        V5 { id: old.id, name: "unknown".to_owned() }
    }
}

/// Written by hand, as the derive does it.
impl Payload for V6 {
    const PURPOSE: &'static str = "bank.example/session";
    const VERSION: u32 = 6;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> V6 {
        match previous {}
    }
}

fn sealer<P: Payload>(ring: &KeyRing) -> Sealer<P> {
    Sealer::new(ring, secs(60))
}

#[test]
fn an_older_shape_is_upgraded_step_by_step() {
    let ring = KeyRing::generate().unwrap();
    let v5 = sealer::<V5>(&ring);
    let first = sealer(&ring).seal_at(&V1 { id: 7 }, T0).unwrap();
    let second = sealer(&ring).seal_at(&V2 { id: 1 << 40 }, T0).unwrap();
    let name = || "unknown".to_owned();
    assert_eq!(v5.open_at(first, T0).unwrap().payload, V5 { id: 7, name: name() });
    assert_eq!(v5.open_at(second, T0).unwrap().payload, V5 { id: 1 << 40, name: name() });
}

#[test]
fn a_newer_shape_is_refused_by_name_and_may_be_valid_elsewhere() {
    let ring = KeyRing::generate().unwrap();
    let token = sealer(&ring).seal_at(&V5 { id: 7, name: String::new() }, T0).unwrap();
    let error = sealer::<V2>(&ring).open_at(token, T0).err().unwrap();
    assert_eq!(error, OpenError::NewerSchema { version: 5, newest: 2 });
    assert!(error.may_be_valid_elsewhere());
}

#[test]
fn a_shape_that_the_chain_has_dropped_is_refused_by_name() {
    let ring = KeyRing::generate().unwrap();
    let token = sealer(&ring).seal_at(&V2 { id: 7 }, T0).unwrap();
    let error = sealer::<V6>(&ring).open_at(token, T0).err().unwrap();
    assert_eq!(error, OpenError::RetiredSchema { version: 2 });
    assert!(error.may_be_valid_elsewhere());
}

#[test]
fn a_shape_changed_without_its_version_is_refused_when_it_does_not_fit() {
    #[derive(Serialize, Deserialize, Payload)]
    #[payload(purpose = "bank.example/session")]
    struct Longer {
        id: u32,
        name: String,
    }
    let ring = KeyRing::generate().unwrap();
    let (short, long) = (sealer::<V1>(&ring), sealer::<Longer>(&ring));
    let longer = Longer { id: 7, name: "Ada".into() };
    for error in [
        long.open_at(short.seal_at(&V1 { id: 7 }, T0).unwrap(), T0).err(),
        short.open_at(long.seal_at(&longer, T0).unwrap(), T0).err(),
    ] {
        assert!(matches!(error, Some(OpenError::Payload(_))), "{error:?}");
    }
}

/// Types within a payload are not seen by the derive.
#[test]
fn a_field_left_out_is_refused_before_a_name_can_be_read_as_a_right() {
    #[derive(Serialize, Deserialize)]
    struct Rights {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        admin_of: Option<u8>,
        kind: u8,
    }
    #[derive(Serialize, Deserialize, Payload)]
    #[payload(purpose = "bank.example/session")]
    struct User {
        rights: Rights,
        name: String,
    }
    let sealer = sealer::<User>(&bulla::KeyRing::generate().unwrap());
    let user = |admin_of| User { rights: Rights { admin_of, kind: 1 }, name: "\t\u{3}abc".into() };
    let refused = sealer.seal_at(&user(None), T0).unwrap_err();
    assert!(refused.to_string().contains("skip_serializing_if"), "{refused}");
    let token = sealer.seal_at(&user(Some(5)), T0).unwrap();
    assert_eq!(sealer.open_at(&token, T0).unwrap().payload.rights.admin_of, Some(5));
}
