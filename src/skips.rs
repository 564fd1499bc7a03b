//! Finds fields that a value would leave out, which postcard could not read back.
//!
//! Postcard writes no field names. A field that is left out
//! (`skip_serializing_if`) moves the ones after it up, and a string that a user
//! has chosen could then be read as another field.

use std::fmt;

use serde::ser::{self, Serialize, Serializer};

/// Walks through a value, and says whether it leaves a field out.
pub(crate) fn leaves_a_field_out(value: &impl Serialize) -> bool {
    matches!(value.serialize(Walk), Err(Stop::Skipped))
}

#[derive(Clone, Copy)]
struct Walk;

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
    ($($name:ident: $type:ty),+ $(,)?) => {
        $(fn $name(self, _: $type) -> Result<(), Stop> { Ok(()) })+
    };
}

impl Serializer for Walk {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Walk;
    type SerializeTuple = Walk;
    type SerializeTupleStruct = Walk;
    type SerializeTupleVariant = Walk;
    type SerializeMap = Walk;
    type SerializeStruct = Walk;
    type SerializeStructVariant = Walk;

    leaves! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_f32: f32,
        serialize_f64: f64,
        serialize_char: char,
        serialize_str: &str,
        serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    }

    fn serialize_none(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &str, _: u32, _: &str) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &str,
        value: &T,
    ) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &str,
        _: u32,
        _: &str,
        value: &T,
    ) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Walk, Stop> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Walk, Stop> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &str, _: usize) -> Result<Walk, Stop> {
        Ok(self)
    }

    fn serialize_tuple_variant(self, _: &str, _: u32, _: &str, _: usize) -> Result<Walk, Stop> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Walk, Stop> {
        Ok(self)
    }

    fn serialize_struct(self, _: &str, _: usize) -> Result<Walk, Stop> {
        Ok(self)
    }

    fn serialize_struct_variant(self, _: &str, _: u32, _: &str, _: usize) -> Result<Walk, Stop> {
        Ok(self)
    }

    /// As postcard is asked.
    fn is_human_readable(&self) -> bool {
        false
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), Stop> {
        Ok(())
    }
}

macro_rules! sequences {
    ($($trait:ident: $element:ident),+ $(,)?) => {
        $(impl ser::$trait for Walk {
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

impl ser::SerializeMap for Walk {
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
        $(impl ser::$trait for Walk {
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
