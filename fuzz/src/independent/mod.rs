//! The format once more, written from spec/bulla-v1.md alone: it shares no code with
//! the library, is slow where that is simpler, and names failures as section 7 does.

mod cookies;
mod ring;
mod text;
mod token;

pub use cookies::{Found, find, split, values};
pub use ring::{Entry, RingText, read_ring};
pub use text::{from_base64url, take_varint, to_base64url, varint};
pub use token::{
    Fields, Key, Mode, Opened, Reader, authenticate, deadline, make, open, open_body, unverified,
};
