//! A small bank. Its accounts are in memory; its sessions are nowhere but in
//! the client: a cookie in a browser, a bearer token in a mobile client.

mod api;
mod ledger;
mod links;
mod pages;
mod release;
mod revocations;
mod ring;
mod web;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bulla::token::{UsedHere, UsedTokens};
use bulla::{Bearer, Cookie, Policy, Revocations, RingHandle, SessionLayer, Sessions};
use bulla_redis::UsedInRedis;
use clap::{Parser, ValueEnum};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::ledger::Ledger;
use crate::release::{Customer, CustomerV1, Release};

/// A small bank whose sessions live in the client.
///
/// Sign in as ada (PIN 1815) or alan (PIN 1912). Restart the bank: everybody is
/// still signed in, since the key ring is kept in a file and nothing else is
/// needed. SIGINT or Ctrl-C stops it.
#[derive(Parser)]
#[command(name = "bank", version)]
struct Args {
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The key ring. Made on the first start, readable by you only (0600).
    #[arg(long, value_name = "FILE", default_value = "bank.ring")]
    ring: PathBuf,
    /// A Redis that keeps the key ring, for several banks, instead of the file,
    /// and passes on who was signed out: its values bank:ring and
    /// bank:revocations. Such as redis://127.0.0.1/.
    #[arg(long, value_name = "URL", conflicts_with = "ring")]
    redis: Option<String>,
    /// How often to look whether the key ring has changed.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    reload: Duration,
    /// A session ends when nothing was seen of it for this long.
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = humantime::parse_duration)]
    idle: Duration,
    /// A session ends this long after sign-in, whatever happens.
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = humantime::parse_duration)]
    absolute: Duration,
    /// A transfer asks for a PIN not older than this.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    fresh: Duration,
    /// Which release of the bank to be: run both at once on one key ring to
    /// watch a rolling deploy.
    #[arg(long, value_enum, default_value_t = Run::Current)]
    release: Run,
}

#[derive(Clone, Copy, ValueEnum)]
enum Run {
    /// Sessions of schema version 2; reads version 1 and upgrades it.
    Current,
    /// Sessions of schema version 1; leaves version 2 alone.
    Previous,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let args = Args::parse();
    let ring = match &args.redis {
        Some(url) => ring::of_redis(url, args.reload)?,
        None => ring::of_file(&args.ring, args.reload)?,
    };
    let shared = args.redis.as_deref().map(revocations::join).transpose()?;
    let parts = Parts {
        ring,
        revocations: shared.as_ref().map_or_else(Revocations::new, |shared| shared.list().clone()),
        used: match &args.redis {
            Some(url) => Arc::new(UsedInRedis::new(url, "bank:used")?),
            None => Arc::new(UsedHere::new()),
        },
        policy: Policy::new(args.idle, args.absolute),
        fresh: args.fresh,
    };
    let app = match args.release {
        Run::Current => bank::<Customer>(&parts),
        Run::Previous => bank::<CustomerV1>(&parts),
    };
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", args.listen))?;
    announce(listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(stopped()).await?;
    if let Some(shared) = shared {
        revocations::flush(&shared);
    }
    tracing::info!("stopped");
    Ok(())
}

/// What a bank is made of.
struct Parts {
    ring: RingHandle,
    /// Of this process alone, or of all banks with the same Redis.
    revocations: Revocations,
    /// The links that were used, likewise.
    used: Arc<dyn UsedTokens + Send + Sync>,
    policy: Policy,
    fresh: Duration,
}

fn bank<C: Release>(parts: &Parts) -> Router {
    let Parts { ring, revocations, used, policy, fresh } = parts;
    let sessions = Sessions::<C>::builder(ring, *policy)
        .cookie(Cookie::default())
        .bearer(Bearer::default())
        .revocations(revocations)
        .subject(|customer| customer.user().to_owned())
        .build();
    let pages = pages::Pages { policy: *policy, fresh: *fresh, release: C::VERSION };
    let ledger = Arc::new(Ledger::open());
    let health = ring.clone();
    Router::new()
        .route("/healthz", get(async move || healthy(&health)))
        .merge(web::routes::<C>(Arc::clone(&ledger), pages))
        .nest("/api", api::routes::<C>(Arc::clone(&ledger)))
        .nest("/api", links::routes::<C>(ring, Arc::clone(used), ledger))
        .layer(SessionLayer::from(sessions))
}

/// The bank goes on serving with the ring it has.
fn healthy(ring: &RingHandle) -> String {
    match ring.health().failing {
        None => "ok".to_owned(),
        Some(failing) => format!("ok, but since {} the key ring: {}", failing.since, failing.error),
    }
}

#[allow(clippy::print_stdout, reason = "the address is this program's output")]
fn announce(address: SocketAddr) {
    println!("the bank is open at http://{address}");
}

/// Ctrl-C, or what a service manager sends.
async fn stopped() {
    let interrupted = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot listen for Ctrl-C");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    if let Ok(mut terminated) = signal(SignalKind::terminate()) {
        tokio::select! {
            () = interrupted => {}
            _ = terminated.recv() => {}
        }
        return;
    }
    interrupted.await;
}
