//! The tower layer and the axum extractors, without a server.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use bulla::{
    Bearer, Channel, Cookie, Fresh, Policy, Required, Session, SessionError, SessionLayer,
    Sessions, Start, UnixTime,
};
use futures_executor::block_on;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use crate::support::{Account, STATE, T0, ada, alan, key_text, ring};

#[derive(Clone)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn new() -> Clock {
        Clock(Arc::new(AtomicU64::new(T0.as_secs())))
    }

    fn advance(&self, secs: u64) {
        self.0.fetch_add(secs, Ordering::Relaxed);
    }
}

fn layer(clock: &Clock) -> SessionLayer<Account> {
    let clock = clock.clone();
    Sessions::builder(ring(&[&key_text()]), Policy::default())
        .cookie(Cookie::default())
        .bearer(Bearer::default())
        .clock(move || UnixTime::from_secs(clock.0.load(Ordering::Relaxed)))
        .build()
        .into()
}

fn app(clock: &Clock) -> Router {
    async fn login(session: Session<Account>) -> Result<&'static str, SessionError> {
        session.start(ada())?;
        Ok("welcome")
    }
    async fn login_mobile(session: Session<Account>) -> Result<&'static str, SessionError> {
        session.start_with(ada(), Start::new().over(Channel::Bearer))?;
        Ok("welcome")
    }
    async fn balance(account: Required<Account>) -> String {
        account.name.clone()
    }
    async fn transfer(account: Fresh<Account, 300>) -> String {
        account.name.clone()
    }
    async fn logout(session: Session<Account>) -> Result<(), SessionError> {
        session.end()
    }
    async fn fails(session: Session<Account>) -> StatusCode {
        session.start(alan()).unwrap();
        StatusCode::INTERNAL_SERVER_ERROR
    }
    async fn too_large(session: Session<Account>) -> Result<(), SessionError> {
        session.start(Account { id: 1, name: "x".repeat(5000) })
    }
    async fn cached(session: Session<Account>) -> impl IntoResponse {
        session.start(ada()).unwrap();
        [(header::CACHE_CONTROL, "private, max-age=5"), (header::VARY, "Accept")]
    }
    async fn later(session: Session<Account>) -> Body {
        Body::new(Late(Some(session)))
    }
    Router::new()
        .route("/login", post(login))
        .route("/api/login", post(login_mobile))
        .route("/balance", get(balance))
        .route("/transfer", get(transfer))
        .route("/logout", post(logout))
        .route("/fails", post(fails))
        .route("/too-large", post(too_large))
        .route("/cached", get(cached))
        .route("/later", get(later))
        .route("/untouched", get(|| async { "hello" }))
        .layer(layer(clock))
}

/// A body that tries to change the session when it is polled.
struct Late(Option<Session<Account>>);

impl axum::body::HttpBody for Late {
    type Data = axum::body::Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Infallible>>> {
        let said = self.0.take().map(|session| format!("{:?}", session.start(ada())));
        std::task::Poll::Ready(said.map(|said| Ok(http_body::Frame::data(said.into()))))
    }
}

fn send(app: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    block_on(app.clone().oneshot(request.body(Body::empty()).unwrap())).unwrap()
}

fn text(response: Response<Body>) -> String {
    let bytes = block_on(axum::body::to_bytes(response.into_body(), 1 << 16)).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn cookie(headers: &HeaderMap) -> String {
    let line = headers[header::SET_COOKIE].to_str().unwrap();
    line.split(';').next().unwrap().to_owned()
}

#[test]
fn a_browser_signs_in_is_known_and_signs_out() {
    let app = app(&Clock::new());
    let response = send(&app, "POST", "/login", &[]);
    assert!(response.headers()[header::SET_COOKIE].is_sensitive());
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[header::VARY], "Cookie, Authorization");
    let cookie = cookie(response.headers());

    let response = send(&app, "GET", "/balance", &[("cookie", &cookie)]);
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key(header::SET_COOKIE));
    assert_eq!(text(response), "Ada");

    let response = send(&app, "POST", "/logout", &[("cookie", &cookie)]);
    let removed = response.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(removed.starts_with("__Host-session=; "), "{removed}");
}

#[test]
fn a_mobile_client_does_the_same_over_headers_and_never_gets_a_cookie() {
    let app = app(&Clock::new());
    let response = send(&app, "POST", "/api/login", &[]);
    assert!(!response.headers().contains_key(header::SET_COOKIE));
    let token = response.headers()["session-token"].to_str().unwrap();
    let bearer = format!("Bearer {token}");
    let response = send(&app, "GET", "/balance", &[("authorization", &bearer)]);
    assert_eq!(text(response), "Ada");
    let response = send(&app, "POST", "/logout", &[("authorization", &bearer)]);
    assert_eq!(response.headers()["session-token"], "");
    assert!(!response.headers().contains_key(header::SET_COOKIE));
    let response = send(&app, "GET", "/balance", &[("authorization", "Bearer b1.AAAA")]);
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
}

#[test]
fn an_untouched_route_gains_no_header() {
    let app = app(&Clock::new());
    let cookie = format!("{STATE}=b1.forged");
    let response = send(&app, "GET", "/untouched", &[("cookie", &cookie)]);
    let names: Vec<&str> = response.headers().keys().map(header::HeaderName::as_str).collect();
    assert_eq!(names, ["content-type", "content-length"]);
}

#[test]
fn guards_answer_alike_whatever_is_wrong() {
    let clock = Clock::new();
    let app = app(&clock);
    let good = cookie(send(&app, "POST", "/login", &[]).headers());
    clock.advance(1800);
    let tokens = ["b1.AAAA", "s1.AAAA", "", "b1", "eyJ.eyJ.x", &good[STATE.len() + 1..]];
    let answers: Vec<(StatusCode, String)> = tokens
        .iter()
        .map(|token| {
            let header = format!("{STATE}={token}");
            let response = send(&app, "GET", "/balance", &[("cookie", &header)]);
            (response.status(), text(response))
        })
        .collect();
    assert!(answers.iter().all(|a| *a == (StatusCode::UNAUTHORIZED, "Sign in first.".into())));
}

#[test]
fn a_step_up_is_asked_for_after_five_minutes() {
    let clock = Clock::new();
    let app = app(&clock);
    let response = send(&app, "POST", "/api/login", &[]);
    let bearer = format!("Bearer {}", response.headers()["session-token"].to_str().unwrap());
    let transfer = || send(&app, "GET", "/transfer", &[("authorization", &bearer)]);
    clock.advance(300);
    assert_eq!(transfer().status(), 200);
    clock.advance(1);
    let response = transfer();
    assert_eq!(response.status(), 401);
    assert_eq!(
        response.headers()[header::WWW_AUTHENTICATE],
        "Bearer error=\"insufficient_user_authentication\", max_age=300"
    );
}

#[test]
fn a_configured_page_is_where_a_browser_is_sent() {
    let sessions = Sessions::<Account>::builder(ring(&[&key_text()]), Policy::default())
        .sign_in_page("/sign-in")
        .build();
    let app = Router::new()
        .route("/", get(|_: Required<Account>| async {}))
        .layer(SessionLayer::from(sessions));
    let response = send(&app, "GET", "/", &[]);
    assert_eq!(
        (response.status(), &response.headers()["location"]),
        (StatusCode::SEE_OTHER, &"/sign-in".parse().unwrap())
    );
}

#[test]
fn a_handler_that_fails_has_changed_nothing() {
    let app = app(&Clock::new());
    let response = send(&app, "POST", "/fails", &[]);
    assert_eq!(response.status(), 500);
    assert!(!response.headers().contains_key(header::SET_COOKIE));
}

#[test]
fn a_state_too_large_is_an_opaque_500_and_the_old_session_stays() {
    let app = app(&Clock::new());
    let cookie = cookie(send(&app, "POST", "/login", &[]).headers());
    let response = send(&app, "POST", "/too-large", &[("cookie", &cookie)]);
    assert_eq!(response.status(), 500);
    assert!(!response.headers().contains_key(header::SET_COOKIE));
    assert_eq!(text(response), "Internal server error");
}

#[test]
fn the_application_has_the_last_word_on_caching_and_vary_adds_up() {
    let app = app(&Clock::new());
    let response = send(&app, "GET", "/cached", &[]);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "private, max-age=5");
    let vary: Vec<_> = response.headers().get_all(header::VARY).iter().collect();
    assert_eq!(vary, ["Accept", "Cookie, Authorization"]);
}

#[test]
fn a_change_after_the_head_has_left_is_an_error() {
    let app = app(&Clock::new());
    assert_eq!(text(send(&app, "GET", "/later", &[])), "Err(ResponseSent)");
}

#[test]
fn a_missing_layer_is_a_500_that_names_it() {
    let app = Router::new()
        .route("/session", get(|_: Session<Account>| async {}))
        .route("/required", get(|_: Required<Account>| async {}));
    for path in ["/session", "/required"] {
        let response = send(&app, "GET", path, &[]);
        assert_eq!(response.status(), 500);
        let said = text(response);
        assert!(said.contains("SessionLayer::<it::support::Account>"), "{said}");
    }
}

#[test]
fn the_layer_needs_nothing_of_a_body() {
    struct NoDefault;
    async fn handler(request: Request<()>) -> Result<Response<NoDefault>, Infallible> {
        request.extensions().get::<Session<Account>>().unwrap().start(ada()).unwrap();
        Ok(Response::new(NoDefault))
    }
    let mut service =
        ServiceBuilder::new().layer(layer(&Clock::new())).service(service_fn(handler));
    let response = block_on(service.call(Request::new(()))).unwrap();
    assert!(cookie(response.headers()).starts_with("__Host-session=b1."));
}

/// hyper asks for a service it can clone and send, tonic also for `Sync`;
/// neither asks for a body's `Default`, and no future is boxed.
#[test]
fn the_layer_fits_what_hyper_and_tonic_ask_of_a_service() {
    struct NoDefault;
    fn fits<S>(_: &S)
    where
        S: Service<Request<NoDefault>, Response = Response<NoDefault>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
    }
    let inner = service_fn(|_: Request<NoDefault>| async { Ok(Response::new(NoDefault)) });
    fits(&ServiceBuilder::new().layer(layer(&Clock::new())).service(inner));
}
