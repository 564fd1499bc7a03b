//! If the input is not a token, `bulla inspect` refuses it and prints no part of it.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

const MARK: &str = "hunter2";

fn bulla(arguments: &[&str], token: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bulla"))
        .env_remove("BULLA_RING")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The command may exit before it has read all of its input.
    let _ = child.stdin.take().unwrap().write_all(token);
    child.wait_with_output().unwrap()
}

#[test]
fn inspect_refuses_input_that_is_not_a_token_and_prints_no_part_of_it() {
    let mut inputs: Vec<Vec<u8>> = vec![Vec::new(), vec![b'A'; 8 << 20], vec![0xff; 8 << 20]];
    for odd in ["\r\n", "\0", "\x7f", "\x1b[2J", "\t", "ä", "\u{202e}", "🦀", " ", "%0d%0a"] {
        for text in
            [format!("{odd}{MARK}"), format!("{MARK}{odd}"), format!("b1.{MARK}{odd}{MARK}")]
        {
            inputs.push(text.into_bytes());
        }
    }
    for odd in [&b"\xff"[..], b"\xc3\x28", b"\xed\xa0\x80"] {
        inputs.push([b"b1.", MARK.as_bytes(), odd].concat());
    }
    for input in inputs {
        let outputs = [&["inspect", "-"][..], &["inspect", "-", "--json"]]
            .map(|arguments| bulla(arguments, &input));
        for output in &outputs {
            assert!(matches!(output.status.code(), Some(1 | 2)), "{:?}", output.status);
        }
        for said in outputs.into_iter().flat_map(|output| [output.stdout, output.stderr]) {
            let said = String::from_utf8(said).expect("it is text");
            assert!(!said.contains(MARK) && said.len() < 1_000, "{said}");
            let legal = |byte: u8| byte == b'\n' || (0x20..0x7f).contains(&byte);
            assert!(said.bytes().all(legal), "{said:?}");
        }
    }
}
