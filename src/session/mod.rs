//! Sessions: their timeouts and tokens, and how a request reads and changes its session.
//!
//! A session has two tokens. The state token holds the state. The renewal token records the last
//! activity. `judge` is the opening half of a session's state machine: it decides whether the
//! session of a request is absent, refused or alive. `closing` is the closing half: it decides what
//! the response does with the session.
//!
//! | question | file |
//! |---|---|
//! | How long do sessions live? | `policy` |
//! | What do all sessions of an application share? | `builder` (settings), `sessions`, `shared` (inside) |
//! | What do a session's tokens contain in addition to the state? | `record` |
//! | How are a session's two tokens sealed? | `tokens` |
//! | What does a request carry? | `carried` |
//! | Is the session of this request absent, refused or alive? | `judge` |
//! | Why is it refused? | `refusal` |
//! | How does a handler read its session? | `session` |
//! | How does a session start, change and end? | `start`, `change`, `ending` |
//! | What has this request done so far? | `pending` |
//! | What does the response do with the session: write, renew, delete or nothing? | `closing` |
//! | How are tokens written, renewed and deleted in header lines? | `answer` |
//! | Does the application still accept the session? | `revalidation`, `about` |
//! | How is a session from the old library adopted? | `migration`, `adoption` |
//! | How is the user of a session loaded? | `user` (by the application), `loading` (once in a request) |
//! | How is a session bound to a device? | `device_bound` and `dpop` (settings), `bindings` (inside), `challenge`, `binding` (a browser's two requests), `request_proof` (the proof in a client's request), `proving` (in all other requests) |
//! | What does a guard check, and what does it answer? | `guard` |
//! | Does a request come from a navigation, a script or htmx? | `asker` |
//! | Where does a user come back to after the sign-in page? | `come_back` |
//! | Which hints about a configuration are logged? | `hint` |
//! | What can an application, a log and an auditor learn? | `info`, `event`, `audit` |
//! | Why does a change fail, or a proof of a device? | `error`, `bound_error` |
//!
//! This folder uses every other folder except `adapters`.

pub(crate) mod about;
pub(crate) mod adoption;
pub(crate) mod answer;
pub(crate) mod asker;
#[allow(clippy::arithmetic_side_effects, reason = "reads no client's bytes")]
pub(crate) mod audit;
#[cfg(feature = "bound")]
pub(crate) mod binding;
pub(crate) mod bindings;
#[cfg(feature = "bound")]
pub(crate) mod bound_error;
pub(crate) mod builder;
pub(crate) mod carried;
pub(crate) mod challenge;
pub(crate) mod change;
pub(crate) mod closing;
pub(crate) mod come_back;
#[cfg(feature = "bound")]
pub(crate) mod device_bound;
#[cfg(feature = "bound")]
pub(crate) mod dpop;
pub(crate) mod ending;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod guard;
pub(crate) mod hint;
pub(crate) mod info;
pub(crate) mod judge;
pub(crate) mod loading;
pub(crate) mod migration;
pub(crate) mod pending;
pub(crate) mod policy;
pub(crate) mod proving;
pub(crate) mod record;
pub(crate) mod refusal;
pub(crate) mod request_proof;
pub(crate) mod revalidation;
#[expect(clippy::module_inception, reason = "the file has the type `Session`")]
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod shared;
pub(crate) mod start;
pub(crate) mod tokens;
pub(crate) mod user;

pub use self::about::Validity;
pub use self::audit::{Audit, AuditRow, Verdict};
#[cfg(feature = "bound")]
#[cfg_attr(docsrs, doc(cfg(feature = "bound")))]
pub use self::binding::DeviceBoundResponse;
#[cfg(feature = "bound")]
#[cfg_attr(docsrs, doc(cfg(feature = "bound")))]
pub use self::bound_error::BoundError;
pub use self::builder::SessionsBuilder;
pub use self::come_back::local_path;
#[cfg(feature = "bound")]
#[cfg_attr(docsrs, doc(cfg(feature = "bound")))]
pub use self::device_bound::DeviceBound;
#[cfg(feature = "bound")]
#[cfg_attr(docsrs, doc(cfg(feature = "bound")))]
pub use self::dpop::{AddressError, Dpop};
pub use self::error::SessionError;
pub use self::event::Event;
pub use self::guard::Denied;
pub use self::info::{Info, Status};
pub use self::migration::{Adopted, OldCookie};
pub use self::policy::Policy;
pub use self::refusal::Refusal;
pub use self::session::Session;
pub use self::sessions::Sessions;
pub use self::shared::Channel;
pub use self::start::Start;
pub use self::user::User;
pub use crate::token::id::{SessionId, SessionIdError};
