//! Laws (properties that must always hold) of changes to a ring, in any order and at any time.

use std::time::Duration;

use bulla::keys::{Key, KeyId};
use bulla::{KeyRing, UnixTime};

use crate::check::{Policy, Verdict, rows};
use crate::compromise::compromise;
use crate::document::Document;
use crate::edit::{self, Kept, Retirement};
use crate::timeline::{gaps, primary_at};

const DAY: u64 = 86_400;
const SPREAD: Duration = Duration::from_secs(600);
const KEPT: Kept = Kept { longest: Duration::from_secs(DAY), skew: Duration::from_secs(60) };

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(1_793_523_600 + secs)
}

fn new() -> Document {
    Document::begin(&Key::generate().unwrap(), at(0))
}

fn fails(document: &Document, now: UnixTime) -> bool {
    let policy = Policy { spread: SPREAD, kept: KEPT };
    rows(&document.keys(), policy, now).iter().any(|row| row.verdict == Verdict::Fail)
}

#[test]
fn a_year_of_monthly_rotations_passes_every_check_on_every_day() {
    let mut ring = new();
    for day in 0..365 {
        let now = at(day * DAY);
        if day % 30 == 0 {
            edit::publish(&mut ring, Some(SPREAD), None, KEPT, now).unwrap();
        }
        assert!(!fails(&ring, now), "day {day}");
        edit::prune(&mut ring, now);
        assert!(!fails(&ring, now), "day {day}, pruned");
        assert!(ring.keys().len() <= 3, "day {day}");
    }
}

#[test]
fn publishing_at_once_also_sets_when_the_key_before_retires() {
    let mut ring = new();
    let first = ring.keys()[0].id;
    edit::publish(&mut ring, Some(Duration::ZERO), None, KEPT, at(DAY)).unwrap();
    let [old, new] = ring.keys()[..] else { panic!("two keys") };
    assert_eq!((old.id, old.open_until), (first, Some(KEPT.from(at(DAY)))));
    assert_eq!((primary_at(&ring.keys(), at(DAY)), new.open_until), (Some(new.id), None));
    // The new key is primary even on a server whose clock is behind by the skew.
    assert_eq!(primary_at(&ring.keys(), at(DAY - 60)), Some(new.id));
}

#[test]
fn a_key_replaced_at_once_retires_after_its_last_token_has_expired() {
    // `publish --spread 0s` gives the new key a primary-from in the past (now minus the skew). The
    // old key was still primary until now, so its last tokens are newer than that primary-from.
    let mut ring = new();
    let first = ring.keys()[0].id;
    edit::publish(&mut ring, Some(Duration::ZERO), None, KEPT, at(DAY)).unwrap();
    edit::retire(&mut ring, first, &Retirement::Kept(KEPT), at(DAY + 60)).unwrap();
    assert_eq!(ring.key(first).unwrap().open_until, Some(KEPT.from(at(DAY))));
}

#[test]
fn the_replacement_of_a_leaked_key_is_primary_on_a_server_whose_clock_is_behind() {
    let leaked = KeyRing::generate().unwrap();
    let text = format!("{} primary-from={}", leaked.expose_text().trim(), at(DAY));
    let mut ring = Document::parse(text.as_bytes()).unwrap();
    let id = ring.keys()[0].id;
    compromise(&mut ring, id, None, KEPT.skew, at(DAY + 5)).unwrap();
    for secs in [DAY - 55, DAY + 5] {
        assert_eq!(primary_at(&ring.keys(), at(secs)), Some(ring.keys()[0].id));
    }
}

#[test]
fn a_key_promoted_in_the_second_of_another_is_primary() {
    let (one, two, three) =
        (KeyRing::generate().unwrap(), KeyRing::generate().unwrap(), KeyRing::generate().unwrap());
    let ids = [&one, &two, &three].map(|ring| ring.primary_at(at(0)).unwrap());
    let text = format!(
        "{} primary-from={now}\n{}{}",
        one.expose_text().trim(),
        two.expose_text().as_str(),
        three.expose_text().as_str(),
        now = at(DAY)
    );
    let ring = || Document::parse(text.as_bytes()).unwrap();

    let mut promoted = ring();
    edit::promote(&mut promoted, ids[1], None, at(DAY)).unwrap();
    assert_eq!(primary_at(&promoted.keys(), at(DAY)), Some(ids[1]));

    let mut changed = ring();
    compromise(&mut changed, ids[2], None, KEPT.skew, at(DAY)).unwrap();
    let new = changed.keys()[2].id;
    assert!(!ids.contains(&new));
    assert_eq!(primary_at(&changed.keys(), at(DAY)), Some(new));

    let mut published = ring();
    edit::publish(&mut published, Some(Duration::ZERO), None, KEPT, at(DAY)).unwrap();
    assert_eq!(primary_at(&published.keys(), at(DAY)), Some(published.keys()[3].id));
}

/// Pseudo-random numbers, which are the same in every run of the test.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn the_text_reads_back_and_the_library_agrees_on_the_primary_key() {
    let mut dice = Dice(1);
    for _ in 0..40 {
        let (mut ring, mut now) = (new(), at(0));
        for _ in 0..30 {
            now = now + Duration::from_secs(dice.roll(3) * dice.roll(DAY));
            let later = now + Duration::from_secs(dice.roll(2 * DAY));
            let keys = ring.keys();
            let id = keys[usize::try_from(dice.roll(keys.len() as u64)).unwrap()].id;
            let spread = Some(Duration::from_secs(dice.roll(2) * 600));
            // The text before the change. If the change is rejected, the ring is restored from it.
            let before = ring.next().unwrap();
            let done = match dice.roll(7) {
                0 | 1 => edit::publish(&mut ring, spread, None, KEPT, now).map(|_| ()),
                2 => edit::promote(&mut ring, id, Some(later), now).map(|_| ()),
                3 => edit::retire(&mut ring, id, &Retirement::At(later), now).map(|_| ()),
                4 => edit::retire(&mut ring, id, &Retirement::Kept(KEPT), now).map(|_| ()),
                5 => edit::revoke(&mut ring, id).map(|_| ()),
                _ => compromise(&mut ring, id, None, KEPT.skew, now).map(|_| {
                    let newest = ring
                        .keys()
                        .into_iter()
                        .find(|key| !keys.iter().any(|old| old.id == key.id));
                    assert_eq!(newest.map(|key| key.id), primary_at(&ring.keys(), now));
                    assert!(ring.key(id).is_none());
                }),
            };
            if done.is_err() || !gaps(&ring.keys(), now).is_empty() {
                ring = Document::parse(before.as_bytes()).unwrap();
                continue;
            }
            let text = ring.next().unwrap();
            let read: KeyRing = text.parse().unwrap();
            for probe in [now, later, later + Duration::from_secs(DAY)] {
                let ours: Option<KeyId> = primary_at(&ring.keys(), probe);
                assert_eq!(ours, read.primary_at(probe));
                assert!(ours.is_some());
            }
            edit::prune(&mut ring, now);
        }
    }
}

#[test]
fn publish_sets_no_end_for_a_key_of_another_region() {
    // Each of two regions has its own ring, which also contains the key of the other region. The
    // key of this region has a primary-from. The other key has none, so it only opens tokens here.
    let (other, own) = (KeyRing::generate().unwrap(), KeyRing::generate().unwrap());
    let text = format!(
        "{}{} primary-from=2020-01-01T00:00:00Z\n",
        other.expose_text().as_str(),
        own.expose_text().trim()
    );
    let mut ring = Document::parse(text.as_bytes()).unwrap();
    let change = edit::publish(&mut ring, Some(SPREAD), None, KEPT, at(0)).unwrap();
    let ends: Vec<bool> = ring.keys().iter().map(|key| key.open_until.is_some()).collect();
    assert_eq!(ends, [false, true, false]);
    assert!(change.notes[0].contains("never retires"), "{:?}", change.notes);
}

#[test]
fn a_ring_in_an_environment_variable_stays_on_one_line() {
    let key = KeyRing::generate().unwrap();
    let text = format!("# ours;{}", key.expose_text().trim());
    let mut ring = Document::parse(text.as_bytes()).unwrap();
    edit::publish(&mut ring, Some(SPREAD), None, KEPT, at(0)).unwrap();
    let text = ring.next().unwrap();
    assert!(text.starts_with("# serial: 1;# ours;bulla-key-1."), "serial and comment first");
    assert!(!text.contains('\n'));
    assert_eq!(text.parse::<KeyRing>().unwrap().entries().len(), 2);
}
