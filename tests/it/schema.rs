//! Schema versions of payloads, and upgrades between them.

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

/// Versions 3 and 4 were never released. Version 6 no longer reads any older version.
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

/// The same code as the derive macro writes.
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
fn an_older_schema_is_upgraded_step_by_step() {
    let ring = KeyRing::generate().unwrap();
    let v5 = sealer::<V5>(&ring);
    let first = sealer(&ring).seal_at(&V1 { id: 7 }, T0).unwrap();
    let second = sealer(&ring).seal_at(&V2 { id: 1 << 40 }, T0).unwrap();
    let name = || "unknown".to_owned();
    assert_eq!(v5.open_at(first, T0).unwrap().payload, V5 { id: 7, name: name() });
    assert_eq!(v5.open_at(second, T0).unwrap().payload, V5 { id: 1 << 40, name: name() });
}

#[test]
fn a_newer_schema_has_its_own_error_and_may_be_valid_elsewhere() {
    let ring = KeyRing::generate().unwrap();
    let token = sealer(&ring).seal_at(&V5 { id: 7, name: String::new() }, T0).unwrap();
    let error = sealer::<V2>(&ring).open_at(token, T0).err().unwrap();
    assert_eq!(error, OpenError::NewerSchema { version: 5, newest: 2 });
    assert!(error.may_be_valid_elsewhere());
}

#[test]
fn a_schema_dropped_from_the_chain_has_its_own_error() {
    let ring = KeyRing::generate().unwrap();
    let token = sealer(&ring).seal_at(&V2 { id: 7 }, T0).unwrap();
    let error = sealer::<V6>(&ring).open_at(token, T0).err().unwrap();
    assert_eq!(error, OpenError::RetiredSchema { version: 2 });
    assert!(error.may_be_valid_elsewhere());
}

#[test]
fn a_schema_change_without_a_new_version_is_refused_if_it_does_not_decode() {
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

/// The derive macro cannot see inside the types of fields, so the serializer refuses such a field.
/// Otherwise a name that a user chose could be read as a right.
#[test]
fn sealing_refuses_a_field_that_serde_would_leave_out() {
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

/// Two payload types with this field, one for each encoding.
macro_rules! encoded {
    ($postcard:ident, $json:ident, $field:ty) => {
        #[derive(Debug, PartialEq, Serialize, Deserialize, Payload)]
        #[payload(purpose = "bank.example/session")]
        struct $postcard {
            field: $field,
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize, Payload)]
        #[payload(purpose = "bank.example/session", encoding = "json")]
        struct $json {
            field: $field,
        }
    };
}

/// The derive macro cannot see inside the types of fields. Debug builds find out when they seal,
/// and release builds when they seal or open.
#[test]
fn a_type_that_postcard_cannot_hold_is_named_with_advice_and_works_as_json() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Id(u8),
        Name(String),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        User { id: u8 },
        Guest,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flattened {
        #[serde(flatten)]
        names: std::collections::BTreeMap<String, u8>,
    }
    encoded!(UntaggedPostcard, UntaggedJson, Untagged);
    encoded!(TaggedPostcard, TaggedJson, Tagged);
    encoded!(FlattenedPostcard, FlattenedJson, Flattened);
    encoded!(ValuePostcard, ValueJson, serde_json::Value);

    fn through<P: Payload>(payload: &P) -> Result<P, String> {
        let sealer = sealer::<P>(&KeyRing::generate().unwrap());
        let token = sealer.seal_at(payload, T0).map_err(|error| error.to_string())?;
        Ok(sealer.open_at(&token, T0).map_err(|error| error.to_string())?.payload)
    }
    let names = || Flattened { names: [("ada".to_owned(), 1)].into() };
    let value = || serde_json::json!({ "theme": ["dark"] });
    for (refused, kind) in [
        (through(&UntaggedPostcard { field: Untagged::Id(7) }).err(), "untagged"),
        (through(&UntaggedPostcard { field: Untagged::Name("a".into()) }).err(), "untagged"),
        (through(&TaggedPostcard { field: Tagged::User { id: 7 } }).err(), "internally tagged"),
        (through(&TaggedPostcard { field: Tagged::Guest }).err(), "internally tagged"),
        (through(&FlattenedPostcard { field: names() }).err(), "flattened"),
        (through(&ValuePostcard { field: value() }).err(), "serde_json::Value"),
    ] {
        let refused = refused.unwrap_or_else(|| panic!("postcard held a type that is {kind}"));
        assert!(refused.contains(kind), "{kind}: {refused}");
        assert!(refused.contains("#[payload(encoding = \"json\")]"), "{refused}");
        assert!(!refused.contains("theme"), "{refused}");
    }

    #[track_caller]
    fn holds<P: Payload + PartialEq + std::fmt::Debug>(payload: P) {
        assert_eq!(through(&payload).as_ref(), Ok(&payload));
    }
    holds(UntaggedJson { field: Untagged::Id(7) });
    holds(TaggedJson { field: Tagged::Guest });
    holds(FlattenedJson { field: names() });
    holds(ValueJson { field: value() });
}
