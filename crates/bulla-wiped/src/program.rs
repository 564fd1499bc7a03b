//! The program whose memory is searched. It uses the library as a server does, and wipes its own
//! copies of secrets.

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

/// One search: when it runs, and which needles (secrets) it must find on the heap. If it finds
/// another needle on the heap, the check fails.
pub(crate) struct Search {
    pub(crate) name: &'static str,
    pub(crate) there: &'static [&'static str],
    pub(crate) stack: Stack,
}

/// Whether copies of secrets may remain on the stack. When a value is moved, a copy may remain in a
/// stack frame that is no longer in use, until another call overwrites that frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stack {
    May,
    MustNot,
}

const fn search(name: &'static str, there: &'static [&'static str]) -> Search {
    Search { name, there, stack: Stack::May }
}

pub(crate) const SEARCHES: &[Search] = &[
    Search { stack: Stack::MustNot, ..search("before the program reads a secret", &[]) },
    search("a ring is loaded, and its text in the program is wiped", &[KEY]),
    search("the ring was written as text, and the text dropped", &[KEY]),
    search("a sealer and a signer use the ring", &[KEY, SEALING]),
    search("control: a value is opened and not yet dropped", &[KEY, SEALING, PLAINTEXT]),
    search("tokens were sealed and opened, and their values dropped", &[KEY, SEALING]),
    search("tokens were refused, and sealing failed because a value was too long", &[KEY, SEALING]),
    search("a session was started, changed, renewed and ended", &[KEY, SEALING]),
    search("invalid ring texts were refused", &[KEY, SEALING]),
    search("the ring was replaced", &[]),
    search("everything is dropped", &[]),
    Search { stack: Stack::MustNot, ..search("other calls have overwritten the stack", &[]) },
    search("known: serde_json decodes a string with a backslash in its own buffer", &[ESCAPED]),
    search("control: a copy was freed without wiping", &[ESCAPED, PLAINTEXT]),
];

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/wiped")]
struct Note {
    text: String,
}

/// The application must wipe its own copy of the plaintext.
impl Drop for Note {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

const LIFETIME: Duration = Duration::from_secs(600);

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let mut host = Host::new()?;
    host.search()?;
    whole_life(&mut host)?;
    host.search()?;
    black_box(use_the_stack(64));
    host.search()?;
    json(&mut host, ESCAPED)?;
    host.search()?;
    leak(&mut host)?;
    host.search()
}

fn whole_life(host: &mut Host) -> Result<(), Box<dyn Error>> {
    let handle = RingHandle::from(load(host)?);
    host.search()?;

    drop(handle.ring().expose_text());
    host.search()?;

    let sealer = Sealer::<Note>::new(&handle, LIFETIME);
    let signer = Signer::<Note>::new(&handle, LIFETIME);
    let sessions = Sessions::<Note>::new(&handle, Policy::default());
    host.search()?;

    let token = sealer.seal(&host.note()?)?;
    host.say(&format!("token {token}"))?;
    let opened = sealer.open(&token)?;
    host.search()?;
    drop(opened);

    tokens(host, &sealer)?;
    host.search()?;
    refusals(host, &sealer, &signer)?;
    host.search()?;
    session(host, &sessions)?;
    host.search()?;
    refused_texts(host)?;
    host.search()?;

    handle.replace(KeyRing::generate()?);
    host.search()
}

#[inline(never)]
fn load(host: &mut Host) -> Result<KeyRing, Box<dyn Error>> {
    let mut text = Zeroizing::new([0; 64]);
    host.ask(KEY_TEXT, &mut *text)?;
    Ok(KeyRing::try_from(&text[..])?)
}

/// Seals and opens long and short values, with new and reused buffers.
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
        let session = sessions.load_at(now, "POST", |name| {
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

/// The library rejects a key that appears twice, a key with a wrong id, a truncated key, and a key
/// after a space.
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

/// Frees a copy of the plaintext without wiping it. The allocator overwrites only its start.
#[inline(never)]
fn leak(host: &mut Host) -> Result<(), Box<dyn Error>> {
    let note = host.notes(PLAINTEXT, 3)?;
    drop(black_box(note.text.as_bytes().to_vec()));
    Ok(())
}

/// Overwrites the stack, as other calls of a server do.
#[inline(never)]
fn use_the_stack(deep: u32) -> u32 {
    let frame = black_box([deep as u8; 4096]);
    match deep {
        0 => frame.len() as u32,
        _ => black_box(use_the_stack(deep - 1)) + u32::from(frame[7]),
    }
}

fn expect(holds: bool) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err("the library did not return what the program expects".into()) }
}

/// The process that searches the memory and knows the secrets. Two pipes connect it with the
/// program.
struct Host {
    // Reads without the buffer of `io::Stdin`, because that buffer would keep a copy of a secret.
    input: File,
    searches: std::slice::Iter<'static, Search>,
}

impl Host {
    fn new() -> Result<Host, Box<dyn Error>> {
        let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Host { input, searches: SEARCHES.iter() })
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

    /// A note that repeats the plaintext `times` times.
    fn notes(&mut self, plaintext: &str, times: usize) -> Result<Note, Box<dyn Error>> {
        let mut once = Zeroizing::new([0; PLAINTEXT_LEN]);
        self.ask(plaintext, &mut *once)?;
        let mut note = Note { text: String::with_capacity(times * PLAINTEXT_LEN) };
        for _ in 0..times {
            note.text.push_str(std::str::from_utf8(&once[..])?);
        }
        Ok(note)
    }

    /// Waits while the memory is searched.
    fn search(&mut self) -> Result<(), Box<dyn Error>> {
        let search = self.searches.next().ok_or("more searches than expected")?;
        self.say(&format!("search {}", search.name))?;
        self.input.read_exact(&mut [0])?;
        Ok(())
    }
}
