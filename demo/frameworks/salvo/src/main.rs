//! Sessions in Salvo, with the tower layer, on one page.
//!
//! ```sh
//! cargo run --manifest-path demo/frameworks/Cargo.toml -p frameworks-salvo
//! curl -i -d name=ada http://127.0.0.1:3000/sign-in
//! ```

use bulla::session::Denied;
use bulla::{KeyRing, Payload, Policy, Session, SessionError, SessionLayer};
use salvo::conn::tcp::TcpAcceptor;
use salvo::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    name: String,
}

#[handler]
async fn sign_in(request: &mut Request) -> Result<&'static str, Refused> {
    let name = request.form("name").await.unwrap_or_default();
    session(request)?.start(Account { name })?;
    Ok("welcome\n")
}

#[handler]
fn me(request: &mut Request) -> Result<String, Refused> {
    let account = session(request)?.require()?;
    Ok(format!("you are {}\n", account.name))
}

#[handler]
fn sign_out(request: &mut Request) -> Result<&'static str, Refused> {
    session(request)?.end()?;
    Ok("goodbye\n")
}

/// The session of a request. The layer has put it into the extensions.
fn session(request: &Request) -> Result<Session<Account>, Refused> {
    request.extensions().get::<Session<Account>>().cloned().ok_or(Refused(None))
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

impl Scribe for Refused {
    fn render(self, response: &mut Response) {
        let Some(denied) = self.0 else {
            response.status_code(StatusCode::INTERNAL_SERVER_ERROR);
            return;
        };
        response.status_code(StatusCode::from_u16(denied.status()).expect("a valid status"));
        for (name, value) in denied.header().into_iter().chain([("cache-control", "no-store")]) {
            response.headers_mut().insert(name, value.parse().expect("a valid page"));
        }
        response.render(Text::Plain(denied.to_string()));
    }
}

async fn serve(acceptor: TcpAcceptor, ring: KeyRing) {
    let sessions = SessionLayer::<Account>::new(ring, Policy::default());
    let router = Router::new()
        .hoop(sessions.compat())
        .push(Router::with_path("sign-in").post(sign_in))
        .push(Router::with_path("me").get(me))
        .push(Router::with_path("sign-out").post(sign_out));
    Server::new(acceptor).serve(router).await;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let acceptor = TcpListener::new("127.0.0.1:3000").bind().await;
    println!("http://{}", acceptor.local_addr()?);
    // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
    serve(acceptor, KeyRing::generate()?).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_user_signs_in_and_out() {
        let acceptor = TcpListener::new("127.0.0.1:0").bind().await;
        let address = acceptor.local_addr().unwrap();
        tokio::spawn(serve(acceptor, KeyRing::generate().unwrap()));
        tokio::task::spawn_blocking(move || round_trip::walk(address)).await.unwrap();
    }
}
