//! The server of an attacker, with pages that try to harm the bank's customers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::Outcome;

/// A host on another site. The host of the bank is bank.localhost.
pub(crate) const ELSEWHERE: &str = "127.0.0.1";
/// A sibling host of the bank. The attacker runs it, but browsers treat it as the same site.
pub(crate) const SIBLING: &str = "evil.bank.localhost";

pub(crate) struct Stranger {
    port: u16,
}

pub(crate) struct Leaf {
    pub(crate) path: &'static str,
    /// Header lines, each with its line ending.
    pub(crate) head: String,
    pub(crate) html: String,
}

impl Stranger {
    /// Serves the pages until this process ends.
    pub(crate) fn with(pages: Vec<Leaf>) -> Outcome<Stranger> {
        let listener = TcpListener::bind((ELSEWHERE, 0))?;
        let port = listener.local_addr()?.port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Browsers open connections before they need them, so a request on one
                // connection must not block the response on another.
                let pages: Vec<_> = pages.iter().map(Leaf::response).collect();
                thread::spawn(move || answer(stream, &pages).ok());
            }
        });
        Ok(Stranger { port })
    }

    pub(crate) fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port)
    }
}

impl Leaf {
    fn response(&self) -> (&'static str, String) {
        let Leaf { path, head, html } = self;
        let page = format!("<!doctype html><meta charset=utf-8><title>stranger</title>{html}");
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n{head}",
            page.len()
        );
        (path, format!("{head}\r\n{page}"))
    }
}

fn answer(mut stream: TcpStream, pages: &[(&str, String)]) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let page = pages.iter().find(|(found, _)| *found == path);
    let nothing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(page.map_or(nothing, |(_, response)| response).as_bytes())
}
