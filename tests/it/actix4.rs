//! Tests of the adapter for actix-web 4.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody, to_bytes};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::ErrorInternalServerError;
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::test as harness;
use actix_web::web::{self, Bytes, Path};
use actix_web::{App as ActixApp, Error, HttpResponse, rt};
use bulla::session::{Channel, Denied, Start};
use bulla::transport::SetError;
use bulla::{
    Current, Fresh, GuardMiddleware, Proven, Required, Sealed, SealedMiddleware, Session,
    SessionError, SessionMiddleware, Sessions, SignedIn,
};
use bulla_conformance::{
    Account, App, Customer, Note, Request, Response, Visitor, conformance, inner_sessions, notes,
    visitors,
};

conformance!(build);
#[cfg(feature = "bound")]
bulla_conformance::bound_conformance!(build, crate::support::bind);
#[cfg(feature = "bound")]
bulla_conformance::dpop_conformance!(build, crate::support::bind_in_headers);

fn build(sessions: Sessions<Account>) -> Box<dyn App> {
    Box::new(Actix(sessions))
}

async fn look(session: Session<Account>) -> String {
    session.with(|account| account.map_or("guest".to_owned(), |account| account.name.clone()))
}

async fn start(session: Session<Account>, name: Path<String>) -> Result<String, SessionError> {
    session.start(Account::new(name.as_str()))?;
    Ok(String::new())
}

async fn remember(session: Session<Account>, name: Path<String>) -> Result<String, SessionError> {
    session.start_with(Account::new(name.as_str()), Start::new().remembered())?;
    Ok(String::new())
}

async fn sign_in(session: Session<Account>, name: Path<String>) -> Result<String, SessionError> {
    let guest = session.get().ok_or(SessionError::NoSession)?;
    session.start(Account::new(format!("{}+{name}", guest.name)))?;
    Ok(String::new())
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

fn traders() -> GuardMiddleware<SignedIn<Customer>> {
    GuardMiddleware::only_if(|customer: &Customer| customer.may_trade)
}

async fn start_bearer(session: Session<Account>) -> Result<String, SessionError> {
    session.start_with(Account::new("ada"), Start::new().over(Channel::Bearer))?;
    Ok(String::new())
}

async fn rename(session: Session<Account>, name: Path<String>) -> HttpResponse {
    match session.update(|account| account.name = name.into_inner()) {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(_) => HttpResponse::Conflict().finish(),
    }
}

async fn update_or_fail(session: Session<Account>) -> Result<String, SessionError> {
    session.update(|account| account.name.push('!'))?;
    Ok(String::new())
}

async fn end(session: Session<Account>) -> Result<String, SessionError> {
    session.end()?;
    Ok(String::new())
}

async fn start_and_fail(session: Session<Account>) -> Result<HttpResponse, SessionError> {
    session.start(Account::new("ada"))?;
    Ok(HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR))
}

async fn end_and_fail(session: Session<Account>) -> Result<HttpResponse, SessionError> {
    session.end()?;
    Ok(HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR))
}

async fn large(session: Session<Account>, len: Path<usize>) -> Result<String, SessionError> {
    session.start(Account::new("x".repeat(*len)))?;
    Ok(String::new())
}

async fn required(account: Required<Account>) -> String {
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

async fn prove(session: Session<Account>) -> Result<HttpResponse, SessionError> {
    session.reauthenticated()?;
    Ok(HttpResponse::Ok().finish())
}

async fn end_others(session: Session<Account>) -> Result<HttpResponse, SessionError> {
    session.end_others()?;
    Ok(HttpResponse::Ok().finish())
}

async fn fresh(account: Fresh<Account, 300>) -> String {
    account.name.clone()
}

async fn guard(
    session: Session<Account>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let _ = session.update(|account| account.name.push('+'));
    next.call(request).await
}

async fn append(session: Session<Account>, name: Path<String>) -> Result<String, Error> {
    session.update(|account| account.name.push_str(&name))?;
    if *name == "fail" {
        return Err(ErrorInternalServerError("failed"));
    }
    Ok(String::new())
}

async fn look_at_visitor(session: Session<Visitor>) -> String {
    session.with(|visitor| visitor.map_or("guest".to_owned(), |visitor| visitor.name.clone()))
}

async fn cached(session: Session<Account>) -> Result<HttpResponse, SessionError> {
    session.start(Account::new("ada"))?;
    let mut response = HttpResponse::Ok();
    response.insert_header(("cache-control", "private")).insert_header(("vary", "Accept"));
    Ok(response.finish())
}

async fn late(session: Session<Account>) -> HttpResponse {
    HttpResponse::Ok().body(Late(Some(session)))
}

/// A body that starts a session when it is polled and sends the result as its text.
struct Late(Option<Session<Account>>);

impl MessageBody for Late {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let result =
            self.0.take().map(|session| format!("{:?}", session.start(Account::new("ada"))));
        Poll::Ready(result.map(|result| Ok(result.into())))
    }
}

async fn events(session: Session<Account>) -> Result<HttpResponse, SessionError> {
    session.update(|account| account.name = "streamed".to_owned())?;
    let mut response = HttpResponse::Ok();
    Ok(response.content_type("text/event-stream").body(Events { session, left: 2 }))
}

/// A stream of server-sent events. It reads the session before it sends an event.
struct Events {
    session: Session<Account>,
    left: u8,
}

impl MessageBody for Events {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(None) };
        self.left = left;
        let name = self.session.with(|account| account.unwrap().name.clone());
        Poll::Ready(Some(Ok(format!("data: {name}\n\n").into())))
    }
}

async fn socket(session: Session<Account>) -> Result<HttpResponse, SessionError> {
    let was =
        session.update(|account| std::mem::replace(&mut account.name, "upgraded".to_owned()))?;
    let mut response = HttpResponse::SwitchingProtocols();
    Ok(response.upgrade("websocket").insert_header(("x-was", was)).finish())
}

async fn note(note: Sealed<Note>) -> String {
    note.get().map_or("none".to_owned(), |note| note.text)
}

async fn set_note(note: Sealed<Note>, text: Path<String>) -> Result<String, SetError> {
    note.set(&Note::new(text.as_str()))?;
    Ok(String::new())
}

async fn set_large_note(note: Sealed<Note>, len: Path<usize>) -> Result<String, SetError> {
    note.set(&Note::new("x".repeat(*len)))?;
    Ok(String::new())
}

async fn take_note(note: Sealed<Note>) -> String {
    note.take().map_or("none".to_owned(), |note| note.text)
}

async fn remove_note(note: Sealed<Note>) -> Result<String, SetError> {
    note.remove()?;
    Ok(String::new())
}

async fn note_and_fail(note: Sealed<Note>) -> Result<HttpResponse, SetError> {
    note.set(&Note::new("failed"))?;
    Ok(HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR))
}

async fn take_note_and_fail(note: Sealed<Note>) -> Result<HttpResponse, SessionError> {
    note.take().ok_or(SessionError::NoSession)?;
    note.set(&Note::new("failed"))?;
    Ok(HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR))
}

async fn take_before(
    note: Sealed<Note>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let _ = note.take();
    next.call(request).await
}

/// Each request creates a new actix-web application, because an application cannot move to another
/// thread.
struct Actix(Sessions<Account>);

impl App for Actix {
    fn send(&self, request: &Request) -> Response {
        rt::System::new().block_on(async {
            let sessions = SessionMiddleware::from(self.0.clone());
            let app = harness::init_service(
                ActixApp::new()
                    .route("/missing", web::get().to(look))
                    .route("/missing/optional", web::get().to(optional))
                    .route("/missing/note", web::get().to(note))
                    .service(
                        web::scope("")
                            .wrap(sessions)
                            .wrap(SealedMiddleware::from(notes()))
                            .route("/untouched", web::get().to(|| async { "hello" }))
                            .route("/look", web::get().to(look))
                            .route("/start/{name}", web::post().to(start))
                            .route("/remember/{name}", web::post().to(remember))
                            .route("/sign-in/{name}", web::post().to(sign_in))
                            .route("/start-bearer", web::post().to(start_bearer))
                            .route("/rename/{name}", web::post().to(rename))
                            .route("/update-or-fail", web::post().to(update_or_fail))
                            .route("/end", web::post().to(end))
                            .route("/start-and-fail", web::post().to(start_and_fail))
                            .route("/end-and-fail", web::post().to(end_and_fail))
                            .route("/large/{len}", web::post().to(large))
                            .route("/required", web::to(required))
                            .route("/fresh", web::get().to(fresh))
                            .route("/current", web::get().to(current))
                            .route("/proven", web::get().to(proven))
                            .route("/customer", web::get().to(customer))
                            .route("/optional-customer", web::get().to(optional_customer))
                            .route("/optional", web::get().to(optional))
                            .route("/optional-fresh", web::get().to(optional_fresh))
                            .route("/optional-current", web::get().to(optional_current))
                            .route("/optional-proven", web::get().to(optional_proven))
                            .route("/prove", web::post().to(prove))
                            .route("/end-others", web::post().to(end_others))
                            .route("/cached", web::get().to(cached))
                            .route("/late", web::get().to(late))
                            .route("/events", web::get().to(events))
                            .route("/socket", web::get().to(socket))
                            .route("/note", web::get().to(note))
                            .route("/note/{text}", web::post().to(set_note))
                            .route("/large-note/{len}", web::post().to(set_large_note))
                            .route("/take-note", web::post().to(take_note))
                            .route("/remove-note", web::post().to(remove_note))
                            .route("/note-and-fail", web::post().to(note_and_fail))
                            .route("/take-note-and-fail", web::post().to(take_note_and_fail))
                            .route("/trade", web::get().to(trade))
                            .service(
                                web::scope("/guarded")
                                    .service(
                                        web::scope("/customer")
                                            .wrap(GuardMiddleware::<SignedIn<Customer>>::new())
                                            .route("", web::get().to(customer))
                                            .route("", web::post().to(customer)),
                                    )
                                    .service(
                                        web::scope("/fresh")
                                            .wrap(GuardMiddleware::<Fresh<Account, 300>>::new())
                                            .route("", web::get().to(|| async { "fresh" })),
                                    )
                                    .service(
                                        web::scope("/proven")
                                            .wrap(GuardMiddleware::<Proven<Account>>::new())
                                            .route("", web::get().to(|| async { "proven" })),
                                    )
                                    .service(
                                        web::scope("/trade")
                                            .wrap(traders())
                                            .route("", web::get().to(|| async { "trade" })),
                                    ),
                            )
                            .service(
                                web::scope("/twice-note")
                                    .wrap(SealedMiddleware::from(notes()))
                                    .wrap(from_fn(take_before))
                                    .route("/{text}", web::post().to(set_note)),
                            )
                            .service(
                                web::scope("/twice")
                                    .wrap(SessionMiddleware::from(inner_sessions()))
                                    .wrap(from_fn(guard))
                                    .route("/{name}", web::post().to(append)),
                            )
                            .service(
                                web::scope("/clash")
                                    .wrap(SessionMiddleware::from(visitors()))
                                    .route("", web::get().to(look_at_visitor)),
                            ),
                    ),
            )
            .await;
            let uri = match &request.authority {
                Some(authority) => format!("https://{authority}{}", request.path),
                None => request.path.clone(),
            };
            let mut call =
                harness::TestRequest::with_uri(&uri).method(request.method.parse().unwrap());
            for (name, value) in &request.headers {
                call = call.append_header((name.as_str(), value.as_str()));
            }
            // The server turns an error into its response.
            let response = match harness::try_call_service(&app, call.to_request()).await {
                Ok(response) => response.map_into_boxed_body().into(),
                Err(error) => error.error_response(),
            };
            let headers = response.headers().iter();
            let headers = headers
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect();
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body()).await.map_err(|_| "a body").unwrap();
            Response { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
        })
    }
}

#[test]
fn a_missing_middleware_is_named_in_the_response() {
    let sessions = Sessions::new(bulla::KeyRing::generate().unwrap(), bulla::Policy::default());
    let app = Actix(sessions);
    for (path, says) in [
        ("/missing", "SessionMiddleware::<bulla_conformance::Account>"),
        ("/missing/note", "SealedMiddleware::<bulla_conformance::Note>"),
    ] {
        let (method, path) = ("GET", path.to_owned());
        let request = Request { method, authority: None, path, headers: Vec::new() };
        let body = app.send(&request).body;
        assert!(body.contains(says), "{body}");
    }
}

#[allow(dead_code, reason = "`main` is for the program")]
#[path = "../../examples/users_actix.rs"]
mod users;
