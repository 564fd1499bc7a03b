//! What is measured: a verb of a peer, on one of the two states.

use std::fmt;

/// From value to text, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// From value to text.
    Seal,
    /// From text to value.
    Open,
}

/// Which state.
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

/// One thing to do over and over.
pub struct Job {
    /// Who does it.
    pub who: &'static str,
    /// What.
    pub verb: Verb,
    /// On which state.
    pub size: Size,
    /// Characters of the text.
    pub chars: usize,
    /// Does it once.
    pub run: Box<dyn FnMut()>,
}

impl Job {
    /// `who verb size`, by which jobs are found.
    pub fn name(&self) -> String {
        format!("{} {} {}", self.who, self.verb, self.size)
    }
}
