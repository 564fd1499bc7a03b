//! Tests of the adapter for poem 3.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bulla::adapters::Rejection;
use bulla::session::{Channel, Denied, Start};
use bulla::transport::SetError;
use bulla::{
    Cookie, Current, Fresh, GuardMiddleware, KeyRing, Policy, Proven, Required, Sealed,
    SealedMiddleware, Session, SessionError, SessionMiddleware, Sessions, SignedIn,
};
use bulla_conformance::{
    Account, App, Customer, Note, Request, Response, Visitor, conformance, inner_sessions, notes,
    visitors,
};
use futures_executor::block_on;
use poem::endpoint::BoxEndpoint;
use poem::error::{NotFoundError, ResponseError};
use poem::http::{StatusCode, Uri, header};
use poem::web::Path;
use poem::{Body, Endpoint, EndpointExt, FromRequest, IntoResponse, Route, get, handler, post};
use tokio::io::{AsyncRead, ReadBuf};

conformance!(build);
#[cfg(feature = "bound")]
bulla_conformance::bound_conformance!(build, crate::support::bind);
#[cfg(feature = "bound")]
bulla_conformance::dpop_conformance!(build, crate::support::bind_in_headers);

fn build(sessions: Sessions<Account>) -> Box<dyn App> {
    let twice = append.with(SessionMiddleware::from(inner_sessions())).around(guard);
    let twice_note = set_note.with(SealedMiddleware::from(notes())).around(take_before);
    let traders = GuardMiddleware::<SignedIn<Customer>>::only_if(|customer| customer.may_trade);
    let guarded = Route::new()
        .at(
            "/customer",
            get(show_customer)
                .post(show_customer)
                .with(GuardMiddleware::<SignedIn<Customer>>::new()),
        )
        .at("/fresh", get(say_fresh).with(GuardMiddleware::<Fresh<Account, 300>>::new()))
        .at("/proven", get(say_proven).with(GuardMiddleware::<Proven<Account>>::new()))
        .at("/trade", get(say_trade).with(traders));
    let app = Route::new()
        .at("/untouched", get(untouched))
        .at("/look", get(look))
        .at("/start/:name", post(start))
        .at("/remember/:name", post(remember))
        .at("/sign-in/:name", post(sign_in))
        .at("/start-bearer", post(start_bearer))
        .at("/rename/:name", post(rename))
        .at("/update-or-fail", post(update_or_fail))
        .at("/end", post(end))
        .at("/start-and-fail", post(start_and_fail))
        .at("/end-and-fail", post(end_and_fail))
        .at("/large/:len", post(large))
        .at("/required", required)
        .at("/fresh", get(fresh))
        .at("/current", get(current))
        .at("/proven", get(proven))
        .at("/customer", get(show_customer))
        .at("/optional-customer", get(optional_customer))
        .at("/trade", get(trade))
        .nest("/guarded", guarded)
        .at("/optional", get(optional))
        .at("/optional-fresh", get(optional_fresh))
        .at("/optional-current", get(optional_current))
        .at("/optional-proven", get(optional_proven))
        .at("/prove", post(prove))
        .at("/end-others", post(end_others))
        .at("/cached", get(cached))
        .at("/late", get(late))
        .at("/events", get(events))
        .at("/socket", get(socket))
        .at("/note", get(read_note))
        .at("/note/:text", post(set_note))
        .at("/large-note/:len", post(set_large_note))
        .at("/take-note", post(take_note))
        .at("/remove-note", post(remove_note))
        .at("/note-and-fail", post(note_and_fail))
        .at("/take-note-and-fail", post(take_note_and_fail))
        .at("/twice-note/:text", post(twice_note))
        .at("/twice/:name", post(twice))
        .at("/clash", get(look_at_visitor.with(SessionMiddleware::from(visitors()))))
        .with(SessionMiddleware::from(sessions))
        .with(SealedMiddleware::from(notes()));
    let app = Route::new()
        .nest("/", app)
        .at("/missing", get(look))
        .at("/missing/note", get(read_note))
        .at("/missing/optional", get(optional));
    Box::new(Poem(app.map_to_response().boxed()))
}

#[handler]
fn untouched() -> &'static str {
    "hello"
}

#[handler]
fn look(session: Session<Account>) -> String {
    session.with(|account| account.map_or("guest".to_owned(), |account| account.name.clone()))
}

#[handler]
fn start(session: Session<Account>, Path(name): Path<String>) -> Result<(), SessionError> {
    session.start(Account::new(name))
}

#[handler]
fn remember(session: Session<Account>, Path(name): Path<String>) -> Result<(), SessionError> {
    session.start_with(Account::new(name), Start::new().remembered())
}

#[handler]
fn sign_in(session: Session<Account>, Path(name): Path<String>) -> Result<(), SessionError> {
    let guest = session.get().ok_or(SessionError::NoSession)?;
    session.start(Account::new(format!("{}+{name}", guest.name)))
}

#[handler]
fn show_customer(customer: SignedIn<Customer>) -> String {
    customer.full_name.clone()
}

#[handler]
fn optional_customer(customer: Option<SignedIn<Customer>>) -> String {
    customer.map_or("guest".to_owned(), |customer| customer.full_name.clone())
}

#[handler]
fn trade(customer: SignedIn<Customer>) -> Result<String, Denied> {
    if !customer.may_trade {
        return Err(Denied::forbidden());
    }
    Ok(customer.full_name.clone())
}

#[handler]
fn say_trade() -> &'static str {
    "trade"
}

#[handler]
fn say_proven() -> &'static str {
    "proven"
}

#[handler]
fn say_fresh() -> &'static str {
    "fresh"
}

#[handler]
fn start_bearer(session: Session<Account>) -> Result<(), SessionError> {
    session.start_with(Account::new("ada"), Start::new().over(Channel::Bearer))
}

#[handler]
fn rename(session: Session<Account>, Path(name): Path<String>) -> StatusCode {
    match session.update(|account| account.name = name) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::CONFLICT,
    }
}

#[handler]
fn update_or_fail(session: Session<Account>) -> Result<(), SessionError> {
    session.update(|account| account.name.push('!'))
}

#[handler]
fn end(session: Session<Account>) -> Result<(), SessionError> {
    session.end()
}

#[handler]
fn start_and_fail(session: Session<Account>) -> Result<StatusCode, SessionError> {
    session.start(Account::new("ada"))?;
    Ok(StatusCode::INTERNAL_SERVER_ERROR)
}

#[handler]
fn end_and_fail(session: Session<Account>) -> Result<(), poem::Error> {
    session.end()?;
    Err(StatusCode::INTERNAL_SERVER_ERROR.into())
}

#[handler]
fn large(session: Session<Account>, Path(len): Path<usize>) -> Result<(), SessionError> {
    session.start(Account::new("x".repeat(len)))
}

#[handler]
fn required(account: Required<Account>) -> String {
    account.name.clone()
}

#[handler]
fn fresh(account: Fresh<Account, 300>) -> String {
    account.name.clone()
}

#[handler]
fn current(account: Current<Account, 10>) -> String {
    account.name.clone()
}

#[handler]
fn proven(account: Proven<Account>) -> String {
    account.name.clone()
}

#[handler]
fn optional(account: Option<Required<Account>>) -> String {
    account.map_or("guest".to_owned(), |account| account.name.clone())
}

#[handler]
fn optional_fresh(account: Option<Fresh<Account, 300>>) -> String {
    account.map_or("guest".to_owned(), |account| account.name.clone())
}

#[handler]
fn optional_current(account: Option<Current<Account, 10>>) -> String {
    account.map_or("guest".to_owned(), |account| account.name.clone())
}

#[handler]
fn optional_proven(account: Option<Proven<Account>>) -> String {
    account.map_or("guest".to_owned(), |account| account.name.clone())
}

#[handler]
fn prove(session: Session<Account>) -> Result<(), SessionError> {
    session.reauthenticated()
}

#[handler]
fn end_others(session: Session<Account>) -> Result<(), SessionError> {
    session.end_others()
}

async fn guard<E: Endpoint>(next: Arc<E>, request: poem::Request) -> poem::Result<E::Output> {
    let session = Session::<Account>::from_request_without_body(&request).await?;
    let _ = session.update(|account| account.name.push('+'));
    next.call(request).await
}

#[handler]
fn append(session: Session<Account>, Path(name): Path<String>) -> Result<(), poem::Error> {
    session.update(|account| account.name.push_str(&name))?;
    if name == "fail" {
        return Err(StatusCode::INTERNAL_SERVER_ERROR.into());
    }
    Ok(())
}

#[handler]
fn look_at_visitor(session: Session<Visitor>) -> String {
    session.with(|visitor| visitor.map_or("guest".to_owned(), |visitor| visitor.name.clone()))
}

#[handler]
fn cached(session: Session<Account>) -> Result<impl IntoResponse, SessionError> {
    session.start(Account::new("ada"))?;
    Ok(().with_header("cache-control", "private").with_header("vary", "Accept"))
}

#[handler]
fn late(session: Session<Account>) -> Body {
    Body::from_async_read(Late(Some(session)))
}

/// A body that starts a session when it is read and sends the result as its text.
struct Late(Option<Session<Account>>);

impl AsyncRead for Late {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if let Some(session) = self.0.take() {
            buf.put_slice(format!("{:?}", session.start(Account::new("ada"))).as_bytes());
        }
        Poll::Ready(Ok(()))
    }
}

#[handler]
fn events(session: Session<Account>) -> Result<impl IntoResponse, SessionError> {
    session.update(|account| account.name = "streamed".to_owned())?;
    let body = Body::from_async_read(Events { session, left: 2 });
    Ok(poem::Response::from(body).with_content_type("text/event-stream"))
}

/// A stream of server-sent events. It reads the session before it sends an event.
struct Events {
    session: Session<Account>,
    left: u8,
}

impl AsyncRead for Events {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(Ok(())) };
        self.left = left;
        let name = self.session.with(|account| account.unwrap().name.clone());
        buf.put_slice(format!("data: {name}\n\n").as_bytes());
        Poll::Ready(Ok(()))
    }
}

#[handler]
fn socket(session: Session<Account>) -> Result<impl IntoResponse, SessionError> {
    let was =
        session.update(|account| std::mem::replace(&mut account.name, "upgraded".to_owned()))?;
    let response = StatusCode::SWITCHING_PROTOCOLS.with_header("connection", "upgrade");
    Ok(response.with_header("upgrade", "websocket").with_header("x-was", was))
}

#[handler]
fn read_note(note: Sealed<Note>) -> String {
    note.get().map_or("none".to_owned(), |note| note.text)
}

#[handler]
fn set_note(note: Sealed<Note>, Path(text): Path<String>) -> Result<(), SetError> {
    note.set(&Note::new(text))
}

#[handler]
fn set_large_note(note: Sealed<Note>, Path(len): Path<usize>) -> Result<(), SetError> {
    note.set(&Note::new("x".repeat(len)))
}

#[handler]
fn take_note(note: Sealed<Note>) -> String {
    note.take().map_or("none".to_owned(), |note| note.text)
}

#[handler]
fn remove_note(note: Sealed<Note>) -> Result<(), SetError> {
    note.remove()
}

#[handler]
fn note_and_fail(note: Sealed<Note>) -> Result<StatusCode, SetError> {
    note.set(&Note::new("failed"))?;
    Ok(StatusCode::INTERNAL_SERVER_ERROR)
}

#[handler]
fn take_note_and_fail(note: Sealed<Note>) -> Result<(), poem::Error> {
    note.take().ok_or(SessionError::NoSession)?;
    note.set(&Note::new("failed"))?;
    Err(StatusCode::INTERNAL_SERVER_ERROR.into())
}

async fn take_before<E: Endpoint>(next: Arc<E>, request: poem::Request) -> poem::Result<E::Output> {
    let note = Sealed::<Note>::from_request_without_body(&request).await?;
    let _ = note.take();
    next.call(request).await
}

struct Poem(BoxEndpoint<'static>);

impl App for Poem {
    fn send(&self, request: &Request) -> Response {
        let uri = match &request.authority {
            Some(authority) => format!("https://{authority}{}", request.path),
            None => request.path.clone(),
        };
        let mut call = poem::Request::builder()
            .method(request.method.parse().unwrap())
            .uri(uri.parse::<Uri>().unwrap());
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        block_on(async {
            let (head, body) = self.0.get_response(call.finish()).await.into_parts();
            let headers = head.headers.iter();
            Response {
                status: head.status.as_u16(),
                headers: headers
                    .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                    .collect(),
                body: body.into_string().await.unwrap(),
            }
        })
    }
}

fn app(endpoint: impl Endpoint + 'static) -> Poem {
    Poem(endpoint.map_to_response().boxed())
}

fn request(method: &'static str, path: &str) -> Request {
    Request { method, authority: None, path: path.to_owned(), headers: Vec::new() }
}

fn middleware() -> SessionMiddleware<Account> {
    SessionMiddleware::new(KeyRing::generate().unwrap(), Policy::default())
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let line = response.headers.iter().find(|(n, _)| n == name);
    line.map(|(_, value)| value.as_str())
}

#[test]
fn a_missing_middleware_is_named_in_the_response() {
    let app = app(Route::new()
        .at("/session", get(look))
        .at("/required", get(required))
        .at("/note", get(read_note)));
    for (path, says) in [
        ("/session", "SessionMiddleware::<bulla_conformance::Account>"),
        ("/required", "SessionMiddleware::<bulla_conformance::Account>"),
        ("/note", "SealedMiddleware::<bulla_conformance::Note>"),
    ] {
        let body = app.send(&request("GET", path)).body;
        assert!(body.contains(says), "{body}");
    }
}

#[test]
fn an_error_stays_an_error_if_the_session_was_not_used() {
    let app = app(Route::new()
        .at("/required", get(required))
        .with(middleware())
        .with(SealedMiddleware::from(notes()))
        .catch_error(|_: NotFoundError| async { "no such page" }));
    assert_eq!(app.send(&request("GET", "/elsewhere")).body, "no such page");
    let refused = app.send(&request("GET", "/required"));
    assert_eq!((refused.status, header(&refused, "vary")), (401, Some("Cookie")));
}

/// As for the error of an extractor, `catch_error` can answer.
#[test]
fn a_refusal_of_a_guard_is_an_error_of_one_type() {
    let nobody = GuardMiddleware::<Required<Account>>::only_if(|_| false);
    let app = app(Route::new()
        .at("/start/:name", post(start))
        .nest("/closed", get(untouched).with(nobody))
        .catch_error(|rejection: Rejection| async move {
            format!("refused with {}", rejection.status().as_u16())
        })
        .with(middleware()));
    let guest = app.send(&request("GET", "/closed"));
    assert_eq!(guest.body, "refused with 401");
    let started = app.send(&request("POST", "/start/ada"));
    let cookie = header(&started, "set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let headers = vec![("cookie".to_owned(), cookie)];
    let user = app.send(&Request { headers, ..request("GET", "/closed") });
    assert_eq!(user.body, "refused with 403");
}

#[derive(Debug)]
struct SoldOut;

impl std::fmt::Display for SoldOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("sold out")
    }
}

impl std::error::Error for SoldOut {}

impl ResponseError for SoldOut {
    fn status(&self) -> StatusCode {
        StatusCode::CONFLICT
    }
}

#[test]
fn a_change_before_an_error_of_the_client_is_kept() {
    #[handler]
    fn order(session: Session<Account>, note: Sealed<Note>) -> Result<(), poem::Error> {
        session.start(Account::new("ada"))?;
        note.set(&Note::new("sold out"))?;
        Err(SoldOut.into())
    }
    let app = app(post(order).with(SealedMiddleware::from(notes())).with(middleware()));
    let response = app.send(&request("POST", "/"));
    assert_eq!((response.status, response.body.as_str()), (409, "sold out"));
    let cookies = response.headers.iter().filter(|(name, _)| name == "set-cookie");
    assert_eq!(cookies.count(), 2, "the session and the note");
}

#[test]
fn a_refusal_of_a_handler_is_completed_around_other_middleware() {
    #[handler]
    fn change(session: Session<Account>, note: Sealed<Note>) -> Result<(), SessionError> {
        let _ = note.take();
        session.update(|account| account.name.push('!'))
    }
    let sessions = Sessions::<Account>::builder(KeyRing::generate().unwrap(), Policy::default());
    let sessions = SessionMiddleware::from(sessions.sign_in_page("/in").build());
    let app = app(get(change).with(SealedMiddleware::from(notes())).with(sessions));
    let headers = vec![("sec-fetch-mode".to_owned(), "navigate".to_owned())];
    let response = app.send(&Request { headers, ..request("GET", "/cart") });
    assert_eq!((response.status, header(&response, "location")), (303, Some("/in?next=/cart")));
    assert_eq!(header(&response, "www-authenticate"), None);
}

/// poem's server sets the original URI of a request. `nest` removes the prefix from the path, but
/// not from the original URI.
#[test]
fn a_user_comes_back_to_a_nested_route() {
    let sessions = Sessions::<Account>::builder(KeyRing::generate().unwrap(), Policy::default());
    let sessions = SessionMiddleware::from(sessions.sign_in_page("/in").build());
    let app = Route::new().nest("/admin", Route::new().at("/users", get(required)).with(sessions));
    block_on(async {
        let hyper = http::Request::get("/admin/users?page=2").header("sec-fetch-mode", "navigate");
        let (parts, ()) = hyper.body(()).unwrap().into_parts();
        let scheme = http::uri::Scheme::HTTPS;
        let parts = (parts, Default::default(), Default::default(), scheme);
        let request = poem::Request::from_parts(parts.into(), Body::empty());
        let response = app.get_response(request).await;
        let location = response.headers()[header::LOCATION].to_str().unwrap().to_owned();
        assert_eq!(location, "/in?next=/admin/users%3Fpage%3D2");
    });
}

#[test]
fn middleware_with_different_cookies_writes_a_session_each() {
    let named = |name| {
        let ring = KeyRing::generate().unwrap();
        let sessions = Sessions::<Account>::builder(ring, Policy::default());
        SessionMiddleware::from(sessions.cookie(Cookie::new(name).unwrap()).build())
    };
    async fn start_outer<E: Endpoint>(
        next: Arc<E>,
        request: poem::Request,
    ) -> poem::Result<E::Output> {
        let session = Session::<Account>::from_request_without_body(&request).await?;
        session.start(Account::new("ada"))?;
        next.call(request).await
    }
    let starting = Route::new().at("/start/:name", post(start));
    let app = app(starting.with(named("inner")).around(start_outer).with(named("outer")));
    let response = app.send(&request("POST", "/start/alan"));
    let cookies = response.headers.iter().filter(|(name, _)| name == "set-cookie");
    let names: Vec<&str> = cookies.map(|(_, line)| line.split('=').next().unwrap()).collect();
    assert_eq!(names, ["__Host-inner", "__Host-outer"]);
}

#[test]
fn tokens_are_marked_sensitive() {
    let app = Route::new().at("/:name", post(start)).with(middleware());
    let request = poem::Request::builder().method(http::Method::POST).uri_str("/ada").finish();
    let response = block_on(app.get_response(request));
    assert!(response.headers()[header::SET_COOKIE].is_sensitive());
}
