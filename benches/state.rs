//! The values, keys and times that all benchmarks use.

use std::fmt;
use std::time::Duration;

use bulla::{KeyRing, Payload, UnixTime};
use serde::{Deserialize, Serialize};

pub(crate) const LIFETIME: Duration = Duration::from_secs(3600);

/// The time in all benchmarks. They do not read the clock, because the duration of that call
/// depends on the computer.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_796_126_400);

/// A token that was made at this time has expired at [`NOW`].
pub(crate) const EARLIER: UnixTime = UnixTime::from_secs(NOW.as_secs() - LIFETIME.as_secs());

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/session", version = 3, previous = StateV1)]
pub(crate) struct State {
    pub(crate) id: u64,
    names: Vec<String>,
}

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/session")]
pub(crate) struct StateV1 {
    pub(crate) id: u64,
}

impl From<StateV1> for State {
    fn from(old: StateV1) -> State {
        State { id: old.id, names: Vec::new() }
    }
}

/// The size of a state: how many strings of 25 bytes it has.
#[derive(Clone, Copy)]
pub(crate) struct Size(u32);

pub(crate) const SMALL: Size = Size(3);
pub(crate) const LARGE: Size = Size(85);
pub(crate) const SIZES: [Size; 2] = [SMALL, LARGE];

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl Size {
    /// The length of the state in postcard, in bytes.
    pub(crate) fn len(self) -> usize {
        postcard::to_allocvec(&self.state()).expect("a state is serializable").len()
    }

    pub(crate) fn state(self) -> State {
        let names = (0..self.0).map(|n| format!("a string no. {n:02} of 25 bytes"));
        State { id: 4_815_162_342, names: names.collect() }
    }
}

/// The sizes of rings, in keys: one, a typical number with rotation, and the limit.
pub(crate) const RINGS: [usize; 3] = [1, 4, 64];

pub(crate) fn ring(keys: usize) -> KeyRing {
    let new = |_| KeyRing::generate().expect("randomness").expose_text().to_string();
    (0..keys).map(new).collect::<String>().parse().expect("it reads its own text")
}
