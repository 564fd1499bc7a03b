//! A shop that stores all data on the server. The token contains only the session id.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use bulla::{Payload, Session, SessionError, SessionLayer};
use bulla_half::Half;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/id")]
pub(crate) struct Visit;

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    basket: Vec<u64>,
}

pub(crate) fn routes(sessions: SessionLayer<Visit>, kept: Half<Kept>) -> Router {
    Router::new()
        .route("/sign-in", post(sign_in))
        .route("/add/{item}", post(add))
        .route("/basket", get(basket))
        .route("/prove", post(prove))
        .route("/sign-out", post(sign_out))
        .layer(sessions)
        .with_state(kept)
}

async fn sign_in(
    session: Session<Visit>,
    State(kept): State<Half<Kept>>,
) -> Result<(), SessionError> {
    session.start(Visit)?;
    Ok(kept.set(&session, &Kept::default()).await?)
}

async fn add(
    session: Session<Visit>,
    State(kept): State<Half<Kept>>,
    Path(item): Path<u64>,
) -> Result<(), SessionError> {
    let mut basket = kept.get(&session).await?.ok_or(SessionError::NoSession)?;
    basket.basket.push(item);
    Ok(kept.set(&session, &basket).await?)
}

async fn basket(
    session: Session<Visit>,
    State(kept): State<Half<Kept>>,
) -> Result<String, SessionError> {
    Ok(format!("{:?}", kept.get(&session).await?.map(|kept| kept.basket)))
}

async fn prove(session: Session<Visit>) -> Result<(), SessionError> {
    session.reauthenticated()
}

async fn sign_out(
    session: Session<Visit>,
    State(kept): State<Half<Kept>>,
) -> Result<(), SessionError> {
    kept.delete(&session).await?;
    session.end()
}
