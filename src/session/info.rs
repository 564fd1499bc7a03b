//! Facts about a session.

use crate::keys::key::KeyId;
use crate::session::judge::Refusal;
use crate::time::UnixTime;
use crate::token::id::SessionId;

/// Facts about a living session, for display, logs and decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The session's id, which changes when the user reauthenticates.
    pub id: SessionId,
    /// The id under which the session started. It does not change, so use it to look up data that
    /// a server stores for the session, such as an entry in a list of devices.
    pub origin: SessionId,
    /// The session is read from another library's token in each request
    /// ([`while_old_servers_run`](crate::session::OldCookie::while_old_servers_run)). Its ids are
    /// valid only in this request.
    pub borrowed: bool,
    /// When the user signed in.
    pub started_at: UnixTime,
    /// When the user last signed in or reauthenticated. 1970 for a session that was adopted without
    /// the time of its sign-in.
    pub reauthenticated_at: UnixTime,
    /// The last activity that was recorded before this request.
    pub last_seen: UnixTime,
    /// When the session ends without further activity.
    pub idle_expires_at: UnixTime,
    /// When the session ends even with activity.
    pub expires_at: UnixTime,
    /// The key of the token that has the state.
    pub key_id: KeyId,
    /// Characters of that token.
    pub token_len: usize,
}

/// Whether a request has a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// The request carries no token.
    Absent,
    /// The request carries tokens, but its session is refused.
    Refused(Refusal),
    /// The request has a living session, or started one.
    Alive,
    /// The request ended its session.
    Ended,
}
