//! actix-web with each session library.

use std::net::TcpListener;

use actix_session::SessionMiddleware;
use actix_session::config::BrowserSession;
use actix_session::storage::{CookieSessionStore, RedisSessionStore, SessionStore};
use actix_web::cookie::Key;
use actix_web::{App, HttpServer, rt, web};

use super::IDLE;
use crate::Outcome;
use crate::account::{Account, WELCOME};

/// Serves with one worker. The first thread of the program only accepts connections.
macro_rules! serve {
    ($listener:expr, $app:expr) => {
        HttpServer::new($app).workers(1).listen($listener)?.run().await?
    };
}

macro_rules! routes {
    ($app:expr, $login:expr, $balance:expr, $visit:expr) => {
        $app.route("/login", web::post().to($login))
            .route("/balance", web::get().to($balance))
            .route("/visit", web::post().to($visit))
    };
}

/// Serves until it is killed.
///
/// # Errors
/// If the stack is unknown or cannot be set up.
pub fn serve(stack: &str, listener: TcpListener, redis: &str) -> Outcome {
    rt::System::new().block_on(async {
        match stack {
            "actix" => serve!(listener, || routes!(
                App::new(),
                async || WELCOME,
                async || Account::sample().balance(),
                async || Account::sample().visit()
            )),
            "actix-bulla" => {
                use self::bulla::{balance, login, visit};
                let sessions = bulla::sessions()?;
                serve!(listener, move || routes!(
                    App::new().wrap(sessions.clone()),
                    login,
                    balance,
                    visit
                ))
            }
            "actix-session-cookie" => {
                use self::session::{balance, login, visit};
                let key = Key::generate();
                serve!(listener, move || routes!(
                    App::new().wrap(sessions(CookieSessionStore::default(), &key)),
                    login,
                    balance,
                    visit
                ))
            }
            "actix-session-redis" => {
                use self::session::{balance, login, visit};
                let key = Key::generate();
                let store = RedisSessionStore::new(redis).await?;
                serve!(listener, move || routes!(
                    App::new().wrap(sessions(store.clone(), &key)),
                    login,
                    balance,
                    visit
                ))
            }
            _ => return Err(format!("unknown stack {stack}").into()),
        }
        Ok(())
    })
}

/// The middleware of actix-session, see <https://docs.rs/actix-session>. By default, it encrypts
/// the cookie.
fn sessions<S: SessionStore>(store: S, key: &Key) -> SessionMiddleware<S> {
    let idle = time::Duration::seconds(IDLE.as_secs().cast_signed());
    SessionMiddleware::builder(store, key.clone())
        .session_lifecycle(BrowserSession::default().state_ttl(idle))
        .build()
}

mod bulla {
    use ::bulla::{KeyRing, Policy, Required, Session, SessionError, SessionMiddleware};

    use super::*;

    pub(super) fn sessions() -> Outcome<SessionMiddleware<Account>> {
        assert_eq!(Policy::default().idle_timeout(), IDLE);
        Ok(SessionMiddleware::new(KeyRing::generate()?, Policy::default()))
    }

    pub(super) async fn login(session: Session<Account>) -> Result<&'static str, SessionError> {
        session.start(Account::sample())?;
        Ok(WELCOME)
    }

    pub(super) async fn balance(account: Required<Account>) -> String {
        account.balance()
    }

    pub(super) async fn visit(session: Session<Account>) -> Result<String, SessionError> {
        session.update(Account::visit)
    }
}

mod session {
    use actix_session::Session;
    use actix_web::Error;
    use actix_web::error::ErrorUnauthorized;

    use super::*;
    use crate::account::KEY;

    pub(super) async fn login(session: Session) -> Result<&'static str, Error> {
        session.insert(KEY, Account::sample())?;
        Ok(WELCOME)
    }

    pub(super) async fn balance(session: Session) -> Result<String, Error> {
        Ok(account(&session)?.balance())
    }

    pub(super) async fn visit(session: Session) -> Result<String, Error> {
        let mut account = account(&session)?;
        let text = account.visit();
        session.insert(KEY, account)?;
        Ok(text)
    }

    fn account(session: &Session) -> Result<Account, Error> {
        session.get(KEY)?.ok_or_else(|| ErrorUnauthorized("sign in first"))
    }
}
