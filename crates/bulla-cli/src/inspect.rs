//! `bulla inspect`: shows what a token contains.

use bulla::OpenError;
use bulla::token::Visible;
use serde::Serialize;

use crate::args::Inspect;
use crate::contents::{Carrier, Contents, Role};
use crate::json::Text;
use crate::options::Form;
use crate::page;
use crate::place::Place;
use crate::reply::{Answer, Failure, Reply};
use crate::token::given;

pub(crate) fn inspect(inspect: &Inspect) -> Result<Reply, Failure> {
    let token = given(&inspect.token)?;
    let now = inspect.clock.now();
    let visible = match Visible::of(&*token) {
        Ok(visible) => visible,
        Err(error) => return no_token(&token, error, inspect.output.form()),
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
    let contents = Contents::of(&token, visible, verifying, now);
    let answer = if contents.opens == Some(false) { Answer::No } else { Answer::Yes };
    let reply = match inspect.output.form() {
        Form::Text => Reply::new(answer, page::of(&contents, now).as_bytes()),
        Form::Json => Reply::json(answer, &contents)?,
    };
    let role = contents.authentic.as_ref().map(|authentic| authentic.role);
    Ok(match (contents.opens, carrier) {
        (None, _) => reply.note(
            "note: add --ring FILE and --purpose P to verify the token and show its contents; \
             for a token from a cookie also --cookie NAME, and for one from a header --bearer",
        ),
        (Some(_), Carrier::Alone) => reply,
        _ if matches!(role, Some(Role::SealedCookie | Role::Challenge)) => reply,
        (Some(_), Carrier::Cookie(_) | Carrier::Bearer) => reply.note(
            "note: a session also ends at its idle timeout, which is counted from the newer of \
             the session's two tokens",
        ),
    })
}

/// The document for input that is not a token.
#[derive(Serialize)]
struct NoToken {
    opens: bool,
    refused: Text<OpenError>,
}

fn no_token(token: &str, error: OpenError, form: Form) -> Result<Reply, Failure> {
    let reply = match form {
        Form::Text => Reply::new(Answer::No, format!("refused: {error}\n")),
        Form::Json => Reply::json(Answer::No, &NoToken { opens: false, refused: Text(error) })?,
    };
    let advice = if token.starts_with("p1.") {
        "this is one piece of a token that is split over several cookies"
    } else {
        "a token begins with b1. (sealed) or s1. (signed); give it without the cookie name"
    };
    Ok(reply.note(advice))
}
