//! Sessions in a tonic service, with the tower layer. The tokens are sent as gRPC metadata.

pub mod messages;

/// The code that tonic generated.
#[allow(missing_docs, clippy::all, clippy::missing_errors_doc, reason = "generated")]
pub mod service {
    include!(concat!(env!("OUT_DIR"), "/bank.Bank.rs"));
}

use std::net::SocketAddr;

use bulla::{Bearer, KeyRing, Payload, Policy, Session, SessionError, SessionLayer, Sessions};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, async_trait};

use crate::messages::{Amount, Done, Nothing, SignIn};
use crate::service::bank_server::{Bank, BankServer};

/// The state of a session.
#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "grpc.example/session")]
pub struct Account {
    /// The name of the user who is signed in.
    pub name: String,
}

/// Starts the service on a free port of 127.0.0.1 and returns its address.
///
/// A client sends `authorization: Bearer <session-token>` as metadata, and takes new values of
/// `session-token` and `session-renewal` from the metadata of the responses.
///
/// # Errors
/// If the port cannot be opened, or if the operating system provides no randomness.
pub async fn serve() -> Result<SocketAddr, Box<dyn std::error::Error>> {
    let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default());
    let sessions = sessions.bearer(Bearer::default()).build();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tonic::transport::Server::builder()
        .layer(SessionLayer::from(sessions))
        .add_service(BankServer::new(Accounts));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    Ok(address)
}

struct Accounts;

#[async_trait]
impl Bank for Accounts {
    async fn sign_in(&self, request: Request<SignIn>) -> Result<Response<Done>, Status> {
        let session = session(&request)?;
        let name = request.into_inner().name;
        session.start(Account { name: name.clone() }).map_err(opaque)?;
        if name == "nobody" {
            // The layer discards the session that was started above, because the call fails.
            return Err(Status::internal("the database does not answer"));
        }
        Ok(Response::new(Done {}))
    }

    async fn balance(&self, request: Request<Nothing>) -> Result<Response<Amount>, Status> {
        let account = session(&request)?.require().map_err(unauthenticated)?;
        Ok(Response::new(Amount { name: account.name.clone(), cents: 181_500 }))
    }

    async fn sign_out(&self, request: Request<Nothing>) -> Result<Response<Done>, Status> {
        session(&request)?.end().map_err(opaque)?;
        Ok(Response::new(Done {}))
    }
}

/// The session of a request. tonic keeps the extensions of the HTTP request.
fn session<M>(request: &Request<M>) -> Result<Session<Account>, Status> {
    let session = request.extensions().get::<Session<Account>>();
    session.cloned().ok_or_else(|| Status::internal("the session layer is missing"))
}

fn unauthenticated(denied: bulla::session::Denied) -> Status {
    Status::unauthenticated(denied.to_string())
}

/// Does not show the error to the client.
fn opaque(_: SessionError) -> Status {
    Status::internal("sorry")
}
