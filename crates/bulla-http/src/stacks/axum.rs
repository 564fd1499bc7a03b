//! axum with each session library.

use std::net::TcpListener;
use std::time::Duration;

use ::axum::Router;
use ::axum::http::StatusCode;
use ::axum::routing::{MethodRouter, get, post};

use super::IDLE;
use crate::Outcome;
use crate::account::{Account, KEY, WELCOME};

/// Serves on this thread until the process is killed.
///
/// # Errors
/// If the stack is unknown or cannot be set up.
pub fn serve(stack: &str, listener: TcpListener, redis: &str) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = match stack {
            "axum" => routes(
                post(async || WELCOME),
                get(async || Account::sample().balance()),
                post(async || Account::sample().visit()),
            ),
            "axum-bulla" => bulla::app(None)?,
            "axum-bulla-renewing" => bulla::app(Some(Duration::from_secs(1)))?,
            "axum-private-jar" => private_jar::app(),
            "axum-seshcookie" => seshcookie::app()?,
            "axum-tower-cookie" => tower_sessions::cookie(),
            "axum-tower-memory" => tower_sessions::memory(),
            "axum-tower-redis" => tower_sessions::redis(redis).await?,
            _ => return Err(format!("unknown stack {stack}").into()),
        };
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(::axum::serve(listener, app).await?)
    })
}

fn routes<S: Clone + Send + Sync + 'static>(
    login: MethodRouter<S>,
    balance: MethodRouter<S>,
    visit: MethodRouter<S>,
) -> Router<S> {
    Router::new().route("/login", login).route("/balance", balance).route("/visit", visit)
}

fn lost<E>(_: E) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

mod bulla {
    use ::bulla::{KeyRing, Policy, Required, Session, SessionError, SessionLayer};

    use super::*;

    /// Uses the default policy. The stack in which every read renews also passes `renew_after`, the
    /// time after which activity is recorded again.
    pub(super) fn app(renew_after: Option<Duration>) -> Outcome<Router> {
        let policy = Policy::default();
        assert_eq!(policy.idle_timeout(), IDLE);
        let policy = renew_after.map_or(policy, |after| policy.with_touch_threshold(after));
        let layer = SessionLayer::<Account>::new(KeyRing::generate()?, policy);
        Ok(routes(post(login), get(balance), post(visit)).layer(layer))
    }

    async fn login(session: Session<Account>) -> Result<&'static str, SessionError> {
        session.start(Account::sample())?;
        Ok(WELCOME)
    }

    async fn balance(account: Required<Account>) -> String {
        account.balance()
    }

    async fn visit(session: Session<Account>) -> Result<String, SessionError> {
        session.update(Account::visit)
    }
}

/// The stack with `PrivateCookieJar` of axum-extra, see
/// <https://docs.rs/axum-extra/latest/axum_extra/extract/cookie/struct.PrivateCookieJar.html>. A
/// cookie of this jar contains text, so the state is encoded as JSON.
mod private_jar {
    use axum_extra::extract::cookie::{Cookie, Key, PrivateCookieJar, SameSite};

    use super::*;

    pub(super) fn app() -> Router {
        routes(post(login), get(balance), post(visit)).with_state(Key::generate())
    }

    async fn login(jar: PrivateCookieJar) -> Result<(PrivateCookieJar, &'static str), StatusCode> {
        Ok((with(jar, &Account::sample())?, WELCOME))
    }

    async fn balance(jar: PrivateCookieJar) -> Result<String, StatusCode> {
        Ok(account(&jar)?.balance())
    }

    async fn visit(jar: PrivateCookieJar) -> Result<(PrivateCookieJar, String), StatusCode> {
        let mut account = account(&jar)?;
        let text = account.visit();
        Ok((with(jar, &account)?, text))
    }

    fn account(jar: &PrivateCookieJar) -> Result<Account, StatusCode> {
        let cookie = jar.get("session").ok_or(StatusCode::UNAUTHORIZED)?;
        serde_json::from_str(cookie.value()).map_err(lost)
    }

    fn with(jar: PrivateCookieJar, account: &Account) -> Result<PrivateCookieJar, StatusCode> {
        let json = serde_json::to_string(account).map_err(lost)?;
        let cookie = Cookie::build(("session", json)).path("/").secure(true).http_only(true);
        Ok(jar.add(cookie.same_site(SameSite::Lax)))
    }
}

/// The stack with seshcookie, see <https://docs.rs/seshcookie>.
mod seshcookie {
    use ::seshcookie::{Session, SessionConfig, SessionKeys, SessionLayer};

    use super::*;

    pub(super) fn app() -> Outcome<Router> {
        let keys = SessionKeys::new(b"a key of 32 bytes, for nothing.#")?;
        let layer = SessionLayer::<Account>::new(keys, SessionConfig::default().max_age(IDLE))?;
        Ok(routes(post(login), get(balance), post(visit)).layer(layer))
    }

    async fn login(session: Session<Account>) -> &'static str {
        session.insert(Account::sample()).await;
        WELCOME
    }

    async fn balance(session: Session<Account>) -> Result<String, StatusCode> {
        Ok(session.get().await.ok_or(StatusCode::UNAUTHORIZED)?.balance())
    }

    async fn visit(session: Session<Account>) -> Result<String, StatusCode> {
        let text = session.modify(|account| account.as_mut().map(Account::visit)).await;
        text.ok_or(StatusCode::UNAUTHORIZED)
    }
}

/// The stacks with tower-sessions: with its memory store, with its Redis store, and with the cookie
/// store. See <https://docs.rs/tower-sessions> and <https://docs.rs/tower-sessions-cookie-store>.
mod tower_sessions {
    use ::tower_sessions::cookie::Key;
    use ::tower_sessions::{Expiry, MemoryStore, Session, SessionManagerLayer};
    use tower_sessions_cookie_store::{CookieSessionConfig, CookieSessionManagerLayer};
    use tower_sessions_redis_store::RedisStore;
    use tower_sessions_redis_store::fred::prelude::{ClientLike as _, Config, Pool};

    use super::*;

    fn expiry() -> Expiry {
        Expiry::OnInactivity(time::Duration::seconds(IDLE.as_secs().cast_signed()))
    }

    pub(super) fn cookie() -> Router {
        let config = CookieSessionConfig::default().with_expiry(expiry());
        all().layer(CookieSessionManagerLayer::private(Key::generate()).with_config(config))
    }

    pub(super) fn memory() -> Router {
        all().layer(SessionManagerLayer::new(MemoryStore::default()).with_expiry(expiry()))
    }

    /// Uses a pool of six connections, as the documentation of the store shows.
    pub(super) async fn redis(url: &str) -> Outcome<Router> {
        let pool = Pool::new(Config::from_url(url)?, None, None, None, 6)?;
        pool.connect();
        pool.wait_for_connect().await?;
        let layer = SessionManagerLayer::new(RedisStore::new(pool)).with_expiry(expiry());
        Ok(all().layer(layer))
    }

    fn all() -> Router {
        routes(post(login), get(balance), post(visit))
    }

    async fn login(session: Session) -> Result<&'static str, StatusCode> {
        session.insert(KEY, Account::sample()).await.map_err(lost)?;
        Ok(WELCOME)
    }

    async fn balance(session: Session) -> Result<String, StatusCode> {
        Ok(account(&session).await?.balance())
    }

    async fn visit(session: Session) -> Result<String, StatusCode> {
        let mut account = account(&session).await?;
        let text = account.visit();
        session.insert(KEY, account).await.map_err(lost)?;
        Ok(text)
    }

    async fn account(session: &Session) -> Result<Account, StatusCode> {
        session.get(KEY).await.map_err(lost)?.ok_or(StatusCode::UNAUTHORIZED)
    }
}
