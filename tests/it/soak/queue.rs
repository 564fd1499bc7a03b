//! Which events are due, and when?

use std::cmp::Reverse;

use bulla::revocation::Revocation;
use bulla::transport::Line;

use super::device::Meta;
use super::fleet::Fleet;
use super::requests::Request;
use super::told::Ended;

/// Something that happens to the fleet.
pub(super) enum Event {
    /// A client sends a request.
    Visit(usize),
    /// A server builds the response to a request.
    Answer(Box<Request>),
    /// A response arrives at a client, late.
    Arrive(usize, Vec<(Line, Option<Meta>)>),
    /// A ring with a new key is published.
    Publish,
    /// A server gets the ring of an index.
    Ring(usize, usize),
    /// A server learns of another's revocation, unless it has restarted since.
    Hear(usize, u64, Revocation, Ended),
    /// A server restarts.
    Restart,
    /// A server's clock is set.
    Step,
    /// A server revokes all sessions of the account, or of a random one.
    RevokeAccount(Option<u64>),
    /// An attacker sends a request.
    Attack,
}

/// An event with its time and its number. The heap pops the earliest first, and events of the same
/// second in the order in which they were queued.
pub(super) struct Queued(pub(super) Reverse<(u64, u64)>, pub(super) Event);

impl PartialEq for Queued {
    fn eq(&self, other: &Queued) -> bool {
        self.0 == other.0
    }
}

impl Eq for Queued {}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Queued) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Queued) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl Fleet {
    /// Queues an event.
    pub(super) fn after(&mut self, seconds: u64, event: Event) {
        self.queued += 1;
        self.queue.push(Queued(Reverse((self.now + seconds, self.queued)), event));
    }
}
