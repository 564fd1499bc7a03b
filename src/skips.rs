//! Finds fields that a value would leave out, which postcard could not read back, and
//! tells about how long it will be, so that a buffer need not grow while it is written.
//!
//! Postcard writes no field names. A field that is left out
//! (`skip_serializing_if`) moves the ones after it up, and a string that a user
//! has chosen could then be read as another field.

use std::cell::Cell;
use std::fmt;

use serde::ser::{self, Serialize, Serializer};

/// Walks through a value. `None` when it leaves a field out, or else about how many
/// bytes it has in postcard: seldom fewer than it will have, and only a hint.
pub(crate) fn about_len(value: &impl Serialize) -> Option<usize> {
    let len = Cell::new(0);
    match value.serialize(Walk(&len)) {
        Err(Stop::Skipped) => None,
        Ok(()) | Err(Stop::Other) => Some(len.get()),
    }
}

#[derive(Clone, Copy)]
struct Walk<'a>(&'a Cell<usize>);

impl Walk<'_> {
    fn add(self, len: usize) {
        self.0.set(self.0.get().saturating_add(len));
    }
}

#[derive(Debug)]
enum Stop {
    Skipped,
    Other,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Stop {
        Stop::Other
    }
}

macro_rules! leaves {
    ($($name:ident: $type:ty, $len:expr);+ $(;)?) => {
        $(fn $name(self, _: $type) -> Result<(), Stop> {
            self.add($len);
            Ok(())
        })+
    };
}

impl<'a> Serializer for Walk<'a> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Walk<'a>;
    type SerializeTuple = Walk<'a>;
    type SerializeTupleStruct = Walk<'a>;
    type SerializeTupleVariant = Walk<'a>;
    type SerializeMap = Walk<'a>;
    type SerializeStruct = Walk<'a>;
    type SerializeStructVariant = Walk<'a>;

    leaves! {
        serialize_bool: bool, 1;
        serialize_i8: i8, 1;
        serialize_i16: i16, 3;
        serialize_i32: i32, 5;
        serialize_i64: i64, 10;
        serialize_i128: i128, 19;
        serialize_u8: u8, 1;
        serialize_u16: u16, 3;
        serialize_u32: u32, 5;
        serialize_u64: u64, 10;
        serialize_u128: u128, 19;
        serialize_f32: f32, 4;
        serialize_f64: f64, 8;
        serialize_char: char, 5;
        serialize_unit_struct: &'static str, 0;
    }

    fn serialize_str(self, value: &str) -> Result<(), Stop> {
        self.add(2 + value.len());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Stop> {
        self.add(2 + value.len());
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Stop> {
        self.add(1);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        self.add(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &str, _: u32, _: &str) -> Result<(), Stop> {
        self.add(1);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &str,
        value: &T,
    ) -> Result<(), Stop> {
        self.add(1);
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &str,
        _: u32,
        _: &str,
        value: &T,
    ) -> Result<(), Stop> {
        self.add(1);
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Walk<'a>, Stop> {
        self.add(2);
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Walk<'a>, Stop> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &str, _: usize) -> Result<Walk<'a>, Stop> {
        Ok(self)
    }

    fn serialize_tuple_variant(self, _: &str, _: u32, _: &str, _: usize) -> Result<Walk<'a>, Stop> {
        self.add(1);
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Walk<'a>, Stop> {
        self.add(2);
        Ok(self)
    }

    fn serialize_struct(self, _: &str, _: usize) -> Result<Walk<'a>, Stop> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &str,
        _: u32,
        _: &str,
        _: usize,
    ) -> Result<Walk<'a>, Stop> {
        self.add(1);
        Ok(self)
    }

    /// As postcard is asked.
    fn is_human_readable(&self) -> bool {
        false
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), Stop> {
        self.add(32);
        Ok(())
    }
}

macro_rules! sequences {
    ($($trait:ident: $element:ident),+ $(,)?) => {
        $(impl ser::$trait for Walk<'_> {
            type Ok = ();
            type Error = Stop;

            fn $element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                value.serialize(*self)
            }

            fn end(self) -> Result<(), Stop> {
                Ok(())
            }
        })+
    };
}

sequences! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

impl ser::SerializeMap for Walk<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        key.serialize(*self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        value.serialize(*self)
    }

    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}

macro_rules! structs {
    ($($trait:ident),+ $(,)?) => {
        $(impl ser::$trait for Walk<'_> {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Result<(), Stop> {
                value.serialize(*self)
            }

            /// What derived code calls for a field that it leaves out. (One with
            /// `skip` or `skip_serializing` it does not mention at all: the
            /// derive of `Payload` refuses the latter.)
            fn skip_field(&mut self, _: &'static str) -> Result<(), Stop> {
                Err(Stop::Skipped)
            }

            fn end(self) -> Result<(), Stop> {
                Ok(())
            }
        })+
    };
}

structs! { SerializeStruct, SerializeStructVariant }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_a_bit_more_than_what_is_written() {
        fn check(value: &impl Serialize) {
            let written = postcard::to_allocvec(value).unwrap().len();
            let about = about_len(value).unwrap();
            assert!(about >= written && about <= written * 2 + 20, "{about} for {written}");
        }
        check(&());
        check(&(true, 7_u8, -3_i64, u64::MAX, 'x', 1.5_f64, Some("a"), None::<u8>));
        check(&vec!["nineteen characters"; 100]);
        check(&std::collections::BTreeMap::from([(1, "one"), (2, "two")]));
        check(&Ok::<u8, String>(3));
    }
}
