//! "Sign in with …" in axum: OAuth 2.0 with a code, `state`, and PKCE (RFC 7636).
//!
//! A sealed cookie holds the values that the browser must bring back from the provider, and is
//! taken once. A second sealed cookie holds a message for the next page. This program contains a
//! fake provider, which signs everybody in as `ada`.
//!
//! ```sh
//! cargo run --example oauth --features axum08               # then open http://127.0.0.1:3000
//! cargo run --example oauth --features axum08 -- --check    # signs in, and tries what must fail
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bulla::transport::{CookieError, SetError};
use bulla::{
    KeyRing, Payload, Policy, SealError, Sealed, SealedCookie, SealedLayer, Session, SessionError,
    SessionLayer,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The state of a session.
#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/session")]
struct Account {
    name: String,
}

/// A sign-in that has begun in this browser.
#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/sign-in")]
struct SignIn {
    state: String,
    verifier: String,
}

/// A message for the next page.
#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/flash")]
struct Flash {
    text: String,
}

fn shop(ring: &KeyRing, addresses: Addresses) -> Result<Router, CookieError> {
    let sign_in = SealedCookie::<SignIn>::new(ring, "sign-in", Duration::from_secs(600))?;
    let flash = SealedCookie::<Flash>::new(ring, "flash", Duration::from_secs(60))?;
    Ok(Router::new()
        .route("/", get(home))
        .route("/sign-in", get(begin))
        .route("/callback", get(callback))
        .layer(SessionLayer::<Account>::new(ring, Policy::default()))
        .layer(SealedLayer::from(sign_in))
        .layer(SealedLayer::from(flash))
        .with_state(addresses))
}

/// Sends the browser to the provider. The cookie binds the answer to this browser.
async fn begin(
    sign_in: Sealed<SignIn>,
    State(addresses): State<Addresses>,
) -> Result<Redirect, SetError> {
    let (state, verifier) = (random()?, random()?);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let url = format!(
        "http://{}/authorize?response_type=code&client_id=shop&redirect_uri=http://{}/callback\
         &state={state}&code_challenge_method=S256&code_challenge={challenge}",
        addresses.provider, addresses.shop
    );
    sign_in.set(&SignIn { state, verifier })?;
    Ok(Redirect::to(&url))
}

#[derive(Deserialize)]
struct Answer {
    code: String,
    state: String,
}

/// The provider sends the browser back to this page. Without the cookie, or with the state of
/// another browser, the code may be that of an attacker.
async fn callback(
    sign_in: Sealed<SignIn>,
    session: Session<Account>,
    flash: Sealed<Flash>,
    State(addresses): State<Addresses>,
    Query(answer): Query<Answer>,
) -> Result<Response, SessionError> {
    let Some(sign_in) = sign_in.take().filter(|sign_in| sign_in.state == answer.state) else {
        return Ok((StatusCode::BAD_REQUEST, "sign in again\n").into_response());
    };
    let Some(name) = name_at_provider(addresses, answer.code, sign_in.verifier).await else {
        return Ok((StatusCode::BAD_GATEWAY, "the provider did not answer\n").into_response());
    };
    session.start(Account { name })?;
    flash.set(&Flash { text: "You are signed in.".to_owned() })?;
    Ok(Redirect::to("/").into_response())
}

async fn home(session: Session<Account>, flash: Sealed<Flash>) -> String {
    let message = flash.take().map_or(String::new(), |flash| flash.text + " ");
    match session.get() {
        Some(account) => format!("{message}Hello {}.\n", account.name),
        None => format!("{message}Hello guest, see /sign-in.\n"),
    }
}

/// 32 random bytes as text, for `state` and for the verifier of PKCE.
fn random() -> Result<String, SetError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| SetError::Seal(SealError::Random))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Exchanges the code for the name of the user. A real application uses an HTTP client and HTTPS.
async fn name_at_provider(addresses: Addresses, code: String, verifier: String) -> Option<String> {
    let form = format!("grant_type=authorization_code&code={code}&code_verifier={verifier}");
    let request = format!(
        "POST /token HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        addresses.provider,
        form.len()
    );
    let reply = tokio::task::spawn_blocking(move || send(addresses.provider, &request));
    let reply = reply.await.ok()?.ok()?;
    (reply.status == 200).then_some(reply.body)
}

/// A provider that signs everybody in as `ada`.
mod provider {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    use axum::extract::{Form, Query, State};
    use axum::http::StatusCode;
    use axum::response::Redirect;
    use axum::routing::{Router, get, post};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde::Deserialize;
    use sha2::{Digest as _, Sha256};

    /// The challenge of each code that has not been exchanged yet.
    type Codes = Arc<Mutex<HashMap<String, String>>>;

    pub(super) fn routes() -> Router {
        let codes = Codes::default();
        Router::new()
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(codes)
    }

    #[derive(Deserialize)]
    struct Asked {
        redirect_uri: String,
        state: String,
        code_challenge: String,
    }

    async fn authorize(State(codes): State<Codes>, Query(asked): Query<Asked>) -> Redirect {
        let mut codes = codes.lock().unwrap();
        let code = format!("code-{}-{}", codes.len(), &asked.code_challenge[..8]);
        codes.insert(code.clone(), asked.code_challenge);
        Redirect::to(&format!("{}?code={code}&state={}", asked.redirect_uri, asked.state))
    }

    #[derive(Deserialize)]
    struct Exchange {
        code: String,
        code_verifier: String,
    }

    async fn token(
        State(codes): State<Codes>,
        Form(exchange): Form<Exchange>,
    ) -> Result<&'static str, StatusCode> {
        let challenge = codes.lock().unwrap().remove(&exchange.code);
        let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(&exchange.code_verifier));
        if challenge == Some(proof) { Ok("ada") } else { Err(StatusCode::BAD_REQUEST) }
    }
}

#[derive(Clone, Copy)]
struct Addresses {
    shop: SocketAddr,
    provider: SocketAddr,
}

/// Serves the shop and the provider.
async fn serve(port: u16) -> Result<Addresses, Box<dyn std::error::Error>> {
    let [shop_listener, provider_listener] = [
        tokio::net::TcpListener::bind(("127.0.0.1", port)).await?,
        tokio::net::TcpListener::bind("127.0.0.1:0").await?,
    ];
    let addresses =
        Addresses { shop: shop_listener.local_addr()?, provider: provider_listener.local_addr()? };
    // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
    let shop = shop(&KeyRing::generate()?, addresses)?;
    tokio::spawn(async { axum::serve(shop_listener, shop).await });
    tokio::spawn(async { axum::serve(provider_listener, provider::routes()).await });
    Ok(addresses)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().any(|argument| argument == "--check") {
        check()?;
        println!("the browser signed in, and every attack failed");
        return Ok(());
    }
    tokio::runtime::Runtime::new()?.block_on(async {
        println!("open http://{}", serve(3000).await?.shop);
        std::future::pending().await
    })
}

/// Signs in with a browser, and tries what must fail.
pub(crate) fn check() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let Addresses { shop, .. } = runtime.block_on(serve(0))?;
    let url = |path: &str| format!("http://{shop}{path}");

    let mut browser = Browser::default();
    let to_provider = browser.get(&url("/sign-in"))?.location;
    let back = browser.get(&to_provider)?.location;
    assert!(browser.cookies.contains_key("__Host-sign-in"));

    // A browser without the cookie: an attacker has sent a user to the page with the attacker's
    // code.
    assert_eq!(Browser::default().get(&back)?.status, 400);
    // A browser with the cookie of another sign-in.
    let mut victim = Browser::default();
    victim.get(&url("/sign-in"))?;
    assert_eq!(victim.get(&back)?.status, 400);
    assert!(victim.cookies.is_empty(), "the cookie was taken");

    let arrived = browser.get(&back)?;
    assert_eq!((arrived.status, arrived.location.as_str()), (303, "/"));
    let names: Vec<&str> = browser.cookies.keys().map(String::as_str).collect();
    assert_eq!(names, ["__Host-flash", "__Host-session"], "the cookie was taken");
    assert_eq!(browser.get(&url("/"))?.body, "You are signed in. Hello ada.\n");
    assert_eq!(browser.get(&url("/"))?.body, "Hello ada.\n", "the message appears once");

    assert_eq!(browser.get(&back)?.status, 400, "the answer is used up");
    assert_eq!(browser.get(&url("/"))?.body, "Hello ada.\n");
    Ok(())
}

#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Requests a page, and stores the cookies of the response. The provider gets them too, because
    /// cookies do not distinguish ports.
    fn get(&mut self, url: &str) -> Result<Reply, Box<dyn std::error::Error>> {
        let (host, path) =
            url.strip_prefix("http://").ok_or("no URL")?.split_once('/').ok_or("")?;
        let cookies: Vec<_> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let cookies = cookies.join("; ");
        let head = format!("host: {host}\r\nconnection: close\r\ncookie: {cookies}\r\n\r\n");
        let reply = send(host.parse()?, &format!("GET /{path} HTTP/1.1\r\n{head}"))?;
        for line in &reply.set_cookies {
            let cookie = cookie::Cookie::parse(line.as_str())?;
            if cookie.max_age().is_some_and(|age| age.is_zero()) {
                self.cookies.remove(cookie.name());
            } else {
                self.cookies.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
        Ok(reply)
    }
}

struct Reply {
    status: u16,
    location: String,
    set_cookies: Vec<String>,
    body: String,
}

/// Sends a request and reads its response up to the end of the connection.
fn send(to: SocketAddr, request: &str) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(to)?;
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let malformed = || io::Error::other("not a response");
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let mut reply = Reply {
        status: status.ok_or_else(malformed)?,
        location: String::new(),
        set_cookies: Vec::new(),
        body: body.to_owned(),
    };
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        match name {
            "location" => reply.location = value.to_owned(),
            "set-cookie" => reply.set_cookies.push(value.to_owned()),
            _ => {}
        }
    }
    Ok(reply)
}
