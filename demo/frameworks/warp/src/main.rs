//! Sessions in warp, with the tower layer, on one page.
//!
//! ```sh
//! cargo run --manifest-path demo/frameworks/Cargo.toml -p frameworks-warp
//! curl -i -d name=ada http://127.0.0.1:3000/sign-in
//! ```

use bulla::session::Denied;
use bulla::{KeyRing, Payload, Policy, Session, SessionError, SessionLayer};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tower::Layer;
use warp::http::StatusCode;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    name: String,
}

#[derive(Deserialize)]
struct Login {
    name: String,
}

fn sign_in(session: Session<Account>, login: Login) -> Result<&'static str, Refused> {
    session.start(Account { name: login.name })?;
    Ok("welcome\n")
}

fn me(session: Session<Account>) -> Result<String, Refused> {
    let account = session.require()?;
    Ok(format!("you are {}\n", account.name))
}

fn sign_out(session: Session<Account>) -> Result<&'static str, Refused> {
    session.end()?;
    Ok("goodbye\n")
}

/// The session of a request. The layer has put it into the extensions.
fn session() -> impl Filter<Extract = (Session<Account>,), Error = Rejection> + Copy {
    warp::ext::get()
}

/// Why a handler refuses a request. If it is `None`, the response is a 500.
struct Refused(Option<Denied>);

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Refused {
        Refused(Some(denied))
    }
}

impl From<SessionError> for Refused {
    fn from(error: SessionError) -> Refused {
        Refused(error.denied())
    }
}

impl Reply for Refused {
    fn into_response(self) -> Response {
        let Some(denied) = self.0 else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let mut response = denied.to_string().into_response();
        *response.status_mut() = StatusCode::from_u16(denied.status()).expect("a valid status");
        for (name, value) in denied.header().into_iter().chain([("cache-control", "no-store")]) {
            response.headers_mut().insert(name, value.parse().expect("a valid page"));
        }
        response
    }
}

async fn serve(listener: TcpListener, ring: KeyRing) -> std::io::Result<()> {
    let form = warp::body::form();
    let sign_in = warp::path!("sign-in").and(warp::post()).and(session()).and(form).map(sign_in);
    let me = warp::path!("me").and(warp::get()).and(session()).map(me);
    let sign_out = warp::path!("sign-out").and(warp::post()).and(session()).map(sign_out);
    let routes = warp::service(sign_in.or(me).or(sign_out));

    // warp's own server takes no layers, so hyper serves the routes.
    let service = SessionLayer::<Account>::new(ring, Policy::default()).layer(routes);
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
