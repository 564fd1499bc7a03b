//! Middleware and extractor for the value of a sealed cookie, for actix-web 4.

use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::dev::{self, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError};
use pin_project_lite::pin_project;

use super::actix4::{finish, values};
use super::extract::OPAQUE;
use crate::adapters::{MissingLayer, SealedMiddleware};
use crate::transport::SetError;
use crate::{Payload, Sealed, SealedCookie, SessionError};

/// Middleware for actix-web.
///
/// ```
/// use std::time::Duration;
/// use actix_web::{App, web};
/// use bulla::{KeyRing, Payload, Sealed, SealedCookie, SealedMiddleware};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "shop.example/flash")]
/// struct Flash { text: String }
///
/// async fn home(flash: Sealed<Flash>) -> String {
///     flash.take().map_or(String::new(), |flash| flash.text)
/// }
///
/// let flash = SealedCookie::<Flash>::new(KeyRing::generate()?, "flash", Duration::from_secs(60))?;
/// let app = App::new().wrap(SealedMiddleware::from(flash)).route("/", web::get().to(home));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<S, T, B> Transform<S, ServiceRequest> for SealedMiddleware<T>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    T: Payload + 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = ActixSealedService<S, T>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(ActixSealedService { inner, cookie: self.cookie.clone() }))
    }
}

/// The service that a [`SealedMiddleware`] makes.
pub struct ActixSealedService<S, T> {
    inner: S,
    cookie: SealedCookie<T>,
}

impl<S, T> fmt::Debug for ActixSealedService<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActixSealedService").finish_non_exhaustive()
    }
}

impl<S, T, B> Service<ServiceRequest> for ActixSealedService<S, T>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    T: Payload + 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = ActixSealedFuture<S::Future, T>;

    dev::forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let value = enter(&self.cookie, &request);
        ActixSealedFuture { inner: self.inner.call(request), value }
    }
}

/// Gives the request the value. Returns the value if this middleware must write it. `None` if outer
/// middleware writes it.
fn enter<T: Payload + 'static>(
    cookie: &SealedCookie<T>,
    request: &ServiceRequest,
) -> Option<Sealed<T>> {
    let mut extensions = request.extensions_mut();
    let (method, outer) = (request.method().as_str(), extensions.get::<Sealed<T>>());
    let value = cookie.load_unless_shared(outer, method, |name| values(request, name))?;
    extensions.insert(value.clone());
    Some(value)
}

pin_project! {
    /// The response future of an [`ActixSealedService`].
    pub struct ActixSealedFuture<F, T> {
        #[pin]
        inner: F,
        // `None` if other middleware writes the value.
        value: Option<Sealed<T>>,
    }
}

impl<F, T> fmt::Debug for ActixSealedFuture<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActixSealedFuture").finish_non_exhaustive()
    }
}

impl<F, T, B> Future for ActixSealedFuture<F, T>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = Result<ServiceResponse<B>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        let Some(value) = this.value else { return Poll::Ready(Ok(response)) };
        if response.status().is_server_error() {
            value.discard_changes();
        }
        finish(&mut response, value.commit());
        Poll::Ready(Ok(response))
    }
}

/// An extractor for actix-web. It also succeeds for a request without the cookie. If the
/// [`SealedMiddleware`] is missing, the response is a 500 that names the missing middleware.
impl<T: Payload + 'static> FromRequest for Sealed<T> {
    type Error = MissingLayer;
    type Future = Ready<Result<Sealed<T>, MissingLayer>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let value = request.extensions().get::<Sealed<T>>().cloned();
        ready(value.ok_or_else(MissingLayer::of_cookie::<T>))
    }
}

/// The response of a handler that returns a [`SetError`], for example with `?`. The response to
/// `CrossOrigin` is a 403. Every other error is logged, and the response is a 500 without details.
impl ResponseError for SetError {
    fn error_response(&self) -> HttpResponse {
        if *self == SetError::CrossOrigin {
            return SessionError::from(*self).error_response();
        }
        tracing::error!(error = %self, "a sealed cookie could not be set");
        let no_store = ("cache-control", "no-store");
        HttpResponse::InternalServerError().insert_header(no_store).body(OPAQUE)
    }
}
