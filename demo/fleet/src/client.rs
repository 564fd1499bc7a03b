//! A client of the bank: a browser that sends cookies, or a phone that sends headers.

use std::net::SocketAddr;

use bulla::keys::KeyId;
use bulla::token::Visible;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Outcome;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Browser,
    Phone,
}

pub(crate) struct Client {
    pub(crate) kind: Kind,
    bank: SocketAddr,
    user: (&'static str, &'static str),
    state: Option<String>,
    renewal: Option<String>,
    /// The connection that is kept open between requests, as browsers do.
    connection: Option<SendRequest<Full<Bytes>>>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// How many tokens the response sets or deletes.
    pub(crate) tokens: usize,
    body: String,
}

/// What a response says about one token.
enum Said {
    Keep(String),
    Forget,
}

impl Client {
    pub(crate) fn new(kind: Kind, bank: SocketAddr, number: usize) -> Client {
        let user = if number.is_multiple_of(4) { ("ada", "1815") } else { ("alan", "1912") };
        Client { kind, bank, user, state: None, renewal: None, connection: None }
    }

    /// Sends all further requests to this bank instead of nginx.
    pub(crate) fn ask(&mut self, bank: SocketAddr) {
        self.bank = bank;
        self.connection = None;
    }

    /// Returns a client that has a duplicate of the tokens.
    pub(crate) fn copy(&self) -> Client {
        Client {
            state: self.state.clone(),
            renewal: self.renewal.clone(),
            connection: None,
            ..*self
        }
    }

    pub(crate) async fn end_others(&mut self) -> Outcome<Answer> {
        match self.kind {
            Kind::Browser => self.post("/logout-others", "").await,
            Kind::Phone => self.post("/api/logout-others", "{}").await,
        }
    }

    pub(crate) async fn sign_out(&mut self) -> Outcome<Answer> {
        match self.kind {
            Kind::Browser => self.post("/logout", "").await,
            Kind::Phone => self.post("/api/logout", "{}").await,
        }
    }

    /// Requests a sign-in link that works once.
    pub(crate) async fn ask_for_link(&mut self) -> Outcome<Answer> {
        self.post("/api/link", "{}").await
    }

    pub(crate) async fn link(&mut self) -> Outcome<String> {
        let answer = self.ask_for_link().await?;
        let (_, rest) = answer
            .body
            .split_once(r#""link":""#)
            .ok_or_else(|| format!("no link: {} {}", answer.status, answer.body))?;
        Ok(rest.split('"').next().unwrap_or_default().to_owned())
    }

    pub(crate) async fn follow(&mut self, link: &str) -> Outcome<Answer> {
        self.post("/api/link/use", &format!(r#"{{"link":"{link}"}}"#)).await
    }

    /// Returns the key of the newest token that holds the state. The session ends if this key
    /// is revoked.
    pub(crate) fn key(&self) -> Option<KeyId> {
        let newest = self.renewal.as_ref().or(self.state.as_ref())?;
        Some(Visible::of(newest).ok()?.unverified_key_id)
    }

    pub(crate) async fn sign_in(&mut self) -> Outcome<Answer> {
        let (user, pin) = self.user;
        match self.kind {
            Kind::Browser => self.post("/login", &format!("user={user}&pin={pin}")).await,
            Kind::Phone => {
                self.post("/api/login", &format!(r#"{{"user":"{user}","pin":"{pin}"}}"#)).await
            }
        }
    }

    pub(crate) async fn balance(&mut self) -> Outcome<Answer> {
        let path = match self.kind {
            Kind::Browser => "/balance",
            Kind::Phone => "/api/balance",
        };
        // The server may have closed the open connection meanwhile, so a failed request is
        // sent once more.
        match self.send("GET", path, "").await {
            Ok(answer) => Ok(answer),
            Err(_) => self.send("GET", path, "").await,
        }
    }

    /// Sends money, which changes the session's state. A phone only reads the balance.
    pub(crate) async fn transfer(&mut self) -> Outcome<Answer> {
        if self.kind == Kind::Phone {
            return self.balance().await;
        }
        let to = if self.user.0 == "ada" { "alan" } else { "ada" };
        self.post("/transfer", &format!("to={to}&amount=0.01")).await
    }

    /// Sends over a new connection, because a request that changes something is not repeated.
    async fn post(&mut self, path: &str, body: &str) -> Outcome<Answer> {
        self.connection = None;
        self.send("POST", path, body).await
    }

    async fn send(&mut self, method: &str, path: &str, body: &str) -> Outcome<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) if !connection.is_closed() => connection,
            _ => connect(self.bank).await?,
        };
        let content = if body.starts_with('{') {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.bank.to_string())
            .header("content-type", content);
        for (name, value) in self.tokens() {
            request = request.header(name, value);
        }
        connection.ready().await?;
        let request = request.body(Full::from(Bytes::copy_from_slice(body.as_bytes())))?;
        let (head, body) = connection.send_request(request).await?.into_parts();
        let tokens = self.take(&head.headers)?;
        let body = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
        self.connection = Some(connection);
        Ok(Answer { status: head.status, tokens, body })
    }

    fn tokens(&self) -> Vec<(&'static str, String)> {
        let Some(state) = &self.state else { return Vec::new() };
        match self.kind {
            Kind::Browser => {
                let renewal = self.renewal.as_ref();
                let renewal = renewal.map(|token| format!("; __Host-session-renewal={token}"));
                let cookies = format!("__Host-session={state}{}", renewal.unwrap_or_default());
                vec![("cookie", cookies)]
            }
            Kind::Phone => {
                let renewal = self.renewal.iter().map(|token| ("session-renewal", token.clone()));
                [("authorization", format!("Bearer {state}"))].into_iter().chain(renewal).collect()
            }
        }
    }

    fn take(&mut self, headers: &HeaderMap) -> Outcome<usize> {
        let mut count = 0;
        for (name, value) in headers {
            let Some((slot, said)) = said(name.as_str(), value.to_str()?)? else { continue };
            let slot = match slot {
                Slot::State => &mut self.state,
                Slot::Renewal => &mut self.renewal,
            };
            count += 1;
            *slot = match said {
                Said::Keep(token) => Some(token),
                Said::Forget => None,
            };
        }
        Ok(count)
    }
}

enum Slot {
    State,
    Renewal,
}

fn said(name: &str, value: &str) -> Outcome<Option<(Slot, Said)>> {
    let (name, token, gone) = match name {
        "set-cookie" => {
            let cookie = cookie::Cookie::parse(value)?;
            let gone = cookie.max_age().is_some_and(|age| age.is_zero());
            (cookie.name().to_owned(), cookie.value().to_owned(), gone)
        }
        name => (name.to_owned(), value.to_owned(), value.is_empty()),
    };
    let slot = match name.as_str() {
        "__Host-session" | "session-token" => Slot::State,
        "__Host-session-renewal" | "session-renewal" => Slot::Renewal,
        _ => return Ok(None),
    };
    Ok(Some((slot, if gone { Said::Forget } else { Said::Keep(token) })))
}

async fn connect(bank: SocketAddr) -> Outcome<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(bank).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
