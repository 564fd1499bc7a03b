//! A client that stores cookies or headers, and other helpers of the tests.

use std::collections::BTreeMap;
use std::time::Duration;

use bulla::transport::{Line, Rule};
use bulla::{KeyRing, Payload, Session, Sessions, UnixTime};
use serde::{Deserialize, Serialize};

/// The instant at which tests begin: 2026-12-01T12:00:00Z.
pub(crate) const T0: UnixTime = UnixTime::from_secs(1_796_126_400);

pub(crate) const STATE: &str = "__Host-session";
pub(crate) const RENEWAL: &str = "__Host-session-renewal";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
pub(crate) struct Account {
    pub(crate) id: u64,
    pub(crate) name: String,
}

pub(crate) fn ada() -> Account {
    Account { id: 1815, name: "Ada".to_owned() }
}

pub(crate) fn alan() -> Account {
    Account { id: 1912, name: "Alan".to_owned() }
}

/// The two ways in which a server can end all of Ada's sessions.
pub(crate) const ENDS_ADA: [fn(&Sessions<Account>); 2] = [
    |sessions| sessions.revoke_subject("1815").unwrap(),
    |sessions| sessions.revoke_all().unwrap(),
];

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The text of a new key, as one line of a ring.
pub(crate) fn key_text() -> String {
    KeyRing::generate().unwrap().expose_text().trim().to_owned()
}

pub(crate) fn ring(lines: &[&str]) -> KeyRing {
    lines.join("\n").parse().unwrap()
}

/// A client with its stored tokens. It uses either cookies or headers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Client {
    pub(crate) kept: BTreeMap<String, String>,
    over: Over,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Over {
    Cookies,
    Headers,
}

impl Client {
    pub(crate) fn browser() -> Client {
        Client { kept: BTreeMap::new(), over: Over::Cookies }
    }

    pub(crate) fn mobile() -> Client {
        Client { kept: BTreeMap::new(), over: Over::Headers }
    }

    /// The session of a request that the client sends at `now`.
    pub(crate) fn send<T: Payload>(&self, sessions: &Sessions<T>, now: UnixTime) -> Session<T> {
        let headers = self.headers();
        sessions.load_at(now, "POST", |name| headers.get(name).map(|value| value.as_bytes()))
    }

    /// The session of a request, at the time of the clock of `sessions`.
    pub(crate) fn send_now<T: Payload>(&self, sessions: &Sessions<T>) -> Session<T> {
        let headers = self.headers();
        sessions.load("POST", |name| headers.get(name).map(|value| value.as_bytes()))
    }

    pub(crate) fn headers(&self) -> BTreeMap<String, String> {
        let mut headers = BTreeMap::new();
        match self.over {
            Over::Cookies if self.kept.is_empty() => {}
            Over::Cookies => {
                let pairs: Vec<_> = self.kept.iter().map(|(k, v)| format!("{k}={v}")).collect();
                headers.insert("cookie".to_owned(), pairs.join("; "));
            }
            Over::Headers => {
                headers = self.kept.clone();
                if let Some(token) = headers.remove("session-token") {
                    headers.insert("authorization".to_owned(), format!("Bearer {token}"));
                }
            }
        }
        headers
    }

    /// Commits the session, and stores the tokens of the response in the client.
    pub(crate) fn receive<T: Payload>(&mut self, session: &Session<T>) -> Vec<Line> {
        let lines: Vec<Line> = session.commit().into_iter().collect();
        for line in &lines {
            self.take(line);
        }
        lines
    }

    /// Stores or deletes a token, as a header line of a response says.
    pub(crate) fn take(&mut self, line: &Line) {
        if line.name == "set-cookie" {
            assert_eq!(line.rule, Rule::Append);
            let cookie = cookie::Cookie::parse(line.value.as_str()).unwrap();
            if cookie.max_age().is_some_and(|age| age.is_zero()) {
                self.kept.remove(cookie.name());
            } else {
                self.kept.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        } else if line.sensitive && line.value.is_empty() {
            self.kept.remove(&*line.name);
        } else if line.sensitive {
            self.kept.insert(line.name.to_string(), line.value.clone());
        }
    }

    /// Sends one request and receives its response.
    pub(crate) fn visit<T: Payload, R>(
        &mut self,
        sessions: &Sessions<T>,
        now: UnixTime,
        handler: impl FnOnce(&Session<T>) -> R,
    ) -> R {
        let session = self.send(sessions, now);
        let result = handler(&session);
        self.receive(&session);
        result
    }

    pub(crate) fn signed_in<T: Payload>(
        mut self,
        sessions: &Sessions<T>,
        now: UnixTime,
        state: T,
    ) -> Client {
        let over = match self.over {
            Over::Cookies => bulla::session::Channel::Cookie,
            Over::Headers => bulla::session::Channel::Bearer,
        };
        let start = bulla::session::Start::new().over(over);
        self.visit(sessions, now, |session| session.start_with(state, start).unwrap());
        self
    }
}

/// The effect of a response on the client's tokens, such as `+state -renewal`.
pub(crate) fn effect(lines: &[Line]) -> String {
    let mut effects = Vec::new();
    for line in lines.iter().filter(|line| line.sensitive) {
        let (name, removes) = match line.name.as_ref() {
            "set-cookie" => {
                let name = line.value.split('=').next().unwrap();
                (name, line.value.contains("Max-Age=0"))
            }
            name => (name, line.value.is_empty()),
        };
        let role = if name.ends_with("renewal") { "renewal" } else { "state" };
        effects.push(format!("{}{role}", if removes { '-' } else { '+' }));
    }
    effects.join(" ")
}

/// Switches bound sessions on, for the behaviours of `bulla-conformance`.
#[cfg(feature = "bound")]
pub(crate) fn bind(
    builder: bulla::session::SessionsBuilder<bulla_conformance::Account>,
    below: Option<&str>,
) -> bulla::session::SessionsBuilder<bulla_conformance::Account> {
    let settings = bulla::session::DeviceBound::default();
    builder.device_bound(match below {
        Some(path) => settings.below(path),
        None => settings,
    })
}

/// Switches on sessions in headers that are bound to a key, for the behaviours of
/// `bulla-conformance`.
#[cfg(feature = "bound")]
pub(crate) fn bind_in_headers(
    builder: bulla::session::SessionsBuilder<bulla_conformance::Account>,
    address: &str,
) -> bulla::session::SessionsBuilder<bulla_conformance::Account> {
    builder.dpop(bulla::session::Dpop::at(address).unwrap())
}
