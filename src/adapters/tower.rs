//! The layer for tower services over `http` 1: axum, hyper, tonic.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::HeaderValue;
use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::transport::Bundle;
use crate::{Payload, Policy, RingHandle, Session, Sessions};

/// Gives every request of a service a [`Session`], as an extension, and writes
/// what has become of it to the response.
///
/// ```
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use bulla::{KeyRing, Payload, Policy, Session, SessionLayer};
/// use http::{Request, Response};
/// use serde::{Deserialize, Serialize};
/// use tower::{Service, ServiceBuilder, service_fn};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session")]
/// struct Account { id: u64 }
///
/// async fn balance(request: Request<String>) -> Result<Response<String>, std::convert::Infallible> {
///     let session = request.extensions().get::<Session<Account>>().expect("the layer is there");
///     Ok(Response::new(session.with(|account| match account {
///         Some(account) => format!("account {}", account.id),
///         None => "sign in first".to_owned(),
///     })))
/// }
///
/// let layer = SessionLayer::<Account>::new(KeyRing::generate()?, Policy::default());
/// let mut service = ServiceBuilder::new().layer(layer).service(service_fn(balance));
/// let response = service.call(Request::new(String::new())).await?;
/// assert_eq!(response.body(), "sign in first");
/// # Ok(())
/// # }
/// # futures_executor::block_on(run()).unwrap();
/// ```
///
/// 1. A service that does not look at the session costs no decryption, and its
///    response gains no header.
/// 2. The response's head is complete when the inner service answers: from
///    then on, while the body streams, the session refuses changes.
/// 3. A response with a status of 500 or above, or the like of it in gRPC, drops
///    what the request wrote to the session, but not that it ended it.
/// 4. Tokens are marked sensitive, so that HTTP/2 does not index them and
///    `Debug` does not show them.
/// 5. A response that carries tokens is `Cache-Control: no-store`, unless the
///    application said otherwise; one that depends on the session varies with it.
/// 6. A renewal that cannot be sealed is logged as an error
///    ([`Event::NotRenewed`](crate::session::Event::NotRenewed)) and left for a later
///    request. A token that cannot be written turns the response into a 500.
pub struct SessionLayer<T> {
    sessions: Sessions<T>,
}

impl<T: Payload> SessionLayer<T> {
    /// Sessions in the default [`Cookie`](crate::Cookie). For other transports
    /// and settings: [`Sessions::builder`], then `SessionLayer::from`.
    #[must_use]
    pub fn new(ring: impl Into<RingHandle>, policy: Policy) -> SessionLayer<T> {
        SessionLayer { sessions: Sessions::new(ring, policy) }
    }
}

impl<T> From<Sessions<T>> for SessionLayer<T> {
    fn from(sessions: Sessions<T>) -> SessionLayer<T> {
        SessionLayer { sessions }
    }
}

impl<T> Clone for SessionLayer<T> {
    fn clone(&self) -> SessionLayer<T> {
        SessionLayer { sessions: self.sessions.clone() }
    }
}

impl<T> fmt::Debug for SessionLayer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer").field("sessions", &self.sessions).finish()
    }
}

impl<S, T> Layer<S> for SessionLayer<T> {
    type Service = SessionService<S, T>;

    fn layer(&self, inner: S) -> SessionService<S, T> {
        SessionService { inner, sessions: self.sessions.clone() }
    }
}

/// The service of a [`SessionLayer`].
pub struct SessionService<S, T> {
    inner: S,
    sessions: Sessions<T>,
}

impl<S: Clone, T> Clone for SessionService<S, T> {
    fn clone(&self) -> SessionService<S, T> {
        SessionService { inner: self.inner.clone(), sessions: self.sessions.clone() }
    }
}

impl<S, T> fmt::Debug for SessionService<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

impl<S, T, RequestBody, ResponseBody> Service<Request<RequestBody>> for SessionService<S, T>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    T: Payload + Send + Sync + 'static,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, T>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let session = self.sessions.load_headers(request.headers());
        request.extensions_mut().insert(session.clone());
        ResponseFuture { inner: self.inner.call(request), session }
    }
}

pin_project! {
    /// The future of a [`SessionService`].
    pub struct ResponseFuture<F, T> {
        #[pin]
        inner: F,
        session: Session<T>,
    }
}

impl<F, T> fmt::Debug for ResponseFuture<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, T, B, E> Future for ResponseFuture<F, T>
where
    F: Future<Output = Result<Response<B>, E>>,
    T: Payload,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if is_server_error(&response) {
            this.session.discard_changes();
        }
        finish(&mut response, this.session.commit());
        Poll::Ready(Ok(response))
    }
}

/// gRPC's UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE and
/// DATA_LOSS: the codes that `google.rpc.Code` maps to 500 and above.
const GRPC_SERVER_ERRORS: [&[u8]; 6] = [b"2", b"4", b"12", b"13", b"14", b"15"];

/// gRPC answers 200, and a unary call that failed has a status of its own in the head.
fn is_server_error<B>(response: &Response<B>) -> bool {
    let grpc = response.headers().get("grpc-status").map(HeaderValue::as_bytes);
    response.status().is_server_error()
        || grpc.is_some_and(|code| GRPC_SERVER_ERRORS.contains(&code))
}

fn finish<B>(response: &mut Response<B>, bundle: Bundle) {
    if let Err(error) = bundle.write_headers(response.headers_mut()) {
        // Unreachable as far as names and paths are checked when they are
        // configured; a token lost in silence would be the worse answer.
        tracing::error!(%error, "a session's tokens could not be written to the response");
        response.headers_mut().clear();
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
}
