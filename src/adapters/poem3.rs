//! Middleware and extractors for poem 3.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Uri};
use poem::error::ResponseError;
use poem::{
    Endpoint, Error, FromRequest, IntoResponse, Middleware, Request, RequestBody, Response, Result,
};

use super::extract::{OPAQUE, signed_in};
#[cfg(feature = "bound")]
use super::http::values;
use super::{exchange, refusal};
use crate::adapters::{MissingLayer, Rejection, SessionMiddleware};
use crate::session::{Denied, User};
use crate::transport::Bundle;
use crate::{Current, Fresh, Payload, Proven, Required, Session, SessionError, Sessions, SignedIn};

/// Middleware for poem.
///
/// ```
/// use bulla::{KeyRing, Payload, Policy, Required, Session, SessionError, SessionMiddleware};
/// use poem::{EndpointExt, Route, get, handler, post};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session")]
/// struct Account { id: u64 }
///
/// #[handler]
/// fn login(session: Session<Account>) -> Result<(), SessionError> {
///     session.start(Account { id: 7 })
/// }
///
/// #[handler]
/// fn balance(account: Required<Account>) -> String {
///     format!("account {}", account.id)
/// }
///
/// let sessions = SessionMiddleware::<Account>::new(KeyRing::generate()?, Policy::default());
/// let app = Route::new()
///     .at("/login", post(login))
///     .at("/balance", get(balance))
///     .with(sessions);
/// # Ok::<(), bulla::keys::RandomError>(())
/// ```
impl<E, T> Middleware<E> for SessionMiddleware<T>
where
    E: Endpoint,
    T: Payload + Send + Sync + 'static,
{
    type Output = PoemSessionEndpoint<E, T>;

    fn transform(&self, inner: E) -> PoemSessionEndpoint<E, T> {
        PoemSessionEndpoint { inner, sessions: self.sessions.clone() }
    }
}

/// The response of the middleware in place of its endpoint.
#[cfg(feature = "bound")]
fn answer(own: crate::session::DeviceBoundResponse) -> Response {
    let status = StatusCode::from_u16(own.status).unwrap_or(StatusCode::BAD_REQUEST);
    // A `String` as a response would be `text/plain`.
    let mut response = Response::builder().status(status).body(own.body);
    lend_response(&mut response, |head| exchange::finish(head, own.headers));
    response
}

/// The endpoint that a [`SessionMiddleware`] makes.
pub struct PoemSessionEndpoint<E, T> {
    inner: E,
    sessions: Sessions<T>,
}

impl<E, T> fmt::Debug for PoemSessionEndpoint<E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoemSessionEndpoint").finish_non_exhaustive()
    }
}

impl<E, T> Endpoint for PoemSessionEndpoint<E, T>
where
    E: Endpoint,
    T: Payload + Send + Sync + 'static,
{
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        #[cfg(feature = "bound")]
        let session = match lend(&mut request, |head| {
            let (method, path) = (head.method().as_str(), head.uri().path());
            match self.sessions.device_bound_response(method, path, |name| values(head, name)) {
                Some(own) => Err(own),
                None => Ok(exchange::enter(&self.sessions, head)),
            }
        }) {
            Ok(session) => session,
            Err(own) => return Ok(answer(own)),
        };
        #[cfg(not(feature = "bound"))]
        let session = lend(&mut request, |head| exchange::enter(&self.sessions, head));
        let outcome = self.inner.call(request).await;
        let Some(session) = session else { return outcome.map(IntoResponse::into_response) };
        let mut response = match outcome {
            Ok(response) => response.into_response(),
            Err(error) if is_no_session(&error) => respond(error),
            Err(error) => {
                if error.status().is_server_error() {
                    session.discard_changes();
                }
                return fail(error, session.commit());
            }
        };
        lend_response(&mut response, |head| exchange::close(&session, head));
        Ok(response)
    }
}

/// Calls `with` with the head of a request as an `http::Request`. poem has other types for requests
/// and responses, but their parts have the types of the crate `http`.
pub(super) fn lend<R>(request: &mut Request, with: impl FnOnce(&mut http::Request<()>) -> R) -> R {
    let mut head = http::Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = uri(request).clone();
    mem::swap(head.headers_mut(), request.headers_mut());
    mem::swap(head.extensions_mut(), request.extensions_mut());
    let result = with(&mut head);
    mem::swap(head.headers_mut(), request.headers_mut());
    mem::swap(head.extensions_mut(), request.extensions_mut());
    result
}

/// The URI of a request before `nest` removed a prefix from it.
fn uri(request: &Request) -> &Uri {
    let original = request.original_uri();
    // Only a server sets the original URI. In the request of a test, it has the default value.
    if *original == Uri::default() { request.uri() } else { original }
}

/// Calls `with` with the head of a response as an `http::Response`.
pub(super) fn lend_response<R>(
    response: &mut Response,
    with: impl FnOnce(&mut http::Response<()>) -> R,
) -> R {
    let mut head = http::Response::new(());
    *head.status_mut() = response.status();
    mem::swap(head.headers_mut(), response.headers_mut());
    mem::swap(head.extensions_mut(), response.extensions_mut());
    let result = with(&mut head);
    response.set_status(head.status());
    mem::swap(head.headers_mut(), response.headers_mut());
    mem::swap(head.extensions_mut(), response.extensions_mut());
    result
}

fn is_no_session(error: &Error) -> bool {
    error.downcast_ref::<SessionError>() == Some(&SessionError::NoSession)
}

/// The response of an error.
fn respond(error: Error) -> Response {
    let is_no_session = is_no_session(&error);
    let mut response = error.into_response();
    if is_no_session {
        response.extensions_mut().insert(refusal::NoSession);
    }
    response
}

/// Adds the lines of a session or a sealed cookie to an error, which then becomes a response. If
/// there are no lines, it stays an error, so that a `catch_error` outside of the middleware can
/// answer, for example to a path without a route.
pub(super) fn fail(error: Error, bundle: Bundle) -> Result<Response> {
    if bundle.is_empty() {
        return Err(error);
    }
    let mut response = respond(error);
    lend_response(&mut response, |head| exchange::finish(head, bundle));
    Ok(response)
}

/// An extractor for poem. It also succeeds for a request without a session. If the
/// [`SessionMiddleware`] is missing, the response is a 500 that names the missing middleware.
impl<'a, T: Payload + Send + Sync + 'static> FromRequest<'a> for Session<T> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Session<T>> {
        Ok(refusal::session(request.extensions()).await?)
    }
}

/// What a guard extracts. As in other frameworks, every error is a [`Rejection`], so one
/// `catch_error` gets all of them.
async fn checked<T: Payload + Send + Sync + 'static>(
    request: &Request,
    check: impl FnOnce(&Session<T>) -> Result<Arc<T>, Denied>,
) -> Result<Arc<T>, Rejection> {
    Ok(check(&refusal::session(request.extensions()).await?)?)
}

/// An extractor for poem.
impl<'a, T: Payload + Send + Sync + 'static> FromRequest<'a> for Required<T> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Required<T>> {
        Ok(Required(checked(request, Session::require).await?))
    }
}

/// An extractor for poem.
impl<'a, T, const SECONDS: u64> FromRequest<'a> for Fresh<T, SECONDS>
where
    T: Payload + Send + Sync + 'static,
{
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let within = Duration::from_secs(SECONDS);
        Ok(Fresh(checked(request, |session| session.require_fresh(within)).await?))
    }
}

/// An extractor for poem.
impl<'a, T, const SECONDS: u64> FromRequest<'a> for Current<T, SECONDS>
where
    T: Payload + Send + Sync + 'static,
{
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let within = Duration::from_secs(SECONDS);
        Ok(Current(checked(request, |session| session.require_current(within)).await?))
    }
}

/// An extractor for poem.
impl<'a, T: Payload + Send + Sync + 'static> FromRequest<'a> for Proven<T> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Proven<T>> {
        Ok(Proven(checked(request, Session::require_proven).await?))
    }
}

/// An extractor for poem.
impl<'a, U> FromRequest<'a> for SignedIn<U>
where
    U: User,
    U::State: Send + Sync + 'static,
{
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<SignedIn<U>> {
        let session = refusal::session::<U::State>(request.extensions());
        Ok(signed_in(&session.await.map_err(Rejection::from)?).await?)
    }
}

impl ResponseError for MissingLayer {
    fn status(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    fn as_response(&self) -> Response {
        self.body().with_status(self.status()).into_response()
    }
}

impl ResponseError for Rejection {
    fn status(&self) -> StatusCode {
        match self {
            Rejection::MissingLayer(missing) => missing.status(),
            Rejection::Denied(denied) => ResponseError::status(denied),
            Rejection::Session(error) => error.status(),
        }
    }

    fn as_response(&self) -> Response {
        match self {
            Rejection::MissingLayer(missing) => missing.as_response(),
            Rejection::Denied(denied) => denied.as_response(),
            Rejection::Session(error) => error.as_response(),
        }
    }
}

/// The response of a handler that returns a [`Denied`], for example from [`Session::require`].
impl ResponseError for Denied {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(Denied::status(self)).unwrap_or(StatusCode::UNAUTHORIZED)
    }

    fn as_response(&self) -> Response {
        let mut response = self.to_string().into_response();
        lend_response(&mut response, |head| refusal::write(self, head));
        response
    }
}

/// The response of a handler that returns a [`SessionError`], for example with `?`. The response to
/// `NoSession` is that of a refusal by [`Required`], to `CrossOrigin` a 403, and to `NotNow` a 503.
/// Every other error is logged, and the response is a 500 without details.
impl ResponseError for SessionError {
    fn status(&self) -> StatusCode {
        let denied = self.denied();
        denied.map_or(StatusCode::INTERNAL_SERVER_ERROR, |denied| ResponseError::status(&denied))
    }

    fn as_response(&self) -> Response {
        if let Some(denied) = self.denied() {
            return denied.as_response();
        }
        tracing::error!(error = %self, "a session could not be changed");
        opaque()
    }
}

/// A 500 without details.
pub(super) fn opaque() -> Response {
    let response = OPAQUE.with_status(StatusCode::INTERNAL_SERVER_ERROR);
    response.with_header("cache-control", "no-store").into_response()
}
