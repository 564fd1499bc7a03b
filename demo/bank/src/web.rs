//! The pages of a browser, with the session in a cookie.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use bulla::{Fresh, Rejection, Required, Session, SessionError};
use serde::Deserialize;

use crate::ledger::{Ledger, Money};
use crate::pages::{self, Pages};
use crate::release::Release;

/// A transfer asks for a sign-in not older than this.
const FRESH_SECONDS: u64 = 5 * 60;

#[derive(Clone)]
struct Bank {
    ledger: Arc<Ledger>,
    pages: Pages,
}

pub(crate) fn routes<C: Release>(ledger: Arc<Ledger>, pages: Pages) -> Router {
    Router::new()
        .route("/", get(home::<C>))
        .route("/login", post(login::<C>))
        .route("/balance", get(balance::<C>))
        .route("/transfer", post(transfer::<C>))
        .route("/logout", post(logout::<C>))
        .route("/style.css", get(style))
        .layer(from_fn(guard))
        .with_state(Bank { ledger, pages })
}

async fn home<C: Release>(State(bank): State<Bank>, session: Session<C>) -> Response {
    match session.get() {
        Some(_) => Redirect::to("/balance").into_response(),
        None => bank.pages.sign_in(None).into_response(),
    }
}

#[derive(Deserialize)]
struct Login {
    user: String,
    pin: String,
}

async fn login<C: Release>(
    State(bank): State<Bank>,
    session: Session<C>,
    Form(login): Form<Login>,
) -> Result<Response, SessionError> {
    let Some(user) = bank.ledger.sign_in(&login.user, &login.pin) else {
        let page = bank.pages.sign_in(Some("No such user, or another PIN."));
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    session.start(C::sign_in(user))?;
    Ok(Redirect::to("/balance").into_response())
}

async fn balance<C: Release>(
    State(bank): State<Bank>,
    session: Session<C>,
    customer: Result<Required<C>, Rejection>,
) -> Result<Response, SessionError> {
    let customer = match customer {
        Ok(customer) => customer,
        Err(rejection) => return Ok(bank.refuse(&session, rejection, "Sign in first.")),
    };
    let page = bank.overview(&session, &*customer, None);
    if customer.notice().is_some() {
        session.update(C::clear_notice)?;
    }
    Ok(page)
}

#[derive(Deserialize)]
struct Transfer {
    to: String,
    amount: String,
}

async fn transfer<C: Release>(
    State(bank): State<Bank>,
    session: Session<C>,
    customer: Result<Fresh<C, FRESH_SECONDS>, Rejection>,
    Form(transfer): Form<Transfer>,
) -> Result<Response, SessionError> {
    let customer = match customer {
        Ok(customer) => customer,
        Err(rejection) => {
            let text = "A transfer asks for a sign-in within the last five minutes.";
            return Ok(bank.refuse(&session, rejection, text));
        }
    };
    let done = transfer.amount.parse::<Money>().map_err(str::to_owned).and_then(|amount| {
        let moved = bank.ledger.transfer(customer.user(), &transfer.to, amount);
        moved.map(|()| amount).map_err(|error| error.to_string())
    });
    match done {
        Err(problem) => {
            let page = bank.overview(&session, &*customer, Some(&problem));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Ok(amount) => {
            let notice = format!("You sent {amount} to {}.", transfer.to);
            session.update(|customer| customer.remember_transfer(notice))?;
            Ok(Redirect::to("/balance").into_response())
        }
    }
}

async fn logout<C: Release>(session: Session<C>) -> Result<Redirect, SessionError> {
    session.end()?;
    Ok(Redirect::to("/"))
}

impl Bank {
    fn overview<C: Release>(
        &self,
        session: &Session<C>,
        customer: &C,
        problem: Option<&str>,
    ) -> Response {
        let account = self.ledger.account(customer.user());
        let (Some(account), Some(info)) = (account, session.info()) else {
            return (StatusCode::NOT_FOUND, self.pages.sign_in(None)).into_response();
        };
        let others = self.ledger.others(customer.user());
        let facts = pages::Facts { account, info, now: session.now(), others };
        self.pages.overview(customer, &facts, problem).into_response()
    }

    /// The page says the same whatever was wrong; the log knows more.
    fn refuse<C: Release>(
        &self,
        session: &Session<C>,
        rejection: Rejection,
        text: &str,
    ) -> Response {
        match rejection {
            Rejection::Denied(_) => {
                tracing::info!(status = ?session.status(), "sent to the sign-in page");
                (StatusCode::UNAUTHORIZED, self.pages.sign_in(Some(text))).into_response()
            }
            other => other.into_response(),
        }
    }
}

async fn style() -> impl IntoResponse {
    let headers =
        [(header::CONTENT_TYPE, "text/css"), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, include_str!("style.css"))
}

/// Forms of other sites are refused (SameSite=Lax does it too, in browsers
/// that know it), and pages may load nothing but the style sheet.
async fn guard(request: Request, next: Next) -> Response {
    let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
    let foreign = matches!(site, Some(b"cross-site" | b"same-site"));
    if foreign && request.method() != axum::http::Method::GET {
        return (StatusCode::FORBIDDEN, "This form belongs to another site.").into_response();
    }
    let mut response = next.run(request).await;
    let policy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'";
    let headers = response.headers_mut();
    // Pages show balances: the back button after signing out must not.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
