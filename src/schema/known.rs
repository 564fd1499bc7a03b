//! Schemas of the standard library's types, as serde writes them in formats for machines.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8,
    NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize, Saturating, Wrapping,
};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::schema::tree::{Schema, Shape, Type, Types};

/// Bytes after their number, for `#[schema(as = Bytes)]`: what `serde_bytes` and the crate `uuid`
/// write. It has no values.
#[derive(Debug)]
pub enum Bytes {}

macro_rules! words {
    ($($type:ty: $word:literal),+ $(,)?) => {
        $(impl Schema for $type {
            fn schema(_: &mut Types) -> Type {
                Type(Shape::Word($word))
            }
        })+
    };
}

// Serde writes isize and usize as 64 bits on every machine.
words! {
    (): "unit", bool: "bool",
    u8: "u8", u16: "u16", u32: "u32", u64: "u64", u128: "u128", usize: "u64",
    i8: "i8", i16: "i16", i32: "i32", i64: "i64", i128: "i128", isize: "i64",
    f32: "f32", f64: "f64", char: "char",
    String: "string", str: "string", PathBuf: "string",
    Bytes: "bytes",
    Duration: "duration", SystemTime: "system-time",
    Ipv4Addr: "ipv4", Ipv6Addr: "ipv6", IpAddr: "ip",
}

macro_rules! non_zero {
    ($($type:ty: $word:literal),+ $(,)?) => {
        $(impl Schema for $type {
            fn schema(_: &mut Types) -> Type {
                Type(Shape::NonZero($word))
            }
        })+
    };
}

non_zero! {
    NonZeroU8: "u8", NonZeroU16: "u16", NonZeroU32: "u32", NonZeroU64: "u64",
    NonZeroU128: "u128", NonZeroUsize: "u64",
    NonZeroI8: "i8", NonZeroI16: "i16", NonZeroI32: "i32", NonZeroI64: "i64",
    NonZeroI128: "i128", NonZeroIsize: "i64",
}

/// Types that are encoded like the value inside.
macro_rules! wrappers {
    ($($type:ident),+ $(,)?) => {
        $(impl<T: Schema + ?Sized> Schema for $type<T> {
            fn schema(types: &mut Types) -> Type {
                T::schema(types)
            }
        })+
    };
}

wrappers! { Box, Rc, Arc }

macro_rules! sized_wrappers {
    ($($type:ident),+ $(,)?) => {
        $(impl<T: Schema> Schema for $type<T> {
            fn schema(types: &mut Types) -> Type {
                T::schema(types)
            }
        })+
    };
}

sized_wrappers! { Reverse, Saturating, Wrapping }

impl<T: Schema + ToOwned + ?Sized> Schema for Cow<'static, T> {
    fn schema(types: &mut Types) -> Type {
        T::schema(types)
    }
}

impl<T: Schema> Schema for [T] {
    fn schema(types: &mut Types) -> Type {
        Type(Shape::List(Box::new(T::schema(types))))
    }
}

macro_rules! lists {
    ($($type:ident<T $(, $hasher:ident)?>),+ $(,)?) => {
        $(impl<T: Schema $(, $hasher: 'static)?> Schema for $type<T $(, $hasher)?> {
            fn schema(types: &mut Types) -> Type {
                <[T]>::schema(types)
            }
        })+
    };
}

lists! { Vec<T>, VecDeque<T>, LinkedList<T>, BinaryHeap<T>, BTreeSet<T>, HashSet<T, S> }

macro_rules! maps {
    ($($type:ident<K, V $(, $hasher:ident)?>),+ $(,)?) => {
        $(impl<K: Schema, V: Schema $(, $hasher: 'static)?> Schema for $type<K, V $(, $hasher)?> {
            fn schema(types: &mut Types) -> Type {
                Type(Shape::Map(Box::new(K::schema(types)), Box::new(V::schema(types))))
            }
        })+
    };
}

maps! { BTreeMap<K, V>, HashMap<K, V, S> }

impl<T: Schema, const LENGTH: usize> Schema for [T; LENGTH] {
    fn schema(types: &mut Types) -> Type {
        Type(Shape::Array(Box::new(T::schema(types)), LENGTH))
    }
}

impl<T: Schema> Schema for Option<T> {
    fn schema(types: &mut Types) -> Type {
        Type(Shape::Option(Box::new(T::schema(types))))
    }
}

impl<T: Schema, E: Schema> Schema for Result<T, E> {
    fn schema(types: &mut Types) -> Type {
        let [ok, err] = [T::schema(types), E::schema(types)];
        Type::__enum([("Ok", Some(ok)), ("Err", Some(err))])
    }
}

impl<T: ?Sized + 'static> Schema for PhantomData<T> {
    fn schema(_: &mut Types) -> Type {
        Type::__unit()
    }
}

macro_rules! tuples {
    ($(($($element:ident),+)),+ $(,)?) => {
        $(impl<$($element: Schema),+> Schema for ($($element,)+) {
            fn schema(types: &mut Types) -> Type {
                Type::__tuple([$($element::schema(types)),+])
            }
        })+
    };
}

tuples! {
    (A), (A, B), (A, B, C), (A, B, C, D), (A, B, C, D, E), (A, B, C, D, E, F),
    (A, B, C, D, E, F, G), (A, B, C, D, E, F, G, H),
    (A, B, C, D, E, F, G, H, I), (A, B, C, D, E, F, G, H, I, J),
    (A, B, C, D, E, F, G, H, I, J, K), (A, B, C, D, E, F, G, H, I, J, K, L),
    (A, B, C, D, E, F, G, H, I, J, K, L, M), (A, B, C, D, E, F, G, H, I, J, K, L, M, N),
    (A, B, C, D, E, F, G, H, I, J, K, L, M, N, O), (A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P),
}
