//! Malformed and huge input for every function that reads bytes of a client or an operator. The
//! function must return a value or an error. Errors do not repeat the input, responses contain
//! only printable characters, and at most four tokens are tried.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bulla::keys::{Key, KeyId, MAX_RING_LEN};
use bulla::revocation::Revocation;
use bulla::session::{Adopted, Denied, OldCookie};
use bulla::token::{MAX_TOKEN_LEN, Mode, RawTokens, Visible, read_unverified, read_unverified_raw};
use bulla::{Bearer, Cookie, KeyRing, Policy, Sealer, Sessions, Signer, UnixTime};
use serde::{Deserialize, Serialize};

use crate::support::{Account, Client, STATE, T0, ada, key_text, secs};

/// A word in inputs that no output may contain.
const MARK: &str = "hunter2";

/// The length of huge inputs: 8 MiB.
const HUGE: usize = 8 << 20;

fn odd_bytes() -> Vec<Vec<u8>> {
    let bytes: &[&[u8]] = &[
        b"\r\n",
        b"\r\nSet-Cookie: id=1",
        b"\n",
        b"\r",
        b"\0",
        b"\x7f",
        b"\x1b[2J",
        b"\t",
        b"\x0b",
        b" ",
        b"\"",
        b"\\",
        b"%00",
        b"%0d%0a",
        b"\x80",
        b"\xff",
        b"\xc3\x28",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        "ä".as_bytes(),
        "\u{feff}".as_bytes(),
        "\u{202e}".as_bytes(),
        "\u{2028}".as_bytes(),
        "🦀".as_bytes(),
    ];
    bytes.iter().map(|bytes| bytes.to_vec()).collect()
}

/// `text` itself, and `text` with each of the odd bytes before, within and after it. Also the odd
/// bytes alone, and [`MARK`] with odd bytes after it.
fn with_odd_bytes(text: &[u8]) -> Vec<Vec<u8>> {
    let middle = text.len() / 2;
    let mut texts = vec![text.to_vec()];
    for odd in odd_bytes() {
        texts.push([&odd, text].concat());
        texts.push([&text[..middle], &odd, &text[middle..]].concat());
        texts.push([text, &odd].concat());
        texts.push([&odd, text, &odd].concat());
        texts.push([MARK.as_bytes(), &odd].concat());
        texts.push(odd);
    }
    texts
}

/// Huge inputs, each of which repeats one byte.
fn huge() -> Vec<Vec<u8>> {
    [b'A', b'\n', 0xff].map(|byte| vec![byte; HUGE]).into()
}

/// Checks that the `Debug` form and the text of a value are short and printable, and do not
/// repeat the input.
#[track_caller]
fn check_shows_no_input(value: &dyn Debug, display: &str) {
    for text in [format!("{value:?}"), display.to_owned()] {
        assert!(!text.contains(MARK), "{text}");
        assert!(text.len() < 600, "{} characters", text.len());
        assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{text:?}");
    }
}

#[track_caller]
fn check_result_shows_no_input<T: Debug, E: std::error::Error>(result: &Result<T, E>) {
    match result {
        Ok(value) => check_shows_no_input(value, ""),
        Err(error) => check_shows_no_input(error, &error.to_string()),
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, bulla::Payload)]
#[payload(purpose = "extremes.example/profile", encoding = "json")]
struct Profile {
    name: String,
}

#[test]
fn malformed_tokens_are_refused_and_errors_do_not_repeat_them() {
    let ring = KeyRing::generate().unwrap();
    let sealer = Sealer::<Account>::new(&ring, secs(60));
    let signer = Signer::<Profile>::new(&ring, secs(60));
    let raw = [Mode::Sealed, Mode::Signed].map(|mode| RawTokens::new(&ring, mode, MARK));
    let sealed = sealer.seal_at(&ada(), T0).unwrap().into_bytes();
    let signed = signer.sign_at(&Profile { name: MARK.into() }, T0).unwrap().into_bytes();
    let longest = [b"b1.", &vec![b'A'; MAX_TOKEN_LEN][..]].concat();
    let texts = [
        with_odd_bytes(&sealed),
        with_odd_bytes(&signed),
        with_odd_bytes(b"b1."),
        with_odd_bytes(&longest),
    ];
    for text in texts.into_iter().flatten().chain(huge()) {
        let opened = sealer.open_at(&text, T0);
        assert_eq!(opened.is_ok(), text == sealed);
        check_result_shows_no_input(&opened);
        let verified = signer.verify_at(&text, T0);
        assert_eq!(verified.is_ok(), text == signed);
        check_result_shows_no_input(&verified);
        for raw in &raw {
            check_result_shows_no_input(&raw.authenticate(&text));
        }
        assert_eq!(read_unverified::<Profile>(&text).is_ok(), text == signed);
        check_result_shows_no_input(&read_unverified_raw(&text));
        check_result_shows_no_input(&Visible::of(&text));
    }
}

#[test]
fn malformed_operator_input_is_refused_and_errors_do_not_repeat_it() {
    let key = key_text();
    let line = format!("{key} primary-from={T0} # {MARK}");
    let revocation = format!("all before={T0} until={T0}");
    let good = [&key, &line, &revocation];
    let texts = good.iter().flat_map(|text| with_odd_bytes(text.as_bytes()));
    let long = [vec![b'x'; MAX_RING_LEN + 1], key.repeat(100_000).into_bytes()];
    for bytes in texts.chain(long).chain(huge()) {
        check_result_shows_no_input(&KeyRing::try_from(&bytes[..]));
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        check_result_shows_no_input(&text.parse::<KeyRing>());
        let parsed = text.parse::<Key>();
        assert_eq!(parsed.is_ok(), text == key);
        check_result_shows_no_input(&parsed);
        check_result_shows_no_input(&text.parse::<KeyId>());
        check_result_shows_no_input(&text.parse::<UnixTime>());
        check_result_shows_no_input(&text.parse::<Revocation>());
        // Names that an application might let an operator choose.
        check_result_shows_no_input(&Cookie::new(text).map(drop));
        check_result_shows_no_input(&OldCookie::new(text).map(drop));
        check_result_shows_no_input(&Cookie::default().shared_with_domain(text).map(drop));
        check_result_shows_no_input(&Cookie::default().below_path(text).map(drop));
        check_result_shows_no_input(&Bearer::named(text, "session-renewal").map(drop));
    }
}

#[cfg(feature = "reload")]
#[test]
fn a_revocation_file_is_read_past_malformed_lines() {
    let path = std::env::temp_dir().join(format!("bulla-extremes-{}", std::process::id()));
    let good = format!("all before={T0} until={T0}");
    for text in with_odd_bytes(good.as_bytes()).into_iter().chain(huge()) {
        std::fs::write(&path, [&text[..], b"\n", good.as_bytes(), b"\n"].concat()).unwrap();
        let read = bulla::revocation::RevocationFile::new(&path).read().unwrap();
        assert!(!read.is_empty() && read.iter().all(|read| read.to_string() == good));
    }
    std::fs::remove_file(path).unwrap();
}

/// Sessions over cookies, bearer headers and old cookies. Also returns two counters: of events, and
/// of old cookies that the hook got.
fn sessions() -> (Sessions<Account>, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (opened, adopted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (opens, adopts) = (Arc::clone(&opened), Arc::clone(&adopted));
    let sessions = Sessions::<Account>::builder(KeyRing::generate().unwrap(), Policy::default())
        .cookie(Cookie::default().split())
        .bearer(Bearer::default())
        .adopt_cookie(OldCookie::new("old").unwrap(), UnixTime::MAX, move |value| {
            adopts.fetch_add(1, Relaxed);
            (value == "Ada").then(|| Adopted::new(ada()))
        })
        .on_event(move |event| {
            check_shows_no_input(event, &event.to_string());
            opens.fetch_add(1, Relaxed);
        })
        .build();
    (sessions, opened, adopted)
}

/// Makes one request with these header lines for each action of a handler. Checks that the response
/// has valid header lines, and returns whether there was a session.
#[track_caller]
fn request(sessions: &Sessions<Account>, lines: &[(&str, &[u8])]) -> bool {
    let mut lives = false;
    type Act = fn(&bulla::Session<Account>);
    let acts: [Act; 4] = [
        |session| drop(session.get()),
        |session| {
            let _ = session.set(Account { id: 1, name: MARK.into() });
        },
        |session| session.start(Account { id: 2, name: MARK.into() }).unwrap(),
        |session| session.end().unwrap(),
    ];
    for act in acts {
        let session = sessions.load_at(T0, "POST", |name| {
            let lines = lines.iter().filter(|(line, _)| *line == name);
            lines.map(|(_, value)| *value).collect::<Vec<_>>()
        });
        lives |= session.get().is_some();
        check_shows_no_input(&session, "");
        check_shows_no_input(&session.status(), "");
        check_shows_no_input(&session.info(), "");
        if let Err(denied) = session.require_fresh(secs(0)) {
            check_denied_shows_no_input(&denied);
        }
        act(&session);
        for line in session.commit() {
            assert!(!format!("{line:?}").contains(MARK));
            assert!(!line.value.contains(MARK));
            assert!(line.value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line:?}");
        }
    }
    lives
}

fn check_denied_shows_no_input(denied: &Denied) {
    check_shows_no_input(denied, &denied.to_string());
}

#[test]
fn responses_to_malformed_headers_are_valid_and_do_not_repeat_them() {
    let (sessions, ..) = sessions();
    let client = Client::browser().signed_in(&sessions, T0, ada());
    let token = client.kept[STATE].clone();
    let cookie = format!("{STATE}={token}").into_bytes();
    let bearer = Client::mobile().signed_in(&sessions, T0, ada()).kept["session-token"].clone();
    let bearer = format!("Bearer {bearer}").into_bytes();
    assert!(request(&sessions, &[("cookie", &cookie)]));
    assert!(request(&sessions, &[("authorization", &bearer)]));
    for text in with_odd_bytes(token.as_bytes()) {
        let in_value = [format!("{STATE}=").as_bytes(), &text].concat();
        request(&sessions, &[("cookie", &in_value)]);
        let in_renewal = [&cookie, &b"; "[..], STATE.as_bytes(), b"-renewal=", &text].concat();
        request(&sessions, &[("cookie", &in_renewal)]);
        let in_piece = [STATE.as_bytes(), b"=p1.02.AAAAAAAA.", &text].concat();
        request(&sessions, &[("cookie", &in_piece)]);
        request(&sessions, &[("authorization", &[b"Bearer ", &text[..]].concat())]);
        request(&sessions, &[("authorization", &bearer), ("session-renewal", &text)]);
        // The odd text as a cookie name: before and after a good cookie, and on a separate line.
        let named = [&text, &b"="[..], MARK.as_bytes()].concat();
        for line in [[&named, &b"; "[..], &cookie].concat(), [&cookie, &b"; "[..], &named].concat()]
        {
            let breaks = named.contains(&b';');
            assert!(request(&sessions, &[("cookie", &line)]) || breaks);
        }
        assert!(request(&sessions, &[("cookie", &named), ("cookie", &cookie)]));
        request(&sessions, &[("authorization", &text), ("cookie", &cookie)]);
    }
    for text in with_odd_bytes(cookie.as_slice()) {
        request(&sessions, &[("cookie", &text)]);
        let old = [b"old=", &text[..]].concat();
        request(&sessions, &[("cookie", &old)]);
    }
}

#[test]
fn four_cookies_of_one_name_are_tried_however_many_a_request_has() {
    let (sessions, events, adopted) = sessions();
    let client = Client::browser().signed_in(&sessions, T0, ada());
    let good = format!("{STATE}={}", client.kept[STATE]);
    let others = |name: &str, value: &str| format!("{name}={value}; ").repeat(10_000);
    let long = "n".repeat(HUGE);
    let table = [
        ("other cookies before", format!("{}{good}", others("a", "b")), true),
        ("other cookies behind", format!("{good}; {}", others("a", "b")), true),
        ("10,000 empty cookies", format!("{}{good}", others(STATE, "")), true),
        ("three bad tokens", format!("{}{good}", format!("{STATE}=b1.x; ").repeat(3)), true),
        ("four bad tokens", format!("{}{good}", format!("{STATE}=b1.x; ").repeat(4)), false),
        ("10,000 bad tokens", format!("{}{good}", others(STATE, "b1.x")), false),
        ("10,000 bad tokens behind", format!("{good}; {}", others(STATE, "b1.x")), true),
        ("10,000 renewals", format!("{}{good}", others(&format!("{STATE}-renewal"), "b1.x")), true),
        ("10,000 pieces", format!("{good}; {}", others(&format!("{STATE}-1"), "p1.12.x.x")), true),
        ("10,000 old cookies", format!("{}{good}", others("old", "x")), true),
        ("a name of 8 MiB", format!("{long}=x; {good}"), true),
        ("a value of 8 MiB", format!("a={long}; {good}"), true),
        ("a token of 8 MiB", format!("{STATE}=b1.{long}; {good}"), true),
        ("only a name of 8 MiB", long.clone(), false),
        ("8 MiB of ;", ";".repeat(HUGE) + &good, true),
    ];
    for (what, header, lives) in &table {
        for split in [false, true] {
            events.store(0, Relaxed);
            adopted.store(0, Relaxed);
            // Over HTTP/2 and later, browsers split the header into several lines.
            let lines: Vec<&[u8]> = match split {
                false => vec![header.as_bytes()],
                true if header.len() > HUGE => continue,
                true => header.split("; ").map(str::as_bytes).collect(),
            };
            let session = sessions.load_at(T0, "GET", |name| match name {
                "cookie" => lines.clone(),
                _ => Vec::new(),
            });
            assert_eq!(session.get().is_some(), *lives, "{what}");
            drop(session.commit());
            // A request has at most two events, even if it has many cookies.
            assert!(events.load(Relaxed) <= 2, "{what}");
            assert!(adopted.load(Relaxed) <= 4, "{what}");
        }
    }
    // At most four old cookies are tried, too.
    events.store(0, Relaxed);
    let header = others("old", "x");
    let session =
        sessions.load_at(T0, "GET", |name| (name == "cookie").then_some(header.as_bytes()));
    assert!(session.get().is_none());
    assert_eq!(adopted.load(Relaxed), 4);
}

#[test]
fn several_bearer_headers_are_ignored_and_one_of_megabytes_is_refused() {
    let (sessions, ..) = sessions();
    let client = Client::mobile().signed_in(&sessions, T0, ada());
    let good = format!("Bearer {}", client.kept["session-token"]);
    for (what, lines, lives) in [
        ("one", vec![good.clone()], true),
        ("two", vec![good.clone(); 2], false),
        ("10,000", vec![good.clone(); 10_000], false),
        ("of other schemes", [vec!["Basic x".into(); 10_000], vec![good.clone()]].concat(), true),
        ("8 MiB of spaces", vec![format!("Bearer {}{}", " ".repeat(HUGE), &good[7..])], true),
        ("8 MiB", vec![format!("{good}{}", "A".repeat(HUGE))], false),
    ] {
        let session = sessions.load_at(T0, "GET", |name| match name {
            "authorization" => lines.iter().map(String::as_bytes).collect(),
            _ => Vec::new(),
        });
        assert_eq!(session.get().is_some(), lives, "{what}");
    }
}
