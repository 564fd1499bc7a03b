//! Tests of the adapter for axum 0.8, which uses the tower layer.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{self, Path};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response as AnyResponse};
use axum::routing::{any, get, post};
use bulla::session::{Channel, Denied, Start};
use bulla::transport::SetError;
use bulla::{
    Current, Fresh, GuardLayer, KeyRing, Policy, Proven, Required, Revocations, Sealed,
    SealedLayer, Session, SessionError, SessionLayer, Sessions, SignedIn, UnixTime,
};
use bulla_conformance::{
    Account, App, Customer, Note, Request, Response, Visitor, conformance, inner_sessions, notes,
    visitors,
};
use futures_executor::block_on;
use http_body::Frame;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

conformance!(build);
#[cfg(feature = "bound")]
bulla_conformance::bound_conformance!(build, crate::support::bind);
#[cfg(feature = "bound")]
bulla_conformance::dpop_conformance!(build, crate::support::bind_in_headers);

fn build(sessions: Sessions<Account>) -> Box<dyn App> {
    let twice = Router::new()
        .route("/twice/{name}", post(append))
        .layer(SessionLayer::from(inner_sessions()))
        .layer(from_fn(guard));
    let twice_note = Router::new()
        .route("/twice-note/{text}", post(set_note))
        .layer(SealedLayer::from(notes()))
        .layer(from_fn(take_before));
    let guarded = Router::new()
        .route("/customer", get(customer).post(customer))
        .route_layer(GuardLayer::<SignedIn<Customer>>::new());
    let guarded = Router::new()
        .route("/fresh", get(|| async { "fresh" }))
        .route_layer(GuardLayer::<Fresh<Account, 300>>::new())
        .merge(guarded);
    let guarded = Router::new()
        .route("/proven", get(|| async { "proven" }))
        .route_layer(GuardLayer::<Proven<Account>>::new())
        .merge(guarded);
    let guarded = Router::new()
        .route("/trade", get(|| async { "trade" }))
        .route_layer(GuardLayer::<SignedIn<Customer>>::only_if(|customer| customer.may_trade))
        .merge(guarded);
    let clash =
        Router::new().route("/clash", get(look_at_visitor)).layer(SessionLayer::from(visitors()));
    let app = Router::new()
        .route("/untouched", get(|| async { "hello" }))
        .route("/look", get(look))
        .route("/start/{name}", post(start))
        .route("/remember/{name}", post(remember))
        .route("/sign-in/{name}", post(sign_in))
        .route("/start-bearer", post(start_bearer))
        .route("/rename/{name}", post(rename))
        .route("/update-or-fail", post(update_or_fail))
        .route("/end", post(end))
        .route("/start-and-fail", post(start_and_fail))
        .route("/end-and-fail", post(end_and_fail))
        .route("/large/{len}", post(large))
        .route("/required", any(required))
        .route("/fresh", get(fresh))
        .route("/current", get(current))
        .route("/proven", get(proven))
        .route("/customer", get(customer))
        .route("/optional-customer", get(optional_customer))
        .route("/trade", get(trade))
        .nest("/guarded", guarded)
        .route("/optional", get(optional))
        .route("/optional-fresh", get(optional_fresh))
        .route("/optional-current", get(optional_current))
        .route("/optional-proven", get(optional_proven))
        .route("/prove", post(prove))
        .route("/end-others", post(end_others))
        .route("/cached", get(cached))
        .route("/late", get(late))
        .route("/events", get(events))
        .route("/socket", get(socket))
        .route("/note", get(note))
        .route("/note/{text}", post(set_note))
        .route("/large-note/{len}", post(set_large_note))
        .route("/take-note", post(take_note))
        .route("/remove-note", post(remove_note))
        .route("/note-and-fail", post(note_and_fail))
        .route("/take-note-and-fail", post(take_note_and_fail))
        .merge(twice_note)
        .merge(twice)
        .merge(clash)
        .layer(SessionLayer::from(sessions))
        .layer(SealedLayer::from(notes()))
        .route("/missing", get(look))
        .route("/missing/note", get(note))
        .route("/missing/optional", get(optional));
    Box::new(Axum(app))
}

async fn look(session: Session<Account>) -> String {
    session.with(|account| account.map_or("guest".to_owned(), |account| account.name.clone()))
}

async fn start(session: Session<Account>, Path(name): Path<String>) -> Result<(), SessionError> {
    session.start(Account::new(name))
}

async fn remember(session: Session<Account>, Path(name): Path<String>) -> Result<(), SessionError> {
    session.start_with(Account::new(name), Start::new().remembered())
}

async fn sign_in(session: Session<Account>, Path(name): Path<String>) -> Result<(), SessionError> {
    let guest = session.get().ok_or(SessionError::NoSession)?;
    session.start(Account::new(format!("{}+{name}", guest.name)))
}

async fn customer(customer: SignedIn<Customer>) -> String {
    customer.full_name.clone()
}

async fn optional_customer(customer: Option<SignedIn<Customer>>) -> String {
    customer.map_or("guest".to_owned(), |customer| customer.full_name.clone())
}

async fn trade(customer: SignedIn<Customer>) -> Result<String, Denied> {
    if !customer.may_trade {
        return Err(Denied::forbidden());
    }
    Ok(customer.full_name.clone())
}

async fn start_bearer(session: Session<Account>) -> Result<(), SessionError> {
    session.start_with(Account::new("ada"), Start::new().over(Channel::Bearer))
}

async fn rename(session: Session<Account>, Path(name): Path<String>) -> StatusCode {
    match session.update(|account| account.name = name) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::CONFLICT,
    }
}

async fn update_or_fail(session: Session<Account>) -> Result<(), SessionError> {
    session.update(|account| account.name.push('!'))
}

async fn end(session: Session<Account>) -> Result<(), SessionError> {
    session.end()
}

async fn start_and_fail(session: Session<Account>) -> Result<StatusCode, SessionError> {
    session.start(Account::new("ada"))?;
    Ok(StatusCode::INTERNAL_SERVER_ERROR)
}

async fn end_and_fail(session: Session<Account>) -> Result<StatusCode, SessionError> {
    session.end()?;
    Ok(StatusCode::INTERNAL_SERVER_ERROR)
}

async fn large(session: Session<Account>, Path(len): Path<usize>) -> Result<(), SessionError> {
    session.start(Account::new("x".repeat(len)))
}

async fn required(account: Required<Account>) -> String {
    account.name.clone()
}

async fn fresh(account: Fresh<Account, 300>) -> String {
    account.name.clone()
}

async fn current(account: Current<Account, 10>) -> String {
    account.name.clone()
}

async fn proven(account: Proven<Account>) -> String {
    account.name.clone()
}

async fn optional(account: Option<Required<Account>>) -> String {
    account.map_or("guest".to_owned(), |account| account.name.clone())
}

async fn optional_fresh(account: Option<Fresh<Account, 300>>) -> String {
    account.map_or("guest".to_owned(), |account| account.name.clone())
}

async fn optional_current(account: Option<Current<Account, 10>>) -> String {
    account.map_or("guest".to_owned(), |account| account.name.clone())
}

async fn optional_proven(account: Option<Proven<Account>>) -> String {
    account.map_or("guest".to_owned(), |account| account.name.clone())
}

async fn prove(session: Session<Account>) -> Result<(), SessionError> {
    session.reauthenticated()
}

async fn end_others(session: Session<Account>) -> Result<(), SessionError> {
    session.end_others()
}

async fn guard(session: Session<Account>, request: extract::Request, next: Next) -> AnyResponse {
    let _ = session.update(|account| account.name.push('+'));
    next.run(request).await
}

async fn append(
    session: Session<Account>,
    Path(name): Path<String>,
) -> Result<StatusCode, SessionError> {
    session.update(|account| account.name.push_str(&name))?;
    let fails = name == "fail";
    Ok(if fails { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK })
}

async fn look_at_visitor(session: Session<Visitor>) -> String {
    session.with(|visitor| visitor.map_or("guest".to_owned(), |visitor| visitor.name.clone()))
}

async fn cached(session: Session<Account>) -> Result<impl IntoResponse, SessionError> {
    session.start(Account::new("ada"))?;
    Ok([(header::CACHE_CONTROL, "private"), (header::VARY, "Accept")])
}

async fn late(session: Session<Account>) -> Body {
    Body::new(Late(Some(session)))
}

/// A body that starts a session when it is polled and sends the result as its text.
struct Late(Option<Session<Account>>);

impl HttpBody for Late {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let result =
            self.0.take().map(|session| format!("{:?}", session.start(Account::new("ada"))));
        Poll::Ready(result.map(|result| Ok(Frame::data(result.into()))))
    }
}

async fn events(session: Session<Account>) -> Result<impl IntoResponse, SessionError> {
    session.update(|account| account.name = "streamed".to_owned())?;
    let body = Body::new(Events { session, left: 2 });
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], body))
}

/// A stream of server-sent events. It reads the session before it sends an event.
struct Events {
    session: Session<Account>,
    left: u8,
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(None) };
        self.left = left;
        let name = self.session.with(|account| account.unwrap().name.clone());
        Poll::Ready(Some(Ok(Frame::data(format!("data: {name}\n\n").into()))))
    }
}

async fn socket(session: Session<Account>) -> Result<impl IntoResponse, SessionError> {
    let was =
        session.update(|account| std::mem::replace(&mut account.name, "upgraded".to_owned()))?;
    let headers = [("connection", "upgrade".to_owned()), ("upgrade", "websocket".to_owned())];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers, [("x-was", was)]))
}

async fn note(note: Sealed<Note>) -> String {
    note.get().map_or("none".to_owned(), |note| note.text)
}

async fn set_note(note: Sealed<Note>, Path(text): Path<String>) -> Result<(), SetError> {
    note.set(&Note::new(text))
}

async fn set_large_note(note: Sealed<Note>, Path(len): Path<usize>) -> Result<(), SetError> {
    note.set(&Note::new("x".repeat(len)))
}

async fn take_note(note: Sealed<Note>) -> String {
    note.take().map_or("none".to_owned(), |note| note.text)
}

async fn remove_note(note: Sealed<Note>) -> Result<(), SetError> {
    note.remove()
}

async fn note_and_fail(note: Sealed<Note>) -> Result<StatusCode, SetError> {
    note.set(&Note::new("failed"))?;
    Ok(StatusCode::INTERNAL_SERVER_ERROR)
}

async fn take_note_and_fail(note: Sealed<Note>) -> Result<StatusCode, SessionError> {
    note.take().ok_or(SessionError::NoSession)?;
    note.set(&Note::new("failed"))?;
    Ok(StatusCode::INTERNAL_SERVER_ERROR)
}

async fn take_before(note: Sealed<Note>, request: extract::Request, next: Next) -> AnyResponse {
    let _ = note.take();
    next.run(request).await
}

struct Axum(Router);

impl App for Axum {
    fn send(&self, request: &Request) -> Response {
        let mut call = http::Request::builder().method(request.method);
        call = match &request.authority {
            Some(authority) => call
                .version(http::Version::HTTP_2)
                .uri(format!("https://{authority}{}", request.path)),
            None => call.uri(&request.path),
        };
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        block_on(async {
            let response = self.0.clone().oneshot(call.body(Body::empty()).unwrap()).await.unwrap();
            let (head, body) = response.into_parts();
            let headers = head.headers.iter();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            Response {
                status: head.status.as_u16(),
                headers: headers
                    .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                    .collect(),
                body: String::from_utf8(body.to_vec()).unwrap(),
            }
        })
    }
}

#[test]
fn a_missing_layer_is_named_in_the_response() {
    let app = Router::new()
        .route("/session", get(look))
        .route("/required", get(required))
        .route("/fresh", get(fresh))
        .route("/optional", get(optional));
    for path in ["/session", "/required", "/fresh", "/optional"] {
        let (method, path) = ("GET", path.to_owned());
        let request = Request { method, authority: None, path, headers: Vec::new() };
        let body = Axum(app.clone()).send(&request).body;
        assert!(body.contains("SessionLayer::<bulla_conformance::Account>"), "{body}");
    }
    let (method, path) = ("GET", "/note".to_owned());
    let request = Request { method, authority: None, path, headers: Vec::new() };
    let body = Axum(Router::new().route("/note", get(note))).send(&request).body;
    assert!(body.contains("SealedLayer::<bulla_conformance::Note>"), "{body}");
}

#[test]
fn an_optional_guard_still_answers_503_if_the_list_is_too_old() {
    let revocations = Revocations::new();
    let sessions = Sessions::builder(KeyRing::generate().unwrap(), Policy::default());
    let app = build(sessions.revocations(&revocations).build());
    let send = |method, path: &str, headers| {
        app.send(&Request { method, authority: None, path: path.to_owned(), headers })
    };
    let response = send("POST", "/start/ada", Vec::new());
    let (_, cookie) = response.headers.into_iter().find(|(name, _)| name == "set-cookie").unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    revocations.confirm(UnixTime::from_secs(1));
    for (path, status) in [("/optional-current", 503), ("/optional", 200)] {
        let headers = vec![("cookie".to_owned(), cookie.clone())];
        assert_eq!(send("GET", path, headers).status, status);
    }
}

/// axum's `nest` removes the prefix from the path before the layers of the nested router see it.
#[cfg(feature = "bound")]
#[test]
fn a_layer_inside_of_a_nested_router_knows_the_whole_path() {
    use bulla::session::Dpop;
    let ring = KeyRing::generate().unwrap();
    let dpop = Dpop::at("https://bank.example").unwrap();
    let sessions = Sessions::<Account>::builder(ring, Policy::default()).dpop(dpop).build();
    let api =
        Router::new().route("/sign-in", post(start_bearer)).layer(SessionLayer::from(sessions));
    let claims = serde_json::json!({
        "jti": "1", "htm": "POST", "htu": "https://bank.example/api/sign-in",
        "iat": UnixTime::now().as_secs(),
    });
    let proof = bulla_conformance::DeviceKey::new(7).dpop(&claims);
    let headers = vec![("dpop".to_owned(), proof)];
    let (method, path) = ("POST", "/api/sign-in".to_owned());
    let request = Request { method, authority: None, path, headers };
    let response = Axum(Router::new().nest("/api", api)).send(&request);
    assert_eq!(response.status, 200);
    assert!(response.headers.iter().any(|(name, _)| name == "dpop-nonce"));
}

#[test]
fn layers_with_different_cookies_write_a_session_each() {
    let layer = |name| {
        let ring = KeyRing::generate().unwrap();
        let sessions = Sessions::<Account>::builder(ring, Policy::default());
        SessionLayer::from(sessions.cookie(bulla::Cookie::new(name).unwrap()).build())
    };
    let start_outer = |session: Session<Account>, request: extract::Request, next: Next| async move {
        session.start(Account::new("ada")).unwrap();
        next.run(request).await
    };
    let app = Router::new()
        .route("/start/{name}", post(start))
        .layer(layer("inner"))
        .layer(from_fn(start_outer))
        .layer(layer("outer"));
    let path = "/start/alan".to_owned();
    let response =
        Axum(app).send(&Request { method: "POST", authority: None, path, headers: Vec::new() });
    let cookies = response.headers.iter().filter(|(name, _)| name == "set-cookie");
    let names: Vec<&str> = cookies.map(|(_, line)| line.split('=').next().unwrap()).collect();
    assert_eq!(names, ["__Host-inner", "__Host-outer"]);
}

#[test]
fn a_user_comes_back_to_a_nested_router_that_has_a_layer_too() {
    let sessions = Sessions::<Account>::builder(KeyRing::generate().unwrap(), Policy::default());
    let layer = SessionLayer::from(sessions.sign_in_page("/in").build());
    let admin = Router::new().route("/users", get(required)).layer(layer.clone());
    let app = Router::new().nest("/admin", admin).layer(layer);
    let headers = vec![("sec-fetch-mode".to_owned(), "navigate".to_owned())];
    let path = "/admin/users?page=2".to_owned();
    let response = Axum(app).send(&Request { method: "GET", authority: None, path, headers });
    let location = response.headers.iter().find(|(name, _)| name == "location").unwrap();
    assert_eq!(location.1, "/in?next=/admin/users%3Fpage%3D2");
}

#[test]
fn tokens_are_marked_sensitive() {
    let layer = SessionLayer::<Account>::new(KeyRing::generate().unwrap(), Policy::default());
    let app =
        Router::new().route("/", post(|session| start(session, Path("ada".into())))).layer(layer);
    let request = http::Request::post("/").body(Body::empty()).unwrap();
    let response = block_on(app.oneshot(request)).unwrap();
    assert!(response.headers()[header::SET_COOKIE].is_sensitive());
}

/// hyper requires that a service is `Clone` and `Send`, and tonic also requires `Sync`. The layer
/// does not require that a body is `Default`, and boxes no future.
#[test]
fn the_layer_meets_the_bounds_that_hyper_and_tonic_require() {
    struct NoDefault;
    fn meets_bounds<S>(service: S) -> S
    where
        S: Service<
                http::Request<NoDefault>,
                Response = http::Response<NoDefault>,
                Error = Infallible,
            >,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        service
    }
    async fn handler(
        request: http::Request<NoDefault>,
    ) -> Result<http::Response<NoDefault>, Infallible> {
        let session = request.extensions().get::<Session<Account>>().unwrap();
        session.start(Account::new("ada")).unwrap();
        Ok(http::Response::new(NoDefault))
    }
    let layer = SessionLayer::<Account>::new(KeyRing::generate().unwrap(), Policy::default());
    let service = ServiceBuilder::new().layer(layer).service(service_fn(handler));
    let response = block_on(meets_bounds(service).call(http::Request::new(NoDefault))).unwrap();
    assert!(response.headers().contains_key(header::SET_COOKIE));
}

#[allow(dead_code, reason = "the test calls `check` in place of `main`")]
#[path = "../../examples/oauth.rs"]
mod oauth;

#[test]
fn the_oauth_example_signs_in_and_refuses_answers_of_other_browsers() {
    oauth::check().unwrap();
}

#[allow(dead_code, reason = "`main` is for the program")]
#[path = "../../examples/registry.rs"]
mod registry;
