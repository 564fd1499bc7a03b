//! Tests the library against another implementation of the format. It makes tokens for the other
//! implementation, and opens tokens that the other implementation made. `spec/check.sh` runs this
//! program.
//!
//! ```sh
//! interop ring                 # prints a new key ring
//! interop make RING N          # prints N tokens of each mode, one JSON object per line
//! interop open RING            # reads such lines from the other implementation and opens them
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "a test program")]

use std::error::Error;
use std::io::{BufRead as _, stdin};
use std::time::Duration;

use bulla::{KeyRing, Payload, Sealer, Signer, UnixTime};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const LIFETIME: u64 = 3600;

#[derive(Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "interop.example/text", version = 3, encoding = "json")]
struct Text(String);

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["ring"] => print!("{}", *KeyRing::generate()?.expose_text()),
        ["make", ring, count] => make(&std::fs::read_to_string(ring)?, count.parse()?)?,
        ["open", ring] => open(&std::fs::read_to_string(ring)?)?,
        _ => return Err("usage: interop ring | make RING N | open RING".into()),
    }
    Ok(())
}

fn verbs(ring: &str) -> Result<(Sealer<Text>, Signer<Text>), Box<dyn Error>> {
    let ring: KeyRing = ring.parse()?;
    let lifetime = Duration::from_secs(LIFETIME);
    Ok((Sealer::new(&ring, lifetime), Signer::new(&ring, lifetime)))
}

fn make(ring: &str, count: usize) -> Result<(), Box<dyn Error>> {
    let now = UnixTime::now();
    for n in 0..count {
        let (sealer, signer) = verbs(ring)?;
        let text = Text("häµ€𝄞".chars().cycle().take(n * 7 % 1200).collect());
        let payload = hex(&serde_json::to_vec(&text)?);
        let bucket = u8::try_from(n % 40)?;
        for (mode, token) in [
            ("sealed", sealer.padded_to(bucket).seal_at(&text, now)?),
            ("signed", signer.sign_at(&text, now)?),
        ] {
            println!(
                "{}",
                json!({
                    "mode": mode, "ring": ring, "purpose": hex(Text::PURPOSE.as_bytes()), "now": now.as_secs(),
                    "max_lifetime": null, "max_length": bulla::token::MAX_TOKEN_LEN, "schemas": [1, 3],
                    "token": token, "payload": payload, "issued_at": now.as_secs(),
                    "lifetime": LIFETIME, "schema": Text::VERSION, "bucket": bucket.max(1),
                })
            );
        }
    }
    Ok(())
}

fn open(ring: &str) -> Result<(), Box<dyn Error>> {
    let (sealer, signer) = verbs(ring)?;
    let mut opened = 0;
    for line in stdin().lock().lines() {
        let object: Value = serde_json::from_str(&line?)?;
        let field = |name: &str| object[name].as_str().ok_or(format!("no {name}"));
        let now = UnixTime::from_secs(object["now"].as_u64().ok_or("no now")?);
        let token = match field("mode")? {
            "sealed" => sealer.open_at(field("token")?, now)?,
            _ => signer.verify_at(field("token")?, now)?,
        };
        if hex(&serde_json::to_vec(&token.payload)?) != field("payload")? {
            return Err("a token opened with the wrong payload".into());
        }
        opened += 1;
    }
    println!("opened {opened} tokens of the other implementation");
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
