//! Migration from HS256 tokens of jsonwebtoken to bulla. Users stay signed in.
//!
//! ```sh
//! cargo run -p migration --bin jwt
//! jwt=$(curl -X POST $BEFORE/sign-in/ada)
//! curl -i -H "Authorization: Bearer $jwt" $AFTER/   # "ada", and the tokens that replace the JWT
//! ```

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use bulla::session::Adopted;
use bulla::{KeyRing, Policy, Required, SessionLayer, Sessions, UnixTime};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use migration::Account;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    iat: u64,
    exp: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = KeyRing::generate()?.expose_text(); // any bytes are fine
    let (encoding, decoding) = keys(secret.as_bytes());
    migration::serve(before(encoding, decoding.clone()), after(decoding)?).await?;
    Ok(())
}

fn keys(secret: &[u8]) -> (EncodingKey, DecodingKey) {
    (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret))
}

/// The application before the migration.
fn before(encoding: EncodingKey, decoding: DecodingKey) -> Router {
    type Keys = State<(EncodingKey, DecodingKey)>;
    async fn home(State((_, key)): Keys, headers: HeaderMap) -> Result<String, StatusCode> {
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer "));
        let claims = token.and_then(|token| verify(&key, token));
        Ok(claims.ok_or(StatusCode::UNAUTHORIZED)?.sub)
    }
    async fn sign_in(State((key, _)): Keys, Path(sub): Path<String>) -> Result<String, StatusCode> {
        let now = UnixTime::now();
        let exp = (now + Duration::from_secs(3600)).as_secs();
        let claims = Claims { sub, iat: now.as_secs(), exp };
        jsonwebtoken::encode(&Header::default(), &claims, &key)
            .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
    }
    Router::new()
        .route("/", get(home))
        .route("/sign-in/{name}", post(sign_in))
        .with_state((encoding, decoding))
}

/// The application after the migration.
fn after(key: DecodingKey) -> Result<Router, Box<dyn std::error::Error>> {
    let until: UnixTime = "2099-01-31T00:00:00Z".parse()?; // in production, a few weeks ahead
    let sessions = Sessions::builder(KeyRing::generate()?, Policy::default())
        .adopt_bearer(until, move |token| recognize(&key, token))
        .build();

    async fn home(account: Required<Account>) -> String {
        account.name.clone()
    }
    Ok(Router::new().route("/", get(home)).layer(SessionLayer::from(sessions)))
}

/// Opens the old token with the old library, which checks its `exp`.
fn recognize(key: &DecodingKey, token: &str) -> Option<Adopted<Account>> {
    let claims = verify(key, token)?;
    let adopted = Adopted::new(Account { name: claims.sub });
    // The timeouts of the session count from `iat`, when the user signed in. The session may be
    // valid for longer than `exp`. `exp` was early because the old library did not renew tokens;
    // now the policy decides when the session ends.
    Some(adopted.started_at(UnixTime::from_secs(claims.iat)))
}

fn verify(key: &DecodingKey, token: &str) -> Option<Claims> {
    jsonwebtoken::decode::<Claims>(token, key, &Validation::default()).ok().map(|data| data.claims)
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::{Request, Response};
    use tower::ServiceExt as _;

    use super::*;

    async fn send(app: &Router, method: &str, path: &str, token: &str) -> Response<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn text(response: Response<Body>) -> String {
        String::from_utf8(to_bytes(response.into_body(), 1000).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_user_stays_signed_in() {
        let (encoding, decoding) = keys(b"a secret of the tests, 32 bytes.");
        let (before, after) = (before(encoding, decoding.clone()), after(decoding).unwrap());
        let jwt = text(send(&before, "POST", "/sign-in/ada", "").await).await;
        assert_eq!(text(send(&before, "GET", "/", &jwt).await).await, "ada");

        let first = send(&after, "GET", "/", &jwt).await;
        let ours = first.headers()["session-token"].to_str().unwrap().to_owned();
        assert_eq!(text(first).await, "ada");
        assert_eq!(text(send(&after, "GET", "/", &ours).await).await, "ada");
    }

    #[tokio::test]
    async fn an_expired_or_forged_jwt_is_refused() {
        let (encoding, decoding) = keys(b"a secret of the tests, 32 bytes.");
        let (others, _) = keys(b"another secret, also of 32 bytes");
        let after = after(decoding).unwrap();
        let now = UnixTime::now().as_secs();
        let claims = |exp| Claims { sub: "ada".into(), iat: now - 7200, exp };
        let sign = |exp, key| jsonwebtoken::encode(&Header::default(), &claims(exp), key).unwrap();
        let table = [
            ("alive", sign(now + 3600, &encoding), StatusCode::OK),
            ("expired", sign(now - 3600, &encoding), StatusCode::UNAUTHORIZED),
            ("of another key", sign(now + 3600, &others), StatusCode::UNAUTHORIZED),
            ("no token", "ada".to_owned(), StatusCode::UNAUTHORIZED),
        ];
        for (what, token, want) in table {
            let response = send(&after, "GET", "/", &token).await;
            assert_eq!(response.status(), want, "{what}");
        }
    }
}
