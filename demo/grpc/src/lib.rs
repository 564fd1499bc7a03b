//! Sessions in a tonic service: the tower layer, and the bearer channel as metadata.

pub mod messages;

/// tonic's generated code.
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
    /// Who is signed in.
    pub name: String,
}

/// Starts the service on a free port of 127.0.0.1. Over the bearer channel a
/// client sends `authorization: Bearer <session-token>` as metadata, and takes
/// new values of `session-token` and `session-renewal` from the answers'.
///
/// # Errors
/// When there is no port, or no randomness.
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
            return Err(Status::internal("the database is away")); // nobody is not signed in
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

/// tonic keeps the extensions of the HTTP request.
fn session<M>(request: &Request<M>) -> Result<Session<Account>, Status> {
    let session = request.extensions().get::<Session<Account>>();
    session.cloned().ok_or_else(|| Status::internal("the session layer is missing"))
}

fn unauthenticated(denied: bulla::session::Denied) -> Status {
    Status::unauthenticated(denied.to_string())
}

/// The client learns nothing of it.
fn opaque(_: SessionError) -> Status {
    Status::internal("sorry")
}
