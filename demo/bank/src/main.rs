//! A small bank. It keeps its accounts in memory and stores no sessions. A browser keeps its
//! session in a cookie, and a mobile client keeps its session in a bearer token.

mod api;
mod devices;
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
use bulla::session::{DeviceBound, Dpop};
use bulla::token::{UsedHere, UsedTokens};
use bulla::{Bearer, Cookie, Policy, Revocations, RingHandle, SessionLayer, Sessions};
use bulla_redis::UsedInRedis;
use clap::{Parser, ValueEnum};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::devices::Devices;
use crate::ledger::Ledger;
use crate::release::{Customer, CustomerV1, Release};

/// A small bank whose sessions are stored by the clients.
///
/// Sign in as ada (PIN 1815) or alan (PIN 1912). If you restart the bank, all users stay
/// signed in, because the bank needs only its key ring, which it keeps in a file. Stop the
/// bank with Ctrl-C or SIGINT.
#[derive(Parser)]
#[command(name = "bank", version)]
struct Args {
    /// Address and port to listen on; port 0 selects a free port.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Address under which clients reach the bank, with its scheme. Mobile clients name
    /// it in their proofs [default: http:// and the address of --listen].
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// File with the key ring. Created at the first start with mode 0600 (owner only).
    #[arg(long, value_name = "FILE", default_value = "bank.ring")]
    ring: PathBuf,
    /// Redis server that several banks share, such as redis://127.0.0.1/.
    /// Redis then keeps the key ring (bank:ring), the revocations (bank:revocations), and
    /// the sign-in links and proofs that were used (bank:used). There is no file with a key ring.
    #[arg(long, value_name = "URL", conflicts_with = "ring")]
    redis: Option<String>,
    /// File with the revocations, which other services on this host can share. Without it, the
    /// bank forgets its revocations when it stops.
    #[arg(long, value_name = "FILE", conflicts_with = "redis")]
    revoked: Option<PathBuf>,
    /// How often to check the key ring for changes.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    reload: Duration,
    /// Idle timeout: a session ends after this time without a request.
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = humantime::parse_duration)]
    idle: Duration,
    /// Absolute timeout: a session ends this time after the sign-in, even if it is in use.
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = humantime::parse_duration)]
    absolute: Duration,
    /// A transfer asks for the PIN again if this time has passed since the user entered it.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    fresh: Duration,
    /// A copied session ends after this time, if the browser or the mobile client has bound it to
    /// its device.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    proof_lifetime: Duration,
    /// Release of the bank to run. To try a rolling deploy, run both releases with one key
    /// ring.
    #[arg(long, value_enum, default_value_t = Run::Current)]
    release: Run,
    /// Print the schema document of the session's state, and stop. The npm package of bulla makes
    /// TypeScript types from it.
    #[arg(long)]
    schema: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Run {
    /// Writes schema version 2, and reads and upgrades version 1.
    Current,
    /// Writes schema version 1, and ignores version 2 without deleting it.
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
    if args.schema {
        print_schema();
        return Ok(());
    }
    let ring = match &args.redis {
        Some(url) => ring::of_redis(url, args.reload)?,
        None => ring::of_file(&args.ring, args.reload)?,
    };
    let shared = args.redis.as_deref().map(revocations::join).transpose()?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", args.listen))?;
    let here = listener.local_addr()?;
    let used: Arc<dyn UsedTokens + Send + Sync> = match &args.redis {
        Some(url) => Arc::new(UsedInRedis::new(url, "bank:used")?),
        None => Arc::new(UsedHere::new()),
    };
    let parts = Parts {
        ring,
        revocations: match (&shared, &args.revoked) {
            (Some(shared), _) => shared.list().clone(),
            (None, Some(path)) => revocations::of_file(path)?,
            (None, None) => Revocations::new(),
        },
        used: Arc::clone(&used),
        policy: Policy::new(args.idle, args.absolute),
        fresh: args.fresh,
        device_bound: DeviceBound::default()
            .with_proof_lifetime(args.proof_lifetime)
            .without_path("/style.css")
            .without_path("/guest.css")
            .without_path("/favicon.ico"),
        dpop: Dpop::at(&args.address.unwrap_or_else(|| format!("http://{here}")))?
            .with_proof_lifetime(args.proof_lifetime)
            .with_used(used),
    };
    let app = match args.release {
        Run::Current => bank::<Customer>(parts),
        Run::Previous => bank::<CustomerV1>(parts),
    };
    announce(here);
    axum::serve(listener, app).with_graceful_shutdown(stopped()).await?;
    if let Some(shared) = shared {
        revocations::flush(&shared);
    }
    tracing::info!("stopped");
    Ok(())
}

/// The settings and the shared state of a bank.
struct Parts {
    ring: RingHandle,
    /// The revocations of this process, or of all services with the same file or Redis.
    revocations: Revocations,
    /// The used sign-in links and proofs of this process, or of all banks with the same Redis.
    used: Arc<dyn UsedTokens + Send + Sync>,
    policy: Policy,
    fresh: Duration,
    /// Binds the sessions of browsers to their devices.
    device_bound: DeviceBound,
    /// Binds the sessions of mobile clients to their keys.
    dpop: Dpop,
}

fn bank<C: Release>(parts: Parts) -> Router {
    let Parts { ring, revocations, used, policy, fresh, device_bound, dpop } = parts;
    let devices = Arc::new(Devices::new());
    let listed = Arc::clone(&devices);
    let sessions = Sessions::<C>::builder(&ring, policy)
        .on_event(move |event| listed.follow(event))
        .cookie(Cookie::default())
        .bearer(Bearer::default())
        .revocations(&revocations)
        .subject(|customer| customer.user().to_owned())
        .sign_in_page(web::SIGN_IN)
        .device_bound(device_bound)
        .dpop(dpop)
        .build();
    let pages = pages::Pages { policy, fresh, release: C::VERSION };
    let ledger = Arc::new(Ledger::open());
    let health = ring.clone();
    let of_web = web::Bank {
        ledger: Arc::clone(&ledger),
        devices: Arc::clone(&devices),
        sessions: sessions.clone(),
        pages,
    };
    let of_api = api::Bank { ledger: Arc::clone(&ledger), devices: Arc::clone(&devices) };
    Router::new()
        .route("/healthz", get(async move || healthy(&health)))
        .merge(web::routes(of_web))
        .nest("/api", api::routes::<C>(of_api))
        .nest("/api", links::routes::<C>(&ring, used, ledger, devices))
        .layer(SessionLayer::from(sessions))
}

/// Reports whether the key ring reloads. If it does not, the bank continues with its last ring.
fn healthy(ring: &RingHandle) -> String {
    match ring.health().failing {
        None => "ok".to_owned(),
        Some(failing) => {
            format!("ok, but the key ring fails to load since {}: {}", failing.since, failing.error)
        }
    }
}

#[allow(clippy::print_stdout, reason = "the document is this program's output")]
fn print_schema() {
    print!("{}", bulla::schema::json::<Customer>());
}

#[allow(clippy::print_stdout, reason = "the address is this program's output")]
fn announce(address: SocketAddr) {
    println!("the bank is listening at http://{address}");
}

/// Waits for Ctrl-C, or for the SIGTERM that a service manager sends.
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
