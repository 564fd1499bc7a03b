//! Schemas of payloads: a JSON document that says how postcard encodes a payload type, for programs
//! in other languages.
//!
//! Postcard writes neither names nor types, so a program without the Rust type needs a description
//! to read a payload. The npm package of bulla reads these documents, and makes TypeScript types
//! from them. docs/schema.md specifies the format.
//!
//! Derive [`Schema`] for the payload type, for each type inside it, and for the types of earlier
//! schema versions. [`json`] returns the document:
//!
//! ```
//! use bulla::Payload;
//! use bulla::schema::{self, Schema};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, Payload, Schema)]
//! #[payload(purpose = "bank.example/session")]
//! struct Account { id: u64, role: Role }
//!
//! #[derive(Serialize, Deserialize, Schema)]
//! #[serde(rename_all = "lowercase")]
//! enum Role { Customer, Clerk { branch: u16 } }
//!
//! assert_eq!(schema::json::<Account>(), r#"{
//!   "format": "bulla-schema/1",
//!   "purpose": "bank.example/session",
//!   "versions": [
//!     { "version": 1, "encoding": "postcard", "type": { "ref": "Account" } }
//!   ],
//!   "types": {
//!     "Account": { "struct": [
//!       { "name": "id", "type": "u64" },
//!       { "name": "role", "type": { "ref": "Role" } }
//!     ] },
//!     "Role": { "enum": [
//!       { "name": "customer" },
//!       { "name": "clerk", "type": { "struct": [{ "name": "branch", "type": "u16" }] } }
//!     ] }
//!   }
//! }
//! "#);
//! ```
//!
//! Check the document in beside the program, and compare it in a test. Then a change of the type
//! without a higher [`VERSION`](crate::Payload::VERSION) shows up as a changed document:
//!
//! ```ignore
//! assert_eq!(schema::json::<Account>(), include_str!("account.schema.json"));
//! ```
//!
//! | question | file |
//! |---|---|
//! | How is the encoding of a type described? | `tree` |
//! | How does serde write the types of the standard library? | `known` |
//! | How is the document of a payload written? | `document` |
//!
//! This folder uses only `token`.

pub(crate) mod document;
pub(crate) mod known;
pub(crate) mod tree;

pub use self::document::{Chain, json};
pub use self::known::Bytes;
pub use self::tree::{Schema, Type, Types};
#[cfg(feature = "derive")]
#[cfg_attr(docsrs, doc(cfg(feature = "derive")))]
pub use bulla_derive::Schema;
