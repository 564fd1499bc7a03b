//! The steps in which a proof is read and verified.
//!
//! The cheap steps come first, so that no signature is verified for a malformed proof. The claims
//! are therefore read before the signature is verified. This has no risk: the key is often in the
//! proof itself, so even a proof with a right signature can contain any claims.

use serde::de::DeserializeOwned;

use super::error::ProofError;
use super::json::Object;
use super::key::PublicKey;
use crate::token::text;

/// The maximum length of a proof, in bytes.
///
/// A browser's proof has about 350 bytes for a registration and 200 bytes for a refresh. The
/// challenge is a small part of it. A client's proof for a request has 450 bytes plus the request's
/// address and the challenge. The limit leaves more than 1 kB for these two. Most servers limit all
/// headers of a request together to 8 kB.
pub(crate) const MAX_PROOF_LEN: usize = 2048;

/// The decoded parts of a proof that has passed steps 1 and 2.
pub(super) struct Jwt<'a> {
    header: Vec<u8>,
    claims: Vec<u8>,
    signature: Vec<u8>,
    /// The text that is signed: the encoded header, a dot, and the encoded claims.
    signed: &'a [u8],
}

impl<'a> Jwt<'a> {
    /// Steps 1 and 2: the length, and the form of the three parts.
    pub(super) fn split(jwt: &'a [u8]) -> Result<Jwt<'a>, ProofError> {
        if jwt.len() > MAX_PROOF_LEN {
            return Err(ProofError::TooLong { len: jwt.len(), limit: MAX_PROOF_LEN });
        }
        let mut ends = jwt.rsplitn(2, |byte| *byte == b'.');
        let (Some(signature), Some(signed)) = (ends.next(), ends.next()) else {
            return Err(ProofError::Form);
        };
        let mut parts = signed.split(|byte| *byte == b'.');
        let (Some(header), Some(claims), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(ProofError::Form);
        };
        let [header, claims, signature] = [header, claims, signature].map(|part| {
            let mut bytes = Vec::new();
            text::decode(part, &mut bytes).map(|()| bytes)
        });
        match (header, claims, signature) {
            (Some(header), Some(claims), Some(signature)) => {
                Ok(Jwt { header, claims, signature, signed })
            }
            _ => Err(ProofError::Form),
        }
    }

    /// Steps 3 to 6: the header, its `typ` and `alg`, and its key. `None` if the header has no key.
    pub(super) fn key(&self, typ: &str) -> Result<Option<PublicKey>, ProofError> {
        let header = Object::parse(&self.header).ok_or(ProofError::Header)?;
        // `crit` names extensions that must not be ignored. No extension is implemented here.
        if header.has("crit") {
            return Err(ProofError::Header);
        }
        let is = |name, value: &str| {
            header.member::<String>(name).is_ok_and(|text| text.as_deref() == Some(value))
        };
        if !is("typ", typ) {
            return Err(ProofError::Type);
        }
        if !is("alg", "ES256") {
            return Err(ProofError::Algorithm);
        }
        let jwk = header.object("jwk").map_err(|_| ProofError::Key)?;
        jwk.map(|jwk| PublicKey::from_jwk(&jwk)).transpose()
    }

    /// Step 7: the claims.
    pub(super) fn claims(&self) -> Result<Claims<'_>, ProofError> {
        Object::parse(&self.claims).map(Claims).ok_or(ProofError::Claims)
    }

    /// Step 8: the signature.
    pub(super) fn verify(&self, key: &PublicKey) -> Result<(), ProofError> {
        let signature = self.signature.as_slice().try_into().map_err(|_| ProofError::Signature)?;
        key.point().verify(self.signed, signature).map_err(|_| ProofError::Signature)
    }
}

pub(super) struct Claims<'a>(Object<'a>);

impl Claims<'_> {
    pub(super) fn optional<T: DeserializeOwned>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, ProofError> {
        self.0.member(name).map_err(|_| ProofError::Claim(name))
    }

    pub(super) fn required<T: DeserializeOwned>(
        &self,
        name: &'static str,
    ) -> Result<T, ProofError> {
        self.optional(name)?.ok_or(ProofError::Claim(name))
    }

    /// Reads a claim that must be a string and not empty.
    pub(super) fn text(&self, name: &'static str) -> Result<String, ProofError> {
        let text: String = self.required(name)?;
        if text.is_empty() { Err(ProofError::Claim(name)) } else { Ok(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::dbsc::registration;
    use crate::proof::signing::{base64url, header, jwk, signed};

    const CLAIMS: &str = r#"{"jti":"c"}"#;

    fn refused(jwt: &[u8]) -> ProofError {
        registration(jwt).map(drop).expect_err(&String::from_utf8_lossy(jwt))
    }

    fn header_with(typ: &str, alg: &str, more: &str) -> String {
        format!(r#"{{"typ":{typ},"alg":{alg},"jwk":{}{more}}}"#, jwk(1))
    }

    #[test]
    fn a_proof_is_at_most_2048_bytes_long() {
        let header = header("dbsc+jwt", 1);
        let of = |filler| format!(r#"{{"jti":"c","more":"{}"}}"#, "x".repeat(filler));
        let len = |filler| {
            let parts = [header.len(), of(filler).len(), 64].map(text::encoded_len);
            parts.iter().sum::<usize>() + 2
        };
        let longest = (0..2048).rfind(|filler| len(*filler) <= 2048).unwrap();
        let jwt = signed(&header, &of(longest), 1);
        assert_eq!((jwt.len(), registration(&jwt).is_ok()), (2048, true));
        for filler in [longest + 1, longest + 2] {
            let jwt = signed(&header, &of(filler), 1);
            assert_eq!(jwt.len(), len(filler));
            assert_eq!(refused(&jwt), ProofError::TooLong { len: jwt.len(), limit: 2048 });
        }
        let garbage = refused(&[0xff; 2049]);
        assert_eq!(garbage, ProofError::TooLong { len: 2049, limit: 2048 });
        assert_eq!(refused(&[0xff; 2048]), ProofError::Form);
    }

    #[test]
    fn a_proof_is_three_parts_in_canonical_base64url() {
        let jwt = String::from_utf8(signed(&header("dbsc+jwt", 1), CLAIMS, 1)).unwrap();
        let [header, claims, signature] =
            <[&str; 3]>::try_from(jwt.split('.').collect::<Vec<_>>()).unwrap();
        for wrong in [
            String::new(),
            "..x".to_owned(),
            format!("{header}.{claims}"),
            format!("{header}.{claims}.{signature}."),
            format!("{header}.{claims}.{signature}.{signature}"),
            format!(".{jwt}"),
            format!("{jwt}="),
            format!("{jwt}=="),
            format!("{jwt} "),
            format!(" {jwt}"),
            format!("{jwt}\n"),
            format!("{header}=.{claims}.{signature}"),
            format!("{header}.{claims}.{}", signature.replacen(['-', '_'], "+", 1)),
            // The last character of a signature has 4 bits that must be 0.
            format!("{}B", &jwt[..jwt.len() - 1]),
        ] {
            assert_eq!(refused(wrong.as_bytes()), ProofError::Form, "{wrong}");
        }
        assert_eq!(refused(b".."), ProofError::Header, "three empty parts");
    }

    #[test]
    fn each_step_refuses_with_its_own_error() {
        let (typ, alg) = (r#""dbsc+jwt""#, r#""ES256""#);
        let right = header("dbsc+jwt", 1);
        let cases = [
            ("[]", CLAIMS, ProofError::Header),
            ("null", CLAIMS, ProofError::Header),
            (r#"{"typ":"x","typ":"dbsc+jwt"}"#, CLAIMS, ProofError::Header),
            (&header_with(typ, alg, r#","alg":"ES256""#), CLAIMS, ProofError::Header),
            (&header_with(typ, alg, r#","more":{"a":1,"a":1}"#), CLAIMS, ProofError::Header),
            (&header_with(typ, alg, r#","crit":["exp"]"#), CLAIMS, ProofError::Header),
            (&header_with(typ, alg, r#","crit":null"#), CLAIMS, ProofError::Header),
            (&header_with(typ, alg, r#","cr\u0069t":[]"#), CLAIMS, ProofError::Header),
            (&header_with(r#""dpop+jwt""#, alg, ""), CLAIMS, ProofError::Type),
            (&header_with(r#""DBSC+JWT""#, alg, ""), CLAIMS, ProofError::Type),
            (&header_with(r#""application/dbsc+jwt""#, alg, ""), CLAIMS, ProofError::Type),
            (&header_with(r#""JWT""#, alg, ""), CLAIMS, ProofError::Type),
            (&header_with("null", alg, ""), CLAIMS, ProofError::Type),
            (r#"{"alg":"ES256"}"#, CLAIMS, ProofError::Type),
            (&header_with(typ, r#""none""#, ""), CLAIMS, ProofError::Algorithm),
            (&header_with(typ, r#""HS256""#, ""), CLAIMS, ProofError::Algorithm),
            (&header_with(typ, r#""RS256""#, ""), CLAIMS, ProofError::Algorithm),
            (&header_with(typ, r#""ES384""#, ""), CLAIMS, ProofError::Algorithm),
            (&header_with(typ, r#""es256""#, ""), CLAIMS, ProofError::Algorithm),
            (&header_with(typ, r#""""#, ""), CLAIMS, ProofError::Algorithm),
            (&header_with(typ, r#"["ES256"]"#, ""), CLAIMS, ProofError::Algorithm),
            (r#"{"typ":"dbsc+jwt"}"#, CLAIMS, ProofError::Algorithm),
            (r#"{"typ":"dbsc+jwt","alg":"ES256"}"#, CLAIMS, ProofError::NoKey),
            (r#"{"typ":"dbsc+jwt","alg":"ES256","jwk":null}"#, CLAIMS, ProofError::Key),
            (r#"{"typ":"dbsc+jwt","alg":"ES256","jwk":{}}"#, CLAIMS, ProofError::Key),
            (&right, "", ProofError::Claims),
            (&right, "[]", ProofError::Claims),
            (&right, r#"{"jti":"c","jti":"c"}"#, ProofError::Claims),
            (&right, r#"{"jti":"c","more":[{"a":1,"a":1}]}"#, ProofError::Claims),
            (&right, "{}", ProofError::Claim("jti")),
            (&right, r#"{"jti":""}"#, ProofError::Claim("jti")),
            (&right, r#"{"jti":7}"#, ProofError::Claim("jti")),
        ];
        for (header, claims, error) in cases {
            assert_eq!(refused(&signed(header, claims, 1)), error, "{header} {claims}");
        }
        assert!(registration(&signed(&right, CLAIMS, 1)).is_ok());
        let more = header_with(typ, alg, r#","kid":"k","x5c":[],"more":{"a":[{}]}"#);
        let claims = r#"{"aud":"a","jti":"c","iat":1,"more":null}"#;
        assert!(registration(&signed(&more, claims, 1)).is_ok(), "unknown members");
    }

    #[test]
    fn a_signature_has_64_bytes() {
        let jwt = String::from_utf8(signed(&header("dbsc+jwt", 1), CLAIMS, 1)).unwrap();
        let (body, signature) = jwt.rsplit_once('.').unwrap();
        let mut raw = Vec::new();
        text::decode(signature.as_bytes(), &mut raw).unwrap();
        let mut der = vec![0x30, 68, 2, 32];
        der.extend(&raw[..32]);
        der.extend([2, 32]);
        der.extend(&raw[32..]);
        let longer = [&raw[..], &[0]].concat();
        for wrong in [&[][..], &raw[..63], &longer, &der] {
            let jwt = format!("{body}.{}", base64url(wrong));
            assert_eq!(refused(jwt.as_bytes()), ProofError::Signature, "{} bytes", wrong.len());
        }
    }

    #[test]
    fn errors_repeat_nothing_of_the_proof() {
        let secret = "c4a1b2";
        let with = |header: &str, claims: &str| signed(header, claims, 1);
        let claims = format!(r#"{{"jti":["{secret}"]}}"#);
        for jwt in [
            secret.as_bytes().to_vec(),
            with(secret, CLAIMS),
            with(&format!(r#"{{"typ":"{secret}"}}"#), CLAIMS),
            with(&format!(r#"{{"typ":"dbsc+jwt","alg":"{secret}"}}"#), CLAIMS),
            with(&header("dbsc+jwt", 1), secret),
            with(&header("dbsc+jwt", 1), &claims),
        ] {
            let error = refused(&jwt);
            assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
        }
    }
}
