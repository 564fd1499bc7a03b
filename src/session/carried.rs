//! What a request carries: its tokens, not opened yet, what would make its browser send a proof,
//! and the proof that it has.

use std::sync::OnceLock;

#[cfg(feature = "bound")]
use crate::session::bound_error::BoundError;
#[cfg(feature = "bound")]
use crate::session::error::SessionError;
#[cfg(feature = "bound")]
use crate::session::record::Proof;
use crate::session::refusal::Refusal;
use crate::time::UnixTime;
use crate::token::wire::Mode;
use crate::transport::bearer::Scheme;
use crate::transport::pieces::is_piece;

/// The tokens of a request, not opened yet.
#[derive(Default)]
pub(crate) struct Carried {
    pub(crate) states: Vec<Vec<u8>>,
    pub(crate) renewals: Vec<Vec<u8>>,
    pub(crate) place: Place,
    pub(crate) prompt: Prompt,
    /// `None` unless sessions in headers can be bound to a key of the client.
    pub(crate) dpop: Option<Box<Presented>>,
}

/// What makes a browser send a proof for a session that is bound to its device.
///
/// A browser sends a proof before each request that lacks the bound cookie, unless a page on
/// another site sent the request.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// Nothing. If the browser has the key, it should have sent a proof before this request.
    #[default]
    None,
    /// The response must delete the bound cookie, which the request carries.
    DeleteCookie,
    /// The browser must load the page again by itself, because a link on another site led here.
    Reload,
    /// The browser must wait. It tried to send a proof, but could not reach the server or had sent
    /// too many.
    Later,
}

/// Where the tokens of a request were found.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the configured cookie, or in headers.
    #[default]
    Current,
    /// In the [former](crate::Cookie::formerly) cookie with this index. It has another name.
    Former(u8),
}

impl Carried {
    /// Whether a state token looks like one of bulla's, whole or in pieces.
    pub(crate) fn has_ours(&self) -> bool {
        let ours = |token: &Vec<u8>| token.starts_with(Mode::Sealed.prefix()) || is_piece(token);
        self.states.iter().any(ours)
    }

    pub(crate) fn has_scheme(&self, scheme: Scheme) -> bool {
        self.dpop.as_ref().is_some_and(|presented| presented.scheme == Some(scheme))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.states.is_empty() && self.renewals.is_empty()
    }
}

/// What a request says about its sender's key.
pub(crate) struct Presented {
    #[cfg_attr(not(feature = "bound"), expect(dead_code, reason = "proofs are read only with it"))]
    pub(crate) method: String,
    /// The scheme of the tokens. `None` if the request has no tokens in headers.
    pub(crate) scheme: Option<Scheme>,
    /// The values of the header `DPoP`, at most two.
    pub(crate) proofs: Vec<Vec<u8>>,
    #[cfg_attr(not(feature = "bound"), expect(dead_code, reason = "proofs are read only with it"))]
    pub(crate) shown: OnceLock<Shown>,
    /// The path of the request.
    pub(crate) target: OnceLock<String>,
    /// The proof with which a session starts. `None` if the session may start without one.
    #[cfg(feature = "bound")]
    pub(crate) signed_in: OnceLock<Result<Option<Proof>, SessionError>>,
    /// Whether the proof of this request was used before. A request claims its proof once.
    #[cfg(feature = "bound")]
    pub(crate) claimed: OnceLock<Result<(), BoundError>>,
    /// Set if the response must carry a challenge.
    pub(crate) wants_challenge: OnceLock<()>,
}

/// What the proof in a request shows about the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The request has no proof.
    Nothing,
    /// The client had the key of the session at this time, at which the challenge in the proof was
    /// made, or later.
    #[cfg_attr(not(feature = "bound"), expect(dead_code, reason = "proofs are read only with it"))]
    KeyAt(UnixTime),
    /// The request is refused.
    #[cfg_attr(not(feature = "bound"), expect(dead_code, reason = "proofs are read only with it"))]
    Wrong(Refusal),
}

impl Presented {
    pub(crate) fn new(method: &str, scheme: Option<Scheme>, proofs: Vec<Vec<u8>>) -> Presented {
        Presented {
            // Most requests have no proof, and then nothing asks for it.
            method: if proofs.is_empty() { String::new() } else { method.to_owned() },
            scheme,
            proofs,
            shown: OnceLock::new(),
            target: OnceLock::new(),
            #[cfg(feature = "bound")]
            signed_in: OnceLock::new(),
            #[cfg(feature = "bound")]
            claimed: OnceLock::new(),
            wants_challenge: OnceLock::new(),
        }
    }
}
