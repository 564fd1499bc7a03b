//! `#[derive(Payload)]` of the crate `bulla`.
//!
//! ```text
//! #[derive(Serialize, Deserialize, Payload)]
//! #[payload(purpose = "bank.example/session", version = 2, previous = AccountV1)]
//! struct Account { id: u64, name: String }
//! ```
//!
//! | key | what | default |
//! |---|---|---|
//! | `purpose` | `Payload::PURPOSE`, 1 to 255 visible ASCII characters | required |
//! | `version` | `Payload::VERSION`, from 1 | 1 |
//! | `previous` | the type of the shape before, for which `From` exists | none |
//! | `encoding` | `"postcard"` or `"json"` | `"postcard"` |
//! | `crate` | the path of `bulla`, when it has another name | `::bulla` |

use proc_macro::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, LitInt, LitStr, Path, Type, parse_macro_input};

/// Implements `bulla::Payload`; see the crate's front page for the keys.
#[proc_macro_derive(Payload, attributes(payload))]
pub fn derive_payload(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
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
            "a payload has one shape, so it takes no type, lifetime or const parameters; \
             for borrowed fields implement bulla::View",
        ));
    }
    let keys = read(input)?;
    let name = &input.ident;
    let bulla = keys.bulla.unwrap_or_else(|| syn::parse_quote!(::bulla));
    let purpose = keys.purpose.ok_or_else(|| {
        Error::new_spanned(
            name,
            "say what the tokens are for: #[payload(purpose = \"shop.example/reset-link\")]",
        )
    })?;
    let version = keys.version.map_or_else(|| quote!(1), |version| quote!(#version));
    let encoding = match keys.encoding {
        None => quote!(Postcard),
        Some(text) => match text.value().as_str() {
            "postcard" => quote!(Postcard),
            "json" => quote!(Json),
            _ => {
                return Err(Error::new_spanned(text, "the encoding is \"postcard\" or \"json\""));
            }
        },
    };
    let (previous, upgraded) = match keys.previous {
        Some(previous) => (quote!(#previous), quote!(::core::convert::From::from(previous))),
        None => (quote!(#bulla::NoPrevious), quote!(match previous {})),
    };
    Ok(quote! {
        impl #bulla::Payload for #name {
            const PURPOSE: &'static str = #purpose;
            const VERSION: u32 = #version;
            const ENCODING: #bulla::Encoding = #bulla::Encoding::#encoding;
            type Previous = #previous;

            fn upgrade(previous: #previous) -> Self {
                #upgraded
            }
        }

        const _: () = #bulla::__check_payload::<#name>();
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
                return Err(
                    meta.error("the keys are purpose, version, previous, encoding and crate")
                );
            };
            if again { Err(meta.error("this key stands here twice")) } else { Ok(()) }
        })?;
    }
    Ok(keys)
}
