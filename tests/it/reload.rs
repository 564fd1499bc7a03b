//! Key rings that are reloaded while they are in use.

use std::error::Error as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bulla::keys::{LoadError, Reload, ReloadError, Reloader, RingError, RingFile};
use bulla::{KeyRing, OpenError, Policy, RingHandle, Sealer, Sessions};

use crate::support::{Account, Client, T0, ada, key_text, ring, secs};

/// A temporary folder, removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bulla-{}-{n}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Replaces a file as the command-line tool does.
fn write_atomically(path: &Path, text: &str) {
    let temporary = path.with_extension("new");
    fs::write(&temporary, text).unwrap();
    fs::rename(temporary, path).unwrap();
}

fn follow(path: &Path) -> (RingHandle, Reloader<RingFile>) {
    Reloader::new(RingFile::new(path)).unwrap()
}

/// Checks once or twice, because a change is used only when two checks have read the same text.
fn settle(reloader: &mut Reloader<RingFile>) -> Reload {
    match reloader.check(T0) {
        Reload::Unsettled => reloader.check(T0),
        seen => seen,
    }
}

fn ids(handle: &RingHandle) -> Vec<String> {
    handle.ring().entries().map(|entry| entry.key_id().to_string()).collect()
}

fn id(key: &str) -> String {
    key.rsplit('.').next().unwrap().to_owned()
}

#[test]
fn sealers_and_sessions_use_a_replaced_ring_at_once() {
    let (old, new) = (key_text(), key_text());
    let handle = RingHandle::from(ring(&[&old]));
    let sealer = Sealer::<Account>::new(&handle, secs(900));
    let sessions = Sessions::<Account>::new(&handle, Policy::default());
    let token = sealer.seal_at(&ada(), T0).unwrap();
    let mut browser = Client::browser().signed_in(&sessions, T0, ada());

    handle.replace(ring(&[&new, &old]));
    assert!(sealer.open_at(&token, T0).is_ok());
    let moved = sealer.seal_at(&ada(), T0).unwrap();
    assert_eq!(sealer.open_at(&moved, T0).unwrap().key_id.to_string(), id(&new));
    assert!(browser.visit(&sessions, T0, |session| session.get().is_some()));

    handle.replace(ring(&[&new]));
    assert!(matches!(sealer.open_at(&token, T0), Err(OpenError::UnknownKey(_))));
    let alive = browser.visit(&sessions, T0, |session| session.get().is_some());
    assert!(alive, "the session has moved to the new key");
}

#[test]
fn every_way_of_replacing_a_ring_file_is_noticed() {
    let folder = Folder::new();
    let path = folder.file("ring");
    let keys: Vec<String> = (0..4).map(|_| key_text()).collect();

    // As in Kubernetes, the file is a link to a second link, and the second link is replaced.
    fs::create_dir(folder.file("v1")).unwrap();
    fs::create_dir(folder.file("v2")).unwrap();
    fs::write(folder.file("v1/ring"), &keys[0]).unwrap();
    fs::write(folder.file("v2/ring"), &keys[1]).unwrap();
    symlink("v1", folder.file("data")).unwrap();
    symlink("data/ring", &path).unwrap();
    let (handle, mut reloader) = follow(&path);
    assert_eq!(ids(&handle), [id(&keys[0])]);
    assert_eq!(settle(&mut reloader), Reload::Unchanged);
    symlink("v2", folder.file("data.new")).unwrap();
    fs::rename(folder.file("data.new"), folder.file("data")).unwrap();
    assert_eq!(settle(&mut reloader), Reload::Replaced);
    assert_eq!(ids(&handle), [id(&keys[1])]);

    write_atomically(&path, &keys[2]);
    assert_eq!(settle(&mut reloader), Reload::Replaced);
    fs::write(&path, &keys[3]).unwrap(); // overwrites the file itself
    assert_eq!(settle(&mut reloader), Reload::Replaced);
    assert_eq!(ids(&handle), [id(&keys[3])]);

    fs::remove_file(&path).unwrap();
    assert_eq!(settle(&mut reloader), Reload::Refused);
    assert_eq!(ids(&handle), [id(&keys[3])]);
    fs::write(&path, &keys[0]).unwrap();
    assert_eq!(settle(&mut reloader), Reload::Replaced);
    assert_eq!(ids(&handle), [id(&keys[0])]);
}

#[test]
fn a_bad_ring_is_refused_and_reported_and_the_last_good_one_stays() {
    let (a, b) = (key_text(), key_text());
    let table: &[(&str, Vec<u8>, &str)] = &[
        ("empty", b"".to_vec(), "has no key"),
        ("cut in a line", a.as_bytes()[..40].to_vec(), "line 1"),
        ("mistyped", a.replace("bulla-key-1.", "bulla-key-1.A").into(), "line 1"),
        ("a duplicate", format!("{a}\n{a}").into(), "line 2"),
        ("a byte order mark", format!("\u{feff}{a}").into(), "byte order mark"),
        ("not UTF-8", b"# \xff\xfe".to_vec(), "not UTF-8"),
        ("10 MB", vec![b'#'; 10_000_000], "the limit is"),
        ("no primary key yet", format!("{a} primary-from=9999-01-01T00:00:00Z").into(), "primary"),
        ("all retired", format!("{a} open-until=1999-01-01T00:00:00Z").into(), "primary"),
        ("an older serial number", format!("# serial: 6\n{a}").into(), "serial number 6"),
        ("no serial number", a.clone().into(), "no serial number"),
    ];
    for (what, bad, says) in table {
        let folder = Folder::new();
        let path = folder.file("ring");
        fs::write(&path, format!("# serial: 7\n{b}")).unwrap();
        let (handle, mut reloader) = follow(&path);
        assert_eq!(handle.health().failing, None);

        fs::write(&path, bad).unwrap();
        assert_eq!(settle(&mut reloader), Reload::Refused, "{what}");
        assert_eq!(ids(&handle), [id(&b)], "{what}");
        let failing = handle.health().failing.unwrap();
        assert!(failing.error.contains(says), "{what}: {}", failing.error);
        assert!(!failing.error.contains(&a[12..55]), "{what}");

        fs::write(&path, format!("# serial: 7\n{b}")).unwrap();
        assert_eq!(settle(&mut reloader), Reload::Unchanged, "{what}");
        assert_eq!(handle.health().failing, None, "{what}");
        fs::write(&path, format!("# serial: 8\n{a}")).unwrap();
        assert_eq!(settle(&mut reloader), Reload::Replaced, "{what}");
    }
}

#[test]
fn a_path_that_is_not_a_regular_file_is_refused_without_waiting() {
    let folder = Folder::new();
    let refused = |path: &Path| {
        let LoadError { name, reason } = Reloader::new(RingFile::new(path)).err().unwrap();
        assert_eq!(name, format!("the key ring {}", path.display()));
        assert!(matches!(reason, ReloadError::Source(_)), "{reason:?}");
        assert_eq!(reason.source().unwrap().to_string(), reason.to_string());
        reason.to_string()
    };
    assert_eq!(refused(&folder.0), "not a regular file");
    let pipe = folder.file("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(refused(&pipe), "not a regular file");
    assert!(refused(&folder.file("absent")).contains("No such file"));
    let empty = folder.file("empty");
    fs::write(&empty, "").unwrap();
    assert!(matches!(
        Reloader::new(RingFile::new(&empty)),
        Err(LoadError { reason: ReloadError::Ring(RingError::Empty), .. })
    ));
}

/// A `main` that returns an error prints it with `Debug`.
#[test]
fn a_server_that_cannot_load_its_ring_says_which_and_what_to_do() {
    let folder = Folder::new();
    let (absent, bad) = (folder.file("absent"), folder.file("bad"));
    fs::write(&bad, "bulla-key-1.x").unwrap();
    let says = |path: &Path| {
        format!("{:?}", RingHandle::watch(RingFile::new(path), secs(60)).unwrap_err())
    };
    let text = says(&absent);
    assert!(
        text.contains(absent.to_str().unwrap()) && text.ends_with("`bulla ring new`"),
        "{text}"
    );
    let text = says(&bad);
    assert!(text.contains(bad.to_str().unwrap()) && text.contains("line 1"), "{text}");
    assert!(!text.contains("bulla ring new"), "{text}");
}

#[test]
fn a_partly_written_ring_file_is_not_used() {
    let folder = Folder::new();
    let path = folder.file("ring");
    let keys: Vec<String> = (0..3).map(|_| key_text()).collect();
    fs::write(&path, &keys[0]).unwrap();
    let (handle, mut reloader) = follow(&path);
    let whole = keys.join("\n");
    // If a text is cut after a line, it is a valid ring, but an incomplete one.
    for end in [0, 30, keys[0].len() + 1 + 64, whole.len()] {
        fs::write(&path, &whole[..end]).unwrap();
        assert_eq!(reloader.check(T0), Reload::Unsettled);
        assert_eq!(ids(&handle), [id(&keys[0])]);
    }
    assert_eq!(reloader.check(T0), Reload::Replaced);
    assert_eq!(ids(&handle).len(), 3);
}

#[test]
fn a_ring_that_was_loaded_stays_when_the_clock_jumps() {
    let folder = Folder::new();
    let path = folder.file("ring");
    let (a, b) = (key_text(), key_text());
    fs::write(&path, &a).unwrap();
    let (handle, mut reloader) = follow(&path);
    let next = format!("{b} primary-from=2026-12-01T00:00:00Z");
    fs::write(&path, &next).unwrap();
    let (november, december) =
        ("2026-11-30T23:59:59Z".parse().unwrap(), "2026-12-01T00:00:00Z".parse().unwrap());
    for _ in 0..3 {
        assert_ne!(reloader.check(november), Reload::Replaced, "it has no primary key yet");
    }
    assert_eq!(ids(&handle), [id(&a)]);
    assert_eq!(reloader.check(december), Reload::Replaced);
    // If the clock is set back, the ring in use stays.
    assert_eq!(reloader.check(november), Reload::Unchanged);
    assert_eq!(ids(&handle), [id(&b)]);
}

#[test]
fn two_threads_open_tokens_while_the_ring_is_replaced_1000_times() {
    let folder = Folder::new();
    let path = folder.file("ring");
    let (a, b) = (key_text(), key_text());
    let rings = [format!("{a}\n{b}"), format!("{b}\n{a}")];
    write_atomically(&path, &rings[0]);
    let (handle, mut reloader) = follow(&path);
    let sealer = Sealer::<Account>::new(&handle, secs(900));
    let token = sealer.seal_at(&ada(), T0).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let openers = [0, 1].map(|_| {
            scope.spawn(|| {
                let mut opened = 0;
                while !done.load(Ordering::Relaxed) {
                    sealer.open_at(&token, T0).unwrap();
                    let fresh = sealer.seal_at(&ada(), T0).unwrap();
                    sealer.open_at(&fresh, T0).unwrap();
                    opened += 1;
                }
                opened
            })
        });
        for swap in 1..=1000 {
            write_atomically(&path, &rings[swap % 2]);
            assert_eq!(settle(&mut reloader), Reload::Replaced);
        }
        done.store(true, Ordering::Relaxed);
        for opener in openers {
            assert!(opener.join().unwrap() > 100);
        }
    });
}

#[test]
fn a_token_under_an_unknown_key_triggers_a_reload() {
    let folder = Folder::new();
    let path = folder.file("ring");
    let (a, b) = (key_text(), key_text());
    fs::write(&path, &a).unwrap();
    let handle = RingHandle::watch(RingFile::new(&path), Duration::from_secs(3600)).unwrap();
    let sealer = Sealer::<Account>::new(&handle, secs(900));
    let elsewhere = Sealer::<Account>::new(ring(&[&b]), secs(900)).seal_at(&ada(), T0).unwrap();
    write_atomically(&path, &format!("{a}\n{b}"));
    assert!(sealer.open_at(&elsewhere, T0).is_err());
    let begun = Instant::now();
    while sealer.open_at(&elsewhere, T0).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the ring was not reloaded");
        thread::yield_now();
    }
}

#[test]
fn a_reloader_stops_when_the_last_handle_is_dropped() {
    let folder = Folder::new();
    let path = folder.file("ring");
    fs::write(&path, key_text()).unwrap();
    let (handle, mut reloader) = follow(&path);
    let sealer = Sealer::<Account>::new(&handle, secs(900));
    drop(handle);
    assert_eq!(reloader.check(T0), Reload::Unchanged, "the sealer still has a handle");
    drop(sealer);
    assert_eq!(reloader.check(T0), Reload::Abandoned);
}

#[test]
fn a_serial_number_is_read_from_its_comment() {
    let key = key_text();
    for (text, serial) in [
        (key.clone(), None),
        (format!("# serial: 7\n{key}"), Some(7)),
        (format!("{key}\n  # serial: 7  \r\n# serial: 9"), Some(7)),
        (format!("{key} # serial: 7"), None),
        (format!("# serial: -7\n{key}"), None),
        (format!("# serial: +7\n{key}"), None),
        (format!("# serial: \n{key}"), None),
        (format!("# serial: 18446744073709551615;{key}"), Some(u64::MAX)),
    ] {
        let ring: KeyRing = text.parse().unwrap();
        assert_eq!(ring.serial(), serial, "{text}");
        assert_eq!(ring.expose_text().parse::<KeyRing>().unwrap().serial(), serial);
    }
}

#[test]
fn a_world_readable_ring_file_is_used_with_a_warning() {
    let folder = Folder::new();
    let path = folder.file("ring");
    fs::write(&path, key_text()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let ((_handle, mut reloader), log) =
        bulla_conformance::logged(tracing::Level::WARN, || follow(&path));
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("WARN") && log.contains("mode 644") && log.contains("chmod 600"), "{log}");
    // The warning is logged again only if the mode was correct in between.
    for (mode, lines) in [(0o644, 0), (0o640, 0), (0o644, 1), (0o600, 0), (0o604, 1), (0o601, 0)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let (_, log) = bulla_conformance::logged(tracing::Level::WARN, || reloader.check(T0));
        assert_eq!(log.lines().count(), lines, "{mode:o}: {log}");
    }
}

#[test]
fn the_log_names_the_ring_in_use_and_its_source() {
    let folder = Folder::new();
    let path = folder.file("ring");
    let (a, b) = (key_text(), key_text());
    fs::write(&path, format!("{a}\n{b}")).unwrap();
    let ((_handle, mut reloader), log) =
        bulla_conformance::logged(tracing::Level::INFO, || follow(&path));
    let says = format!(
        "the key ring {}: keys {} {}; {} is primary",
        path.display(),
        id(&a),
        id(&b),
        id(&a)
    );
    assert!(log.contains(&says), "{log}");
    fs::write(&path, &b).unwrap();
    let (_, log) = bulla_conformance::logged(tracing::Level::INFO, || settle(&mut reloader));
    assert!(log.contains(&format!("has changed: keys {}; {} is primary", id(&b), id(&b))), "{log}");
    assert!(!log.contains(&b[12..55]));
}

#[test]
fn a_changed_ring_with_the_same_serial_number_is_used() {
    let folder = Folder::new();
    let path = folder.file("ring");
    let (a, b) = (key_text(), key_text());
    fs::write(&path, format!("# serial: 7\n{a}")).unwrap();
    let (handle, mut reloader) = follow(&path);
    fs::write(&path, format!("# serial: 7\n{b}")).unwrap();
    assert_eq!(settle(&mut reloader), Reload::Replaced);
    assert_eq!(ids(&handle), [id(&b)]);
}

#[test]
fn a_source_that_fails_with_changing_messages_is_logged_once() {
    struct Vault(u64);
    impl bulla::keys::RingSource for Vault {
        fn name(&self) -> String {
            "the vault".to_owned()
        }

        fn read(&mut self) -> Result<bulla::keys::Zeroizing<Vec<u8>>, bulla::keys::SourceError> {
            self.0 += 1;
            match self.0 {
                1 => Ok(bulla::keys::Zeroizing::new(key_text().into_bytes())),
                n => Err(format!("timed out (request {n})").into()),
            }
        }
    }
    let (handle, mut reloader) = Reloader::new(Vault(0)).unwrap();
    let (_, log) = bulla_conformance::logged(tracing::Level::INFO, || {
        for _ in 0..100 {
            reloader.check(T0);
        }
    });
    assert_eq!(log.lines().count(), 1, "{log}");
    assert_eq!(handle.health().failing.unwrap().since, T0);
}

#[test]
fn an_endless_interval_still_reloads_on_a_hint() {
    let folder = Folder::new();
    let path = folder.file("ring");
    let (a, b) = (key_text(), key_text());
    fs::write(&path, &a).unwrap();
    let handle = RingHandle::watch(RingFile::new(&path), Duration::MAX).unwrap();
    write_atomically(&path, &format!("{a}\n{b}"));
    let begun = Instant::now();
    while handle.ring().entries().len() == 1 {
        handle.hint();
        assert!(begun.elapsed() < Duration::from_secs(20), "the ring was not reloaded");
        thread::sleep(Duration::from_millis(20));
    }
}
