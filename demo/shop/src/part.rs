//! A shop that stores the account in the token and the basket on the server.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use bulla::{Payload, Session, SessionError, SessionLayer};
use bulla_half::Half;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/part")]
pub(crate) struct Visit {
    account: u64,
}

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Basket {
    items: Vec<u64>,
}

pub(crate) fn routes(sessions: SessionLayer<Visit>, baskets: Half<Basket>) -> Router {
    Router::new()
        .route("/sign-in", post(sign_in))
        .route("/add/{item}", post(add))
        .route("/basket", get(basket))
        .route("/prove", post(prove))
        .route("/sign-out", post(sign_out))
        .layer(sessions)
        .with_state(baskets)
}

async fn sign_in(session: Session<Visit>) -> Result<(), SessionError> {
    session.start(Visit { account: 42 })
}

async fn add(
    session: Session<Visit>,
    State(baskets): State<Half<Basket>>,
    Path(item): Path<u64>,
) -> Result<(), SessionError> {
    Ok(baskets.update(&session, |basket| basket.items.push(item)).await?)
}

async fn basket(
    session: Session<Visit>,
    State(baskets): State<Half<Basket>>,
) -> Result<String, SessionError> {
    let Some(visit) = session.get() else { return Ok("None".to_owned()) };
    let basket = baskets.get(&session).await?.unwrap_or_default();
    Ok(format!("Some({:?}) of account {}", basket.items, visit.account))
}

async fn prove(session: Session<Visit>) -> Result<(), SessionError> {
    session.reauthenticated()
}

async fn sign_out(
    session: Session<Visit>,
    State(baskets): State<Half<Basket>>,
) -> Result<(), SessionError> {
    baskets.delete(&session).await?;
    session.end()
}
