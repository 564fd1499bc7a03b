//! Extractors for axum 0.8.

use std::time::Duration;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, header};

use super::extract::{OPAQUE, signed_in};
use super::refusal;
use crate::adapters::{MissingLayer, Rejection};
use crate::session::{Denied, User};
use crate::transport::SetError;
use crate::{Current, Fresh, Payload, Proven, Required, Sealed, Session, SessionError, SignedIn};

/// An extractor for axum. It also succeeds for a request without a session. If the
/// [`SessionLayer`](crate::SessionLayer) is missing, the response is a 500 that names the missing
/// layer.
impl<S, T> FromRequestParts<S> for Session<T>
where
    S: Sync,
    T: Payload + Send + Sync + 'static,
{
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Session<T>, MissingLayer> {
        refusal::session(&parts.extensions).await
    }
}

/// An extractor for axum.
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

/// An extractor for axum.
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

/// An extractor for axum.
impl<S, T, const SECONDS: u64> FromRequestParts<S> for Current<T, SECONDS>
where
    S: Sync,
    T: Payload + Send + Sync + 'static,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let session = Session::<T>::from_request_parts(parts, state).await?;
        Ok(Current(session.require_current(Duration::from_secs(SECONDS))?))
    }
}

/// An extractor for axum.
impl<S, T> FromRequestParts<S> for Proven<T>
where
    S: Sync,
    T: Payload + Send + Sync + 'static,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let session = Session::<T>::from_request_parts(parts, state).await?;
        Ok(Proven(session.require_proven()?))
    }
}

/// An extractor for axum.
impl<S, U> FromRequestParts<S> for SignedIn<U>
where
    S: Sync,
    U: User,
    U::State: Send + Sync + 'static,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let session = Session::<U::State>::from_request_parts(parts, state).await?;
        signed_in(&session).await
    }
}

/// `Option<SignedIn<U>>` is `None` for a guest. A 503 and a missing layer are still errors.
impl<S, U> OptionalFromRequestParts<S> for SignedIn<U>
where
    S: Sync,
    U: User,
    U::State: Send + Sync + 'static,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        optional(parts, state).await
    }
}

/// `Option<Required<T>>` is `None` if there is no session. A 503 and a missing layer are still
/// errors.
impl<S, T> OptionalFromRequestParts<S> for Required<T>
where
    S: Sync,
    T: Payload + Send + Sync + 'static,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        optional(parts, state).await
    }
}

/// `Option<Fresh<T, SECONDS>>` is `None` if there is no fresh session. A 503 and a missing layer
/// are still errors.
impl<S, T, const SECONDS: u64> OptionalFromRequestParts<S> for Fresh<T, SECONDS>
where
    S: Sync,
    T: Payload + Send + Sync + 'static,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        optional(parts, state).await
    }
}

/// `Option<Current<T, SECONDS>>` is `None` if there is no session. A list that is too old (503) and
/// a missing layer are still errors.
impl<S, T, const SECONDS: u64> OptionalFromRequestParts<S> for Current<T, SECONDS>
where
    S: Sync,
    T: Payload + Send + Sync + 'static,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        optional(parts, state).await
    }
}

/// `Option<Proven<T>>` is `None` if there is no session, or no proof. A 503 and a missing layer are
/// still errors.
impl<S, T> OptionalFromRequestParts<S> for Proven<T>
where
    S: Sync,
    T: Payload + Send + Sync + 'static,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        optional(parts, state).await
    }
}

async fn optional<S, E>(parts: &mut Parts, state: &S) -> Result<Option<E>, Rejection>
where
    E: FromRequestParts<S, Rejection = Rejection>,
{
    match E::from_request_parts(parts, state).await {
        Ok(extracted) => Ok(Some(extracted)),
        // With a 503, the client may be signed in, so it must not be treated as a guest.
        Err(Rejection::Denied(denied)) if denied.status() != 503 => Ok(None),
        Err(rejection) => Err(rejection),
    }
}

/// An extractor for axum. It also succeeds for a request without the cookie. If the
/// [`SealedLayer`](crate::SealedLayer) is missing, the response is a 500 that names the missing
/// layer.
impl<S, T> FromRequestParts<S> for Sealed<T>
where
    S: Sync,
    T: Payload + 'static,
{
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Sealed<T>, MissingLayer> {
        refusal::sealed(&parts.extensions)
    }
}

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.body()).into_response()
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        match self {
            Rejection::MissingLayer(missing) => missing.into_response(),
            Rejection::Denied(denied) => denied.into_response(),
            Rejection::Session(error) => error.into_response(),
        }
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let mut response = self.to_string().into_response();
        refusal::write(&self, &mut response);
        response
    }
}

/// The response of a handler that returns a [`SessionError`], for example with `?`. The response to
/// `NoSession` is that of a refusal by [`Required`], to `CrossOrigin` a 403, and to `NotNow` a 503.
/// Every other error is logged, and the response is a 500 without details.
impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        if let Some(denied) = self.denied() {
            let mut response = denied.into_response();
            if self == SessionError::NoSession {
                response.extensions_mut().insert(refusal::NoSession);
            }
            return response;
        }
        tracing::error!(error = %self, "a session could not be changed");
        let headers = [(header::CACHE_CONTROL, "no-store")];
        (StatusCode::INTERNAL_SERVER_ERROR, headers, OPAQUE).into_response()
    }
}

/// The response of a handler that returns a [`SetError`], for example with `?`. The response to
/// `CrossOrigin` is a 403. Every other error is logged, and the response is a 500 without details.
impl IntoResponse for SetError {
    fn into_response(self) -> Response {
        if self == SetError::CrossOrigin {
            return SessionError::from(self).into_response();
        }
        tracing::error!(error = %self, "a sealed cookie could not be set");
        let headers = [(header::CACHE_CONTROL, "no-store")];
        (StatusCode::INTERNAL_SERVER_ERROR, headers, OPAQUE).into_response()
    }
}
