//! Proofs of browsers: Device Bound Session Credentials (W3C draft, section 9.10).

use super::error::ProofError;
use super::jwt::Jwt;
use super::key::PublicKey;

const TYPE: &str = "dbsc+jwt";

/// A verified proof that a browser has made a key for the session.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) key: PublicKey,
    /// The challenge that the browser has signed. The caller must check it.
    pub(crate) challenge: String,
}

/// Verifies the proof of a registration with the public key in its header.
pub(crate) fn registration(jwt: &[u8]) -> Result<Registration, ProofError> {
    let jwt = Jwt::split(jwt)?;
    let key = jwt.key(TYPE)?.ok_or(ProofError::NoKey)?;
    let challenge = jwt.claims()?.text("jti")?;
    jwt.verify(&key)?;
    Ok(Registration { key, challenge })
}

/// Verifies the proof of a refresh with the key of the session, and returns the challenge that the
/// browser has signed. The caller must check it.
///
/// Browsers send no key with this proof. If the header contains a key, it must be the session's
/// key.
pub(crate) fn refresh(jwt: &[u8], key: &PublicKey) -> Result<String, ProofError> {
    let jwt = Jwt::split(jwt)?;
    if jwt.key(TYPE)?.is_some_and(|own| own != *key) {
        return Err(ProofError::OtherKey);
    }
    let challenge = jwt.claims()?.text("jti")?;
    jwt.verify(key)?;
    Ok(challenge)
}

/// Returns the challenge of a proof without verifying the signature, for a caller that does not
/// know the key of the session.
pub(crate) fn unverified_challenge(jwt: &[u8]) -> Result<String, ProofError> {
    let jwt = Jwt::split(jwt)?;
    jwt.key(TYPE)?;
    jwt.claims()?.text("jti")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::signing::{header, public_key, signed};

    // Two proofs that Chromium 156 sent.
    const REGISTRATION: &[u8] = b"eyJhbGciOiJFUzI1NiIsImp3ayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6IkZ3LUdrWUk3OXBhSFZpbFJFQ21CaFZOSDVMelNCRlpOdTlndV93cDFpSkEiLCJ5IjoiRGZUU3N2QW5vNEEwcldldFhMVHNBSDlDMVhvQUk3Z3lqb3NIR3ladHZEbyJ9LCJ0eXAiOiJkYnNjK2p3dCJ9.eyJqdGkiOiJjMSJ9.apknsV-A3ArTVpMx02qAXLKMO6gd7gsiioLAyQ4OF3i0-KrGJGXxOeyR1YxOahM_cU6u-0VAbRMmUlRFOcNexw";
    const REFRESH: &[u8] = b"eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0.eyJqdGkiOiJjMiJ9.5GLX9zGAer1983iwxa_GBEl7q4oh0yR3EySB8hyNQ9T_8f_qElfDKMuwZ0fDe-TQXd26uXREwHDtlvUOuetOHA";

    #[test]
    fn the_proofs_of_a_real_browser_verify() {
        let Registration { key, challenge } = registration(REGISTRATION).unwrap();
        assert_eq!(challenge, "c1");
        assert_eq!(refresh(REFRESH, &key).as_deref(), Ok("c2"));
        assert_eq!(refresh(REGISTRATION, &key).as_deref(), Ok("c1"), "the same key may be named");
        assert_eq!(registration(REFRESH).unwrap_err(), ProofError::NoKey);
    }

    #[test]
    fn a_refresh_verifies_only_with_the_key_of_the_session() {
        let without_key = r#"{"typ":"dbsc+jwt","alg":"ES256"}"#;
        let claims = r#"{"jti":"c"}"#;
        let (ours, other) = (public_key(1), public_key(2));
        assert_eq!(refresh(&signed(without_key, claims, 1), &ours).as_deref(), Ok("c"));
        assert_eq!(refresh(&signed(without_key, claims, 1), &other), Err(ProofError::Signature));
        assert_eq!(refresh(REFRESH, &ours), Err(ProofError::Signature));
        // A key in the header never takes the place of the session's key.
        let foreign = signed(&header(TYPE, 2), claims, 2);
        assert_eq!(refresh(&foreign, &ours), Err(ProofError::OtherKey));
        assert!(refresh(&foreign, &other).is_ok());
        let mixed = signed(&header(TYPE, 1), claims, 2);
        assert_eq!(refresh(&mixed, &ours), Err(ProofError::Signature));
        assert_eq!(refresh(&mixed, &other), Err(ProofError::OtherKey));
    }

    #[test]
    fn a_registration_verifies_only_with_the_key_that_it_brings() {
        let claims = r#"{"jti":"c"}"#;
        assert!(registration(&signed(&header(TYPE, 1), claims, 1)).is_ok());
        let error = registration(&signed(&header(TYPE, 1), claims, 2)).unwrap_err();
        assert_eq!(error, ProofError::Signature);
    }

    #[test]
    fn every_changed_character_is_refused() {
        let Registration { key, .. } = registration(REGISTRATION).unwrap();
        for at in 0..REFRESH.len() {
            for wrong in [b'A', b'_', b'.', b'=', 0, 0xff, REFRESH[at] ^ 1] {
                let mut jwt = REFRESH.to_vec();
                jwt[at] = wrong;
                let changed = wrong != REFRESH[at];
                assert_eq!(refresh(&jwt, &key).is_err(), changed, "character {at}: {wrong}");
            }
            assert!(refresh(&REFRESH[..at], &key).is_err(), "the first {at} characters");
        }
        for at in 0..REGISTRATION.len() {
            let mut jwt = REGISTRATION.to_vec();
            jwt[at] = if jwt[at] == b'A' { b'Q' } else { b'A' };
            assert!(registration(&jwt).is_err(), "character {at}");
        }
    }
}
