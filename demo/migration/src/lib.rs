//! What both programs share: the state, and the two servers.

use axum::Router;
use bulla::Payload;
use serde::{Deserialize, Serialize};

/// The state of a session.
#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "migration.example/session")]
pub struct Account {
    /// Who is signed in.
    pub name: String,
}

/// Serves the application as it was at the one address and as it is at the
/// other; the arguments, or any two free ports. Browsers send the cookies of
/// a host to all its ports, so to them the two are one server.
///
/// # Errors
/// When an address cannot be listened on.
#[allow(clippy::print_stdout, reason = "the addresses are the programs' output")]
pub async fn serve(before: Router, after: Router) -> std::io::Result<()> {
    let mut addresses = std::env::args().skip(1);
    let mut listen = || {
        let address = addresses.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
        tokio::net::TcpListener::bind(address)
    };
    let (first, second) = (listen().await?, listen().await?);
    println!("before  http://{}", first.local_addr()?);
    println!("after   http://{}", second.local_addr()?);
    let (before, after) =
        tokio::join!(axum::serve(first, before).into_future(), axum::serve(second, after));
    before.and(after)
}
