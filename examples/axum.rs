//! Sessions in axum: guards, pages to sign in (with "keep me signed in") and to confirm the password,
//! and an upgrade of the state's type.
//!
//! ```sh
//! cargo run --example axum --features axum08
//! curl -i -c jar -d user=ada -d remember=on http://127.0.0.1:3000/sign-in
//! curl -i -b jar http://127.0.0.1:3000/balance
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

use std::time::Duration;

use axum::extract::{Form, Query};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{Router, get, post};
use bulla::session::{Start, local_path};
use bulla::{
    Fresh, KeyRing, Payload, Policy, Required, Session, SessionError, SessionLayer, Sessions,
};
use serde::{Deserialize, Serialize};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Deserialize)]
struct Login {
    user: String,
    /// A browser sends the box only if it is ticked.
    remember: Option<String>,
}

#[derive(Deserialize)]
struct Confirm {
    password: String,
}

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct AccountV1 {
    name: String,
}

impl From<AccountV1> for Account {
    fn from(old: AccountV1) -> Account {
        Account { name: old.name, visits: 0 }
    }
}

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session", version = 2, previous = AccountV1)]
struct Account {
    name: String,
    visits: u32,
}

fn app(ring: KeyRing) -> Router {
    let sessions = Sessions::<Account>::builder(ring, Policy::default())
        .remembered(Policy::new(14 * DAY, 30 * DAY)) // "keep me signed in"
        .sign_in_page("/sign-in") // for requests without a session
        .step_up_page("/confirm") // for sessions that are not fresh
        .build();
    Router::new()
        .route("/", get(home))
        .route("/sign-in", get(sign_in_form).post(sign_in))
        .route("/balance", get(balance))
        .route("/transfer", get(transfer_form).post(transfer))
        .route("/confirm", get(confirm_form).post(confirm))
        .route("/logout", post(logout))
        .layer(SessionLayer::from(sessions))
}

/// The query of a page to which a guard redirected, such as `?next=/transfer`.
#[derive(Deserialize)]
struct Back {
    next: Option<String>,
}

impl Back {
    /// Anyone can write a link to the page, so `local_path` refuses addresses on other sites.
    fn or(&self, home: &str) -> Redirect {
        Redirect::to(self.next.as_deref().and_then(local_path).unwrap_or(home))
    }
}

/// The form has no `action`, so it is sent to the address of the page, with `next`.
async fn sign_in_form() -> Html<&'static str> {
    Html(
        "<form method=post><input name=user>\
         <label><input type=checkbox name=remember> Keep me signed in</label><button>Sign in",
    )
}

/// If the state is too large for a cookie, `start_with` returns an error. A browser would drop such
/// a cookie silently.
async fn sign_in(
    session: Session<Account>,
    Query(back): Query<Back>,
    Form(login): Form<Login>,
) -> Result<Redirect, SessionError> {
    let start = match login.remember {
        Some(_) => Start::new().remembered(),
        None => Start::new(),
    };
    session.start_with(Account { name: login.user, visits: 0 }, start)?;
    Ok(back.or("/balance"))
}

/// Without a session, the response is a redirect to the sign-in page.
async fn balance(account: Required<Account>) -> String {
    format!("{} is rich", account.name)
}

/// If the user signed in more than five minutes ago, the response is a redirect to `/confirm`. The
/// form requires it too, because a redirect loses what a user has entered in a form.
async fn transfer_form(_: Fresh<Account, 300>) -> Html<&'static str> {
    Html("<form method=post><button>Send the money")
}

async fn transfer(account: Fresh<Account, 300>) -> String {
    format!("{} was rich", account.name)
}

async fn confirm_form(_: Required<Account>) -> Html<&'static str> {
    Html("<form method=post><input type=password name=password><button>Confirm")
}

async fn confirm(
    account: Required<Account>,
    session: Session<Account>,
    Query(back): Query<Back>,
    Form(confirm): Form<Confirm>,
) -> Result<Response, SessionError> {
    if confirm.password != "secret" {
        return Ok(confirm_form(account).await.into_response());
    }
    session.reauthenticated()?;
    Ok(back.or("/balance").into_response())
}

async fn home(session: Session<Account>) -> Result<String, SessionError> {
    if session.get().is_none() {
        return Ok("hello, guest".to_owned());
    }
    let visits = session.update(|account| {
        account.visits += 1;
        account.visits
    })?;
    Ok(format!("visit {visits}"))
}

async fn logout(session: Session<Account>) -> Result<Redirect, SessionError> {
    session.end()?;
    Ok(Redirect::to("/"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
    let ring = KeyRing::generate()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app(ring)).await?;
    Ok(())
}
