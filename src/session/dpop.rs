//! The settings of sessions that clients without cookies bind to a key (DPoP, RFC 9449).

use std::fmt;
use std::time::Duration;

use crate::keys::handle::RingHandle;
use crate::proof::address;
use crate::session::bindings::{Binding, InHeaders};
use crate::session::challenge::Challenges;
use crate::token::once::{UsedHere, UsedTokens};

/// Settings of sessions that clients without cookies bind to a key, for
/// [`SessionsBuilder::dpop`](crate::session::SessionsBuilder::dpop). The proofs are those of DPoP
/// (RFC 9449) with ES256.
///
/// A mobile client makes a key pair in its hardware. The private key never leaves the device. A
/// session that starts in a request with a proof is bound to the key of this proof. It is then
/// alive only while the last proof is recent. When a proof is due, the server answers with 401 and
/// a challenge, and the client repeats its request with a proof. A thief who copies the tokens can
/// use them only until the last proof is too old. Clients that send no proof have ordinary
/// sessions.
///
/// ```text
/// > POST /sign-in
/// > DPoP: eyJ0eXAi…              the proof, with the public key in it
/// < Session-Token: b1.n6fA…
/// < Session-Renewal: b1.x3kQ…
/// < DPoP-Nonce: b1.Qm2c…         the challenge for the next proof
///
/// > GET /balance
/// > Authorization: DPoP b1.n6fA…
/// > Session-Renewal: b1.x3kQ…
///
/// < 401                          the last proof is too old
/// < WWW-Authenticate: DPoP error="use_dpop_nonce", algs="ES256"
/// < DPoP-Nonce: b1.8sVw…
///
/// > GET /balance
/// > Authorization: DPoP b1.n6fA…
/// > Session-Renewal: b1.x3kQ…
/// > DPoP: eyJ0eXAi…              nonce: b1.8sVw…
/// < Session-Renewal: b1.Zk0e…
/// ```
///
/// ```
/// use bulla::{Bearer, Cookie, KeyRing, Payload, Policy, Sessions};
/// use bulla::session::Dpop;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
///
/// let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
///     .cookie(Cookie::default())   // browsers
///     .bearer(Bearer::default())   // clients without cookies
///     .dpop(Dpop::at("https://api.bank.example")?)
///     .build();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A client may also send a proof with every request, as RFC 9449 describes. A route that must not
/// accept a copy of an earlier request takes [`Proven`](crate::Proven), or calls
/// [`Session::require_proven`](crate::Session::require_proven).
///
/// A proof in a request is always verified: it must be for the method and the address of the request
/// (`htm`, `htu`), name the state token (`ath`) and contain a challenge of this session (`nonce`),
/// and it is accepted once. A proof counts from the time at which its challenge was made, so
/// somebody who has a copy of it gains nothing. At a sign-in, the challenge may be missing if the
/// time of the proof (`iat`) is at most 60 seconds before or after that of the server.
///
/// A request in the scheme `DPoP` needs a proof to [`start`](crate::Session::start) a session again
/// and, with revocations, to [`end`](crate::Session::end) it.
///
/// The state token of a bound session is 44 characters longer, and so is its renewal token. Switch
/// this setting on at all servers before the first session is bound: a server without it leaves
/// bound sessions alone, so their users seem signed out there.
pub struct Dpop {
    addresses: Vec<String>,
    proof_lifetime: Duration,
    require_after: Option<Duration>,
    used: Box<dyn UsedTokens + Send + Sync>,
}

impl Dpop {
    /// Settings for an application that clients reach under `address`, such as
    /// `https://api.bank.example`. A proof names the address of its request, and the application
    /// cannot know it: a proxy may have changed `Host`, the scheme or the beginning of the path.
    ///
    /// The address may have a path. The path of the request, as the application sees it, is
    /// appended.
    ///
    /// # Errors
    /// [`AddressError`] if `address` is not an `http` or `https` address, or if it has a query, a
    /// fragment or a user name.
    pub fn at(address: &str) -> Result<Dpop, AddressError> {
        let settings = Dpop {
            addresses: Vec::new(),
            proof_lifetime: Duration::from_secs(10 * 60),
            require_after: None,
            used: Box::new(UsedHere::new()),
        };
        settings.and_at(address)
    }

    /// Adds another address under which clients reach the application.
    ///
    /// # Errors
    /// The same as for [`at`](Dpop::at).
    pub fn and_at(mut self, address: &str) -> Result<Dpop, AddressError> {
        if !address::is_address(address) || address.contains(['?', '#']) {
            return Err(AddressError);
        }
        self.addresses.push(address.trim_end_matches('/').to_owned());
        Ok(self)
    }

    /// Sets how long a proof counts. The default is 10 minutes. Copies of the tokens are worthless
    /// after this time.
    ///
    /// # Panics
    /// If `lifetime` is shorter than 10 seconds. The clocks of two servers may differ by a minute,
    /// so use lifetimes below 5 minutes only in tests.
    #[must_use]
    pub fn with_proof_lifetime(mut self, lifetime: Duration) -> Dpop {
        assert!(lifetime.as_secs() >= 10, "the proof lifetime must be at least 10 seconds");
        self.proof_lifetime = lifetime;
        self
    }

    /// Refuses a session in headers if it is not bound to a key and the sign-in is at least `after`
    /// ago ([`Refusal::NotBound`](crate::session::Refusal::NotBound)). With [`Duration::ZERO`], no
    /// session starts in headers without a proof. Without this setting, clients that send no proof
    /// have ordinary sessions.
    #[must_use]
    pub fn require_after(mut self, after: Duration) -> Dpop {
        self.require_after = Some(after);
        self
    }

    /// Sets the store of the proofs that were used, so that a proof is accepted once in the whole
    /// fleet. The default is [`UsedHere`], with which a copy of a request may be accepted once by
    /// each other server and after a restart, until its challenge is too old. `UsedInFile` (feature
    /// `reload`) is a store for one server, and the crate `bulla-redis` contains one for a fleet.
    ///
    /// The store is asked once for each request with a proof, when the session is first read, on the
    /// thread of the request. So it must answer quickly, or fail quickly. If it fails, the response
    /// is a 503.
    #[must_use]
    pub fn with_used(mut self, used: impl UsedTokens + Send + Sync + 'static) -> Dpop {
        self.used = Box::new(used);
        self
    }

    pub(crate) fn bind(self, ring: RingHandle, purpose: &str) -> InHeaders {
        InHeaders {
            binding: Binding {
                proof_lifetime: self.proof_lifetime,
                require_after: self.require_after,
                challenges: Challenges::new(ring, purpose, b"bearer"),
            },
            addresses: self.addresses,
            used: self.used,
        }
    }
}

impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop")
            .field("addresses", &self.addresses)
            .field("proof_lifetime", &self.proof_lifetime)
            .field("require_after", &self.require_after)
            .finish_non_exhaustive()
    }
}

/// The error for a text that is not the address of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressError;

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the address of the application must be like https://api.bank.example, without a \
             query, a fragment or a user name",
        )
    }
}

impl std::error::Error for AddressError {}
