//! `bulla inspect`: what a token is.

use bulla::OpenError;
use bulla::token::Visible;

use crate::Failure;
use crate::args::Inspect;
use crate::page::{self, Carrier};
use crate::place::Place;
use crate::reply::{Answer, Reply};
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
            "--ring FILE and --purpose P verify it and show what is inside; with \
             --cookie NAME or --bearer a session's",
        ),
        (Some(_), Carrier::Alone) => reply,
        (Some(_), Carrier::Cookie(_) | Carrier::Bearer) => reply.note(
            "note: a session also ends when it is idle; it was last seen when the later of \
             its two tokens was issued",
        ),
    })
}

fn no_token(token: &str, error: OpenError) -> Reply {
    let reply = Reply::new(Answer::No, format!("no token: {error}\n"));
    let advice = if token.starts_with("p1.") {
        "this is a piece of a token in several cookies; the servers join them"
    } else {
        "a token begins with b1. (sealed) or s1. (signed); give it without the cookie's name"
    };
    reply.note(advice)
}

/// The renewal token has the name of the state token's cookie in its purpose.
pub(crate) fn state_cookie(name: &str) -> Result<String, String> {
    match name.strip_suffix("-renewal") {
        _ if name.is_empty() => Err("a cookie's name".to_owned()),
        Some("") | None => Ok(name.to_owned()),
        Some(state) => Ok(state.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_cookie_leads_to_its_state_cookie() {
        assert_eq!(state_cookie("__Host-session").unwrap(), "__Host-session");
        assert_eq!(state_cookie("__Host-session-renewal").unwrap(), "__Host-session");
    }
}
