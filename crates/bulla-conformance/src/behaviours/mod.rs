//! The behaviours, with one file for each topic. `setup` contains the code that the other files
//! share.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "each function is a test, and its name says what the test checks"
)]

mod around;
mod bound;
mod changing;
mod channels;
mod cross_origin;
mod dpop;
mod errors;
mod guards;
mod layers;
mod pages;
mod reading;
mod refusals;
mod renewal;
mod revalidation;
mod revocation;
mod sealed_cookies;
mod setup;
mod starting_and_ending;
mod user;

pub use self::around::*;
pub use self::bound::*;
pub use self::changing::*;
pub use self::channels::*;
pub use self::cross_origin::*;
pub use self::dpop::*;
pub use self::errors::*;
pub use self::guards::*;
pub use self::layers::*;
pub use self::pages::*;
pub use self::reading::*;
pub use self::refusals::*;
pub use self::renewal::*;
pub use self::revalidation::*;
pub use self::revocation::*;
pub use self::sealed_cookies::*;
pub use self::starting_and_ending::*;
pub use self::user::*;
