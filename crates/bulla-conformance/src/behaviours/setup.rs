//! The code that the behaviours share: a clock, sessions, and the names of their cookies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bulla::session::SessionsBuilder;
use bulla::{Bearer, Cookie, KeyRing, Policy, Sessions, UnixTime};

use crate::{Account, Response};

pub(super) const STATE: &str = "__Host-session";
pub(super) const RENEWAL: &str = "__Host-session-renewal";

/// A clock that stands still until a test moves it.
#[derive(Clone)]
pub(super) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(super) fn new() -> Clock {
        Clock(Arc::new(AtomicU64::new(1_796_126_400)))
    }

    pub(super) fn advance(&self, span: Duration) {
        self.0.fetch_add(span.as_secs(), Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::Relaxed))
    }
}

pub(super) fn key() -> String {
    KeyRing::generate().unwrap().expose_text().trim().to_owned()
}

pub(super) fn ring(keys: &[&str]) -> KeyRing {
    keys.join("\n").parse().unwrap()
}

pub(super) fn builder(keys: &[&str], clock: &Clock) -> SessionsBuilder<Account> {
    let clock = clock.clone();
    Sessions::builder(ring(keys), Policy::default())
        .cookie(Cookie::default())
        .bearer(Bearer::default())
        .clock(move || clock.now())
}

pub(super) fn sessions(keys: &[&str], clock: &Clock) -> Sessions<Account> {
    builder(keys, clock).build()
}

/// Sessions with one new key and a clock that stands still.
pub(super) fn new_sessions() -> Sessions<Account> {
    sessions(&[&key()], &Clock::new())
}

pub(super) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

#[track_caller]
pub(super) fn sets_nothing(response: &Response) {
    for name in ["set-cookie", "session-token", "session-renewal"] {
        assert_eq!(response.one(name), None, "{name}");
    }
}
