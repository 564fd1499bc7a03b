//! A serializer that rejects values with a field left out.
//!
//! Postcard writes no field names. If a field is left out (`skip_serializing_if`), each field after
//! it is read as the field before. A string that a user has chosen could then be read as another
//! field.

use std::cell::Cell;
use std::fmt;

use serde::ser::{self, Error as _, Serialize, Serializer};

/// Why a value was not written.
pub(crate) enum Unwritten<E> {
    /// The value leaves a field out.
    Skips,
    /// An error of the serializer.
    Other(E),
}

/// Writes `value` to `serializer`. Fails if the value leaves a field out.
pub(crate) fn write_whole<S: Serializer>(
    value: &impl Serialize,
    serializer: S,
) -> Result<S::Ok, Unwritten<S::Error>> {
    let skips = Cell::new(false);
    let written = value.serialize(Whole { inner: serializer, skips: &skips });
    // This is checked even if writing succeeded, because a type may have ignored the error of
    // `skip_field`.
    if skips.get() {
        return Err(Unwritten::Skips);
    }
    written.map_err(Unwritten::Other)
}

/// Wraps a serializer, or the serializer that it returns for a sequence, a map or a struct. Passes
/// on every call except `skip_field`.
struct Whole<'a, S> {
    inner: S,
    skips: &'a Cell<bool>,
}

impl<'a, S> Whole<'a, S> {
    /// Wraps a value that is nested in this one.
    fn within<'t, T: ?Sized>(&self, value: &'t T) -> Within<'t, 'a, T> {
        Within { value, skips: self.skips }
    }
}

struct Within<'t, 'a, T: ?Sized> {
    value: &'t T,
    skips: &'a Cell<bool>,
}

impl<T: Serialize + ?Sized> Serialize for Within<'_, '_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Whole { inner: serializer, skips: self.skips })
    }
}

/// Methods for values that contain no other values.
macro_rules! leaves {
    ($($name:ident($($argument:ident: $type:ty),*));+ $(;)?) => {
        $(#[inline]
        fn $name(self, $($argument: $type),*) -> Result<S::Ok, S::Error> {
            self.inner.$name($($argument),*)
        })+
    };
}

/// Methods that begin a compound value, which contains other values.
macro_rules! compounds {
    ($($name:ident($($argument:ident: $type:ty),*): $compound:ident);+ $(;)?) => {
        $(#[inline]
        fn $name(self, $($argument: $type),*) -> Result<Whole<'a, S::$compound>, S::Error> {
            Ok(Whole { inner: self.inner.$name($($argument),*)?, skips: self.skips })
        })+
    };
}

type Name = &'static str;

impl<'a, S: Serializer> Serializer for Whole<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Whole<'a, S::SerializeSeq>;
    type SerializeTuple = Whole<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Whole<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Whole<'a, S::SerializeTupleVariant>;
    type SerializeMap = Whole<'a, S::SerializeMap>;
    type SerializeStruct = Whole<'a, S::SerializeStruct>;
    type SerializeStructVariant = Whole<'a, S::SerializeStructVariant>;

    leaves! {
        serialize_bool(v: bool);
        serialize_i8(v: i8);
        serialize_i16(v: i16);
        serialize_i32(v: i32);
        serialize_i64(v: i64);
        serialize_i128(v: i128);
        serialize_u8(v: u8);
        serialize_u16(v: u16);
        serialize_u32(v: u32);
        serialize_u64(v: u64);
        serialize_u128(v: u128);
        serialize_f32(v: f32);
        serialize_f64(v: f64);
        serialize_char(v: char);
        serialize_str(v: &str);
        serialize_bytes(v: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: Name);
        serialize_unit_variant(name: Name, index: u32, variant: Name);
    }

    compounds! {
        serialize_seq(len: Option<usize>): SerializeSeq;
        serialize_tuple(len: usize): SerializeTuple;
        serialize_tuple_struct(name: Name, len: usize): SerializeTupleStruct;
        serialize_tuple_variant(name: Name, index: u32, variant: Name, len: usize):
            SerializeTupleVariant;
        serialize_map(len: Option<usize>): SerializeMap;
        serialize_struct(name: Name, len: usize): SerializeStruct;
        serialize_struct_variant(name: Name, index: u32, variant: Name, len: usize):
            SerializeStructVariant;
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let value = self.within(value);
        self.inner.serialize_some(&value)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: Name,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.within(value);
        self.inner.serialize_newtype_struct(name, &value)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: Name,
        index: u32,
        variant: Name,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.within(value);
        self.inner.serialize_newtype_variant(name, index, variant, &value)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! sequences {
    ($($trait:ident: $($element:ident),+);+ $(;)?) => {
        $(impl<C: ser::$trait> ser::$trait for Whole<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            $(#[inline]
            fn $element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                let value = self.within(value);
                self.inner.$element(&value)
            })+

            #[inline]
            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        })+
    };
}

sequences! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
    SerializeMap: serialize_key, serialize_value;
}

macro_rules! structs {
    ($($trait:ident),+ $(,)?) => {
        $(impl<C: ser::$trait> ser::$trait for Whole<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: Name,
                value: &T,
            ) -> Result<(), C::Error> {
                let value = self.within(value);
                self.inner.serialize_field(name, &value)
            }

            /// Derived code calls this method for a field that `skip_serializing_if` leaves out,
            /// but not for a field with `skip` or `skip_serializing`. The derive of `Payload`
            /// rejects `skip_serializing` alone.
            fn skip_field(&mut self, _: Name) -> Result<(), C::Error> {
                self.skips.set(true);
                Err(C::Error::custom("a field was left out"))
            }

            #[inline]
            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        })+
    };
}

structs! { SerializeStruct, SerializeStructVariant }

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    use super::*;

    #[derive(serde::Serialize)]
    struct Skipping {
        #[serde(skip_serializing_if = "Option::is_none")]
        nick: Option<String>,
        name: String,
    }

    #[derive(serde::Serialize)]
    enum Shape {
        Unit,
        Newtype(u8),
        Tuple(u8, char),
        Struct { some: Option<i16>, wide: (u128, i128) },
    }

    fn written(value: &impl Serialize) -> Result<Vec<u8>, Unwritten<postcard::Error>> {
        let output = postcard::ser_flavors::AllocVec::new();
        let mut serializer = postcard::Serializer { output };
        write_whole(value, &mut serializer)?;
        Ok(postcard::ser_flavors::Flavor::finalize(serializer.output).unwrap())
    }

    #[test]
    fn the_check_does_not_change_the_encoding_of_a_value_with_all_fields() {
        #[track_caller]
        fn same(value: &impl Serialize) {
            let whole = written(value).ok();
            assert_eq!(whole, Some(postcard::to_allocvec(value).unwrap()));
        }
        same(&());
        same(&(true, 7_u8, -3_i64, u64::MAX, 'x', 1.5_f64, 0.5_f32, Some("a"), None::<u8>));
        same(&vec!["nineteen characters"; 100]);
        same(&BTreeMap::from([(1, "one"), (2, "two")]));
        same(&Ok::<u8, String>(3));
        same(&[
            Shape::Unit,
            Shape::Newtype(1),
            Shape::Tuple(2, 'é'),
            Shape::Struct { some: Some(-4), wide: (u128::MAX, i128::MIN) },
        ]);
        same(&format_args!("collected {}", 1));
        same(&Ipv4Addr::LOCALHOST); // text in human-readable formats, here four bytes
    }

    #[cfg(feature = "json")]
    #[test]
    fn the_check_passes_on_whether_the_format_is_human_readable() {
        let mut json = Vec::new();
        let written =
            write_whole(&Ipv4Addr::LOCALHOST, &mut serde_json::Serializer::new(&mut json));
        assert!(written.is_ok());
        assert_eq!(json, br#""127.0.0.1""#);
    }

    #[test]
    fn a_field_that_is_left_out_is_found_at_any_depth() {
        let [whole, skipping] =
            [Some("a".into()), None].map(|nick| Skipping { nick, name: "b".into() });
        assert!(written(&whole).is_ok());
        assert!(matches!(written(&skipping), Err(Unwritten::Skips)));
        assert!(matches!(written(&[Some((1, &skipping))]), Err(Unwritten::Skips)));
        assert!(matches!(written(&BTreeMap::from([(1, &skipping)])), Err(Unwritten::Skips)));
        assert!(matches!(written(&Ok::<_, u8>(&skipping)), Err(Unwritten::Skips)));
    }
}
