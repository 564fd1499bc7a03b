//! A mobile client of the bank. It keeps two tokens, loses its network in the middle of a
//! request, and continues from another address.
//!
//! ```sh
//! cargo run -p bank -- --listen 127.0.0.1:3000 --idle 3s &
//! cargo run -p mobile -- --bank 127.0.0.1:3000
//! ```
#![allow(clippy::print_stdout, reason = "a demonstration program")]

mod phone;

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use hyper::StatusCode;
use serde_json::json;

use crate::phone::{Answer, Phone};

/// A mobile client that tests the bank. Start the bank with --idle 3s.
///
/// Exits with status 1 at the first unexpected result.
#[derive(Parser)]
struct Args {
    /// Address and port of the bank.
    #[arg(long, default_value = "127.0.0.1:3000")]
    bank: SocketAddr,
}

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
/// The second address of the phone. On Linux, all addresses of 127.0.0.0/8 are local. On other
/// systems, add this address to the machine first.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match journey(Args::parse().bank).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn journey(bank: SocketAddr) -> Result<(), Box<dyn Error>> {
    let mut phone = Phone::new(bank, HOME);
    let guest = phone.get("/api/balance").await?;
    expect(guest.status == StatusCode::UNAUTHORIZED, "without a session, the balance is refused")?;

    let login = json!({ "user": "ada", "pin": "1815" });
    let signed_in = phone.post("/api/login", login).await?;
    expect(signed_in.renewed, "the response to a sign-in has tokens")?;
    println!("signed in from {HOME}");
    let session = session(&phone.get("/api/balance").await?)?;

    println!("sends one request a second, for longer than the idle timeout");
    let mut renewals = 0;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let answer = phone.get("/api/balance").await?;
        same(&session, &answer)?;
        renewals += usize::from(answer.renewed);
    }
    println!("  {renewals} of 4 responses renewed the session");
    expect(renewals > 0, "activity renews the session")?;

    println!("loses the network before it has the responses to two requests");
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..2 {
        phone.get_and_lose_the_answer("/api/balance").await?;
    }
    phone.address = ELSEWHERE;
    same(&session, &phone.get("/api/balance").await?)?;
    println!("continues from {ELSEWHERE}, with the same session {session}");

    println!("sends no request for longer than the idle timeout");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let late = phone.get("/api/balance").await?;
    expect(late.status == StatusCode::UNAUTHORIZED, "a session ends after the idle timeout")?;

    phone.post("/api/login", json!({ "user": "ada", "pin": "1815" })).await?;
    let signed_out = phone.post("/api/logout", json!({})).await?;
    expect(signed_out.renewed, "the response to a sign-out deletes the tokens")?;
    let after = phone.get("/api/balance").await?;
    expect(after.status == StatusCode::UNAUTHORIZED, "after a sign-out, the balance is refused")?;
    println!("signed in again and signed out\nall results as expected");
    Ok(())
}

fn session(answer: &Answer) -> Result<String, Box<dyn Error>> {
    expect(answer.status == StatusCode::OK, "the bank answers with the balance")?;
    Ok(answer.body["session"]["id"].as_str().ok_or("the response has a session id")?.to_owned())
}

fn same(id: &str, answer: &Answer) -> Result<(), Box<dyn Error>> {
    expect(session(answer)? == id, "the session id is the same")
}

fn expect(holds: bool, what: &str) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err(what.into()) }
}
