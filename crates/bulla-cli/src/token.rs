//! `bulla seal` and `bulla open`.

use std::io::{self, Read as _};

use bulla::keys::Zeroizing;
use bulla::token::{MAX_TOKEN_LEN, Mode, RawTokens};

use crate::args::{self, Open, Seal};
use crate::place::Place;
use crate::reply::{Answer, Failure, Reply};

pub(crate) fn seal(seal: &Seal) -> Result<Reply, Failure> {
    let mode = match seal.mode {
        args::Mode::Sealed => Mode::Sealed,
        args::Mode::Signed => Mode::Signed,
    };
    let ring = Place::of(&seal.place)?.ring()?;
    // `make` rejects a payload of this length as too long, so the command reads no more than that.
    let mut payload = Zeroizing::new(Vec::with_capacity(MAX_TOKEN_LEN));
    io::stdin().take(MAX_TOKEN_LEN as u64).read_to_end(&mut payload)?;
    let tokens = RawTokens::new(ring, mode, &seal.purpose);
    let token = tokens.make(&payload, seal.schema, seal.lifetime, seal.clock.now())?;
    Ok(Reply::new(Answer::Yes, token + "\n"))
}

pub(crate) fn open(open: &Open) -> Result<Reply, Failure> {
    let token = given(&open.token)?;
    let ring = Place::of(&open.place)?.ring()?;
    let tokens = RawTokens::new(ring, mode(&token), &open.purpose);
    let opened = tokens.authenticate(&*token).and_then(|opened| {
        opened.check_at(open.clock.now())?;
        Ok(opened)
    });
    Ok(match opened {
        Ok(opened) => Reply { answer: Answer::Yes, out: opened.payload, notes: Vec::new() },
        Err(error) => Reply::new(Answer::No, "").note(format!("bulla: {error}")),
    })
}

/// The mode that the prefix names. `authenticate` refuses any other prefix.
pub(crate) fn mode(token: &str) -> Mode {
    if token.starts_with("s1.") { Mode::Signed } else { Mode::Sealed }
}

/// A token from the command line. If the argument is `-`, from standard input.
pub(crate) fn given(token: &str) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(token.to_owned());
    if token == "-" {
        text.clear();
        // Every token is far shorter than this limit. Longer input is not read to the end, and the
        // commands refuse it.
        let read = io::stdin().take(1 << 16).read_to_string(&mut text);
        read.map_err(|error| format!("the token on standard input: {error}"))?;
    }
    Ok(Zeroizing::new(text.trim().to_owned()))
}
