//! Sessions in Loco, whose routes and layers are those of axum, on one page.
//!
//! ```sh
//! cargo run --manifest-path demo/frameworks/Cargo.toml -p frameworks-loco
//! curl -i -d name=ada http://127.0.0.1:3000/sign-in
//! ```

use bulla::{KeyRing, Payload, Policy, Required, Session, SessionError, SessionLayer};
use loco_rs::app::{AppContext, Hooks};
use loco_rs::bgworker::Queue;
use loco_rs::boot::{BootResult, StartMode, create_app};
use loco_rs::config::Config;
use loco_rs::controller::{AppRoutes, Routes};
use loco_rs::environment::Environment;
use loco_rs::prelude::{Form, async_trait, get, post};
use loco_rs::task::Tasks;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    name: String,
}

#[derive(Deserialize)]
struct Login {
    name: String,
}

async fn sign_in(
    session: Session<Account>,
    Form(login): Form<Login>,
) -> Result<&'static str, SessionError> {
    session.start(Account { name: login.name })?;
    Ok("welcome\n")
}

async fn me(account: Required<Account>) -> String {
    format!("you are {}\n", account.name)
}

async fn sign_out(session: Session<Account>) -> Result<&'static str, SessionError> {
    session.end()?;
    Ok("goodbye\n")
}

struct App;

#[async_trait]
impl Hooks for App {
    fn app_name() -> &'static str {
        "bank"
    }

    async fn boot(
        mode: StartMode,
        environment: &Environment,
        config: Config,
    ) -> loco_rs::Result<BootResult> {
        create_app::<Self>(mode, environment, config).await
    }

    fn routes(_: &AppContext) -> AppRoutes {
        let routes = Routes::new()
            .add("/sign-in", post(sign_in))
            .add("/me", get(me))
            .add("/sign-out", post(sign_out));
        AppRoutes::empty().add_route(routes)
    }

    async fn after_routes(router: axum::Router, _: &AppContext) -> loco_rs::Result<axum::Router> {
        // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
        let ring = KeyRing::generate().map_err(loco_rs::Error::wrap)?;
        Ok(router.layer(SessionLayer::<Account>::new(ring, Policy::default())))
    }

    async fn connect_workers(_: &AppContext, _: &Queue) -> loco_rs::Result<()> {
        Ok(())
    }

    fn register_tasks(_: &mut Tasks) {}
}

/// `cargo loco start` does this with the files in `config/`.
async fn serve(listener: TcpListener) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let config = serde_json::from_str(include_str!("../config.json"))?;
    let boot = App::boot(StartMode::ServerOnly, &Environment::Test, config).await?;
    Ok(axum::serve(listener, boot.router.ok_or("no routes")?).await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    serve(listener).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_user_signs_in_and_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { serve(listener).await.unwrap() });
        tokio::task::spawn_blocking(move || round_trip::walk(address)).await.unwrap();
    }
}
