//! The proof in a request: DPoP (RFC 9449, spec section 9.6).
//!
//! A client without cookies makes a key pair and sends a proof with its sign-in. The session is
//! then bound to this key. When the last proof is too old, the client sends another one, with a
//! challenge from the server in it.

use crate::session::error::SessionError;
use crate::session::refusal::Refusal;
use crate::session::session::Session;

impl<T> Session<T> {
    /// Makes the response carry the challenge for the client's next proof.
    pub(crate) fn ask_for_challenge(&self) {
        if let Some(presented) = &self.inner.carried.dpop {
            let _ = presented.wants_challenge.set(());
        }
    }

    /// The error of a change that needs a proof, if the request has none that counts.
    pub(crate) fn proof_error(&self, refusal: Refusal) -> SessionError {
        match refusal {
            Refusal::ProofRefused => SessionError::ProofRefused,
            Refusal::ProofUnchecked => SessionError::NotNow,
            _ => {
                self.ask_for_challenge();
                SessionError::ProofDue
            }
        }
    }

    pub(crate) fn wants_challenge(&self) -> bool {
        let presented = self.inner.carried.dpop.as_ref();
        presented.is_some_and(|presented| presented.wants_challenge.get().is_some())
    }
}

#[cfg(feature = "bound")]
mod verifying {
    use std::time::Duration;

    use crate::proof::dpop::{Dpop, dpop};
    use crate::session::bindings::InHeaders;
    use crate::session::bound_error::BoundError;
    use crate::session::carried::{Presented, Shown};
    use crate::session::challenge::Asks;
    use crate::session::error::SessionError;
    use crate::session::event::{self, Event};
    use crate::session::judge::{Alive, Judged};
    use crate::session::pending::{Change, Kind};
    use crate::session::record::Proof;
    use crate::session::refusal::Refusal;
    use crate::session::session::Session;
    use crate::session::shared::Channel;
    use crate::time::UnixTime;
    use crate::token::id::{ID_LEN, SessionId, fingerprint};
    use crate::token::payload::Payload;
    use crate::token::wire::CLOCK_SKEW;
    use crate::transport::bearer::Scheme;
    use crate::transport::bundle::Bundle;

    /// The id in the challenge for a sign-in, which has no session yet. No session has it.
    const NO_SESSION: SessionId = SessionId::from_bytes([0; ID_LEN]);

    /// The response to a proof carries a new challenge if the challenge in the proof is older than
    /// this part of the proof lifetime.
    const CHALLENGE_AGE: f32 = 0.25;

    impl InHeaders {
        /// How long a challenge can be opened: the proof lifetime, and twice the difference of two
        /// servers' clocks.
        fn longest_challenge(&self) -> Duration {
            self.binding.proof_lifetime.saturating_add(CLOCK_SKEW.saturating_mul(2))
        }
    }

    impl<T: Payload> Session<T> {
        /// What the proof in this request shows about its session. The proof is verified once.
        pub(crate) fn shown(&self, alive: &Alive<T>) -> Shown {
            let Some((settings, presented)) = self.presented() else { return Shown::Nothing };
            let Some(scheme) = presented.scheme else { return Shown::Nothing };
            *presented.shown.get_or_init(|| {
                match self.verified(settings, presented, scheme, alive) {
                    Ok(None) => Shown::Nothing,
                    Ok(Some(at)) => {
                        let (id, origin) = (alive.record.id, alive.record.first_id());
                        self.shared().emit(Event::Proved { id, origin });
                        let age = settings.binding.proof_lifetime.mul_f32(CHALLENGE_AGE);
                        if self.now() >= at + age {
                            self.ask_for_challenge();
                        }
                        Shown::KeyAt(at)
                    }
                    Err(error) => {
                        self.shared().emit(Event::ProofRefused(error));
                        let refusal = refusal(error);
                        if refusal == Refusal::ProofDue {
                            self.ask_for_challenge();
                        }
                        Shown::Wrong(refusal)
                    }
                }
            })
        }

        /// Returns the time at which the challenge in the proof was made. `None` if the request has
        /// no proof.
        fn verified(
            &self,
            settings: &InHeaders,
            presented: &Presented,
            scheme: Scheme,
            alive: &Alive<T>,
        ) -> Result<Option<UnixTime>, BoundError> {
            let key = match (scheme, alive.record.bound.as_deref()) {
                (Scheme::Dpop, Some(key)) => key,
                // A client that makes proofs may send one with an ordinary session too.
                (Scheme::Bearer, None) => return Ok(None),
                // Otherwise a thief could leave out the proofs (RFC 9449 section 7.2).
                _ => return Err(BoundError::Scheme),
            };
            if presented.proofs.is_empty() {
                return Ok(None);
            }
            let (proof, text) = self.for_this_request(settings, presented)?;
            if proof.key.as_bytes() != key {
                return Err(BoundError::OtherKey);
            }
            if !proof.is_with(&alive.token.text) {
                return Err(BoundError::OtherToken);
            }
            let (origin, made_at) = self.challenge_in(settings, &proof)?;
            if origin != alive.record.first_id() {
                return Err(BoundError::OtherSession);
            }
            self.claim(settings, presented, text)?;
            Ok(Some(made_at))
        }

        /// Checks the proof that came with a sign-in (DPoP, RFC 9449), before the session starts.
        ///
        /// [`start`](Session::start) makes the same check. Call this method first if your handler
        /// consumes something, such as a one-time code, that the client would need again. Without a
        /// proof, the check succeeds if the session may start without one.
        ///
        /// # Errors
        /// [`SessionError::ProofRefused`], [`SessionError::ProofDue`], and
        /// [`SessionError::NotNow`] if the store of used proofs failed.
        #[cfg_attr(docsrs, doc(cfg(feature = "bound")))]
        pub fn check_proof(&self) -> Result<(), SessionError> {
            self.sign_in_proof().map(drop)
        }

        /// The proof with which a session starts in headers. `None` if it may start without one.
        pub(crate) fn sign_in_proof(&self) -> Result<Option<Proof>, SessionError> {
            let Some((settings, presented)) = self.presented() else { return Ok(None) };
            let check = || {
                if presented.proofs.is_empty() {
                    // Otherwise a copy of a bound session could become an ordinary one.
                    let replaces_bound = presented.scheme == Some(Scheme::Dpop);
                    if replaces_bound || settings.binding.require_after == Some(Duration::ZERO) {
                        return Err(self.proof_error(Refusal::ProofDue));
                    }
                    return Ok(None);
                }
                self.verified_sign_in(settings, presented).map(Some).map_err(|error| {
                    self.shared().emit(Event::ProofRefused(error));
                    self.proof_error(refusal(error))
                })
            };
            *presented.signed_in.get_or_init(check)
        }

        fn verified_sign_in(
            &self,
            settings: &InHeaders,
            presented: &Presented,
        ) -> Result<Proof, BoundError> {
            let (proof, text) = self.for_this_request(settings, presented)?;
            let at = match &proof.nonce {
                // The client has no challenge yet, so its own clock counts.
                None if proof.is_near(self.now(), CLOCK_SKEW) => proof.iat.min(self.now()),
                None => return Err(BoundError::NoChallenge),
                Some(_) => self.challenge_in(settings, &proof)?.1,
            };
            self.claim(settings, presented, text)?;
            Ok(Proof { at, key: *proof.key.as_bytes() })
        }

        /// The proof, if it is for the method and the address of this request, and the part of its
        /// text that is signed.
        fn for_this_request<'p>(
            &self,
            settings: &InHeaders,
            presented: &'p Presented,
        ) -> Result<(Dpop, &'p [u8]), BoundError> {
            let [text] = &presented.proofs[..] else { return Err(BoundError::NoProof) };
            let proof = dpop(text).map_err(BoundError::Proof)?;
            let target = presented.target.get().ok_or(BoundError::NoTarget)?;
            let is_for = |address| proof.is_for(&presented.method, &format!("{address}{target}"));
            if !settings.addresses.iter().any(is_for) {
                return Err(BoundError::OtherRequest);
            }
            let signed = text.rsplitn(2, |byte| *byte == b'.').nth(1).unwrap_or(text);
            Ok((proof, signed))
        }

        /// Opens the challenge in a proof. Returns the first id of its session, and when it was
        /// made.
        fn challenge_in(
            &self,
            settings: &InHeaders,
            proof: &Dpop,
        ) -> Result<(SessionId, UnixTime), BoundError> {
            let nonce = proof.nonce.as_ref().ok_or(BoundError::NoChallenge)?;
            let binding = &settings.binding;
            let challenge = binding.challenges.open(nonce.as_bytes(), self.now());
            let challenge = challenge.map_err(BoundError::Challenge)?;
            if challenge.asks != Asks::Proof {
                return Err(BoundError::OtherSession);
            }
            if !binding.counts(challenge.issued_at, self.now()) {
                return Err(BoundError::Stale);
            }
            Ok((challenge.origin, challenge.issued_at))
        }

        /// Records that the proof is used. `signed` identifies it: a signature of ECDSA can be
        /// changed so that it is still valid.
        fn claim(
            &self,
            settings: &InHeaders,
            presented: &Presented,
            signed: &[u8],
        ) -> Result<(), BoundError> {
            let claim = || {
                // From then on, the challenge in the proof counts on no server.
                let until = self.now() + settings.longest_challenge();
                match settings.used.claim(&fingerprint(signed), until) {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(BoundError::Used),
                    Err(error) => {
                        event::not_claimed(&*error);
                        Err(BoundError::Store)
                    }
                }
            };
            *presented.claimed.get_or_init(claim)
        }

        /// Gives the client the challenge for its next proof, if the response must carry one.
        pub(crate) fn give_challenge(&self, change: &Change<T>, bundle: &mut Bundle) {
            let Some((settings, _)) = self.presented() else { return };
            if let Change::Written(written) = change
                && (written.kind, written.tokens.channel) == (Kind::Started, Channel::Bearer)
                && written.record.bound.is_some()
            {
                self.ask_for_challenge();
            }
            if !self.wants_challenge() {
                return;
            }
            let (origin, until) = match change {
                Change::Written(written) if written.tokens.channel == Channel::Cookie => return,
                Change::Written(written) => (written.record.first_id(), written.expires_at),
                Change::Ended => (NO_SESSION, UnixTime::MAX),
                Change::Untouched => match self.judged() {
                    Judged::Alive(alive) => (alive.record.first_id(), alive.expires_at),
                    Judged::Refused(_) | Judged::Absent => (NO_SESSION, UnixTime::MAX),
                },
            };
            let life = until.since(self.now()).min(settings.longest_challenge());
            let challenge = settings.binding.challenges.make(origin, Asks::Proof, self.now(), life);
            // If the random generator fails, there is no challenge. The client gets one when its
            // next proof is refused.
            if let Ok(challenge) = challenge {
                bundle.replace("dpop-nonce", challenge);
            }
        }

        fn presented(&self) -> Option<(&InHeaders, &Presented)> {
            let settings = self.shared().bound_in_headers.as_ref()?;
            Some((settings, self.inner.carried.dpop.as_deref()?))
        }
    }

    /// A proof whose challenge does not count is repeated with another challenge.
    fn refusal(error: BoundError) -> Refusal {
        match error {
            BoundError::NoChallenge
            | BoundError::Challenge(_)
            | BoundError::OtherSession
            | BoundError::Stale => Refusal::ProofDue,
            BoundError::Store => Refusal::ProofUnchecked,
            _ => Refusal::ProofRefused,
        }
    }
}

/// Without the feature `bound`, no session in headers is bound.
#[cfg(not(feature = "bound"))]
mod nothing {
    use crate::session::carried::Shown;
    use crate::session::error::SessionError;
    use crate::session::judge::Alive;
    use crate::session::pending::Change;
    use crate::session::record::Proof;
    use crate::session::session::Session;
    use crate::transport::bundle::Bundle;

    impl<T> Session<T> {
        pub(crate) fn shown(&self, _: &Alive<T>) -> Shown {
            Shown::Nothing
        }

        pub(crate) fn sign_in_proof(&self) -> Result<Option<Proof>, SessionError> {
            Ok(None)
        }

        pub(crate) fn give_challenge(&self, _: &Change<T>, _: &mut Bundle) {}
    }
}
