//! Why a session is refused, and what happens to its tokens then.

use std::fmt;

use crate::token::error::OpenError;
use crate::token::id::SessionId;

/// Why a session is refused although the request carries tokens.
///
/// The reason is for logs and metrics. Do not tell it to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The state token could not be opened.
    Token(OpenError),
    /// The session was revoked (see [`Revocations`](crate::Revocations)).
    Revoked,
    /// The absolute timeout or the ceiling has passed.
    AbsoluteTimeout,
    /// There was no activity for the idle timeout.
    IdleTimeout,
    /// The state token is past the idle timeout, and this server cannot open the renewal token,
    /// which may record later activity.
    UnknownActivity,
    /// The application's check ([`revalidate`](crate::session::SessionsBuilder::revalidate))
    /// returned [`Over`](crate::session::Validity::Over).
    Invalidated,
    /// The application's check is due, but did not run in this request or returned
    /// [`Unknown`](crate::session::Validity::Unknown). See
    /// [`Session::revalidate`](crate::Session::revalidate).
    NotRevalidated,
    /// A page on another origin sent the request, so its cookies were not read. The request may
    /// have no session at all. See
    /// [cross-origin requests](crate::Sessions#cross-origin-requests).
    CrossOrigin,
    /// The session is bound to a device, and the last proof of that device is too old. Either the
    /// client is about to send a new one, or the tokens were copied to another device.
    ProofDue,
    /// The proof in the request is wrong, or a bound session came without the scheme `DPoP` (see
    /// [`Dpop`](crate::session::SessionsBuilder)). The event
    /// [`ProofRefused`](crate::session::Event) says why.
    ProofRefused,
    /// The store of used proofs failed, so this server cannot tell whether the proof in the request
    /// was used before.
    ProofUnchecked,
    /// The session is not bound to a device, and the application [requires
    /// it](crate::session::DeviceBound::require_after).
    NotBound,
}

impl Refusal {
    /// Whether another server, or this server in another request, might accept the session. This is
    /// the case if, for example, this server does not know the token's key or schema version, the
    /// application's check could not decide, or a page on another origin sent the request.
    ///
    /// bulla leaves such tokens alone: it neither uses them nor deletes them from the client.
    /// Otherwise users would be signed out during a rolling deploy, in which some servers have a
    /// newer ring or schema.
    ///
    /// If no server can accept the tokens, the response deletes them. After a timeout, they are
    /// kept for another 60 seconds ([`CLOCK_SKEW`](crate::token::CLOCK_SKEW)), because another server's clock may be behind
    /// or a concurrent response may be renewing the session.
    #[must_use]
    pub fn may_be_valid_elsewhere(&self) -> bool {
        match self {
            Refusal::Token(error) => error.may_be_valid_elsewhere(),
            Refusal::UnknownActivity
            | Refusal::NotRevalidated
            | Refusal::CrossOrigin
            | Refusal::ProofDue
            | Refusal::ProofRefused
            | Refusal::ProofUnchecked
            | Refusal::NotBound => true,
            Refusal::Revoked
            | Refusal::AbsoluteTimeout
            | Refusal::IdleTimeout
            | Refusal::Invalidated => false,
        }
    }

    pub(crate) fn fate(&self) -> Fate {
        if self.may_be_valid_elsewhere() { Fate::LeftAlone } else { Fate::Cleared }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Token(error) => error.fmt(f),
            Refusal::Revoked => f.write_str("the session was revoked"),
            Refusal::AbsoluteTimeout => f.write_str("the absolute timeout has passed"),
            Refusal::IdleTimeout => f.write_str("the idle timeout has passed"),
            Refusal::UnknownActivity => {
                f.write_str("this server cannot open the renewal token that has the last activity")
            }
            Refusal::Invalidated => {
                f.write_str("the application's check says that the session is over")
            }
            Refusal::NotRevalidated => {
                f.write_str("the application's check is due, but did not run or could not decide")
            }
            Refusal::CrossOrigin => f.write_str(
                "a page on another origin sent the request, or a proxy changed the header Host",
            ),
            Refusal::ProofDue => {
                f.write_str("the last proof of the device that has the session is too old")
            }
            Refusal::ProofRefused => f.write_str("the proof in the request is wrong"),
            Refusal::ProofUnchecked => f.write_str("the store of used proofs failed"),
            Refusal::NotBound => f.write_str("the session is not bound to a device"),
        }
    }
}

/// The tokens of a request whose session is refused.
#[derive(Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) fate: Fate,
    /// The id under which the session started, if its state token is authentic, and if the session
    /// may end without a proof. If the handler ends the session, this id is revoked, because another
    /// server may still accept the session.
    pub(crate) origin: Option<SessionId>,
}

impl From<(Refusal, Fate)> for Refused {
    fn from((refusal, fate): (Refusal, Fate)) -> Refused {
        Refused { refusal, fate, origin: None }
    }
}

/// What happens to the tokens of a refused session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The tokens are deleted, because no server accepts them.
    Cleared,
    /// The tokens are kept, because another server may accept them.
    LeftAlone,
}
