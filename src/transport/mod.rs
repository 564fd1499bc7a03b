//! Transport: how a token travels (in one cookie, in several cookies, or in a header), and which
//! requests are handled as if they carried no token.
//!
//! | question | file |
//! |---|---|
//! | Which names, attributes and sizes may a cookie have, and how is it read and written? | `cookie` |
//! | Which cookies of an earlier release may browsers still have? | `former` |
//! | How is a long token split into several cookies and joined again? | `pieces` |
//! | Which cookie tells a browser that it needs no new proof? | `bound_cookie` |
//! | Which headers carry a token without cookies? | `bearer` |
//! | Does a request come from a page on another origin? | `cross_origin` |
//! | Which header lines does a response get? | `bundle` |
//! | Which small values does an application keep in separate cookies? | `sealed_cookie` |
//! | How does a request read, take and set such a value? | `value` |
//!
//! This folder uses only `primitives`, `time`, `keys` and `token`.

pub(crate) mod bearer;
pub(crate) mod bound_cookie;
pub(crate) mod bundle;
pub(crate) mod cookie;
pub(crate) mod cross_origin;
pub(crate) mod former;
pub(crate) mod pieces;
pub(crate) mod sealed_cookie;
pub(crate) mod value;

pub use self::bearer::{Bearer, BearerError};
pub use self::bundle::{Bundle, Line, Rule};
pub use self::cookie::{Cookie, CookieError, MAX_COOKIE_AGE, MAX_COOKIE_LEN, SameSite};
pub use self::cross_origin::OriginError;
pub use self::sealed_cookie::SealedCookie;
pub use self::value::{Sealed, SetError};
