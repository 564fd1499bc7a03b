//! Measures one small application on axum and on actix-web, with bulla and with other session
//! libraries. wrk sends the requests over loopback. The server and the load generator have one core
//! each.
//!
//! | file | question |
//! |---|---|
//! | `account` | What does a session contain, and what do the routes answer? |
//! | `stacks/` | How does each library store a session? One file for each framework. |
//! | `client` | Does each stack read a session back and refuse a forged one? How many bytes does it send? |
//! | `wrk` | How many requests per second, and with what latency? |
//! | `machines` | Which programs run on which core, and which resources do they use? |
//! | `rounds` | In which order are the stacks measured? |
//! | `goals` | Which goals does bulla have, and does it meet them? |
//! | `fleet` | What do a billion sessions a day cost? |
//! | `report` | What is written into docs/end-to-end.md? |

pub mod account;
pub mod client;
pub mod fleet;
pub mod goals;
#[path = "../../bulla-peers/src/machine.rs"]
pub mod machine;
pub mod machines;
pub mod report;
pub mod rounds;
pub mod stacks;
pub mod wrk;

/// The result of a step.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
