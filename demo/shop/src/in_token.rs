//! A shop that stores all data in the token.

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use bulla::{Payload, Session, SessionError, SessionLayer};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/token")]
pub(crate) struct Visit {
    basket: Vec<u64>,
}

pub(crate) fn routes(sessions: SessionLayer<Visit>) -> Router {
    Router::new()
        .route("/sign-in", post(sign_in))
        .route("/add/{item}", post(add))
        .route("/basket", get(basket))
        .route("/prove", post(prove))
        .route("/sign-out", post(sign_out))
        .layer(sessions)
}

async fn sign_in(session: Session<Visit>) -> Result<(), SessionError> {
    session.start(Visit { basket: vec![] })
}

async fn add(session: Session<Visit>, Path(item): Path<u64>) -> Result<(), SessionError> {
    session.update(|visit| visit.basket.push(item))
}

async fn basket(session: Session<Visit>) -> String {
    session.with(|visit| format!("{:?}", visit.map(|visit| &visit.basket)))
}

async fn prove(session: Session<Visit>) -> Result<(), SessionError> {
    session.reauthenticated()
}

async fn sign_out(session: Session<Visit>) -> Result<(), SessionError> {
    session.end()
}
