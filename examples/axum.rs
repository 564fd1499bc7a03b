//! Sessions in axum, on one page, with an upgrade of the state's type.
//!
//! ```sh
//! cargo run --example axum --features axum08
//! curl -i -c jar -d user=ada http://127.0.0.1:3000/login
//! curl -i -b jar http://127.0.0.1:3000/balance
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

use axum::extract::Form;
use axum::response::Redirect;
use axum::routing::{Router, get, post};
use bulla::{Fresh, KeyRing, Payload, Policy, Required, Session, SessionError, SessionLayer};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Login {
    user: String,
}

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct AccountV1 {
    name: String,
}

impl From<AccountV1> for Account {
    fn from(old: AccountV1) -> Account {
        Account { name: old.name, visits: 0 }
    }
}

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session", version = 2, previous = AccountV1)]
struct Account {
    name: String,
    visits: u32,
}

fn app(ring: KeyRing) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/login", post(login))
        .route("/balance", get(balance))
        .route("/transfer", post(transfer))
        .route("/logout", post(logout))
        .layer(SessionLayer::<Account>::new(ring, Policy::default()))
}

/// If the state is too large for a cookie, `start` returns an error. A browser would drop such a
/// cookie silently.
async fn login(
    session: Session<Account>,
    Form(login): Form<Login>,
) -> Result<Redirect, SessionError> {
    session.start(Account { name: login.user, visits: 0 })?;
    Ok(Redirect::to("/balance"))
}

/// Without a session, the response is a 401, or a redirect to your sign-in page.
async fn balance(account: Required<Account>) -> String {
    format!("{} is rich", account.name)
}

/// If the user signed in more than five minutes ago, the response is a 401, or a redirect to your
/// step-up page.
async fn transfer(account: Fresh<Account, 300>) -> String {
    format!("{} was rich", account.name)
}

async fn home(session: Session<Account>) -> Result<String, SessionError> {
    if session.get().is_none() {
        return Ok("hello, guest".to_owned());
    }
    let visits = session.update(|account| {
        account.visits += 1;
        account.visits
    })?;
    Ok(format!("visit {visits}"))
}

async fn logout(session: Session<Account>) -> Result<Redirect, SessionError> {
    session.end()?;
    Ok(Redirect::to("/"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
    let ring = KeyRing::generate()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app(ring)).await?;
    Ok(())
}
