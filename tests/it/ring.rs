//! Key rings: their text form, their schedule, and the errors of parsing.

use bulla::keys::{Key, KeyError, RingEntry, RingError};
use bulla::{KeyRing, OpenError, SealError, Sealer, UnixTime};

use crate::support::{Account, T0, ada, key_text, ring, secs};

fn id(line: &str) -> String {
    line.split(' ').next().unwrap().rsplit('.').next().unwrap().to_owned()
}

fn primary(ring: &KeyRing, at: UnixTime) -> Option<String> {
    ring.primary_at(at).map(|id| id.to_string())
}

#[test]
fn a_ring_follows_its_schedule_of_primary_and_retired_keys() {
    let [a, b, c] = [key_text(), key_text(), key_text()];
    let text = format!(
        "# three keys\n{a} open-until={}\r\n\n {b}\tprimary-from={} ; {c} primary-from={}  # the last",
        T0 + secs(200),
        T0 + secs(100),
        T0 + secs(300)
    );
    let ring: KeyRing = text.parse().unwrap();
    for (at, key) in [(0, &a), (99, &a), (100, &b), (250, &b), (299, &b), (300, &c), (9999, &c)] {
        assert_eq!(primary(&ring, T0 + secs(at)), Some(id(key)), "after {at} seconds");
    }
    let again: KeyRing = ring.expose_text().parse().unwrap();
    assert_eq!(format!("{ring:?}"), format!("{again:?}"));

    let before = Sealer::<Account>::new(
        KeyRing::new([RingEntry::new(a.parse().unwrap())]).unwrap(),
        secs(900),
    );
    let sealer = Sealer::<Account>::new(&ring, secs(900));
    let token = before.seal_at(&ada(), T0).unwrap();
    assert!(sealer.open_at(&token, T0 + secs(199)).is_ok());
    let error = sealer.open_at(&token, T0 + secs(200)).unwrap_err();
    assert!(matches!(error, OpenError::RetiredKey(_)), "{error}");
    assert!(error.may_be_valid_elsewhere());
}

#[test]
fn a_ring_built_from_entries_equals_one_parsed_from_text() {
    let [a, b] = [key_text(), key_text()];
    let (from, until) = (T0 + secs(100), T0 + secs(200));
    let written = ring(&[&format!("{a} open-until={until}"), &format!("{b} primary-from={from}")]);
    let together = KeyRing::new([
        RingEntry::new(a.parse().unwrap()).with_open_until(until),
        RingEntry::new(b.parse().unwrap()).with_primary_from(from),
    ])
    .unwrap();
    assert_eq!(*together.expose_text(), *written.expose_text());
    let dates: Vec<_> =
        written.entries().map(|entry| (entry.primary_from(), entry.open_until())).collect();
    assert_eq!(dates, [(UnixTime::EPOCH, Some(until)), (from, None)]);
}

#[test]
fn a_key_that_is_not_yet_primary_opens_tokens() {
    let [a, b] = [key_text(), key_text()];
    let later = format!("{b} primary-from={}", T0 + secs(100));
    let ahead = Sealer::<Account>::new(ring(&[&b]), secs(900));
    let behind = Sealer::<Account>::new(ring(&[&a, &later]), secs(900));
    let token = ahead.seal_at(&ada(), T0).unwrap();
    assert!(behind.open_at(&token, T0).is_ok());
}

#[test]
fn a_ring_without_a_current_primary_key_opens_but_does_not_seal() {
    let later = format!("{} primary-from={}", key_text(), T0 + secs(100));
    let sealer = Sealer::<Account>::new(ring(&[&later]), secs(900));
    assert_eq!(sealer.seal_at(&ada(), T0).unwrap_err(), SealError::NoPrimaryKey);
    let token = sealer.seal_at(&ada(), T0 + secs(100)).unwrap();
    assert!(sealer.open_at(token, T0 + secs(99)).is_ok());
}

#[test]
fn a_ring_error_names_the_line_and_never_its_content() {
    let [a, b] = [key_text(), key_text()];
    let cut = &a[..a.len() - 12];
    let other_id = format!("{}{}", &a[..a.len() - 8], id(&b));
    let low = "bulla-key-1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.deadbeef";
    let table = [
        (String::new(), "the key ring has no key; it needs at least one"),
        ("# nothing\n;;\n".to_owned(), "the key ring has no key; it needs at least one"),
        (
            format!("\u{feff}{a}"),
            "line 1 of the key ring: begins with a byte order mark; save it as UTF-8 without one",
        ),
        (
            format!("{a}\nhunter2"),
            "line 2 of the key ring: not a key in the form bulla-key-1.<43 characters>.<8 hexadecimal digits>",
        ),
        (
            format!("{a};{cut}"),
            "line 2 of the key ring: not a key in the form bulla-key-1.<43 characters>.<8 hexadecimal digits>",
        ),
        (
            format!("\n\n{other_id}"),
            "line 3 of the key ring: the id at the end does not match the key; was the text cut or mistyped?",
        ),
        (
            low.to_owned(),
            "line 1 of the key ring: the id at the end does not match the key; was the text cut or mistyped?",
        ),
        (
            format!("{a}\n{a}"),
            &format!(
                "line 2 of the key ring: an earlier line has the same key id, {}; remove one of them",
                id(&a)
            ),
        ),
        (
            format!("{a} hunter2"),
            "line 1 of the key ring: only primary-from=INSTANT and open-until=INSTANT may follow the key",
        ),
        (
            format!("{a} secret=hunter2"),
            "line 1 of the key ring: only primary-from=INSTANT and open-until=INSTANT may follow the key",
        ),
        (
            format!("{a} primary-from=tomorrow"),
            "line 1 of the key ring: primary-from takes an instant like 2026-12-01T00:00:00Z (UTC, whole seconds)",
        ),
        (
            format!("{a} open-until=2026-02-30T00:00:00Z"),
            "line 1 of the key ring: open-until takes an instant like 2026-12-01T00:00:00Z (UTC, whole seconds)",
        ),
        (
            format!("{a} primary-from={T0} primary-from={T0}"),
            "line 1 of the key ring: primary-from is given twice",
        ),
        (
            format!("{a} primary-from={T0} open-until={T0}"),
            "line 1 of the key ring: open-until must be after primary-from, or the key would retire before it is used",
        ),
        ("x".repeat(65_537), "the key ring has 65537 bytes; the limit is 65536"),
    ];
    for (text, expected) in &table {
        let error = text.parse::<KeyRing>().unwrap_err();
        assert_eq!(error.to_string(), *expected);
        for secret in ["hunter2", "tomorrow", &a[12..55], cut] {
            assert!(!format!("{error} {error:?}").contains(secret));
        }
    }
    assert_eq!(KeyRing::try_from(&b"\n\nkey\xff"[..]).unwrap_err(), RingError::NotUtf8 { line: 3 });
}

#[test]
fn a_ring_holds_64_keys_and_not_65() {
    let keys: Vec<String> = (0..65).map(|_| key_text()).collect();
    assert_eq!(keys[..64].join("\n").parse::<KeyRing>().unwrap().entries().len(), 64);
    let error = keys.join("\n").parse::<KeyRing>().unwrap_err();
    assert_eq!(error, RingError::TooManyKeys { line: 65 });
    assert_eq!(KeyRing::new([]).unwrap_err(), RingError::Empty);
}

#[test]
fn keys_that_are_not_random_are_refused() {
    let counting = std::array::from_fn(|i| i as u8);
    let text = *b"correct horse battery staple 123";
    let counting_text = std::array::from_fn(|i| b'A' + i as u8);
    let mut few = [0; 32];
    (0..32).for_each(|i| few[i] = [3, 141, 59, 26][(i * i + i / 3) % 4]);
    for bytes in [[0; 32], [0xff; 32], counting, text, counting_text, few] {
        assert_eq!(Key::from_bytes(&bytes).unwrap_err(), KeyError::LowEntropy);
    }
    for _ in 0..1000 {
        Key::generate().unwrap().expose_text().parse::<Key>().unwrap();
    }
}
