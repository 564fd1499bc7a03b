//! Sessions in Leptos, whose server functions run within axum, on one page.
//!
//! ```sh
//! cargo run --manifest-path demo/frameworks/Cargo.toml -p frameworks-leptos
//! curl -i -d name=ada http://127.0.0.1:3000/sign-in
//! ```

use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;
use bulla::{KeyRing, Payload, Policy, Session, SessionError, SessionLayer};
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use leptos_axum::ResponseOptions;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    name: String,
}

#[server(prefix = "", endpoint = "sign-in")]
async fn sign_in(name: String) -> Result<(), ServerFnError> {
    let session: Session<Account> = leptos_axum::extract().await?;
    session.start(Account { name }).map_err(refused)
}

#[server(prefix = "", endpoint = "me", input = GetUrl)]
async fn me() -> Result<String, ServerFnError> {
    let session: Session<Account> = leptos_axum::extract().await?;
    let account = session.get().ok_or(SessionError::NoSession).map_err(refused)?;
    Ok(account.name.clone())
}

#[server(prefix = "", endpoint = "sign-out")]
async fn sign_out() -> Result<(), ServerFnError> {
    let session: Session<Account> = leptos_axum::extract().await?;
    session.end().map_err(refused)
}

/// Leptos answers an error with 500, unless the function sets another status. After a 500, the layer
/// drops the changes to the session.
fn refused(error: SessionError) -> ServerFnError {
    let Some(denied) = error.denied() else {
        println!("{error}");
        return ServerFnError::new("sorry");
    };
    let status = StatusCode::from_u16(denied.status()).expect("a valid status");
    expect_context::<ResponseOptions>().set_status(status);
    ServerFnError::new(denied)
}

async fn serve(listener: TcpListener, ring: KeyRing) -> std::io::Result<()> {
    let app = Router::new()
        .route("/{*function}", any(leptos_axum::handle_server_fns))
        .layer(SessionLayer::<Account>::new(ring, Policy::default()));
    axum::serve(listener, app).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
    Ok(serve(listener, KeyRing::generate()?).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_user_signs_in_and_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, KeyRing::generate().unwrap()));
        tokio::task::spawn_blocking(move || round_trip::walk(address)).await.unwrap();
    }
}
