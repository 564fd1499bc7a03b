//! Revocation: ending sessions before their deadline, on every server.
//!
//! | question | file |
//! |---|---|
//! | What is one revocation, and how is it written as a line of text? | `entry` |
//! | Which revocations of one subject are known, and how do two of them merge? | `known` |
//! | Does a set of revocations revoke a session? | `set` |
//! | How does a server store its list, and how does the list change while requests read it? | `list` |
//! | How does a file store revocations, and how do several processes share them? | `file` |
//! | How does a server's list follow the file? | `follower` |
//!
//! This folder uses only `primitives`, `time`, `files`, `keys` and `token`.

pub(crate) mod entry;
#[cfg(feature = "reload")]
pub(crate) mod file;
#[cfg(feature = "reload")]
mod follower;
pub(crate) mod known;
pub(crate) mod list;
pub(crate) mod set;

pub use self::entry::{Exception, Revocation, RevocationError, Subject};
#[cfg(feature = "reload")]
#[cfg_attr(docsrs, doc(cfg(feature = "reload")))]
pub use self::file::{RevocationFile, SkippedLine};
pub use self::list::{Revocations, WeakRevocations};
