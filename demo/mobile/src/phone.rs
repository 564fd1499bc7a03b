//! The phone. It keeps two tokens and a key, and its network address can change.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use crate::key::{Claims, Key};

/// The tokens of the session, the key, and the current address of the phone.
#[derive(Clone)]
pub(crate) struct Phone {
    pub(crate) bank: SocketAddr,
    /// The address that the network has assigned to the phone.
    pub(crate) address: IpAddr,
    pub(crate) key: Key,
    token: Option<String>,
    renewal: Option<String>,
    /// The challenge for the next proof.
    challenge: Option<String>,
    /// The last proof that the phone has sent.
    pub(crate) last_proof: Option<String>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    /// Whether the response sets or deletes a token.
    pub(crate) renewed: bool,
    /// Whether the bank has asked for a proof, and the phone has sent its request again.
    pub(crate) proved: bool,
    /// The header `WWW-Authenticate`, which says why the bank refuses a request.
    pub(crate) refusal: Option<String>,
}

impl Answer {
    fn asks_for_proof(&self) -> bool {
        let asks = |refusal: &String| refusal.contains("error=\"use_dpop_nonce\"");
        self.status == StatusCode::UNAUTHORIZED && self.refusal.as_ref().is_some_and(asks)
    }
}

impl Phone {
    pub(crate) fn new(bank: SocketAddr, address: IpAddr) -> Result<Phone, Box<dyn Error>> {
        let key = Key::new()?;
        let (token, renewal, challenge, last_proof) = (None, None, None, None);
        Ok(Phone { bank, address, key, token, renewal, challenge, last_proof })
    }

    /// The same tokens and challenge, with another key and at another address.
    pub(crate) fn stolen(&self, address: IpAddr) -> Result<Phone, Box<dyn Error>> {
        Ok(Phone { key: Key::new()?, address, ..self.clone() })
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer, Box<dyn Error>> {
        self.send("GET", path, "").await
    }

    pub(crate) async fn post(
        &mut self,
        path: &str,
        json: &Value,
    ) -> Result<Answer, Box<dyn Error>> {
        self.send("POST", path, &json.to_string()).await
    }

    /// Signs in with a proof, which binds the session to the key.
    pub(crate) async fn sign_in(&mut self, json: &Value) -> Result<Answer, Box<dyn Error>> {
        let (method, path) = ("POST", "/api/login");
        let proof = self.key.proof(&Claims { challenge: None, ..self.claims(method, path) })?;
        self.send_with(Some(&proof), method, path, &json.to_string()).await
    }

    /// Sends a request without a proof. If the bank asks for one, sends the request again with it.
    async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<Answer, Box<dyn Error>> {
        let first = self.send_with(None, method, path, body).await?;
        if !first.asks_for_proof() {
            return Ok(first);
        }
        let second = self.prove(method, path, body).await?;
        Ok(Answer { proved: true, ..second })
    }

    /// Sends a request with a proof at once, as a client may always do.
    pub(crate) async fn get_with_proof(&mut self, path: &str) -> Result<Answer, Box<dyn Error>> {
        let first = self.prove("GET", path, "").await?;
        if !first.asks_for_proof() {
            return Ok(first);
        }
        // The challenge was too old.
        self.prove("GET", path, "").await
    }

    async fn prove(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<Answer, Box<dyn Error>> {
        let proof = self.key.proof(&self.claims(method, path))?;
        let answer = self.send_with(Some(&proof), method, path, body).await?;
        self.last_proof = Some(proof);
        Ok(answer)
    }

    /// What a proof for a request says.
    pub(crate) fn claims<'a>(&'a self, method: &'a str, path: &str) -> Claims<'a> {
        Claims {
            method,
            address: format!("http://{}{path}", self.bank),
            token: self.token.as_deref(),
            challenge: self.challenge.as_deref(),
        }
    }

    /// Sends a request and closes the connection before it reads the response.
    pub(crate) async fn get_and_lose_the_answer(&self, path: &str) -> Result<(), Box<dyn Error>> {
        let mut stream = self.connect().await?;
        let mut head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n", self.bank);
        for (name, value) in self.tokens() {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await?;
        // The bank has answered, but the response is not read.
        stream.readable().await?;
        stream.set_zero_linger()?; // closing resets the connection
        Ok(())
    }

    /// Sends one request with this proof, or without one.
    pub(crate) async fn send_with(
        &mut self,
        proof: Option<&str>,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<Answer, Box<dyn Error>> {
        let stream = self.connect().await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", self.bank.to_string());
        request = request.header("content-type", "application/json");
        for (name, value) in self.tokens() {
            request = request.header(name, value);
        }
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned())))?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let header = |name| head.headers.get(name).map(|value| value.to_str().map(str::to_owned));
        let mut renewed = false;
        for (name, kept) in
            [("session-token", &mut self.token), ("session-renewal", &mut self.renewal)]
        {
            // If the response does not carry the header, the phone keeps its token. An empty value
            // deletes the token.
            if let Some(value) = header(name) {
                renewed = true;
                *kept = Some(value?).filter(|value| !value.is_empty());
            }
        }
        if let Some(challenge) = header("dpop-nonce") {
            self.challenge = Some(challenge?);
        }
        if head.headers.contains_key("set-cookie") {
            return Err("the bank sends cookies to a client that uses headers".into());
        }
        let refusal = header("www-authenticate").transpose()?;
        let body = body.collect().await?.to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Answer { status: head.status, body, renewed, proved: false, refusal })
    }

    /// The header lines of the session.
    pub(crate) fn tokens(&self) -> Vec<(&'static str, String)> {
        let token = self.token.iter().map(|token| ("authorization", format!("DPoP {token}")));
        let renewal = self.renewal.iter().map(|renewal| ("session-renewal", renewal.clone()));
        token.chain(renewal).collect()
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(self.address, 0))?;
        socket.connect(self.bank).await
    }
}
