//! Sessions in poem, on one page.
//!
//! ```sh
//! cargo run --example poem --features poem3
//! curl -i -c jar -d ada http://127.0.0.1:3000/login
//! curl -i -b jar http://127.0.0.1:3000/balance
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

use bulla::{KeyRing, Payload, Policy, Required, Session, SessionError, SessionMiddleware};
use poem::listener::TcpListener;
use poem::{EndpointExt, Route, Server, get, handler, post};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    name: String,
}

#[handler]
fn login(session: Session<Account>, name: String) -> Result<&'static str, SessionError> {
    session.start(Account { name })?;
    Ok("welcome\n")
}

/// Without a session, the response is a 401, or a redirect to your sign-in page.
#[handler]
fn balance(account: Required<Account>) -> String {
    format!("{} is rich\n", account.name)
}

#[handler]
fn logout(session: Session<Account>) -> Result<&'static str, SessionError> {
    session.end()?;
    Ok("goodbye\n")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
    let sessions = SessionMiddleware::<Account>::new(KeyRing::generate()?, Policy::default());
    let app = Route::new()
        .at("/login", post(login))
        .at("/balance", get(balance))
        .at("/logout", post(logout))
        .with(sessions);
    println!("http://127.0.0.1:3000");
    Ok(Server::new(TcpListener::bind("127.0.0.1:3000")).run(app).await?)
}
