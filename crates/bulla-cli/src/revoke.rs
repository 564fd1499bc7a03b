//! `bulla revoke`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bulla::UnixTime;
use bulla::revocation::{Revocation, RevocationFile, Subject};
use bulla::session::SessionId;
use bulla::token::CLOCK_SKEW;
use bulla_redis::SharedRevocations;

use crate::Failure;
use crate::args::{RevocationPlace, Revoke, RevokeCommand};
use crate::reply::{Answer, Reply};
use crate::values::shown;

/// Until Redis must have taken it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is revoked, and for how long the list says so.
struct What {
    before: UnixTime,
    until: UnixTime,
}

pub(crate) fn run(command: RevokeCommand) -> Result<Reply, Failure> {
    match command {
        RevokeCommand::List { place, clock } => {
            let revocations = match place.list()? {
                List::File(path) => read(&path)?,
                List::Redis(shared) => shared.list().to_vec(),
            };
            let now = clock.now();
            let mut lines: Vec<(UnixTime, String)> = revocations
                .iter()
                .filter(|revocation| revocation.until() > now)
                .map(|revocation| (revocation.until(), revocation.to_string()))
                .collect();
            lines.sort_unstable();
            let text: String = lines
                .iter()
                .map(|(until, line)| format!("{line} (in {})\n", shown(until.since(now))))
                .collect();
            Ok(Reply::new(Answer::Yes, text).note(format!("{} revocations", lines.len())))
        }
        RevokeCommand::Session { id, revoke } => {
            let id = session_id(&id).ok_or("a session's id is 32 hexadecimal digits")?;
            let until = until(&revoke);
            add(&revoke.place.list()?, Revocation::Session { id, until })
        }
        RevokeCommand::Subject { subject, purpose, revoke } => {
            let subject = Subject::of(&purpose, &subject);
            let list = revoke.place.list()?;
            let What { before, until } = what(&revoke, &list, |held| match *held {
                Revocation::Subject { subject: of, before, .. } if of == subject => Some(before),
                Revocation::All { before, .. } => Some(before),
                _ => None,
            })?;
            add(&list, Revocation::Subject { subject, before, until })
        }
        RevokeCommand::Key { id, revoke } => {
            let list = revoke.place.list()?;
            let What { before, until } = what(&revoke, &list, |_| None)?;
            add(&list, Revocation::Key { id, before, until })
        }
        RevokeCommand::All { revoke } => {
            let list = revoke.place.list()?;
            let What { before, until } = what(&revoke, &list, |held| match *held {
                Revocation::Subject { before, .. } | Revocation::All { before, .. } => Some(before),
                _ => None,
            })?;
            add(&list, Revocation::All { before, until })
        }
    }
}

fn add(list: &List, revocation: Revocation) -> Result<Reply, Failure> {
    let held = "that is revoked already";
    let note = match list {
        List::File(_) if list.held()?.contains(&revocation) => held,
        List::File(path) => {
            let appended = RevocationFile::new(path).append(&revocation);
            appended.map_err(|error| format!("{}: {error}", path.display()))?;
            "every server that follows the file refuses it within a second"
        }
        List::Redis(shared) if !shared.list().add(revocation) => held,
        List::Redis(shared) if shared.flush(PATIENCE) => "every server that listens refuses it now",
        List::Redis(_) => {
            return Err(
                "Redis has not confirmed it in time; `bulla revoke list` says whether it has it"
                    .into(),
            );
        }
    };
    let text = if note == held { String::new() } else { format!("{revocation}\n") };
    Ok(Reply::new(Answer::Yes, text).note(note))
}

fn read(path: &Path) -> Result<Vec<Revocation>, Failure> {
    let read = RevocationFile::new(path).read();
    read.map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The list that servers follow.
enum List {
    File(PathBuf),
    Redis(SharedRevocations),
}

impl List {
    fn held(&self) -> Result<Vec<Revocation>, Failure> {
        match self {
            List::File(path) if !path.exists() => Ok(Vec::new()),
            List::File(path) => read(path),
            List::Redis(shared) => Ok(shared.list().to_vec()),
        }
    }
}

impl RevocationPlace {
    fn list(&self) -> Result<List, Failure> {
        match (&self.file, &self.redis, &self.name) {
            (Some(path), ..) => Ok(List::File(path.clone())),
            (None, Some(url), Some(name)) => {
                Ok(List::Redis(SharedRevocations::join(url, name.as_str())?))
            }
            _ => Err("which list? --file FILE, or --redis URL --name NAME".into()),
        }
    }
}

/// `starts` says of what is revoked already after when it put sessions that are meant now.
fn what(
    revoke: &Revoke,
    list: &List,
    starts: impl Fn(&Revocation) -> Option<UnixTime>,
) -> Result<What, Failure> {
    let until = until(revoke);
    if let Some(before) = revoke.before {
        return Ok(What { before, until });
    }
    // A server's clock may be ahead, and a session there that has ended the others two seconds
    // more. Who signs in afterwards starts at this, an even second: `Revocation::Subject`.
    let ahead = revoke.clock.now() + CLOCK_SKEW + Duration::from_secs(3);
    // What is further ahead than an hour is closed for good, and nobody starts there.
    let hour = revoke.clock.now() + Duration::from_secs(60 * 60);
    let latest = list.held()?.iter().filter_map(starts).filter(|latest| *latest < hour).max();
    let last = latest.map_or(ahead, |latest| ahead.max(latest + Duration::from_secs(1)));
    Ok(What { before: UnixTime::from_secs((last.as_secs() + 1) & !1), until })
}

fn until(revoke: &Revoke) -> UnixTime {
    revoke.clock.now() + revoke.absolute + CLOCK_SKEW
}

fn session_id(text: &str) -> Option<SessionId> {
    let hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u128::from_str_radix(text, 16).ok().filter(|_| hex)?;
    Some(SessionId::from_bytes(id.to_be_bytes()))
}
