//! JSON objects in which no two members have the same name.
//!
//! If an object has two members with the same name, parsers differ in which of the two they use
//! (RFC 8259 section 4). The program that made the proof, a proxy and this server could then read
//! different values. Therefore such an object is refused, even if none of its members is read (RFC
//! 7515 section 4).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// How deeply objects and arrays may be nested. The limit bounds the stack space that the check
/// needs. A header with a public key has a depth of two.
const MAX_DEPTH: u32 = 8;

/// The members of an object. A member is parsed only when it is read. Unknown members are allowed.
pub(super) struct Object<'a>(BTreeMap<String, &'a RawValue>);

/// The error for a member that does not have the type that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl<'a> Object<'a> {
    /// Parses an object. `None` if `json` is not an object, if an object in it has two members with
    /// the same name, or if it is nested too deeply.
    pub(super) fn parse(json: &'a [u8]) -> Option<Object<'a>> {
        let check = Unique { depth: MAX_DEPTH };
        check.deserialize(&mut serde_json::Deserializer::from_slice(json)).ok()?;
        serde_json::from_slice(json).ok().map(Object)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The member `name`. `None` if there is no such member. The value `null` is [`Malformed`] if
    /// `T` is a string or a number.
    pub(super) fn member<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, Malformed> {
        let Some(json) = self.0.get(name) else { return Ok(None) };
        serde_json::from_str(json.get()).map(Some).map_err(|_| Malformed)
    }

    /// The member `name`, which must be an object. `None` if there is no such member.
    pub(super) fn object(&self, name: &str) -> Result<Option<Object<'a>>, Malformed> {
        let Some(json) = self.0.get(name) else { return Ok(None) };
        serde_json::from_str(json.get()).map(|members| Some(Object(members))).map_err(|_| Malformed)
    }
}

/// Visits a value. Fails if an object in it has two members with the same name, or if it is nested
/// too deeply.
#[derive(Clone, Copy)]
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
        let item = self.below()?; // even if there is none
        while items.next_element_seed(item)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let value = self.below()?; // even if there is none
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("two members of the same name"));
            }
            members.next_value_seed(value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parses(json: &str) -> bool {
        Object::parse(json.as_bytes()).is_some()
    }

    #[test]
    fn two_members_of_the_same_name_are_refused_everywhere() {
        for json in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"":1,"":2}"#,
            r#"{"b":{"a":1,"a":2}}"#,
            r#"{"b":[{"c":{"a":1,"a":2}}]}"#,
        ] {
            assert!(!parses(json), "{json}");
        }
        for json in [r#"{"a":1,"A":1}"#, r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#, " {} ", r#"{"é":0}"#]
        {
            assert!(parses(json), "{json}");
        }
    }

    #[test]
    fn only_a_whole_object_is_accepted() {
        for json in [
            "",
            "1",
            "null",
            "[]",
            r#""a""#,
            "{",
            "}",
            "{}{}",
            "{}x",
            r#"{"a"}"#,
            r#"{"a":}"#,
            "{a:1}",
            r#"{"a":1,}"#,
            r#"{'a':1}"#,
            r#"{"a":01}"#,
            r#"{"a":NaN}"#,
            r#"{"a":"\ud800"}"#,
            "{}\0",
            r#"{"a":"\x"}"#,
            "\u{feff}{}",
            "{\"a\":\"\n\"}",
            "{/**/}",
        ] {
            assert!(!parses(json), "{json}");
        }
        assert!(Object::parse(b"{\"a\":\"\xff\"}").is_none());
        assert!(Object::parse(b"{\"\xc3\":0}").is_none());
    }

    #[test]
    fn deep_nesting_is_refused() {
        let nested = |depth: usize, last: &str| {
            format!("{{\"a\":{}{last}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1))
        };
        for last in ["[]", "{}", "[1]", r#"{"b":1}"#] {
            assert!(parses(&nested(7, last)), "{last}");
            assert!(!parses(&nested(8, last)), "{last}");
            assert!(!parses(&nested(900, last)), "{last}");
        }
        assert!(!parses(&"{\"a\":".repeat(400)));
    }

    #[test]
    fn a_member_has_the_type_that_is_asked_for() {
        let object = Object::parse(br#"{"text":"\u0061\n","number":7,"null":null,"in":{"a":"b"}}"#);
        let object = object.unwrap();
        assert_eq!(object.member("text"), Ok(Some("a\n".to_owned())));
        assert_eq!(object.member("number"), Ok(Some(7.0)));
        assert_eq!(object.member::<String>("number"), Err(Malformed));
        assert_eq!(object.member::<f64>("text"), Err(Malformed));
        assert_eq!(object.member::<String>("null"), Err(Malformed));
        assert_eq!(object.member::<String>("in"), Err(Malformed));
        assert_eq!(object.member::<String>("a"), Ok(None));
        assert!(object.has("null") && !object.has("a"));
        let inner = object.object("in").ok().flatten().unwrap();
        assert_eq!(inner.member("a"), Ok(Some("b".to_owned())));
        assert!(object.object("text").is_err() && object.object("null").is_err());
        assert!(matches!(object.object("a"), Ok(None)));
    }
}
