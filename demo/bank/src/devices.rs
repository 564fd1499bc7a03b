//! The list behind the page "Your devices": where each customer is signed in.
//!
//! The sessions are stored by the clients, and work without this list. The list only lets a
//! customer see them. Like the accounts, it is kept in memory. docs/devices.md shows it as a table
//! of a database.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, header};
use bulla::UnixTime;
use bulla::session::{Event, Info, SessionId};

/// The key is the first id of the session, which stays when the session gets a new id.
pub(crate) struct Devices {
    rows: Mutex<BTreeMap<SessionId, Device>>,
}

#[derive(Clone)]
pub(crate) struct Device {
    user: String,
    pub(crate) label: String,
    pub(crate) started_at: UnixTime,
    pub(crate) last_seen: UnixTime,
    expires_at: UnixTime,
}

impl Devices {
    pub(crate) fn new() -> Devices {
        Devices { rows: Mutex::default() }
    }

    /// Adds the session of a user, if it is not in the list. It is called after each sign-in. Pages
    /// that customers often open call it too, because the list is lost when the bank restarts.
    ///
    /// The label stays that of the browser that signed in, even if another browser has a copy of
    /// the session.
    pub(crate) fn record(&self, user: &str, info: &Info, headers: &HeaderMap) {
        self.rows().entry(info.origin).or_insert_with(|| Device {
            user: user.to_owned(),
            label: label(headers),
            started_at: info.started_at,
            last_seen: info.last_seen,
            expires_at: info.expires_at,
        });
    }

    /// Keeps the list up to date, with the events of the sessions.
    pub(crate) fn follow(&self, event: &Event) {
        match event {
            Event::Renewed { origin, .. }
            | Event::Changed { origin, .. }
            | Event::Renamed { origin, .. } => {
                if let Some(row) = self.rows().get_mut(origin) {
                    row.last_seen = UnixTime::now();
                }
            }
            Event::Ended { origin: Some(origin) } => {
                self.rows().remove(origin);
            }
            _ => {}
        }
    }

    /// The devices of a user, the one that was seen last at the top. Drops sessions that have
    /// expired.
    pub(crate) fn of(&self, user: &str, now: UnixTime) -> Vec<(SessionId, Device)> {
        let mut rows = self.rows();
        rows.retain(|_, row| now < row.expires_at);
        let of_user = rows.iter().filter(|(_, row)| row.user == user);
        let mut devices: Vec<_> = of_user.map(|(origin, row)| (*origin, row.clone())).collect();
        devices.sort_by_key(|(_, row)| std::cmp::Reverse(row.last_seen));
        devices
    }

    /// The device of a user. `None` if it is the device of somebody else.
    pub(crate) fn find(&self, user: &str, origin: SessionId) -> Option<Device> {
        self.rows().get(&origin).filter(|row| row.user == user).cloned()
    }

    pub(crate) fn remove(&self, origin: SessionId) {
        self.rows().remove(&origin);
    }

    /// Removes all devices of a user except one.
    pub(crate) fn keep_only(&self, user: &str, origin: SessionId) {
        self.rows().retain(|of, row| row.user != user || *of == origin);
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<SessionId, Device>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const BROWSERS: [(&str, &str); 6] = [
    ("Firefox/", "Firefox"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Chrome/", "Chrome"), // the browsers above name Chrome too
    ("Safari/", "Safari"), // and Chrome names Safari
    ("curl/", "curl"),
];
const SYSTEMS: [(&str, &str); 6] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"), // Android names Linux too
];

/// Names the browser and the system, such as `Firefox on Linux`. This is enough to recognize one's
/// devices. The rest of `User-Agent` is not stored, because it identifies people.
fn label(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let find = |names: [(&str, &'static str); 6]| {
        let found = names.into_iter().find(|(part, _)| agent.is_some_and(|of| of.contains(part)));
        found.map(|(_, name)| name)
    };
    match (find(BROWSERS), find(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("An app on {system}"),
        (None, None) => "An app".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_the_browser_and_the_system_and_nothing_else() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0",
                "Edge on Windows",
            ),
            ("curl/8.5.0", "curl"),
            ("BankApp/3 (Android 16; serial 4711)", "An app on Android"),
            ("<script>", "An app"),
        ] {
            let headers = HeaderMap::from_iter([(header::USER_AGENT, agent.parse().unwrap())]);
            assert_eq!(label(&headers), expected);
        }
        assert_eq!(label(&HeaderMap::new()), "An app");
    }
}
