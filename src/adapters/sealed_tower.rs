//! The layer that gives requests the value of a sealed cookie, for tower services over `http` 1.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::exchange;
use crate::{Payload, Sealed, SealedCookie};

/// A tower layer that adds a [`Sealed`] to the extensions of every request. The `Sealed` gives
/// access to the value of a [`SealedCookie`]. The layer writes changes of the value to the
/// response.
///
/// The [rules of `SessionLayer`](crate::SessionLayer#rules) also apply to this layer, with the
/// value in place of the session, except for these differences:
///
/// - A change after the response headers are complete returns
///   [`SetError::ResponseSent`](crate::transport::SetError::ResponseSent) (rule 2).
/// - If the response is a server error, a value that the request has set is discarded. A value that
///   it has taken or removed stays deleted (rule 3).
/// - A sealed cookie has no renewals (rule 6).
/// - Two layers for the same type of value and the same cookie share one value, but no warning is
///   logged if their settings differ (rule 7).
/// - If two layers use the same cookie for different types of value, the layers do not notice it.
///   Each type refuses the other's token (rule 8).
///
/// ```
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use bulla::{KeyRing, Payload, Sealed, SealedCookie, SealedLayer};
/// use http::{Request, Response};
/// use serde::{Deserialize, Serialize};
/// use tower::{Service, ServiceBuilder, service_fn};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "shop.example/flash")]
/// struct Flash { text: String }
///
/// async fn home(request: Request<String>) -> Result<Response<String>, std::convert::Infallible> {
///     let flash = request.extensions().get::<Sealed<Flash>>().expect("the layer is there");
///     Ok(Response::new(flash.take().map_or(String::new(), |flash| flash.text)))
/// }
///
/// let flash = SealedCookie::<Flash>::new(KeyRing::generate()?, "flash", Duration::from_secs(60))?;
/// let mut service = ServiceBuilder::new().layer(SealedLayer::from(flash)).service(service_fn(home));
/// let response = service.call(Request::new(String::new())).await?;
/// assert_eq!(response.body(), "");
/// # Ok(())
/// # }
/// # futures_executor::block_on(run()).unwrap();
/// ```
pub struct SealedLayer<T> {
    cookie: SealedCookie<T>,
}

impl<T> From<SealedCookie<T>> for SealedLayer<T> {
    fn from(cookie: SealedCookie<T>) -> SealedLayer<T> {
        SealedLayer { cookie }
    }
}

impl<T> Clone for SealedLayer<T> {
    fn clone(&self) -> SealedLayer<T> {
        SealedLayer { cookie: self.cookie.clone() }
    }
}

impl<T: Payload> fmt::Debug for SealedLayer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedLayer").field("cookie", &self.cookie).finish()
    }
}

impl<S, T> Layer<S> for SealedLayer<T> {
    type Service = SealedService<S, T>;

    fn layer(&self, inner: S) -> SealedService<S, T> {
        SealedService { inner, cookie: self.cookie.clone() }
    }
}

/// The service that a [`SealedLayer`] makes.
pub struct SealedService<S, T> {
    inner: S,
    cookie: SealedCookie<T>,
}

impl<S: Clone, T> Clone for SealedService<S, T> {
    fn clone(&self) -> SealedService<S, T> {
        SealedService { inner: self.inner.clone(), cookie: self.cookie.clone() }
    }
}

impl<S, T> fmt::Debug for SealedService<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedService").finish_non_exhaustive()
    }
}

impl<S, T, RequestBody, ResponseBody> Service<Request<RequestBody>> for SealedService<S, T>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    T: Payload + 'static,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = SealedFuture<S::Future, T>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let value = exchange::enter_sealed(&self.cookie, &mut request);
        SealedFuture { inner: self.inner.call(request), value }
    }
}

pin_project! {
    /// The response future of a [`SealedService`].
    pub struct SealedFuture<F, T> {
        #[pin]
        inner: F,
        // `None` if an outer layer writes the value.
        value: Option<Sealed<T>>,
    }
}

impl<F, T> fmt::Debug for SealedFuture<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedFuture").finish_non_exhaustive()
    }
}

impl<F, T, B, E> Future for SealedFuture<F, T>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if let Some(value) = this.value {
            exchange::close_sealed(value, &mut response);
        }
        Poll::Ready(Ok(response))
    }
}
