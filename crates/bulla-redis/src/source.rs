//! Reads the key ring in Redis, and changes it if it is still the ring that was read.

use std::fmt;

use bulla::RingHandle;
use bulla::keys::{RingSource, SourceError, Zeroizing};
use redis::{Client, Commands as _, Connection, Script};

use crate::connection::{alive, connect};
use crate::error::RedisRingError;
use crate::wrap::Wrap;

/// If the value in Redis is still the value that was read, replaces it and announces the change.
const COMPARE_AND_SET: &str = r"
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], '')
return 1
";

/// A key ring that Redis stores under one name.
pub struct RedisRing {
    pub(crate) client: Client,
    pub(crate) name: String,
    wrap: Option<Wrap>,
    /// The connection that the next request uses. It is dropped after a failure.
    connection: Option<Connection>,
}

/// A value read from Redis: the text of the ring, and the stored bytes. [`RedisRing::store`] checks
/// that Redis still has these bytes.
pub struct Stored {
    /// The unwrapped text of the ring. Empty if Redis has no value.
    pub text: Zeroizing<Vec<u8>>,
    raw: Vec<u8>,
}

impl RedisRing {
    /// Creates the ring under `name` in the Redis at `url`, such as `redis://127.0.0.1/`.
    /// Connects when it is first used.
    ///
    /// # Errors
    /// [`RedisRingError::Redis`] if the URL is invalid.
    pub fn new(url: &str, name: impl Into<String>) -> Result<RedisRing, RedisRingError> {
        let client = Client::open(url).map_err(RedisRingError::of)?;
        Ok(RedisRing { client, name: name.into(), wrap: None, connection: None })
    }

    /// Seals the text before it is stored, with keys that Redis never sees.
    #[must_use]
    pub fn wrapped_with(mut self, keys: impl Into<RingHandle>) -> RedisRing {
        self.wrap = Some(Wrap::new(keys.into(), &self.name));
        self
    }

    /// Reads the ring.
    ///
    /// # Errors
    /// [`RedisRingError::Redis`] if the request fails, [`RedisRingError::Wrapped`] and
    /// [`RedisRingError::NotWrapped`] if the value is not wrapped as expected.
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

    /// Replaces the loaded value `before` with `text`. This method does not validate the text, so
    /// parse it as a `KeyRing` first.
    ///
    /// # Errors
    /// [`RedisRingError::Changed`] if the value in Redis is no longer the value of `before`. In
    /// this case nothing was changed; load the ring again. [`RedisRingError::Wrap`] if the text
    /// cannot be wrapped. [`RedisRingError::Redis`] if the request fails.
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

    /// The channel on which changes are announced.
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

impl RingSource for RedisRing {
    fn name(&self) -> String {
        format!("the key ring {} in Redis", self.name)
    }

    fn read(&mut self) -> Result<Zeroizing<Vec<u8>>, SourceError> {
        Ok(self.load()?.text)
    }
}

/// Omits the address, which may contain a password.
impl fmt::Debug for RedisRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRing").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Omits the text.
impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("len", &self.text.len()).finish_non_exhaustive()
    }
}
