//! Benchmarks of verifying proofs (feature `bound`). One proof is due per lifetime of a renewal
//! token and session, none per request.

use std::fmt;

use divan::Bencher;
use divan::counter::ItemsCount;

use crate::proof::ProofError;
use crate::proof::dbsc::{Registration, refresh, registration};
use crate::proof::dpop::dpop;
use crate::proof::key::PublicKey;

// What Chromium 156 has sent, and RFC 9449, figure 13.
const REGISTRATION: &str = "eyJhbGciOiJFUzI1NiIsImp3ayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6IkZ3LUdrWUk3OXBhSFZpbFJFQ21CaFZOSDVMelNCRlpOdTlndV93cDFpSkEiLCJ5IjoiRGZUU3N2QW5vNEEwcldldFhMVHNBSDlDMVhvQUk3Z3lqb3NIR3ladHZEbyJ9LCJ0eXAiOiJkYnNjK2p3dCJ9.eyJqdGkiOiJjMSJ9.apknsV-A3ArTVpMx02qAXLKMO6gd7gsiioLAyQ4OF3i0-KrGJGXxOeyR1YxOahM_cU6u-0VAbRMmUlRFOcNexw";
const REFRESH: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0.eyJqdGkiOiJjMiJ9.5GLX9zGAer1983iwxa_GBEl7q4oh0yR3EySB8hyNQ9T_8f_qElfDKMuwZ0fDe-TQXd26uXREwHDtlvUOuetOHA";
const DPOP: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";

fn key() -> PublicKey {
    let Registration { key, .. } = registration(REGISTRATION.as_bytes()).expect("it is right");
    key
}

/// One kind of proof.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    jwt: &'static str,
    verify: fn(&[u8], &PublicKey) -> Result<(), ProofError>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const CASES: [Case; 3] = [
    Case {
        name: "DBSC registration",
        jwt: REGISTRATION,
        verify: |jwt, _| registration(jwt).map(drop),
    },
    Case { name: "DBSC refresh", jwt: REFRESH, verify: |jwt, key| refresh(jwt, key).map(drop) },
    Case { name: "DPoP", jwt: DPOP, verify: |jwt, _| dpop(jwt).map(drop) },
];

#[divan::bench(args = CASES)]
fn verify_a_proof(bencher: Bencher<'_, '_>, case: &Case) {
    let key = key();
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench(|| (case.verify)(case.jwt.as_bytes(), &key).expect("it is right"));
}

/// Every step before the verification. The signature has 63 bytes.
#[divan::bench(args = CASES)]
fn refuse_a_proof_without_verification(bencher: Bencher<'_, '_>, case: &Case) {
    let key = key();
    let jwt = &case.jwt[..case.jwt.len() - 2];
    assert_eq!((case.verify)(jwt.as_bytes(), &key), Err(ProofError::Signature));
    bencher.counter(ItemsCount::new(1_usize)).bench(|| (case.verify)(jwt.as_bytes(), &key).err());
}

/// Reads the key of a session's record.
#[divan::bench]
fn read_a_public_key(bencher: Bencher<'_, '_>) {
    let bytes = *key().as_bytes();
    bencher.bench(|| PublicKey::from_bytes(&bytes).expect("it is right"));
}
