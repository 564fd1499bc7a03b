//! How do extractors over `http` 1 find a session, and how is a refusal written to a response? The
//! adapters for axum and poem share these steps.

use http::header::{HeaderName, HeaderValue};
use http::{Extensions, Response, StatusCode, header};

use super::layers::Unusable;
use crate::adapters::MissingLayer;
use crate::session::Denied;
use crate::{Payload, Sealed, Session};

/// The session of a request, after the application's check ([`Session::revalidate`]) has run if it
/// is due.
pub(super) async fn session<T: Payload + Send + Sync + 'static>(
    extensions: &Extensions,
) -> Result<Session<T>, MissingLayer> {
    let Some(session) = extensions.get::<Session<T>>() else {
        let unusable = extensions.get::<Unusable<T>>();
        return Err(unusable.map_or_else(MissingLayer::of::<T>, |mark| mark.why.clone()));
    };
    session.revalidate().await;
    Ok(session.clone())
}

/// The value of a sealed cookie of a request.
pub(super) fn sealed<T: Payload + 'static>(
    extensions: &Extensions,
) -> Result<Sealed<T>, MissingLayer> {
    extensions.get::<Sealed<T>>().cloned().ok_or_else(MissingLayer::of_cookie::<T>)
}

/// Writes the status and the headers of a refusal.
pub(super) fn write<B>(denied: &Denied, response: &mut Response<B>) {
    let status = StatusCode::from_u16(denied.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let Some((name, value)) = denied.header() else { return };
    match HeaderValue::try_from(value) {
        Ok(value) => {
            headers.insert(HeaderName::from_static(name), value);
        }
        Err(error) => {
            tracing::error!(%error, "a configured page is not a valid header value");
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
    }
}

/// A mark in the extensions of a response: the handler returned
/// [`SessionError::NoSession`](crate::SessionError::NoSession).
#[derive(Clone, Copy)]
pub(super) struct NoSession;

/// Turns the 401 of a handler that returned `NoSession` into the refusal of a guard. Only the layer
/// knows the session, and so the sign-in page and whether a browser or a script sent the request.
pub(super) fn complete<T: Payload, B>(session: &Session<T>, response: &mut Response<B>) {
    let marked = response.extensions().get::<NoSession>().is_some();
    if !marked || response.status() != StatusCode::UNAUTHORIZED {
        return;
    }
    if let Some(denied) = session.denied() {
        response.headers_mut().remove(header::WWW_AUTHENTICATE);
        response.extensions_mut().remove::<NoSession>();
        write(&denied, response);
    }
}
