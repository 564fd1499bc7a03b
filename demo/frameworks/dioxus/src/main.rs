//! Sessions in Dioxus, whose server functions run within axum, on one page.
//!
//! ```sh
//! cargo run --manifest-path demo/frameworks/Cargo.toml -p frameworks-dioxus
//! curl -i -d name=ada http://127.0.0.1:3000/sign-in
//! ```

use bulla::{KeyRing, Payload, Policy, Required, Session, SessionError, SessionLayer};
use dioxus::fullstack::Form;
use dioxus::prelude::*;
use dioxus::server::{FullstackState, axum};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    name: String,
}

#[derive(Serialize, Deserialize)]
struct Login {
    name: String,
}

#[post("/sign-in", session: Session<Account>)]
async fn sign_in(login: Form<Login>) -> Result<(), ServerFnError> {
    session.start(Account { name: login.0.name }).map_err(refused)
}

#[get("/me", account: Required<Account>)]
async fn me() -> Result<String, ServerFnError> {
    Ok(account.name.clone())
}

#[post("/sign-out", session: Session<Account>)]
async fn sign_out() -> Result<(), ServerFnError> {
    session.end().map_err(refused)
}

/// Dioxus answers an error with 500, unless it has another code. After a 500, the layer drops the
/// changes to the session.
fn refused(error: SessionError) -> ServerFnError {
    let (code, message) = match error.denied() {
        Some(denied) => (denied.status(), denied.to_string()),
        None => {
            println!("{error}");
            (500, "sorry".to_owned())
        }
    };
    ServerFnError::ServerError { message, code, details: None }
}

async fn run(listener: TcpListener, ring: KeyRing) -> std::io::Result<()> {
    let app = axum::Router::new()
        .register_server_functions()
        .with_state(FullstackState::headless())
        .layer(SessionLayer::<Account>::new(ring, Policy::default()));
    axum::serve(listener, app).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
    run(listener, KeyRing::generate().expect("random bytes")).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_user_signs_in_and_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(run(listener, KeyRing::generate().unwrap()));
        tokio::task::spawn_blocking(move || round_trip::walk(address)).await.unwrap();
    }
}
