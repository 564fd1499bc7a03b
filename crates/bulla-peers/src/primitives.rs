//! How long the primitives take: each alone, and those of one operation one after another. No
//! library can be faster than its primitives one after another.

use std::hint::black_box;
use std::ops::Range;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::Simd;
use base64::engine::general_purpose::NO_PAD;
use chacha20::{R20, hchacha};
use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use dryoc::classic::crypto_aead_xchacha20poly1305_ietf::{
    crypto_aead_xchacha20poly1305_ietf_decrypt_detached_inplace as decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt_detached_inplace as encrypt,
};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::jobs::{Job, Size, Verb};
use crate::states::{Account, State, Visit};

/// A primitive.
pub const RANDOM: &str = "24 random bytes";
/// A primitive.
pub const CLOCK: &str = "reading the clock";
/// A primitive.
pub const POSTCARD: &str = "postcard";
/// A primitive.
pub const POSTCARD_VIEW: &str = "postcard, borrowing";
/// A primitive.
pub const XCHACHA_AWS_LC: &str = "HChaCha20, ChaCha20-Poly1305 of aws-lc-rs";
/// A primitive.
pub const XCHACHA_DRYOC: &str = "XChaCha20-Poly1305 of dryoc";
/// A primitive.
pub const XCHACHA: &str = "XChaCha20-Poly1305 of RustCrypto";
/// A primitive.
pub const BASE64: &str = "base64";
/// A primitive.
pub const HMAC: &str = "HMAC-SHA256 of RustCrypto";
/// A primitive.
pub const HMAC_FAST: &str = "HMAC-SHA256 of aws-lc-rs";

/// Every primitive, in the order of the report.
pub const ALL: [&str; 10] = [
    RANDOM,
    CLOCK,
    POSTCARD,
    POSTCARD_VIEW,
    BASE64,
    XCHACHA_AWS_LC,
    XCHACHA_DRYOC,
    XCHACHA,
    HMAC,
    HMAC_FAST,
];

/// The name of the job that calls the primitives of an operation of bulla one after another, as
/// a program would that has no key ring, no checks and no wiping.
pub fn sequence(who: &str, borrowing: bool) -> &'static str {
    use crate::peers::{AWS_LC, DEFAULT, DRYOC};
    match (who, borrowing) {
        (AWS_LC, false) => "primitives of bulla, aws-lc-rs",
        (AWS_LC, true) => "primitives of bulla, aws-lc-rs, borrowing",
        (DRYOC, false) => "primitives of bulla, dryoc",
        (DRYOC, true) => "primitives of bulla, dryoc, borrowing",
        (DEFAULT, false) => "primitives of bulla",
        (DEFAULT, true) => "primitives of bulla, borrowing",
        (_, false) => "primitives of bulla signed",
        (_, true) => "primitives of bulla signed, borrowing",
    }
}

/// Jobs for all primitives and all sequences of them, on both states.
pub fn jobs() -> Vec<Job> {
    [of::<Account>(Size::Small), of::<Visit>(Size::Large)].into_iter().flatten().collect()
}

fn of<S: State>(size: Size) -> Vec<Job> {
    use crate::peers::{AWS_LC, DEFAULT, DRYOC, SIGNED};
    let mut jobs = Vec::new();
    let mut job = |who, verb, run| jobs.push(Job { who, verb, size, chars: 0, run });
    for who in ALL {
        job(who, Verb::Seal, alone::<S>(who, Verb::Seal));
        job(who, Verb::Open, alone::<S>(who, Verb::Open));
    }
    let ciphers = [(AWS_LC, XCHACHA_AWS_LC), (DRYOC, XCHACHA_DRYOC), (DEFAULT, XCHACHA)];
    for (who, cipher) in ciphers.into_iter().chain([(SIGNED, HMAC)]) {
        job(sequence(who, false), Verb::Seal, seal::<S>(cipher));
        job(
            sequence(who, false),
            Verb::Open,
            open::<S>(cipher, |bytes| {
                drop(black_box(postcard::from_bytes::<S>(bytes).unwrap()));
            }),
        );
        job(
            sequence(who, true),
            Verb::Open,
            open::<S>(cipher, |bytes| {
                black_box(&postcard::from_bytes::<S::View<'_>>(bytes).unwrap());
            }),
        );
    }
    jobs
}

/// One call of a primitive, for the sample of a state.
fn alone<S: State>(who: &'static str, verb: Verb) -> Box<dyn FnMut()> {
    let state = S::sample();
    let bytes = postcard::to_allocvec(&state).unwrap();
    match (who, verb) {
        (RANDOM, _) => Box::new(|| {
            let mut nonce = [0; 24];
            getrandom::fill(&mut nonce).unwrap();
            black_box(nonce);
        }),
        (CLOCK, _) => Box::new(|| {
            black_box(std::time::SystemTime::now());
        }),
        (POSTCARD | POSTCARD_VIEW, Verb::Seal) => {
            let mut out = Vec::new();
            Box::new(move || {
                out.clear();
                out = postcard::to_extend(black_box(&state), std::mem::take(&mut out)).unwrap();
                black_box(&out);
            })
        }
        (POSTCARD, Verb::Open) => {
            Box::new(move || drop(black_box(postcard::from_bytes::<S>(black_box(&bytes)).unwrap())))
        }
        (POSTCARD_VIEW, Verb::Open) => Box::new(move || {
            black_box(&postcard::from_bytes::<S::View<'_>>(black_box(&bytes)).unwrap());
        }),
        (BASE64, _) => {
            let engine = Simd::url_safe(NO_PAD);
            let mut raw = raw::<S>(XCHACHA).1;
            let mut text = engine.encode(&raw).into_bytes();
            match verb {
                Verb::Seal => Box::new(move || {
                    engine.encode_slice(black_box(&raw), &mut text).unwrap();
                    black_box(&text);
                }),
                Verb::Open => Box::new(move || {
                    engine.decode_slice(black_box(&text), &mut raw).unwrap();
                    black_box(&raw);
                }),
            }
        }
        (cipher, Verb::Seal) => {
            let (body, mut raw) = raw::<S>(cipher);
            let protect = protect(cipher);
            Box::new(move || {
                raw.truncate(body.end);
                protect(black_box(&mut raw));
                black_box(&raw);
            })
        }
        (cipher, Verb::Open) => {
            let (_, sealed) = raw::<S>(cipher);
            let (check, mut raw) = (check(cipher), sealed.clone());
            Box::new(move || {
                raw.copy_from_slice(&sealed);
                check(black_box(&mut raw));
                black_box(&raw);
            })
        }
    }
}

/// The prefix and the key id of a token.
const HEAD: &[u8; 7] = b"b1.\x01\x02\x03\x04";

/// The bytes of a token with the sample of a state, and where its body is in them.
fn raw<S: State>(cipher: &str) -> (Range<usize>, Vec<u8>) {
    let mut raw = HEAD.to_vec();
    let body = fill(cipher, &S::sample(), &mut raw);
    protect(cipher)(&mut raw);
    (body, raw)
}

/// Appends the nonce and the body. Returns where the body is.
fn fill<S: State>(cipher: &str, state: &S, raw: &mut Vec<u8>) -> Range<usize> {
    if cipher != HMAC && cipher != HMAC_FAST {
        let mut nonce = [0; 24];
        getrandom::fill(&mut nonce).unwrap();
        raw.extend_from_slice(&nonce);
    }
    let start = raw.len();
    // Issued at, lifetime, schema version and payload length.
    raw.extend_from_slice(&[0; 11]);
    *raw = postcard::to_extend(state, std::mem::take(raw)).unwrap();
    start..raw.len()
}

/// Makes a token from its primitives, and does nothing else.
fn seal<S: State>(cipher: &'static str) -> Box<dyn FnMut()> {
    let (engine, protect, state) = (Simd::url_safe(NO_PAD), protect(cipher), S::sample());
    let mut raw = raw::<S>(cipher).1;
    let mut text = engine.encode(&raw).into_bytes();
    Box::new(move || {
        black_box(std::time::SystemTime::now());
        raw.truncate(HEAD.len());
        fill(cipher, black_box(&state), &mut raw);
        protect(&mut raw);
        engine.encode_slice(&raw[3..], &mut text).unwrap();
        black_box(&text);
    })
}

/// Opens a token with its primitives, and does nothing else.
fn open<S: State>(cipher: &'static str, decode: fn(&[u8])) -> Box<dyn FnMut()> {
    let (engine, check) = (Simd::url_safe(NO_PAD), check(cipher));
    let (body, mut raw) = raw::<S>(cipher);
    let text = engine.encode(&raw[3..]);
    Box::new(move || {
        engine.decode_slice(black_box(&text), &mut raw[3..]).unwrap();
        check(&mut raw);
        black_box(std::time::SystemTime::now());
        decode(&raw[body.start + 11..body.end]);
    })
}

const KEY: [u8; 32] = [7; 32];

type Protect = Box<dyn Fn(&mut Vec<u8>)>;
type Check = Box<dyn Fn(&mut [u8])>;
type Mac = Box<dyn Fn(&[u8]) -> [u8; 32]>;

/// Encrypts the body of a token if it has a nonce, and appends the tag.
fn protect(cipher: &str) -> Protect {
    match cipher {
        XCHACHA_AWS_LC => Box::new(|raw| {
            let (head, body) = raw.split_at_mut(31);
            let (key, nonce) = of_token(head);
            let ad = Aad::from(&head[..7]);
            let tag = key.seal_in_place_separate_tag(nonce, ad, body).unwrap();
            raw.extend_from_slice(tag.as_ref());
        }),
        XCHACHA_DRYOC => Box::new(|raw| {
            let (head, body) = raw.split_at_mut(31);
            let (ad, nonce) = head.split_first_chunk::<7>().unwrap();
            let mut tag = [0; 16];
            encrypt(body, &mut tag, Some(ad), nonce.first_chunk().unwrap(), &KEY).unwrap();
            raw.extend_from_slice(&tag);
        }),
        XCHACHA => {
            let cipher = XChaCha20Poly1305::new(&KEY.into());
            Box::new(move |raw| {
                let (head, body) = raw.split_at_mut(31);
                let (ad, nonce) = head.split_first_chunk::<7>().unwrap();
                let nonce = nonce.first_chunk::<24>().unwrap().into();
                let tag = cipher.encrypt_inout_detached(nonce, ad, body.into()).unwrap();
                raw.extend_from_slice(&tag);
            })
        }
        _ => {
            let mac = mac(cipher);
            Box::new(move |raw| {
                let tag = mac(raw);
                raw.extend_from_slice(&tag);
            })
        }
    }
}

/// Checks the tag of a token, and decrypts its body if it has a nonce.
fn check(cipher: &str) -> Check {
    match cipher {
        XCHACHA_AWS_LC => Box::new(|raw| {
            let (head, rest) = raw.split_at_mut(31);
            let (body, tag) = rest.split_last_chunk_mut::<16>().unwrap();
            let (key, nonce) = of_token(head);
            let ad = Aad::from(&head[..7]);
            key.open_in_place_separate_tag(nonce, ad, &*tag, body).unwrap();
        }),
        XCHACHA_DRYOC => Box::new(|raw| {
            let (head, rest) = raw.split_at_mut(31);
            let (body, tag) = rest.split_last_chunk_mut::<16>().unwrap();
            let (ad, nonce) = head.split_first_chunk::<7>().unwrap();
            decrypt(body, tag, Some(ad), nonce.first_chunk().unwrap(), &KEY).unwrap();
        }),
        XCHACHA => {
            let cipher = XChaCha20Poly1305::new(&KEY.into());
            Box::new(move |raw| {
                let (head, rest) = raw.split_at_mut(31);
                let (body, tag) = rest.split_last_chunk_mut::<16>().unwrap();
                let (ad, nonce) = head.split_first_chunk::<7>().unwrap();
                let nonce = nonce.first_chunk::<24>().unwrap().into();
                cipher.decrypt_inout_detached(nonce, ad, body.into(), (&*tag).into()).unwrap();
            })
        }
        _ => {
            let mac = mac(cipher);
            Box::new(move |raw| {
                let (message, tag) = raw.split_last_chunk::<32>().unwrap();
                assert!(mac(message) == *tag);
            })
        }
    }
}

fn of_token(head: &[u8]) -> (LessSafeKey, Nonce) {
    let subkey = hchacha::<R20>(&KEY.into(), head[7..23].try_into().unwrap());
    let mut short = [0; 12];
    short[4..].copy_from_slice(&head[23..31]);
    let key = UnboundKey::new(&CHACHA20_POLY1305, &subkey).unwrap();
    (LessSafeKey::new(key), Nonce::assume_unique_for_key(short))
}

fn mac(cipher: &str) -> Mac {
    if cipher == HMAC {
        let prepared = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
        return Box::new(move |message| {
            prepared.clone().chain_update(message).finalize().into_bytes().into()
        });
    }
    let prepared = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &KEY);
    Box::new(move |message| aws_lc_rs::hmac::sign(&prepared, message).as_ref().try_into().unwrap())
}
