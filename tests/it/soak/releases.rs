//! Which states do the two releases have, and what can a handler do with a session?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bulla::session::{Channel, Info, Start};
use bulla::transport::Line;
use bulla::{
    Bearer, Cookie, Payload, Policy, Revocations, RingHandle, Session, SessionError, Sessions,
    UnixTime,
};
use serde::{Deserialize, Serialize};

use super::{ABSOLUTE, IDLE};
use crate::support::{Client, secs};

/// The state of the older release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "soak.example/session")]
pub(super) struct Before {
    account: u64,
    mark: u64,
}

/// The state of the newer release, which has one more field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "soak.example/session", version = 2, previous = Before)]
pub(super) struct After {
    account: u64,
    mark: u64,
    note: String,
}

impl From<Before> for After {
    fn from(old: Before) -> After {
        After { account: old.account, mark: old.mark, note: "upgraded".to_owned() }
    }
}

/// The state of either release. It names its account. `mark` is the number of the change that wrote
/// the state, so no two changes write the same one.
pub(super) trait State: Payload {
    fn new(account: u64, mark: u64) -> Self;
    fn account(&self) -> u64;
    fn mark(&self) -> u64;
    fn set_mark(&mut self, mark: u64);
}

impl State for Before {
    fn new(account: u64, mark: u64) -> Before {
        Before { account, mark }
    }

    fn account(&self) -> u64 {
        self.account
    }

    fn mark(&self) -> u64 {
        self.mark
    }

    fn set_mark(&mut self, mark: u64) {
        self.mark = mark;
    }
}

impl State for After {
    fn new(account: u64, mark: u64) -> After {
        After { account, mark, note: "x".repeat(mark as usize % 700) }
    }

    fn account(&self) -> u64 {
        self.account
    }

    fn mark(&self) -> u64 {
        self.mark
    }

    fn set_mark(&mut self, mark: u64) {
        self.mark = mark;
    }
}

/// What a handler does with its session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Act {
    /// Reads the session.
    Look,
    /// Reads the session without counting as activity.
    Poll,
    Change,
    Reauthenticate,
    SignIn,
    SignOut,
    SignOutEverywhere,
    SignOutOthers,
}

/// A session of either release.
pub(super) trait Open {
    /// The account and the number of the change in the state.
    fn read(&self) -> Option<(u64, u64)>;
    fn act(&self, act: Act, account: u64, mark: u64, over: Channel) -> Result<(), SessionError>;
    fn facts(&self) -> Option<Info>;
    /// Discards the changes, as if the handler had failed.
    fn fail(&self);
    /// The header lines of the response.
    fn leave(&self) -> Vec<Line>;
}

impl<T: State> Open for Session<T> {
    fn read(&self) -> Option<(u64, u64)> {
        self.get().map(|state| (state.account(), state.mark()))
    }

    fn act(&self, act: Act, account: u64, mark: u64, over: Channel) -> Result<(), SessionError> {
        match act {
            Act::Look => Ok(()),
            Act::Poll => {
                self.ignore_activity();
                Ok(())
            }
            Act::Change => self.update(|state| state.set_mark(mark)),
            Act::Reauthenticate => self.reauthenticated(),
            Act::SignIn => self.start_with(T::new(account, mark), Start::new().over(over)),
            Act::SignOut => self.end(),
            Act::SignOutEverywhere => self.end_everywhere(),
            Act::SignOutOthers => self.end_others(),
        }
    }

    fn facts(&self) -> Option<Info> {
        self.info()
    }

    fn fail(&self) {
        self.discard_changes();
    }

    fn leave(&self) -> Vec<Line> {
        self.commit().into_iter().collect()
    }
}

/// The sessions of a server, with the state of its release.
pub(super) enum Release {
    Older(Sessions<Before>),
    Newer(Sessions<After>),
}

impl Release {
    pub(super) fn schema(&self) -> u32 {
        match self {
            Release::Older(_) => Before::VERSION,
            Release::Newer(_) => After::VERSION,
        }
    }

    pub(super) fn send(&self, client: &Client) -> Box<dyn Open> {
        match self {
            Release::Older(sessions) => Box::new(client.send_now(sessions)),
            Release::Newer(sessions) => Box::new(client.send_now(sessions)),
        }
    }
}

pub(super) fn sessions<T: State>(
    ring: &RingHandle,
    clock: &Arc<AtomicU64>,
    list: &Revocations,
) -> Sessions<T> {
    let clock = Arc::clone(clock);
    Sessions::builder(ring, Policy::new(secs(IDLE), secs(ABSOLUTE)))
        .cookie(Cookie::default())
        .bearer(Bearer::default())
        .revocations(list)
        .subject(|state: &T| state.account().to_string())
        .clock(move || UnixTime::from_secs(clock.load(Relaxed)))
        .build()
}
