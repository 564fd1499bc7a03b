//! Extractors for axum 0.8.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::{StatusCode, header};

use crate::{Denied, Payload, Session, SessionError};

/// The session, whether there is one or not; a 500 that names the
/// [`SessionLayer`](crate::SessionLayer) when that is missing.
impl<S, T> FromRequestParts<S> for Session<T>
where
    S: Sync,
    T: Payload + Send + Sync + 'static,
{
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Session<T>, MissingLayer> {
        let session = parts.extensions.get::<Session<T>>().cloned();
        session.ok_or(MissingLayer { state: std::any::type_name::<T>() })
    }
}

/// The state of the session that the request must have: an extractor.
///
/// A request without one is answered with 401, or with 303 to the sign-in page
/// when [`SessionsBuilder::sign_in_page`](crate::SessionsBuilder::sign_in_page)
/// names one.
///
/// ```
/// use bulla::{Payload, Required};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
///
/// async fn balance(account: Required<Account>) -> String {
///     format!("account {}", account.id)
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(balance));
/// ```
pub struct Required<T>(Arc<T>);

impl<T> Deref for Required<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<S, T> FromRequestParts<S> for Required<T>
where
    S: Sync,
    T: Payload + Send + Sync + 'static,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Required<T>, Rejection> {
        let session = Session::<T>::from_request_parts(parts, state).await?;
        Ok(Required(session.require()?))
    }
}

/// The state of a session whose user has proved who they are within the last
/// `SECONDS`: an extractor for what asks for a fresh sign-in (step-up).
///
/// Otherwise the answer is 401, or 303 to the page that
/// [`SessionsBuilder::step_up_page`](crate::SessionsBuilder::step_up_page) names.
///
/// ```
/// use bulla::{Fresh, Payload};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
///
/// async fn transfer(account: Fresh<Account, 300>) -> String {
///     format!("account {} signed in within five minutes", account.id)
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::post(transfer));
/// ```
pub struct Fresh<T, const SECONDS: u64>(Arc<T>);

impl<T, const SECONDS: u64> Deref for Fresh<T, SECONDS> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<S, T, const SECONDS: u64> FromRequestParts<S> for Fresh<T, SECONDS>
where
    S: Sync,
    T: Payload + Send + Sync + 'static,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let session = Session::<T>::from_request_parts(parts, state).await?;
        Ok(Fresh(session.require_fresh(Duration::from_secs(SECONDS))?))
    }
}

/// The state is left out.
impl<T> fmt::Debug for Required<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Required").field(&PhantomData::<T>).finish()
    }
}

/// The state is left out.
impl<T, const SECONDS: u64> fmt::Debug for Fresh<T, SECONDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fresh").field(&PhantomData::<T>).field(&SECONDS).finish()
    }
}

/// The route has no [`SessionLayer`](crate::SessionLayer) for this type of state.
#[derive(Clone, Copy, Debug)]
pub struct MissingLayer {
    state: &'static str,
}

impl fmt::Display for MissingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this route has no SessionLayer::<{}>: add .layer(…) to the router", self.state)
    }
}

impl std::error::Error for MissingLayer {}

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        tracing::error!("{self}");
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}

/// Why [`Required`] or [`Fresh`] did not extract.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// The route has no layer.
    MissingLayer(MissingLayer),
    /// There is no session, or none that is fresh enough.
    Denied(Denied),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::MissingLayer(missing) => missing.fmt(f),
            Rejection::Denied(denied) => denied.fmt(f),
        }
    }
}

impl std::error::Error for Rejection {}

impl From<MissingLayer> for Rejection {
    fn from(missing: MissingLayer) -> Rejection {
        Rejection::MissingLayer(missing)
    }
}

impl From<Denied> for Rejection {
    fn from(denied: Denied) -> Rejection {
        Rejection::Denied(denied)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        match self {
            Rejection::MissingLayer(missing) => missing.into_response(),
            Rejection::Denied(denied) => denied.into_response(),
        }
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let mut response = self.to_string().into_response();
        *response.status_mut() =
            StatusCode::from_u16(self.status()).unwrap_or(StatusCode::UNAUTHORIZED);
        if let Some((name, value)) = self.header() {
            match HeaderValue::try_from(value) {
                Ok(value) => {
                    response.headers_mut().insert(HeaderName::from_static(name), value);
                }
                Err(error) => {
                    tracing::error!(%error, "a configured page is no header value");
                    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                }
            }
        }
        response
    }
}

/// An opaque 500 and one log line, so that handlers can use `?`.
impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        tracing::error!(error = %self, "a session could not be changed");
        let headers = [(header::CACHE_CONTROL, "no-store")];
        (StatusCode::INTERNAL_SERVER_ERROR, headers, "Internal server error").into_response()
    }
}
