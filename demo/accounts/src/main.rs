//! Serves the application on <http://127.0.0.1:3000>. Sign in as `ada` or `alan`, password
//! `hunter42`. `ada` may also read the restricted page.
//!
//! ```sh
//! cargo run -p accounts
//! ACCOUNTS=sqlite:users.db BULLA_KEYS="$(cat ring)" cargo run -p accounts
//! ```
#![allow(clippy::print_stdout, reason = "a program")]

use accounts::{Database, app};
use bulla::KeyRing;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("ACCOUNTS").unwrap_or_else(|_| "sqlite::memory:".to_owned());
    let database = Database::open(&url).await?;
    database.add("ada", "hunter42", &["readers", "editors"]).await?;
    database.add("alan", "hunter42", &["readers"]).await?;
    let ring = match std::env::var("BULLA_KEYS") {
        Ok(text) => text.parse()?,
        Err(_) => KeyRing::generate()?,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("open http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app(&ring, database)?).await?)
}
