//! A mobile client of the bank. It keeps two tokens and a key, loses its network in the middle of a
//! request, and continues from another address. A thief of the tokens gets nowhere without the key.
//!
//! ```sh
//! cargo run -p bank -- --listen 127.0.0.1:3000 --idle 3s &
//! cargo run -p mobile -- --bank 127.0.0.1:3000 network
//! cargo run -p bank -- --listen 127.0.0.1:3001 --proof-lifetime 10s &
//! cargo run -p mobile -- --bank 127.0.0.1:3001 theft
//! ```
#![allow(clippy::print_stdout, reason = "a demonstration program")]

mod key;
mod phone;
mod theft;

use std::error::Error;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use hyper::StatusCode;
use serde_json::json;

use crate::phone::{Answer, Phone};

/// A mobile client that tests the bank.
///
/// Exits with status 1 at the first unexpected result.
#[derive(Parser)]
struct Args {
    /// Address and port of the bank.
    #[arg(long, default_value = "127.0.0.1:3000")]
    bank: SocketAddr,
    #[command(subcommand)]
    scene: Scene,
}

#[derive(Subcommand)]
enum Scene {
    /// Loses the network and goes on from another address. Start the bank with --idle 3s.
    Network,
    /// A thief copies the tokens. Start the bank with --proof-lifetime 10s.
    Theft {
        /// File to which the phone writes the tokens of a new session at the end, as header lines,
        /// so that another program can try a copy.
        #[arg(long, value_name = "FILE")]
        tokens: Option<PathBuf>,
    },
}

pub(crate) const BALANCE: &str = "/api/balance";
const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
/// The second address of the phone. On Linux, all addresses of 127.0.0.0/8 are local. On other
/// systems, add this address to the machine first.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    let result = match &args.scene {
        Scene::Network => network(args.bank).await,
        Scene::Theft { tokens } => theft(args.bank, tokens.as_deref()).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn network(bank: SocketAddr) -> Result<(), Box<dyn Error>> {
    let mut phone = Phone::new(bank, HOME)?;
    let guest = phone.get(BALANCE).await?;
    expect(guest.status == StatusCode::UNAUTHORIZED, "without a session, the balance is refused")?;

    let signed_in = sign_in(&mut phone).await?;
    expect(signed_in.renewed, "the response to a sign-in has tokens")?;
    println!("signed in from {HOME}");
    let session = session(&phone.get(BALANCE).await?)?;

    println!("sends one request a second, for longer than the idle timeout");
    let mut renewals = 0;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let answer = phone.get(BALANCE).await?;
        same(&session, &answer)?;
        renewals += usize::from(answer.renewed);
    }
    println!("  {renewals} of 4 responses renewed the session");
    expect(renewals > 0, "activity renews the session")?;

    println!("loses the network before it has the responses to two requests");
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..2 {
        phone.get_and_lose_the_answer(BALANCE).await?;
    }
    phone.address = ELSEWHERE;
    same(&session, &phone.get(BALANCE).await?)?;
    println!("continues from {ELSEWHERE}, with the same session {session}");

    println!("sends no request for longer than the idle timeout");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let late = phone.get(BALANCE).await?;
    expect(late.status == StatusCode::UNAUTHORIZED, "a session ends after the idle timeout")?;

    sign_in(&mut phone).await?;
    let signed_out = phone.post("/api/logout", &json!({})).await?;
    expect(signed_out.renewed, "the response to a sign-out deletes the tokens")?;
    let after = phone.get(BALANCE).await?;
    expect(after.status == StatusCode::UNAUTHORIZED, "after a sign-out, the balance is refused")?;
    println!("signed in again and signed out\nall results as expected");
    Ok(())
}

async fn theft(bank: SocketAddr, tokens: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let mut phone = Phone::new(bank, HOME)?;
    sign_in(&mut phone).await?;
    println!("signed in from {HOME}");
    theft::scenes(&mut phone).await?;
    if let Some(file) = tokens {
        sign_in(&mut phone).await?;
        let lines = phone.tokens().into_iter().map(|(name, value)| format!("{name}: {value}\n"));
        fs::write(file, lines.collect::<String>())?;
    }
    println!("all results as expected");
    Ok(())
}

/// Signs in. The session is bound to the key of the phone.
async fn sign_in(phone: &mut Phone) -> Result<Answer, Box<dyn Error>> {
    let answer = phone.sign_in(&json!({ "user": "ada", "pin": "1815" })).await?;
    let balance = phone.get(BALANCE).await?;
    expect(balance.body["session"]["bound"] == true, "the session is bound to the key")?;
    Ok(answer)
}

pub(crate) fn session(answer: &Answer) -> Result<String, Box<dyn Error>> {
    expect(answer.status == StatusCode::OK, "the bank answers with the balance")?;
    Ok(answer.body["session"]["id"].as_str().ok_or("the response has a session id")?.to_owned())
}

fn same(id: &str, answer: &Answer) -> Result<(), Box<dyn Error>> {
    expect(session(answer)? == id, "the session id is the same")
}

pub(crate) fn expect(holds: bool, what: &str) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err(what.into()) }
}
