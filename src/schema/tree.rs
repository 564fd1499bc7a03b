//! Descriptions of encodings: the trait, the description of one type, and the types with a name.

use std::any::TypeId;

/// A type whose encoding in postcard can be described.
///
/// Derive it with the feature `derive`, which is on by default. Every field must have a schema too.
///
/// # Serde attributes
///
/// The derive follows `rename`, `rename_all`, `rename_all_fields`, `skip` and `transparent`.
/// Attributes without effect on postcard, such as `default` and `alias`, are allowed. Attributes
/// that postcard cannot read, such as `flatten`, do not compile, and neither do attributes that are
/// unknown to the derive. A variant with `skip` must be after all other variants, because serde
/// counts skipped variants when it writes, but not when it reads.
///
/// With attributes that choose another encoding, such as `with` and `into`, and with types of other
/// crates, name a type that has the same encoding:
///
/// ```
/// use bulla::schema::{Bytes, Schema};
/// use serde::{Deserialize, Serialize};
/// # mod hex_text {
/// #     pub fn serialize<S: serde::Serializer>(_: &[u8], s: S) -> Result<S::Ok, S::Error> { s.serialize_str("") }
/// #     pub fn deserialize<'de, D: serde::Deserializer<'de>>(_: D) -> Result<Vec<u8>, D::Error> { Ok(vec![]) }
/// # }
/// # #[derive(Serialize, Deserialize)]
/// # struct Uuid;
///
/// #[derive(Serialize, Deserialize, Schema)]
/// struct Device {
///     #[schema(as = Bytes)]   // the crate uuid writes the 16 bytes with their length
///     id: Uuid,
///     #[serde(with = "hex_text")]
///     #[schema(as = String)]
///     fingerprint: Vec<u8>,
/// }
/// ```
///
/// `#[schema(as = T)]` is a promise that the derive cannot check. It can also be on a variant or a
/// whole type. `#[schema(crate = path)]` names the crate `bulla` if it was renamed.
///
/// # Implementing it
///
/// For a wrapper, return the schema of the type inside:
///
/// ```
/// use bulla::schema::{Schema, Type, Types};
/// # struct Email(String);
///
/// impl Schema for Email {
///     fn schema(types: &mut Types) -> Type {
///         String::schema(types)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no schema",
    note = "derive it for your own types: #[derive(bulla::schema::Schema)]",
    note = "for a type of another crate, write #[schema(as = T)] on the field, with a type T that \
            postcard encodes in the same way"
)]
pub trait Schema: 'static {
    /// Describes the encoding. `types` has the types that were described before.
    fn schema(types: &mut Types) -> Type;
}

/// The description of one type's encoding, which [`Schema::schema`] returns.
#[derive(Clone, Debug)]
pub struct Type(pub(crate) Shape);

/// How a value is encoded. docs/schema.md describes the encodings.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// A type that contains no other types, by its word in the document.
    Word(&'static str),
    Option(Box<Type>),
    List(Box<Type>),
    Map(Box<Type>, Box<Type>),
    Array(Box<Type>, usize),
    NonZero(&'static str),
    Tuple(Vec<Type>),
    Struct(Vec<(&'static str, Type)>),
    Enum(Vec<(&'static str, Option<Type>)>),
    /// The position in [`Types`].
    Named(usize),
}

/// Constructors for the code that the derive macro writes.
#[doc(hidden)]
impl Type {
    pub fn __unit() -> Type {
        Type(Shape::Word("unit"))
    }

    /// A payload that is encoded as JSON. Its shape is not described.
    pub fn __json() -> Type {
        Type(Shape::Word("json"))
    }

    pub fn __tuple(elements: impl IntoIterator<Item = Type>) -> Type {
        Type(Shape::Tuple(elements.into_iter().collect()))
    }

    pub fn __struct(fields: impl IntoIterator<Item = (&'static str, Type)>) -> Type {
        Type(Shape::Struct(fields.into_iter().collect()))
    }

    pub fn __enum(variants: impl IntoIterator<Item = (&'static str, Option<Type>)>) -> Type {
        Type(Shape::Enum(variants.into_iter().collect()))
    }
}

/// The types with a name that have been described so far, so that each is described once, and so
/// that a type may contain itself.
#[derive(Debug, Default)]
pub struct Types {
    named: Vec<Named>,
    /// The schema version that is being described, if it is not the newest.
    earlier: Option<u32>,
}

#[derive(Debug)]
pub(crate) struct Named {
    id: TypeId,
    pub(crate) name: String,
    /// `None` while the type is being described.
    pub(crate) described: Option<Type>,
}

impl Types {
    /// Describes `S` under a name, unless it has been described before. The derive macro calls it.
    #[doc(hidden)]
    pub fn __named<S: Schema>(
        &mut self,
        name: &str,
        describe: impl FnOnce(&mut Types) -> Type,
    ) -> Type {
        let id = TypeId::of::<S>();
        if let Some(position) = self.named.iter().position(|named| named.id == id) {
            return Type(Shape::Named(position));
        }
        let position = self.named.len();
        let name = self.unused(name);
        self.named.push(Named { id, name, described: None });
        let described = describe(self);
        if let Some(named) = self.named.get_mut(position) {
            named.described = Some(described);
        }
        Type(Shape::Named(position))
    }

    pub(crate) fn enter_earlier(&mut self, version: u32) {
        self.earlier = Some(version);
    }

    pub(crate) fn named(&self) -> &[Named] {
        &self.named
    }

    /// The name itself, or if another type has it, the name with the schema version or a number.
    fn unused(&self, name: &str) -> String {
        let versioned = self.earlier.map(|version| format!("{name}V{version}"));
        let numbered = (2_u64..).map(|number| format!("{name}_{number}"));
        let mut candidates = [name.to_owned()].into_iter().chain(versioned).chain(numbered);
        candidates
            .find(|candidate| self.named.iter().all(|named| named.name != *candidate))
            .unwrap_or_default() // the candidates do not end
    }
}
