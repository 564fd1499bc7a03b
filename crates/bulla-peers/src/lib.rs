//! Benchmarks of bulla and of libraries that an application could use instead. All libraries seal
//! the same two states into tokens and open the tokens again, in one process.
//!
//! | file | question |
//! |---|---|
//! | `states` | Which values are sealed? |
//! | `peers/` | How does each library seal and open a value? One file for each library. |
//! | `primitives` | How long do the primitives alone take? |
//! | `jobs` | What is measured? |
//! | `rounds` | How is it measured? |
//! | `goals` | Which goals does bulla have, and does it meet them? |
//! | `scaling` | How does the time depend on threads, payload, ring and refusal? |
//! | `machine` | Which machine is this? |
//! | `report`, `chart` | What is written into docs/? |

pub mod chart;
pub mod goals;
pub mod jobs;
pub mod machine;
pub mod peers;
pub mod primitives;
pub mod report;
pub mod rounds;
pub mod scaling;
pub mod states;
