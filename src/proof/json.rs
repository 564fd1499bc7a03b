//! JSON objects in which every member has its own name.
//!
//! If an object has two members of the same name, parsers differ in which one they use, and so may
//! the program that made the proof, a proxy and this server (RFC 8259 section 4). Therefore such an
//! object is refused, also where nobody reads its members (RFC 7515 section 4).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// How deeply objects and arrays may be nested, so that the check needs little stack. A public key
/// in a header has depth 2.
const MAX_DEPTH: u32 = 8;

/// The members of an object, parsed only when they are read. Unknown members are allowed.
pub(super) struct Object<'a>(BTreeMap<String, &'a RawValue>);

/// A member has another type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl<'a> Object<'a> {
    pub(super) fn parse(json: &'a [u8]) -> Option<Object<'a>> {
        let check = Unique { depth: MAX_DEPTH };
        check.deserialize(&mut serde_json::Deserializer::from_slice(json)).ok()?;
        serde_json::from_slice(json).ok().map(Object)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The member `name`, if there is one. `null` is not a text and not a number.
    pub(super) fn member<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, Malformed> {
        let Some(json) = self.0.get(name) else { return Ok(None) };
        serde_json::from_str(json.get()).map(Some).map_err(|_| Malformed)
    }

    /// The member `name`, if there is one. It must be an object.
    pub(super) fn object(&self, name: &str) -> Result<Option<Object<'a>>, Malformed> {
        let Some(json) = self.0.get(name) else { return Ok(None) };
        serde_json::from_str(json.get()).map(|members| Some(Object(members))).map_err(|_| Malformed)
    }
}

/// Goes through a value and fails at the second member of the same name in one object.
struct Unique {
    depth: u32,
}

impl Unique {
    fn below<E: Error>(&self) -> Result<Unique, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Unique { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self.below()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("two members of the same name"));
            }
            members.next_value_seed(self.below()?)?;
        }
        Ok(())
    }
}
