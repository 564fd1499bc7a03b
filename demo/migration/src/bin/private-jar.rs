//! Migration from `PrivateCookieJar` of axum-extra to bulla. Users stay signed in.
//!
//! ```sh
//! cargo run -p migration --bin private-jar
//! curl -c jar -b jar -X POST $BEFORE/sign-in/ada
//! curl -c jar -b jar $AFTER/       # prints "ada"; only bulla's cookie remains in the jar
//! ```

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, header};
use axum::routing::{get, post};
use axum_extra::extract::PrivateCookieJar;
use axum_extra::extract::cookie::{Cookie, Key};
use bulla::session::{Adopted, OldCookie};
use bulla::{KeyRing, Policy, Session, SessionError, SessionLayer, Sessions, UnixTime};
use migration::Account;

/// The name of the old cookie.
const USER: &str = "user";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = Key::generate();
    migration::serve(before(key.clone()), after(key)?).await?;
    Ok(())
}

/// The application before the migration.
fn before(key: Key) -> Router {
    async fn home(jar: PrivateCookieJar) -> String {
        jar.get(USER).map_or("guest".to_owned(), |cookie| cookie.value().to_owned())
    }
    async fn sign_in(jar: PrivateCookieJar, Path(name): Path<String>) -> PrivateCookieJar {
        jar.add(Cookie::build((USER, name)).path("/").http_only(true))
    }
    Router::new().route("/", get(home)).route("/sign-in/{name}", post(sign_in)).with_state(key)
}

/// The application after the migration.
fn after(key: Key) -> Result<Router, Box<dyn std::error::Error>> {
    let until: UnixTime = "2099-01-31T00:00:00Z".parse()?; // in production, a few weeks ahead
    let sessions = Sessions::builder(KeyRing::generate()?, Policy::default())
        .adopt_cookie(OldCookie::new(USER)?, until, move |value| recognize(&key, value))
        .build();

    async fn home(session: Session<Account>) -> String {
        session.get().map_or("guest".to_owned(), |account| account.name.clone())
    }
    async fn sign_out(session: Session<Account>) -> Result<(), SessionError> {
        session.end()
    }
    Ok(Router::new()
        .route("/", get(home))
        .route("/sign-out", post(sign_out))
        .layer(SessionLayer::from(sessions)))
}

/// Opens the old cookie with the old library.
fn recognize(key: &Key, value: &str) -> Option<Adopted<Account>> {
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, format!("{USER}={value}").parse().ok()?);
    let jar = PrivateCookieJar::from_headers(&headers, key.clone());
    Some(Adopted::new(Account { name: jar.get(USER)?.value().to_owned() }))
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::{Request, Response};
    use tower::ServiceExt as _;

    use super::*;

    async fn send(app: &Router, method: &str, path: &str, cookie: &str) -> Response<Body> {
        let request = Request::builder().method(method).uri(path).header(header::COOKIE, cookie);
        app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    fn set_cookies(response: &Response<Body>) -> Vec<&str> {
        let lines = response.headers().get_all(header::SET_COOKIE).iter();
        lines.map(|line| line.to_str().unwrap().split(';').next().unwrap()).collect()
    }

    async fn text(response: Response<Body>) -> String {
        String::from_utf8(to_bytes(response.into_body(), 1000).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_user_stays_signed_in() {
        let key = Key::generate();
        let (before, after) = (before(key.clone()), after(key).unwrap());
        let signed_in = send(&before, "POST", "/sign-in/ada", "").await;
        let old = set_cookies(&signed_in)[0];
        assert_eq!(text(send(&before, "GET", "/", old).await).await, "ada");

        let first = send(&after, "GET", "/", old).await;
        let [ours, removed] = set_cookies(&first)[..] else { panic!("two cookies") };
        assert_eq!(removed, "user=");
        let ours = ours.to_owned();
        assert_eq!(text(first).await, "ada");

        let second = send(&after, "GET", "/", &ours).await;
        assert!(set_cookies(&second).is_empty());
        assert_eq!(text(second).await, "ada");
    }

    #[tokio::test]
    async fn a_forged_old_cookie_starts_no_session() {
        let after = after(Key::generate()).unwrap();
        let other = before(Key::generate());
        let signed_in = send(&other, "POST", "/sign-in/ada", "").await;
        for old in [set_cookies(&signed_in)[0], "user=ada", "user=%00"] {
            let response = send(&after, "GET", "/", old).await;
            assert!(set_cookies(&response).is_empty());
            assert_eq!(text(response).await, "guest");
        }
    }
}
