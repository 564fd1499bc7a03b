//! The code that both programs share: the type of the state, and the function that runs the two
//! servers.

use axum::Router;
use bulla::Payload;
use serde::{Deserialize, Serialize};

/// The state of a session.
#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "migration.example/session")]
pub struct Account {
    /// The name of the user who is signed in.
    pub name: String,
}

/// Serves the application before the migration at one address, and the application after the
/// migration at another. The arguments of the program are the two addresses. Without arguments,
/// the function uses two free ports of 127.0.0.1.
///
/// A browser sends the cookies of a host to all ports of the host, so a cookie from one of the
/// two servers is also sent to the other.
///
/// # Errors
/// If the program cannot listen on an address.
#[allow(clippy::print_stdout, reason = "the programs print their addresses")]
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
