//! Sign-in links. A user can open a link once, to sign in on another device.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bulla::session::{Channel, Start};
use bulla::token::{OnceError, UsedTokens};
use bulla::{Current, Fresh, Payload, RingHandle, Sealer, Session, SessionError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::devices::Devices;
use crate::ledger::Ledger;
use crate::release::Release;

/// A link expires after 120 seconds. This is enough, because the user opens it immediately.
const LIFETIME: Duration = Duration::from_secs(120);

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/sign-in-link")]
struct Link {
    user: String,
}

#[derive(Clone)]
struct Links {
    sealer: Arc<Sealer<Link>>,
    used: Arc<dyn UsedTokens + Send + Sync>,
    ledger: Arc<Ledger>,
    devices: Arc<Devices>,
}

pub(crate) fn routes<C: Release>(
    ring: &RingHandle,
    used: Arc<dyn UsedTokens + Send + Sync>,
    ledger: Arc<Ledger>,
    devices: Arc<Devices>,
) -> Router {
    let links = Links { sealer: Arc::new(Sealer::new(ring, LIFETIME)), used, ledger, devices };
    Router::new()
        .route("/link", post(make::<C>))
        .route("/link/use", post(follow::<C>))
        .with_state(links)
}

/// Makes a link.
///
/// A client that uses the link is treated as if the user had entered the PIN. Therefore the user
/// must have entered the PIN within the last 300 seconds. The list of revocations must be at most
/// 5 seconds old. Otherwise, a session that another bank has just ended could make a link here.
async fn make<C: Release>(
    State(links): State<Links>,
    customer: Fresh<C, 300>,
    _: Current<C, 5>,
) -> Response {
    match links.sealer.seal(&Link { user: customer.user().to_owned() }) {
        Ok(link) => Json(json!({ "link": link })).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot make a sign-in link");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[derive(Deserialize)]
struct Follow {
    link: String,
}

/// Signs in with a link. The response does not say why a link is refused.
async fn follow<C: Release>(
    State(links): State<Links>,
    session: Session<C>,
    headers: HeaderMap,
    Json(follow): Json<Follow>,
) -> Result<Response, SessionError> {
    let open = || links.sealer.open_once(&follow.link, &*links.used);
    let opened = match tokio::task::block_in_place(open) {
        Ok(opened) => opened,
        Err(error) => {
            if let OnceError::Claim(error) = &error {
                tracing::error!(%error, "cannot check whether a sign-in link was used");
            }
            let error = json!({ "error": "this link is not valid" });
            return Ok((StatusCode::UNAUTHORIZED, Json(error)).into_response());
        }
    };
    let user = opened.payload.user;
    if links.ledger.account(&user).is_none() {
        return Ok(StatusCode::UNAUTHORIZED.into_response());
    }
    session.start_with(C::sign_in(&user), Start::new().over(Channel::Bearer))?;
    if let Some(info) = session.info() {
        links.devices.record(&user, &info, &headers);
    }
    Ok(Json(json!({ "user": user })).into_response())
}
