//! Revocation: ending sessions before their deadline, on every server.
//!
//! | question | file |
//! |---|---|
//! | What is one revocation, and how is it written as a line of text? | `entry` |
//! | What is known of one subject, and how do two revocations of it merge? | `known` |
//! | What does a set of revocations revoke? | `set` |
//! | Which list does a server have, and how does it change while others read it? | `list` |
//! | How does a file store revocations, and share them between processes? | `file` |
//!
//! This folder uses only `primitives`, `time`, `keys` and `token`.

pub(crate) mod entry;
#[cfg(feature = "reload")]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "reads no client's bytes"
)]
pub(crate) mod file;
pub(crate) mod known;
pub(crate) mod list;
pub(crate) mod set;

pub use self::entry::{Exception, Revocation, RevocationError, Subject};
#[cfg(feature = "reload")]
#[cfg_attr(docsrs, doc(cfg(feature = "reload")))]
pub use self::file::RevocationFile;
pub use self::list::{Revocations, WeakRevocations};
