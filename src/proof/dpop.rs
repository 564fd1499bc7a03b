//! Proofs for a single request: DPoP (RFC 9449).

use std::time::Duration;

use super::address::Address;
use super::error::ProofError;
use super::jwt::Jwt;
use super::key::{PublicKey, decoded};
use crate::primitives::digest;
use crate::time::UnixTime;

const TYPE: &str = "dpop+jwt";

/// A verified proof that a client has a private key, made for one request. The signature is right.
/// The caller must still compare every field with the request (RFC 9449 section 4.3).
#[derive(Debug)]
pub(crate) struct Dpop {
    pub(crate) key: PublicKey,
    /// The request's method.
    pub(crate) htm: String,
    /// The request's address.
    pub(crate) htu: String,
    /// When the client made the proof, by its own clock.
    pub(crate) iat: UnixTime,
    /// The SHA-256 of the token that the client sends with the request. `None` if the proof does
    /// not name a token.
    pub(crate) ath: Option<[u8; 32]>,
    /// The challenge that the server gave the client. `None` if the proof contains no challenge.
    pub(crate) nonce: Option<String>,
}

/// Verifies a proof with the public key in its header.
pub(crate) fn dpop(proof: &[u8]) -> Result<Dpop, ProofError> {
    let jwt = Jwt::split(proof)?;
    let key = jwt.key(TYPE)?.ok_or(ProofError::NoKey)?;
    let claims = jwt.claims()?;
    // The proof's id is not used: the text that is signed identifies the proof as well.
    claims.text("jti")?;
    let (htm, htu) = (claims.text("htm")?, claims.text("htu")?);
    // A NumericDate may have a fraction (RFC 7519 section 2).
    let iat = Duration::try_from_secs_f64(claims.required("iat")?);
    let iat = iat.map_err(|_| ProofError::Claim("iat"))?;
    let ath = claims.optional::<String>("ath")?;
    let ath = ath.map(|ath| decoded(&ath).ok_or(ProofError::Claim("ath"))).transpose()?;
    let nonce = claims.optional("nonce")?;
    jwt.verify(&key)?;
    Ok(Dpop { key, htm, htu, iat: UnixTime::from_secs(iat.as_secs()), ath, nonce })
}

impl Dpop {
    /// Whether the proof is for a request with this method to this address, such as
    /// `https://bank.example/transfer`. The query and the fragment are ignored.
    pub(crate) fn is_for(&self, method: &str, address: &str) -> bool {
        let (own, other) = (Address::parse(&self.htu), Address::parse(address));
        self.htm == method && own.is_some() && own == other
    }

    /// Whether the proof names this token.
    pub(crate) fn is_with(&self, token: &[u8]) -> bool {
        self.ath == Some(digest(&[token]))
    }

    /// Whether the proof was made at most `age` before or after `now`. A proof may have a time in
    /// the future because the client's clock may be wrong.
    pub(crate) fn is_near(&self, now: UnixTime, age: Duration) -> bool {
        self.iat <= now + age && now <= self.iat + age
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::signing::{header, public_key, signed};

    // RFC 9449, figures 5, 7 and 13. All three have the same header.
    const HEADER: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19";
    const FIGURE_5: &str = "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
    const FIGURE_7: &str = "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjY1Mjk2fQ.pAqut2IRDm_De6PR93SYmGBPXpwrAk90e8cP2hjiaG5QsGSuKDYW7_X620BxqhvYC8ynrrvZLTk41mSRroapUA";
    const FIGURE_13: &str = "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    /// Figure 6.
    const TOKEN: &[u8] = b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    /// Figure 9.
    const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

    fn figure(rest: &str) -> Dpop {
        dpop(format!("{HEADER}.{rest}").as_bytes()).unwrap()
    }

    fn with(claims: &str) -> Result<Dpop, ProofError> {
        dpop(&signed(&header(TYPE, 3), claims, 3))
    }

    #[test]
    fn the_examples_of_rfc_9449_verify() {
        let proof = figure(FIGURE_5);
        assert_eq!(proof.key.thumbprint(), THUMBPRINT);
        assert_eq!(format!("{:?}", proof.key), format!("PublicKey({THUMBPRINT})"));
        assert_eq!(proof.iat, UnixTime::from_secs(1_562_262_616));
        assert!(proof.is_for("POST", "https://server.example.com/token"));
        assert!(!proof.is_for("GET", "https://server.example.com/token"));
        assert!(!proof.is_for("post", "https://server.example.com/token"));
        assert!(!proof.is_for("POST", "https://server.example.com/tokens"));
        assert_eq!((proof.ath, proof.nonce), (None, None));
        assert_eq!(figure(FIGURE_7).iat, UnixTime::from_secs(1_562_265_296));
        let proof = figure(FIGURE_13);
        assert!(proof.is_for("GET", "https://resource.example.org/protectedresource?x=1"));
        assert!(proof.is_with(TOKEN));
        assert!(!proof.is_with(&TOKEN[1..]));
        assert!(!figure(FIGURE_5).is_with(TOKEN));
        let mixed = FIGURE_5.split('.').next().unwrap();
        let mixed = format!("{HEADER}.{mixed}.{}", FIGURE_7.split('.').nth(1).unwrap());
        assert_eq!(dpop(mixed.as_bytes()).unwrap_err(), ProofError::Signature);
    }

    #[test]
    fn a_proof_has_every_claim_of_its_request() {
        let proof = with(
            r#"{"jti":"j","htm":"PUT","htu":"http://a.example/b","iat":7,"nonce":"n","more":{"a":[1]}}"#,
        );
        let Dpop { key, htm, htu, iat, ath, nonce } = proof.unwrap();
        assert_eq!(key, public_key(3));
        assert_eq!([htm.as_str(), &htu], ["PUT", "http://a.example/b"]);
        assert_eq!((iat, ath, nonce.as_deref()), (UnixTime::from_secs(7), None, Some("n")));
    }

    #[test]
    fn a_missing_or_malformed_claim_is_named() {
        let all = ["jti", "htm", "htu", "iat", "ath", "nonce"];
        let right = [r#""j""#, r#""PUT""#, r#""http://a.example/""#, "7"];
        let ath = r#""fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo""#;
        let of = |name: &str, value: Option<&str>| {
            let values = right.into_iter().chain([ath, r#""n""#]);
            let members = all.into_iter().zip(values).filter_map(|(other, right)| {
                let value = if other == name { value? } else { right };
                Some(format!(r#""{other}":{value}"#))
            });
            with(&format!("{{{}}}", members.collect::<Vec<_>>().join(","))).map(drop)
        };
        assert_eq!(of("", None), Ok(()));
        for name in all {
            let optional = name == "ath" || name == "nonce";
            let expected = if optional { Ok(()) } else { Err(ProofError::Claim(name)) };
            assert_eq!(of(name, None), expected, "without {name}");
            for wrong in ["null", "true", "[]", "{}"] {
                assert_eq!(of(name, Some(wrong)), Err(ProofError::Claim(name)), "{name}: {wrong}");
            }
            let empty = of(name, Some(r#""""#));
            assert_eq!(empty.is_err(), name != "nonce", "{name}: empty");
        }
        for text in ["jti", "htm", "htu", "ath", "nonce"] {
            assert_eq!(of(text, Some("7")), Err(ProofError::Claim(text)), "{text}: a number");
        }
        for wrong in [r#""7""#, "-1", "-0.1", "1e30"] {
            assert_eq!(of("iat", Some(wrong)), Err(ProofError::Claim("iat")), "iat: {wrong}");
        }
        // Texts of 31 and 33 bytes, a text with padding, and a text with bits after the last byte.
        for wrong in ["x".repeat(42), "x".repeat(44), format!("{}=", &ath[1..44]), "x".repeat(43)] {
            let wrong = format!("\"{wrong}\"");
            assert_eq!(of("ath", Some(&wrong)), Err(ProofError::Claim("ath")), "ath: {wrong}");
        }
    }

    #[test]
    fn fractions_of_seconds_are_cut_off() {
        for (iat, secs) in [("0", 0), ("0.9", 0), ("1796126400.5", 1_796_126_400), ("1e3", 1000)] {
            let proof = with(&format!(r#"{{"jti":"j","htm":"m","htu":"u","iat":{iat}}}"#));
            assert_eq!(proof.unwrap().iat.as_secs(), secs);
        }
        let late = with(r#"{"jti":"j","htm":"m","htu":"u","iat":18446744073709551615}"#);
        assert!(late.map_or(true, |proof| proof.iat == UnixTime::MAX));
    }

    #[test]
    fn the_time_may_differ_by_the_age_in_both_directions() {
        let proof = figure(FIGURE_5);
        let age = Duration::from_secs(60);
        let at = |offset: i64| UnixTime::from_secs(1_562_262_616_u64.saturating_add_signed(offset));
        for (offset, near) in [(0, true), (60, true), (61, false), (-60, true), (-61, false)] {
            assert_eq!(proof.is_near(at(offset), age), near, "{offset} s");
        }
    }

    #[test]
    fn a_text_that_is_not_an_address_matches_no_request() {
        let proof = with(r#"{"jti":"j","htm":"GET","htu":"/b","iat":7}"#).unwrap();
        assert!(!proof.is_for("GET", "/b"));
        assert!(!proof.is_for("GET", "https://a.example/b"));
    }

    #[test]
    fn the_key_is_in_the_proof() {
        let claims = r#"{"jti":"j","htm":"GET","htu":"https://a.example/","iat":7}"#;
        let header = r#"{"typ":"dpop+jwt","alg":"ES256"}"#;
        assert_eq!(dpop(&signed(header, claims, 3)).unwrap_err(), ProofError::NoKey);
        let header = crate::proof::signing::header(TYPE, 4);
        assert_eq!(dpop(&signed(&header, claims, 3)).unwrap_err(), ProofError::Signature);
    }
}
