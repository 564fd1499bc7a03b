//! Prints the schema document of a session's payload, from which the npm package of bulla makes
//! TypeScript types:
//!
//! ```sh
//! cargo run --features schema --example schema > account.schema.json
//! npx bulla-schema account.schema.json > account.ts
//! ```
#![allow(missing_docs, dead_code, clippy::print_stdout, reason = "an example program")]

use std::time::SystemTime;

use bulla::Payload;
use bulla::schema::{self, Schema};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Payload, Schema)]
#[payload(purpose = "bank.example/session", version = 2, previous = AccountV1)]
struct Account {
    id: u64,
    name: String,
    role: Role,
    last_visit: Option<SystemTime>,
}

#[derive(Serialize, Deserialize, Schema)]
#[serde(rename_all = "lowercase")]
enum Role {
    Customer,
    Clerk { branch: u16 },
}

/// The payload of the release before. Sessions of this version are still read, and upgraded.
#[derive(Serialize, Deserialize, Payload, Schema)]
#[payload(purpose = "bank.example/session")]
struct AccountV1 {
    id: u64,
    name: String,
}

impl From<AccountV1> for Account {
    fn from(old: AccountV1) -> Account {
        Account { id: old.id, name: old.name, role: Role::Customer, last_visit: None }
    }
}

fn main() {
    print!("{}", schema::json::<Account>());
}
