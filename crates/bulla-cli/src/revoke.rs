//! `bulla revoke`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bulla::{CLOCK_SKEW, Revocation, RevocationFile, SessionId, Subject, UnixTime};
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
            add(&revoke, Revocation::Session { id, until })
        }
        RevokeCommand::Subject { subject, purpose, revoke } => {
            let subject = Subject::of(&purpose, &subject);
            let What { before, until } = what(&revoke);
            add(&revoke, Revocation::Subject { subject, before, until })
        }
        RevokeCommand::Key { id, revoke } => {
            let What { before, until } = what(&revoke);
            add(&revoke, Revocation::Key { id, before, until })
        }
        RevokeCommand::All { revoke } => {
            let What { before, until } = what(&revoke);
            add(&revoke, Revocation::All { before, until })
        }
    }
}

fn add(revoke: &Revoke, revocation: Revocation) -> Result<Reply, Failure> {
    let held = "that is revoked already";
    let note = match revoke.place.list()? {
        List::File(path) if path.exists() && read(&path)?.contains(&revocation) => held,
        List::File(path) => {
            let appended = RevocationFile::new(&path).append(&revocation);
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

fn what(revoke: &Revoke) -> What {
    // A server's clock may be ahead, and a session there that has ended the others two seconds
    // more. Who signs in afterwards starts at this, an even second: `Revocation::Subject`.
    let ahead = (revoke.clock.now() + CLOCK_SKEW).as_secs() + 4;
    let before = revoke.before.unwrap_or(UnixTime::from_secs(ahead & !1));
    What { before, until: until(revoke) }
}

fn until(revoke: &Revoke) -> UnixTime {
    revoke.clock.now() + revoke.absolute + CLOCK_SKEW
}

fn session_id(text: &str) -> Option<SessionId> {
    let hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u128::from_str_radix(text, 16).ok().filter(|_| hex)?;
    Some(SessionId::from_bytes(id.to_be_bytes()))
}
