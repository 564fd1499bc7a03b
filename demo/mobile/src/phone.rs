//! The phone. It keeps two tokens, and its network address can change.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

/// The tokens of the session, and the current address of the phone.
pub(crate) struct Phone {
    pub(crate) bank: SocketAddr,
    /// The address that the network has assigned to the phone.
    pub(crate) address: IpAddr,
    token: Option<String>,
    renewal: Option<String>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: serde_json::Value,
    /// Whether the response sets or deletes a token.
    pub(crate) renewed: bool,
}

impl Phone {
    pub(crate) fn new(bank: SocketAddr, address: IpAddr) -> Phone {
        Phone { bank, address, token: None, renewal: None }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer, Box<dyn Error>> {
        self.send("GET", path, String::new()).await
    }

    pub(crate) async fn post(
        &mut self,
        path: &str,
        json: serde_json::Value,
    ) -> Result<Answer, Box<dyn Error>> {
        self.send("POST", path, json.to_string()).await
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

    async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: String,
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
        let response = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
        let (head, body) = response.into_parts();
        let mut renewed = false;
        for (name, kept) in
            [("session-token", &mut self.token), ("session-renewal", &mut self.renewal)]
        {
            // If the response does not carry the header, the phone keeps its token. An empty value
            // deletes the token.
            if let Some(value) = head.headers.get(name) {
                renewed = true;
                *kept = Some(value.to_str()?.to_owned()).filter(|value| !value.is_empty());
            }
        }
        if head.headers.contains_key("set-cookie") {
            return Err("the bank sends cookies to a client that uses headers".into());
        }
        let body = body.collect().await?.to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Answer { status: head.status, body, renewed })
    }

    fn tokens(&self) -> Vec<(&'static str, String)> {
        let token = self.token.iter().map(|token| ("authorization", format!("Bearer {token}")));
        let renewal = self.renewal.iter().map(|renewal| ("session-renewal", renewal.clone()));
        token.chain(renewal).collect()
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(self.address, 0))?;
        socket.connect(self.bank).await
    }
}
