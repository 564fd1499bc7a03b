//! The session layer for tower services over `http` 1: axum, hyper and tonic.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::bound_tower::{self, Own};
use super::{exchange, layers};
use crate::{Payload, Policy, RingHandle, Session, Sessions};

/// A tower layer that adds a [`Session`] to the extensions of every request. The layer writes
/// changes of the session to the response.
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
/// # Rules
///
/// The adapters for other frameworks follow the same rules.
///
/// 1. If the service does not use the session, the layer decrypts nothing and adds no header.
/// 2. The response headers are complete when the inner service returns the response. After that,
///    while the body streams, changes to the session return
///    [`SessionError::ResponseSent`](crate::SessionError::ResponseSent).
/// 3. If the response is a server error (a status of 500 or above, or the equivalent in gRPC),
///    changes to the session are discarded. A session that the request ended stays ended.
/// 4. Tokens are marked sensitive, so that HTTP/2 does not index them and `Debug` does not show
///    them.
/// 5. A response that carries tokens gets `Cache-Control: no-store`, unless the application set
///    that header. A response that depends on the session gets `Vary`.
/// 6. If a renewal cannot be sealed, the response is sent without it, and the error is logged as
///    [`Event::NotRenewed`](crate::session::Event::NotRenewed). If a token cannot be written to
///    the headers, the response becomes a 500.
/// 7. If two layers with the same type of state and the same cookie handle a request, for example
///    because a nested router has a layer too, they share one session. The outer layer writes this
///    session. The settings of the inner layer are not used. If the two layers were not built from
///    one [`Sessions`] value, a warning is logged once.
/// 8. If two layers that handle a request use the same cookie for different types of state, the
///    inner layer gives the request no session and logs an error that names both types. Extractors
///    that need its session answer with 500 without details.
/// 9. A request from a page on another origin has no session in cookies and cannot start one (see
///    [cross-origin requests](Sessions#cross-origin-requests)). The service still gets the request.
pub struct SessionLayer<T> {
    sessions: Sessions<T>,
}

impl<T: Payload> SessionLayer<T> {
    /// Creates a layer for sessions in the default [`Cookie`](crate::Cookie). For other
    /// transports and settings, use [`Sessions::builder`] and `SessionLayer::from`.
    #[must_use]
    pub fn new(ring: impl Into<RingHandle>, policy: Policy) -> SessionLayer<T> {
        SessionLayer::from(Sessions::new(ring, policy))
    }
}

impl<T> From<Sessions<T>> for SessionLayer<T> {
    fn from(sessions: Sessions<T>) -> SessionLayer<T> {
        layers::register(&sessions);
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

/// The service that a [`SessionLayer`] makes.
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
    ResponseBody: 'static,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, T>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        if let Some(own) = bound_tower::own::<T, _, ResponseBody>(&self.sessions, &request) {
            return ResponseFuture { inner: None, session: None, own: Some(own) };
        }
        let session = exchange::enter(&self.sessions, &mut request);
        ResponseFuture { inner: Some(self.inner.call(request)), session, own: None }
    }
}

pin_project! {
    /// The response future of a [`SessionService`].
    pub struct ResponseFuture<F, T> {
        // `None` if the layer answers the request.
        #[pin]
        inner: Option<F>,
        // `None` if an outer layer writes the session.
        session: Option<Session<T>>,
        own: Option<Own>,
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
    B: 'static,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(response) = this.own.take().and_then(bound_tower::made) {
            return Poll::Ready(Ok(response));
        }
        let Some(inner) = this.inner.as_pin_mut() else { return Poll::Pending };
        let mut response = ready!(inner.poll(cx))?;
        if let Some(session) = this.session {
            exchange::close(session, &mut response);
        }
        Poll::Ready(Ok(response))
    }
}
