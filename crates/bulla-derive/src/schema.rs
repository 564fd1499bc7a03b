//! The implementation of `bulla::schema::Schema`: which description a type gets.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::ext::IdentExt as _;
use syn::{
    Attribute, Data, DataEnum, DeriveInput, Error, Field, Fields, GenericParam, Ident, LitStr,
    Path, Type, Variant,
};

use crate::serde::{self, Case};

const CONVERTED: &str = "this attribute may change the encoding; name a type that has the encoding \
     which is written, for example #[schema(as = String)], or bulla::schema::Bytes for serde_bytes";

#[derive(Default)]
struct Keys {
    same_as: Option<Type>,
    bulla: Option<Path>,
}

pub(crate) fn expand(mut input: DeriveInput) -> syn::Result<TokenStream> {
    let keys = read(&input.attrs)?;
    let payload = Payload::read(&input.attrs)?;
    let bulla = keys.bulla.or(payload.bulla).unwrap_or_else(|| syn::parse_quote!(::bulla));
    for parameter in &mut input.generics.params {
        match parameter {
            GenericParam::Lifetime(lifetime) => {
                return Err(Error::new_spanned(
                    lifetime,
                    "a type with a lifetime has no schema; derive it for the type that owns its \
                     values, which is the payload",
                ));
            }
            GenericParam::Type(parameter) => {
                parameter.bounds.push(syn::parse_quote!(#bulla::schema::Schema));
            }
            GenericParam::Const(_) => {}
        }
    }
    let description = match (payload.is_json, keys.same_as) {
        (true, _) => quote!(#bulla::schema::Type::__json()),
        (false, Some(same)) => quote!(<#same as #bulla::schema::Schema>::schema(types)),
        (false, None) => {
            let name = input.ident.unraw().to_string();
            let described = describe(&bulla, &input)?;
            quote!(types.__named::<Self>(#name, |types| #described))
        }
    };
    let name = &input.ident;
    let (parameters, arguments, conditions) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #parameters #bulla::schema::Schema for #name #arguments #conditions {
            #[allow(unused_variables)]
            fn schema(types: &mut #bulla::schema::Types) -> #bulla::schema::Type {
                #description
            }
        }
    })
}

fn read(attributes: &[Attribute]) -> syn::Result<Keys> {
    let mut keys = Keys::default();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("schema")) {
        attribute.parse_nested_meta(|meta| {
            let again = if meta.path.is_ident("as") {
                keys.same_as.replace(meta.value()?.parse()?).is_some()
            } else if meta.path.is_ident("crate") {
                keys.bulla.replace(meta.value()?.parse()?).is_some()
            } else {
                return Err(meta.error("unknown key; the keys are as and crate"));
            };
            if again { Err(meta.error("duplicate key")) } else { Ok(()) }
        })?;
    }
    Ok(keys)
}

/// The keys of `#[payload(…)]` that concern the schema. The derive of `Payload` checks the others.
#[derive(Default)]
struct Payload {
    is_json: bool,
    bulla: Option<Path>,
}

impl Payload {
    fn read(attributes: &[Attribute]) -> syn::Result<Payload> {
        let mut read = Payload::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("payload"))
        {
            attribute.parse_nested_meta(|meta| {
                let value = meta.value()?;
                if meta.path.is_ident("encoding") {
                    read.is_json = value.parse::<LitStr>()?.value() == "json";
                } else if meta.path.is_ident("crate") {
                    read.bulla = Some(value.parse()?);
                } else if meta.path.is_ident("previous") {
                    value.parse::<Type>()?;
                } else {
                    value.parse::<syn::Lit>()?;
                }
                Ok(())
            })?;
        }
        Ok(read)
    }
}

fn describe(bulla: &Path, input: &DeriveInput) -> syn::Result<TokenStream> {
    let attributes = serde::attributes(&input.attrs)?;
    if let Some(meta) = &attributes.converted {
        return Err(Error::new_spanned(meta, CONVERTED));
    }
    match &input.data {
        Data::Struct(data) if attributes.transparent => transparent(bulla, input, &data.fields),
        Data::Struct(data) => {
            if let Fields::Unnamed(fields) = &data.fields
                && let (Some(field), 1) = (fields.unnamed.first(), fields.unnamed.len())
            {
                return newtype(bulla, field);
            }
            fields(bulla, &data.fields, attributes.rename_all)
        }
        Data::Enum(data) => {
            variants(bulla, data, attributes.rename_all, attributes.rename_all_fields)
        }
        Data::Union(_) => {
            Err(Error::new_spanned(&input.ident, "a union has no schema, use an enum"))
        }
    }
}

fn newtype(bulla: &Path, field: &Field) -> syn::Result<TokenStream> {
    field_type(bulla, field)?.ok_or_else(|| {
        Error::new_spanned(field, "the only field cannot be skipped; use a struct without fields")
    })
}

/// `#[serde(transparent)]`: the type is encoded like its only field.
fn transparent(bulla: &Path, input: &DeriveInput, fields: &Fields) -> syn::Result<TokenStream> {
    let mut found = Vec::new();
    for field in fields {
        let attributes = serde::attributes(&field.attrs)?;
        if !attributes.skipped && !attributes.defaulted && !is_phantom(&field.ty) {
            found.push(field);
        }
    }
    match found[..] {
        [field] => newtype(bulla, field),
        _ => Err(Error::new_spanned(&input.ident, "a transparent type needs exactly one field")),
    }
}

fn is_phantom(of: &Type) -> bool {
    let Type::Path(path) = of else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == "PhantomData")
}

fn variants(
    bulla: &Path,
    data: &DataEnum,
    case: Option<Case>,
    case_of_fields: Option<Case>,
) -> syn::Result<TokenStream> {
    let mut described = Vec::new();
    let mut skipped: Option<&Ident> = None;
    for variant in &data.variants {
        let attributes = serde::attributes(&variant.attrs)?;
        if attributes.skipped {
            skipped = Some(&variant.ident);
            continue;
        }
        if let Some(skipped) = skipped {
            return Err(Error::new_spanned(
                skipped,
                "serde counts a skipped variant when it writes, but not when it reads; move it \
                 after all other variants",
            ));
        }
        let name = attributes.rename.unwrap_or_else(|| {
            let name = variant.ident.unraw().to_string();
            case.map_or_else(|| name.clone(), |case| case.of_variant(&name))
        });
        let same_as = read(&variant.attrs)?.same_as;
        let content = match (same_as, &attributes.converted) {
            (Some(same), _) => Some(quote!(<#same as #bulla::schema::Schema>::schema(types))),
            (None, Some(meta)) => return Err(Error::new_spanned(meta, CONVERTED)),
            (None, None) => content(bulla, variant, attributes.rename_all.or(case_of_fields))?,
        };
        described.push(match content {
            Some(content) => quote!((#name, ::core::option::Option::Some(#content))),
            None => quote!((#name, ::core::option::Option::None)),
        });
    }
    Ok(quote!(#bulla::schema::Type::__enum([#(#described),*])))
}

/// The type of what a variant holds. `None` if it holds nothing.
fn content(
    bulla: &Path,
    variant: &Variant,
    case: Option<Case>,
) -> syn::Result<Option<TokenStream>> {
    match &variant.fields {
        Fields::Unit => Ok(None),
        Fields::Unnamed(unnamed) if unnamed.unnamed.len() == 1 => {
            // Serde writes a variant whose only field is skipped like a variant without fields.
            unnamed.unnamed.first().map_or(Ok(None), |field| field_type(bulla, field))
        }
        held => fields(bulla, held, case).map(Some),
    }
}

fn fields(bulla: &Path, fields: &Fields, case: Option<Case>) -> syn::Result<TokenStream> {
    let mut described = Vec::new();
    for field in fields {
        let Some(of) = field_type(bulla, field)? else { continue };
        let Some(ident) = &field.ident else {
            described.push(of);
            continue;
        };
        let name = serde::attributes(&field.attrs)?.rename.unwrap_or_else(|| {
            let name = ident.unraw().to_string();
            case.map_or_else(|| name.clone(), |case| case.of_field(&name))
        });
        described.push(quote!((#name, #of)));
    }
    Ok(match fields {
        Fields::Named(_) => quote!(#bulla::schema::Type::__struct([#(#described),*])),
        Fields::Unnamed(_) => quote!(#bulla::schema::Type::__tuple([#(#described),*])),
        Fields::Unit => quote!(#bulla::schema::Type::__unit()),
    })
}

/// `None` if serde skips the field.
fn field_type(bulla: &Path, field: &Field) -> syn::Result<Option<TokenStream>> {
    let attributes = serde::attributes(&field.attrs)?;
    if attributes.skipped {
        return Ok(None);
    }
    let of = match (read(&field.attrs)?.same_as, &attributes.converted) {
        (Some(same), _) => quote!(#same),
        (None, Some(meta)) => return Err(Error::new_spanned(meta, CONVERTED)),
        (None, None) => field.ty.to_token_stream(),
    };
    Ok(Some(quote!(<#of as #bulla::schema::Schema>::schema(types))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(item: &str) -> String {
        match expand(syn::parse_str(item).unwrap()) {
            Ok(tokens) => format!("compiles to {tokens}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn attributes_that_a_schema_cannot_follow_do_not_compile_and_the_error_says_what_to_do() {
        let unreadable = "postcard cannot read a type with this attribute";
        for (item, expected) in [
            ("struct A { #[serde(flatten)] a: B }", unreadable),
            ("struct A { #[serde(skip_serializing_if = \"f\")] a: B }", unreadable),
            ("struct A { #[serde(skip_serializing)] a: B }", unreadable),
            ("struct A { #[serde(default, skip_deserializing)] a: B }", unreadable),
            ("#[serde(untagged)] enum A { B }", unreadable),
            ("#[serde(tag = \"t\", content = \"c\")] enum A { B }", unreadable),
            ("enum A { #[serde(skip_serializing)] B }", unreadable),
            ("enum A { B { #[serde(flatten)] a: B } }", unreadable),
            ("struct A { #[serde(with = \"m\")] a: B }", "#[schema(as = String)]"),
            ("struct A { #[serde(serialize_with = \"f\")] a: B }", "#[schema(as = String)]"),
            ("struct A(#[serde(deserialize_with = \"f\")] B);", "#[schema(as = String)]"),
            ("enum A { B(#[serde(with = \"m\")] B) }", "#[schema(as = String)]"),
            ("enum A { #[serde(with = \"m\")] B(B) }", "#[schema(as = String)]"),
            ("#[serde(from = \"B\", into = \"B\")] struct A { a: B }", "#[schema(as = String)]"),
            ("#[serde(try_from = \"B\")] struct A(B);", "#[schema(as = String)]"),
            ("#[serde(remote = \"B\")] struct A(B);", "#[schema(as = String)]"),
            ("enum A { B, #[serde(other)] C }", "a schema cannot describe this attribute"),
            ("#[serde(variant_identifier)] enum A { B }", "a schema cannot describe"),
            ("#[serde(of_a_later_release)] struct A;", "a schema cannot describe this attribute"),
            ("#[serde(rename_all = \"new case\")] struct A { a: B }", "use rename"),
            ("enum A { #[serde(skip)] B, C }", "move it after all other variants"),
            ("struct A(#[serde(skip)] B);", "the only field cannot be skipped"),
            ("#[serde(transparent)] struct A { a: B, b: B }", "exactly one field"),
            ("struct A<'a> { a: &'a str }", "a type with a lifetime has no schema"),
            ("union A { a: u8 }", "use an enum"),
            ("#[schema(of = B)] struct A;", "unknown key; the keys are as and crate"),
            ("struct A { #[schema(as = B, as = B)] a: B }", "duplicate key"),
        ] {
            let error = error(item);
            assert!(error.contains(expected), "{item}: {error}");
        }
    }

    #[test]
    fn attributes_without_effect_on_postcard_compile() {
        for item in [
            "#[serde(deny_unknown_fields, default, rename = \"b\", bound = \"\")] struct A { a: B }",
            "struct A { #[serde(default, alias = \"b\", rename(deserialize = \"c\"))] a: B }",
            "struct A { #[serde(skip, with = \"m\")] a: B, #[serde(skip_serializing, skip_deserializing)] b: B }",
            "enum A { B(#[serde(skip)] B), C, #[serde(skip)] D, #[serde(skip)] E }",
            "#[payload(purpose = \"p\", version = 2, previous = B<u8>, encoding = \"json\")] \
             struct A { #[serde(flatten)] a: B }",
            "#[serde(into = \"B\", from = \"B\")] #[schema(as = B)] struct A { a: C }",
            "#[serde(transparent)] struct A { a: B, b: PhantomData<C>, #[serde(default)] c: B }",
        ] {
            assert!(error(item).starts_with("compiles to "), "{item}: {}", error(item));
        }
    }
}
