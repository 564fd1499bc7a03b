//! What a session tells about itself.

use crate::keys::key::KeyId;
use crate::session::judge::Refusal;
use crate::time::UnixTime;
use crate::token::id::SessionId;

/// Facts about a living session, for display, logs and decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The session's id.
    pub id: SessionId,
    /// The id under which it started: it stays when the session gets another.
    /// What a server keeps of a session is looked up by it, be it data or a
    /// line in a list of devices.
    pub origin: SessionId,
    /// It is another library's, read from its own token in each request
    /// ([`while_old_servers_run`](crate::session::OldCookie::while_old_servers_run)): its ids are this request's.
    pub borrowed: bool,
    /// When the user signed in. After a revocation, or after ending the others, it is
    /// later than that, and up to a few minutes ahead.
    pub started_at: UnixTime,
    /// When the user last proved who they are.
    pub reauthenticated_at: UnixTime,
    /// The last activity on record, before this request.
    pub last_seen: UnixTime,
    /// When the session ends if nothing more is seen of it.
    pub idle_expires_at: UnixTime,
    /// When the session ends whatever happens.
    pub expires_at: UnixTime,
    /// The key of the token that holds the state.
    pub key_id: KeyId,
    /// Characters of that token.
    pub token_len: usize,
}

/// Whether a request has a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It carries no token.
    Absent,
    /// It carries tokens that make no session here.
    Refused(Refusal),
    /// It has a living session, or started one.
    Alive,
    /// It ended its session.
    Ended,
}
