//! The value in Redis: reading it, and changing it by compare-and-set.

use std::fmt;
use std::time::Duration;

use bulla::keys::{RingSource, SourceError, Zeroizing};
use bulla::{OpenError, RingHandle, SealError};
use redis::{Client, Commands as _, Connection, Script};

use crate::wrap::Wrap;

/// Nothing here may keep a server or a person waiting for long.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Puts a value in place of the one that was read, and tells who listens.
const COMPARE_AND_SET: &str = r"
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], '')
return 1
";

/// The key ring that Redis keeps under one name.
pub struct RedisRing {
    pub(crate) client: Client,
    pub(crate) name: String,
    wrap: Option<Wrap>,
    /// Kept between readings; dropped when it fails.
    connection: Option<Connection>,
}

/// What Redis has: the ring's text, and what a change must find.
pub struct Stored {
    /// The ring's text, unwrapped; empty when there is none yet.
    pub text: Zeroizing<Vec<u8>>,
    raw: Vec<u8>,
}

impl RedisRing {
    /// The ring under `name` of the Redis at `url`, such as `redis://127.0.0.1/`.
    /// It connects when it is used.
    ///
    /// # Errors
    /// [`RedisRingError::Redis`] when the URL cannot be read.
    pub fn new(url: &str, name: impl Into<String>) -> Result<RedisRing, RedisRingError> {
        let client = Client::open(url).map_err(RedisRingError::of)?;
        Ok(RedisRing { client, name: name.into(), wrap: None, connection: None })
    }

    /// Keeps the text sealed, with keys that Redis never sees.
    #[must_use]
    pub fn wrapped_with(mut self, keys: impl Into<RingHandle>) -> RedisRing {
        self.wrap = Some(Wrap::new(keys.into(), &self.name));
        self
    }

    /// Reads the ring.
    ///
    /// # Errors
    /// [`RedisRingError::Redis`] when Redis cannot be asked,
    /// [`RedisRingError::Wrapped`] and [`RedisRingError::NotWrapped`] when the
    /// value is not wrapped as expected.
    pub fn load(&mut self) -> Result<Stored, RedisRingError> {
        let name = self.name.clone();
        let raw: Option<Vec<u8>> = self.ask(|redis| redis.get(&name))?;
        let raw = raw.unwrap_or_default();
        let text = match (&self.wrap, raw.is_empty()) {
            (Some(wrap), false) => wrap.open(&raw)?,
            _ => Zeroizing::new(raw.clone()),
        };
        Ok(Stored { text, raw })
    }

    /// Puts `text` in place of what was loaded. Nobody checks it here: parse it
    /// as a `KeyRing` before.
    ///
    /// # Errors
    /// [`RedisRingError::Changed`] when the value is not that of `before` any
    /// more: nothing was changed; load again. [`RedisRingError::Wrap`] when it
    /// cannot be wrapped, and as for [`load`](RedisRing::load).
    pub fn store(&mut self, before: &Stored, text: &[u8]) -> Result<(), RedisRingError> {
        let value = match &self.wrap {
            Some(wrap) => wrap.seal(text)?,
            None => Zeroizing::new(text.to_vec()),
        };
        let script = Script::new(COMPARE_AND_SET);
        let mut call = script.key(&self.name);
        call.arg(&before.raw).arg(&value[..]).arg(self.channel());
        match self.ask(|redis| call.invoke::<u8>(redis))? {
            0 => Err(RedisRingError::Changed),
            _ => Ok(()),
        }
    }

    /// Where changes are announced.
    pub(crate) fn channel(&self) -> String {
        format!("{}:changed", self.name)
    }

    fn ask<R>(
        &mut self,
        question: impl Fn(&mut Connection) -> redis::RedisResult<R>,
    ) -> Result<R, RedisRingError> {
        let mut connection = match self.connection.take().and_then(alive) {
            Some(connection) => connection,
            None => connect(&self.client)?,
        };
        let answer = question(&mut connection).map_err(RedisRingError::of)?;
        self.connection = Some(connection);
        Ok(answer)
    }
}

/// A connection that has died meanwhile is found out before it is used: what
/// changes something must not be asked twice, for the first may have been heard.
pub(crate) fn alive(mut connection: Connection) -> Option<Connection> {
    redis::cmd("PING").exec(&mut connection).is_ok().then_some(connection)
}

pub(crate) fn connect(client: &Client) -> Result<Connection, RedisRingError> {
    let connection = client.get_connection_with_timeout(TIMEOUT).map_err(RedisRingError::of)?;
    connection.set_read_timeout(Some(TIMEOUT)).map_err(RedisRingError::of)?;
    connection.set_write_timeout(Some(TIMEOUT)).map_err(RedisRingError::of)?;
    Ok(connection)
}

impl RingSource for RedisRing {
    fn name(&self) -> String {
        format!("the key ring {} in Redis", self.name)
    }

    fn read(&mut self) -> Result<Zeroizing<Vec<u8>>, SourceError> {
        Ok(self.load()?.text)
    }
}

/// The address is left out: it may hold a password.
impl fmt::Debug for RedisRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRing").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The text is left out.
impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("len", &self.text.len()).finish_non_exhaustive()
    }
}

/// Why a ring in Redis could not be read or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedisRingError {
    /// Redis cannot be asked: what kind of failure it is.
    Redis(String),
    /// The value is wrapped, and these keys do not unwrap it.
    Wrapped(OpenError),
    /// The value should be wrapped and is not.
    NotWrapped,
    /// The text could not be wrapped.
    Wrap(SealError),
    /// Somebody else has changed the value since it was loaded.
    Changed,
}

impl RedisRingError {
    pub(crate) fn of(error: redis::RedisError) -> RedisRingError {
        // Its own text may repeat an argument of the command, which is the ring.
        let detail = match error.code() {
            Some(code) => format!("{} ({code})", error.category()),
            None => error.category().to_owned(),
        };
        RedisRingError::Redis(detail)
    }
}

impl fmt::Display for RedisRingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RedisRingError::Redis(detail) => write!(f, "Redis cannot be asked: {detail}"),
            RedisRingError::Wrapped(error) => {
                write!(f, "the ring in Redis does not unwrap with these keys: {error}")
            }
            RedisRingError::NotWrapped => {
                f.write_str("the ring in Redis is not wrapped, and should be: store it again")
            }
            RedisRingError::Wrap(error) => write!(f, "the ring cannot be wrapped: {error}"),
            RedisRingError::Changed => {
                f.write_str("somebody else has changed the ring meanwhile: load it again")
            }
        }
    }
}

impl std::error::Error for RedisRingError {}
