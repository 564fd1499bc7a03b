//! Loading the user of a session, at most once in a request.

use std::sync::Arc;

use crate::session::about::{Check, Validity};
use crate::session::error::SessionError;
use crate::session::session::Session;
use crate::session::user::{Loaded, Loader, User};
use crate::token::payload::Payload;

impl<T: Payload> Session<T> {
    /// Returns the user of this session, or `None` if there is no session.
    ///
    /// The user is loaded once in a request, by the function of
    /// [`SessionsBuilder::user`](crate::session::SessionsBuilder::user). If there is no such user,
    /// or the user does not [accept](User::accepts) the session, the session is over.
    ///
    /// The user is always that of the session that the request carried, even if this request has
    /// started or changed a session.
    ///
    /// # Errors
    /// [`SessionError::NotNow`] if the user could not be loaded now.
    /// [`SessionError::NoUserLoader`] if the sessions were built without
    /// [`user`](crate::session::SessionsBuilder::user), or for another type of user.
    pub async fn user<U: User<State = T>>(&self) -> Result<Option<Arc<U>>, SessionError> {
        let loader = match &self.inner.about.check {
            Some(Check::Loads(loader)) if loader.is_of::<U>() => loader,
            _ => return Err(SessionError::NoUserLoader),
        };
        let Some(state) = self.to_check() else { return Ok(None) };
        match self.load(loader, state).await {
            Loaded::User(user) if self.get().is_some() => Ok(Arc::clone(user).downcast().ok()),
            Loaded::Unknown => Err(SessionError::NotNow),
            Loaded::User(_) | Loaded::Nobody => Ok(None),
        }
    }

    /// Loads the user, unless this request has done so.
    pub(crate) async fn load(&self, loader: &Loader<T>, state: Arc<T>) -> &Loaded {
        if let Some(loaded) = self.inner.loaded.get() {
            return loaded;
        }
        let loaded = loader.load(state).await;
        let loaded = self.inner.loaded.get_or_init(|| loaded);
        self.answered(match loaded {
            Loaded::User(_) => Validity::Holds,
            Loaded::Nobody => Validity::Over,
            Loaded::Unknown => Validity::Unknown,
        });
        loaded
    }
}
