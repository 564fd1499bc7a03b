//! What does the application say of its sessions?

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How often the application is asked, when it does not say.
const REVALIDATE_AFTER: Duration = Duration::from_secs(5 * 60);

pub(crate) struct About<T> {
    /// Whose a session is.
    pub(crate) subject: Option<Box<Subject<T>>>,
    /// Whether it still holds.
    pub(crate) check: Option<Box<Check<T>>>,
    pub(crate) revalidate_after: Duration,
}

type Subject<T> = dyn Fn(&T) -> String + Send + Sync;

type Check<T> = dyn Fn(Arc<T>) -> Checking + Send + Sync;

type Checking = Pin<Box<dyn Future<Output = Validity> + Send>>;

/// Whether a session still holds: the answer of a check of the application's,
/// which [`SessionsBuilder::revalidate`](crate::session::SessionsBuilder::revalidate) takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Validity {
    /// It goes on, and is not asked about for some minutes.
    Holds,
    /// It is over: the account is closed, the password was changed.
    Over,
    /// That could not be found out. This request has no session, a guard
    /// answers 503, and the next request asks again.
    Unknown,
}

/// What the check has said in one request.
pub(crate) type Checked = OnceLock<Validity>;

impl<T> Default for About<T> {
    fn default() -> About<T> {
        About { subject: None, check: None, revalidate_after: REVALIDATE_AFTER }
    }
}
