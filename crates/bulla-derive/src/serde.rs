//! What serde's attributes mean for the encoding in postcard.

#[cfg(feature = "schema")]
use proc_macro2::TokenStream;
#[cfg(feature = "schema")]
use quote::ToTokens as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};
#[cfg(feature = "schema")]
use syn::{Error, Expr, ExprLit, Lit};

/// The arguments of all `#[serde(…)]` attributes.
pub(crate) fn metas(attributes: &[Attribute]) -> syn::Result<Vec<Meta>> {
    let mut metas = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        metas.extend(attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)?);
    }
    Ok(metas)
}

/// The attributes of a type, a variant or a field, as far as they concern its schema.
#[cfg(feature = "schema")]
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) rename: Option<String>,
    pub(crate) rename_all: Option<Case>,
    pub(crate) rename_all_fields: Option<Case>,
    pub(crate) skipped: bool,
    pub(crate) defaulted: bool,
    pub(crate) transparent: bool,
    /// An attribute that chooses another encoding.
    pub(crate) converted: Option<TokenStream>,
}

#[cfg(feature = "schema")]
pub(crate) fn attributes(attributes: &[Attribute]) -> syn::Result<Attributes> {
    let metas = metas(attributes)?;
    let mut read = Attributes::default();
    let has = |word: &str| metas.iter().any(|meta| meta.path().is_ident(word));
    read.skipped = has("skip") || (has("skip_serializing") && has("skip_deserializing"));
    for meta in &metas {
        let word = meta.path().get_ident().map(ToString::to_string).unwrap_or_default();
        match word.as_str() {
            "alias"
            | "bound"
            | "borrow"
            | "crate"
            | "deny_unknown_fields"
            | "expecting"
            | "skip" => {}
            "default" => read.defaulted = true,
            "rename" => read.rename = written_name(meta)?.or(read.rename),
            "rename_all" => read.rename_all = case(meta)?.or(read.rename_all),
            "rename_all_fields" => read.rename_all_fields = case(meta)?.or(read.rename_all_fields),
            "transparent" => read.transparent = true,
            "skip_serializing" | "skip_deserializing" if read.skipped => {}
            "with" | "serialize_with" | "deserialize_with" | "from" | "try_from" | "into"
            | "remote" | "getter" => read.converted = Some(meta.to_token_stream()),
            "flatten"
            | "skip_serializing_if"
            | "skip_serializing"
            | "skip_deserializing"
            | "tag"
            | "content"
            | "untagged" => {
                return Err(Error::new_spanned(
                    meta,
                    "postcard cannot read a type with this attribute, because postcard writes no \
                     field names; remove the attribute",
                ));
            }
            _ => {
                return Err(Error::new_spanned(
                    meta,
                    "a schema cannot describe this attribute; remove it, or name a type with the \
                     same encoding: #[schema(as = T)] on the whole type",
                ));
            }
        }
    }
    Ok(read)
}

/// The name that serde writes: the argument, or the argument of `serialize`.
#[cfg(feature = "schema")]
fn written_name(meta: &Meta) -> syn::Result<Option<String>> {
    match meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(Some(text.value())),
            other => Err(Error::new_spanned(other, "serde expects a string here")),
        },
        Meta::List(list) => {
            let inner = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)?;
            let written = inner.iter().find(|meta| meta.path().is_ident("serialize"));
            written.map_or(Ok(None), written_name)
        }
        Meta::Path(path) => Err(Error::new_spanned(path, "serde expects a value here")),
    }
}

#[cfg(feature = "schema")]
fn case(meta: &Meta) -> syn::Result<Option<Case>> {
    let Some(name) = written_name(meta)? else { return Ok(None) };
    let (_, case) = CASES.iter().find(|(known, _)| *known == name).ok_or_else(|| {
        Error::new_spanned(meta, "a schema does not know this case of names; use rename")
    })?;
    Ok(Some(*case))
}

/// A case for names, which `rename_all` selects.
#[cfg(feature = "schema")]
#[derive(Clone, Copy)]
pub(crate) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

#[cfg(feature = "schema")]
const CASES: &[(&str, Case)] = &[
    ("lowercase", Case::Lower),
    ("UPPERCASE", Case::Upper),
    ("PascalCase", Case::Pascal),
    ("camelCase", Case::Camel),
    ("snake_case", Case::Snake),
    ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
    ("kebab-case", Case::Kebab),
    ("SCREAMING-KEBAB-CASE", Case::ScreamingKebab),
];

/// Like serde, these functions expect variants in `PascalCase` and fields in `snake_case`.
#[cfg(feature = "schema")]
impl Case {
    pub(crate) fn of_variant(self, name: &str) -> String {
        match self {
            Case::Pascal => name.to_owned(),
            Case::Lower => name.to_ascii_lowercase(),
            Case::Upper => name.to_ascii_uppercase(),
            Case::Camel => first_in_lowercase(name),
            Case::Snake => {
                let mut snake = String::new();
                for character in name.chars() {
                    if !snake.is_empty() && character.is_uppercase() {
                        snake.push('_');
                    }
                    snake.push(character.to_ascii_lowercase());
                }
                snake
            }
            Case::ScreamingSnake => Case::Snake.of_variant(name).to_ascii_uppercase(),
            Case::Kebab => Case::Snake.of_variant(name).replace('_', "-"),
            Case::ScreamingKebab => Case::ScreamingSnake.of_variant(name).replace('_', "-"),
        }
    }

    pub(crate) fn of_field(self, name: &str) -> String {
        match self {
            Case::Lower | Case::Snake => name.to_owned(),
            Case::Upper | Case::ScreamingSnake => name.to_ascii_uppercase(),
            Case::Pascal => {
                let mut words = String::new();
                for word in name.split('_') {
                    let mut characters = word.chars();
                    words.extend(characters.next().map(|first| first.to_ascii_uppercase()));
                    words.push_str(characters.as_str());
                }
                words
            }
            Case::Camel => first_in_lowercase(&Case::Pascal.of_field(name)),
            Case::Kebab => name.replace('_', "-"),
            Case::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

#[cfg(feature = "schema")]
fn first_in_lowercase(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}
