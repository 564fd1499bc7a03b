//! Tests over HTTP on 127.0.0.1 what every example of this workspace must do. `POST /sign-in` with
//! a form that has a `name` starts a session. `GET /me` responds with the name. `POST /sign-out`
//! ends the session.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The response to a request.
struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Response {
    /// The name and value of the cookie that the response sets, and its attributes.
    fn cookie(&self) -> Option<(&str, &str)> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let (_, line) = lines.find(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))?;
        line.split_once("; ")
    }
}

fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Response {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response { status, head: head.to_owned(), body: body.to_owned() }
}

/// Signs in, reads the session, and signs out.
///
/// # Panics
/// If a response is not as expected.
pub fn walk(address: SocketAddr) {
    assert_eq!(send(address, "GET", "/me", "", "").status, 401, "a guest");

    let response = send(address, "POST", "/sign-in", "", "name=ada");
    assert_eq!(response.status, 200, "{}{}", response.head, response.body);
    let (cookie, attributes) = response.cookie().expect("a sign-in sets the cookie");
    assert!(cookie.starts_with("__Host-session=b1."), "{cookie}");
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/");

    let cookie = format!("cookie: {cookie}\r\n");
    let response = send(address, "GET", "/me", &cookie, "");
    assert_eq!((response.status, response.body.contains("ada")), (200, true), "{}", response.body);
    assert_eq!(response.cookie(), None, "a request that changes nothing sets no cookie");

    let cross_site = format!("{cookie}sec-fetch-site: cross-site\r\n");
    let response = send(address, "POST", "/sign-out", &cross_site, "");
    assert_eq!((response.status, response.cookie()), (403, None), "a form of another site");

    let response = send(address, "POST", "/sign-out", &cookie, "");
    assert_eq!(response.status, 200, "{}{}", response.head, response.body);
    let (cookie, attributes) = response.cookie().expect("a sign-out deletes the cookie");
    assert_eq!(cookie, "__Host-session=");
    assert!(attributes.contains("Max-Age=0"), "{attributes}");

    let response = send(address, "GET", "/me", "cookie: __Host-session=b1.forged\r\n", "");
    assert_eq!(response.status, 401, "a forged cookie");
}
