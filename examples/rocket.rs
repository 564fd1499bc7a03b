//! Sessions in Rocket, on one page.
//!
//! ```sh
//! cargo run --example rocket --features rocket05
//! curl -i -c jar -d ada http://127.0.0.1:8000/login
//! curl -i -b jar http://127.0.0.1:8000/balance
//! ```
#![allow(missing_docs, reason = "an example program")]

use bulla::{KeyRing, Payload, Policy, Required, Session, SessionError, SessionFairing};
use rocket::{get, post, routes};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    name: String,
}

#[post("/login", data = "<name>")]
fn login(session: Session<Account>, name: String) -> Result<&'static str, SessionError> {
    session.start(Account { name })?;
    Ok("welcome\n")
}

#[get("/balance")]
fn balance(account: Required<Account>) -> String {
    format!("{} is rich\n", account.name)
}

/// The page for guests. `Required` forwards to it if there is no session.
#[get("/balance", rank = 2)]
fn guest() -> &'static str {
    "sign in to see your balance\n"
}

#[post("/logout")]
fn logout(session: Session<Account>) -> Result<&'static str, SessionError> {
    session.end()?;
    Ok("goodbye\n")
}

#[rocket::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
    let sessions = SessionFairing::<Account>::new(KeyRing::generate()?, Policy::default());
    let routes = routes![login, balance, guest, logout];
    rocket::build().attach(sessions).mount("/", routes).launch().await?;
    Ok(())
}
