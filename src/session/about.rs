//! Functions by which an application describes its sessions: subject and check.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The default of [`revalidate_after`](crate::session::SessionsBuilder::revalidate_after).
const REVALIDATE_AFTER: Duration = Duration::from_secs(5 * 60);

pub(crate) struct About<T> {
    /// Returns whose a session is.
    pub(crate) subject: Option<Box<Subject<T>>>,
    /// Returns whether a session is still valid.
    pub(crate) check: Option<Box<Check<T>>>,
    pub(crate) revalidate_after: Duration,
}

type Subject<T> = dyn Fn(&T) -> String + Send + Sync;

type Check<T> = dyn Fn(Arc<T>) -> Checking + Send + Sync;

type Checking = Pin<Box<dyn Future<Output = Validity> + Send>>;

/// The answer of the application's check, which
/// [`SessionsBuilder::revalidate`](crate::session::SessionsBuilder::revalidate) sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Validity {
    /// The session is still valid, and is not checked for some minutes.
    Holds,
    /// The session is over, because for example the account is closed or the password was changed.
    Over,
    /// The check could not decide. This request has no session, a guard answers 503, and the next
    /// request runs the check again.
    Unknown,
}

/// The answer of the check in one request.
pub(crate) type Checked = OnceLock<Validity>;

impl<T> Default for About<T> {
    fn default() -> About<T> {
        About { subject: None, check: None, revalidate_after: REVALIDATE_AFTER }
    }
}
