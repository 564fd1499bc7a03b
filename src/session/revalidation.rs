//! Asking the application's check whether a session is still valid.

use std::sync::Arc;

use crate::session::about::{Check, Validity};
use crate::session::event::Event;
use crate::session::judge::{Alive, Judged};
use crate::session::refusal::Refusal;
use crate::session::session::Session;
use crate::time::UnixTime;
use crate::token::payload::Payload;

impl<T: Payload> Session<T> {
    /// Runs the application's [check](crate::session::SessionsBuilder::revalidate), if it is due
    /// and has not run in this request.
    ///
    /// The extractors of the adapters call this method. Other code must call it before it reads the
    /// session. If the check is due and has not run, the request has no session
    /// ([`Refusal::NotRevalidated`]). Without a check, this method does nothing.
    pub async fn revalidate(&self) {
        let Some(check) = &self.inner.about.check else { return };
        if self.inner.checked.get().is_some() {
            return;
        }
        if matches!(self.judged(), Judged::Alive(alive) if self.validity(alive).is_ok()) {
            return;
        }
        let Some(state) = self.to_check() else { return };
        match check {
            Check::Asks(check) => self.answered(check(state).await),
            Check::Loads(loader) => drop(self.load(loader, state).await),
        }
    }

    /// The state for the application's check. `None` if the request carries no session.
    pub(crate) fn to_check(&self) -> Option<Arc<T>> {
        match self.judged() {
            Judged::Alive(alive) => self.proven(alive).is_ok().then(|| Arc::clone(&alive.state)),
            Judged::Absent | Judged::Refused(_) => {
                self.adopted().map(|written| Arc::clone(&written.state))
            }
        }
    }

    /// Records the result of the application's check for this request.
    pub(crate) fn answered(&self, validity: Validity) {
        if self.inner.checked.set(validity).is_ok()
            && let Err(refusal) = self.verdict()
        {
            self.inner.shared.emit(Event::Refused(refusal));
        }
    }

    /// Whether the check accepts the session, judged only by its result in this request. If the
    /// check has not run in this request, the session is refused. If there is no check, every
    /// session is accepted.
    ///
    /// A session that this request adopts from another library is always judged in this way,
    /// because it is not known when its check last ran. So the check must run in every request that
    /// adopts the session.
    pub(crate) fn verdict(&self) -> Result<(), Refusal> {
        match (&self.inner.about.check, self.inner.checked.get()) {
            (None, _) | (_, Some(Validity::Holds)) => Ok(()),
            (_, Some(Validity::Over)) => Err(Refusal::Invalidated),
            (_, Some(Validity::Unknown) | None) => Err(Refusal::NotRevalidated),
        }
    }

    /// Whether a session whose tokens are alive has a recent proof, if it needs one, and whether
    /// the check accepts it. If the check is not due and has not run in this request, its last
    /// result counts.
    pub(crate) fn validity(&self, alive: &Alive<T>) -> Result<(), Refusal> {
        self.proven(alive)?;
        if self.inner.about.check.is_none() {
            return Ok(());
        }
        // A sign-in or reauthentication counts as a successful check.
        let known_at = alive.validated_at.max(alive.record.reauthenticated_at);
        let due = self.now().since(known_at) >= self.inner.about.revalidate_after;
        if due || self.inner.checked.get().is_some() { self.verdict() } else { Ok(()) }
    }

    /// Whether the check ran in this request and could not decide.
    pub(crate) fn could_not_tell(&self) -> bool {
        self.inner.checked.get() == Some(&Validity::Unknown)
    }

    /// When the check last returned `Holds`. If it did so in this request, this is the time of the
    /// request.
    pub(crate) fn validated_at(&self, alive: &Alive<T>) -> UnixTime {
        match self.inner.checked.get() {
            Some(Validity::Holds) => self.now().max(alive.validated_at),
            _ => alive.validated_at,
        }
    }
}
