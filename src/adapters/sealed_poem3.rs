//! Middleware and extractor for the value of a sealed cookie, for poem 3.

use std::fmt;

use http::StatusCode;
use poem::error::ResponseError;
use poem::{
    Endpoint, FromRequest, IntoResponse, Middleware, Request, RequestBody, Response, Result,
};

use super::poem3::{fail, lend, lend_response, opaque};
use super::{exchange, refusal};
use crate::adapters::SealedMiddleware;
use crate::transport::SetError;
use crate::{Payload, Sealed, SealedCookie, SessionError};

/// Middleware for poem.
///
/// ```
/// use std::time::Duration;
/// use bulla::{KeyRing, Payload, Sealed, SealedCookie, SealedMiddleware};
/// use poem::{EndpointExt, Route, get, handler};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "shop.example/flash")]
/// struct Flash { text: String }
///
/// #[handler]
/// fn home(flash: Sealed<Flash>) -> String {
///     flash.take().map_or(String::new(), |flash| flash.text)
/// }
///
/// let flash = SealedCookie::<Flash>::new(KeyRing::generate()?, "flash", Duration::from_secs(60))?;
/// let app = Route::new().at("/", get(home)).with(SealedMiddleware::from(flash));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<E, T> Middleware<E> for SealedMiddleware<T>
where
    E: Endpoint,
    T: Payload + Send + Sync + 'static,
{
    type Output = PoemSealedEndpoint<E, T>;

    fn transform(&self, inner: E) -> PoemSealedEndpoint<E, T> {
        PoemSealedEndpoint { inner, cookie: self.cookie.clone() }
    }
}

/// The endpoint that a [`SealedMiddleware`] makes.
pub struct PoemSealedEndpoint<E, T> {
    inner: E,
    cookie: SealedCookie<T>,
}

impl<E, T> fmt::Debug for PoemSealedEndpoint<E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoemSealedEndpoint").finish_non_exhaustive()
    }
}

impl<E, T> Endpoint for PoemSealedEndpoint<E, T>
where
    E: Endpoint,
    T: Payload + Send + Sync + 'static,
{
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let value = lend(&mut request, |head| exchange::enter_sealed(&self.cookie, head));
        let outcome = self.inner.call(request).await;
        let Some(value) = value else { return outcome.map(IntoResponse::into_response) };
        let mut response = match outcome {
            Ok(response) => response.into_response(),
            Err(error) => {
                if error.status().is_server_error() {
                    value.discard_changes();
                }
                return fail(error, value.commit());
            }
        };
        lend_response(&mut response, |head| exchange::close_sealed(&value, head));
        Ok(response)
    }
}

/// An extractor for poem. It also succeeds for a request without the cookie. If the
/// [`SealedMiddleware`] is missing, the response is a 500 that names the missing middleware.
impl<'a, T: Payload + 'static> FromRequest<'a> for Sealed<T> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Sealed<T>> {
        Ok(refusal::sealed(request.extensions())?)
    }
}

/// The response of a handler that returns a [`SetError`], for example with `?`. The response to
/// `CrossOrigin` is a 403. Every other error is logged, and the response is a 500 without details.
impl ResponseError for SetError {
    fn status(&self) -> StatusCode {
        match self {
            SetError::CrossOrigin => SessionError::from(*self).status(),
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn as_response(&self) -> Response {
        if *self == SetError::CrossOrigin {
            return SessionError::from(*self).as_response();
        }
        tracing::error!(error = %self, "a sealed cookie could not be set");
        opaque()
    }
}
