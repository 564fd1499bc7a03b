//! The same small application over bulla and over its peers, on axum and on actix-web,
//! asked by wrk over loopback: server and load on one core each.
//!
//! | file | question |
//! |---|---|
//! | `account` | what does a session hold, and what do the routes answer |
//! | `stacks/` | how does each library keep it, a file for each framework |
//! | `client` | does a session read back, is a forged one refused, how many bytes is that |
//! | `wrk` | how many requests a second, and how late is the latest in a hundred |
//! | `machines` | which programs run, on which core, and what do they take |
//! | `rounds` | in which order is it measured |
//! | `bars` | what is promised |
//! | `fleet` | what does a billion sessions a day cost |
//! | `report` | what is written |

pub mod account;
pub mod bars;
pub mod client;
pub mod fleet;
#[path = "../../bulla-peers/src/machine.rs"]
pub mod machine;
pub mod machines;
pub mod report;
pub mod rounds;
pub mod stacks;
pub mod wrk;

/// What a step comes to.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
