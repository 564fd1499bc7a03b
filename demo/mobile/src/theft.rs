//! A thief copies everything that the phone sends and stores, except its key.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hyper::StatusCode;
use serde_json::json;

use crate::key::Claims;
use crate::phone::{Answer, Phone};
use crate::{BALANCE, expect, session};

const TRANSFER: &str = "/api/transfer";
const THIEF: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

/// The bank asks for a proof after its --proof-lifetime, which is 10 seconds here.
const PROOF_LIFETIME: usize = 10;

/// The phone has just signed in.
pub(crate) async fn scenes(phone: &mut Phone) -> Result<(), Box<dyn Error>> {
    let unused = phone.key.proof(&phone.claims("GET", BALANCE))?;

    println!("sends one request a second until the bank asks for a proof");
    let seconds = until_asked(phone).await?;
    println!("  after {seconds} s, the bank asked for a proof; the session goes on");
    expect(seconds <= PROOF_LIFETIME, "a proof counts for at most 10 seconds")?;

    let mut thief = phone.stolen(THIEF)?;
    println!("a thief at {THIEF} has a copy of both tokens");

    let transfer = json!({ "to": "alan", "amount": "12.50" });
    let before = balance(&phone.get(BALANCE).await?)?;
    let sent = phone.post(TRANSFER, &transfer).await?;
    expect(sent.status == StatusCode::NO_CONTENT && sent.proved, "a transfer asks for a proof")?;
    println!("  the phone sends money with a proof; the thief tries the same");
    let text = transfer.to_string();
    let copy = phone.last_proof.clone();
    for (what, proof, error) in [
        ("without a proof", None, "use_dpop_nonce"),
        ("with a copy of the phone's request", copy.as_deref(), "invalid_dpop_proof"),
    ] {
        refused(what, &thief.send_with(proof, "POST", TRANSFER, &text).await?, error)?;
    }
    let left = balance(&phone.get(BALANCE).await?)?;
    expect(before - left == 1250, "the money was sent once")?;

    println!("  the thief reads the balance once a second");
    let mut seconds = 0;
    let late = loop {
        phone.get(BALANCE).await?;
        let answer = thief.send_with(None, "GET", BALANCE, "").await?;
        if answer.status != StatusCode::OK {
            break answer;
        }
        seconds += 1;
        expect(seconds <= PROOF_LIFETIME, "the copy works for at most 10 seconds")?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    println!("  the copy worked for {seconds} s, then:");
    expect(seconds > 0, "the copy works while the last proof counts")?;
    refused("without a proof", &late, "use_dpop_nonce")?;

    // The response to the first proof has a new challenge, if that of the proof is old.
    for _ in 0..2 {
        session(&phone.get_with_proof(BALANCE).await?)?;
    }
    // Each of these proofs is right except for one thing. Its challenge is that of the response to
    // the thief.
    let right = thief.claims("GET", BALANCE);
    let of_phone = |claims: Claims<'_>| phone.key.proof(&claims);
    let elsewhere = "http://bank.example/api/balance".to_owned();
    let tries = [
        (
            "with a proof that the phone has sent",
            phone.last_proof.clone().ok_or("the phone has sent a proof")?,
            "invalid_dpop_proof",
        ),
        ("with a proof of its own key", thief.key.proof(&right)?, "invalid_dpop_proof"),
        (
            "with a proof for another method",
            of_phone(Claims { method: "POST", ..right.clone() })?,
            "invalid_dpop_proof",
        ),
        (
            "with a proof for another address",
            of_phone(Claims { address: elsewhere, ..right.clone() })?,
            "invalid_dpop_proof",
        ),
        (
            "with a proof for an invented challenge",
            of_phone(Claims { challenge: Some("b1.AAAA"), ..right.clone() })?,
            "use_dpop_nonce",
        ),
        ("with a proof for an old challenge", unused, "use_dpop_nonce"),
    ];
    for (what, proof, error) in tries {
        refused(what, &thief.send_with(Some(&proof), "GET", BALANCE, "").await?, error)?;
    }
    expect(balance(&phone.get(BALANCE).await?)? == left, "the phone still reads its balance")?;
    println!("  the session of the phone goes on");
    Ok(())
}

/// Sends one request a second until the bank asks for a proof. Returns the seconds.
async fn until_asked(phone: &mut Phone) -> Result<usize, Box<dyn Error>> {
    for seconds in 1..=PROOF_LIFETIME {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let answer = phone.get(BALANCE).await?;
        session(&answer)?;
        if answer.proved {
            return Ok(seconds);
        }
    }
    Err("the bank asks for a proof after its proof lifetime".into())
}

fn balance(answer: &Answer) -> Result<i64, Box<dyn Error>> {
    session(answer)?;
    Ok(answer.body["balance_pence"].as_i64().ok_or("the response has a balance")?)
}

fn refused(what: &str, answer: &Answer, error: &str) -> Result<(), Box<dyn Error>> {
    let refusal = answer.refusal.as_deref().unwrap_or_default();
    println!("    {what}: {} {refusal}", answer.status.as_u16());
    expect(answer.status == StatusCode::UNAUTHORIZED, "the thief is refused")?;
    expect(refusal.contains(error), "the bank says why")
}
