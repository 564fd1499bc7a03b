//! Key rings, revocations and used tokens in Redis or Valkey, shared by all servers that share a
//! ring.
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
//! | type | what the fleet shares |
//! |---|---|
//! | [`RedisRing`] | the key ring |
//! | [`SharedRevocations`] | the list of sessions that were ended before their deadline |
//! | [`UsedInRedis`] | which of the tokens that open only once have been used |
//!
//! # Key ring
//!
//! A server loads the ring when it starts and reads the ring again at the interval given to
//! `watch`. It also reads the ring as soon as another program announces a change. If Redis is down,
//! running servers continue with the ring they have. Only a server that starts needs Redis.
//!
//! To change the ring, call [`RedisRing::load`], edit the text, then call [`RedisRing::store`]. If
//! another program has changed the ring since `load`, `store` fails, so two concurrent changes
//! cannot undo each other. The command-line tool does this with `bulla ring --redis URL`.
//!
//! # Wrapping
//!
//! Redis is often less protected than the servers, because it has dumps, replicas and a shared
//! password.
//! [`RedisRing::wrapped_with`] seals the text of the ring with another key ring. Redis then never
//! stores a key in the clear. The servers get the wrapping ring from a different place, such as an
//! environment variable or a secret manager.
//!
//! - The wrapped value is a sealed bulla token (specification, section 5:
//!   XChaCha20-Poly1305 under a subkey derived by HKDF-SHA256). Its purpose is
//!   `bulla/key-ring`, a zero byte, and the name of the value. Therefore a value that was stored
//!   under a different name does not open.
//! - Wrapping keys rotate like the keys of every ring. The primary key wraps the text, and the
//!   other keys still unwrap older values.
//! - A wrapped ring has at most about 45 keys, because a token has at most 8,192 characters.
//! - An attacker who can write to Redis can put back an older wrapped value. Running servers
//!   refuse the older ring because of its lower serial number. A server that starts has no serial
//!   number to compare with, so it accepts the older ring.

mod connection;
mod error;
mod revocations;
mod source;
mod used;
mod watch;
mod wrap;

pub use crate::error::RedisRingError;
pub use crate::revocations::SharedRevocations;
pub use crate::source::{RedisRing, Stored};
pub use crate::used::UsedInRedis;
