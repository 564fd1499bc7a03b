//! How does a server handle a request?

use std::collections::BTreeMap;

use bulla::revocation::Revocation;
use bulla::session::{Channel, Info};
use bulla::{SealError, SessionError};

use super::device::{Device, Meta};
use super::fleet::Fleet;
use super::model::Verdict;
use super::queue::Event;
use super::releases::{Act, Open};
use super::{DELAY, SERVERS, SKEW};
use crate::support::T0;

/// A request that has no response yet.
pub(super) struct Request {
    /// The client that gets the response. `None` for a request of an attacker.
    pub(super) device: Option<usize>,
    pub(super) server: usize,
    /// The server's number of restarts when the request began.
    pub(super) run: u64,
    /// When the request began, by the server's clock.
    pub(super) begun: u64,
    pub(super) session: Box<dyn Open>,
    pub(super) act: Act,
    /// Whether the handler fails.
    pub(super) fails: bool,
    /// The model's notes on the tokens of the request's session.
    pub(super) carried: (Option<Meta>, Option<Meta>),
    /// The notes on all tokens of the request, including a renewal token of another session.
    pub(super) notes: BTreeMap<String, Meta>,
    /// Whether the state token is not genuine or in the wrong place.
    pub(super) forged: bool,
    /// Whether the request comes from a bearer client and carries no renewal token. In this case,
    /// the session is renewed in the state token.
    pub(super) alone: bool,
    /// The session before the handler ran. `None` if there was no session.
    pub(super) had: Option<Info>,
    /// The note on the state token that the handler wrote. `None` if it wrote none.
    pub(super) written: Option<Meta>,
    /// Whether the handler ended the session.
    pub(super) ended: bool,
}

impl Fleet {
    /// A server receives a request, checks it against the model and runs its handler.
    pub(super) fn request(&mut self, sent: &Device, device: Option<usize>, act: Act, forged: bool) {
        let server = self.dice.index(SERVERS);
        let clock = self.servers[server].set_clock(self.now);
        let carried = sent.carried();
        self.count("requests");
        let session = self.servers[server].release.send(&sent.client);

        let mut verdict = self.verdict(server, clock, carried);
        if forged {
            verdict = Verdict::Over;
        } else if device.is_none() && verdict == Verdict::Lives {
            // No client renews a stolen copy, so the ring may no longer have its keys.
            let (state, renewal) = carried;
            let opens = |token: Meta| self.opens(server, clock, token.key);
            if !state.is_some_and(opens) || !renewal.is_none_or(opens) {
                verdict = Verdict::Either;
            }
        }
        let read = session.read();
        let tell = |fleet: &Fleet| {
            format!(
                "{act:?} at {} s of server {server} (clock {}, schema {}): {carried:?}",
                fleet.now - T0.as_secs(),
                clock as i64 - T0.as_secs() as i64,
                fleet.servers[server].release.schema(),
            )
        };
        match (verdict, read) {
            (Verdict::Lives, None) => panic!("a live session was refused: {}", tell(self)),
            (Verdict::Over, Some(_)) => {
                panic!("a session that must be refused was accepted: {}", tell(self))
            }
            (_, None) => self.count("  without a session"),
            (_, Some((account, mark))) => {
                let state = carried.0.expect("the request carries a state token");
                assert_eq!((account, mark), (state.account, state.mark), "{}", tell(self));
                self.count("  with a session");
            }
        }
        let had = session.facts();

        self.marks += 1;
        let mark = self.marks;
        let account = device.map_or(0, |device| self.accounts[device]);
        let lacks = self.switch.is_some() && self.dice.once_in(25);
        let done = self.without_randomness(lacks, || session.act(act, account, mark, sent.channel));
        let written = match done {
            Ok(()) => self.written(server, act, mark, carried.0, &*session),
            Err(SessionError::Seal(SealError::Random)) => {
                assert!(lacks);
                self.count("fault: a change without randomness");
                assert_eq!(
                    session.read(),
                    read,
                    "a change without randomness changed the session: {}",
                    tell(self)
                );
                None
            }
            Err(SessionError::NoSession) => {
                assert!(read.is_none() && !matches!(act, Act::SignIn | Act::SignOut));
                None
            }
            Err(SessionError::NotNow) => {
                let (before, _) = carried.0.and_then(|state| state.ended_others).unwrap();
                assert!(act == Act::SignOutOthers && before > clock + SKEW, "{}", tell(self));
                self.count("others that were ended too soon after the last time");
                None
            }
            Err(error) => panic!("{error}: {}", tell(self)),
        };
        let ended = done.is_ok() && matches!(act, Act::SignOut | Act::SignOutEverywhere);
        let genuine = carried.0.filter(|_| !forged);
        self.spread(server, act, genuine, had.is_some(), done.is_ok());

        let fails = self.dice.once_in(20);
        let run = self.servers[server].run;
        let request = Request {
            device,
            server,
            run,
            begun: clock,
            session,
            act,
            fails,
            carried,
            notes: sent.notes.clone(),
            forged,
            alone: sent.channel == Channel::Bearer
                && !sent.client.kept.contains_key("session-renewal"),
            had,
            written,
            ended,
        };
        let takes = self.dice.between(0, DELAY);
        self.after(takes, Event::Answer(Box::new(request)));
    }

    /// The model's note on the state token that a handler has written.
    fn written(
        &self,
        server: usize,
        act: Act,
        mark: u64,
        old: Option<Meta>,
        session: &dyn Open,
    ) -> Option<Meta> {
        let (changes, serial) = match act {
            Act::SignIn => (true, mark),
            Act::Change => (true, old?.serial),
            Act::Reauthenticate | Act::SignOutOthers => (false, old?.serial),
            Act::Look | Act::Poll | Act::SignOut | Act::SignOutEverywhere => return None,
        };
        let ended_others = match (act, self.servers[server].spreads.lock().unwrap().last()) {
            (Act::SignIn, _) => None,
            (
                Act::SignOutOthers,
                Some(Revocation::Subject { before, except: Some(except), .. }),
            ) => Some((before.as_secs(), except.mark)),
            _ => old?.ended_others,
        };
        let info = session.facts().expect("the handler wrote a session");
        let (account, read) = session.read().expect("the handler wrote a session");
        assert_eq!(read, if changes { mark } else { old?.mark });
        // `note` fills in the schema version and the times when the token leaves.
        Some(Meta {
            serial,
            id: info.id,
            account,
            mark: read,
            schema: 0,
            key: info.key_id,
            started_at: info.started_at.as_secs(),
            expires_at: info.expires_at.as_secs(),
            issued: (0, 0),
            ended_others,
            follows: match act {
                Act::SignIn => {
                    self.servers[server].told.followed(account, info.started_at.as_secs())
                }
                _ => old?.follows,
            },
        })
    }
}
