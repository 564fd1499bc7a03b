//! The closing half of a session's state machine: decides what the response does with the session
//! (write, renew, delete or nothing).
//!
//! `judge` is the opening half. `answer` writes the header lines.

use crate::session::answer::{self, Beside};
use crate::session::carried::Place;
use crate::session::event::Event;
use crate::session::judge::{Alive, Judged};
use crate::session::migration::Moment;
use crate::session::pending::{Activity, Change, Kind, Response, Written};
use crate::session::refusal::{Fate, Refusal, Refused};
use crate::session::session::{Clock, Session};
use crate::session::shared::Channel;
use crate::session::tokens::Seen;
use crate::time::UnixTime;
use crate::token::id::SessionId;
use crate::token::payload::Payload;
use crate::transport::bundle::Bundle;

impl<T: Payload> Session<T> {
    /// Discards the changes of this request. If the request ended its session, the session stays
    /// ended.
    ///
    /// Adapters call this if the response is a server error, so that a failed handler does not
    /// change the session.
    pub fn discard_changes(&self) {
        let mut pending = self.pending();
        if matches!(pending.change, Change::Written(_)) {
            pending.change = if pending.ended { Change::Ended } else { Change::Untouched };
        }
    }

    /// Returns the header lines for the response. After this call, changes fail with
    /// [`SessionError::ResponseSent`](crate::SessionError::ResponseSent).
    ///
    /// If the renewal token, which records the last activity, cannot be sealed, the response is
    /// built without it and [`Event::NotRenewed`] is emitted. A later request tries again.
    #[must_use]
    pub fn commit(&self) -> Bundle {
        let mut bundle = Bundle::default();
        let (change, activity, ended) = {
            let mut pending = self.pending();
            if pending.response == Response::Sent {
                return bundle;
            }
            pending.response = Response::Sent;
            (pending.change.clone(), pending.activity, pending.ended)
        };
        let shared = &self.inner.shared;
        if ended {
            shared.emit(Event::Ended { origin: self.judged_origin() });
        }
        match (&change, self.inner.judged.get()) {
            (Change::Written(written), _) => self.send(written, &mut bundle),
            (Change::Ended, _) => {
                self.remove_old(Moment::Ended, &mut bundle);
                self.end_binding(&mut bundle);
                self.remove(&mut bundle);
            }
            (Change::Untouched, None) if !self.wants_challenge() => return bundle,
            (Change::Untouched, None) => {}
            (Change::Untouched, Some(judged)) => self.send_untouched(judged, activity, &mut bundle),
        }
        self.give_challenge(&change, &mut bundle);
        if !bundle.is_empty() {
            bundle.no_store();
        }
        bundle.vary(shared.vary());
        bundle
    }

    fn send(&self, written: &Written<T>, bundle: &mut Bundle) {
        let Written { record, tokens, kind, .. } = written;
        let (shared, carried) = (&self.inner.shared, &self.inner.carried);
        let (id, origin) = (record.id, record.first_id());
        shared.emit(match kind {
            Kind::Started => Event::Started { id, origin },
            Kind::Renamed => Event::Renamed { id, origin },
            Kind::Changed => Event::Changed { id, origin },
            Kind::Adopted | Kind::Borrowed => Event::Adopted { id, origin },
        });
        if *kind == Kind::Borrowed {
            return;
        }
        if *kind == Kind::Started && record.bound.is_some() {
            shared.emit(Event::Bound { id, origin });
        }
        if tokens.channel != self.inner.channel && !carried.is_empty() {
            self.remove(bundle);
        }
        // A change of the state keeps the client's renewal token, because a concurrent request may
        // have recorded later activity in it. `answer::follow` replaces this token if it is invalid
        // or was not made with the primary key. If the token holds a copy of the old state token,
        // the copy is not used for the new one.
        let beside = match kind {
            Kind::Changed => Beside::Stays,
            _ => self.beside(),
        };
        answer::write(shared, tokens, beside, bundle);
        if matches!(kind, Kind::Started | Kind::Adopted) {
            self.end_binding(bundle);
        }
        // Only a user who has just proved who they are may bind the session. If every response made
        // the offer, a thief could bind a copy of the session.
        if *kind != Kind::Changed && tokens.channel == Channel::Cookie {
            self.offer_binding(&written.record, written.expires_at, bundle);
        }
        if let (Kind::Changed, Some(Judged::Alive(alive))) = (kind, self.inner.judged.get()) {
            let seen = self.seen(alive, self.later());
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
                Err(Refusal::ProofDue) => {
                    self.ask_for_proof(bundle);
                    Fate::LeftAlone
                }
                Err(refusal) if !self.could_not_tell() => refusal.fate(),
                // If the check could not decide, activity is still recorded, because the user is
                // active and must not run into the idle timeout.
                _ => return self.send_alive(alive, activity, bundle),
            },
            Judged::Refused(refused) => refused.fate,
            Judged::Absent => Fate::LeftAlone,
        };
        match fate {
            Fate::Cleared => {
                self.remove_old(Moment::Ended, bundle);
                self.end_binding(bundle);
                // If the client still sends the old library's cookie, bulla's cookie is kept,
                // because it shows that the session is over. Without bulla's cookie, the session in
                // the old cookie would be adopted again.
                if self.inner.old.is_none() {
                    self.clear(bundle);
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
        let (shared, channel) = (&self.inner.shared, self.inner.channel);
        let seen = self.seen(alive, self.now());
        let renewed = match activity {
            Activity::Counts => {
                answer::renew(shared, channel, alive, seen, || self.later(), bundle)
            }
            // A background request records no activity. Its renewal token could replace one that a
            // concurrent request has just written, with a newer time of activity or a newer copy of
            // the state token.
            // So it records a proof only if one was due.
            Activity::Ignored if answer::has_new_proof(alive, &seen) && self.needs_proof(alive) => {
                answer::prove(shared, channel, alive, Seen { at: alive.last_seen, ..seen }, bundle)
            }
            Activity::Ignored => Ok(()),
        };
        match renewed {
            Ok(()) if bundle.is_empty() => {}
            Ok(()) => {
                let (id, origin) = (alive.record.id, alive.record.first_id());
                shared.emit(Event::Renewed { id, origin });
            }
            Err(error) => shared.emit(Event::NotRenewed(error)),
        }
        self.remove_old(Moment::Adopted, bundle);
    }

    /// The first id of the session of this request, if its tokens were opened.
    fn judged_origin(&self) -> Option<SessionId> {
        match self.inner.judged.get()? {
            Judged::Alive(Alive { record, .. }) => Some(record.first_id()),
            Judged::Refused(Refused { origin, .. }) => *origin,
            Judged::Absent => None,
        }
    }

    /// What a renewal token records if the session was active at `at`.
    fn seen(&self, alive: &Alive<T>, at: UnixTime) -> Seen {
        let proof = self.proof_of(alive);
        Seen { at, sealed_at: at, validated_at: self.validated_at(alive), proof }
    }

    fn remove(&self, bundle: &mut Bundle) {
        answer::remove(&self.inner.shared, self.inner.channel, self.beside(), bundle);
    }

    /// Deletes the tokens of a refused session. If they are in a former cookie, the new cookie is
    /// kept, because a concurrent sign-in may just have written it.
    fn clear(&self, bundle: &mut Bundle) {
        match (self.inner.carried.place, &self.inner.shared.cookie) {
            (Place::Former(_), Some((cookie, _))) => answer::remove_former(cookie, bundle),
            _ => self.remove(bundle),
        }
    }

    /// What happens to the client's renewal token if its session ends or is replaced. If the
    /// session is in a former cookie, it is not known whether the new cookie has a renewal token.
    /// The response then deletes it in any case.
    fn beside(&self) -> Beside {
        let carried = &self.inner.carried;
        let none = carried.renewals.is_empty() && carried.place == Place::Current;
        if none { Beside::Stays } else { Beside::Goes }
    }

    /// The time at which the response is built, which may be after [`Session::now`].
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
