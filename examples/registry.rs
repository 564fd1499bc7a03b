//! The sign-in of a package registry in axum: OAuth, then a sign-up within 30 minutes, then a
//! session of 90 days. The session is in a cookie with `SameSite=Strict`, which a browser sends
//! only with requests from pages of this site.
//!
//! - The provider sends the browser back from another site, so `SignIn` is in a `Lax` cookie.
//! - If `/callback` redirects, the browser still treats the request as one from the provider's
//!   site, and sends no `Strict` cookies. Therefore `/callback` redirects to a page that needs no
//!   cookie. That page opens the next page itself (`/welcome`) or has a form (`/sign-up`).
//! - If a user follows a link on another site to `/me`, the browser arrives at `/sign-in`. The form
//!   there is sent with the cookie and leads to `/me`.
#![allow(missing_docs, reason = "an example program")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::extract::{Form, Query, RawQuery};
use axum::response::{Html, Redirect};
use axum::routing::{Router, get, post};
use bulla::transport::{CookieError, SameSite};
use bulla::{
    Cookie, GuardLayer, KeyRing, Payload, Policy, Required, SealError, Sealed, SealedCookie,
    SealedLayer, Session, SessionError, SessionLayer, Sessions, UnixTime,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "registry.example/session")]
struct Account {
    name: String,
}

/// The `state` of a sign-in that has begun in this browser.
#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "registry.example/sign-in")]
struct SignIn(String);

/// The id of a user at the provider, who has no name here yet.
#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "registry.example/sign-up")]
struct SignUp(String);

/// The name of each id. This map replaces a database.
static NAMES: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

fn registry(ring: &KeyRing, now: fn() -> UnixTime) -> Result<Router, CookieError> {
    let (minute, day) = (Duration::from_secs(60), Duration::from_secs(24 * 60 * 60));
    let strict = |name| Ok(Cookie::new(name)?.with_same_site(SameSite::Strict).persistent());
    let sessions = Sessions::<Account>::builder(ring, Policy::new(90 * day, 90 * day));
    let sessions = sessions.cookie(strict("session")?).sign_in_page("/sign-in").clock(now);
    let sign_in = SealedCookie::<SignIn>::new(ring, "sign-in", 10 * minute)?.clock(now);
    let sign_up = SealedCookie::<SignUp>::with_attributes(ring, strict("sign-up")?, 30 * minute);
    Ok(Router::new()
        .route("/me", get(|me: Required<Account>| async move { me.name.clone() }))
        .route_layer(GuardLayer::<Required<Account>>::new()) // applies to all routes above
        .route("/sign-in", get(Html("<form method=post><button>Sign in")).post(begin))
        .route("/callback", get(callback))
        .route("/welcome", get(Html("<meta http-equiv=refresh content='0;url=/me'>")))
        .route("/sign-up", get(Html("<form method=post>Name <input name=name>")).post(choose))
        .route("/sign-out", post(sign_out))
        .layer(SessionLayer::from(sessions.build()))
        .layer(SealedLayer::from(sign_in))
        .layer(SealedLayer::from(sign_up.clock(now))))
}

type Outcome = Result<Redirect, SessionError>;

async fn begin(me: Option<Required<Account>>, sign_in: Sealed<SignIn>) -> Outcome {
    if me.is_some() {
        return Ok(Redirect::to("/me"));
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| SessionError::Seal(SealError::Random))?;
    let state = format!("{:032x}", u128::from_ne_bytes(random));
    sign_in.set(&SignIn(state.clone()))?;
    Ok(Redirect::to(&format!("http://localhost:3000/provider?state={state}")))
}

async fn callback(
    (sign_in, sign_up): (Sealed<SignIn>, Sealed<SignUp>),
    session: Session<Account>,
    Query(answer): Query<BTreeMap<String, String>>,
) -> Outcome {
    let begun = sign_in.take().filter(|begun| answer.get("state") == Some(&begun.0));
    // A real provider sends a code for the id: see examples/oauth.rs.
    let (Some(_), Some(id)) = (begun, answer.get("code")) else {
        return Ok(Redirect::to("/sign-in"));
    };
    let Some(name) = NAMES.lock().unwrap().get(id).cloned() else {
        sign_up.set(&SignUp(id.clone()))?;
        return Ok(Redirect::to("/sign-up"));
    };
    session.start(Account { name })?;
    Ok(Redirect::to("/welcome"))
}

async fn choose(pending: Sealed<SignUp>, me: Session<Account>, form: Form<Account>) -> Outcome {
    let Some(SignUp(id)) = pending.get() else { return Ok(Redirect::to("/sign-in")) };
    let (mut names, Form(Account { name })) = (NAMES.lock().unwrap(), form);
    if names.contains_key(&id) || names.values().any(|taken| *taken == name) {
        return Ok(Redirect::to("/sign-up"));
    }
    names.insert(id, name.clone());
    pending.remove()?;
    me.start(Account { name })?;
    Ok(Redirect::to("/me"))
}

async fn sign_out(session: Session<Account>) -> Outcome {
    session.end()?;
    Ok(Redirect::to("/sign-in"))
}

/// Open <http://127.0.0.1:3000/me>. The fake provider is on another site, `localhost`.
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let back = |RawQuery(query): RawQuery| async {
        let query = query.unwrap_or_default();
        Redirect::to(&format!("http://127.0.0.1:3000/callback?code=7&{query}"))
    };
    let app = registry(&KeyRing::generate()?, UnixTime::now)?.route("/provider", get(back));
    Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local!(static NOW: std::cell::Cell<u64> = const { std::cell::Cell::new(1 << 31) });

    /// Sends the cookies that a browser would send, and stores those of the response.
    fn visit(app: &Router, jar: &mut BTreeMap<String, String>, site: &str, line: &str) -> String {
        let (method, path) = line.split_once(' ').unwrap();
        let sent = jar.values().filter(|cookie| site != "cross-site" || cookie.contains("=Lax"));
        let sent: String = sent.flat_map(|cookie| cookie.split_inclusive("; ").next()).collect();
        let request = axum::http::Request::builder().method(method).uri(path);
        let request = request.header("cookie", sent).header("sec-fetch-site", site);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("sec-fetch-mode", "navigate").body("name=ada".to_owned());
        let response = tower::ServiceExt::oneshot(app.clone(), request.unwrap());
        let response = futures_executor::block_on(response).unwrap();
        for line in response.headers().get_all("set-cookie").iter().flat_map(|l| l.to_str()) {
            jar.insert(line.split('=').next().unwrap().into(), line.into());
        }
        let location = response.headers().get("location").map(|to| to.to_str().unwrap());
        location.unwrap_or(response.status().as_str()).into()
    }

    #[test]
    fn a_user_signs_up_signs_out_and_stays_signed_in_for_90_days() {
        let app = registry(&KeyRing::generate().unwrap(), || UnixTime::from_secs(NOW.get()));
        let (app, mut jar, mut state) = (app.unwrap(), BTreeMap::new(), String::new());
        for (after_minutes, site, line, to) in [
            (0, "none", "GET /me", "/sign-in?next=/me"),
            (0, "same-origin", "POST /sign-in", "state"),
            (0, "cross-site", "GET /callback?code=7&state=of-another-browser", "/sign-in"),
            (0, "same-origin", "POST /sign-in", "state"),
            (9, "cross-site", "GET /callback?code=7&state=STATE", "/sign-up"),
            (31, "same-origin", "POST /sign-up", "/sign-in"), // too late
            (0, "same-origin", "POST /sign-in", "state"),
            (9, "cross-site", "GET /callback?code=7&state=STATE", "/sign-up"),
            (29, "same-origin", "POST /sign-up", "/me"),
            (0, "cross-site", "GET /me", "/sign-in?next=/me"), // a link on another site
            (0, "same-origin", "POST /sign-in?next=/me", "/me"),
            (0, "cross-site", "POST /sign-out", "403"),
            (0, "same-origin", "POST /sign-out", "/sign-in"),
            (0, "same-origin", "POST /sign-in", "state"),
            (0, "cross-site", "GET /callback?code=7&state=STATE", "/welcome"),
            (89 * 24 * 60, "same-origin", "GET /me", "200"),
            (24 * 60, "none", "GET /me", "/sign-in?next=/me"),
            (0, "same-origin", "POST /sign-in", "state"),
            (0, "cross-site", "GET /callback?code=8&state=STATE", "/sign-up"),
            (0, "same-origin", "POST /sign-up", "/sign-up"), // somebody has this name
        ] {
            NOW.set(NOW.get() + 60 * after_minutes);
            let went = visit(&app, &mut jar, site, &line.replace("STATE", &state));
            match went.split_once("state=") {
                Some((_, new)) => state = new.to_owned(),
                None => assert_eq!(went, to, "{line}"),
            }
        }
    }
}
