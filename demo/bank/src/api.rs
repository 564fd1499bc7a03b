//! The JSON API for mobile clients. The session travels in headers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bulla::session::{Channel, Start};
use bulla::{Required, Session, SessionError};
use serde::Deserialize;
use serde_json::json;

use crate::ledger::Ledger;
use crate::release::Release;

pub(crate) fn routes<C: Release>(ledger: Arc<Ledger>) -> Router {
    Router::new()
        .route("/login", post(login::<C>))
        .route("/balance", get(balance::<C>))
        .route("/logout", post(logout::<C>))
        .route("/logout-others", post(logout_others::<C>))
        .with_state(ledger)
}

#[derive(Deserialize)]
struct Login {
    user: String,
    pin: String,
}

/// Signs a user in and returns the tokens in `Session-Token` and `Session-Renewal`.
async fn login<C: Release>(
    State(ledger): State<Arc<Ledger>>,
    session: Session<C>,
    Json(login): Json<Login>,
) -> Result<Response, SessionError> {
    let Some(user) = ledger.sign_in(&login.user, &login.pin) else {
        let error = json!({ "error": "wrong user name or PIN" });
        return Ok((StatusCode::UNAUTHORIZED, Json(error)).into_response());
    };
    session.start_with(C::sign_in(user), Start::new().over(Channel::Bearer))?;
    Ok(Json(json!({ "user": user })).into_response())
}

async fn balance<C: Release>(
    State(ledger): State<Arc<Ledger>>,
    session: Session<C>,
    customer: Required<C>,
) -> Response {
    let (Some(account), Some(info)) = (ledger.account(customer.user()), session.info()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    Json(json!({
        "user": customer.user(),
        "name": account.name,
        "balance_pence": account.balance.pence(),
        "session": {
            "id": info.id.to_string(),
            "key": info.key_id.to_string(),
            "idle_expires_at": info.idle_expires_at.to_string(),
            "expires_at": info.expires_at.to_string(),
        },
    }))
    .into_response()
}

async fn logout<C: Release>(session: Session<C>) -> Result<StatusCode, SessionError> {
    session.end()?;
    Ok(StatusCode::NO_CONTENT)
}

async fn logout_others<C: Release>(session: Session<C>) -> Result<StatusCode, SessionError> {
    session.end_others()?;
    Ok(StatusCode::NO_CONTENT)
}
