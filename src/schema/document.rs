//! The schema document of a payload type, with all its schema versions, as JSON.

use std::fmt::{self, Write as _};

use crate::schema::tree::{Named, Schema, Shape, Type, Types};
use crate::token::{Encoding, NoPrevious, Payload};

/// A payload type that has a schema for each of its schema versions.
///
/// Every [`Payload`] with a [`Schema`] implements it, if its previous type does.
pub trait Chain: Payload {
    #[doc(hidden)]
    fn __describe(versions: &mut Vec<Version>, types: &mut Types);
}

impl Chain for NoPrevious {
    fn __describe(_: &mut Vec<Version>, _: &mut Types) {}
}

impl<P: Payload + Schema> Chain for P
where
    P::Previous: Chain,
{
    fn __describe(versions: &mut Vec<Version>, types: &mut Types) {
        if !versions.is_empty() {
            types.enter_earlier(P::VERSION);
        }
        let described = match P::ENCODING {
            Encoding::Postcard => Some(P::schema(types)),
            #[cfg(feature = "json")]
            Encoding::Json => None,
        };
        versions.push(Version { version: P::VERSION, described });
        P::Previous::__describe(versions, types);
    }
}

/// One schema version. `described` is `None` if its encoding is JSON.
#[doc(hidden)]
#[derive(Debug)]
pub struct Version {
    version: u32,
    described: Option<Type>,
}

/// Returns the schema document of `P` as JSON, with a line feed at its end.
///
/// The document has the purpose, and the encoding of each schema version that `P` can read, with the
/// newest first. docs/schema.md specifies it. The text changes only if the purpose, the types or
/// their names change, or with a new release of the format. The module's documentation has an
/// example.
#[must_use]
pub fn json<P: Chain>() -> String {
    let mut versions = Vec::new();
    let mut types = Types::default();
    P::__describe(&mut versions, &mut types);
    let document = Document { purpose: P::PURPOSE, versions: &versions, named: types.named() };
    document.to_string()
}

struct Document<'a> {
    purpose: &'a str,
    versions: &'a [Version],
    named: &'a [Named],
}

impl fmt::Display for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{\n  \"format\": \"bulla-schema/1\",\n  \"purpose\": ")?;
        text(f, self.purpose)?;
        f.write_str(",\n  \"versions\": [")?;
        separated(f, self.versions, "\n    ", ",\n    ", |f, version| {
            write!(f, "{{ \"version\": {}, ", version.version)?;
            match &version.described {
                None => f.write_str("\"encoding\": \"json\" }"),
                Some(described) => {
                    f.write_str("\"encoding\": \"postcard\", \"type\": ")?;
                    self.shape(f, described)?;
                    f.write_str(" }")
                }
            }
        })?;
        f.write_str("\n  ],\n  \"types\": {")?;
        separated(f, self.named, "\n    ", ",\n    ", |f, named| {
            text(f, &named.name)?;
            f.write_str(": ")?;
            self.definition(f, named)
        })?;
        f.write_str(if self.named.is_empty() { "}\n}\n" } else { "\n  }\n}\n" })
    }
}

impl Document<'_> {
    /// Writes a type with a name: each field or variant in its own line.
    fn definition(&self, f: &mut fmt::Formatter<'_>, named: &Named) -> fmt::Result {
        const FIRST: &str = "\n      ";
        const NEXT: &str = ",\n      ";
        match named.described.as_ref().map(|described| &described.0) {
            Some(Shape::Struct(fields)) if !fields.is_empty() => {
                f.write_str("{ \"struct\": [")?;
                separated(f, fields, FIRST, NEXT, |f, field| self.field(f, field))?;
                f.write_str("\n    ] }")
            }
            Some(Shape::Enum(variants)) if !variants.is_empty() => {
                f.write_str("{ \"enum\": [")?;
                separated(f, variants, FIRST, NEXT, |f, variant| self.variant(f, variant))?;
                f.write_str("\n    ] }")
            }
            _ => match &named.described {
                Some(described) => self.shape(f, described),
                None => f.write_str("\"unit\""), // only while the type is being described
            },
        }
    }

    fn shape(&self, f: &mut fmt::Formatter<'_>, described: &Type) -> fmt::Result {
        match &described.0 {
            Shape::Word(word) => write!(f, "\"{word}\""),
            Shape::NonZero(word) => write!(f, "{{ \"nonzero\": \"{word}\" }}"),
            Shape::Option(value) => {
                f.write_str("{ \"option\": ")?;
                self.shape(f, value)?;
                f.write_str(" }")
            }
            Shape::List(element) => {
                f.write_str("{ \"list\": ")?;
                self.shape(f, element)?;
                f.write_str(" }")
            }
            Shape::Array(element, length) => {
                f.write_str("{ \"array\": ")?;
                self.shape(f, element)?;
                write!(f, ", \"length\": {length} }}")
            }
            Shape::Map(key, value) => {
                f.write_str("{ \"map\": ")?;
                self.shape(f, value)?;
                f.write_str(", \"key\": ")?;
                self.shape(f, key)?;
                f.write_str(" }")
            }
            Shape::Tuple(elements) => {
                f.write_str("{ \"tuple\": [")?;
                separated(f, elements, "", ", ", |f, element| self.shape(f, element))?;
                f.write_str("] }")
            }
            Shape::Struct(fields) => {
                f.write_str("{ \"struct\": [")?;
                separated(f, fields, "", ", ", |f, field| self.field(f, field))?;
                f.write_str("] }")
            }
            Shape::Enum(variants) => {
                f.write_str("{ \"enum\": [")?;
                separated(f, variants, "", ", ", |f, variant| self.variant(f, variant))?;
                f.write_str("] }")
            }
            Shape::Named(position) => {
                f.write_str("{ \"ref\": ")?;
                text(f, self.named.get(*position).map_or("", |named| &named.name))?;
                f.write_str(" }")
            }
        }
    }

    fn field(&self, f: &mut fmt::Formatter<'_>, (name, of): &(&str, Type)) -> fmt::Result {
        f.write_str("{ \"name\": ")?;
        text(f, name)?;
        f.write_str(", \"type\": ")?;
        self.shape(f, of)?;
        f.write_str(" }")
    }

    fn variant(
        &self,
        f: &mut fmt::Formatter<'_>,
        (name, of): &(&str, Option<Type>),
    ) -> fmt::Result {
        f.write_str("{ \"name\": ")?;
        text(f, name)?;
        if let Some(of) = of {
            f.write_str(", \"type\": ")?;
            self.shape(f, of)?;
        }
        f.write_str(" }")
    }
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    first: &str,
    next: &str,
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (position, item) in items.iter().enumerate() {
        f.write_str(if position == 0 { first } else { next })?;
        write(f, item)?;
    }
    Ok(())
}

/// Writes a JSON string. `serde(rename)` may have put any character into a name.
fn text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            '\0'..='\x1f' => write!(f, "\\u{:04x}", u32::from(character))?,
            _ => f.write_char(character)?,
        }
    }
    f.write_char('"')
}
