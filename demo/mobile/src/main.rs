//! A mobile client of the bank: it keeps two tokens, loses its network in the
//! middle of a request, and comes back from another address.
//!
//! ```sh
//! cargo run -p bank -- --listen 127.0.0.1:3000 --idle 3s &
//! cargo run -p mobile -- --bank 127.0.0.1:3000
//! ```
#![allow(clippy::print_stdout, reason = "a program")]

mod phone;

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use hyper::StatusCode;
use serde_json::json;

use crate::phone::{Answer, Phone};

/// A mobile client of the bank, which should run with --idle 3s. Ends with
/// status 1 at the first thing that is not as promised.
#[derive(Parser)]
struct Args {
    /// Where the bank listens.
    #[arg(long, default_value = "127.0.0.1:3000")]
    bank: SocketAddr,
}

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
/// Linux gives a machine the whole of 127/8; elsewhere it may have to be added.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match journey(Args::parse().bank).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("NOT AS PROMISED: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn journey(bank: SocketAddr) -> Result<(), Box<dyn Error>> {
    let mut phone = Phone::new(bank, HOME);
    let guest = phone.get("/api/balance").await?;
    expect(guest.status == StatusCode::UNAUTHORIZED, "a guest has no balance")?;

    let login = json!({ "user": "ada", "pin": "1815" });
    let signed_in = phone.post("/api/login", login).await?;
    expect(signed_in.renewed, "the answer to a sign-in has tokens")?;
    println!("signed in from {HOME}");
    let session = session(&phone.get("/api/balance").await?)?;

    println!("on the train: one request a second, longer than the idle timeout");
    let mut renewals = 0;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let answer = phone.get("/api/balance").await?;
        same(&session, &answer)?;
        renewals += usize::from(answer.renewed);
    }
    println!("  {renewals} of 4 answers renewed the session");
    expect(renewals > 0, "activity renews the session")?;

    println!("into the tunnel, with two requests on the way");
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..2 {
        phone.get_and_lose_the_answer("/api/balance").await?;
    }
    phone.address = ELSEWHERE;
    same(&session, &phone.get("/api/balance").await?)?;
    println!("out of it from {ELSEWHERE}: the same session {session}");

    println!("a tunnel longer than the idle timeout");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let late = phone.get("/api/balance").await?;
    expect(late.status == StatusCode::UNAUTHORIZED, "an idle session ends")?;

    phone.post("/api/login", json!({ "user": "ada", "pin": "1815" })).await?;
    let signed_out = phone.post("/api/logout", json!({})).await?;
    expect(signed_out.renewed, "signing out takes the tokens back")?;
    let after = phone.get("/api/balance").await?;
    expect(after.status == StatusCode::UNAUTHORIZED, "signed out is signed out")?;
    println!("signed in again and out\neverything as promised");
    Ok(())
}

fn session(answer: &Answer) -> Result<String, Box<dyn Error>> {
    expect(answer.status == StatusCode::OK, "a balance is answered")?;
    Ok(answer.body["session"]["id"].as_str().ok_or("an answer has a session's id")?.to_owned())
}

fn same(id: &str, answer: &Answer) -> Result<(), Box<dyn Error>> {
    expect(session(answer)? == id, "the session is the same")
}

fn expect(is_so: bool, what: &str) -> Result<(), Box<dyn Error>> {
    if is_so { Ok(()) } else { Err(what.into()) }
}
