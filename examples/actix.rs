//! Sessions in actix-web, on one page.
//!
//! ```sh
//! cargo run --example actix --features actix4
//! curl -i -c jar -d name=ada -d remember=on http://127.0.0.1:3000/login
//! curl -i -b jar http://127.0.0.1:3000/balance
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

use std::time::Duration;

use actix_web::{App, HttpServer, rt, web};
use bulla::session::Start;
use bulla::{
    KeyRing, Payload, Policy, Required, Session, SessionError, SessionMiddleware, Sessions,
};
use serde::{Deserialize, Serialize};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    name: String,
}

/// The form that a user sends to sign in.
#[derive(Deserialize)]
struct Login {
    name: String,
    /// The box "keep me signed in", which a browser sends only if it is ticked.
    remember: Option<String>,
}

async fn login(
    session: Session<Account>,
    web::Form(login): web::Form<Login>,
) -> Result<String, SessionError> {
    let start = match login.remember {
        Some(_) => Start::new().remembered(),
        None => Start::new(),
    };
    session.start_with(Account { name: login.name }, start)?;
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
    let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
        .remembered(Policy::new(14 * DAY, 30 * DAY))
        .build();
    let sessions = SessionMiddleware::from(sessions);
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
