//! Must a request have a session, and may its tokens be deleted?

use super::device::Meta;
use super::fleet::Fleet;
use super::requests::Request;
use super::{IDLE, MARGIN, SKEW};

/// Whether a request must have a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It must have one.
    Lives,
    /// It must have none.
    Over,
    /// It may have one.
    Either,
}

impl Fleet {
    /// Whether a request with these tokens must have a session on a server, by the server's clock.
    pub(super) fn verdict(
        &self,
        server: usize,
        clock: u64,
        carried: (Option<Meta>, Option<Meta>),
    ) -> Verdict {
        let (Some(state), renewal) = carried else { return Verdict::Over };
        let server = &self.servers[server];
        let issued = |of: fn((u64, u64)) -> u64| {
            renewal.map_or(0, |renewal| of(renewal.issued)).max(of(state.issued))
        };
        if server.told.ends(&state)
            || clock >= state.expires_at
            || state.schema > server.release.schema()
            || clock >= issued(|(_, last)| last) + IDLE
        {
            return Verdict::Over;
        }
        if clock + MARGIN < issued(|(first, _)| first) + IDLE {
            Verdict::Lives
        } else {
            Verdict::Either
        }
    }

    /// Checks that the session whose tokens a response deletes is revoked, or has expired by every
    /// server's clock.
    pub(super) fn check_dead(&self, request: &Request) {
        let (state, renewal) = request.carried;
        if request.forged {
            return;
        }
        let state = state.expect("the request carries a state token");
        let last = renewal.map_or(0, |renewal| renewal.issued.0).max(state.issued.0);
        assert!(
            self.servers[request.server].told.ends(&state)
                || request.begun >= state.expires_at + SKEW
                || request.begun >= last + IDLE + SKEW,
            "the tokens of a live session were deleted: {:?} {:?}",
            request.begun,
            request.carried
        );
    }
}
