//! Used tokens that are stored in a file.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bulla::token::{OnceError, UsedInFile, UsedTokens};
use bulla::{KeyRing, Payload, Sealer, UnixTime};
use bulla_conformance::logged;
use serde::{Deserialize, Serialize};
use tracing::Level;

use crate::support::secs;

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/reset-link")]
struct Reset {
    account: u64,
}

/// 2099. The store deletes what has expired by the clock of the system.
pub(crate) const UNTIL: UnixTime = UnixTime::from_secs(4_070_908_800);

const SLACK: u32 = 1024;

pub(crate) fn path(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("used-{name}"));
    let _ = fs::remove_file(&path);
    let _ = fs::remove_dir_all(&path);
    let _ = fs::remove_dir_all(path.with_extension("new"));
    path
}

pub(crate) fn token(number: u32) -> [u8; 16] {
    let mut token = [0xab; 16];
    token[..4].copy_from_slice(&number.to_be_bytes());
    token
}

fn line_until(number: u32, until: UnixTime) -> String {
    let hex: String = token(number).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("used {hex} until={until}\n")
}

pub(crate) fn line(number: u32) -> String {
    line_until(number, UNTIL)
}

pub(crate) fn open(path: &Path) -> UsedInFile {
    UsedInFile::open(path).unwrap()
}

pub(crate) fn claim(used: &UsedInFile, number: u32) -> bool {
    used.claim(&token(number), UNTIL).unwrap()
}

/// The lines of the file, in an order that does not depend on the run.
fn lines(path: &Path) -> BTreeSet<String> {
    fs::read_to_string(path).unwrap().lines().map(|line| format!("{line}\n")).collect()
}

fn append(path: &Path, bytes: &[u8]) {
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// Appends lines as another process does, without waiting for the disk each time.
fn append_lines(path: &Path, tokens: impl Iterator<Item = (u32, UnixTime)>) {
    let lines: String = tokens.map(|(number, until)| line_until(number, until)).collect();
    append(path, lines.as_bytes());
}

#[test]
fn a_token_that_was_used_stays_used_after_a_restart() {
    let path = path("restart");
    let links = Sealer::<Reset>::new(KeyRing::generate().unwrap(), secs(900));
    let [first, second] = [1, 2].map(|account| links.seal(&Reset { account }).unwrap());
    let used = open(&path);
    assert_eq!(links.open_once(&first, &used).unwrap().payload.account, 1);
    for used in [used, open(&path), open(&path)] {
        assert!(matches!(links.open_once(&first, &used), Err(OnceError::Used)));
    }
    assert_eq!(links.open_once(&second, &open(&path)).unwrap().payload.account, 2);
}

#[test]
fn a_token_that_does_not_open_is_not_entered() {
    let path = path("forged");
    let links = Sealer::<Reset>::new(KeyRing::generate().unwrap(), secs(900));
    let foreign = Sealer::<Reset>::new(KeyRing::generate().unwrap(), secs(900));
    let used = open(&path);
    for token in [foreign.seal(&Reset { account: 1 }).unwrap(), "b1.AAAA".into(), "".into()] {
        assert!(matches!(links.open_once(&token, &used), Err(OnceError::Open(_))));
    }
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[test]
fn a_file_has_one_line_for_each_token_however_often_it_is_repeated() {
    let path = path("lines");
    let (used, other) = (open(&path), open(&path));
    assert!(claim(&used, 1) && claim(&other, 2));
    for _ in 0..1000 {
        assert!(!claim(&used, 1) && !claim(&used, 2) && !claim(&other, 1) && !claim(&other, 2));
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}{}", line(1), line(2)));
}

#[test]
fn of_many_threads_with_the_same_token_one_may_open_it() {
    let path = path("threads");
    // Two handles, as in two processes, and four threads with each of them.
    let handles = [open(&path), open(&path)];
    let first: Vec<AtomicUsize> = (0..200).map(|_| AtomicUsize::new(0)).collect();
    thread::scope(|scope| {
        for used in handles.iter().cycle().take(8) {
            scope.spawn(|| {
                for (number, first) in (0..).zip(&first) {
                    first.fetch_add(usize::from(claim(used, number)), Ordering::Relaxed);
                }
            });
        }
    });
    assert!(first.iter().all(|first| first.load(Ordering::Relaxed) == 1), "{first:?}");
    assert_eq!(lines(&path), (0..200).map(line).collect());
}

#[test]
fn a_file_of_used_tokens_is_accessible_only_to_its_owner_and_links_to_it_stay() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let path = path("mode");
    let link = path.with_extension("link");
    let _ = fs::remove_file(&link);
    let used = open(&path);
    assert!(claim(&used, 1));
    let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&path, &link).unwrap();
    assert!(!claim(&open(&link), 1));
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(mode(), 0o640, "the mode that an administrator has set stays");
}

/// Which files are accepted, and which tokens of 1, 2 and 3 are used in them.
#[test]
fn a_damaged_file_is_refused_and_stays_as_it_is() {
    let (one, two, three) = (line(1), line(2), line(3));
    let key = crate::support::key_text();
    let ring = format!("{key}\n");
    for (text, used) in [
        (String::new(), Ok([0; 3])),
        (one.clone(), Ok([1, 0, 0])),
        (format!("{one}{two}{three}"), Ok([1, 1, 1])),
        (format!("{one}{one}"), Ok([1, 0, 0])),
        ("deleted until=2026-11-01T00:00:00Z\n".to_owned() + &two, Ok([0, 1, 0])),
        // A process was stopped, or the disk was full.
        (format!("{one}{}", &two[..64]), Ok([1, 0, 0])),
        (format!("{one}\u{fffd}"), Ok([1, 0, 0])),
        // The power failed: a page was not written.
        (format!("{one}\0\0\0\0\0\0"), Ok([1, 0, 0])),
        (format!("{one}{}\0\0\0\0\n{three}", &two[..40]), Ok([1, 0, 1])),
        // Damaged, from a newer release, or not a file of used tokens.
        (format!("{one}{}\n{three}", &two[..40]), Err("line 2")),
        (format!("{one}\n{three}"), Err("line 2")),
        (two.to_uppercase(), Err("line 1")),
        (two.replace("used ", "used  "), Err("line 1")),
        (two.replace(" until", " until=1 until"), Err("line 1")),
        (two.replace('Z', "+00:00"), Err("line 1")),
        (two.replace("used", "seen"), Err("line 1")),
        (format!("# used links\n{two}"), Err("line 1")),
        (two.replace('\n', "\r\n"), Err("line 1")),
        (two.replace("ab", "\u{fc}"), Err("line 1")),
        (ring, Err("line 1")),
        ("all before=2026-12-01T00:00:00Z until=2099-01-01T00:00:00Z\n".into(), Err("line 1")),
    ] {
        let path = path("damaged");
        fs::write(&path, &text).unwrap();
        let opened = UsedInFile::open(&path);
        match used {
            Ok(used) => {
                let store = opened.unwrap();
                let claimed = [1, 2, 3].map(|number| u8::from(!claim(&store, number)));
                assert_eq!(claimed, used, "{text}");
                let again = open(&path);
                assert!([1, 2, 3].iter().all(|number| !claim(&again, *number)), "{text}");
            }
            Err(place) => {
                let error = opened.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                let error = error.to_string();
                let name = path.to_str().unwrap();
                for part in [name, place, "repair", "move it away"] {
                    assert!(error.contains(part), "{error}");
                }
                assert!(!error.contains(&key), "{error}");
                assert_eq!(fs::read_to_string(&path).unwrap(), text);
            }
        }
    }
}

#[test]
fn a_line_that_a_power_failure_has_cut_is_reported_and_the_next_line_is_whole() {
    let path = path("report");
    fs::write(&path, format!("{}used 00\0\0\0\n", line(1))).unwrap();
    let (used, log) = logged(Level::WARN, || open(&path));
    assert!(log.contains("line 2 of") && log.contains(path.to_str().unwrap()), "{log}");
    append(&path, b"used 0001");
    assert!(claim(&used, 2) && !claim(&used, 2) && !claim(&used, 1));
    assert_eq!(lines(&path), [line(1), line(2)].into());
}

#[test]
fn no_token_opens_while_the_file_is_missing_shorter_or_damaged() {
    let path = path("away");
    let away = path.with_extension("away");
    let used = open(&path);
    assert!(claim(&used, 1) && claim(&used, 2));
    let error = |number| used.claim(&token(number), UNTIL).unwrap_err().to_string();
    let says = |error: String, part: &str| {
        assert!(error.contains(part) && error.contains(path.to_str().unwrap()), "{error}");
    };

    fs::rename(&path, &away).unwrap();
    says(error(3), "No such file");
    assert!(!claim(&used, 1), "what is known to be used is used");
    assert!(!path.exists(), "an empty file would hide that used tokens are lost");
    fs::create_dir(&path).unwrap();
    says(error(3), "directory");
    fs::remove_dir(&path).unwrap();

    fs::copy(&away, &path).unwrap(); // another inode
    assert!(claim(&used, 3) && !claim(&used, 2));
    let text = fs::read(&path).unwrap();

    fs::write(&path, line(1)).unwrap();
    says(error(4), "shorter");
    fs::write(&path, &text).unwrap();
    append(&path, b"what is this?\n");
    says(error(4), "line 4");
    says(error(4), "line 4");
    fs::write(&path, &text).unwrap();
    assert!(claim(&used, 4) && !claim(&used, 4));
}

#[test]
fn an_older_copy_of_the_file_makes_no_token_usable_in_a_process_that_runs() {
    let path = path("older");
    let copy = path.with_extension("copy");
    let used = open(&path);
    assert!(claim(&used, 1));
    fs::copy(&path, &copy).unwrap();
    assert!(claim(&used, 2));
    fs::rename(&copy, &path).unwrap();
    assert!(claim(&used, 3) && !claim(&used, 2) && !claim(&used, 1));
}

#[test]
fn a_server_does_not_start_if_its_file_cannot_be_used() {
    let place = path("start");
    fs::create_dir(&place).unwrap();
    let missing = place.join("missing").join("used");
    let beside = place.join("used");
    fs::create_dir(place.join("used.new")).unwrap(); // so the file cannot be replaced
    fs::write(place.join("used.new").join("file"), "").unwrap();
    for path in [&place, &missing, &beside, &PathBuf::from("/dev/null")] {
        let error = UsedInFile::open(path).unwrap_err().to_string();
        assert!(error.contains(&format!("the file {} of used", path.display())), "{error}");
        assert!(error.contains("let this process read and write"), "{error}");
    }
    fs::remove_dir_all(place.join("used.new")).unwrap();
    fs::write(place.join("used.new"), "left by a crash").unwrap();
    assert!(claim(&open(&beside), 1));
    assert!(!place.join("used.new").exists());
}

#[test]
fn expired_tokens_are_deleted_and_the_file_stays_small() {
    let path = path("small");
    let (used, other) = (open(&path), open(&path));
    assert!(claim(&used, 0) && claim(&other, 1));
    for round in 1..8 {
        // Another process uses many tokens, which have expired since.
        let of_round = 1000 * round..1000 * round + 990;
        append_lines(&path, of_round.map(|number| (number, UnixTime::from_secs(number.into()))));
        for number in 0..50 {
            assert!(claim(&used, 100 * round + number));
        }
        let (living, lines) = (2 + 50 * round, u32::try_from(lines(&path).len()).unwrap());
        assert!(lines <= 2 * living + SLACK + 50, "{lines} lines in round {round}");
        assert!(lines >= living);
    }
    for used in [used, other, open(&path)] {
        for number in [0, 1].into_iter().chain((1..8).flat_map(|n| 100 * n..100 * n + 50)) {
            assert!(!claim(&used, number), "living tokens are still used");
        }
    }
}

#[test]
fn a_server_that_starts_deletes_expired_tokens() {
    let path = path("starts");
    let [first, second] = [1_000_000_000, 1_100_000_000].map(UnixTime::from_secs);
    open(&path);
    append_lines(&path, [(1, first), (2, UNTIL), (3, second)].into_iter());
    open(&path);
    assert_eq!(lines(&path), [format!("deleted until={second}\n"), line(2)].into());
}

#[test]
fn a_file_that_cannot_be_rewritten_grows_and_is_rewritten_later() {
    let path = path("grows");
    let used = open(&path);
    let beside = path.with_extension("new");
    fs::create_dir(&beside).unwrap();
    fs::write(beside.join("file"), "").unwrap();
    let mut next = 0;
    let mut add = |lines: u32| {
        append_lines(&path, (next..next + lines - 2).map(|number| (number, UNTIL)));
        next += lines;
        let ((), log) = logged(Level::WARN, || {
            assert!(claim(&used, next - 2) && claim(&used, next - 1));
        });
        log.matches("could not be rewritten").count()
    };
    // Tried again after as many lines, not with each claim.
    assert_eq!([2, 1000, 100, 100, 900, 100, 100].map(&mut add), [0, 0, 1, 0, 0, 1, 0]);
    fs::remove_dir_all(&beside).unwrap();
    assert_eq!([900, 900].map(&mut add), [0, 0]);
    assert!((0..next).all(|number| !claim(&used, number)));
    assert_eq!(lines(&path), (0..next).map(line).collect());
}

#[test]
fn a_clock_that_goes_back_makes_no_deleted_token_usable() {
    let path = path("clock");
    let later = UnixTime::from_secs(UNTIL.as_secs() + 1);
    // The clock was ahead, and a process has deleted tokens that expire until then.
    fs::write(&path, format!("deleted until={UNTIL}\n")).unwrap();
    let used = open(&path);
    for until in [UNTIL, later, UnixTime::MAX, UnixTime::EPOCH] {
        let error = used.claim(&token(1), until).unwrap_err().to_string();
        assert!(error.contains("clock") && error.contains(&UNTIL.to_string()), "{error}");
    }
    // The clock is right. A token that expired before the deleted ones may be one of them.
    let long_ago = UnixTime::from_secs(1_000_000_000);
    fs::write(&path, format!("deleted until={long_ago}\n")).unwrap();
    let used = open(&path);
    assert!(used.claim(&token(1), UnixTime::EPOCH).is_err() && claim(&used, 1));
    assert!(lines(&path).contains(&format!("deleted until={long_ago}\n")));
}

#[cfg(feature = "bound")]
#[test]
fn a_proof_of_a_client_is_accepted_once_even_if_the_server_restarts() {
    use bulla::session::Dpop;
    use bulla::{Policy, SessionError, Sessions};
    use bulla_conformance::DeviceKey;

    use crate::support::{Account, ada};

    let path = path("proofs");
    let ring = KeyRing::generate().unwrap();
    let start = || {
        let dpop = Dpop::at("https://api.bank.example").unwrap().with_used(open(&path));
        Sessions::<Account>::builder(&ring, Policy::default()).dpop(dpop).build()
    };
    let proof = |id: &str| {
        DeviceKey::new(7).dpop(&serde_json::json!({
            "jti": id, "htm": "POST", "htu": "https://api.bank.example/sign-in",
            "iat": UnixTime::now().as_secs(),
        }))
    };
    let sign_in = |server: &Sessions<Account>, proof: &str| {
        let session = server.load("POST", |name| (name == "dpop").then_some(proof.as_bytes()));
        session.set_target("POST", "/sign-in");
        session.start(ada())
    };
    let (first, second, third) = (proof("1"), proof("2"), proof("3"));
    let (here, there) = (start(), start());
    assert_eq!(sign_in(&here, &first), Ok(()));
    assert_eq!(sign_in(&there, &first), Err(SessionError::ProofRefused));
    assert_eq!(sign_in(&there, &second), Ok(()));
    let restarted = start();
    for copy in [&first, &second] {
        assert_eq!(sign_in(&restarted, copy), Err(SessionError::ProofRefused));
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(sign_in(&restarted, &third), Err(SessionError::NotNow));
}
