//! A client that checks each stack and counts bytes. The stack must read a session back and refuse
//! forged cookies.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use crate::Outcome;
use crate::account::{Account, WELCOME};
use crate::stacks::{Keeps, Stack};

/// Sizes in bytes of HTTP/1.1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wire {
    /// The Cookie line of each request.
    pub cookie: usize,
    /// The Set-Cookie lines of a write.
    pub set_cookie: usize,
    /// The whole response to a login.
    pub login: usize,
    /// The whole response to a read.
    pub read: usize,
    /// The whole response to a write.
    pub write: usize,
}

struct Answer {
    status: u16,
    body: String,
    /// Names and values of the cookies that the response sets.
    cookies: Vec<(String, String)>,
    set_cookie_len: usize,
    len: usize,
}

/// Signs in and returns the value of the Cookie header.
///
/// # Errors
/// If signing in fails.
pub fn cookie(stack: &Stack, server: SocketAddr) -> Outcome<String> {
    let login = ask(server, "POST", "/login", None)?;
    expect(stack, &login, 200, WELCOME)?;
    let mut cookies = login.cookies;
    if stack.keeps == Keeps::ClientRenewing {
        // This stack records activity if one second has passed since the last record. Therefore
        // this read renews the session, and each later read does so too.
        thread::sleep(Duration::from_millis(1100));
        let renewal = ask(server, "GET", "/balance", Some(&header(&cookies)))?;
        if renewal.cookies.is_empty() {
            return Err(format!("{}: the read did not renew the session", stack.name).into());
        }
        cookies.extend(renewal.cookies);
        thread::sleep(Duration::from_millis(1100));
    }
    Ok(header(&cookies))
}

/// Checks a stack before it is measured, and counts bytes.
///
/// # Errors
/// If a check fails.
pub fn check(stack: &Stack, server: SocketAddr) -> Outcome<Wire> {
    let signed_in = cookie(stack, server)?;
    let with = |method: &str, path: &str, cookie: &str| ask(server, method, path, Some(cookie));
    let balance = Account::sample().balance();
    let read = with("GET", "/balance", &signed_in)?;
    expect(stack, &read, 200, &balance)?;
    let write = with("POST", "/visit", &signed_in)?;
    expect(stack, &write, 200, &Account::sample().visit())?;
    let login = ask(server, "POST", "/login", None)?;
    let mut wire = Wire { login: login.len, read: read.len, write: write.len, ..Wire::default() };
    if stack.keeps == Keeps::Nothing {
        return Ok(wire);
    }
    expect(stack, &ask(server, "GET", "/balance", None)?, 401, "")?;
    for forged in forgeries(&signed_in) {
        expect(stack, &with("GET", "/balance", &forged)?, 401, "")?;
        expect(stack, &with("POST", "/visit", &forged)?, 401, "")?;
    }
    wire.cookie = format!("Cookie: {signed_in}\r\n").len();
    wire.set_cookie = write.set_cookie_len;
    Ok(wire)
}

/// Three forgeries. Each changes one character of every cookie, at the same place of the value.
fn forgeries(cookies: &str) -> Vec<String> {
    let changed = |quarter: usize| {
        let cookies = cookies.split("; ").map(|cookie| {
            let (name, value) = cookie.split_once('=').unwrap_or_default();
            let mut value = value.as_bytes().to_vec();
            let at = value.len() * quarter / 4;
            value[at] = if value[at] == b'A' { b'B' } else { b'A' };
            format!("{name}={}", String::from_utf8_lossy(&value))
        });
        cookies.collect::<Vec<_>>().join("; ")
    };
    (1..4).map(changed).collect()
}

fn header(cookies: &[(String, String)]) -> String {
    let cookies = cookies.iter().map(|(name, value)| format!("{name}={value}"));
    cookies.collect::<Vec<_>>().join("; ")
}

fn expect(stack: &Stack, answer: &Answer, status: u16, body: &str) -> Outcome {
    if answer.status == status && (status != 200 || answer.body == body) {
        return Ok(());
    }
    let (name, got, said) = (stack.name, answer.status, &answer.body);
    Err(format!("{name} answers {got} {said:?}; expected {status} {body:?}").into())
}

fn ask(server: SocketAddr, method: &str, path: &str, cookie: Option<&str>) -> Outcome<Answer> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let cookie = cookie.map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {server}\r\n{cookie}\r\n")?;

    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let mut len = reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).ok_or("no status")?.parse()?;
    let mut answer =
        Answer { status, body: String::new(), cookies: Vec::new(), set_cookie_len: 0, len };
    let mut body_len = 0;
    loop {
        line.clear();
        len = reader.read_line(&mut line)?;
        answer.len += len;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            body_len = value.parse()?;
        }
        if name.eq_ignore_ascii_case("set-cookie") {
            answer.set_cookie_len += len;
            let pair = value.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').ok_or("a cookie without a value")?;
            // An empty value deletes a cookie.
            if !value.is_empty() {
                answer.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    let mut body = vec![0; body_len];
    reader.read_exact(&mut body)?;
    answer.len += body_len;
    answer.body = String::from_utf8(body)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgery_changes_the_value_of_every_cookie_and_no_name() {
        for forged in forgeries("id=abcdefgh; id-renewal=AAAAAAAA") {
            let (first, second) = forged.split_once("; ").unwrap();
            assert!(first.starts_with("id=") && first != "id=abcdefgh");
            assert!(second.starts_with("id-renewal=") && second != "id-renewal=AAAAAAAA");
        }
    }
}
