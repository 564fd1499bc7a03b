//! A shop in three designs: with all data in the token, with only the basket on the server, and
//! with everything except the session id on the server. `walk.sh` tests the shop.

mod id_only;
mod in_token;
mod part;
mod stores;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use bulla::keys::RingFile;
use bulla::{Cookie, Payload, Policy, RingHandle, SessionLayer, Sessions};
use clap::Parser;
use tokio::net::TcpListener;

use crate::stores::Store;

/// A shop that stores its sessions in the token, on the server, or in both.
#[derive(Parser)]
struct Args {
    /// The file of the key ring (`bulla ring new --ring FILE`).
    #[arg(long)]
    ring: PathBuf,
    /// The store of the server: memory, sqlite:FILE, redis://HOST/ or redis+unix://PATH.
    #[arg(long, default_value = "memory")]
    store: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let ring = RingHandle::watch(RingFile::new(args.ring), Duration::from_secs(60))?;
    let store = Store::open(&args.store).await?;
    let app = Router::new()
        .nest("/token", in_token::routes(sessions(&ring, "token")?))
        .nest("/part", part::routes(sessions(&ring, "part")?, store.half("basket")))
        .nest("/id", id_only::routes(sessions(&ring, "id")?, store.half("all")));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    announce(listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

/// Builds the sessions of one design. Each kind of session in an application needs a separate
/// cookie name.
fn sessions<T: Payload>(
    ring: &RingHandle,
    name: &'static str,
) -> Result<SessionLayer<T>, Box<dyn Error>> {
    let cookie = Cookie::new(name)?;
    Ok(Sessions::builder(ring, Policy::default()).cookie(cookie).build().into())
}

#[expect(clippy::print_stdout, reason = "walk.sh reads it")]
fn announce(address: SocketAddr) {
    println!("http://{address}");
}
