//! Does a session still hold, by what the application knows of its user?

use std::sync::Arc;

use crate::session::about::Validity;
use crate::session::event::Event;
use crate::session::judge::{Alive, Judged, Refusal};
use crate::session::session::Session;
use crate::time::UnixTime;
use crate::token::payload::Payload;

impl<T: Payload> Session<T> {
    /// Asks the application's [check](crate::session::SessionsBuilder::revalidate)
    /// whether the session still holds, if that is due and this request has not
    /// asked yet. The extractors of the adapters call it; code that takes its
    /// sessions from elsewhere calls it before it looks at them, since a session
    /// whose check is due and not made is none
    /// ([`Refusal::NotRevalidated`]). Without a check there is nothing to do.
    pub async fn revalidate(&self) {
        let Some(check) = &self.inner.about.check else { return };
        if self.inner.checked.get().is_some() {
            return;
        }
        let adopted;
        let state = match self.judged() {
            Judged::Alive(alive) if self.validity(alive).is_ok() => return,
            Judged::Alive(alive) => &alive.state,
            Judged::Absent | Judged::Refused(_) => {
                adopted = self.adopted();
                let Some(adopted) = &adopted else { return };
                &adopted.state
            }
        };
        let validity = check(Arc::clone(state)).await;
        if self.inner.checked.set(validity).is_ok()
            && let Err(refusal) = self.verdict()
        {
            self.inner.shared.emit(Event::Refused(refusal));
        }
    }

    /// What the check has said in this request. Of a session whose age nobody
    /// knows, such as one of the library before, it is asked in each.
    pub(crate) fn verdict(&self) -> Result<(), Refusal> {
        match (&self.inner.about.check, self.inner.checked.get()) {
            (None, _) | (_, Some(Validity::Holds)) => Ok(()),
            (_, Some(Validity::Over)) => Err(Refusal::Invalidated),
            (_, Some(Validity::Unknown) | None) => Err(Refusal::NotRevalidated),
        }
    }

    /// What the application says of a session whose tokens are alive.
    pub(crate) fn validity(&self, alive: &Alive<T>) -> Result<(), Refusal> {
        if self.inner.about.check.is_none() {
            return Ok(());
        }
        // Whoever proved who they are was known then.
        let known_at = alive.validated_at.max(alive.record.reauthenticated_at);
        let due = self.now().since(known_at) >= self.inner.about.revalidate_after;
        if due || self.inner.checked.get().is_some() { self.verdict() } else { Ok(()) }
    }

    /// Whether the check was asked in this request and knew no answer.
    pub(crate) fn could_not_tell(&self) -> bool {
        self.inner.checked.get() == Some(&Validity::Unknown)
    }

    /// When the check last said that the session holds; now, if it was this request.
    pub(crate) fn validated_at(&self, alive: &Alive<T>) -> UnixTime {
        match self.inner.checked.get() {
            Some(Validity::Holds) => self.now().max(alive.validated_at),
            _ => alive.validated_at,
        }
    }
}
