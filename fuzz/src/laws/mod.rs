//! The laws, one per file.

mod bound;
mod cookie;
mod differential;
mod dpop;
mod inspect;
mod open;
mod payload;
mod pieces;
mod proof;
mod record;
mod revocation;
mod ring;
mod sessions;
mod token;

pub use bound::bound;
pub use cookie::cookie;
pub use differential::differential;
pub use dpop::dpop;
pub use inspect::inspect;
pub use open::open;
pub use payload::payload;
pub use pieces::pieces;
pub use proof::{jwk, proof};
pub use record::record;
pub use revocation::revocation;
pub use ring::ring;
pub use token::token;

/// A law: a function that panics if an input violates it.
pub type Law = fn(&[u8]);

/// All laws, with the names of their fuzz targets.
pub const ALL: [(&str, Law); 13] = [
    ("token", token),
    ("open", open),
    ("ring", ring),
    ("cookie", cookie),
    ("pieces", pieces),
    ("payload", payload),
    ("inspect", inspect),
    ("differential", differential),
    ("record", record),
    ("revocation", revocation),
    ("proof", proof),
    ("bound", bound),
    ("dpop", dpop),
];
