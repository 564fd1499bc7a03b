//! `bulla inspect`, `seal` and `open`.

use std::io::{Read as _, Write as _};

use bulla::{Mode, RawToken, RawTokens, UnixTime, Visible, Zeroizing};

use crate::args::{self, Inspect, Open, Seal};
use crate::list::span;
use crate::place::ring_of;
use crate::{Answer, Failure};

pub(crate) fn seal(seal: &Seal) -> Result<Answer, Failure> {
    let mode = match seal.mode {
        args::Mode::Sealed => Mode::Sealed,
        args::Mode::Signed => Mode::Signed,
    };
    let mut payload = Zeroizing::new(Vec::new());
    std::io::stdin().read_to_end(&mut payload)?;
    let tokens = RawTokens::new(ring_of(&seal.ring)?, mode, &seal.purpose);
    let token = tokens.make(&payload, seal.schema, seal.lifetime, seal.clock.now())?;
    println!("{token}");
    Ok(Answer::Yes)
}

pub(crate) fn open(open: &Open) -> Result<Answer, Failure> {
    let token = text(&open.token)?;
    let mode = mode(&token);
    let tokens = RawTokens::new(ring_of(&open.ring)?, mode, &open.purpose);
    let opened = tokens.authenticate(&*token).and_then(|opened| {
        opened.check_at(open.clock.now())?;
        Ok(opened)
    });
    match opened {
        Ok(opened) => {
            std::io::stdout().write_all(&opened.payload)?;
            Ok(Answer::Yes)
        }
        Err(error) => {
            eprintln!("bulla: {error}");
            Ok(Answer::No)
        }
    }
}

pub(crate) fn inspect(inspect: &Inspect) -> Result<Answer, Failure> {
    let token = text(&inspect.token)?;
    let visible = match Visible::of(&*token) {
        Ok(visible) => visible,
        Err(error) => {
            println!("no token: {error}");
            return Ok(Answer::No);
        }
    };
    let (name, read) = match visible.mode {
        Mode::Sealed => ("sealed", "only with its key"),
        Mode::Signed => ("signed", "by anybody"),
    };
    println!("mode         {name}, to be read {read}");
    println!("key          {} (as it says)", visible.unverified_key_id);
    println!("size         {} characters, {} bytes inside", token.len(), visible.body_len);
    let now = inspect.clock.now();
    let (Some(ring), Some(purpose)) = (&inspect.ring, &inspect.purpose) else {
        if visible.mode == Mode::Signed {
            println!("\nNOT VERIFIED, as anybody could have written it:");
            show(&bulla::read_unverified_raw(&*token)?, now);
        }
        let missing = "--ring FILE and --purpose P verify it, and show what is inside";
        eprintln!("{missing}; --cookie NAME or --bearer, if it is a session's");
        return Ok(Answer::Yes);
    };
    let ring = ring_of(ring)?;
    let mut refused = None;
    for (what, purpose) in purposes(purpose, inspect) {
        match RawTokens::new(&ring, visible.mode, purpose).authenticate(&*token) {
            Ok(opened) => {
                println!("\nauthentic{what}");
                show(&opened, now);
                if what == STATE {
                    show_record(&opened);
                }
                return Ok(match opened.check_at(now) {
                    Ok(()) => {
                        println!("opens        yes, for {}", span(opened.expires_at.since(now)));
                        Answer::Yes
                    }
                    Err(error) => {
                        println!("opens        no: {error}");
                        Answer::No
                    }
                });
            }
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    if let Some(error) = refused {
        println!("opens        no: {error}");
    }
    Ok(Answer::No)
}

const STATE: &str = ", a session's state token";
const RENEWAL: &str = ", a session's renewal token";

/// What the token may be for (specification, section 9).
fn purposes(purpose: &str, inspect: &Inspect) -> Vec<(&'static str, Vec<u8>)> {
    let channel = match (&inspect.cookie, inspect.bearer) {
        (Some(name), _) => [b"cookie", name.as_bytes()].join(&0),
        (None, true) => b"bearer".to_vec(),
        (None, false) => return vec![("", purpose.as_bytes().to_vec())],
    };
    let of = |role: &[u8]| [purpose.as_bytes(), role, &channel].join(&0);
    vec![(STATE, of(b"state")), (RENEWAL, of(b"renewal"))]
}

fn show(token: &RawToken, now: UnixTime) {
    println!("key          {}", token.key_id);
    println!("issued at    {} ({} ago)", token.issued_at, span(now.since(token.issued_at)));
    println!("expires at   {}", token.expires_at);
    println!("schema       {}", token.schema);
    let hex: String = token.payload.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("payload      {} bytes: {hex}", token.payload.len());
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(&token.payload) {
        println!("as JSON      {json}");
    }
}

/// A session's id and clocks stand before its state.
fn show_record(token: &RawToken) {
    let Some((id, mut rest)) = token.payload.split_at_checked(16) else { return };
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("session      {id}");
    for name in ["started at", "proved at", "ceiling"] {
        let Some(seconds) = take_varint(&mut rest) else { return };
        if (name, seconds) != ("ceiling", 0) {
            println!("{name:<12} {}", UnixTime::from_secs(seconds));
        }
    }
    println!("state        {} bytes", rest.len());
}

/// As in the specification's section 4. The token is authentic.
fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let len = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let (bytes, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    let mut groups = bytes.iter().rev();
    groups.try_fold(0_u64, |value, byte| value.checked_mul(128)?.checked_add((byte & 0x7f).into()))
}

fn mode(token: &str) -> Mode {
    if token.starts_with("s1.") { Mode::Signed } else { Mode::Sealed }
}

fn text(token: &str) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(token.to_owned());
    if token == "-" {
        text.clear();
        // A token is far shorter: what is longer is refused without being read.
        std::io::stdin().take(1 << 16).read_to_string(&mut text)?;
    }
    Ok(Zeroizing::new(text.trim().to_owned()))
}
