//! Middleware and extractors for actix-web 4.

use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

#[cfg(feature = "bound")]
use actix_web::body::BoxBody;
use actix_web::dev::{self, Service, ServiceRequest, ServiceResponse, Transform};
#[cfg(feature = "bound")]
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue, TryIntoHeaderValue as _};
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError};
use pin_project_lite::pin_project;

use super::extract::{OPAQUE, signed_in};
use super::layers::{self, Layers, Unusable};
use crate::adapters::{MissingLayer, Rejection, SessionMiddleware};
use crate::session::{Channel, Denied, User};
use crate::transport::{Bundle, Rule};
use crate::{Current, Fresh, Payload, Proven, Required, Session, SessionError, Sessions, SignedIn};

/// Middleware for actix-web.
///
/// ```
/// use actix_web::{App, HttpResponse, web};
/// use bulla::{KeyRing, Payload, Policy, Required, Session, SessionError, SessionMiddleware};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session")]
/// struct Account { id: u64 }
///
/// async fn login(session: Session<Account>) -> Result<HttpResponse, SessionError> {
///     session.start(Account { id: 7 })?;
///     Ok(HttpResponse::Ok().finish())
/// }
///
/// async fn balance(account: Required<Account>) -> String {
///     format!("account {}", account.id)
/// }
///
/// let sessions = SessionMiddleware::<Account>::new(KeyRing::generate()?, Policy::default());
/// let app = App::new()
///     .wrap(sessions)     // clone it into HttpServer's factory
///     .route("/login", web::post().to(login))
///     .route("/balance", web::get().to(balance));
/// # Ok::<(), bulla::keys::RandomError>(())
/// ```
impl<S, T, B> Transform<S, ServiceRequest> for SessionMiddleware<T>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    T: Payload + Send + Sync + 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = ActixSessionService<S, T>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(ActixSessionService { inner, sessions: self.sessions.clone() }))
    }
}

/// The service that a [`SessionMiddleware`] makes.
pub struct ActixSessionService<S, T> {
    inner: S,
    sessions: Sessions<T>,
}

impl<S, T> fmt::Debug for ActixSessionService<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActixSessionService").finish_non_exhaustive()
    }
}

impl<S, T, B> Service<ServiceRequest> for ActixSessionService<S, T>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    T: Payload + Send + Sync + 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = ActixResponseFuture<S::Future, T>;

    dev::forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        #[cfg(feature = "bound")]
        if let Some(own) =
            self.sessions.device_bound_response(request.method().as_str(), request.path(), |name| {
                values(&request, name)
            })
        {
            return ActixResponseFuture { inner: None, session: None, own: Some(answer(own)) };
        }
        let session = enter(&self.sessions, &request);
        ActixResponseFuture { inner: Some(self.inner.call(request)), session, own: None }
    }
}

/// Gives the request a session. Returns the session if this middleware must write it. `None` if
/// outer middleware writes it, or uses its cookie for another type of state.
fn enter<T>(sessions: &Sessions<T>, request: &ServiceRequest) -> Option<Session<T>>
where
    T: Payload + Send + Sync + 'static,
{
    let values = |name: &str| values(request, name);
    let method = request.method().as_str();
    let mut extensions = request.extensions_mut();
    let outer = extensions.get::<Session<T>>();
    let session = sessions.load_unless_shared(outer, method, values)?;
    if layers::are_contested() && session.channel() == Channel::Cookie {
        let mut around = extensions.remove::<Layers>().unwrap_or_default();
        let added = around.add(sessions);
        extensions.insert(around);
        if let Err(why) = added {
            extensions.insert(Unusable::<T>::new(why));
            return None;
        }
    }
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    session.set_target(request.method().as_str(), target);
    extensions.insert(session.clone());
    Some(session)
}

/// The values of a header. For `host`, the `:authority` of HTTP/2 comes first. It is in the URI,
/// and takes precedence over a header `Host` (RFC 9113 section 8.3.1).
pub(super) fn values<'r>(
    request: &'r ServiceRequest,
    name: &str,
) -> impl Iterator<Item = &'r [u8]> + use<'r> {
    let authority = request.uri().authority().filter(|_| name == "host");
    let authority = authority.map(|authority| authority.as_str().as_bytes());
    authority.into_iter().chain(request.headers().get_all(name).map(HeaderValue::as_bytes))
}

/// The response of the middleware to a request that does not reach its service. Middleware for
/// services with any type of body can return such a response only as an error.
#[cfg(feature = "bound")]
fn answer(own: crate::session::DeviceBoundResponse) -> Error {
    let status = StatusCode::from_u16(own.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = HttpResponse::new(status).set_body(BoxBody::new(own.body));
    if write(response.headers_mut(), own.headers).is_none() {
        response = HttpResponse::InternalServerError().finish();
    }
    InternalError::from_response("an answer to a browser", response).into()
}

pin_project! {
    /// The response future of an [`ActixSessionService`].
    pub struct ActixResponseFuture<F, T> {
        // `None` if the middleware answers the request.
        #[pin]
        inner: Option<F>,
        // `None` if other middleware writes the session.
        session: Option<Session<T>>,
        own: Option<Error>,
    }
}

impl<F, T> fmt::Debug for ActixResponseFuture<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActixResponseFuture").finish_non_exhaustive()
    }
}

impl<F, T, B> Future for ActixResponseFuture<F, T>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    T: Payload,
{
    type Output = Result<ServiceResponse<B>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(own) = this.own.take() {
            return Poll::Ready(Err(own));
        }
        let Some(inner) = this.inner.as_pin_mut() else { return Poll::Pending };
        let mut response = ready!(inner.poll(cx))?;
        let Some(session) = this.session else { return Poll::Ready(Ok(response)) };
        complete(session, &mut response);
        if response.status().is_server_error() {
            session.discard_changes();
        }
        finish(&mut response, session.commit());
        Poll::Ready(Ok(response))
    }
}

/// Writes the lines of a session or a sealed cookie.
pub(super) fn finish<B>(response: &mut ServiceResponse<B>, bundle: Bundle) {
    if write(response.headers_mut(), bundle).is_none() {
        // This code should be unreachable, because cookie names and paths are checked when they are
        // configured. A 500 is better than a token that is lost silently.
        tracing::error!("the tokens could not be written to the response");
        response.headers_mut().clear();
        *response.response_mut().status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
}

fn write(headers: &mut HeaderMap, bundle: Bundle) -> Option<()> {
    for line in bundle {
        let name = HeaderName::from_bytes(line.name.as_bytes()).ok()?;
        let mut value = line.value.try_into_value().ok()?;
        value.set_sensitive(line.sensitive);
        match line.rule {
            Rule::Append => headers.append(name, value),
            Rule::IfAbsent if headers.contains_key(&name) => {}
            Rule::Replace | Rule::IfAbsent => {
                headers.insert(name, value);
            }
        }
    }
    Some(())
}

/// An extractor for actix-web. It also succeeds for a request without a session. If the
/// [`SessionMiddleware`] is missing, the response is a 500 that names the missing middleware.
impl<T: Payload + Send + Sync + 'static> FromRequest for Session<T> {
    type Error = MissingLayer;
    type Future = Extracting<Session<T>, MissingLayer>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        Box::pin(session(request))
    }
}

/// An extractor for actix-web.
impl<T: Payload + Send + Sync + 'static> FromRequest for Required<T> {
    type Error = Rejection;
    type Future = Extracting<Required<T>, Rejection>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let session = session::<T>(request);
        Box::pin(async { Ok(Required(session.await?.require()?)) })
    }
}

/// An extractor for actix-web.
impl<T: Payload + Send + Sync + 'static, const SECONDS: u64> FromRequest for Fresh<T, SECONDS> {
    type Error = Rejection;
    type Future = Extracting<Fresh<T, SECONDS>, Rejection>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let session = session::<T>(request);
        let age = Duration::from_secs(SECONDS);
        Box::pin(async move { Ok(Fresh(session.await?.require_fresh(age)?)) })
    }
}

/// An extractor for actix-web.
impl<T: Payload + Send + Sync + 'static, const SECONDS: u64> FromRequest for Current<T, SECONDS> {
    type Error = Rejection;
    type Future = Extracting<Current<T, SECONDS>, Rejection>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let session = session::<T>(request);
        let age = Duration::from_secs(SECONDS);
        Box::pin(async move { Ok(Current(session.await?.require_current(age)?)) })
    }
}

/// An extractor for actix-web.
impl<T: Payload + Send + Sync + 'static> FromRequest for Proven<T> {
    type Error = Rejection;
    type Future = Extracting<Proven<T>, Rejection>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let session = session::<T>(request);
        Box::pin(async { Ok(Proven(session.await?.require_proven()?)) })
    }
}

/// An extractor for actix-web.
impl<U: User> FromRequest for SignedIn<U>
where
    U::State: Send + Sync + 'static,
{
    type Error = Rejection;
    type Future = Extracting<SignedIn<U>, Rejection>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let session = session::<U::State>(request);
        Box::pin(async { signed_in(&session.await?).await })
    }
}

type Extracting<E, R> = Pin<Box<dyn Future<Output = Result<E, R>>>>;

fn session<T: Payload + Send + Sync + 'static>(
    request: &HttpRequest,
) -> impl Future<Output = Result<Session<T>, MissingLayer>> + use<T> {
    let extensions = request.extensions();
    let session = extensions.get::<Session<T>>().cloned().ok_or_else(|| {
        let unusable = extensions.get::<Unusable<T>>();
        unusable.map_or_else(MissingLayer::of::<T>, |mark| mark.why.clone())
    });
    async {
        let session = session?;
        session.revalidate().await;
        Ok(session)
    }
}

impl ResponseError for MissingLayer {
    fn error_response(&self) -> HttpResponse {
        HttpResponse::InternalServerError().body(self.body())
    }
}

impl ResponseError for Rejection {
    fn error_response(&self) -> HttpResponse {
        match self {
            Rejection::MissingLayer(missing) => missing.error_response(),
            Rejection::Denied(denied) => denied.error_response(),
            Rejection::Session(error) => error.error_response(),
        }
    }
}

impl ResponseError for Denied {
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::Unauthorized().body(self.to_string());
        write_denied(self, &mut response);
        response
    }
}

/// Writes the status and the headers of a refusal.
fn write_denied<B>(denied: &Denied, response: &mut HttpResponse<B>) {
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

/// An entry in the extensions of a response: the handler returned [`SessionError::NoSession`].
struct NoSession;

/// Turns the 401 of a handler that returned [`SessionError::NoSession`] into the refusal of a
/// guard. Only the middleware knows the session, and so the sign-in page and whether a browser or a
/// script sent the request.
fn complete<T: Payload, B>(session: &Session<T>, response: &mut ServiceResponse<B>) {
    let response = response.response_mut();
    let marked = response.extensions().contains::<NoSession>();
    if !marked || response.status() != StatusCode::UNAUTHORIZED {
        return;
    }
    if let Some(denied) = session.denied() {
        response.headers_mut().remove(header::WWW_AUTHENTICATE);
        response.extensions_mut().remove::<NoSession>();
        write_denied(&denied, response);
    }
}

/// The response of a handler that returns a [`SessionError`], for example with `?`. The response to
/// `NoSession` is that of a refusal by [`Required`], to `CrossOrigin` a 403, and to `NotNow` a 503.
/// Every other error is logged, and the response is a 500 without details.
impl ResponseError for SessionError {
    fn error_response(&self) -> HttpResponse {
        if let Some(denied) = self.denied() {
            let mut response = denied.error_response();
            if *self == SessionError::NoSession {
                response.extensions_mut().insert(NoSession);
            }
            return response;
        }
        tracing::error!(error = %self, "a session could not be changed");
        let no_store = ("cache-control", "no-store");
        HttpResponse::InternalServerError().insert_header(no_store).body(OPAQUE)
    }
}
