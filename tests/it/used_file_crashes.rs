//! Used tokens in a file: several processes, crashes, and a full disk.
//!
//! The tests start this test program again. It then runs `a_process_that_uses_tokens`.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use bulla::token::{UsedInFile, UsedTokens};

use crate::used_file::{UNTIL, claim, line, open, path, token};

const FILE: &str = "BULLA_TEST_USED_FILE";

/// Claims the tokens 0 to 999, and prints each one that it may open.
#[test]
#[ignore = "other tests start it in a process of its own"]
fn a_process_that_uses_tokens() {
    let Ok(path) = env::var(FILE) else { return };
    let used = UsedInFile::open(path).unwrap();
    for number in 0..1000 {
        let said = match used.claim(&token(number), UNTIL) {
            Ok(true) => format!("may open {number}\n"),
            Ok(false) => continue,
            Err(error) => format!("error {error}\n"),
        };
        std::io::stdout().write_all(said.as_bytes()).unwrap();
    }
}

/// A process that uses tokens. `shell` runs before it in a shell.
fn start(path: &Path, shell: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(format!("{shell} exec \"$0\" \"$@\""))
        .arg(env::current_exe().unwrap())
        .args(["--exact", "used_file_crashes::a_process_that_uses_tokens"])
        .args(["--ignored", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

/// The tokens that the process was allowed to open. The last line may be cut.
fn opened(lines: impl Iterator<Item = String>) -> Vec<u32> {
    let numbers = lines.filter_map(|line| line.split_once("may open ")?.1.parse().ok());
    numbers.collect()
}

#[test]
fn of_several_processes_with_the_same_token_one_may_open_it() {
    let path = path("processes");
    let started = [(); 3].map(|()| start(&path, ""));
    let mut times = BTreeMap::new();
    for (mut child, lines) in started {
        for number in opened(lines.lines().map(Result::unwrap)) {
            *times.entry(number).or_insert(0) += 1;
        }
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(times, (0..1000).map(|number| (number, 1)).collect());
}

#[test]
fn a_process_that_is_killed_leaves_every_token_used_that_it_may_have_opened() {
    let path = path("killed");
    let mut next = 0;
    for round in 1..12 {
        let (mut child, mut lines) = start(&path, "");
        let mut text = Vec::new();
        // The rounds are killed after different numbers of tokens.
        while text.len() < 3 + 7 * round {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap() == 0 {
                break;
            }
            text.push(line.trim_end().to_owned());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        text.extend(lines.lines().map_while(Result::ok));
        let opened = opened(text.into_iter());
        assert!(!opened.is_empty() && opened.iter().all(|number| *number >= next), "{round}");
        next = opened.iter().max().unwrap() + 1;
        let used = open(&path);
        assert!((0..next).all(|number| !claim(&used, number)), "{round}");
    }
}

#[test]
fn a_file_that_is_cut_anywhere_loses_only_the_lines_that_are_cut() {
    let text: String = (0..3).map(line).collect();
    // Threads, because most of the time is waiting for the disk.
    thread::scope(|scope| {
        for zeros in [0, 1, 65, 4096] {
            for start in 0..8 {
                let text = &text;
                scope.spawn(move || {
                    let path = path(&format!("cut-{zeros}-{start}"));
                    for len in (start..=text.len()).step_by(8) {
                        let cut = [&text.as_bytes()[..len], &vec![0; zeros][..]].concat();
                        fs::write(&path, cut).unwrap();
                        let used = open(&path);
                        let whole = u32::try_from(len / line(0).len()).unwrap();
                        for number in 0..3 {
                            let may_open = claim(&used, number);
                            assert_eq!(may_open, number >= whole, "{number}, {len} and {zeros}");
                        }
                        assert_eq!(fs::read(&path).unwrap().len(), text.len());
                    }
                });
            }
        }
    });
}

#[test]
fn on_a_full_disk_no_token_opens_and_used_tokens_stay_used() {
    let path = path("full");
    // Files of this process can have 4,096 bytes, and a write beyond that fails. 63 lines have
    // 4,095 bytes, so a part of the next line is written.
    let (mut child, lines) = start(&path, "trap '' XFSZ; ulimit -f 8;");
    let (errors, rest): (Vec<_>, Vec<_>) =
        lines.lines().map(Result::unwrap).partition(|line| line.starts_with("error"));
    assert!(child.wait().unwrap().success());
    assert_eq!(opened(rest.into_iter()), (0..63).collect::<Vec<_>>());
    assert_eq!(errors.len(), 1000 - 63);
    for error in errors {
        assert!(error.contains(path.to_str().unwrap()) && error.contains("space"), "{error}");
    }
    let used = open(&path);
    assert!((0..63).all(|number| !claim(&used, number)));
    assert!(claim(&used, 63) && !claim(&used, 63), "there is space again");
}

#[test]
fn a_server_on_a_full_disk_does_not_start_and_leaves_the_file_as_it_is() {
    let path = path("full-start");
    let text: String = (0..100).map(line).collect();
    fs::write(&path, &text).unwrap();
    let (mut child, lines) = start(&path, "trap '' XFSZ; ulimit -f 8;");
    assert!(opened(lines.lines().map(Result::unwrap)).is_empty());
    assert!(!child.wait().unwrap().success());
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert!(!path.with_extension("new").exists(), "nothing takes the space of the next line");
}
