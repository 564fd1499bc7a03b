//! The user of a session, and how the application loads it.

use std::any::{Any, TypeId};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::session::event;
use crate::token::payload::Payload;

/// A user of the application, as stored in its database.
///
/// [`SessionsBuilder::user`](crate::session::SessionsBuilder::user) says how a user is loaded, and
/// the extractor [`SignedIn`](crate::SignedIn) gives the user to a handler.
///
/// ```
/// use bulla::Payload;
/// use bulla::session::User;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session")]
/// struct Account { id: u64, password_changes: u32 }
///
/// /// A row of the database.
/// struct Customer { id: u64, name: String, password_changes: u32 }
///
/// impl User for Customer {
///     type State = Account;
///
///     /// Sessions from before the last change of the password are over.
///     fn accepts(&self, account: &Account) -> bool {
///         account.password_changes == self.password_changes
///     }
/// }
/// ```
pub trait User: Send + Sync + 'static {
    /// The state of the user's sessions.
    type State: Payload;

    /// Whether a session with this state is still valid for the user.
    ///
    /// If it is not, the session is over: the request has no session, and the response deletes its
    /// tokens. The default accepts every session.
    fn accepts(&self, _state: &Self::State) -> bool {
        true
    }
}

/// How the application loads a user. The type of the user is erased.
pub(crate) struct Loader<T> {
    load: Box<dyn Fn(Arc<T>) -> Loading + Send + Sync>,
    user: TypeId,
}

pub(crate) type Loading = Pin<Box<dyn Future<Output = Loaded> + Send>>;

/// The result of loading a user.
pub(crate) enum Loaded {
    User(Arc<dyn Any + Send + Sync>),
    /// There is no such user, or the user does not accept the session.
    Nobody,
    /// The database could not be asked.
    Unknown,
}

impl<T: Payload + Send + Sync + 'static> Loader<T> {
    pub(crate) fn new<U, E, F>(load: impl Fn(Arc<T>) -> F + Send + Sync + 'static) -> Loader<T>
    where
        U: User<State = T>,
        E: fmt::Display,
        F: Future<Output = Result<Option<U>, E>> + Send + 'static,
    {
        let load = move |state: Arc<T>| -> Loading {
            let loading = load(Arc::clone(&state));
            Box::pin(async move {
                match loading.await {
                    Ok(Some(user)) if user.accepts(&state) => Loaded::User(Arc::new(user)),
                    Ok(_) => Loaded::Nobody,
                    Err(error) => {
                        event::not_loaded(&error);
                        Loaded::Unknown
                    }
                }
            })
        };
        Loader { load: Box::new(load), user: TypeId::of::<U>() }
    }
}

impl<T> Loader<T> {
    /// Whether this loads users of type `U`.
    pub(crate) fn is_of<U: User>(&self) -> bool {
        self.user == TypeId::of::<U>()
    }

    pub(crate) fn load(&self, state: Arc<T>) -> Loading {
        (self.load)(state)
    }
}
