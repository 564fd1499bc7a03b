//! Facts about a session.

use crate::keys::key::KeyId;
use crate::session::refusal::Refusal;
use crate::time::UnixTime;
use crate::token::id::SessionId;

/// Facts about a valid session, for display, logs and decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The session's id. It changes when the user reauthenticates or ends the other sessions.
    pub id: SessionId,
    /// The id under which the session started. It does not change, so use it to look up data that
    /// a server stores for the session, such as an entry in a list of devices.
    pub origin: SessionId,
    /// Whether the session is read from another library's token in each request
    /// ([`while_old_servers_run`](crate::session::OldCookie::while_old_servers_run)). If so, its
    /// ids are valid only in this request.
    pub borrowed: bool,
    /// Whether the user asked to stay signed in
    /// ([`Start::remembered`](crate::session::Start::remembered)).
    pub remembered: bool,
    /// Whether the session is bound to the device of the browser
    /// ([`device_bound`](crate::session::SessionsBuilder)). Copies of its tokens work only until
    /// [`proof_expires_at`](Info::proof_expires_at).
    pub bound: bool,
    /// When the last proof of a bound session stops counting. From then on, copies of its tokens
    /// are worthless. `None` if the session is not bound.
    pub proof_expires_at: Option<UnixTime>,
    /// When the user signed in.
    pub started_at: UnixTime,
    /// When the user last signed in or reauthenticated. This is 1970 if the session was adopted
    /// from another library and the time of its sign-in is not known.
    pub reauthenticated_at: UnixTime,
    /// The last activity that was recorded before this request.
    pub last_seen: UnixTime,
    /// When the session ends without further activity.
    pub idle_expires_at: UnixTime,
    /// When the session ends even with activity.
    pub expires_at: UnixTime,
    /// The key with which the state is sealed.
    pub key_id: KeyId,
    /// The length of the state token in characters.
    pub token_len: usize,
}

/// Whether a request has a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// The request carries no token.
    Absent,
    /// The request carries tokens, but its session is refused, or a page on another origin sent
    /// the request.
    Refused(Refusal),
    /// The request has a valid session, or started one.
    Alive,
    /// The request ended its session.
    Ended,
}
