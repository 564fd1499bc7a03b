//! How long the primitives alone take. No library can be faster than the sum of its primitives.

use std::hint::black_box;
use std::rc::Rc;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::Simd;
use base64::engine::general_purpose::NO_PAD;
use chacha20::{R20, hchacha};
use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
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
pub const XCHACHA_FAST: &str = "HChaCha20, ChaCha20-Poly1305 of aws-lc-rs";
/// A primitive.
pub const XCHACHA: &str = "XChaCha20-Poly1305 of RustCrypto";
/// A primitive.
pub const BASE64: &str = "base64";
/// A primitive.
pub const HMAC: &str = "HMAC-SHA256 of RustCrypto";
/// A primitive.
pub const HMAC_FAST: &str = "HMAC-SHA256 of aws-lc-rs";

/// The primitives that an operation of bulla uses. The sum of their times is the floor.
pub fn floor(who: &str, verb: Verb, borrowing: bool) -> Vec<&'static str> {
    use crate::peers::{DEFAULT, FAST};
    let cipher = match who {
        FAST => XCHACHA_FAST,
        DEFAULT => XCHACHA,
        _ => HMAC,
    };
    let sealed = who == FAST || who == DEFAULT;
    let mut parts = vec![CLOCK, cipher, BASE64];
    if verb == Verb::Seal && sealed {
        parts.push(RANDOM);
    }
    parts.push(if borrowing && verb == Verb::Open { POSTCARD_VIEW } else { POSTCARD });
    parts
}

/// Jobs for all primitives, on both states.
pub fn jobs() -> Vec<Job> {
    [of::<Account>(Size::Small), of::<Visit>(Size::Large)].into_iter().flatten().collect()
}

fn of<S: State>(size: Size) -> Vec<Job> {
    let state = S::sample();
    let bytes = postcard::to_allocvec(&state).unwrap();
    // Issued at, lifetime, schema version and payload length take 10 or 11 bytes.
    let body = bytes.len() + if size == Size::Small { 10 } else { 11 };
    let mut jobs = Vec::new();
    let mut job = |who, verb, run: Box<dyn FnMut()>| {
        jobs.push(Job { who, verb, size, chars: 0, run });
    };

    job(RANDOM, Verb::Seal, {
        Box::new(|| {
            let mut nonce = [0; 24];
            getrandom::fill(&mut nonce).unwrap();
            black_box(nonce);
        })
    });
    for verb in [Verb::Seal, Verb::Open] {
        job(
            CLOCK,
            verb,
            Box::new(|| {
                black_box(std::time::SystemTime::now());
            }),
        );
        for who in [XCHACHA, XCHACHA_FAST] {
            job(who, verb, cipher(who, verb, body));
        }
        for who in [HMAC, HMAC_FAST] {
            job(who, verb, mac(who, body));
        }
    }

    let mut out = Vec::new();
    let value = state.clone();
    job(POSTCARD, Verb::Seal, {
        Box::new(move || {
            out.clear();
            out = postcard::to_extend(black_box(&value), std::mem::take(&mut out)).unwrap();
            black_box(&out);
        })
    });
    let from = bytes.clone();
    job(POSTCARD, Verb::Open, {
        Box::new(move || drop(black_box(postcard::from_bytes::<S>(black_box(&from)).unwrap())))
    });
    let from = bytes.clone();
    job(POSTCARD_VIEW, Verb::Open, {
        Box::new(move || {
            black_box(&postcard::from_bytes::<S::View<'_>>(black_box(&from)).unwrap());
        })
    });

    let engine = Rc::new(Simd::url_safe(NO_PAD));
    let decoder = Rc::clone(&engine);
    let raw = vec![0x5c; 4 + 24 + body + 16];
    let mut text = vec![0; raw.len().div_ceil(3) * 4];
    let len = engine.encode_slice(&raw, &mut text).unwrap();
    text.truncate(len);
    let mut out = text.clone();
    let mut back = raw.clone();
    job(BASE64, Verb::Seal, {
        Box::new(move || {
            engine.encode_slice(black_box(&raw), &mut out).unwrap();
            black_box(&out);
        })
    });
    job(BASE64, Verb::Open, {
        Box::new(move || {
            decoder.decode_slice(black_box(&text), &mut back).unwrap();
            black_box(&back);
        })
    });
    jobs
}

const AD: &[u8] = b"b1.\x01\x02\x03\x04";

fn cipher(who: &str, verb: Verb, len: usize) -> Box<dyn FnMut()> {
    let (key, nonce) = ([7; 32], [9; 24]);
    let cipher = XChaCha20Poly1305::new(&key.into());
    let mut sealed = vec![0; len];
    let tag = cipher.encrypt_inout_detached(&nonce.into(), AD, (&mut sealed[..]).into()).unwrap();
    let mut body = sealed.clone();
    match (who == XCHACHA, verb) {
        (true, Verb::Seal) => Box::new(move || {
            let out = (&mut body[..]).into();
            black_box(cipher.encrypt_inout_detached(black_box(&nonce.into()), AD, out).unwrap());
        }),
        (true, Verb::Open) => Box::new(move || {
            body.copy_from_slice(&sealed);
            let out = (&mut body[..]).into();
            cipher.decrypt_inout_detached(black_box(&nonce.into()), AD, out, &tag).unwrap();
        }),
        (false, Verb::Seal) => Box::new(move || {
            let (key, nonce) = of_token(&key, black_box(&nonce));
            let tag = key.seal_in_place_separate_tag(nonce, Aad::from(AD), &mut body);
            let _ = black_box(tag.unwrap());
        }),
        (false, Verb::Open) => Box::new(move || {
            body.copy_from_slice(&sealed);
            let (key, nonce) = of_token(&key, black_box(&nonce));
            key.open_in_place_separate_tag(nonce, Aad::from(AD), &tag, &mut body).unwrap();
        }),
    }
}

fn of_token(key: &[u8; 32], nonce: &[u8; 24]) -> (LessSafeKey, Nonce) {
    let subkey = hchacha::<R20>(key.into(), nonce[..16].try_into().unwrap());
    let mut short = [0; 12];
    short[4..].copy_from_slice(&nonce[16..]);
    let key = UnboundKey::new(&CHACHA20_POLY1305, &subkey).unwrap();
    (LessSafeKey::new(key), Nonce::assume_unique_for_key(short))
}

fn mac(who: &str, len: usize) -> Box<dyn FnMut()> {
    let message = vec![3; 4 + len];
    if who == HMAC {
        let prepared = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
        return Box::new(move || {
            let mut state = prepared.clone();
            state.update(b"s1.");
            state.update(black_box(&message));
            black_box(state.finalize().into_bytes());
        });
    }
    let prepared = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[7; 32]);
    Box::new(move || {
        let mut state = aws_lc_rs::hmac::Context::with_key(&prepared);
        state.update(b"s1.");
        state.update(black_box(&message));
        black_box(state.sign());
    })
}
