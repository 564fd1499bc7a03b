//! What is measured: an operation of a library, on one of the two states.

use std::fmt;

/// The operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Seals or signs a value. The result is the text of a token.
    Seal,
    /// Opens or verifies the text of a token. The result is the value.
    Open,
}

/// The state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 84 bytes.
    Small,
    /// 2.4 kB.
    Large,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Seal => "seal",
            Verb::Open => "open",
        })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Size::Small => "small",
            Size::Large => "large",
        })
    }
}

/// One operation to measure.
pub struct Job {
    /// The library, or the primitive.
    pub who: &'static str,
    /// The operation.
    pub verb: Verb,
    /// The state.
    pub size: Size,
    /// The number of characters of the token.
    pub chars: usize,
    /// Runs the operation once.
    pub run: Box<dyn FnMut()>,
}

impl Job {
    /// The key of a job: `who verb size`.
    pub fn name(&self) -> String {
        format!("{} {} {}", self.who, self.verb, self.size)
    }
}
