//! Revocations that are stored in a file.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use bulla::UnixTime;
use bulla::revocation::{Revocation, RevocationFile};
use bulla::session::SessionId;
use bulla_conformance::logged;
use tracing::Level;

const UNTIL: UnixTime = UnixTime::from_secs(4_070_908_800); // 2099

fn path(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("revoked-{name}"));
    let _ = fs::remove_file(&path);
    path
}

fn revocation(number: u8) -> Revocation {
    Revocation::Session { id: SessionId::from_bytes([number; 16]), until: UNTIL }
}

#[track_caller]
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_revocation_is_written_at_once_and_read_after_a_restart() {
    let file = RevocationFile::new(path("restart"));
    let list = file.clone().follow().unwrap();
    assert!(list.is_empty() && list.confirmed_at().is_some());
    list.add(revocation(1));
    assert_eq!(file.read().unwrap().len(), 1);
    drop(list);
    assert_eq!(file.follow().unwrap().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_revocation_file_is_accessible_only_to_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;

    let path = path("mode");
    RevocationFile::new(&path).append(&revocation(1)).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn two_servers_and_a_tool_share_a_file() {
    let file = RevocationFile::new(path("shared"));
    let (here, there) = (file.clone().follow().unwrap(), file.clone().follow().unwrap());
    here.add(revocation(1));
    there.add(revocation(2));
    file.append(&revocation(3)).unwrap();
    for list in [&here, &there] {
        eventually("each list has all revocations", || list.len() == 3);
    }
}

#[test]
fn concurrent_appends_lose_no_line() {
    let file = RevocationFile::new(path("many"));
    thread::scope(|scope| {
        for writer in 0..8 {
            let file = &file;
            scope.spawn(move || {
                for number in 0..25 {
                    file.append(&revocation(25 * writer + number)).unwrap();
                }
            });
        }
    });
    assert_eq!(file.read().unwrap().len(), 200);
}

#[test]
fn a_line_cut_by_a_crash_does_not_damage_other_lines() {
    let path = path("cut");
    let file = RevocationFile::new(&path);
    file.append(&revocation(1)).unwrap();
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"session 02").unwrap();
    assert_eq!(file.read().unwrap().len(), 1, "an incomplete last line is not read");
    file.append(&revocation(3)).unwrap();
    let (read, log) = logged(Level::WARN, || file.read().unwrap());
    assert_eq!(read, [revocation(1), revocation(3)]);
    assert!(log.contains("line 2 of") && !log.contains("session 02"), "{log}");
}

#[test]
fn a_tool_gets_the_number_of_each_line_that_is_skipped_and_nothing_is_logged() {
    let path = path("skipped");
    let file = RevocationFile::new(&path);
    let line = revocation(1).to_string();
    for (text, skipped) in [
        (format!("{line}\n\n# March\n"), vec![]),
        (format!("March\n{line}\n\u{fc}\n"), vec!["line 1 is not", "line 3 is not"]),
        (format!("{line}\n{line}"), vec!["line 2 is not complete"]),
        (format!("{line}\nsession 02"), vec!["line 2 is not complete"]),
    ] {
        fs::write(&path, &text).unwrap();
        let mut notes = Vec::new();
        let ((), log) = logged(Level::TRACE, || {
            let read = file.read_with(|line| notes.push(line.to_string())).unwrap();
            assert_eq!(read, [revocation(1)], "{text}");
        });
        assert!(log.is_empty(), "{log}");
        assert_eq!(notes.len(), skipped.len(), "{text}");
        assert!(notes.iter().zip(&skipped).all(|(note, says)| note.starts_with(says)), "{notes:?}");
    }
}

#[test]
fn pruning_a_file_removes_only_revocations_that_are_over() {
    let file = RevocationFile::new(path("prune"));
    let list = file.clone().follow().unwrap();
    for number in 0..100 {
        file.append(&revocation(number)).unwrap();
    }
    let id = SessionId::from_bytes([200; 16]);
    let before = UnixTime::from_secs(UNTIL.as_secs() - 1);
    file.append(&Revocation::Session { id, until: before }).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| (0..20).for_each(|_| file.prune(before).unwrap()));
        (100..150).for_each(|number| file.append(&revocation(number)).unwrap());
    });
    assert_eq!(file.read().unwrap().len(), 150);
    eventually("the list has all revocations", || list.len() >= 150);
    file.prune(UNTIL).unwrap();
    assert!(file.read().unwrap().is_empty());
}

#[test]
fn a_server_does_not_start_if_its_file_cannot_be_read() {
    let missing = path("folder").join("revoked");
    RevocationFile::new(missing).follow().unwrap_err();
    let folder = path("is-a-folder");
    fs::create_dir_all(&folder).unwrap();
    RevocationFile::new(&folder).follow().unwrap_err();
}

#[test]
fn deleting_the_file_keeps_the_list_and_the_next_revocation_creates_it_again() {
    let path = path("away");
    let file = RevocationFile::new(&path);
    let list = file.clone().follow().unwrap();
    list.add(revocation(1));
    fs::remove_file(&path).unwrap();
    list.add(revocation(2));
    assert_eq!((list.len(), file.read().unwrap().len()), (2, 1));
}

#[cfg(unix)]
#[test]
fn pruning_keeps_symbolic_links_and_lines_of_newer_releases() {
    let path = path("links");
    let link = path.with_extension("link");
    let _ = fs::remove_file(&link);
    fs::write(&path, "device 0102 until=2099-01-02T00:00:00Z\n").unwrap();
    RevocationFile::new(&path).append(&revocation(1)).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    RevocationFile::new(&link).prune(UnixTime::EPOCH).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().file_type().is_symlink());
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("device 0102") && text.contains("session 0101"), "{text}");
}

#[test]
fn a_line_appended_just_before_pruning_is_read() {
    let file = RevocationFile::new(path("between"));
    let list = file.clone().follow().unwrap();
    for number in 0..20 {
        file.append(&revocation(number)).unwrap();
    }
    eventually("the list has all revocations", || list.len() == 20);
    file.append(&revocation(99)).unwrap();
    file.prune(UnixTime::EPOCH).unwrap();
    file.prune(UnixTime::EPOCH).unwrap();
    eventually("the list has the last revocation, too", || list.len() == 21);
}
