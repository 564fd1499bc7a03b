//! Tests of the adapter for Rocket 0.5.

use std::cell::LazyCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use bulla::session::{Channel, Denied, Start};
use bulla::transport::SetError;
use bulla::{
    Current, Fresh, Proven, Required, RouteGuard, Sealed, SealedFairing, Session, SessionError,
    SessionFairing, Sessions, SignedIn,
};
use bulla_conformance::{
    Account, App, Customer, Note, Request, Response, Visitor, conformance, inner_sessions, notes,
    visitors,
};
use rocket::fairing::AdHoc;
use rocket::http::uri::Host;
use rocket::http::{ContentType, Header, Method, Status};
use rocket::local::blocking::Client;
use rocket::response::stream::{ReaderStream, TextStream};
use rocket::tokio::io::{AsyncRead, ReadBuf};
use rocket::{Build, Config, Responder, Rocket, delete, get, options, patch, post, put, routes};

conformance!(build);
#[cfg(feature = "bound")]
bulla_conformance::bound_conformance!(build, crate::support::bind);
#[cfg(feature = "bound")]
bulla_conformance::dpop_conformance!(build, crate::support::bind_in_headers);

fn build(sessions: Sessions<Account>) -> Box<dyn App> {
    let fairing = SessionFairing::from(sessions.clone());
    let customers = RouteGuard::<SignedIn<Customer>>::new();
    let fresh_sessions = RouteGuard::<Fresh<Account, 300>>::new();
    let proofs = RouteGuard::<Proven<Account>>::new();
    let traders = RouteGuard::<SignedIn<Customer>>::only_if(|customer| customer.may_trade);
    let with = rocket().attach(fairing).attach(SealedFairing::from(notes()));
    let with = with
        .mount("/guarded", customers.around(routes![customer, customer_post]))
        .mount("/guarded", fresh_sessions.around(routes![only_fresh]))
        .mount("/guarded", proofs.around(routes![only_proven]))
        .mount("/guarded", traders.around(routes![only_traders]));
    let with = with.mount(
        "/",
        routes![
            untouched,
            look,
            start,
            remember,
            sign_in,
            customer,
            optional_customer,
            trade,
            start_bearer,
            rename,
            update_or_fail,
            end,
            start_and_fail,
            end_and_fail,
            large,
            required,
            required_post,
            required_put,
            required_patch,
            required_delete,
            required_options,
            fresh,
            current,
            proven,
            optional,
            optional_fresh,
            optional_current,
            optional_proven,
            prove,
            end_others,
            cached,
            late,
            events,
            socket,
            note,
            set_note,
            set_large_note,
            take_note,
            remove_note,
            note_and_fail,
            take_note_and_fail
        ],
    );
    let twice = rocket()
        .attach(SessionFairing::from(sessions.clone()))
        .attach(AdHoc::on_request("guard", |request, _| Box::pin(guard(request))))
        .attach(SessionFairing::from(inner_sessions()))
        .mount("/", routes![append]);
    let twice_note = rocket()
        .attach(SealedFairing::from(notes()))
        .attach(AdHoc::on_request("take", |request, _| Box::pin(take_before(request))))
        .attach(SealedFairing::from(notes()))
        .mount("/", routes![set_note_twice]);
    let clash = rocket()
        .attach(SessionFairing::from(sessions))
        .attach(SessionFairing::from(visitors()))
        .mount("/", routes![look_at_visitor]);
    let without = rocket().mount("/", routes![missing, missing_optional, missing_note]);
    let started = |rocket| {
        let start: Box<dyn FnOnce() -> Client> = Box::new(|| Client::untracked(rocket).unwrap());
        LazyCell::new(start)
    };
    Box::new(Apps {
        with: started(with),
        twice: started(twice),
        twice_note: started(twice_note),
        clash: started(clash),
        without: started(without),
    })
}

fn rocket() -> Rocket<Build> {
    rocket::custom(Config { log_level: rocket::config::LogLevel::Off, ..Config::debug_default() })
}

#[get("/untouched")]
fn untouched() -> &'static str {
    "hello"
}

#[get("/look")]
fn look(session: Session<Account>) -> String {
    session.with(|account| account.map_or("guest".to_owned(), |account| account.name.clone()))
}

#[get("/missing")]
fn missing(session: Session<Account>) -> String {
    look(session)
}

#[get("/missing/optional")]
fn missing_optional(account: Option<Required<Account>>) -> String {
    optional(account)
}

#[post("/start/<name>")]
fn start(session: Session<Account>, name: &str) -> Result<(), SessionError> {
    session.start(Account::new(name))
}

#[post("/remember/<name>")]
fn remember(session: Session<Account>, name: &str) -> Result<(), SessionError> {
    session.start_with(Account::new(name), Start::new().remembered())
}

#[post("/sign-in/<name>")]
fn sign_in(session: Session<Account>, name: &str) -> Result<(), SessionError> {
    let guest = session.get().ok_or(SessionError::NoSession)?;
    session.start(Account::new(format!("{}+{name}", guest.name)))
}

#[get("/customer")]
fn customer(customer: SignedIn<Customer>) -> String {
    customer.full_name.clone()
}

#[post("/customer")]
fn customer_post(signed_in: SignedIn<Customer>) -> String {
    customer(signed_in)
}

#[get("/trade")]
fn trade(customer: SignedIn<Customer>) -> Result<String, Denied> {
    if !customer.may_trade {
        return Err(Denied::forbidden());
    }
    Ok(customer.full_name.clone())
}

#[get("/fresh")]
fn only_fresh() -> &'static str {
    "fresh"
}

#[get("/proven")]
fn only_proven() -> &'static str {
    "proven"
}

#[get("/trade")]
fn only_traders() -> &'static str {
    "trade"
}

#[get("/optional-customer")]
fn optional_customer(customer: Option<SignedIn<Customer>>) -> String {
    customer.map_or("guest".to_owned(), |customer| customer.full_name.clone())
}

#[post("/start-bearer")]
fn start_bearer(session: Session<Account>) -> Result<(), SessionError> {
    session.start_with(Account::new("ada"), Start::new().over(Channel::Bearer))
}

#[post("/rename/<name>")]
fn rename(session: Session<Account>, name: String) -> Status {
    match session.update(|account| account.name = name) {
        Ok(()) => Status::Ok,
        Err(_) => Status::Conflict,
    }
}

#[post("/update-or-fail")]
fn update_or_fail(session: Session<Account>) -> Result<(), SessionError> {
    session.update(|account| account.name.push('!'))
}

#[post("/end")]
fn end(session: Session<Account>) -> Result<(), SessionError> {
    session.end()
}

#[post("/start-and-fail")]
fn start_and_fail(session: Session<Account>) -> Result<Status, SessionError> {
    session.start(Account::new("ada"))?;
    Ok(Status::InternalServerError)
}

#[post("/end-and-fail")]
fn end_and_fail(session: Session<Account>) -> Result<Status, SessionError> {
    session.end()?;
    Ok(Status::InternalServerError)
}

#[post("/large/<len>")]
fn large(session: Session<Account>, len: usize) -> Result<(), SessionError> {
    session.start(Account::new("x".repeat(len)))
}

#[get("/required")]
fn required(account: Required<Account>) -> String {
    account.name.clone()
}

#[post("/required")]
fn required_post(account: Required<Account>) -> String {
    required(account)
}

#[put("/required")]
fn required_put(account: Required<Account>) -> String {
    required(account)
}

#[patch("/required")]
fn required_patch(account: Required<Account>) -> String {
    required(account)
}

#[delete("/required")]
fn required_delete(account: Required<Account>) -> String {
    required(account)
}

#[options("/required")]
fn required_options(account: Required<Account>) -> String {
    required(account)
}

#[get("/current")]
fn current(account: Current<Account, 10>) -> String {
    account.name.clone()
}

#[get("/proven")]
fn proven(account: Proven<Account>) -> String {
    account.name.clone()
}

#[get("/optional")]
fn optional(account: Option<Required<Account>>) -> String {
    account.map_or("guest".to_owned(), |account| account.name.clone())
}

#[get("/optional-fresh")]
fn optional_fresh(account: Option<Fresh<Account, 300>>) -> String {
    account.map_or("guest".to_owned(), |account| account.name.clone())
}

#[get("/optional-current")]
fn optional_current(account: Option<Current<Account, 10>>) -> String {
    account.map_or("guest".to_owned(), |account| account.name.clone())
}

#[get("/optional-proven")]
fn optional_proven(account: Option<Proven<Account>>) -> String {
    account.map_or("guest".to_owned(), |account| account.name.clone())
}

#[post("/prove")]
fn prove(session: Session<Account>) -> Result<(), SessionError> {
    session.reauthenticated()
}

#[post("/end-others")]
fn end_others(session: Session<Account>) -> Result<(), SessionError> {
    session.end_others()
}

#[get("/fresh")]
fn fresh(account: Fresh<Account, 300>) -> String {
    account.name.clone()
}

async fn guard(request: &rocket::Request<'_>) {
    let session = request.guard::<Session<Account>>().await.unwrap();
    let _ = session.update(|account| account.name.push('+'));
}

#[post("/twice/<name>")]
fn append(session: Session<Account>, name: &str) -> Result<Status, SessionError> {
    session.update(|account| account.name.push_str(name))?;
    Ok(if name == "fail" { Status::InternalServerError } else { Status::Ok })
}

#[get("/clash")]
fn look_at_visitor(session: Session<Visitor>) -> String {
    session.with(|visitor| visitor.map_or("guest".to_owned(), |visitor| visitor.name.clone()))
}

#[derive(Responder)]
struct Cached {
    body: (),
    cache_control: Header<'static>,
    vary: Header<'static>,
}

#[get("/cached")]
fn cached(session: Session<Account>) -> Result<Cached, SessionError> {
    session.start(Account::new("ada"))?;
    let header = |name, value| Header::new::<&str, &str>(name, value);
    Ok(Cached {
        body: (),
        cache_control: header("cache-control", "private"),
        vary: header("vary", "Accept"),
    })
}

#[get("/late")]
fn late(session: Session<Account>) -> ReaderStream![Late] {
    ReaderStream::one(Late(Some(session)))
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

#[get("/events")]
fn events(session: Session<Account>) -> Result<(ContentType, TextStream![String]), SessionError> {
    session.update(|account| account.name = "streamed".to_owned())?;
    let events = TextStream! {
        for _ in 0..2 {
            let name = session.with(|account| account.unwrap().name.clone());
            yield format!("data: {name}\n\n");
        }
    };
    Ok((ContentType::EventStream, events))
}

#[derive(Responder)]
#[response(status = 101)]
struct Socket {
    body: (),
    connection: Header<'static>,
    upgrade: Header<'static>,
    was: Header<'static>,
}

#[get("/socket")]
fn socket(session: Session<Account>) -> Result<Socket, SessionError> {
    let was =
        session.update(|account| std::mem::replace(&mut account.name, "upgraded".to_owned()))?;
    Ok(Socket {
        body: (),
        connection: Header::new("connection", "upgrade"),
        upgrade: Header::new("upgrade", "websocket"),
        was: Header::new("x-was", was),
    })
}

#[get("/note")]
fn note(note: Sealed<Note>) -> String {
    note.get().map_or("none".to_owned(), |note| note.text)
}

#[get("/missing/note")]
fn missing_note(note: Sealed<Note>) -> String {
    self::note(note)
}

#[post("/note/<text>")]
fn set_note(note: Sealed<Note>, text: &str) -> Result<(), SetError> {
    note.set(&Note::new(text))
}

#[post("/large-note/<len>")]
fn set_large_note(note: Sealed<Note>, len: usize) -> Result<(), SetError> {
    note.set(&Note::new("x".repeat(len)))
}

#[post("/take-note")]
fn take_note(note: Sealed<Note>) -> String {
    note.take().map_or("none".to_owned(), |note| note.text)
}

#[post("/remove-note")]
fn remove_note(note: Sealed<Note>) -> Result<(), SetError> {
    note.remove()
}

#[post("/note-and-fail")]
fn note_and_fail(note: Sealed<Note>) -> Result<Status, SetError> {
    note.set(&Note::new("failed"))?;
    Ok(Status::InternalServerError)
}

#[post("/take-note-and-fail")]
fn take_note_and_fail(note: Sealed<Note>) -> Result<Status, SessionError> {
    note.take().ok_or(SessionError::NoSession)?;
    note.set(&Note::new("failed"))?;
    Ok(Status::InternalServerError)
}

async fn take_before(request: &rocket::Request<'_>) {
    let note = request.guard::<Sealed<Note>>().await.unwrap();
    let _ = note.take();
}

#[post("/twice-note/<text>")]
fn set_note_twice(note: Sealed<Note>, text: &str) -> Result<(), SetError> {
    set_note(note, text)
}

/// Five applications: `with` has the fairings, `twice` and `twice_note` each have one fairing
/// twice, `clash` has a second fairing for another type of state in the same cookie, and `without`
/// has no fairing. An application starts when it gets its first request.
struct Apps {
    with: Started,
    twice: Started,
    twice_note: Started,
    clash: Started,
    without: Started,
}

type Started = LazyCell<Client, Box<dyn FnOnce() -> Client>>;

impl App for Apps {
    fn send(&self, request: &Request) -> Response {
        let client = match request.path.split('/').nth(1) {
            Some("missing") => &self.without,
            Some("twice") => &self.twice,
            Some("twice-note") => &self.twice_note,
            Some("clash") => &self.clash,
            _ => &self.with,
        };
        let method: Method = request.method.parse().unwrap();
        let mut call = client.req(method, request.path.as_str());
        for (name, value) in &request.headers {
            call.add_header(Header::new(name.clone(), value.clone()));
        }
        if let Some(authority) = &request.authority {
            call.inner_mut().set_host(Host::parse_owned(authority.clone()).unwrap());
        }
        let response = call.dispatch();
        let headers = response.headers().iter();
        let headers = headers
            .map(|header| (header.name().as_str().to_lowercase(), header.value().to_owned()))
            .collect();
        let status = response.status().code;
        Response { status, headers, body: response.into_string().unwrap_or_default() }
    }
}

#[get("/", rank = 2)]
fn guest() -> &'static str {
    "hello, guest"
}

#[get("/")]
fn known(account: Required<Account>) -> String {
    required(account)
}

#[test]
fn a_guard_forwards_a_guest_to_the_next_route() {
    let ring = bulla::KeyRing::generate().unwrap();
    let sessions = Sessions::<Account>::builder(ring, bulla::Policy::default());
    let sessions = sessions.sign_in_page("/x").build();
    let rocket =
        rocket().attach(SessionFairing::from(sessions)).mount("/", routes![guest, known, start]);
    let client = Client::tracked(rocket).unwrap();
    assert_eq!(client.get("/").dispatch().into_string().unwrap(), "hello, guest");
    assert_eq!(client.post("/start/ada").dispatch().status(), Status::Ok);
    assert_eq!(client.get("/").dispatch().into_string().unwrap(), "ada");
}

#[get("/")]
fn member(_account: Required<Account>) -> &'static str {
    "member"
}

#[get("/", rank = 2)]
fn failing_guest(session: Session<Account>) -> Result<Status, SessionError> {
    session.start(Account::new("ada"))?;
    Ok(Status::ServiceUnavailable)
}

/// The response of the route itself fails here, not the response of a guard before the route.
#[test]
fn a_route_for_guests_that_fails_changes_nothing() {
    let ring = bulla::KeyRing::generate().unwrap();
    let sessions = Sessions::<Account>::builder(ring, bulla::Policy::default());
    let sessions = sessions.sign_in_page("/in").build();
    let app =
        rocket().attach(SessionFairing::from(sessions)).mount("/", routes![member, failing_guest]);
    let client = Client::untracked(app).unwrap();
    let response = client.get("/").dispatch();
    assert_eq!(response.status(), Status::ServiceUnavailable);
    assert_eq!(response.headers().get_one("set-cookie"), None);
}

#[allow(dead_code, reason = "`main` is for the program")]
#[path = "../../examples/users_rocket.rs"]
mod users;
