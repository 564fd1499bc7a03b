//! Sessions in Rocket, on one page.
//!
//! ```sh
//! cargo run --example rocket --features rocket05
//! curl -i -c jar -d name=ada -d remember=on http://127.0.0.1:8000/login
//! curl -i -b jar http://127.0.0.1:8000/balance
//! ```
#![allow(missing_docs, reason = "an example program")]

use std::time::Duration;

use bulla::session::Start;
use bulla::{KeyRing, Payload, Policy, Required, Session, SessionError, SessionFairing, Sessions};
use rocket::form::Form;
use rocket::{FromForm, get, post, routes};
use serde::{Deserialize, Serialize};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    name: String,
}

/// The form that a user sends to sign in, with the box "keep me signed in".
#[derive(FromForm)]
struct Login {
    name: String,
    remember: bool,
}

#[post("/login", data = "<login>")]
fn login(session: Session<Account>, login: Form<Login>) -> Result<&'static str, SessionError> {
    let start = if login.remember { Start::new().remembered() } else { Start::new() };
    session.start_with(Account { name: login.into_inner().name }, start)?;
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
    let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
        .remembered(Policy::new(14 * DAY, 30 * DAY))
        .build();
    let routes = routes![login, balance, guest, logout];
    rocket::build().attach(SessionFairing::from(sessions)).mount("/", routes).launch().await?;
    Ok(())
}
