//! Why reading or changing a value in Redis fails.

use std::fmt;

use bulla::{OpenError, SealError};

/// Why a value in Redis could not be read or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedisRingError {
    /// The request to Redis failed. The text is the kind of failure.
    Redis(String),
    /// The value is wrapped (sealed with another key ring), and these keys do not unwrap it.
    Wrapped(OpenError),
    /// The value is not wrapped, but it should be.
    NotWrapped,
    /// The text could not be wrapped.
    Wrap(SealError),
    /// Another program has changed the value since it was loaded.
    Changed,
}

impl RedisRingError {
    pub(crate) fn of(error: redis::RedisError) -> RedisRingError {
        // The text of a RedisError may repeat an argument of the command, such as the ring.
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
            RedisRingError::Redis(detail) => write!(f, "the request to Redis failed: {detail}"),
            RedisRingError::Wrapped(error) => {
                write!(f, "these keys cannot unwrap the ring in Redis: {error}")
            }
            RedisRingError::NotWrapped => {
                f.write_str("the ring in Redis is not wrapped, but it should be; store it again")
            }
            RedisRingError::Wrap(error) => write!(f, "the ring cannot be wrapped: {error}"),
            RedisRingError::Changed => {
                f.write_str("another program has changed the ring meanwhile; load it again")
            }
        }
    }
}

impl std::error::Error for RedisRingError {}
