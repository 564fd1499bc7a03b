//! The routes for browsers. The session travels in a cookie.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use bulla::session::{SessionId, local_path};
use bulla::{Required, Session, SessionError, Sessions};
use serde::Deserialize;

use crate::devices::Devices;
use crate::ledger::{Ledger, Money, TransferError};
use crate::pages::{self, Pages};
use crate::release::Release;

/// The page to which guards redirect browsers.
pub(crate) const SIGN_IN: &str = "/sign-in";

/// The same text for every reason, so that a client cannot tell a forged token from an
/// expired one.
const SIGN_IN_FIRST: &str = "You are not signed in, or your session has ended.";

pub(crate) struct Bank<C> {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) devices: Arc<Devices>,
    pub(crate) sessions: Sessions<C>,
    pub(crate) pages: Pages,
}

pub(crate) fn routes<C: Release>(bank: Bank<C>) -> Router {
    Router::new()
        .route("/", get(home::<C>))
        .route(SIGN_IN, get(sign_in::<C>))
        .route("/login", post(login::<C>))
        .route("/balance", get(balance::<C>))
        .route("/transfer", post(transfer::<C>))
        .route("/logout", post(logout::<C>))
        .route("/devices", get(devices::<C>))
        .route("/devices/end", post(end_device::<C>))
        .route("/logout-others", post(logout_others::<C>))
        .route("/signed-out", get(signed_out::<C>))
        .route("/style.css", get(style))
        .route("/guest.css", get(forget))
        .layer(from_fn(add_headers))
        .with_state(Arc::new(bank))
}

type TheBank<C> = State<Arc<Bank<C>>>;

async fn home<C: Release>(State(bank): TheBank<C>, session: Session<C>) -> Response {
    match session.get() {
        Some(_) => Redirect::to("/balance").into_response(),
        None => bank.pages.sign_in(None, None).into_response(),
    }
}

#[derive(Deserialize)]
struct Back {
    next: Option<String>,
}

/// Copies `next`, which the guard has added to the page's address, into the form.
async fn sign_in<C: Release>(State(bank): TheBank<C>, Query(back): Query<Back>) -> Response {
    bank.pages.sign_in(Some(SIGN_IN_FIRST), back.next.as_deref()).into_response()
}

#[derive(Deserialize)]
struct Login {
    user: String,
    pin: String,
    next: Option<String>,
}

async fn login<C: Release>(
    State(bank): TheBank<C>,
    session: Session<C>,
    headers: HeaderMap,
    Form(login): Form<Login>,
) -> Result<Response, SessionError> {
    let Some(user) = bank.ledger.sign_in(&login.user, &login.pin) else {
        let page = bank.pages.sign_in(Some("Wrong user name or PIN."), login.next.as_deref());
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    // If this browser is still signed in, its session leaves the list of devices.
    session.end()?;
    session.start(C::sign_in(user))?;
    if let Some(info) = session.info() {
        bank.devices.record(user, &info, &headers);
    }
    // Anyone can write a link to the sign-in page, so other sites are refused.
    let next = login.next.as_deref().and_then(local_path);
    Ok(Redirect::to(next.unwrap_or("/balance")).into_response())
}

async fn balance<C: Release>(
    State(bank): TheBank<C>,
    session: Session<C>,
    customer: Required<C>,
    headers: HeaderMap,
) -> Result<Response, SessionError> {
    bank.record(&session, &*customer, &headers);
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
    State(bank): TheBank<C>,
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
    if let Pin::Ask(why) = bank.check_pin(&session, &*customer, transfer.pin.as_deref())? {
        let page = bank.pages.confirm_transfer(&transfer.to, payee.name, amount, why);
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    }
    if let Err(error) = bank.ledger.transfer(customer.user(), &transfer.to, amount) {
        return Ok(problem(&error.to_string()));
    }
    let notice = format!("You sent {amount} to {}.", payee.name);
    session.update(|customer| customer.remember_transfer(notice))?;
    Ok(Redirect::to("/balance").into_response())
}

async fn devices<C: Release>(
    State(bank): TheBank<C>,
    session: Session<C>,
    customer: Required<C>,
    headers: HeaderMap,
) -> Response {
    bank.record(&session, &*customer, &headers);
    let here = session.info().map(|info| info.origin);
    bank.pages.devices(&bank.devices.of(customer.user(), session.now()), here).into_response()
}

#[derive(Deserialize)]
struct End {
    device: String,
    /// Present only if the step-up page has asked for it.
    pin: Option<String>,
}

/// Signs one device out. A thief who has taken over a session must not sign the customer out, so
/// this needs a PIN that was entered recently.
async fn end_device<C: Release>(
    State(bank): TheBank<C>,
    session: Session<C>,
    customer: Required<C>,
    Form(end): Form<End>,
) -> Result<Response, SessionError> {
    // An id says nothing about the user, so the list decides whose session it is.
    let origin = end.device.parse::<SessionId>().ok();
    let found = origin.and_then(|of| Some((of, bank.devices.find(customer.user(), of)?)));
    let Some((origin, device)) = found else {
        return Ok((StatusCode::NOT_FOUND, "You have no such device.").into_response());
    };
    if let Pin::Ask(why) = bank.check_pin(&session, &*customer, end.pin.as_deref())? {
        let page = bank.pages.confirm_end(origin, &device, why);
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    }
    if session.info().is_some_and(|info| info.origin == origin) {
        session.end()?; // also deletes the cookie of this browser
        return Ok(Redirect::to("/signed-out").into_response());
    }
    bank.sessions.revoke_session(origin)?;
    bank.devices.remove(origin);
    Ok(Redirect::to("/devices").into_response())
}

async fn logout_others<C: Release>(
    State(bank): TheBank<C>,
    session: Session<C>,
) -> Result<Redirect, SessionError> {
    session.end_others()?;
    if let (Some(customer), Some(info)) = (session.get(), session.info()) {
        bank.devices.keep_only(customer.user(), info.origin);
    }
    Ok(Redirect::to("/devices"))
}

async fn logout<C: Release>(session: Session<C>) -> Result<Redirect, SessionError> {
    session.end()?;
    Ok(Redirect::to("/signed-out"))
}

async fn signed_out<C: Release>(State(bank): TheBank<C>) -> Response {
    bank.pages.signed_out().into_response()
}

/// Whether the user has entered the PIN recently enough.
enum Pin {
    Entered,
    /// Ask for the PIN. The text says what was wrong with the PIN that was entered.
    Ask(Option<&'static str>),
}

impl<C: Release> Bank<C> {
    /// Checks whether the user has entered the PIN recently enough. The extractor `Fresh<C, 300>`
    /// does this for a fixed age. Here, the age is a command-line option.
    fn check_pin(
        &self,
        session: &Session<C>,
        customer: &C,
        pin: Option<&str>,
    ) -> Result<Pin, SessionError> {
        if session.require_fresh(self.pages.fresh).is_ok() {
            return Ok(Pin::Entered);
        }
        let Some(pin) = pin else { return Ok(Pin::Ask(None)) };
        if self.ledger.sign_in(customer.user(), pin).is_none() {
            return Ok(Pin::Ask(Some("The PIN is wrong.")));
        }
        session.reauthenticated()?;
        Ok(Pin::Entered)
    }

    /// Adds the session to the list of devices. It is missing there if the bank has restarted.
    fn record(&self, session: &Session<C>, customer: &C, headers: &HeaderMap) {
        if let Some(info) = session.info() {
            self.devices.record(customer.user(), &info, headers);
        }
    }

    fn overview(&self, session: &Session<C>, customer: &C, problem: Option<&str>) -> Response {
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
