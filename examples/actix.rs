//! Sessions in actix-web, on one page.
//!
//! ```sh
//! cargo run --example actix --features actix4
//! curl -i -c jar -d ada http://127.0.0.1:3000/login
//! curl -i -b jar http://127.0.0.1:3000/balance
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

use actix_web::{App, HttpServer, rt, web};
use bulla::{KeyRing, Payload, Policy, Required, Session, SessionError, SessionMiddleware};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    name: String,
}

async fn login(session: Session<Account>, name: String) -> Result<String, SessionError> {
    session.start(Account { name })?;
    Ok("welcome\n".to_owned())
}

/// Without a session, the response is a 401, or a redirect to your sign-in page.
async fn balance(account: Required<Account>) -> String {
    format!("{} is rich\n", account.name)
}

async fn logout(session: Session<Account>) -> Result<String, SessionError> {
    session.end()?;
    Ok("goodbye\n".to_owned())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
    let sessions = SessionMiddleware::<Account>::new(KeyRing::generate()?, Policy::default());
    let server = HttpServer::new(move || {
        App::new()
            .wrap(sessions.clone())
            .route("/login", web::post().to(login))
            .route("/balance", web::get().to(balance))
            .route("/logout", web::post().to(logout))
    });
    println!("http://127.0.0.1:3000");
    Ok(rt::System::new().block_on(server.bind("127.0.0.1:3000")?.run())?)
}
