//! What of a session leaves with the response.

use crate::session::answer::{self, Beside};
use crate::session::event::Event;
use crate::session::judge::{Alive, Fate, Judged};
use crate::session::migration::Moment;
use crate::session::pending::{Activity, Change, Kind, Response, Written};
use crate::session::record::Record;
use crate::session::session::{Clock, Session};
use crate::session::tokens::Seen;
use crate::time::UnixTime;
use crate::token::payload::Payload;
use crate::transport::bundle::Bundle;

impl<T: Payload> Session<T> {
    /// Forgets the changes of this request, but not that it ended the
    /// session. Adapters call it when the response is a server error: a
    /// handler that fails has changed nothing.
    pub fn discard_changes(&self) {
        let mut pending = self.pending();
        if matches!(pending.change, Change::Written(_)) {
            pending.change = if pending.ended { Change::Ended } else { Change::Untouched };
        }
    }

    /// What the response carries. From here on, changes are refused.
    ///
    /// Renewals that cannot be sealed are left for a later request, and are
    /// an [`Event::NotRenewed`].
    #[must_use]
    pub fn commit(&self) -> Bundle {
        let mut bundle = Bundle::default();
        let (change, activity) = {
            let mut pending = self.pending();
            if pending.response == Response::Sent {
                return bundle;
            }
            pending.response = Response::Sent;
            (pending.change.clone(), pending.activity)
        };
        let shared = &self.inner.shared;
        match (change, self.inner.judged.get()) {
            (Change::Written(written), _) => self.send(&written, &mut bundle),
            (Change::Ended, _) => {
                shared.emit(Event::Ended);
                self.remove_old(Moment::Ended, &mut bundle);
                self.remove(&mut bundle);
            }
            (Change::Untouched, None) => return bundle,
            (Change::Untouched, Some(judged)) => self.send_untouched(judged, activity, &mut bundle),
        }
        if !bundle.is_empty() {
            bundle.no_store();
        }
        bundle.vary(shared.vary());
        bundle
    }

    fn send(&self, written: &Written<T>, bundle: &mut Bundle) {
        let Written { record: Record { id, .. }, tokens, kind, .. } = written;
        let (id, shared, carried) = (*id, &self.inner.shared, &self.inner.carried);
        shared.emit(match kind {
            Kind::Started | Kind::Renamed => Event::Started { id },
            Kind::Changed => Event::Changed { id },
            Kind::Adopted | Kind::Borrowed => Event::Adopted { id },
        });
        if *kind == Kind::Borrowed {
            return;
        }
        if tokens.channel != self.inner.channel && !carried.is_empty() {
            self.remove(bundle);
        }
        // A change leaves the session its last activity, which may be later
        // than this request, but not under a key that is to retire. A copy in
        // it stands for the old state only.
        let beside = match kind {
            Kind::Changed => Beside::Stays,
            _ => self.beside(),
        };
        answer::write(shared, tokens, beside, bundle);
        if let (Kind::Changed, Some(Judged::Alive(alive))) = (kind, self.inner.judged.get()) {
            let seen = Seen { at: self.later(), validated_at: self.validated_at(alive) };
            if let Err(error) = answer::follow(shared, tokens, alive, seen, bundle) {
                shared.emit(Event::NotRenewed(error));
            }
        }
        let moment = if *kind == Kind::Started { Moment::Ended } else { Moment::Adopted };
        self.remove_old(moment, bundle);
    }

    fn send_untouched(&self, judged: &Judged<T>, activity: Activity, bundle: &mut Bundle) {
        let fate = match judged {
            Judged::Alive(alive) => match self.validity(alive) {
                Err(refusal) if !self.could_not_tell() => refusal.fate(),
                // Also when the application could not tell: the user is there,
                // and that must not let the idle timeout run.
                _ => return self.send_alive(alive, activity, bundle),
            },
            Judged::Refused(refused) => refused.fate,
            Judged::Absent => Fate::LeftAlone,
        };
        match fate {
            Fate::Cleared => {
                self.remove_old(Moment::Ended, bundle);
                // As long as there is an old cookie, ours stays to say that the
                // session is over: without it, the old one would be adopted.
                if self.inner.old.is_none() {
                    self.remove(bundle);
                }
            }
            Fate::LeftAlone => {
                if let Some(written) = self.adopted_and_holds() {
                    self.send(&written, bundle);
                }
            }
        }
    }

    fn send_alive(&self, alive: &Alive<T>, activity: Activity, bundle: &mut Bundle) {
        // A request in the background could put an older time, or an older
        // copy, over that of one which does count.
        if activity == Activity::Counts {
            let (shared, channel) = (&self.inner.shared, self.inner.channel);
            let seen = Seen { at: self.now(), validated_at: self.validated_at(alive) };
            match answer::renew(shared, channel, alive, seen, || self.later(), bundle) {
                Ok(()) if bundle.is_empty() => {}
                Ok(()) => shared.emit(Event::Renewed { id: alive.record.id }),
                Err(error) => shared.emit(Event::NotRenewed(error)),
            }
        }
        self.remove_old(Moment::Adopted, bundle);
    }

    fn remove(&self, bundle: &mut Bundle) {
        answer::remove(&self.inner.shared, self.inner.channel, self.beside(), bundle);
    }

    /// A renewal token goes with its session, and with the beginning of another.
    fn beside(&self) -> Beside {
        if self.inner.carried.renewals.is_empty() { Beside::Stays } else { Beside::Goes }
    }

    /// The time now, and not when the request was looked at first.
    fn later(&self) -> UnixTime {
        match self.inner.clock {
            Clock::Runs => (self.inner.shared.clock)().max(self.now()),
            Clock::StandsStill => self.now(),
        }
    }

    fn remove_old(&self, moment: Moment, bundle: &mut Bundle) {
        if let Some(old) = &self.inner.old {
            old.remove(&self.inner.shared, moment, bundle);
        }
    }
}
