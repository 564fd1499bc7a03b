//! The bank over HTTPS: a certificate that the browser trusts, and nginx in front of the bank.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tempfile::TempDir;

use crate::Outcome;
use crate::bank::{HOST, Open};
use crate::program::Program;

/// nginx in front of a bank. Dropping it stops nginx.
pub(crate) struct Front {
    port: u16,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    /// The home directory of a browser that trusts the certificate.
    home: TempDir,
    _nginx: Program,
}

/// A request and its response, as text.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    request: String,
    response: String,
}

/// Makes a certificate for the host `$1`, and trusts it in the certificate database that Chromium
/// reads.
const CERTIFICATE: &str = r#"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem \
  -days 2 -subj "/CN=$1" -addext "subjectAltName=DNS:$1"
mkdir -p .pki/nssdb
certutil -d sql:.pki/nssdb -N --empty-password
certutil -d sql:.pki/nssdb -A -t CP,, -n bank -i cert.pem
"#;

impl Front {
    pub(crate) fn of(bank: &Open) -> Outcome<Front> {
        let home = TempDir::new()?;
        let made = Command::new("sh")
            .args(["-euc", CERTIFICATE, "certificate", HOST])
            .current_dir(&home)
            .output()?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr);
            return Err(format!("cannot make a certificate: {said}").into());
        }
        let exchanges = Arc::default();
        let (recorder, port) = (record(bank.port, Arc::clone(&exchanges))?, free_port()?);
        let dir = home.path();
        fs::write(dir.join("nginx.conf"), configuration(port, recorder))?;
        let command =
            ["nginx", "-p", &dir.display().to_string(), "-c", "nginx.conf", "-e", "stderr"];
        let (nginx, _) = Program::start(&command.map(str::to_owned), "start worker process ")?;
        Ok(Front { port, exchanges, home, _nginx: nginx })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn certificate(&self) -> String {
        self.home.path().join("cert.pem").display().to_string()
    }

    /// The finished requests with this method and path, such as `GET /balance`.
    pub(crate) fn seen(&self, line: &str) -> Vec<Exchange> {
        let all = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        let starts = |one: &&Exchange| {
            let rest = one.request.strip_prefix(line);
            rest.is_some_and(|rest| rest.starts_with([' ', '?']))
        };
        all.iter().filter(starts).cloned().collect()
    }
}

impl Exchange {
    pub(crate) fn status(&self) -> u16 {
        let status = self.response.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_default()
    }

    /// The value of a header of the response. `name` is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (head, _) = self.response.split_once("\r\n\r\n")?;
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body of the response.
    pub(crate) fn body(&self) -> &str {
        self.response.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

/// nginx sends each request to the bank over a new connection, because it uses HTTP/1.0.
fn configuration(port: u16, bank: u16) -> String {
    format!(
        "daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr notice;
events {{}}
http {{
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate cert.pem;
    ssl_certificate_key key.pem;
    location / {{
      proxy_pass http://127.0.0.1:{bank};
      proxy_http_version 1.0;
      proxy_set_header Host $http_host;
    }}
  }}
}}
"
    )
}

/// Returns a port that is free now. Another program could take it before it is used.
fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Passes connections on to the bank, and records them. Runs until this process ends.
fn record(bank: u16, exchanges: Arc<Mutex<Vec<Exchange>>>) -> Outcome<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let exchanges = Arc::clone(&exchanges);
            thread::spawn(move || pass_on(stream, bank, &exchanges).ok());
        }
    });
    Ok(port)
}

fn pass_on(mut front: TcpStream, bank: u16, all: &Mutex<Vec<Exchange>>) -> std::io::Result<()> {
    let mut back = TcpStream::connect((Ipv4Addr::LOCALHOST, bank))?;
    let (asks, answers) = (front.try_clone()?, back.try_clone()?);
    let request = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&request);
    thread::spawn(move || copy(asks, &mut back, &asked).ok());
    let response = Mutex::new(Vec::new());
    copy(answers, &mut front, &response)?;
    let text = |bytes: &Mutex<Vec<u8>>| {
        let bytes = bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let exchange = Exchange { request: text(&request), response: text(&response) };
    all.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
    front.shutdown(Shutdown::Both)
}

fn copy(mut from: TcpStream, to: &mut TcpStream, kept: &Mutex<Vec<u8>>) -> std::io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        let len = from.read(&mut buffer)?;
        if len == 0 {
            return Ok(());
        }
        kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..len]);
        to.write_all(&buffer[..len])?;
    }
}
