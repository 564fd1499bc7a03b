//! How values are written in the JSON documents of `--json`.
//!
//! This file uses only serde, so that the fuzz targets can include it.

use std::fmt::Display;

use serde::{Serialize, Serializer};

/// A value that JSON contains as its text: an instant in the form of RFC 3339, or a key id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text<T>(pub(crate) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
