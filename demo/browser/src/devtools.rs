//! Chromium's DevTools protocol: calls, and the events that arrive between them.

use std::cell::{Cell, RefCell};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::Outcome;

pub(crate) struct Devtools {
    socket: RefCell<WebSocket<TcpStream>>,
    events: RefCell<Vec<Value>>,
    calls: Cell<u64>,
}

impl Devtools {
    /// Connects to the address that Chromium prints: `ws://127.0.0.1:…/devtools/…`.
    pub(crate) fn connect(address: &str) -> Outcome<Devtools> {
        let host = address.split('/').nth(2).ok_or("an address of a socket")?;
        let stream = TcpStream::connect(host)?;
        // This is longer than any page takes, so the timeout ends only a browser that hangs.
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let (socket, _) = tungstenite::client(address, stream)?;
        let socket = RefCell::new(socket);
        Ok(Devtools { socket, events: RefCell::default(), calls: Cell::new(0) })
    }

    /// Calls a method of the browser, or of the tab that the DevTools session is for.
    pub(crate) fn call(
        &self,
        session: Option<&str>,
        method: &str,
        params: &Value,
    ) -> Outcome<Value> {
        let id = self.calls.get() + 1;
        self.calls.set(id);
        let mut call = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            call["sessionId"] = session.into();
        }
        let mut socket = self.socket.borrow_mut();
        socket.send(Message::text(call.to_string()))?;
        loop {
            let message = match socket.read()? {
                Message::Text(text) => serde_json::from_str::<Value>(&text)?,
                Message::Close(_) => return Err("the browser has ended".into()),
                _ => continue,
            };
            if message["id"] != id {
                self.events.borrow_mut().push(message);
            } else if message["error"].is_null() {
                return Ok(message["result"].clone());
            } else {
                return Err(format!("{method}: {}", message["error"]["message"]).into());
            }
        }
    }

    /// Reads new events. Events are read only while a call waits for its answer. Therefore this
    /// method makes a call whose answer it does not use.
    pub(crate) fn listen(&self) -> Outcome {
        self.call(None, "Browser.getVersion", &json!({})).map(drop)
    }

    /// Returns the parameters of all events of this name in a DevTools session so far.
    pub(crate) fn events(&self, session: &str, name: &str) -> Vec<Value> {
        let events = self.events.borrow();
        let wanted = events.iter().filter(|one| one["sessionId"] == session);
        wanted.filter(|one| one["method"] == name).map(|one| one["params"].clone()).collect()
    }
}
