//! The routes for browsers. The session travels in a cookie.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use bulla::session::local_path;
use bulla::{Required, Session, SessionError};
use serde::Deserialize;

use crate::ledger::{Ledger, Money, TransferError};
use crate::pages::{self, Pages};
use crate::release::Release;

/// The page to which guards redirect browsers.
pub(crate) const SIGN_IN: &str = "/sign-in";

/// The same text for every reason, so that a client cannot tell a forged token from an
/// expired one.
const SIGN_IN_FIRST: &str = "You are not signed in, or your session has ended.";

#[derive(Clone)]
struct Bank {
    ledger: Arc<Ledger>,
    pages: Pages,
}

pub(crate) fn routes<C: Release>(ledger: Arc<Ledger>, pages: Pages) -> Router {
    Router::new()
        .route("/", get(home::<C>))
        .route(SIGN_IN, get(sign_in))
        .route("/login", post(login::<C>))
        .route("/balance", get(balance::<C>))
        .route("/transfer", post(transfer::<C>))
        .route("/logout", post(logout::<C>))
        .route("/logout-others", post(logout_others::<C>))
        .route("/signed-out", get(signed_out))
        .route("/style.css", get(style))
        .route("/guest.css", get(forget))
        .layer(from_fn(add_headers))
        .with_state(Bank { ledger, pages })
}

async fn home<C: Release>(State(bank): State<Bank>, session: Session<C>) -> Response {
    match session.get() {
        Some(_) => Redirect::to("/balance").into_response(),
        None => bank.pages.sign_in(None, None).into_response(),
    }
}

#[derive(Deserialize)]
struct Back {
    next: Option<String>,
}

/// The page carries `next`, which the guard has added to its address, to the form.
async fn sign_in(State(bank): State<Bank>, Query(back): Query<Back>) -> impl IntoResponse {
    bank.pages.sign_in(Some(SIGN_IN_FIRST), back.next.as_deref())
}

#[derive(Deserialize)]
struct Login {
    user: String,
    pin: String,
    next: Option<String>,
}

async fn login<C: Release>(
    State(bank): State<Bank>,
    session: Session<C>,
    Form(login): Form<Login>,
) -> Result<Response, SessionError> {
    let Some(user) = bank.ledger.sign_in(&login.user, &login.pin) else {
        let page = bank.pages.sign_in(Some("Wrong user name or PIN."), login.next.as_deref());
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    session.start(C::sign_in(user))?;
    // Anyone can write a link to the sign-in page, so other sites are refused.
    let next = login.next.as_deref().and_then(local_path);
    Ok(Redirect::to(next.unwrap_or("/balance")).into_response())
}

async fn balance<C: Release>(
    State(bank): State<Bank>,
    session: Session<C>,
    customer: Required<C>,
) -> Result<Response, SessionError> {
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
    /// Present only if the step-up page has asked for it.
    pin: Option<String>,
}

/// Sends money. If the user entered the PIN too long ago, asks for it first.
async fn transfer<C: Release>(
    State(bank): State<Bank>,
    session: Session<C>,
    customer: Required<C>,
    Form(transfer): Form<Transfer>,
) -> Result<Response, SessionError> {
    let problem = |problem: &str| {
        let page = bank.overview(&session, &*customer, Some(problem));
        (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
    };
    let amount = match transfer.amount.parse::<Money>() {
        Ok(amount) => amount,
        Err(error) => return Ok(problem(error)),
    };
    let Some(payee) = bank.ledger.account(&transfer.to) else {
        return Ok(problem(&TransferError::NoSuchAccount.to_string()));
    };
    // With a fixed age, the extractor `Fresh<C, 300>` does this. Here the age is a
    // command-line option.
    if session.require_fresh(bank.pages.fresh).is_err() {
        let ask = |problem: Option<&str>| {
            let page = bank.pages.step_up(&transfer.to, payee.name, amount, problem);
            Ok((StatusCode::UNAUTHORIZED, page).into_response())
        };
        match &transfer.pin {
            None => return ask(None),
            Some(pin) if bank.ledger.sign_in(customer.user(), pin).is_none() => {
                return ask(Some("The PIN is wrong."));
            }
            Some(_) => session.reauthenticated()?,
        }
    }
    if let Err(error) = bank.ledger.transfer(customer.user(), &transfer.to, amount) {
        return Ok(problem(&error.to_string()));
    }
    let notice = format!("You sent {amount} to {}.", payee.name);
    session.update(|customer| customer.remember_transfer(notice))?;
    Ok(Redirect::to("/balance").into_response())
}

async fn logout_others<C: Release>(session: Session<C>) -> Result<Redirect, SessionError> {
    session.end_others()?;
    Ok(Redirect::to("/balance"))
}

async fn logout<C: Release>(session: Session<C>) -> Result<Redirect, SessionError> {
    session.end()?;
    Ok(Redirect::to("/signed-out"))
}

async fn signed_out(State(bank): State<Bank>) -> impl IntoResponse {
    bank.pages.signed_out()
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
            return (StatusCode::NOT_FOUND, self.pages.sign_in(None, None)).into_response();
        };
        let others = self.ledger.others(customer.user());
        let facts = pages::Facts { account, info, now: session.now(), others };
        self.pages.overview(customer, &facts, problem).into_response()
    }
}

async fn style() -> impl IntoResponse {
    let headers =
        [(header::CONTENT_TYPE, "text/css"), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, include_str!("style.css"))
}

/// Makes the browser delete the pages that it keeps for its Back button.
///
/// Chromium 156 keeps even pages with `no-store`, so the next person at the computer could go
/// back to a page with a balance. Pages for guests load this response as a style sheet. The
/// response with the guest page itself would be too early for the header, because the browser
/// stores the previous page after it has received that response.
async fn forget() -> impl IntoResponse {
    [("clear-site-data", "\"cache\""), ("content-type", "text/css")]
}

/// Lets pages load only style sheets of the bank, and sends forms only to the bank.
async fn add_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let policy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'";
    let headers = response.headers_mut();
    // Pages show balances, so no cache may keep them. For the Back button, `forget` is
    // necessary as well.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
