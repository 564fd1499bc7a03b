//! The program that is looked at: it does with the library what a server does, and keeps
//! no copy of a secret of its own.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use bulla::keys::Key;
use bulla::{
    KeyRing, OpenError, Payload, Policy, RingHandle, SealError, Sealer, Sessions, Signer, UnixTime,
};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::needles::{ESCAPED, KEY, KEY_TEXT, PLAINTEXT, PLAINTEXT_LEN, SEALING};

pub(crate) const PURPOSE: &str = "bank.example/wiped";

/// When the program is looked at, and what must be found on its heap then. All else must
/// not be.
pub(crate) struct Look {
    pub(crate) name: &'static str,
    pub(crate) there: &'static [&'static str],
    pub(crate) stack: Stack,
}

/// Whether copies may be left on the stack: moving a value leaves one, in a frame that
/// nobody uses any more until the next call overwrites it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stack {
    May,
    MustNot,
}

const fn look(name: &'static str, there: &'static [&'static str]) -> Look {
    Look { name, there, stack: Stack::May }
}

pub(crate) const LOOKS: &[Look] = &[
    Look { stack: Stack::MustNot, ..look("before anything was read", &[]) },
    look("a ring is loaded, and the program's text of it wiped", &[KEY]),
    look("it was written as text, and that dropped", &[KEY]),
    look("a sealer and a signer are made of it", &[KEY, SEALING]),
    look("control: a value is opened and not dropped yet", &[KEY, SEALING, PLAINTEXT]),
    look("tokens were made and opened, and their values dropped", &[KEY, SEALING]),
    look("tokens were refused, and one was too long to be made", &[KEY, SEALING]),
    look("a session was started, changed, renewed and ended", &[KEY, SEALING]),
    look("texts of rings were refused", &[KEY, SEALING]),
    look("the ring was replaced", &[]),
    look("all is dropped", &[]),
    Look { stack: Stack::MustNot, ..look("other calls have used the stack", &[]) },
    look("known: serde_json decodes a string with a backslash in a buffer of its own", &[ESCAPED]),
    look("control: a copy was freed without being wiped", &[ESCAPED, PLAINTEXT]),
];

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/wiped")]
struct Note {
    text: String,
}

/// The application's copy is the application's to wipe.
impl Drop for Note {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

const LIFETIME: Duration = Duration::from_secs(600);

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let mut host = Host::new()?;
    host.look()?;
    whole_life(&mut host)?;
    host.look()?;
    black_box(use_the_stack(64));
    host.look()?;
    json(&mut host, ESCAPED)?;
    host.look()?;
    leak(&mut host)?;
    host.look()
}

fn whole_life(host: &mut Host) -> Result<(), Box<dyn Error>> {
    let handle = RingHandle::from(load(host)?);
    host.look()?;

    drop(handle.ring().expose_text());
    host.look()?;

    let sealer = Sealer::<Note>::new(&handle, LIFETIME);
    let signer = Signer::<Note>::new(&handle, LIFETIME);
    let sessions = Sessions::<Note>::new(&handle, Policy::default());
    host.look()?;

    let token = sealer.seal(&host.note()?)?;
    host.say(&format!("token {token}"))?;
    let opened = sealer.open(&token)?;
    host.look()?;
    drop(opened);

    tokens(host, &sealer)?;
    host.look()?;
    refusals(host, &sealer, &signer)?;
    host.look()?;
    session(host, &sessions)?;
    host.look()?;
    refused_texts(host)?;
    host.look()?;

    handle.replace(KeyRing::generate()?);
    host.look()
}

#[inline(never)]
fn load(host: &mut Host) -> Result<KeyRing, Box<dyn Error>> {
    let mut text = Zeroizing::new([0; 64]);
    host.ask(KEY_TEXT, &mut *text)?;
    Ok(KeyRing::try_from(&text[..])?)
}

/// Long and short, in buffers that are new and in those that have served.
#[inline(never)]
fn tokens(host: &mut Host, sealer: &Sealer<Note>) -> Result<(), Box<dyn Error>> {
    for times in [1, 1, 20, 100, 1] {
        let note = host.notes(PLAINTEXT, times)?;
        let token = sealer.seal(&note)?;
        let mut kept = String::new();
        sealer.seal_into(&note, UnixTime::now(), &mut kept)?;
        drop(sealer.open(&token)?);
        drop(sealer.open(&kept)?);
        let mut buf = Zeroizing::new(Vec::new());
        black_box(sealer.open_in::<View>(&token, UnixTime::now(), &mut buf)?.payload.text.len());
    }
    json(host, PLAINTEXT)
}

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/json", encoding = "json")]
struct Json {
    note: Note,
}

#[inline(never)]
fn json(host: &mut Host, plaintext: &str) -> Result<(), Box<dyn Error>> {
    let sealer = Sealer::<Json>::new(KeyRing::generate()?, LIFETIME);
    let token = sealer.seal(&Json { note: host.notes(plaintext, 3)? })?;
    drop(sealer.open(&token)?);
    Ok(())
}

#[derive(Deserialize)]
struct View<'a> {
    text: &'a str,
}

impl<'a> bulla::token::View<'a> for View<'a> {
    type Of = Note;
}

#[inline(never)]
fn refusals(
    host: &mut Host,
    sealer: &Sealer<Note>,
    signer: &Signer<Note>,
) -> Result<(), Box<dyn Error>> {
    let note = host.note()?;
    let token = sealer.seal(&note)?;
    let forged = format!("{}{}", &token[..token.len() - 4], "AAAA");
    expect(matches!(sealer.open(&forged), Err(OpenError::BadTag(_))))?;
    let late = UnixTime::now() + LIFETIME + LIFETIME;
    expect(matches!(sealer.open_at(&token, late), Err(OpenError::Expired { .. })))?;
    expect(signer.verify(&token).is_err())?;
    expect(matches!(sealer.seal(&host.notes(PLAINTEXT, 300)?), Err(SealError::TooLong { .. })))?;
    let mut kept = String::with_capacity(64);
    let sealed = sealer.seal_into(&host.notes(PLAINTEXT, 300)?, UnixTime::now(), &mut kept);
    expect(matches!(sealed, Err(SealError::TooLong { .. })))
}

#[inline(never)]
fn session(host: &mut Host, sessions: &Sessions<Note>) -> Result<(), Box<dyn Error>> {
    let mut kept = BTreeMap::new();
    let mut now = UnixTime::now();
    for step in 0..5 {
        let cookies = kept.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let session = sessions.load_at(now, |name| {
            Some(cookies.as_bytes()).filter(|_| name == "cookie" && !cookies.is_empty())
        });
        match step {
            0 => session.start(host.notes(PLAINTEXT, 10)?)?,
            1 => expect(session.with(|note| note.is_some_and(|note| note.text.len() == 400)))?,
            2 => session.set(host.note()?)?,
            3 => session.update(|note| note.text.make_ascii_lowercase())?,
            _ => session.end()?,
        }
        for line in session.commit().into_iter().filter(|line| line.name == "set-cookie") {
            let cookie = line.value.split(';').next().and_then(|cookie| cookie.split_once('='));
            let (name, value) = cookie.ok_or("not a cookie")?;
            kept.insert(name.to_owned(), value.to_owned());
        }
        now = now + Duration::from_secs(120);
    }
    Ok(())
}

/// A key twice, a key whose id is another's, and one in the wrong place.
#[inline(never)]
fn refused_texts(host: &mut Host) -> Result<(), Box<dyn Error>> {
    let mut text = Zeroizing::new([b'\n'; 129]);
    host.ask(KEY_TEXT, &mut text[..64])?;
    text.copy_within(..64, 65);
    expect(KeyRing::try_from(&text[..]).is_err())?;
    text[63] = if text[63] == b'0' { b'1' } else { b'0' };
    expect(KeyRing::try_from(&text[..64]).is_err())?;
    expect(std::str::from_utf8(&text[..63])?.parse::<Key>().is_err())?;
    text[0] = b' ';
    expect(KeyRing::try_from(&text[..64]).is_err())
}

/// The middle of what a program has not wiped is still there.
#[inline(never)]
fn leak(host: &mut Host) -> Result<(), Box<dyn Error>> {
    let note = host.notes(PLAINTEXT, 3)?;
    drop(black_box(note.text.as_bytes().to_vec()));
    Ok(())
}

/// As other calls of a server do.
#[inline(never)]
fn use_the_stack(deep: u32) -> u32 {
    let frame = black_box([deep as u8; 4096]);
    match deep {
        0 => frame.len() as u32,
        _ => black_box(use_the_stack(deep - 1)) + u32::from(frame[7]),
    }
}

fn expect(holds: bool) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err("the program did not do what it was to do".into()) }
}

/// Who knows the secrets, on the other side of two pipes.
struct Host {
    // Not std's stdin, which would keep what it has read.
    input: File,
    looks: std::slice::Iter<'static, Look>,
}

impl Host {
    fn new() -> Result<Host, Box<dyn Error>> {
        let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Host { input, looks: LOOKS.iter() })
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        let mut output = io::stdout().lock();
        writeln!(output, "{line}")?;
        output.flush()
    }

    fn ask(&mut self, what: &str, secret: &mut [u8]) -> io::Result<()> {
        self.say(&format!("give {what}"))?;
        self.input.read_exact(secret)
    }

    fn note(&mut self) -> Result<Note, Box<dyn Error>> {
        self.notes(PLAINTEXT, 1)
    }

    /// A note that says the same so many times.
    fn notes(&mut self, plaintext: &str, times: usize) -> Result<Note, Box<dyn Error>> {
        let mut once = Zeroizing::new([0; PLAINTEXT_LEN]);
        self.ask(plaintext, &mut *once)?;
        let mut note = Note { text: String::with_capacity(times * PLAINTEXT_LEN) };
        for _ in 0..times {
            note.text.push_str(std::str::from_utf8(&once[..])?);
        }
        Ok(note)
    }

    /// Stands still while it is looked at.
    fn look(&mut self) -> Result<(), Box<dyn Error>> {
        let look = self.looks.next().ok_or("one look too many")?;
        self.say(&format!("look {}", look.name))?;
        self.input.read_exact(&mut [0])?;
        Ok(())
    }
}
