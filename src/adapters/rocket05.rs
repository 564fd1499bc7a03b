//! Fairing and request guards for Rocket 0.5.

use std::cell::OnceCell;
use std::fmt;
use std::io::Cursor;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

#[cfg(feature = "bound")]
use rocket::fairing;
use rocket::fairing::{Fairing, Info, Kind};
#[cfg(feature = "bound")]
use rocket::http::Method;
use rocket::http::{Header, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::Responder;
#[cfg(feature = "bound")]
use rocket::route::{self, Handler, Route};
#[cfg(feature = "bound")]
use rocket::{Build, Rocket};
use rocket::{Data, Request, Response};

use super::extract::signed_in;
use super::layers::{self, Layers};
use crate::adapters::{MissingLayer, Rejection};
use crate::session::{Channel, Denied, User};
use crate::transport::{Bundle, Rule};
use crate::{
    Current, Fresh, Payload, Policy, Proven, Required, RingHandle, Session, SessionError, Sessions,
    SignedIn,
};

/// A fairing for Rocket 0.5 that gives every request a [`Session`] and writes the changes of the
/// session to the response. It follows the rules of [`SessionLayer`](crate::SessionLayer), except
/// that Rocket cannot mark header values sensitive. The fairing that is attached first counts as
/// the outer layer.
///
/// If there is no session, or if a proof of the client's key is due, [`Required`] and the other
/// guards forward the request with 401, so that the next route can be the page for guests. If no
/// route answers, the client gets the response of the 401 catcher, or a 303 to the sign-in page if
/// one is configured and the request is a navigation ([`Denied`](crate::session::Denied)). The same
/// happens if an `Option` of a guard is `None` and the route answers with 401 itself. A refusal
/// with 403 or 503 is not forwarded, because the client may be signed in.
///
/// ```
/// use bulla::{KeyRing, Payload, Policy, Required, Session, SessionError, SessionFairing};
/// use rocket::{get, post, routes};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session")]
/// struct Account { id: u64 }
///
/// #[post("/login")]
/// fn login(session: Session<Account>) -> Result<&'static str, SessionError> {
///     session.start(Account { id: 7 })?;
///     Ok("welcome")
/// }
///
/// #[get("/balance")]
/// fn balance(account: Required<Account>) -> String {
///     format!("account {}", account.id)
/// }
///
/// #[get("/balance", rank = 2)]
/// fn guest() -> &'static str {
///     "sign in to see your balance"
/// }
///
/// let sessions = SessionFairing::<Account>::new(KeyRing::generate()?, Policy::default());
/// let rocket = rocket::build().attach(sessions).mount("/", routes![login, balance, guest]);
/// # Ok::<(), bulla::keys::RandomError>(())
/// ```
pub struct SessionFairing<T> {
    sessions: Sessions<T>,
}

impl<T: Payload> SessionFairing<T> {
    /// Creates a fairing for sessions in the default [`Cookie`](crate::Cookie). For other
    /// transports and settings, use [`Sessions::builder`] and `SessionFairing::from`.
    #[must_use]
    pub fn new(ring: impl Into<RingHandle>, policy: Policy) -> SessionFairing<T> {
        SessionFairing::from(Sessions::new(ring, policy))
    }
}

impl<T> From<Sessions<T>> for SessionFairing<T> {
    fn from(sessions: Sessions<T>) -> SessionFairing<T> {
        layers::register(&sessions);
        SessionFairing { sessions }
    }
}

impl<T> fmt::Debug for SessionFairing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFairing").field("sessions", &self.sessions).finish()
    }
}

/// The headers of a request, as a client has sent them.
pub(super) struct Headers<'a, 'r> {
    request: &'a Request<'r>,
    jar: String,
    host: OnceCell<Option<String>>,
}

impl<'a, 'r> Headers<'a, 'r> {
    pub(super) fn of(request: &'a Request<'r>) -> Headers<'a, 'r> {
        // Rocket's local test client keeps cookies in the jar and sends no header.
        let jar = match request.headers().contains("cookie") {
            true => String::new(),
            false => {
                let pairs = request.cookies().iter().map(|c| format!("{}={}", c.name(), c.value()));
                pairs.collect::<Vec<_>>().join("; ")
            }
        };
        Headers { request, jar, host: OnceCell::new() }
    }

    pub(super) fn values(&self, name: &str) -> Vec<&[u8]> {
        let lines = self.request.headers().get(name).map(str::as_bytes);
        match name {
            "cookie" if !self.jar.is_empty() => lines.chain([self.jar.as_bytes()]).collect(),
            // Over HTTP/2, Rocket takes the host from `:authority`.
            "host" => {
                let host = self.host.get_or_init(|| self.request.host().map(ToString::to_string));
                host.iter().map(String::as_bytes).chain(lines).collect()
            }
            _ => lines.collect(),
        }
    }
}

/// The session in the cache of a request.
enum Slot<T> {
    /// No fairing is attached.
    Empty,
    Session(Session<T>),
    Unusable(MissingLayer),
}

/// The cookies of the fairings that have seen a request. The cache of a request gives only shared
/// references to its values, so the list is behind a lock.
#[derive(Default)]
struct Around(Mutex<Layers>);

impl Around {
    fn add<T>(&self, sessions: &Sessions<T>) -> Result<(), MissingLayer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(sessions)
    }
}

/// Why a request is refused.
#[derive(Default)]
struct Answer {
    /// The refusal of the first guard. It is used if no other route answers the request.
    guard: OnceLock<Denied>,
    /// Filled if a handler returned [`SessionError::NoSession`].
    no_session: OnceLock<()>,
}

fn session<'r, T: Payload + Send + Sync + 'static>(
    request: &'r Request<'_>,
) -> Result<&'r Session<T>, MissingLayer> {
    match request.local_cache(|| Slot::<T>::Empty) {
        Slot::Session(session) => Ok(session),
        Slot::Empty => Err(MissingLayer::of::<T>()),
        Slot::Unusable(why) => Err(why.clone()),
    }
}

impl<T: Payload> SessionFairing<T> {
    fn enter(&self, request: &Request<'_>, session: Session<T>) -> Slot<T> {
        if layers::are_contested()
            && session.channel() == Channel::Cookie
            && let Err(why) = request.local_cache(Around::default).add(&self.sessions)
        {
            return Slot::Unusable(why);
        }
        Slot::Session(session)
    }
}

#[rocket::async_trait]
impl<T: Payload + Send + Sync + 'static> Fairing for SessionFairing<T> {
    fn info(&self) -> Info {
        Info { name: "bulla sessions", kind: Kind::Ignite | Kind::Request | Kind::Response }
    }

    #[cfg(feature = "bound")]
    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        let paths = self.sessions.device_bound_paths().into_iter().flatten();
        let answers = Answers { sessions: self.sessions.clone() };
        let routes: Vec<_> =
            paths.map(|path| Route::new(Method::Post, path, answers.clone())).collect();
        Ok(rocket.mount("/", routes))
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        let headers = Headers::of(request);
        let values = |name: &str| headers.values(name);
        let method = request.method().as_str();
        let session = self.sessions.load(method, values);
        session.set_target(method, request.uri());
        let mine = self.enter(request, session);
        let mut is_mine = false;
        let slot = request.local_cache(|| {
            is_mine = true;
            mine
        });
        // If another fairing for this type has already filled the slot, both share its session.
        if let (false, Slot::Session(outer)) = (is_mine, slot)
            && self.sessions.load_unless_shared(Some(outer), method, values).is_some()
        {
            tracing::error!(
                "two fairings for sessions of {} with different cookies: only the first is used",
                std::any::type_name::<T>()
            );
        }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let Slot::Session(session) = request.local_cache(|| Slot::<T>::Empty) else { return };
        let Answer { guard, no_session } = request.local_cache(Answer::default);
        if no_session.get().is_some()
            && response.status() == Status::Unauthorized
            && let Some(denied) = session.denied()
        {
            response.remove_header("www-authenticate");
            answer(&denied, response);
        }
        let failed = response.status().code >= 500;
        // A route that failed for another reason keeps its response.
        if let Some(denied) = guard.get().filter(|denied| code(denied) == response.status().code) {
            answer(denied, response);
        }
        if failed {
            session.discard_changes();
        }
        write(response, session.commit());
    }
}

/// Answers the requests that a browser sends by itself for a session that is bound to its device.
#[cfg(feature = "bound")]
struct Answers<T> {
    sessions: Sessions<T>,
}

#[cfg(feature = "bound")]
impl<T> Clone for Answers<T> {
    fn clone(&self) -> Answers<T> {
        Answers { sessions: self.sessions.clone() }
    }
}

#[cfg(feature = "bound")]
#[rocket::async_trait]
impl<T: Payload + Send + Sync + 'static> Handler for Answers<T> {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> route::Outcome<'r> {
        let headers = Headers::of(request);
        let (method, path) = (request.method().as_str(), request.uri().path().as_str());
        let Some(own) =
            self.sessions.device_bound_response(method, path, |name| headers.values(name))
        else {
            return route::Outcome::forward(data, Status::NotFound);
        };
        let mut response = Response::new();
        response.set_status(Status::new(own.status));
        write(&mut response, own.headers);
        response.set_sized_body(own.body.len(), Cursor::new(own.body));
        route::Outcome::Success(response)
    }
}

/// Writes the lines of a session or a sealed cookie.
pub(super) fn write(response: &mut Response<'_>, bundle: Bundle) {
    for line in bundle {
        match line.rule {
            Rule::Append => response.adjoin_raw_header(line.name, line.value),
            Rule::IfAbsent if response.headers().contains(&line.name) => {}
            Rule::Replace | Rule::IfAbsent => {
                response.set_raw_header(line.name, line.value);
            }
        }
    }
}

/// Writes the refusal of a guard to the response of the catcher: the status and the headers. The
/// body of the catcher stays if the status is 401.
fn answer(denied: &Denied, response: &mut Response<'_>) {
    if denied.status() != Status::Unauthorized.code {
        response.set_status(Status::new(denied.status()));
        let body = denied.to_string();
        response.set_sized_body(body.len(), Cursor::new(body));
    }
    response.set_raw_header("cache-control", "no-store");
    if let Some((name, value)) = denied.header() {
        response.set_header(Header::new(name, value.to_owned()));
    }
}

/// A request guard for Rocket. It also succeeds for a request without a session. If the
/// [`SessionFairing`] is missing, the response is a 500, and the log names the missing fairing.
#[rocket::async_trait]
impl<'r, T: Payload + Send + Sync + 'static> FromRequest<'r> for Session<T> {
    type Error = MissingLayer;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Session<T>, MissingLayer> {
        match looked_at::<T>(request).await {
            Ok(session) => Outcome::Success(session.clone()),
            Err(missing) => Outcome::Error((Status::InternalServerError, missing)),
        }
    }
}

/// A request guard for Rocket. It forwards the request if there is no session.
#[rocket::async_trait]
impl<'r, T: Payload + Send + Sync + 'static> FromRequest<'r> for Required<T> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Required<T>, Rejection> {
        let state = looked_at::<T>(request).await.map(Session::require);
        outcome(request, state).map(Required)
    }
}

/// A request guard for Rocket. It forwards the request if there is no fresh session.
#[rocket::async_trait]
impl<'r, T, const SECONDS: u64> FromRequest<'r> for Fresh<T, SECONDS>
where
    T: Payload + Send + Sync + 'static,
{
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Fresh<T, SECONDS>, Rejection> {
        let age = Duration::from_secs(SECONDS);
        let state = looked_at::<T>(request).await.map(|session| session.require_fresh(age));
        outcome(request, state).map(Fresh)
    }
}

/// A request guard for Rocket. It forwards the request if there is no session.
#[rocket::async_trait]
impl<'r, T, const SECONDS: u64> FromRequest<'r> for Current<T, SECONDS>
where
    T: Payload + Send + Sync + 'static,
{
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Current<T, SECONDS>, Rejection> {
        let age = Duration::from_secs(SECONDS);
        let state = looked_at::<T>(request).await.map(|session| session.require_current(age));
        outcome(request, state).map(Current)
    }
}

/// A request guard for Rocket. It forwards the request if there is no session, or no proof.
#[rocket::async_trait]
impl<'r, T: Payload + Send + Sync + 'static> FromRequest<'r> for Proven<T> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Proven<T>, Rejection> {
        let state = looked_at::<T>(request).await.map(|session| session.require_proven());
        outcome(request, state).map(Proven)
    }
}

/// A request guard for Rocket. It forwards the request if there is no session with a user.
#[rocket::async_trait]
impl<'r, U: User> FromRequest<'r> for SignedIn<U>
where
    U::State: Send + Sync + 'static,
{
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<SignedIn<U>, Rejection> {
        let session = match looked_at::<U::State>(request).await {
            Ok(session) => session,
            Err(missing) => return Outcome::Error((Status::InternalServerError, missing.into())),
        };
        match signed_in(session).await {
            Ok(user) => Outcome::Success(user),
            Err(Rejection::Denied(denied)) => deny(request, denied),
            Err(rejection) => {
                tracing::error!("{rejection}");
                Outcome::Error((Status::InternalServerError, rejection))
            }
        }
    }
}

/// The session, after the application's check ([`Session::revalidate`]) has run if it is due.
async fn looked_at<'r, T: Payload + Send + Sync + 'static>(
    request: &'r Request<'_>,
) -> Result<&'r Session<T>, MissingLayer> {
    let session = session::<T>(request)?;
    session.revalidate().await;
    Ok(session)
}

fn outcome<T>(
    request: &Request<'_>,
    state: Result<Result<Arc<T>, Denied>, MissingLayer>,
) -> Outcome<Arc<T>, Rejection> {
    match state {
        Ok(Ok(state)) => Outcome::Success(state),
        Ok(Err(denied)) => deny(request, denied),
        Err(missing) => Outcome::Error((Status::InternalServerError, missing.into())),
    }
}

pub(super) fn deny<T>(request: &Request<'_>, denied: Denied) -> Outcome<T, Rejection> {
    // The first refusal counts, because Rocket tries later routes only after it.
    let denied = request.local_cache(Answer::default).guard.get_or_init(|| denied);
    match code(denied) {
        401 => Outcome::Forward(Status::Unauthorized),
        // The client may be signed in, so it must not get the page for guests.
        code => Outcome::Error((Status::new(code), denied.clone().into())),
    }
}

/// The status of a refusal before it is written to the response. A redirect is a 401 until no other
/// route has answered.
fn code(denied: &Denied) -> u16 {
    match denied.status() {
        303 => 401,
        status => status,
    }
}

/// The response of a handler that returns a [`Denied`], for example from [`Session::require`].
impl<'r> Responder<'r, 'static> for Denied {
    fn respond_to(self, _: &'r Request<'_>) -> rocket::response::Result<'static> {
        let mut response = Response::new();
        response.set_status(Status::Unauthorized);
        answer(&self, &mut response);
        Ok(response)
    }
}

/// The response of a handler that returns a [`SessionError`], for example with `?`. The response to
/// `NoSession` is that of a refusal by [`Required`], to `CrossOrigin` a 403, and to `NotNow` a 503.
/// Every other error is logged, and the application's 500 catcher answers.
impl<'r> Responder<'r, 'static> for SessionError {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        if let Some(denied) = self.denied() {
            if self == SessionError::NoSession {
                let _ = request.local_cache(Answer::default).no_session.set(());
            }
            return denied.respond_to(request);
        }
        tracing::error!(error = %self, "a session could not be changed");
        Err(Status::InternalServerError)
    }
}
