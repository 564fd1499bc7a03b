//! Sealing and opening, signing and verifying.

use bulla::token::{
    CLOCK_SKEW, MAX_TOKEN_LEN, Mode, OnceError, Opened, RawTokens, UsedHere, UsedTokens, View,
    Visible, read_unverified, read_unverified_raw,
};
use bulla::{KeyRing, OpenError, Payload, SealError, Sealer, Signer, UnixTime};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::support::{Account, T0, ada, key_text, ring, secs};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/reset-link")]
struct Reset {
    account: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/profile", encoding = "json")]
struct Profile {
    name: String,
}

#[derive(Debug, Deserialize)]
struct AccountView<'a> {
    id: u64,
    name: &'a str,
}

impl<'a> View<'a> for AccountView<'a> {
    type Of = Account;
}

/// A `Sealer` and a `Signer`, so that one test covers both modes.
struct Both {
    sealer: Sealer<Account>,
    signer: Signer<Account>,
}

impl Both {
    fn new(ring: &KeyRing, lifetime: u64) -> Both {
        Both {
            sealer: Sealer::new(ring, secs(lifetime)),
            signer: Signer::new(ring, secs(lifetime)),
        }
    }

    fn make(&self, now: UnixTime) -> [String; 2] {
        [self.sealer.seal_at(&ada(), now).unwrap(), self.signer.sign_at(&ada(), now).unwrap()]
    }

    fn read(&self, token: impl AsRef<[u8]>, now: UnixTime) -> Result<Opened<Account>, OpenError> {
        let token = token.as_ref();
        if token.starts_with(b"s1.") {
            self.signer.verify_at(token, now)
        } else {
            self.sealer.open_at(token, now)
        }
    }
}

#[test]
fn a_token_opens_until_its_deadline_and_not_after() {
    let both = Both::new(&KeyRing::generate().unwrap(), 900);
    for token in both.make(T0) {
        for (age, opens) in [(0, true), (1, true), (899, true), (900, false), (901, false)] {
            let opened = both.read(&token, T0 + secs(age));
            assert_eq!(opened.is_ok(), opens, "{age} seconds after sealing");
            match opened {
                Ok(opened) => {
                    assert_eq!(opened.payload, ada());
                    assert_eq!((opened.issued_at, opened.expires_at), (T0, T0 + secs(900)));
                }
                Err(error) => {
                    assert_eq!(error, OpenError::Expired { expires_at: T0 + secs(900) });
                }
            }
        }
    }
}

#[test]
fn sealing_and_opening_use_the_system_clock_by_default() {
    let both = Both::new(&KeyRing::generate().unwrap(), 900);
    let before = UnixTime::now();
    let sealed = both.sealer.seal(&ada()).unwrap();
    let signed = both.signer.sign(&ada()).unwrap();
    for opened in [both.sealer.open(&sealed).unwrap(), both.signer.verify(&signed).unwrap()] {
        assert_eq!(opened.payload, ada());
        assert!((before..=UnixTime::now()).contains(&opened.issued_at));
    }
    let [sealed, signed] = both.make(UnixTime::from_secs(1_000_000_000));
    assert!(matches!(both.sealer.open(&sealed), Err(OpenError::Expired { .. })));
    assert!(matches!(both.signer.verify(&signed), Err(OpenError::Expired { .. })));
}

#[test]
fn the_reader_shortens_a_lifetime_and_never_lengthens_it() {
    let ring = KeyRing::generate().unwrap();
    for (made_for, read_with, lives) in [(900, 60, 60), (60, 900, 60)] {
        let (maker, reader) = (Both::new(&ring, made_for), Both::new(&ring, read_with));
        for token in maker.make(T0) {
            assert_eq!(reader.read(&token, T0).unwrap().expires_at, T0 + secs(lives));
            assert!(reader.read(&token, T0 + secs(lives)).is_err());
        }
    }
}

#[test]
fn a_token_from_a_clock_60_seconds_ahead_opens_and_from_61_does_not() {
    let both = Both::new(&KeyRing::generate().unwrap(), 900);
    for token in both.make(T0 + secs(61)) {
        let issued_at = T0 + secs(61);
        assert!(both.read(&token, T0 + secs(1)).is_ok());
        let error = both.read(&token, T0).unwrap_err();
        assert_eq!(error, OpenError::NotYetValid { issued_at });
        assert!(error.may_be_valid_elsewhere());
    }
}

#[test]
fn every_change_of_one_character_is_refused() {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let both = Both::new(&KeyRing::generate().unwrap(), 900);
    for token in both.make(T0) {
        for at in 0..token.len() {
            for byte in ALPHABET.iter().copied().chain(*b"=+/ \n\0\x80.") {
                let mut changed = token.clone().into_bytes();
                changed[at] = byte;
                let same = changed == token.as_bytes();
                assert_eq!(both.read(&changed, T0).is_ok(), same, "character {at}");
            }
        }
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let both = Both::new(&KeyRing::generate().unwrap(), 900);
    for token in both.make(T0) {
        for len in 0..token.len() {
            assert!(both.read(&token[..len], T0).is_err(), "{len} characters");
            assert!(both.read(&token[token.len() - len..], T0).is_err());
        }
        for more in ["A", "AA", "AAAA", "=", " ", "\n", "\0", ".", &token] {
            assert!(both.read(format!("{token}{more}"), T0).is_err());
            assert!(both.read(format!("{more}{token}"), T0).is_err());
        }
    }
}

#[test]
fn a_token_opens_only_for_its_purpose_and_mode() {
    #[derive(Serialize, Deserialize, Payload)]
    #[payload(purpose = "shop.example/other")]
    struct Other {
        account: u64,
    }
    let ring = KeyRing::generate().unwrap();
    let (resets, others) =
        (Sealer::<Reset>::new(&ring, secs(60)), Sealer::<Other>::new(&ring, secs(60)));
    let signed = Signer::<Reset>::new(&ring, secs(60));
    let token = resets.seal_at(&Reset { account: 1 }, T0).unwrap();
    let id = ring.primary_at(T0).unwrap();
    assert_eq!(others.open_at(&token, T0).unwrap_err(), OpenError::BadTag(id));
    assert_eq!(signed.verify_at(&token, T0).unwrap_err(), OpenError::Prefix);
    let sealed_as_signed = token.replacen("b1.", "s1.", 1);
    assert_eq!(signed.verify_at(&sealed_as_signed, T0).unwrap_err(), OpenError::BadTag(id));
    let signed_as_sealed =
        signed.sign_at(&Reset { account: 1 }, T0).unwrap().replacen("s1.", "b1.", 1);
    assert!(resets.open_at(&signed_as_sealed, T0).is_err());
}

#[test]
fn check_at_reports_the_same_deadlines_as_opening() {
    let ring = ring(&[&format!("{} open-until={}", key_text(), T0 + secs(1000))]);
    for mode in [Mode::Sealed, Mode::Signed] {
        let tokens = RawTokens::new(&ring, mode, "shop.example/reset-link");
        let token = tokens.make(b"\x2a", 1, secs(900), T0).unwrap();
        let token = tokens.authenticate(token).unwrap();
        let at = |secs: u64| token.check_at(UnixTime::from_secs(T0.as_secs() - 100 + secs));
        let future = Err(OpenError::NotYetValid { issued_at: T0 });
        let expired = Err(OpenError::Expired { expires_at: T0 + secs(900) });
        let retired = Err(OpenError::RetiredKey(token.key_id));
        for (secs, expected) in [
            (39, future),
            (40, Ok(())),
            (100, Ok(())),
            (999, Ok(())),
            (1000, expired),
            (1099, expired),
            (1100, retired),
        ] {
            assert_eq!(at(secs), expected, "{secs}");
        }
    }
}

#[test]
fn a_token_shows_its_mode_key_id_and_length_without_a_key() {
    let ring = KeyRing::generate().unwrap();
    for mode in [Mode::Sealed, Mode::Signed] {
        let tokens = RawTokens::new(&ring, mode, "shop.example/reset-link");
        assert!(matches!(tokens.make(b"", 0, secs(900), T0), Err(SealError::Payload(_))));
        let lengths = [1, 10].map(|len| {
            let token = tokens.make(&vec![42; len], 1, secs(900), T0).unwrap();
            let visible = Visible::of(&token).unwrap();
            assert_eq!(
                (visible.mode, Some(visible.unverified_key_id)),
                (mode, ring.primary_at(T0))
            );
            let read = read_unverified_raw(&token);
            match mode {
                Mode::Signed => {
                    let read = read.unwrap();
                    assert_eq!((&read.payload[..], read.schema), (&vec![42; len][..], 1));
                    assert_eq!((read.issued_at, read.expires_at), (T0, T0 + secs(900)));
                }
                _ => assert!(matches!(read, Err(OpenError::Prefix))),
            }
            visible.body_len
        });
        assert_eq!(lengths[1] - lengths[0], 9);
    }
    for (bad, error) in [
        ("", OpenError::Prefix),
        ("b2.AAAA", OpenError::Prefix),
        ("s1.AA=A", OpenError::Encoding),
        ("b1.AAAA", OpenError::TooShort),
    ] {
        assert_eq!(Visible::of(bad).unwrap_err(), error, "{bad}");
    }
}

#[test]
fn a_token_is_claimed_once_and_expired_claims_are_dropped_when_there_are_many() {
    let links = Sealer::<Reset>::new(KeyRing::generate().unwrap(), secs(900));
    let token = links.seal_at(&Reset { account: 42 }, T0).unwrap();
    let used = UsedHere::new();
    assert_eq!(links.open_once_at(&token, &used, T0).unwrap().payload.account, 42);
    assert!(matches!(links.open_once_at(&token, &used, T0), Err(OnceError::Used)));
    let late = links.open_once_at(&token, &used, T0 + secs(900));
    assert!(matches!(late, Err(OnceError::Open(OpenError::Expired { .. }))));

    let used = UsedHere::new();
    let claim = |n: u16, until| {
        let mut token = [0; 16];
        token[..2].copy_from_slice(&n.to_be_bytes());
        used.claim(&token, until).unwrap()
    };
    assert!(claim(0, UnixTime::MAX));
    for n in 1..1023 {
        assert!(claim(n, UnixTime::EPOCH) && !claim(n, UnixTime::EPOCH), "{n}");
    }
    assert!(claim(1023, UnixTime::EPOCH) && claim(1024, UnixTime::MAX));
    assert!(!claim(0, UnixTime::MAX) && !claim(1024, UnixTime::MAX));
    assert!(claim(1, UnixTime::EPOCH), "an expired claim was dropped");
}

#[test]
fn a_claim_is_kept_until_the_token_has_expired_by_every_clock() {
    struct Asked(std::cell::Cell<UnixTime>);
    impl UsedTokens for Asked {
        fn claim(&self, _: &[u8; 16], until: UnixTime) -> Result<bool, bulla::token::ClaimError> {
            self.0.set(until);
            Err("the store is away".into())
        }
    }
    let links = Sealer::<Reset>::new(KeyRing::generate().unwrap(), secs(900));
    let token = links.seal_at(&Reset { account: 42 }, T0).unwrap();
    let asked = Asked(UnixTime::EPOCH.into());
    assert!(matches!(links.open_once_at(&token, &asked, T0), Err(OnceError::Claim(_))));
    assert_eq!(asked.0.get(), T0 + secs(900) + CLOCK_SKEW);
}

#[test]
fn a_key_opens_its_own_tokens_and_no_others() {
    let (a, b) = (key_text(), key_text());
    let old = Both::new(&ring(&[&a]), 900);
    let both = Both::new(&ring(&[&b, &a]), 900);
    let new = Both::new(&ring(&[&b]), 900);
    for token in old.make(T0) {
        assert!(both.read(&token, T0).is_ok(), "tokens still open after a key was added");
        let error = new.read(&token, T0).unwrap_err();
        assert!(matches!(error, OpenError::UnknownKey(_)), "the key was removed");
    }
    for token in both.make(T0) {
        assert!(new.read(&token, T0).is_ok(), "the first of two keys without dates is primary");
    }
}

#[test]
fn two_sealed_tokens_of_one_value_differ_and_two_signed_ones_do_not() {
    let both = Both::new(&KeyRing::generate().unwrap(), 900);
    let ([sealed, signed], [sealed_again, signed_again]) = (both.make(T0), both.make(T0));
    assert_ne!(sealed, sealed_again);
    assert_eq!(signed, signed_again);
}

#[test]
fn padding_makes_lengths_equal() {
    let ring = KeyRing::generate().unwrap();
    let sealer = Sealer::<Account>::new(&ring, secs(60)).padded_to(64);
    let lens: Vec<usize> = ["", "A", "Ada", "Augusta Ada King, Countess"]
        .map(|name| sealer.seal_at(&Account { id: 1, name: name.into() }, T0).unwrap().len())
        .into();
    assert!(lens.iter().all(|len| *len == lens[0]), "{lens:?}");
}

#[test]
fn sealing_a_payload_too_large_fails_with_the_length_and_the_limit() {
    let ring = KeyRing::generate().unwrap();
    let large = Account { id: 1, name: "x".repeat(7000) };
    let mut token = "old".to_owned();
    let error = Sealer::new(&ring, secs(60)).seal_into(&large, T0, &mut token).unwrap_err();
    assert!(matches!(error, SealError::TooLong { len: 9411, limit: MAX_TOKEN_LEN }), "{error}");
    assert_eq!(token, "");
    let error = Signer::new(&ring, secs(60)).limited_to(60).sign_at(&ada(), T0).unwrap_err();
    assert!(matches!(error, SealError::TooLong { limit: 60, .. }), "{error}");
}

#[test]
fn a_token_of_the_maximum_length_is_made_and_opened_and_a_longer_one_is_refused() {
    let ring = KeyRing::generate().unwrap();
    let (sealer, signer) =
        (|| Sealer::<Account>::new(&ring, secs(60)), || Signer::<Account>::new(&ring, secs(60)));
    let sealed = sealer().seal_at(&ada(), T0).unwrap();
    let signed = signer().sign_at(&ada(), T0).unwrap();
    for (short, fits) in [(0, true), (1, false)] {
        let sealer = sealer().limited_to(sealed.len() - short);
        let signer = signer().limited_to(signed.len() - short);
        assert_eq!(sealer.seal_at(&ada(), T0).is_ok(), fits, "{short} too few");
        assert_eq!(sealer.open_at(&sealed, T0).is_ok(), fits, "{short} too few");
        assert_eq!(signer.sign_at(&ada(), T0).is_ok(), fits, "{short} too few");
        assert_eq!(signer.verify_at(&signed, T0).is_ok(), fits, "{short} too few");
    }
}

#[test]
fn a_token_over_the_length_limit_is_refused_before_it_is_decoded() {
    let sealer = Sealer::<Account>::new(KeyRing::generate().unwrap(), secs(60));
    for (len, refused) in [(MAX_TOKEN_LEN + 1, true), (8 << 20, true), (MAX_TOKEN_LEN, false)] {
        let error = sealer.open_at(vec![b'='; len], T0).unwrap_err();
        assert_eq!(matches!(error, OpenError::TooLong { .. }), refused, "{len} characters");
    }
    let token = sealer.seal_at(&ada(), T0).unwrap();
    let strict = Sealer::<Account>::new(KeyRing::generate().unwrap(), secs(60)).limited_to(50);
    assert!(matches!(strict.open_at(&token, T0), Err(OpenError::TooLong { limit: 50, .. })));
}

#[test]
fn sealing_into_a_large_enough_buffer_does_not_reallocate() {
    let sealer = Sealer::<Account>::new(KeyRing::generate().unwrap(), secs(60));
    let mut token = String::new();
    sealer.seal_into(&ada(), T0, &mut token).unwrap();
    let (at, capacity) = (token.as_ptr(), token.capacity());
    for _ in 0..3 {
        sealer.seal_into(&ada(), T0, &mut token).unwrap();
        assert_eq!((token.as_ptr(), token.capacity()), (at, capacity));
    }
}

#[test]
fn a_view_borrows_its_strings() {
    let ring = KeyRing::generate().unwrap();
    let (sealer, signer) =
        (Sealer::<Account>::new(&ring, secs(60)), Signer::<Account>::new(&ring, secs(60)));
    let mut buf = Vec::new();
    let sealed = sealer.seal_at(&ada(), T0).unwrap();
    let view = sealer.open_in::<AccountView>(&sealed, T0, &mut buf).unwrap();
    assert_eq!((view.payload.id, view.payload.name), (1815, "Ada"));
    let signed = signer.sign_at(&ada(), T0).unwrap();
    let view = signer.verify_in::<AccountView>(&signed, T0, &mut buf).unwrap();
    assert_eq!((view.payload.id, view.payload.name), (1815, "Ada"));
}

#[test]
fn a_signed_token_is_read_without_a_key_and_a_sealed_one_is_not() {
    let ring = KeyRing::generate().unwrap();
    let signer = Signer::<Profile>::new(&ring, secs(60));
    let token = signer.sign_at(&Profile { name: "Ada".into() }, T0).unwrap();
    let read = read_unverified::<Profile>(&token).unwrap();
    assert_eq!(read.unverified_payload.name, "Ada");
    assert_eq!(read.unverified_expires_at, T0 + secs(60));
    assert_eq!(Some(read.unverified_key_id), ring.primary_at(T0));
    let sealed = Sealer::<Account>::new(&ring, secs(60)).seal_at(&ada(), T0).unwrap();
    assert_eq!(read_unverified::<Profile>(&sealed).unwrap_err(), OpenError::Prefix);
}

#[test]
fn a_lifetime_is_capped_at_the_last_second() {
    let sealer = Sealer::<Account>::new(KeyRing::generate().unwrap(), std::time::Duration::MAX);
    let token = sealer.seal_at(&ada(), T0).unwrap();
    assert_eq!(sealer.open_at(&token, T0).unwrap().expires_at, UnixTime::MAX);
}

proptest! {
    #[test]
    fn any_account_survives_a_round_trip(id: u64, name: String, at in 0_u64..1 << 36, bucket: u8) {
        prop_assume!(name.len() < 4000);
        let ring = KeyRing::generate().unwrap();
        let (account, at) = (Account { id, name }, UnixTime::from_secs(at));
        let sealer = Sealer::<Account>::new(&ring, secs(60)).padded_to(bucket);
        let token = sealer.seal_at(&account, at).unwrap();
        prop_assert_eq!(sealer.open_at(&token, at).unwrap().payload, account.clone());
        let signer = Signer::<Account>::new(&ring, secs(60));
        let token = signer.sign_at(&account, at).unwrap();
        prop_assert_eq!(signer.verify_at(&token, at).unwrap().payload, account);
    }

    #[test]
    fn no_bytes_make_opening_panic(prefix in "[bs]1\\.|", bytes: Vec<u8>, text in "[A-Za-z0-9_-]{0,200}") {
        let both = Both::new(&KeyRing::generate().unwrap(), 900);
        for rest in [&bytes[..], text.as_bytes()] {
            let token = [prefix.as_bytes(), rest].concat();
            prop_assert!(both.read(&token, T0).is_err());
            prop_assert!(both.sealer.open_at(&token, T0).is_err());
            let _ = read_unverified::<Profile>(&token);
        }
    }
}
