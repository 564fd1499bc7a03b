//! A bulla key ring, and revocations, in Redis (or Valkey), for a whole fleet.
//!
//! ```no_run
//! use std::time::Duration;
//! use bulla_redis::RedisRing;
//!
//! let ring = RedisRing::new("redis://127.0.0.1/", "bank:ring")?.watch(Duration::from_secs(60))?;
//! // SessionLayer::<Account>::new(&ring, policy), Sealer::<Reset>::new(&ring, lifetime), …
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Servers load the ring when they start, look again every so often, and look
//! at once when it changes. When Redis is away they go on with the ring they
//! have, for as long as it lasts; only a server that starts needs it.
//!
//! The ring is changed by compare-and-set, so that two people who change it at
//! once do not undo each other: [`RedisRing::load`], edit the text,
//! [`RedisRing::store`]. The command-line tool does so with `bulla ring --redis URL`.
//!
//! Sessions that end before their time are spread in the same way:
//! [`SharedRevocations`].
//!
//! # Wrapping
//!
//! Redis often has weaker walls than the servers: dumps, replicas, a shared
//! password. [`RedisRing::wrapped_with`] seals the text with a key ring of its
//! own, which the servers get from elsewhere (an environment variable, a
//! secret manager), so that Redis never holds a key in the clear. The
//! construction is a sealed token of bulla (specification, section 5:
//! XChaCha20-Poly1305 under a subkey derived by HKDF-SHA256) for the purpose
//! `bulla/key-ring`, a zero byte, and the value's name: what was stored under
//! another name does not open here. It is changed like every ring: the primary
//! key wraps, the others still unwrap. The wrapped text fits about 45 keys
//! (a token has at most 8,192 characters). An older wrapped value put back by
//! somebody who can write to Redis is refused by the serial number that the
//! text has inside; a server that starts has none to compare with.

mod revocations;
mod source;
mod used;
mod watch;
mod wrap;

pub use crate::revocations::SharedRevocations;
pub use crate::source::{RedisRing, RedisRingError, Stored};
pub use crate::used::UsedInRedis;
