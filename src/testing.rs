//! Helpers for an application's tests: signed-in requests in one line, the value of a sealed
//! cookie, and a test clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::session::builder::SessionsBuilder;
use crate::session::error::SessionError;
use crate::session::sessions::Sessions;
use crate::session::shared::Channel;
use crate::session::start::Start;
use crate::time::UnixTime;
use crate::token::payload::Payload;
use crate::transport::sealed_cookie::SealedCookie;
use crate::transport::value::SetError;

/// A clock for tests, which stands still until a test moves it. Clones share the same time.
///
/// ```
/// # use std::time::Duration;
/// # use bulla::{KeyRing, Payload, Policy, Sessions};
/// # use bulla::testing::TestClock;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session")]
/// struct Account { id: u64 }
///
/// let clock = TestClock::new();
/// let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
///     .test_clock(&clock)
///     .build();
/// // To test a framework's routes, give sessions.clone() to SessionLayer::from,
/// // SessionMiddleware::from or SessionFairing::from, and send this `Cookie` header.
/// let cookie = sessions.signed_in_cookie(Account { id: 7 })?;
///
/// let alive = || {
///     let session = sessions.load("GET", |name| (name == "cookie").then_some(cookie.as_bytes()));
///     session.get().is_some()
/// };
/// assert!(alive());
/// clock.advance(Duration::from_secs(30 * 60));
/// assert!(!alive());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TestClock(Arc<AtomicU64>);

impl TestClock {
    /// Makes a clock that starts at the system's time, rounded down to the second.
    #[must_use]
    pub fn new() -> TestClock {
        TestClock::at(UnixTime::now())
    }

    /// Makes a clock that starts at `now`.
    #[must_use]
    pub fn at(now: UnixTime) -> TestClock {
        TestClock(Arc::new(AtomicU64::new(now.as_secs())))
    }

    /// Moves the clock forward by the whole seconds of `span`.
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(span.as_secs(), Ordering::Relaxed);
    }

    /// The time of the clock.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::Relaxed))
    }
}

impl Default for TestClock {
    fn default() -> TestClock {
        TestClock::new()
    }
}

impl<T: Payload> SessionsBuilder<T> {
    /// Uses `clock` instead of the system clock.
    #[must_use]
    pub fn test_clock(self, clock: &TestClock) -> SessionsBuilder<T> {
        let clock = clock.clone();
        self.clock(move || clock.now())
    }
}

impl<T: Payload> Sessions<T> {
    /// The `Cookie` header of a browser whose user has just signed in.
    ///
    /// If the state needs several cookies, the header contains all of them.
    ///
    /// # Errors
    /// The same as for [`Session::start`](crate::Session::start).
    pub fn signed_in_cookie(&self, state: T) -> Result<String, SessionError> {
        Ok(cookie_header(self.signed_in(state, Channel::Cookie)?.into_iter()))
    }

    /// The `Authorization` header of a mobile client whose user has just signed in.
    ///
    /// # Errors
    /// The same as for [`Session::start`](crate::Session::start).
    pub fn signed_in_bearer(&self, state: T) -> Result<String, SessionError> {
        let lines = self.signed_in(state, Channel::Bearer)?;
        Ok(format!("Bearer {}", lines.first().map_or("", |(_, token)| token)))
    }

    fn signed_in(&self, state: T, over: Channel) -> Result<Vec<(String, String)>, SessionError> {
        let session = self.load("POST", |_| Vec::<&[u8]>::new());
        session.start_with(state, Start::new().over(over))?;
        let lines = session.commit().into_iter();
        Ok(lines.map(|line| (line.name.into_owned(), line.value)).collect())
    }
}

impl<T: Payload> SealedCookie<T> {
    /// Uses `clock` instead of the system clock.
    #[must_use]
    pub fn test_clock(self, clock: &TestClock) -> SealedCookie<T> {
        let clock = clock.clone();
        self.clock(move || clock.now())
    }

    /// The `Cookie` header of a browser in which this value has just been set.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bulla::{KeyRing, Payload, SealedCookie};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize, Payload)]
    /// # #[payload(purpose = "shop.example/flash")]
    /// # struct Flash { text: String }
    /// let cookie = SealedCookie::new(KeyRing::generate()?, "flash", Duration::from_secs(60))?;
    /// let header = cookie.cookie_with(&Flash { text: "Saved.".to_owned() })?;
    /// let flash = cookie.load("GET", |name| (name == "cookie").then_some(header.as_bytes()));
    /// assert_eq!(flash.get().unwrap().text, "Saved.");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The same as for [`Sealed::set`](crate::Sealed::set).
    pub fn cookie_with(&self, value: &T) -> Result<String, SetError> {
        let sealed = self.load("POST", |_| Vec::<&[u8]>::new());
        sealed.set(value)?;
        let lines = sealed.commit().into_iter();
        Ok(cookie_header(lines.map(|line| (line.name.into_owned(), line.value))))
    }
}

/// The header that a browser sends after a response with these lines.
fn cookie_header(lines: impl Iterator<Item = (String, String)>) -> String {
    let pairs = lines.filter_map(|(name, line)| {
        let pair = line.split(';').next()?.to_owned();
        (name == "set-cookie" && !pair.ends_with('=')).then_some(pair)
    });
    pairs.collect::<Vec<_>>().join("; ")
}
