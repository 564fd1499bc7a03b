//! Does a session still hold, by what the application knows of its user?

use std::sync::Arc;

use crate::about::Validity;
use crate::event::Event;
use crate::judge::{Alive, Judged, Refusal};
use crate::payload::Payload;
use crate::session::Session;
use crate::time::UnixTime;

impl<T: Payload> Session<T> {
    /// Asks the application's [check](crate::SessionsBuilder::revalidate)
    /// whether the session still holds, if that is due and this request has not
    /// asked yet. The extractors of the adapters call it; code that takes its
    /// sessions from elsewhere calls it before it looks at them, since a session
    /// whose check is due and not made is none
    /// ([`Refusal::NotRevalidated`]). Without a check there is nothing to do.
    pub async fn revalidate(&self) {
        let Some(check) = &self.inner.about.check else { return };
        let Judged::Alive(alive) = self.judged() else { return };
        if self.validity(alive) != Err(Refusal::NotRevalidated)
            || self.inner.checked.get().is_some()
        {
            return;
        }
        let validity = check(Arc::clone(&alive.state)).await;
        if self.inner.checked.set(validity).is_ok()
            && let Err(refusal) = self.validity(alive)
        {
            self.inner.shared.emit(Event::Refused(refusal));
        }
    }

    /// What the application says of a session whose tokens are alive.
    pub(crate) fn validity(&self, alive: &Alive<T>) -> Result<(), Refusal> {
        if self.inner.about.check.is_none() {
            return Ok(());
        }
        // Whoever proved who they are was known then.
        let known_at = alive.validated_at.max(alive.record.reauthenticated_at);
        match self.inner.checked.get() {
            Some(Validity::Holds) => Ok(()),
            Some(Validity::Over) => Err(Refusal::Invalidated),
            Some(Validity::Unknown) => Err(Refusal::NotRevalidated),
            None if self.now().since(known_at) < self.inner.about.revalidate_after => Ok(()),
            None => Err(Refusal::NotRevalidated),
        }
    }

    /// When the check last said that the session holds; now, if it was this request.
    pub(crate) fn validated_at(&self, alive: &Alive<T>) -> UnixTime {
        match self.inner.checked.get() {
            Some(Validity::Holds) => self.now().max(alive.validated_at),
            _ => alive.validated_at,
        }
    }
}
