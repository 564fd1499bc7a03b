//! Keys, key rings, and reloading a ring while a server runs.
//!
//! | question | file |
//! |---|---|
//! | What does a key consist of: bytes, id and text form? | `key` |
//! | Which keys does a ring have, and which one seals at a given time? | `ring` |
//! | How is a ring replaced while it is in use? | `handle` |
//! | Where is a new ring loaded from, and what happens to an invalid one? | `reload` |
//!
//! This folder uses only `primitives` and `time`.

pub(crate) mod handle;
pub(crate) mod key;
#[cfg(feature = "reload")]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "reads no client's bytes"
)]
pub(crate) mod reload;
pub(crate) mod ring;

pub use self::handle::RingHandle;
#[cfg(feature = "reload")]
#[cfg_attr(docsrs, doc(cfg(feature = "reload")))]
pub use self::handle::{Failing, RingHealth, WeakRingHandle};
pub use self::key::{Key, KeyError, KeyId};
#[cfg(feature = "reload")]
#[cfg_attr(docsrs, doc(cfg(feature = "reload")))]
pub use self::reload::{
    LoadError, Reload, ReloadError, Reloader, RingFile, RingSource, SourceError,
};
pub use self::ring::{KeyRing, MAX_KEYS, MAX_RING_LEN, RingEntry, RingError};
pub use crate::primitives::RandomError;
pub use zeroize::Zeroizing;
