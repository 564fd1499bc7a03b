//! Sessions: policy, state, renewal, and how a request reads and changes its session.
//!
//! | question | file |
//! |---|---|
//! | How long do sessions live? | `policy` |
//! | What do all sessions of an application share? | `sessions` (public settings), `shared` (inside) |
//! | What do a session's tokens have beside the state? | `record` |
//! | How are its two tokens sealed? | `tokens` |
//! | Is the session of this request absent, refused or alive? | `judge` |
//! | How does a handler read its session? | `session` |
//! | How does a session start, change and end? | `start`, `change`, `ending` |
//! | What has this request done so far? | `pending` |
//! | Which tokens does the response carry, in which header lines? | `answer`, `closing` |
//! | Does the application still accept the session? | `revalidation`, `about` |
//! | How is a session of another library adopted? | `migration`, `adoption` |
//! | What does a guard check, and what does it answer? | `guard` |
//! | Why does a browser drop the cookie during development? | `hint` |
//! | What can an application, a log and an auditor learn? | `info`, `event`, `audit` |
//! | Why does a change fail? | `error` |
//!
//! This folder uses every other folder except `adapters`.

pub(crate) mod about;
pub(crate) mod adoption;
pub(crate) mod answer;
#[allow(clippy::arithmetic_side_effects, reason = "reads no client's bytes")]
pub(crate) mod audit;
pub(crate) mod change;
pub(crate) mod closing;
pub(crate) mod ending;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod guard;
pub(crate) mod hint;
pub(crate) mod info;
pub(crate) mod judge;
pub(crate) mod migration;
pub(crate) mod pending;
pub(crate) mod policy;
pub(crate) mod record;
pub(crate) mod revalidation;
#[expect(clippy::module_inception, reason = "the file has the type `Session`")]
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod shared;
pub(crate) mod start;
pub(crate) mod tokens;

pub use self::about::Validity;
pub use self::audit::{Audit, AuditRow, Verdict};
pub use self::error::SessionError;
pub use self::event::Event;
pub use self::guard::Denied;
pub use self::info::{Info, Status};
pub use self::judge::Refusal;
pub use self::migration::{Adopted, OldCookie};
pub use self::policy::Policy;
pub use self::session::Session;
pub use self::sessions::{Sessions, SessionsBuilder};
pub use self::shared::Channel;
pub use self::start::Start;
pub use crate::token::id::SessionId;
