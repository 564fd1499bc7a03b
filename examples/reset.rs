//! Links that reset a password, in axum 0.8 on one server. A link works once, also after a restart.
//!
//! ```sh
//! cargo run --example reset --features axum08,reload
//! curl -d user=ada http://127.0.0.1:3000/forgot               # prints the mail with the link
//! curl -d token=b1.… -d password=… http://127.0.0.1:3000/reset
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use axum::{Form, Router};
use bulla::token::{OnceError, UsedInFile};
use bulla::{KeyRing, Payload, Sealer};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/reset-link")]
struct Reset {
    user: String,
}

#[derive(Clone)]
pub(crate) struct Shop {
    links: Arc<Sealer<Reset>>,
    used: Arc<UsedInFile>,
    /// A real application has a database with hashes.
    passwords: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Shop {
    /// Fails if the file of used links cannot be read and written. The server then does not start.
    pub(crate) fn open(ring: KeyRing, used: impl Into<PathBuf>) -> io::Result<Shop> {
        Ok(Shop {
            links: Arc::new(Sealer::new(ring, Duration::from_secs(15 * 60))),
            used: Arc::new(UsedInFile::open(used)?),
            passwords: Arc::new(Mutex::new([("ada".to_owned(), "1815".to_owned())].into())),
        })
    }

    /// The token of a link. `None` if there is no such user.
    pub(crate) fn link(&self, user: &str) -> Option<String> {
        let known = self.passwords.lock().unwrap().contains_key(user);
        known.then(|| self.links.seal(&Reset { user: user.to_owned() }).ok())?
    }
}

#[derive(Deserialize)]
struct Forgot {
    user: String,
}

/// Gives the same answer for every name, so that nobody learns which users exist. A real
/// application also limits the number of mails.
async fn forgot(State(shop): State<Shop>, Form(Forgot { user }): Form<Forgot>) -> &'static str {
    if let Some(token) = shop.link(&user) {
        println!("To: …  http://127.0.0.1:3000/reset?token={token}"); // the mail
    }
    "You get a mail if you have an account.\n"
}

#[derive(Deserialize)]
struct Follow {
    token: String,
}

/// Mail scanners follow links too, so this page does not open the token. The headers keep the token
/// out of caches, and out of requests to other sites.
async fn page(Query(Follow { token }): Query<Follow>) -> impl IntoResponse {
    let is_token = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let token = if is_token { &*token } else { "" };
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::REFERRER_POLICY, "no-referrer")];
    let form = format!(
        r#"<form method="post"><input type="hidden" name="token" value="{token}">
        <input name="password" type="password"> <button>Set the password"#
    );
    (headers, Html(form))
}

#[derive(Deserialize)]
struct NewPassword {
    token: String,
    password: String,
}

async fn reset(
    State(shop): State<Shop>,
    Form(form): Form<NewPassword>,
) -> (StatusCode, &'static str) {
    let Shop { links, used, passwords } = shop;
    // The first use of a link waits until the disk has stored it.
    let open = move || links.open_once(&form.token, &*used);
    let Ok(opened) = tokio::task::spawn_blocking(open).await else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "try again later\n");
    };
    match opened {
        Ok(link) => {
            // A real application also ends the user's sessions: `Sessions::revoke_subject`.
            passwords.lock().unwrap().insert(link.payload.user, form.password);
            (StatusCode::OK, "the password is changed\n")
        }
        Err(OnceError::Claim(error)) => {
            tracing::error!("{error}"); // names the file and what to do
            (StatusCode::SERVICE_UNAVAILABLE, "try again later\n")
        }
        Err(_) => (StatusCode::BAD_REQUEST, "this link is not valid any more\n"),
    }
}

pub(crate) fn routes(shop: Shop) -> Router {
    Router::new()
        .route("/forgot", post(forgot))
        .route("/reset", get(page).post(reset))
        .with_state(shop)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // With a new ring, links from before a restart do not open at all.
    let ring = match std::env::var("BULLA_KEYS") {
        Ok(text) => text.parse()?,
        Err(_) => KeyRing::generate()?,
    };
    let shop = Shop::open(ring, "used-links")?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, routes(shop)).await?)
}
