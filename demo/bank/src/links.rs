//! Links that sign in once: to go on with another device.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bulla::session::{Channel, Start};
use bulla::token::{OnceError, UsedTokens};
use bulla::{Current, Fresh, Payload, RingHandle, Sealer, Session, SessionError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ledger::Ledger;
use crate::release::Release;

/// A link is used at once, or not at all.
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
}

pub(crate) fn routes<C: Release>(
    ring: &RingHandle,
    used: Arc<dyn UsedTokens + Send + Sync>,
    ledger: Arc<Ledger>,
) -> Router {
    let links = Links { sealer: Arc::new(Sealer::new(ring, LIFETIME)), used, ledger };
    Router::new()
        .route("/link", post(make::<C>))
        .route("/link/use", post(follow::<C>))
        .with_state(links)
}

/// Whoever follows it counts as having given the PIN, so this asks for a recent
/// one; and for a list of revocations of the last seconds, since a session that
/// was ended elsewhere must not make a new one here.
async fn make<C: Release>(
    State(links): State<Links>,
    customer: Fresh<C, 300>,
    _: Current<C, 5>,
) -> Response {
    match links.sealer.seal(&Link { user: customer.user().to_owned() }) {
        Ok(link) => Json(json!({ "link": link })).into_response(),
        Err(error) => {
            tracing::error!(%error, "a link could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[derive(Deserialize)]
struct Follow {
    link: String,
}

async fn follow<C: Release>(
    State(links): State<Links>,
    session: Session<C>,
    Json(follow): Json<Follow>,
) -> Result<Response, SessionError> {
    let open = || links.sealer.open_once(&follow.link, &*links.used);
    let opened = match tokio::task::block_in_place(open) {
        Ok(opened) => opened,
        Err(error) => {
            if let OnceError::Claim(error) = &error {
                tracing::error!(%error, "nobody can tell which links were used");
            }
            let error = json!({ "error": "this link is not valid any more" });
            return Ok((StatusCode::UNAUTHORIZED, Json(error)).into_response());
        }
    };
    let user = opened.payload.user;
    if links.ledger.account(&user).is_none() {
        return Ok(StatusCode::UNAUTHORIZED.into_response());
    }
    session.start_with(C::sign_in(&user), Start::new().over(Channel::Bearer))?;
    Ok(Json(json!({ "user": user })).into_response())
}
