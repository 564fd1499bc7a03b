//! An independent implementation of the format, which was written only from spec/bulla-v1.md. It
//! shares no code with the library, is simple instead of fast, and uses the error names of section
//! 7.

mod cookies;
mod record;
mod revocation;
mod ring;
mod text;
mod token;

pub use cookies::{Found, find, split, values};
pub use record::{Followed, Record, Renewal};
pub use revocation::{Exception, Line, read_line};
pub use ring::{Entry, RingText, read_ring};
pub use text::{from_base64url, take_varint, to_base64url, to_hex, varint};
pub use token::{
    Fields, Key, Mode, Opened, Reader, authenticate, deadline, make, open, open_body, unverified,
};
