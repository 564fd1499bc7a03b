//! A web application with sign-in, in one file.
//!
//! ```sh
//! cargo run --example quickstart --features axum08    # then open http://127.0.0.1:3000
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use bulla::{KeyRing, Payload, Policy, Session, SessionError, SessionLayer};
use serde::{Deserialize, Serialize};

/// The state of a session. It is encrypted, and the browser stores it in a cookie.
#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/session")]
struct Account {
    name: String,
    visits: u32,
}

#[derive(Deserialize)]
struct Login {
    name: String,
}

const SIGN_IN: &str = r#"<form method="post" action="/login"><input name="name"> <button>Sign in"#;

async fn home(session: Session<Account>) -> Result<Response, SessionError> {
    if session.get().is_none() {
        return Ok(Html(SIGN_IN).into_response());
    }
    let greeting = session.update(|account| {
        account.visits += 1;
        format!("Hello {}, this is visit {}.", account.name, account.visits)
    })?;
    Ok(greeting.into_response())
}

async fn login(
    session: Session<Account>,
    Form(login): Form<Login>,
) -> Result<Redirect, SessionError> {
    // A real application checks a password here.
    session.start(Account { name: login.name, visits: 0 })?;
    Ok(Redirect::to("/"))
}

async fn logout(session: Session<Account>) -> Result<Redirect, SessionError> {
    session.end()?;
    Ok(Redirect::to("/"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // All servers get the same keys from BULLA_KEYS. Without this variable, each start makes a new
    // key, and a restart signs all users out.
    let ring = match std::env::var("BULLA_KEYS") {
        Ok(text) => text.parse()?,
        Err(_) => KeyRing::generate()?,
    };
    let app = Router::new()
        .route("/", get(home))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .layer(SessionLayer::<Account>::new(ring, Policy::default()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("open http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
