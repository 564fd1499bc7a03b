//! What the Rust library says about one input of the fuzzer, as one line of text.
//!
//! `js/test/cross/inputs.ts` has the same functions in TypeScript. The two texts must be equal.

use std::sync::LazyLock;
use std::time::Duration;

use bulla::keys::{Key, KeyError};
use bulla::revocation::Revocation;
use bulla::session::Info;
use bulla::token::{Opened, read_unverified};
use bulla::transport::{Line, Rule};
use bulla::{
    Bearer, Cookie, KeyRing, OpenError, Payload, Policy, Sealer, Session, Sessions, Signer,
    UnixTime,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fixed::{self, MAX_LIFETIME, Three, at, secs};
use crate::independent::Mode;
use crate::names;

/// The maximum length of tokens of the strict reader.
pub(crate) const STRICT_LEN: usize = 500;

/// The settings of a reader.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Has the limits [`STRICT_LEN`] and [`MAX_LIFETIME`].
    Strict,
    /// Has only the limits of the format.
    Lenient,
}

/// Any JSON value.
#[derive(Debug, Serialize, Deserialize, Payload)]
#[payload(purpose = "fuzz.example/any", encoding = "json")]
pub(crate) struct Any(Value);

pub(crate) fn opened(mode: Mode, reader: Reader, now: u64, token: &[u8]) -> String {
    struct Readers {
        sealers: [Sealer<Three>; 2],
        signers: [Signer<Three>; 2],
    }
    static READERS: LazyLock<Readers> = LazyLock::new(|| {
        let (ring, strict) = (fixed::ring(), secs(MAX_LIFETIME));
        Readers {
            sealers: [
                Sealer::new(&ring, strict).limited_to(STRICT_LEN),
                Sealer::new(&ring, Duration::MAX),
            ],
            signers: [
                Signer::new(&ring, strict).limited_to(STRICT_LEN),
                Signer::new(&ring, Duration::MAX),
            ],
        }
    });
    let which = usize::from(reader == Reader::Lenient);
    let opened = match mode {
        Mode::Sealed => READERS.sealers[which].open_at(token, at(now)),
        Mode::Signed => READERS.signers[which].verify_at(token, at(now)),
    };
    content(opened, |Three { a, b, c }| format!("{a},{b},{c}"))
}

/// The numbers of JSON values are written differently in the two languages, so the value is left
/// out.
pub(crate) fn any(now: u64, token: &[u8]) -> String {
    static SIGNER: LazyLock<Signer<Any>> =
        LazyLock::new(|| Signer::new(fixed::ring(), Duration::MAX));
    content(SIGNER.verify_at(token, at(now)), |_| "json".to_owned())
}

fn content<P>(opened: Result<Opened<P>, OpenError>, shown: impl Fn(&P) -> String) -> String {
    match opened {
        Ok(Opened { payload, issued_at, expires_at, key_id, .. }) => {
            let (issued_at, expires_at) = (issued_at.as_secs(), expires_at.as_secs());
            format!("ok {issued_at} {expires_at} {key_id} {}", shown(&payload))
        }
        Err(error) => fixed::name(&error).to_owned(),
    }
}

pub(crate) fn unverified(token: &[u8]) -> String {
    match read_unverified::<Any>(token) {
        Ok(read) => format!(
            "ok {} {} {}",
            read.unverified_issued_at.as_secs(),
            read.unverified_expires_at.as_secs(),
            read.unverified_key_id
        ),
        Err(error) => fixed::name(&error).to_owned(),
    }
}

pub(crate) fn key(text: &str) -> String {
    let key: Result<Key, KeyError> = text.parse();
    match key {
        Ok(key) => format!("ok {}", key.id()),
        Err(error) => names::key(error).to_owned(),
    }
}

/// The keys of a ring, its serial number, and its primary keys at these times.
pub(crate) fn ring(text: &[u8], times: &[u64]) -> String {
    let ring = match KeyRing::try_from(text) {
        Ok(ring) => ring,
        Err(error) => return format!("{} {}", names::ring(error), error.line()),
    };
    let mut shown = "ok".to_owned();
    for entry in ring.entries() {
        let until = entry.open_until().map(UnixTime::as_secs);
        shown +=
            &format!(" {} {} {}", entry.key_id(), entry.primary_from().as_secs(), or_none(until));
    }
    shown += &format!(" serial {}", or_none(ring.serial()));
    for time in times {
        shown += &format!(" {}", or_none(ring.primary_at(at(*time))));
    }
    shown
}

pub(crate) fn revocation(line: &str) -> String {
    let revocation: Result<Revocation, _> = line.parse();
    revocation.map_or_else(|_| "refused".to_owned(), |revocation| revocation.to_string())
}

/// The settings of sessions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settings {
    /// Sessions in one cookie.
    Plain,
    /// Sessions in pieces.
    Split,
    /// Sessions in pieces that may be remembered and are kept by the browser.
    Remembered,
}

pub(crate) const SETTINGS: [Settings; 3] = [Settings::Plain, Settings::Split, Settings::Remembered];

/// What the handler of a request does with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Read,
    Ignore,
    Set,
    Reauthenticate,
    Start,
    End,
}

impl Action {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Action::Read => "read",
            Action::Ignore => "ignore",
            Action::Set => "set",
            Action::Reauthenticate => "reauthenticate",
            Action::Start => "start",
            Action::End => "end",
        }
    }
}

/// The values of a request's headers that carry a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers {
    pub(crate) cookie: Vec<Vec<u8>>,
    pub(crate) authorization: Vec<Vec<u8>>,
    pub(crate) renewal: Vec<Vec<u8>>,
}

/// The session of a request, and the lines of its response.
pub(crate) fn session(settings: Settings, now: u64, headers: &Headers, action: Action) -> String {
    static SESSIONS: LazyLock<[Sessions<Three>; 3]> = LazyLock::new(|| {
        SETTINGS.map(|settings| {
            let builder =
                Sessions::builder(fixed::ring(), Policy::default()).bearer(Bearer::default());
            match settings {
                Settings::Plain => builder.cookie(Cookie::default()),
                Settings::Split => builder.cookie(Cookie::default().split()),
                Settings::Remembered => builder
                    .cookie(Cookie::default().split().persistent())
                    .remembered(Policy::aal1().with_idle_timeout(secs(14 * 86_400))),
            }
            .build()
        })
    });
    let which = SETTINGS.iter().position(|other| *other == settings).unwrap_or(0);
    let session = SESSIONS[which].load_at(at(now), "GET", |name| {
        let values = match name {
            "cookie" => &headers.cookie[..],
            "authorization" => &headers.authorization,
            "session-renewal" => &headers.renewal,
            _ => &[],
        };
        values.iter().map(Vec::as_slice)
    });
    let mut shown = names::status(session.status()).to_owned();
    if let (Some(info), Some(state)) = (session.info(), session.get()) {
        shown += &format!(" {} {},{},{}", facts(&info), state.a, state.b, state.c);
    }
    shown += &act(&session, action);
    for line in session.commit() {
        shown += &format!(" | {}", without_token(&line));
    }
    shown
}

fn facts(info: &Info) -> String {
    let times = [
        info.started_at,
        info.reauthenticated_at,
        info.last_seen,
        info.idle_expires_at,
        info.expires_at,
    ];
    let times = times.map(|time| time.as_secs().to_string()).join(" ");
    let remembered = if info.remembered { "remembered" } else { "ordinary" };
    let Info { id, origin, key_id, token_len, .. } = info;
    format!("{id} {origin} {remembered} {times} {key_id} {token_len}")
}

fn act(session: &Session<Three>, action: Action) -> String {
    let new = Three { a: 7, b: 8, c: 9 };
    let done = match action {
        Action::Read => Ok(()),
        Action::Ignore => {
            session.ignore_activity();
            Ok(())
        }
        Action::Set => session.set(new),
        Action::Reauthenticate => session.reauthenticated(),
        Action::Start => session.start(new),
        Action::End => session.end(),
    };
    done.map_or_else(|error| format!(" {}", names::session(error)), |()| String::new())
}

/// A line in which the length of each token replaces the token, because a token is different each
/// time.
fn without_token(line: &Line) -> String {
    let Line { name, value, rule, sensitive, .. } = line;
    let rule = match rule {
        Rule::Append => "append",
        Rule::Replace => "replace",
        Rule::IfAbsent => "if-absent",
    };
    let value = match (name.as_ref(), sensitive, value.split_once('=')) {
        ("set-cookie", _, Some((cookie, rest))) => {
            let (token, attributes) = rest.split_once(';').unwrap_or((rest, ""));
            format!("{cookie}={};{attributes}", token.len())
        }
        (_, true, _) => value.len().to_string(),
        _ => value.clone(),
    };
    format!("{rule} {name}: {value}")
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
