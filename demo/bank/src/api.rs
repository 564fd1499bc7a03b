//! The JSON API for mobile clients. The session travels in headers. A client that signs in with a
//! proof of its key has a session that is bound to this key.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bulla::session::{Channel, Start};
use bulla::{Proven, Required, Session, SessionError};
use serde::Deserialize;
use serde_json::json;

use crate::devices::Devices;
use crate::ledger::{Ledger, Money};
use crate::release::Release;

#[derive(Clone)]
pub(crate) struct Bank {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) devices: Arc<Devices>,
}

pub(crate) fn routes<C: Release>(bank: Bank) -> Router {
    Router::new()
        .route("/login", post(login::<C>))
        .route("/balance", get(balance::<C>))
        .route("/transfer", post(transfer::<C>))
        .route("/logout", post(logout::<C>))
        .route("/logout-others", post(logout_others::<C>))
        .with_state(bank)
}

#[derive(Deserialize)]
struct Login {
    user: String,
    pin: String,
}

/// Signs a user in and returns the tokens in `Session-Token` and `Session-Renewal`.
async fn login<C: Release>(
    State(bank): State<Bank>,
    session: Session<C>,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Result<Response, SessionError> {
    let Some(user) = bank.ledger.sign_in(&login.user, &login.pin) else {
        let error = json!({ "error": "wrong user name or PIN" });
        return Ok((StatusCode::UNAUTHORIZED, Json(error)).into_response());
    };
    session.start_with(C::sign_in(user), Start::new().over(Channel::Bearer))?;
    if let Some(info) = session.info() {
        bank.devices.record(user, &info, &headers);
    }
    Ok(Json(json!({ "user": user })).into_response())
}

async fn balance<C: Release>(
    State(bank): State<Bank>,
    session: Session<C>,
    customer: Required<C>,
    headers: HeaderMap,
) -> Response {
    let account = bank.ledger.account(customer.user());
    let (Some(account), Some(info)) = (account, session.info()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    bank.devices.record(customer.user(), &info, &headers);
    Json(json!({
        "user": customer.user(),
        "name": account.name,
        "balance_pence": account.balance.pence(),
        "session": {
            "id": info.id.to_string(),
            "key": info.key_id.to_string(),
            "idle_expires_at": info.idle_expires_at.to_string(),
            "expires_at": info.expires_at.to_string(),
            "bound": info.bound,
            "proof_expires_at": info.proof_expires_at.map(|at| at.to_string()),
        },
    }))
    .into_response()
}

#[derive(Deserialize)]
struct Transfer {
    to: String,
    amount: String,
}

/// Sends money. A copy of the request must not send it again, so each request needs a proof.
async fn transfer<C: Release>(
    State(bank): State<Bank>,
    customer: Proven<C>,
    Json(transfer): Json<Transfer>,
) -> Response {
    let send = |amount: Money| {
        let sent = bank.ledger.transfer(customer.user(), &transfer.to, amount);
        sent.map_err(|error| error.to_string())
    };
    match transfer.amount.parse::<Money>().map_err(str::to_owned).and_then(send) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": error }))).into_response()
        }
    }
}

async fn logout<C: Release>(session: Session<C>) -> Result<StatusCode, SessionError> {
    session.end()?;
    Ok(StatusCode::NO_CONTENT)
}

async fn logout_others<C: Release>(
    State(bank): State<Bank>,
    session: Session<C>,
) -> Result<StatusCode, SessionError> {
    session.end_others()?;
    if let (Some(customer), Some(info)) = (session.get(), session.info()) {
        bank.devices.keep_only(customer.user(), info.origin);
    }
    Ok(StatusCode::NO_CONTENT)
}
