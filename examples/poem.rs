//! Sessions in poem, on one page.
//!
//! ```sh
//! cargo run --example poem --features poem3
//! curl -i -c jar -d name=ada -d remember=on http://127.0.0.1:3000/login
//! curl -i -b jar http://127.0.0.1:3000/balance
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

use std::time::Duration;

use bulla::session::Start;
use bulla::{
    KeyRing, Payload, Policy, Required, Session, SessionError, SessionMiddleware, Sessions,
};
use poem::listener::TcpListener;
use poem::web::Form;
use poem::{EndpointExt, Route, Server, get, handler, post};
use serde::{Deserialize, Serialize};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    name: String,
}

/// The form that a user sends to sign in.
#[derive(Deserialize)]
struct Login {
    name: String,
    /// The box "keep me signed in", which a browser sends only if it is ticked.
    remember: Option<String>,
}

#[handler]
fn login(session: Session<Account>, Form(form): Form<Login>) -> Result<&'static str, SessionError> {
    let start = match form.remember {
        Some(_) => Start::new().remembered(),
        None => Start::new(),
    };
    session.start_with(Account { name: form.name }, start)?;
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
    let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
        .remembered(Policy::new(14 * DAY, 30 * DAY))
        .build();
    let app = Route::new()
        .at("/login", post(login))
        .at("/balance", get(balance))
        .at("/logout", post(logout))
        .with(SessionMiddleware::from(sessions));
    println!("http://127.0.0.1:3000");
    Ok(Server::new(TcpListener::bind("127.0.0.1:3000")).run(app).await?)
}
