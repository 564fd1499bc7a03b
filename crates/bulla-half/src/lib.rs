#![doc = include_str!("../README.md")]

mod error;

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bulla::session::Info;
use bulla::{Payload, Session, UnixTime};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::{Id, Record};

pub use crate::error::HalfError;

/// The field of a record that contains the data.
const FIELD: &str = "half";

/// A server half: for each session, a value of type `D` that is stored on the server.
///
/// Clones share the store.
///
/// ```
/// use bulla_half::Half;
/// use serde::{Deserialize, Serialize};
/// use tower_sessions_memory_store::MemoryStore;
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Basket { items: Vec<u64> }
///
/// let baskets = Half::<Basket>::new("basket", MemoryStore::default());
/// ```
pub struct Half<D> {
    store: Arc<dyn SessionStore>,
    name: Arc<str>,
    data: PhantomData<fn(D) -> D>,
}

impl<D: Serialize + DeserializeOwned> Half<D> {
    /// Creates a server half in a store. The name must be unique in the store. Do not use a table
    /// or prefix that tower-sessions itself also uses, because its cookies could open these
    /// records.
    #[must_use]
    pub fn new(name: impl Into<String>, store: impl SessionStore) -> Half<D> {
        Half { store: Arc::new(store), name: name.into().into(), data: PhantomData }
    }

    /// Returns the data of this session, or `None` if there is no data or no session. Each call
    /// reads the store.
    ///
    /// # Errors
    /// [`HalfError::Store`], [`HalfError::Decode`].
    pub async fn get<T: Payload>(&self, session: &Session<T>) -> Result<Option<D>, HalfError> {
        match session.info() {
            Some(info) => self.read(self.id::<T>(&info)).await,
            None => Ok(None),
        }
    }

    /// Replaces the data of this session. The data is stored until the absolute deadline of the
    /// session.
    ///
    /// # Errors
    /// [`HalfError::NoSession`], [`HalfError::Borrowed`], [`HalfError::Encode`],
    /// [`HalfError::Store`].
    pub async fn set<T: Payload>(&self, session: &Session<T>, data: &D) -> Result<(), HalfError> {
        self.write(&self.found::<T>(session)?, data).await
    }

    /// Reads the data of this session (or the default of `D`), calls `change`, and writes the data
    /// back. If two requests do this at the same time, the later write wins.
    ///
    /// # Errors
    /// The errors of [`get`](Half::get) and [`set`](Half::set).
    pub async fn update<T: Payload, R>(
        &self,
        session: &Session<T>,
        change: impl FnOnce(&mut D) -> R,
    ) -> Result<R, HalfError>
    where
        D: Default,
    {
        // Found only once, because the handler may start another session during the await below.
        let found = self.found::<T>(session)?;
        let mut data = self.read(found.id).await?.unwrap_or_default();
        let result = change(&mut data);
        self.write(&found, &data).await?;
        Ok(result)
    }

    /// Deletes the data of this session. Call this before [`Session::end`], because the data of an
    /// ended session cannot be found.
    ///
    /// # Errors
    /// [`HalfError::Store`].
    pub async fn delete<T: Payload>(&self, session: &Session<T>) -> Result<(), HalfError> {
        let Some(info) = session.info() else { return Ok(()) };
        self.store.delete(&self.id::<T>(&info)).await.map_err(HalfError::of)
    }

    /// Finds the record of this session.
    fn found<T: Payload>(&self, session: &Session<T>) -> Result<Found, HalfError> {
        let info = session.info().ok_or(HalfError::NoSession)?;
        if info.borrowed {
            return Err(HalfError::Borrowed);
        }
        Ok(Found { id: self.id::<T>(&info), expires_at: info.expires_at })
    }

    async fn write(&self, session: &Found, data: &D) -> Result<(), HalfError> {
        let id = session.id;
        let value = serde_json::to_value(data).map_err(|_| HalfError::Encode)?;
        let expiry_date = i64::try_from(session.expires_at.as_secs())
            .ok()
            .and_then(|secs| OffsetDateTime::from_unix_timestamp(secs).ok())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let data = HashMap::from([(FIELD.to_owned(), value)]);
        let mut record = Record { id, data, expiry_date };
        // Some stores save a record only if it exists already, so a new record needs `create`. If
        // the id exists by then, `create` stores the record under another id.
        if self.load(id).await?.is_none() {
            self.store.create(&mut record).await.map_err(HalfError::of)?;
            if record.id == id {
                return Ok(());
            }
            self.store.delete(&record.id).await.map_err(HalfError::of)?;
            record.id = id;
        }
        self.store.save(&record).await.map_err(HalfError::of)
    }

    async fn read(&self, id: Id) -> Result<Option<D>, HalfError> {
        let Some(mut record) = self.load(id).await? else { return Ok(None) };
        let Some(value) = record.data.remove(FIELD) else { return Err(HalfError::Decode) };
        // The text of the error would repeat the data.
        serde_json::from_value(value).map(Some).map_err(|_| HalfError::Decode)
    }

    async fn load(&self, id: Id) -> Result<Option<Record>, HalfError> {
        self.store.load(&id).await.map_err(HalfError::of)
    }

    /// The id of the record, which is a digest. In the input of the digest, the length of each part
    /// comes before the part. Therefore different parts never give the same input.
    fn id<T: Payload>(&self, info: &Info) -> Id {
        let mut digest = Sha256::new_with_prefix(b"bulla/1/half\0");
        for part in [T::PURPOSE.as_bytes(), self.name.as_bytes()] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.update(info.origin.as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&digest.finalize()[..16]);
        Id(i128::from_be_bytes(id))
    }
}

/// The record of a session.
struct Found {
    id: Id,
    expires_at: UnixTime,
}

impl<D> Clone for Half<D> {
    fn clone(&self) -> Half<D> {
        let (store, name) = (Arc::clone(&self.store), Arc::clone(&self.name));
        Half { store, name, data: PhantomData }
    }
}

impl<D> fmt::Debug for Half<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Half").field("name", &self.name).finish_non_exhaustive()
    }
}
