//! Which tokens have been used, for a whole fleet.

use std::sync::{Mutex, PoisonError};

use bulla::UnixTime;
use bulla::token::{ClaimError, UsedTokens};
use redis::{Client, Connection};

use crate::source::{RedisRingError, alive, connect};

/// Which tokens have been used, in Redis: of two servers that are given one at
/// the same instant, one opens it ([`Sealer::open_once`](bulla::Sealer::open_once)).
///
/// ```no_run
/// use bulla_redis::UsedInRedis;
///
/// let used = UsedInRedis::new("redis://127.0.0.1/", "bank:used")?;
/// // links.open_once(token, &used)?
/// # Ok::<(), bulla_redis::RedisRingError>(())
/// ```
///
/// Each use asks Redis once (`SET … NX EXAT`, Redis 6.2 or later) and blocks
/// for that long; without Redis nothing opens. One Redis decides: a replica
/// that takes over may not know the last uses.
pub struct UsedInRedis {
    client: Client,
    name: String,
    /// Kept between uses.
    connections: Mutex<Vec<Connection>>,
}

/// Connections that are kept.
const MAX_KEPT: usize = 8;

impl UsedInRedis {
    /// The tokens used under `name` of the Redis at `url`. It connects when it is used.
    ///
    /// # Errors
    /// [`RedisRingError::Redis`] when the URL cannot be read.
    pub fn new(url: &str, name: impl Into<String>) -> Result<UsedInRedis, RedisRingError> {
        let client = Client::open(url).map_err(RedisRingError::of)?;
        Ok(UsedInRedis { client, name: name.into(), connections: Mutex::default() })
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UsedTokens for UsedInRedis {
    fn claim(&self, token: &[u8; 16], until: UnixTime) -> Result<bool, ClaimError> {
        let key = format!("{}:{:032x}", self.name, u128::from_be_bytes(*token));
        let mut set = redis::cmd("SET");
        set.arg(key).arg("").arg("NX").arg("EXAT").arg(until.as_secs());
        let kept = self.kept().pop();
        let mut redis = match kept.and_then(alive) {
            Some(redis) => redis,
            None => connect(&self.client)?,
        };
        let set: Option<String> = set.query(&mut redis).map_err(RedisRingError::of)?;
        let mut kept = self.kept();
        if kept.len() < MAX_KEPT {
            kept.push(redis);
        }
        Ok(set.is_some())
    }
}

impl std::fmt::Debug for UsedInRedis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UsedInRedis").field("name", &self.name).finish_non_exhaustive()
    }
}
