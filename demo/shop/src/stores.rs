//! Opens a store of tower-sessions by its address.

use std::error::Error;
use std::time::Duration;

use bulla_half::Half;
use fred::prelude::{Builder, ClientLike as _, Config, Pool};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower_sessions_memory_store::MemoryStore;
use tower_sessions_redis_store::RedisStore;
use tower_sessions_sqlx_store::SqliteStore;
use tower_sessions_sqlx_store::sqlx::SqlitePool;

const TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) enum Store {
    Memory(MemoryStore),
    Redis(RedisStore<Pool>),
    Sqlite(SqliteStore),
}

impl Store {
    pub(crate) async fn open(address: &str) -> Result<Store, Box<dyn Error>> {
        if address == "memory" {
            return Ok(Store::Memory(MemoryStore::default()));
        }
        if address.starts_with("sqlite:") {
            let store =
                SqliteStore::new(SqlitePool::connect(&format!("{address}?mode=rwc")).await?);
            store.migrate().await?;
            return Ok(Store::Sqlite(store));
        }
        // Without a timeout, requests would wait for a Redis that does not answer.
        let pool = Builder::from_config(Config::from_url(address)?)
            .with_performance_config(|config| config.default_command_timeout = TIMEOUT)
            .build_pool(1)?;
        pool.init().await?;
        Ok(Store::Redis(RedisStore::new(pool)))
    }

    pub(crate) fn half<D: Serialize + DeserializeOwned>(&self, name: &str) -> Half<D> {
        match self {
            Store::Memory(store) => Half::new(name, store.clone()),
            Store::Redis(store) => Half::new(name, store.clone()),
            Store::Sqlite(store) => Half::new(name, store.clone()),
        }
    }
}
