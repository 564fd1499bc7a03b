//! The two functions that an application can supply for its sessions. One returns the subject of a
//! session (the user that the session belongs to). The other checks whether a session is still
//! valid. It may load the user for this.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::session::user::Loader;

/// The default of [`revalidate_after`](crate::session::SessionsBuilder::revalidate_after).
const REVALIDATE_AFTER: Duration = Duration::from_secs(5 * 60);

pub(crate) struct About<T> {
    /// Returns the subject of a session.
    pub(crate) subject: Option<Box<Subject<T>>>,
    pub(crate) check: Option<Check<T>>,
    pub(crate) revalidate_after: Duration,
}

type Subject<T> = dyn Fn(&T) -> String + Send + Sync;

/// How the application checks whether a session is still valid.
pub(crate) enum Check<T> {
    Asks(Box<dyn Fn(Arc<T>) -> Checking + Send + Sync>),
    Loads(Loader<T>),
}

type Checking = Pin<Box<dyn Future<Output = Validity> + Send>>;

/// The result of the application's check.
/// [`SessionsBuilder::revalidate`](crate::session::SessionsBuilder::revalidate) sets the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Validity {
    /// The session is still valid. The check runs again after
    /// [`revalidate_after`](crate::session::SessionsBuilder::revalidate_after).
    Holds,
    /// The session is over, for example because the account was closed or the password was changed.
    Over,
    /// The check could not decide. Then this request has no session, a guard answers with 503, and
    /// the next request runs the check again.
    Unknown,
}

/// The result of the check in one request.
pub(crate) type Checked = OnceLock<Validity>;

impl<T> Default for About<T> {
    fn default() -> About<T> {
        About { subject: None, check: None, revalidate_after: REVALIDATE_AFTER }
    }
}
