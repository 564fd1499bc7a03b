//! `bulla inspect`: shows what a token contains.

use bulla::OpenError;
use bulla::token::Visible;

use crate::args::Inspect;
use crate::page::{self, Carrier};
use crate::place::Place;
use crate::reply::{Answer, Failure, Reply};
use crate::token::given;

pub(crate) fn inspect(inspect: &Inspect) -> Result<Reply, Failure> {
    let token = given(&inspect.token)?;
    let now = inspect.clock.now();
    let visible = match Visible::of(&*token) {
        Ok(visible) => visible,
        Err(error) => return Ok(no_token(&token, error)),
    };
    let carrier = match (&inspect.cookie, inspect.bearer) {
        (Some(name), _) => Carrier::Cookie(name),
        (None, true) => Carrier::Bearer,
        (None, false) => Carrier::Alone,
    };
    let place = Place::if_any(&inspect.place)?;
    let ring = match (place, &inspect.purpose) {
        (Some(mut place), Some(purpose)) => Some((place.ring()?, purpose)),
        _ => None,
    };
    let verifying = ring.as_ref().map(|(ring, purpose)| (ring, purpose.as_str(), carrier));
    let shown = page::of_token(&token, visible, verifying, now);
    let answer = if shown.opens == Some(false) { Answer::No } else { Answer::Yes };
    let reply = Reply::new(answer, shown.text.as_bytes());
    Ok(match (shown.opens, carrier) {
        (None, _) => reply.note(
            "note: add --ring FILE and --purpose P to verify the token and show its contents; \
             for a token of a session also --cookie NAME or --bearer",
        ),
        (Some(_), Carrier::Alone) => reply,
        (Some(_), Carrier::Cookie(_) | Carrier::Bearer) => reply.note(
            "note: a session also ends at its idle timeout, which is counted from the newer of \
             the session's two tokens",
        ),
    })
}

fn no_token(token: &str, error: OpenError) -> Reply {
    let reply = Reply::new(Answer::No, format!("refused: {error}\n"));
    let advice = if token.starts_with("p1.") {
        "this is one piece of a token that is split over several cookies"
    } else {
        "a token begins with b1. (sealed) or s1. (signed); give it without the cookie name"
    };
    reply.note(advice)
}
