//! Schema documents: each describes exactly the bytes that postcard writes and reads.
//!
//! `reader` decodes with the document alone. The tests compare what it reads with what serde writes
//! as JSON, and which bytes it accepts with postcard. The same values and bytes are in
//! js/test/schema-vectors.json for the npm package.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::fs;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroI16, NonZeroU8, NonZeroU64};
use std::path::Path;
use std::time::{Duration, SystemTime};

use bulla::Payload;
use bulla::schema::{self, Bytes, Chain, Schema, Type, Types};
use bulla::token::{Encoding, NoPrevious};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::reader::{Document, Misfit};

mod reader;

/// A payload of any type, so that any type has a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Holder<T>(T);

trait Held: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Schema {}
impl<T: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Schema> Held for T {}

impl<T: Held> Payload for Holder<T> {
    const PURPOSE: &'static str = "schema.example/case";
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }
}

impl<T: Held> Schema for Holder<T> {
    fn schema(types: &mut Types) -> Type {
        T::schema(types)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
struct Integers {
    a: u8,
    b: u16,
    c: u32,
    d: u64,
    e: usize,
    f: i8,
    g: i16,
    h: i32,
    i: i64,
    j: isize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
struct Wide(u128, i128);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
struct Texts {
    text: String,
    boxed: Box<str>,
    borrowed: Cow<'static, str>,
    character: char,
    truth: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
struct Lists {
    bytes: Vec<u8>,
    key: [u8; 4],
    #[serde(with = "as_bytes")]
    #[schema(as = Bytes)]
    raw: Vec<u8>,
    numbers: Vec<u32>,
    boxed: Box<[i16]>,
    sorted: BTreeSet<String>,
    pairs: [(bool, i8); 2],
    nothing: [u64; 0],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
struct Maps {
    by_name: BTreeMap<String, u32>,
    by_number: BTreeMap<u64, Option<String>>,
    by_color: BTreeMap<Color, bool>,
    hashed: HashMap<i32, u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Schema)]
#[serde(rename_all = "kebab-case")]
enum Color {
    DarkRed,
    #[serde(rename = "grün \"\\\n")]
    Green,
    LightBlue,
    #[serde(skip)]
    #[expect(dead_code, reason = "its index must not be read")]
    Hidden,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
enum Shape {
    Empty,
    NewType(u32),
    NewUnit(()),
    TwoValues(u8, String),
    NoValues(),
    OnlySkipped(#[serde(skip)] u8),
    WithFields {
        first_field: u16,
        #[serde(rename = "2nd")]
        second: Option<Color>,
    },
    #[serde(rename_all = "SCREAMING-KEBAB-CASE")]
    Loud {
        more_noise: bool,
    },
    #[serde(with = "as_text")]
    #[schema(as = String)]
    Converted(u64),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Attributes {
    first_field: u8,
    r#type: u8,
    #[serde(rename = "other-name", alias = "old_name")]
    renamed: u8,
    #[serde(rename(serialize = "written", deserialize = "read"))]
    twice: u8,
    #[serde(skip)]
    skipped: u64,
    #[serde(skip_serializing, skip_deserializing)]
    skipped_twice: String,
    #[serde(default)]
    defaulted: u8,
    #[serde(with = "as_text")]
    #[schema(as = String)]
    converted: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
struct Nothing;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
struct UserId(u64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
struct Point(f32, f64, #[serde(skip)] u8);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
#[serde(transparent)]
struct Clear {
    value: u32,
    marker: PhantomData<String>,
}

/// A type that serde converts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
#[serde(from = "(u8, u8)", into = "(u8, u8)")]
#[schema(as = (u8, u8))]
struct Sum(u16);

impl From<(u8, u8)> for Sum {
    fn from((a, b): (u8, u8)) -> Sum {
        Sum(u16::from(a) + u16::from(b))
    }
}

impl From<Sum> for (u8, u8) {
    fn from(Sum(sum): Sum) -> (u8, u8) {
        let half = u8::try_from(sum / 2).unwrap();
        (half, u8::try_from(sum - u16::from(half)).unwrap())
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
struct Structs {
    nothing: Nothing,
    user: UserId,
    point: Point,
    clear: Clear,
    sum: Sum,
    unit: (),
    tuple: (u8, (String, bool)),
    result: Result<u8, String>,
    phantom: PhantomData<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
struct Options {
    number: Option<i32>,
    twice: Option<Option<u8>>,
    unit: Option<()>,
    named_unit: Option<Nothing>,
    list: Vec<Option<String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
struct Known {
    duration: Duration,
    time: SystemTime,
    v4: Ipv4Addr,
    v6: Ipv6Addr,
    ip: IpAddr,
    nonzero: (NonZeroU8, NonZeroI16, NonZeroU64),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
struct Tree {
    label: String,
    children: Vec<Tree>,
    next: Option<Box<Tree>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
struct Page<T, const ROWS: usize> {
    rows: Vec<T>,
}

/// All types of the vectors in one payload, as version 2 of a type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload, Schema)]
#[payload(purpose = "schema.example/everything", version = 2, previous = Before)]
struct Everything {
    integers: Integers,
    wide: Wide,
    texts: Texts,
    lists: Lists,
    maps: Maps,
    shape: Shape,
    attributes: Attributes,
    structs: Structs,
    options: Options,
    known: Known,
    tree: Tree,
    names: Names,
    color: Color,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload, Schema)]
#[payload(purpose = "schema.example/everything")]
enum Before {
    Everything(Box<Everything>),
}

impl From<Before> for Everything {
    fn from(Before::Everything(everything): Before) -> Everything {
        *everything
    }
}

mod twin {
    use bulla::schema::Schema;
    use serde::{Deserialize, Serialize};

    /// Another type with the name of a type outside of this module.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
    pub(super) struct UserId(pub(super) String);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
struct Names {
    number: UserId,
    again: UserId,
    text: twin::UserId,
    small: Page<u8, 2>,
    large: Page<String, 1>,
}

mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(value: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        // The schema says only that it is a string, so any string must be accepted here.
        let text = String::deserialize(from)?;
        Ok(text.parse().unwrap_or(0)).map_err(|_: ()| D::Error::custom("unreachable"))
    }
}

/// What the crate `serde_bytes` does.
mod as_bytes {
    use std::fmt;

    use serde::{Deserializer, Serializer, de::Visitor};

    pub(super) fn serialize<S: Serializer>(value: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Copy;
        impl Visitor<'_> for Copy {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        from.deserialize_byte_buf(Copy)
    }
}

fn document<P: Chain>() -> Document {
    Document::parse(&schema::json::<P>())
}

/// Reads the encoding of `value` with the document, and compares with serde's JSON.
#[track_caller]
fn is_described<T: Held>(document: &Document, value: &T) -> Vec<u8> {
    let bytes = postcard::to_allocvec(value).unwrap();
    let read = document.read(1, &bytes).unwrap();
    // serde_json::Value has no integers above u64::MAX.
    if let Ok(expected) = serde_json::to_value(value) {
        assert_eq!(read.as_serde(), expected, "{value:?}");
    }
    bytes
}

/// Damages an encoding in fixed ways, and compares what the document and postcard make of it.
#[track_caller]
fn is_accepted_alike<T: Held>(document: &Document, bytes: &[u8]) -> Result<Value, Misfit> {
    let read = document.read(1, bytes);
    let decoded = match postcard::take_from_bytes::<T>(bytes) {
        Ok((value, [])) => Some(value),
        _ => None,
    };
    match (&read, &decoded) {
        (Ok(read), Some(value)) => {
            if let Ok(expected) = serde_json::to_value(value) {
                assert_eq!(read.as_serde_collapsed(&expected), expected, "{bytes:x?}");
            }
        }
        // Before release 1.2, postcard ignores what follows the first character of a `char`.
        (Err(_), None) | (Err(Misfit::Characters), Some(_)) => {}
        _ => panic!("{bytes:x?}: {read:?}, but postcard: {decoded:?}"),
    }
    read.map(|read| read.as_vector())
}

/// Changed encodings: cut off, with a byte more, with one byte replaced, or with a byte inserted.
fn damaged(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (0..bytes.len()).map(|end| bytes[..end].to_vec()).collect();
    all.push([bytes, &[0]].concat());
    for position in 0..bytes.len() {
        let byte = bytes[position];
        for other in [0, 1, 2, 9, 0x7f, 0x80, 0xff, byte.wrapping_add(1), byte | 0x80] {
            let mut changed = bytes.to_vec();
            changed[position] = other;
            all.push(changed);
        }
        // A longer varint of the same number.
        let mut changed = bytes.to_vec();
        changed[position] |= 0x80;
        changed.insert(position + 1, 0);
        all.push(changed);
    }
    all
}

/// One type of the vectors.
fn case<T: Held>(name: &str, values: &[T]) -> Value {
    let document = document::<Holder<T>>();
    let mut written = Vec::new();
    let mut read_only = BTreeMap::new();
    let mut rejected = BTreeSet::new();
    for value in values {
        let bytes = is_described(&document, value);
        let read = is_accepted_alike::<T>(&document, &bytes).unwrap();
        written.push(json!({ "value": read, "bytes": hex(&bytes) }));
        for bytes in damaged(&bytes) {
            match is_accepted_alike::<T>(&document, &bytes) {
                Ok(value) => {
                    read_only.insert(hex(&bytes), value);
                }
                Err(_) => {
                    rejected.insert(hex(&bytes));
                }
            }
        }
    }
    // All are compared above; the file has a part of them.
    let every = |count: usize| count.div_ceil(40).max(1);
    let step = every(read_only.len());
    let read_only: Vec<Value> = read_only
        .into_iter()
        .step_by(step)
        .map(|(bytes, value)| json!({ "bytes": bytes, "value": value }))
        .collect();
    let step = every(rejected.len());
    let rejected: Vec<String> = rejected.into_iter().step_by(step).collect();
    json!({
        "name": name, "schema": document.value(), "version": 1,
        "written": written, "read": read_only, "rejected": rejected,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn cases() -> Vec<Value> {
    let tree = |label: &str| Tree { label: label.into(), children: vec![], next: None };
    vec![
        case(
            "integers",
            &[
                Integers { a: 0, b: 0, c: 0, d: 0, e: 0, f: 0, g: 0, h: 0, i: 0, j: 0 },
                Integers {
                    a: u8::MAX,
                    b: u16::MAX,
                    c: u32::MAX,
                    d: u64::MAX,
                    e: usize::MAX,
                    f: i8::MAX,
                    g: i16::MAX,
                    h: i32::MAX,
                    i: i64::MAX,
                    j: isize::MAX,
                },
                Integers {
                    a: 1,
                    b: 300,
                    c: 70_000,
                    d: (1 << 53) + 1,
                    e: (1 << 53) - 1,
                    f: i8::MIN,
                    g: i16::MIN,
                    h: i32::MIN,
                    i: i64::MIN,
                    j: -(1 << 53) - 1,
                },
            ],
        ),
        case("128 bits", &[Wide(0, -1), Wide(u128::MAX, i128::MIN), Wide(1 << 64, i128::MAX)]),
        case::<Vec<f64>>(
            "floats of 64 bits",
            &[vec![0.0, -0.0, 1.5, f64::MAX, f64::INFINITY, f64::NEG_INFINITY]],
        ),
        case::<Vec<f32>>("floats of 32 bits", &[vec![0.0, -0.0, 0.1, f32::MAX, f32::INFINITY]]),
        case(
            "texts",
            &[
                Texts {
                    text: String::new(),
                    boxed: "\u{feff}bom".into(),
                    borrowed: "häµ€𝄞".into(),
                    character: 'a',
                    truth: true,
                },
                Texts {
                    text: "\0\u{d7ff}\u{e000}\u{10ffff}".into(),
                    boxed: "x".repeat(130).into(),
                    borrowed: "".into(),
                    character: '𝄞',
                    truth: false,
                },
            ],
        ),
        case(
            "lists",
            &[
                Lists {
                    bytes: vec![],
                    key: [1, 2, 3, 4],
                    raw: vec![9, 255],
                    numbers: vec![1, 128, u32::MAX],
                    boxed: Box::new([-1]),
                    sorted: BTreeSet::from(["a".into(), "b".into()]),
                    pairs: [(true, -1), (false, 1)],
                    nothing: [],
                },
                Lists {
                    bytes: vec![0, 255],
                    key: [0; 4],
                    raw: vec![],
                    numbers: vec![],
                    boxed: Box::new([]),
                    sorted: BTreeSet::new(),
                    pairs: [(false, 0); 2],
                    nothing: [],
                },
            ],
        ),
        case(
            "maps",
            &[
                Maps {
                    by_name: BTreeMap::from([("".into(), 0), ("__proto__".into(), 1)]),
                    by_number: BTreeMap::from([(u64::MAX, None), (1, Some("one".into()))]),
                    by_color: BTreeMap::from([(Color::Green, true), (Color::DarkRed, false)]),
                    hashed: HashMap::from([(-1, 1)]),
                },
                Maps {
                    by_name: BTreeMap::new(),
                    by_number: BTreeMap::new(),
                    by_color: BTreeMap::new(),
                    hashed: HashMap::new(),
                },
            ],
        ),
        case(
            "enums",
            &[
                vec![Shape::Empty, Shape::NewType(300), Shape::NewUnit(())],
                vec![
                    Shape::TwoValues(7, "seven".into()),
                    Shape::NoValues(),
                    Shape::OnlySkipped(0),
                    Shape::WithFields { first_field: 1, second: Some(Color::LightBlue) },
                    Shape::Loud { more_noise: true },
                    Shape::Converted(12),
                ],
            ],
        ),
        case(
            "attributes of serde",
            &[Attributes {
                first_field: 1,
                r#type: 2,
                renamed: 3,
                twice: 4,
                skipped: 0,
                skipped_twice: String::new(),
                defaulted: 5,
                converted: 6,
            }],
        ),
        case(
            "structs and tuples",
            &[
                Structs {
                    nothing: Nothing,
                    user: UserId(1 << 60),
                    point: Point(0.5, 0.25, 0),
                    clear: Clear { value: 300, marker: PhantomData },
                    sum: Sum(7),
                    unit: (),
                    tuple: (1, ("two".into(), true)),
                    result: Ok(1),
                    phantom: PhantomData,
                },
                Structs {
                    nothing: Nothing,
                    user: UserId(0),
                    point: Point(-0.5, -0.25, 0),
                    clear: Clear { value: 0, marker: PhantomData },
                    sum: Sum(0),
                    unit: (),
                    tuple: (0, (String::new(), false)),
                    result: Err("no".into()),
                    phantom: PhantomData,
                },
            ],
        ),
        case(
            "options",
            &[
                Options {
                    number: None,
                    twice: None,
                    unit: None,
                    named_unit: None,
                    list: vec![None, Some("a".into())],
                },
                Options {
                    number: Some(-5),
                    twice: Some(None),
                    unit: Some(()),
                    named_unit: Some(Nothing),
                    list: vec![],
                },
                Options {
                    number: Some(0),
                    twice: Some(Some(3)),
                    unit: None,
                    named_unit: None,
                    list: vec![],
                },
            ],
        ),
        case(
            "times, addresses and numbers that are not zero",
            &[
                Known {
                    duration: Duration::new(u64::MAX, 999_999_999),
                    time: SystemTime::UNIX_EPOCH + Duration::new(1_790_000_000, 5),
                    v4: Ipv4Addr::new(192, 0, 2, 255),
                    v6: "2001:db8::1:0:0:1".parse().unwrap(),
                    ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
                    nonzero: (NonZeroU8::MAX, NonZeroI16::MIN, NonZeroU64::MIN),
                },
                Known {
                    duration: Duration::ZERO,
                    time: SystemTime::UNIX_EPOCH + Duration::from_secs(i64::MAX.unsigned_abs()),
                    v4: Ipv4Addr::UNSPECIFIED,
                    v6: Ipv6Addr::UNSPECIFIED,
                    ip: "::ffff:192.0.2.1".parse().unwrap(),
                    nonzero: (NonZeroU8::MIN, NonZeroI16::MAX, NonZeroU64::MAX),
                },
                Known {
                    duration: Duration::from_nanos(1),
                    time: SystemTime::UNIX_EPOCH,
                    v4: Ipv4Addr::BROADCAST,
                    v6: "1:0:0:4:0:0:0:8".parse().unwrap(),
                    ip: "fe80::1".parse().unwrap(),
                    nonzero: (NonZeroU8::MIN, NonZeroI16::MIN, NonZeroU64::MIN),
                },
            ],
        ),
        case(
            "types that contain themselves",
            &[
                tree("leaf"),
                Tree {
                    label: "root".into(),
                    children: vec![tree("a"), tree("b")],
                    next: Some(Box::new(Tree { next: Some(Box::new(tree("c"))), ..tree("next") })),
                },
            ],
        ),
        case(
            "types of the same name",
            &[Names {
                number: UserId(1),
                again: UserId(2),
                text: twin::UserId("three".into()),
                small: Page { rows: vec![4, 5] },
                large: Page { rows: vec!["six".into()] },
            }],
        ),
        case::<Option<bool>>("a payload without a named type", &[None, Some(true), Some(false)]),
    ]
}

#[test]
fn a_schema_describes_what_postcard_writes_and_accepts_and_the_vectors_are_current() {
    // One case a line.
    let cases: Vec<String> = cases().iter().map(Value::to_string).collect();
    let everything = document::<Everything>();
    let vectors = format!(
        "{{ \"everything\": {},\n\"cases\": [\n{}\n] }}\n",
        everything.value(),
        cases.join(",\n")
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("js/test/schema-vectors.json");
    let current = fs::read_to_string(&file).unwrap_or_default();
    let current: Value = serde_json::from_str(&current).unwrap_or_default();
    // The order of keys depends on the features of serde_json.
    if current != serde_json::from_str::<Value>(&vectors).unwrap() {
        let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schema-vectors.json");
        fs::write(&new, vectors).unwrap();
        panic!("{} is out of date: copy {} there", file.display(), new.display());
    }
}

proptest! {
    #[test]
    fn arbitrary_values_are_read_as_serde_writes_them(
        numbers in any::<(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize)>(),
        texts in (".*", ".*", any::<char>(), any::<bool>()),
        map in proptest::collection::btree_map(any::<u64>(), proptest::option::of(".*"), 0..5),
        shapes in proptest::collection::vec(shapes(), 0..5),
        floats in any::<(f32, f64)>(),
        known in (any::<Duration>(), 0..1_u64 << 40, any::<Ipv4Addr>(), any::<Ipv6Addr>(), any::<IpAddr>()),
    ) {
        let (a, b, c, d, e, f, g, h, i, j) = numbers;
        is_described(&document::<Holder<Integers>>(), &Integers { a, b, c, d, e, f, g, h, i, j });
        let (text, boxed, character, truth) = texts;
        let texts = Texts {
            text, boxed: boxed.into(), borrowed: "".into(), character, truth,
        };
        is_described(&document::<Holder<Texts>>(), &texts);
        let maps = Maps {
            by_name: BTreeMap::new(), by_number: map, by_color: BTreeMap::new(),
            hashed: HashMap::new(),
        };
        is_described(&document::<Holder<Maps>>(), &maps);
        is_described(&document::<Holder<Vec<Shape>>>(), &shapes);
        is_described(&document::<Holder<Point>>(), &Point(floats.0, floats.1, 0));
        let (duration, seconds, v4, v6, ip) = known;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let nonzero = (NonZeroU8::MIN, NonZeroI16::MIN, NonZeroU64::MIN);
        let known = Known { duration, time, v4, v6, ip, nonzero };
        is_described(&document::<Holder<Known>>(), &known);
    }

    #[test]
    fn arbitrary_bytes_are_accepted_as_postcard_accepts_them(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0_u8..4], 0..40),
    ) {
        let _ = is_accepted_alike::<Vec<Shape>>(&document::<Holder<Vec<Shape>>>(), &bytes);
        let _ = is_accepted_alike::<Texts>(&document::<Holder<Texts>>(), &bytes);
        let _ = is_accepted_alike::<Maps>(&document::<Holder<Maps>>(), &bytes);
        let _ = is_accepted_alike::<Options>(&document::<Holder<Options>>(), &bytes);
        let _ = is_accepted_alike::<Integers>(&document::<Holder<Integers>>(), &bytes);
        let _ = is_accepted_alike::<Known>(&document::<Holder<Known>>(), &bytes);
        let _ = is_accepted_alike::<Tree>(&document::<Holder<Tree>>(), &bytes);
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    let color = prop_oneof![Just(Color::DarkRed), Just(Color::Green), Just(Color::LightBlue)];
    prop_oneof![
        Just(Shape::Empty),
        any::<u32>().prop_map(Shape::NewType),
        Just(Shape::NewUnit(())),
        (any::<u8>(), ".*").prop_map(|(number, text)| Shape::TwoValues(number, text)),
        Just(Shape::NoValues()),
        Just(Shape::OnlySkipped(0)),
        (any::<u16>(), proptest::option::of(color))
            .prop_map(|(first_field, second)| Shape::WithFields { first_field, second }),
        any::<bool>().prop_map(|more_noise| Shape::Loud { more_noise }),
        any::<u64>().prop_map(Shape::Converted),
    ]
}

mod v1 {
    use super::*;

    #[derive(Serialize, Deserialize, Payload, Schema)]
    #[payload(purpose = "bank.example/session")]
    pub(super) struct Account {
        pub(super) role: Role,
    }

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) enum Role {
        Customer,
    }
}

/// Version 3 was encoded as JSON. Its attributes do not matter.
#[cfg(feature = "json")]
#[derive(Serialize, Deserialize, Payload, Schema)]
#[payload(purpose = "bank.example/session", version = 3, previous = v1::Account, encoding = "json")]
struct Account3 {
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<Color>,
}

#[cfg(feature = "json")]
impl From<v1::Account> for Account3 {
    fn from(_: v1::Account) -> Account3 {
        Account3 { color: None }
    }
}

#[cfg(feature = "json")]
#[derive(Serialize, Deserialize, Payload, Schema)]
#[payload(purpose = "bank.example/session", version = 4, previous = Account3)]
struct Account {
    color: Option<Color>,
    role: Role,
}

#[derive(Serialize, Deserialize, Schema)]
enum Role {
    Customer,
    Clerk,
}

#[cfg(feature = "json")]
impl From<Account3> for Account {
    fn from(old: Account3) -> Account {
        Account { color: old.color, role: Role::Customer }
    }
}

#[cfg(feature = "json")]
#[test]
fn the_document_describes_each_version_that_the_type_can_upgrade() {
    let text = schema::json::<Account>();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["format"], "bulla-schema/1");
    assert_eq!(value["purpose"], "bank.example/session");
    assert_eq!(
        value["versions"],
        json!([
            { "version": 4, "encoding": "postcard", "type": { "ref": "Account" } },
            { "version": 3, "encoding": "json" },
            { "version": 1, "encoding": "postcard", "type": { "ref": "AccountV1" } },
        ])
    );
    // Types of an earlier version get its number if a newer version has a type of the same name.
    let types: Vec<&String> = value["types"].as_object().unwrap().keys().collect();
    for name in ["Account", "Color", "Role", "AccountV1", "RoleV1"] {
        assert!(types.iter().any(|known| *known == name), "{name} is not in {types:?}");
    }
    assert_eq!(types.len(), 5, "{types:?}");

    let document = Document::parse(&text);
    let new = Account { color: Some(Color::DarkRed), role: Role::Clerk };
    let bytes = postcard::to_allocvec(&new).unwrap();
    let read = document.read(4, &bytes).unwrap();
    assert_eq!(read.as_serde(), json!({ "color": "dark-red", "role": "Clerk" }));
    let old = v1::Account { role: v1::Role::Customer };
    let bytes = postcard::to_allocvec(&old).unwrap();
    let read = document.read(1, &bytes).unwrap();
    assert_eq!(read.as_serde(), json!({ "role": "Customer" }));
    assert!(document.read(1, &[1]).is_err(), "version 1 has one role");
}

#[test]
fn a_document_is_the_same_each_time_it_is_written() {
    assert_eq!(schema::json::<Holder<Names>>(), schema::json::<Holder<Names>>());
    assert_eq!(Holder::<Names>::ENCODING, Encoding::Postcard);
}
