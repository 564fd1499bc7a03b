//! The used tokens of a fleet.

use std::sync::{Mutex, PoisonError};

use bulla::UnixTime;
use bulla::token::{ClaimError, UsedTokens};
use redis::{Client, Connection};

use crate::connection::{alive, connect};
use crate::error::RedisRingError;

/// The used tokens of a fleet, in Redis, for [`Sealer::open_once`](bulla::Sealer::open_once). With
/// the feature `bound` of bulla, it can also store the used proofs of clients (`Dpop::with_used`).
/// If two servers receive the same token at the same instant, only one of them opens it.
///
/// ```no_run
/// use bulla_redis::UsedInRedis;
///
/// let used = UsedInRedis::new("redis://127.0.0.1/", "bank:used")?;
/// // links.open_once(token, &used)?
/// # Ok::<(), bulla_redis::RedisRingError>(())
/// ```
///
/// Each use sends one blocking request to Redis (`SET … NX EXAT`, Redis 6.2 or later). If Redis
/// is down, no token opens and no proof is accepted. If a replica takes over, it may lack the most recent uses, so these
/// tokens could be opened once more.
pub struct UsedInRedis {
    client: Client,
    name: String,
    /// Idle connections, which later calls use.
    connections: Mutex<Vec<Connection>>,
}

/// The largest number of idle connections.
const MAX_KEPT: usize = 8;

impl UsedInRedis {
    /// Creates the list under `name` in the Redis at `url`. Connects when it is first used.
    ///
    /// # Errors
    /// [`RedisRingError::Redis`] if the URL is invalid.
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
