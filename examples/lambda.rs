//! Sessions in a cloud function. The program reads events in payload format 2.0 of API Gateway
//! from standard input and prints the responses, one line of JSON each.
//!
//! ```sh
//! echo '{"rawPath":"/login","body":"ada","requestContext":{"http":{"method":"POST"}}}' |
//!   cargo run --example lambda
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

use std::collections::BTreeMap;
use std::io::BufRead as _;

use bulla::{KeyRing, Payload, Policy, Session, SessionError, Sessions};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Event {
    raw_path: String,
    request_context: Context,
    /// The names are in lower case.
    headers: BTreeMap<String, String>,
    /// Each entry is `name=value`. The gateway removes the header `cookie` and puts the cookies
    /// here.
    cookies: Vec<String>,
    body: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Context {
    http: Http,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Http {
    method: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    headers: BTreeMap<String, String>,
    /// The values of the `Set-Cookie` headers.
    cookies: Vec<String>,
    body: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // All instances of the function need the same ring. A generated ring works for one instance.
    let ring = match std::env::var("BULLA_KEYS") {
        Ok(text) => text.parse()?,
        Err(_) => KeyRing::generate()?,
    };
    let sessions = Sessions::<Account>::new(ring, Policy::default());
    for line in std::io::stdin().lock().lines() {
        let answer = handle(&sessions, &serde_json::from_str(&line?)?)?;
        println!("{}", serde_json::to_string(&answer)?);
    }
    Ok(())
}

fn handle(sessions: &Sessions<Account>, event: &Event) -> Result<Answer, SessionError> {
    let session = sessions.load(&event.request_context.http.method, |name| match name {
        "cookie" => event.cookies.iter().map(String::as_bytes).collect::<Vec<_>>(),
        name => event.headers.get(name).map(String::as_bytes).into_iter().collect(),
    });
    let (status_code, body) = answer(&session, event).unwrap_or_else(|error| {
        let denied = error.denied().map(|denied| (denied.status(), denied.to_string()));
        denied.unwrap_or_else(|| {
            eprintln!("{error}");
            (500, "sorry".to_owned())
        })
    });
    if status_code >= 500 {
        session.discard_changes();
    }
    let mut answer = Answer { status_code, headers: BTreeMap::new(), cookies: Vec::new(), body };
    for line in session.commit() {
        match line.name.as_ref() {
            "set-cookie" => answer.cookies.push(line.value),
            name => {
                answer.headers.insert(name.to_owned(), line.value);
            }
        }
    }
    Ok(answer)
}

fn answer(session: &Session<Account>, event: &Event) -> Result<(u16, String), SessionError> {
    // Only a POST changes something, because pages from other sites can make a browser send a GET.
    match (event.request_context.http.method.as_str(), event.raw_path.as_str()) {
        ("POST", "/login") => {
            session.start(Account { name: event.body.clone() })?;
            Ok((200, "welcome".to_owned()))
        }
        ("POST", "/logout") => {
            session.end()?;
            Ok((200, "goodbye".to_owned()))
        }
        _ => Ok(match session.get() {
            Some(account) => (200, format!("{} is rich", account.name)),
            None => (401, "sign in first".to_owned()),
        }),
    }
}
