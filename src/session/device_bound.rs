//! The settings of sessions that are bound to a device.

use std::time::Duration;

use crate::keys::handle::RingHandle;
use crate::session::bindings::{Binding, InCookie, Instructions, Scope};
use crate::session::challenge::Challenges;
use crate::transport::cookie::Cookie;

/// Settings of sessions that are bound to a device, for
/// [`SessionsBuilder::device_bound`](crate::session::SessionsBuilder::device_bound).
///
/// A browser that supports Device Bound Session Credentials (a W3C draft) makes a key pair at the
/// sign-in. The private key never leaves the device. The session is then alive only while the last
/// proof of this key is recent. Browsers send the proofs by themselves. A thief who copies all
/// cookies can use them only until the last proof is too old. Other browsers have an ordinary
/// session.
///
/// ```
/// use std::time::Duration;
/// use bulla::{KeyRing, Payload, Policy, Sessions};
/// use bulla::session::DeviceBound;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
///
/// let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
///     .device_bound(DeviceBound::default().without_path("/assets"))
///     .build();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The layers of the adapters answer the two requests that browsers send for this: the registration
/// of the key and the proof. Their paths are below `/bulla/` and the name of the cookie, such as
/// `/bulla/session/register` and `/bulla/session/refresh`. Without an adapter, call
/// [`Sessions::device_bound_response`](crate::Sessions::device_bound_response).
///
/// Browsers bind sessions only over HTTPS, and not in a [partitioned](crate::Cookie::partitioned)
/// cookie. The state token of a bound session is 44 characters longer, and so is its renewal token.
/// If you change the cookie's name, keep the paths with [`below`](DeviceBound::below), because
/// browsers have stored them.
///
/// Switch this setting on at all servers before the first session is bound: a server without it
/// leaves bound sessions alone, so their users seem signed out there.
#[derive(Clone, Debug)]
pub struct DeviceBound {
    proof_lifetime: Duration,
    require_after: Option<Duration>,
    scope: Scope,
    below: Option<String>,
    excluded: Vec<String>,
}

impl DeviceBound {
    /// Sets how long a proof counts. The default is 10 minutes.
    ///
    /// Copies of all cookies of a browser are worthless after this time. While the user uses the
    /// application, the browser sends a new proof shortly before the last one stops counting. Use
    /// lifetimes below 5 minutes only in tests: Chromium 156 begins to send proofs 2 minutes ahead,
    /// and sends no more than 6 within 9 minutes. Also, the clocks of two servers may differ by a
    /// minute.
    ///
    /// # Panics
    /// If `lifetime` is shorter than 10 seconds.
    #[must_use]
    pub fn with_proof_lifetime(mut self, lifetime: Duration) -> DeviceBound {
        assert!(lifetime.as_secs() >= 10, "the proof lifetime must be at least 10 seconds");
        self.proof_lifetime = lifetime;
        self
    }

    /// Refuses a session in a cookie if it is not bound to a device and the sign-in is at least
    /// `after` ago ([`Refusal::NotBound`](crate::session::Refusal::NotBound)).
    ///
    /// Browsers without device-bound sessions are signed out then. Without this setting, they have
    /// ordinary sessions. For a session that was adopted from an old library, the sign-in with that
    /// library counts.
    #[must_use]
    pub fn require_after(mut self, after: Duration) -> DeviceBound {
        self.require_after = Some(after);
        self
    }

    /// Names a path whose requests need no proof, such as the path of images and scripts. This
    /// includes all paths below it. The browser does not hold these requests back while it sends a
    /// proof. Call it once for each path.
    ///
    /// # Panics
    /// If `path` does not begin with `/`, or has other characters than letters, digits and `/-._~`.
    #[must_use]
    pub fn without_path(mut self, path: &str) -> DeviceBound {
        self.excluded.push(checked(path));
        self
    }

    /// Makes browsers send proofs for requests to all hosts of the site, for a cookie that is
    /// [shared with a domain](crate::Cookie::shared_with_domain). The default is only this origin.
    ///
    /// The host that answers the registration must be the registrable domain of the site, such as
    /// `bank.example`. A host below it, such as `www.bank.example`, is allowed if the registrable
    /// domain serves `/.well-known/device-bound-sessions` with this host in `registering_origins`.
    #[must_use]
    pub fn for_whole_site(mut self) -> DeviceBound {
        self.scope = Scope::Site;
        self
    }

    /// Sets the path below which the application answers the browser's two requests. The default is
    /// `/bulla/` and the name of the cookie without its prefix.
    ///
    /// # Panics
    /// If `path` does not begin with `/`, or has other characters than letters, digits and `/-._~`.
    #[must_use]
    pub fn below(mut self, path: &str) -> DeviceBound {
        self.below = Some(checked(path.trim_end_matches('/')));
        self
    }

    pub(crate) fn bind(self, ring: RingHandle, purpose: &str, cookie: &Cookie) -> InCookie {
        let below = self.below.unwrap_or_else(|| checked(&cookie.bound_path()));
        let channel = [b"cookie", cookie.name().as_bytes()].join(&0);
        InCookie {
            binding: Binding {
                proof_lifetime: self.proof_lifetime,
                require_after: self.require_after,
                challenges: Challenges::new(ring, purpose, &channel),
            },
            register_path: format!("{below}/register"),
            instructions: Instructions {
                refresh_path: format!("{below}/refresh"),
                scope: self.scope,
                excluded: self.excluded,
            },
        }
    }
}

impl Default for DeviceBound {
    fn default() -> DeviceBound {
        DeviceBound {
            proof_lifetime: Duration::from_secs(10 * 60),
            require_after: None,
            scope: Scope::Origin,
            below: None,
            excluded: Vec::new(),
        }
    }
}

/// Panics at startup instead of failing in each request.
fn checked(path: &str) -> String {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let is_path = path.starts_with('/') && path.bytes().all(fits);
    assert!(is_path, "the path {path} must begin with / and have only letters, digits and /-._~");
    path.to_owned()
}

/// How long a browser keeps the bound cookie that the registration of its key sets. After this
/// time, it sends the first proof before its next request.
const FIRST_PROOF: Duration = Duration::from_secs(30);

impl InCookie {
    /// How long a browser keeps the bound cookie after a proof: nine tenths of the proof lifetime.
    /// The browser sends its next proof when this cookie is gone. The last proof must still count
    /// then, because other requests may be on their way.
    pub(crate) fn bound_cookie_age(&self) -> Duration {
        self.binding.proof_lifetime.mul_f32(0.9)
    }

    /// How long a browser keeps its first bound cookie. The first proof must come soon, because
    /// only then does the state token get the key.
    pub(crate) fn first_bound_cookie_age(&self) -> Duration {
        FIRST_PROOF.min(self.bound_cookie_age())
    }
}
