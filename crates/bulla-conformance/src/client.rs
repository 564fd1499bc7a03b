//! A client that stores cookies, or the two headers of the bearer channel.

use std::collections::BTreeMap;

use crate::{App, Request, Response};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Client {
    pub(crate) kept: BTreeMap<String, String>,
}

impl Client {
    pub(crate) fn new() -> Client {
        Client::default()
    }

    /// Makes a request with the tokens that the client has now.
    pub(crate) fn request(&self, method: &'static str, path: &str) -> Request {
        let mut headers = Vec::new();
        let mut cookies = Vec::new();
        for (name, value) in &self.kept {
            match name.as_str() {
                "session-token" => {
                    headers.push(("authorization".to_owned(), format!("Bearer {value}")));
                }
                "session-renewal" => headers.push((name.clone(), value.clone())),
                _ => cookies.push(format!("{name}={value}")),
            }
        }
        if !cookies.is_empty() {
            headers.push(("cookie".to_owned(), cookies.join("; ")));
        }
        Request { method, authority: None, path: path.to_owned(), headers }
    }

    /// Stores and deletes tokens as the response says.
    pub(crate) fn receive(&mut self, response: &Response) {
        for (name, value) in &response.headers {
            match (name.as_str(), value.as_str()) {
                ("set-cookie", line) => {
                    let cookie = cookie::Cookie::parse(line).unwrap();
                    if cookie.max_age().is_some_and(|age| age.is_zero()) {
                        self.kept.remove(cookie.name());
                    } else {
                        self.kept.insert(cookie.name().to_owned(), cookie.value().to_owned());
                    }
                }
                ("session-token" | "session-renewal", "") => {
                    self.kept.remove(name);
                }
                ("session-token" | "session-renewal", value) => {
                    self.kept.insert(name.clone(), value.to_owned());
                }
                _ => {}
            }
        }
    }

    pub(crate) fn send(&mut self, app: &dyn App, method: &'static str, path: &str) -> Response {
        let response = app.send(&self.request(method, path));
        self.receive(&response);
        response
    }

    pub(crate) fn get(&mut self, app: &dyn App, path: &str) -> Response {
        self.send(app, "GET", path)
    }

    pub(crate) fn post(&mut self, app: &dyn App, path: &str) -> Response {
        self.send(app, "POST", path)
    }
}
