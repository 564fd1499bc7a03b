//! Files that several processes read and change.
//!
//! | question | file |
//! |---|---|
//! | How do processes change a file, one after the other, and replace it completely or not at all? | `shared` |
//! | Which lines were added to a file since the last read? | `tail` |
//!
//! This folder uses no other folder.

pub(crate) mod shared;
pub(crate) mod tail;
