//! A shop in axum 0.8, on one page: guests fill a cart, which they keep when they sign in.
//!
//! ```sh
//! cargo run --example cart --features axum08
//! curl -c jar -b jar -d item=tea http://127.0.0.1:3000/cart
//! curl -c jar -b jar -d user=ada http://127.0.0.1:3000/sign-in
//! curl -b jar http://127.0.0.1:3000/cart
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::{get, post};
use axum::{Form, Router};
use bulla::session::Status;
use bulla::{KeyRing, Payload, Policy, Required, Session, SessionError, SessionLayer, Sessions};
use serde::{Deserialize, Serialize};

/// The state of every visitor. Guests and users have the same kind of session.
#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/visit")]
pub(crate) struct Visit {
    /// `None` for a guest.
    user: Option<String>,
    cart: Vec<String>,
}

type Outcome = Result<Redirect, SessionError>;

#[derive(Deserialize)]
struct Add {
    item: String,
}

/// The first item starts the session of a guest.
async fn add(session: Session<Visit>, Form(Add { item }): Form<Add>) -> Outcome {
    match session.status() {
        Status::Alive => session.update(|visit| visit.cart.push(item))?,
        // During a deploy, a newer server may know this session. A new one would replace it.
        Status::Refused(why) if why.may_be_valid_elsewhere() => return Err(SessionError::NotNow),
        _ => session.start(Visit { user: None, cart: vec![item] })?,
    }
    Ok(Redirect::to("/cart"))
}

#[derive(Deserialize)]
struct Login {
    user: String,
}

/// Starts the session of the user with the cart of the guest. The new session has a new id, so the
/// guest's token stays the token of a guest, even if somebody else has a copy of it.
///
/// Somebody else may also have filled the cart and planted the token. So show the cart again before
/// the user pays, and keep nothing in a guest's state that gives rights to the user.
async fn sign_in(session: Session<Visit>, Form(login): Form<Login>) -> Outcome {
    // A real application checks a password here.
    let guest = session.get().filter(|visit| visit.user.is_none());
    let cart = guest.map_or_else(Vec::new, |guest| guest.cart.clone());
    session.start(Visit { user: Some(login.user), cart })?;
    Ok(Redirect::to("/cart"))
}

async fn sign_out(session: Session<Visit>) -> Outcome {
    session.end()?;
    Ok(Redirect::to("/cart"))
}

async fn cart(session: Session<Visit>) -> String {
    session.with(|visit| {
        let Some(visit) = visit else { return "an empty cart\n".to_owned() };
        format!("{}: {}\n", visit.user.as_deref().unwrap_or("guest"), visit.cart.join(", "))
    })
}

/// `Required` also accepts guests, so the handler must look for the user.
async fn pay(visit: Required<Visit>) -> Result<String, (StatusCode, &'static str)> {
    let user = visit.user.as_ref().ok_or((StatusCode::UNAUTHORIZED, "sign in first\n"))?;
    Ok(format!("{user} has paid for {}\n", visit.cart.join(", ")))
}

pub(crate) fn shop(sessions: Sessions<Visit>) -> Router {
    Router::new()
        .route("/cart", get(cart).post(add))
        .route("/sign-in", post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/pay", post(pay))
        .layer(SessionLayer::from(sessions))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
    let sessions = Sessions::new(KeyRing::generate()?, Policy::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, shop(sessions)).await?)
}
