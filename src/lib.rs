//! Client-side sessions.

mod adapters;
mod answer;
mod bearer;
mod bundle;
mod cookie;
mod denied;
mod error;
mod info;
mod judge;
mod key;
mod payload;
mod pieces;
mod policy;
mod primitives;
mod record;
mod ring;
mod sealed;
mod sealer;
mod session;
mod sessions;
mod shared;
mod signer;
mod start;
mod subkeys;
mod time;
mod tokens;
mod wire;

#[cfg(feature = "axum08")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum08")))]
pub use crate::adapters::axum08::{Fresh, MissingLayer, Rejection, Required};
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use crate::adapters::tower::{ResponseFuture, SessionLayer, SessionService};
#[doc(hidden)]
pub use crate::payload::check as __check_payload;

pub use crate::bearer::{Bearer, BearerError};
pub use crate::bundle::{Bundle, Line, Rule};
pub use crate::cookie::{Cookie, CookieError, MAX_COOKIE_AGE, MAX_COOKIE_LEN, SameSite};
pub use crate::denied::Denied;
pub use crate::error::{OpenError, SealError, SessionError};
pub use crate::info::{Info, Status};
pub use crate::judge::Refusal;
pub use crate::key::{Key, KeyError, KeyId};
pub use crate::payload::{Encoding, NoPrevious, Payload, PayloadError, View};
pub use crate::policy::Policy;
pub use crate::primitives::RandomError;
pub use crate::record::SessionId;
pub use crate::ring::{KeyRing, MAX_KEYS, MAX_RING_LEN, RingEntry, RingError};
pub use crate::sealer::{Opened, Sealer};
pub use crate::session::Session;
pub use crate::sessions::{Sessions, SessionsBuilder};
pub use crate::shared::Channel;
pub use crate::signer::{Signer, Unverified, read_unverified};
pub use crate::start::Start;
pub use crate::time::{TimeError, UnixTime};
pub use crate::wire::{CLOCK_SKEW, MAX_TOKEN_LEN};
#[cfg(feature = "derive")]
pub use bulla_derive::Payload;
