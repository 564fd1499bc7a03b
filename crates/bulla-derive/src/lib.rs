//! The macro `#[derive(Payload)]` of the crate `bulla`. It implements the trait `bulla::Payload`,
//! for example:
//!
//! ```text
//! #[derive(Serialize, Deserialize, Payload)]
//! #[payload(purpose = "bank.example/session", version = 2, previous = AccountV1)]
//! struct Account { id: u64, name: String }
//! ```
//!
//! | key | value | default |
//! |---|---|---|
//! | `purpose` | `Payload::PURPOSE`, 1 to 255 visible ASCII characters | required |
//! | `version` | `Payload::VERSION`, from 1 | 1 |
//! | `previous` | the type of the previous version; this type must implement `From` for it | none |
//! | `encoding` | `"postcard"` or `"json"` | `"postcard"` |
//! | `crate` | the path of the crate `bulla`, if it was renamed | `::bulla` |
//!
//! With the feature `schema`, `#[derive(Schema)]` implements `bulla::schema::Schema`.

#[cfg(feature = "schema")]
mod schema;
mod serde;

use proc_macro::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Field, LitInt, LitStr, Path, Type, parse_macro_input};

/// Implements `bulla::Payload`. The crate documentation lists the keys of `#[payload(…)]`.
#[proc_macro_derive(Payload, attributes(payload))]
pub fn derive_payload(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// Implements `bulla::schema::Schema`, whose documentation lists what the attributes mean.
#[cfg(feature = "schema")]
#[proc_macro_derive(Schema, attributes(schema))]
pub fn derive_schema(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    schema::expand(input).unwrap_or_else(Error::into_compile_error).into()
}

#[derive(Default)]
struct Keys {
    purpose: Option<LitStr>,
    version: Option<LitInt>,
    previous: Option<Type>,
    encoding: Option<LitStr>,
    bulla: Option<Path>,
}

fn expand(input: &DeriveInput) -> syn::Result<proc_macro2::TokenStream> {
    if let Some(parameter) = input.generics.params.first() {
        return Err(Error::new_spanned(
            parameter,
            "a payload type cannot have type, lifetime or const parameters; \
             for borrowed fields, implement bulla::token::View",
        ));
    }
    let keys = read(input)?;
    let name = &input.ident;
    let bulla = keys.bulla.unwrap_or_else(|| syn::parse_quote!(::bulla));
    let purpose = keys.purpose.ok_or_else(|| {
        Error::new_spanned(
            name,
            "a payload needs a purpose, for example #[payload(purpose = \"shop.example/reset-link\")]",
        )
    })?;
    let version = keys.version.map_or_else(|| quote!(1), |version| quote!(#version));
    let encoding = match keys.encoding {
        None => quote!(Postcard),
        Some(text) => match text.value().as_str() {
            "postcard" => quote!(Postcard),
            "json" => quote!(Json),
            _ => {
                return Err(Error::new_spanned(
                    text,
                    "the encoding must be \"postcard\" or \"json\"",
                ));
            }
        },
    };
    if encoding.to_string() == "Postcard" {
        refuse_what_postcard_cannot_read(input)?;
    }
    let (previous, upgraded) = match keys.previous {
        Some(previous) => (quote!(#previous), quote!(::core::convert::From::from(previous))),
        None => (quote!(#bulla::token::NoPrevious), quote!(match previous {})),
    };
    Ok(quote! {
        impl #bulla::Payload for #name {
            const PURPOSE: &'static str = #purpose;
            const VERSION: u32 = #version;
            const ENCODING: #bulla::token::Encoding = #bulla::token::Encoding::#encoding;
            type Previous = #previous;

            fn upgrade(previous: #previous) -> Self {
                #upgraded
            }
        }

        const _: () = #bulla::token::__check_payload::<#name>();
    })
}

fn read(input: &DeriveInput) -> syn::Result<Keys> {
    let mut keys = Keys::default();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("payload")) {
        attribute.parse_nested_meta(|meta| {
            let again = if meta.path.is_ident("purpose") {
                keys.purpose.replace(meta.value()?.parse()?).is_some()
            } else if meta.path.is_ident("version") {
                keys.version.replace(meta.value()?.parse()?).is_some()
            } else if meta.path.is_ident("previous") {
                keys.previous.replace(meta.value()?.parse()?).is_some()
            } else if meta.path.is_ident("encoding") {
                keys.encoding.replace(meta.value()?.parse()?).is_some()
            } else if meta.path.is_ident("crate") {
                keys.bulla.replace(meta.value()?.parse()?).is_some()
            } else {
                return Err(meta.error(
                    "unknown key; the keys are purpose, version, previous, encoding and crate",
                ));
            };
            if again { Err(meta.error("duplicate key")) } else { Ok(()) }
        })?;
    }
    Ok(keys)
}

/// Rejects serde attributes that omit a field only for some values, or only when writing or
/// reading. Postcard writes no field names, so a reader would take the next field for the omitted
/// field. Also rejects attributes for which serde needs field names.
fn refuse_what_postcard_cannot_read(input: &DeriveInput) -> syn::Result<()> {
    let fields: Vec<&Field> = match &input.data {
        Data::Struct(data) => data.fields.iter().collect(),
        Data::Enum(data) => data.variants.iter().flat_map(|variant| &variant.fields).collect(),
        Data::Union(_) => Vec::new(),
    };
    let variants = match &input.data {
        Data::Enum(data) => data.variants.iter().map(|variant| &variant.attrs).collect(),
        _ => Vec::new(),
    };
    let attributes = fields.into_iter().map(|field| &field.attrs).chain(variants);
    for attributes in attributes.chain([&input.attrs]) {
        let metas = serde::metas(attributes)?;
        let has = |name: &str| metas.iter().any(|meta| meta.path().is_ident(name));
        let both = has("skip_serializing") && has("skip_deserializing");
        for meta in &metas {
            let refused = ["skip_serializing_if", "flatten", "untagged", "tag", "content"];
            let one_sided = ["skip_serializing", "skip_deserializing"];
            let is_one_of = |names: &[&str]| names.iter().any(|name| meta.path().is_ident(name));
            if is_one_of(&refused) || (is_one_of(&one_sided) && !both) {
                return Err(Error::new_spanned(
                    meta,
                    "postcard cannot read a payload with this attribute, because postcard writes \
                     no field names; remove the attribute, or use encoding = \"json\"",
                ));
            }
        }
    }
    Ok(())
}
