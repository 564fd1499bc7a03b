//! Revocation: sessions that end before their deadline, on every server.
//!
//! | question | file |
//! |---|---|
//! | What is one revocation, and how is it written as a line of text? | `entry` |
//! | Which sessions does this server know to be revoked? | `list` |
//! | Which sessions started after a revocation because they made it? | `moved` |
//! | How does a file keep revocations, and share them between processes? | `file` |
//!
//! This folder uses `primitives`, `time`, `keys` and `token` only.

pub(crate) mod entry;
#[cfg(feature = "reload")]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "reads no client's bytes"
)]
pub(crate) mod file;
pub(crate) mod list;
pub(crate) mod moved;

pub use self::entry::{Revocation, RevocationError, Subject};
#[cfg(feature = "reload")]
#[cfg_attr(docsrs, doc(cfg(feature = "reload")))]
pub use self::file::RevocationFile;
pub use self::list::{Revocations, WeakRevocations};
