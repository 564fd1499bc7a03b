//! How the tool reads and changes the file of a ring.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use bulla::KeyRing;

fn bulla(ring: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
    command.env_remove("BULLA_RING").arg("ring").args(arguments).arg("--ring").arg(ring);
    command.output().unwrap()
}

fn done(ring: &Path, arguments: &[&str]) -> String {
    let output = bulla(ring, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(ring: &Path, arguments: &[&str]) -> String {
    let output = bulla(ring, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

const PUBLISH: [&str; 5] = ["publish", "--spread", "10m", "--longest", "12h"];

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn twenty_concurrent_publishes_lose_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("ring");
    done(&ring, &["new"]);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| done(&ring, &PUBLISH));
        }
    });
    let text = fs::read(&ring).unwrap();
    let read = KeyRing::try_from(&text[..]).unwrap();
    assert_eq!((read.entries().len(), read.serial()), (21, Some(21)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left over");
}

#[test]
fn a_change_keeps_modes_and_links() {
    let folder = tempfile::tempdir().unwrap();
    let (ring, link) = (folder.path().join("ring"), folder.path().join("link"));
    done(&ring, &["new"]);
    assert_eq!(mode(&ring), 0o600);
    symlink("ring", &link).unwrap();
    done(&link, &PUBLISH);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(mode(&ring), 0o600);
    assert!(done(&ring, &["list"]).contains("waiting until"));

    fs::set_permissions(&ring, fs::Permissions::from_mode(0o644)).unwrap();
    let output = bulla(&ring, &PUBLISH);
    assert!(String::from_utf8(output.stderr).unwrap().contains("chmod 600"));
    assert_eq!(mode(&ring), 0o644);
}

#[test]
fn a_change_keeps_comments_and_order() {
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("ring");
    let keys: Vec<String> =
        (0..2).map(|_| KeyRing::generate().unwrap().expose_text().trim().to_owned()).collect();
    let before = format!(
        "# the bank's keys\r\n\r\n{}\t primary-from=2026-01-01T00:00:00Z # by Ada\n\n  {} # spare\n",
        keys[0], keys[1]
    );
    fs::write(&ring, before).unwrap();
    let spare = keys[1].rsplit('.').next().unwrap();
    done(&ring, &["promote", spare, "--at", "2026-12-01T00:00:00Z"]);
    let after = fs::read_to_string(&ring).unwrap();
    let expected = format!(
        "# serial: 1\r\n# the bank's keys\r\n\r\n{}\t primary-from=2026-01-01T00:00:00Z # by Ada\n\n  \
         {} primary-from=2026-12-01T00:00:00Z # spare\n",
        keys[0], keys[1]
    );
    assert_eq!(after, expected);
}

#[test]
fn a_malformed_ring_is_rejected_with_its_line_but_not_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    let key = KeyRing::generate().unwrap().expose_text().trim().to_owned();
    let secret = &key[12..55];
    let other = if key.ends_with('0') { '1' } else { '0' };
    let mistyped = format!("{}{other}", &key[..key.len() - 1]);
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a duplicate", format!("{key}\n{key}").into(), "line 2"),
        ("a bad checksum", mistyped.into(), "line 1"),
        (
            "a retirement before",
            format!("{key} primary-from=2027-01-01T00:00:00Z open-until=2026-01-01T00:00:00Z")
                .into(),
            "after primary-from",
        ),
        (
            "an impossible date",
            format!("# x\n{key} primary-from=2026-02-30T00:00:00Z").into(),
            "line 2",
        ),
        ("a byte order mark", format!("\u{feff}{key}").into(), "byte order mark"),
        ("10 MB", vec![b'#'; 10_000_000], "the limit is 65536"),
        ("not UTF-8", vec![0xff, 0xfe], "line 1"),
        ("an empty file", vec![], "bulla ring new"),
    ];
    for (what, text, says) in table {
        fs::write(&path, &text).unwrap();
        for command in [&["list"][..], &PUBLISH] {
            let said = refused(&path, command);
            assert!(said.contains(says), "{what}: {said}");
            assert!(!said.contains(secret), "{what}: {said}");
            assert_eq!(fs::read(&path).unwrap(), text, "{what}");
        }
    }
    fs::write(&path, format!("  {key}  \t \r\n\r\n")).unwrap();
    done(&path, &["list"]);

    assert!(refused(folder.path(), &["list"]).contains("not a regular file"));
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(refused(&pipe, &["list"]).contains("not a regular file"));
    assert!(refused(&folder.path().join("absent"), &["list"]).contains("bulla ring new"));
}

#[test]
fn a_ring_always_keeps_a_primary_key() {
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("ring");
    let id = done(&ring, &["new"]);
    let id = id.split(' ').next().unwrap();
    let before = fs::read(&ring).unwrap();
    for command in [&["revoke", id][..], &["retire", id]] {
        assert!(refused(&ring, command).contains("would have no primary key"));
    }
    assert!(refused(&ring, &["promote", "00000000"]).contains(id));
    assert_eq!(fs::read(&ring).unwrap(), before);
    let said = done(&ring, &["compromise", id]);
    assert!(said.contains("is primary now"));
    // The new key is primary even on a server whose clock is behind.
    let text = fs::read(&ring).unwrap();
    let behind = bulla::UnixTime::from_secs(bulla::UnixTime::now().as_secs() - 55);
    assert!(KeyRing::try_from(&text[..]).unwrap().primary_at(behind).is_some());
    assert!(!fs::read_to_string(&ring).unwrap().contains(id));
}

#[test]
fn a_killed_command_does_not_damage_the_ring() {
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("ring");
    done(&ring, &["new"]);
    for delay in 0..40 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
        command.arg("ring").args(PUBLISH).arg("--ring").arg(&ring);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(delay * 150));
        child.kill().unwrap();
        child.wait().unwrap();
        let text = fs::read(&ring).unwrap();
        let read = KeyRing::try_from(&text[..]).unwrap();
        assert_eq!(read.serial(), Some(read.entries().len() as u64));
        assert_eq!(mode(&ring), 0o600);
    }
    // A killed command may leave a temporary file that no other user can read.
    fs::write(folder.path().join(".bulla-ring-abcdef"), "half a ri").unwrap();
    done(&ring, &PUBLISH);
    for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        assert!(name == "ring" || name.starts_with(".bulla-ring-"), "{name}");
        assert!(name == ".bulla-ring-abcdef" || mode(&entry.path()) == 0o600, "{name}");
    }
}

/// Only root can change the owner of a file. If another user runs this test, it checks nothing.
#[test]
fn an_administrators_change_keeps_the_owner_of_the_ring() {
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("ring");
    done(&ring, &["new"]);
    if std::os::unix::fs::chown(&ring, Some(4711), Some(4712)).is_err() {
        return;
    }
    done(&ring, &PUBLISH);
    let meta = fs::metadata(&ring).unwrap();
    assert_eq!((meta.uid(), meta.gid(), mode(&ring)), (4711, 4712, 0o600));
}

#[test]
fn the_command_line_wins_over_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let (ring, absent) = (folder.path().join("ring"), folder.path().join("absent"));
    let id = done(&ring, &["new"]);
    let list = |variable: &Path, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
        command.env("BULLA_RING", variable).args(["ring", "list"]).args(arguments);
        let output = command.output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    assert!(list(&ring, &[]).contains(&id[..8]));
    assert!(list(&absent, &["--ring", ring.to_str().unwrap()]).contains(&id[..8]));
    // No Redis listens at this address. The error shows that the option wins over the variable.
    let said = list(&ring, &["--redis", "redis://127.0.0.1:1/", "--name", "bank:ring"]);
    assert!(said.contains("the request to Redis failed"), "{said}");
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_no_panic() {
    for (sink, status) in [("/dev/full", Some(2)), ("/dev/null", Some(0))] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
        let output = command.args(["key", "new"]).stdout(fs::File::create(sink).unwrap());
        let output = output.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), status);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains("panicked") && !said.contains("bulla-key"), "{said}");
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_bulla"));
    let mut child = child.arg("man").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0), "as in `bulla man | head -1`");
}
