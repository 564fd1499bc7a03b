//! Sessions without a framework: a server on a TCP socket.
//!
//! ```sh
//! cargo run --example tcp
//! curl -i -c jar -d '' http://127.0.0.1:3000/login/ada
//! curl -i -b jar http://127.0.0.1:3000/balance
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use bulla::{KeyRing, Payload, Policy, Session, SessionError, Sessions};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Account {
    name: String,
}

type Headers = Vec<(String, String)>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
    let sessions = Sessions::<Account>::new(KeyRing::generate()?, Policy::default());
    let listener = TcpListener::bind("127.0.0.1:3000")?;
    println!("http://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        if let Err(error) = serve(&sessions, stream?) {
            println!("{error}");
        }
    }
    Ok(())
}

fn serve(
    sessions: &Sessions<Account>,
    mut stream: TcpStream,
) -> Result<(), Box<dyn std::error::Error>> {
    let (method, path, headers) = read(&stream)?;

    // 1. Load the session from the method and the header lines of the request.
    let session = sessions.load(&method, |name| {
        let lines = headers.iter().filter(|(line, _)| line.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.as_bytes()).collect::<Vec<_>>()
    });
    // 2. Let the application use the session.
    let answered = answer(&session, &method, &path);
    let (status, text) = answered.unwrap_or_else(|error| match error.denied() {
        Some(denied) => (denied.status(), format!("{denied}\n")),
        None => {
            println!("{error}");
            (500, "sorry\n".to_owned())
        }
    });
    if status >= 500 {
        session.discard_changes();
    }
    // 3. Write the lines of the session to the response. A server that sets headers of the same
    // names itself must follow the `rule` of each line.
    let mut head: Headers = vec![("content-length".to_owned(), text.len().to_string())];
    head.extend(session.commit().into_iter().map(|line| (line.name.into_owned(), line.value)));
    write!(stream, "HTTP/1.1 {status} \r\n")?;
    for (name, value) in head {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "connection: close\r\n\r\n{text}")?;
    Ok(())
}

/// Only a POST changes something, because pages from other sites can make a browser send a GET.
fn answer(
    session: &Session<Account>,
    method: &str,
    path: &str,
) -> Result<(u16, String), SessionError> {
    match (method, path.strip_prefix("/login/"), path) {
        ("POST", Some(name), _) => {
            session.start(Account { name: name.to_owned() })?;
            Ok((200, "welcome\n".to_owned()))
        }
        ("POST", _, "/logout") => {
            session.end()?;
            Ok((200, "goodbye\n".to_owned()))
        }
        ("GET", _, "/balance") => Ok(match session.get() {
            Some(account) => (200, format!("{} is rich\n", account.name)),
            None => (401, "sign in first\n".to_owned()),
        }),
        _ => Ok((404, "no such page\n".to_owned())),
    }
}

/// Reads the method, the path and the header lines, at most 16 KiB.
fn read(stream: &TcpStream) -> Result<(String, String, Headers), Box<dyn std::error::Error>> {
    let mut lines = BufReader::new(stream.take(1 << 14)).lines();
    let first = lines.next().ok_or("no request")??;
    let (method, rest) = first.split_once(' ').ok_or("no method")?;
    let path = rest.split(' ').next().ok_or("no path")?.to_owned();
    let mut headers = Vec::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok((method.to_owned(), path, headers))
}
