//! Sessions in hyper without a framework, on one page: the tower layer around a function.
//!
//! ```sh
//! cargo run --example hyper --features tower
//! curl -i -c jar -d '' 'http://127.0.0.1:3000/login?ada'
//! curl -i -b jar http://127.0.0.1:3000/balance
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

use bulla::{KeyRing, Payload, Policy, Session, SessionError, SessionLayer};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde::{Deserialize, Serialize};
use tower::{ServiceBuilder, service_fn};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    name: String,
}

async fn bank(request: Request<Incoming>) -> Result<Response<String>, http::Error> {
    let (status, text) = answer(&request).unwrap_or_else(|error| {
        println!("{error}");
        (error.denied().map_or(500, |denied| denied.status()), "sorry\n".to_owned())
    });
    Response::builder().status(status).body(text)
}

fn answer(request: &Request<Incoming>) -> Result<(u16, String), SessionError> {
    let Some(session) = request.extensions().get::<Session<Account>>() else {
        return Ok((500, "the layer is missing\n".to_owned()));
    };
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/login") => {
            let name = request.uri().query().unwrap_or("nobody").to_owned();
            session.start(Account { name })?;
            Ok((200, "welcome\n".to_owned()))
        }
        (&Method::POST, "/logout") => {
            session.end()?;
            Ok((200, "goodbye\n".to_owned()))
        }
        (&Method::GET, "/balance") => match session.get() {
            Some(account) => Ok((200, format!("{} is rich\n", account.name))),
            None => Ok((401, "sign in first\n".to_owned())),
        },
        _ => Ok((404, "no such page\n".to_owned())),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
    let layer = SessionLayer::<Account>::new(KeyRing::generate()?, Policy::default());
    let service = ServiceBuilder::new().layer(layer).service(service_fn(bank));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new();
            let served = connection.serve_connection(TokioIo::new(stream), service).await;
            served.unwrap_or_else(|error| println!("{error}"));
        });
    }
}
