//! bulla beside the libraries that would be taken instead: the same two typed states,
//! from value to text and back, in one process.
//!
//! | file | question |
//! |---|---|
//! | `states` | what is sealed |
//! | `peers/` | how each library does it, one file each |
//! | `primitives` | what do the primitives cost alone: the floor |
//! | `jobs` | what is measured |
//! | `rounds` | how is it measured |
//! | `bars` | what is promised |
//! | `scaling` | threads, sizes, rings, refusals |
//! | `report`, `chart` | what is written |

pub mod bars;
pub mod chart;
pub mod jobs;
pub mod machine;
pub mod peers;
pub mod primitives;
pub mod report;
pub mod rounds;
pub mod scaling;
pub mod states;
