//! A small application with htmx and scripts. It runs in this process, and records how each request
//! arrived and what was answered.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use axum::Router;
use axum::extract::{Form, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use bulla::session::local_path;
use bulla::transport::SameSite;
use bulla::{
    Cookie, KeyRing, Payload, Policy, Required, Revocations, Session, SessionError, SessionLayer,
    Sessions,
};
use serde::{Deserialize, Serialize};
use tungstenite::handshake::derive_accept_key;

use crate::Outcome;

/// Where the office is, and which cookie it has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Site {
    /// A host that the browser trusts like HTTPS. Its cookie has `SameSite=None`, so that the
    /// browser sends it with every request. Nothing but bulla's rule protects the session.
    Trusted,
    /// A host over plain HTTP, to which the browser sends no `Sec-Fetch-…`. Its cookie is not
    /// `Secure`, and has `SameSite=Lax`.
    Plain,
}

impl Site {
    pub(crate) const BOTH: [Site; 2] = [Site::Trusted, Site::Plain];

    pub(crate) fn host(self) -> &'static str {
        match self {
            Site::Trusted => "office.localhost",
            Site::Plain => "office.test",
        }
    }

    fn cookie(self) -> Cookie {
        match self {
            Site::Trusted => Cookie::default().with_same_site(SameSite::None),
            Site::Plain => Cookie::default().over_plain_http(),
        }
    }
}

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "office.example/session")]
struct Account {
    name: String,
}

pub(crate) struct Office {
    site: Site,
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    sessions: Sessions<Account>,
}

/// A request, and the status of its response.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Such as `GET /rows`.
    pub(crate) line: String,
    /// `Sec-Fetch-Site`.
    pub(crate) site: Option<String>,
    /// `Sec-Fetch-Mode`.
    pub(crate) mode: Option<String>,
    pub(crate) origin: Option<String>,
    /// Whether the browser sent the session's cookie.
    pub(crate) cookie: bool,
    pub(crate) status: u16,
}

impl Office {
    /// Serves the application until this process ends. `htmx` is the script that its pages load.
    pub(crate) fn open(site: Site, htmx: String) -> Outcome<Office> {
        let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
            .cookie(site.cookie())
            .revocations(&Revocations::new())
            .sign_in_page("/sign-in")
            .build();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let name = sessions.cookie_name().ok_or("the office has a cookie")?.to_owned();
        let app = Router::new()
            .route("/", get(home))
            .route("/rows", get(rows).post(add))
            .route("/socket", get(socket))
            .route("/sign-in", get(sign_in_form).post(sign_in))
            .route(
                "/htmx.js",
                get(async move || ([(header::CONTENT_TYPE, "text/javascript")], htmx)),
            )
            .layer(SessionLayer::from(sessions.clone()))
            .layer(from_fn_with_state((Arc::clone(&seen), name), record));

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        thread::spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, app).await
            })
        });
        Ok(Office { site, port, seen, sessions })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}:{}{path}", self.site.host(), self.port)
    }

    /// Ends all sessions, as if their users had signed out elsewhere.
    pub(crate) fn end_sessions(&self) -> Outcome {
        Ok(self.sessions.revoke_all()?)
    }

    /// The requests with this line, since the last call of [`forget`](Office::forget).
    pub(crate) fn seen(&self, line: &str) -> Vec<Seen> {
        locked(&self.seen).iter().filter(|seen| seen.line == line).cloned().collect()
    }

    pub(crate) fn forget(&self) {
        locked(&self.seen).clear();
    }
}

fn locked(seen: &Mutex<Vec<Seen>>) -> MutexGuard<'_, Vec<Seen>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn record(
    State((all, cookie)): State<(Arc<Mutex<Vec<Seen>>>, String)>,
    request: Request,
    next: Next,
) -> Response {
    let seen = Seen::of(&request, &cookie);
    let response = next.run(request).await;
    locked(&all).push(Seen { status: response.status().as_u16(), ..seen });
    response
}

impl Seen {
    fn of(request: &Request, cookie: &str) -> Seen {
        let text = |name: &str| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
        Seen {
            line: format!("{} {}", request.method(), request.uri().path()),
            site: text("sec-fetch-site"),
            mode: text("sec-fetch-mode"),
            origin: text("origin"),
            cookie: text("cookie").is_some_and(|line| line.contains(&format!("{cookie}="))),
            status: 0,
        }
    }
}

async fn home(account: Required<Account>) -> Html<String> {
    Html(format!(
        "<!doctype html><meta charset=utf-8><title>Office</title><script src=/htmx.js></script>\
         <h1>Orders of {}</h1>\
         <button id=more hx-get=/rows hx-target=#rows>Show more</button>\
         <button id=add hx-post=/rows hx-target=#rows>Add</button>\
         <form method=post action=/rows><button id=form>Add with a form</button></form>\
         <div id=rows></div>",
        account.name
    ))
}

async fn rows(account: Required<Account>) -> Html<String> {
    Html(format!("<p>An order of {}</p>", account.name))
}

async fn add(account: Required<Account>) -> Html<String> {
    Html(format!("<p>A new order of {}</p>", account.name))
}

/// Opens a WebSocket, and closes it at once.
async fn socket(_: Required<Account>, headers: HeaderMap) -> Response {
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map_or(&b""[..], |key| key.as_bytes());
    let accept = derive_accept_key(key);
    let headers =
        [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-accept", &accept)];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

#[derive(Deserialize)]
struct Back {
    next: Option<String>,
}

#[derive(Deserialize)]
struct Login {
    user: String,
}

async fn sign_in_form() -> Html<&'static str> {
    Html("<!doctype html><title>Sign in</title><form method=post><input name=user><button>Sign in")
}

async fn sign_in(
    session: Session<Account>,
    Query(back): Query<Back>,
    Form(login): Form<Login>,
) -> Result<Redirect, SessionError> {
    session.start(Account { name: login.user })?;
    Ok(Redirect::to(back.next.as_deref().and_then(local_path).unwrap_or("/")))
}
