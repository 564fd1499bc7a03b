//! `bulla revoke`: shows and adds revocations.

use std::path::PathBuf;
use std::time::Duration;

use bulla::revocation::{Revocation, RevocationFile, SkippedLine, Subject};
use bulla::session::SessionId;
use bulla::token::CLOCK_SKEW;
use bulla::{Revocations, UnixTime};
use bulla_redis::SharedRevocations;

use crate::args::RevokeCommand;
use crate::options::{Form, RevocationPlace, Revoke, RevokeBefore};
use crate::reply::{Answer, Failure, Reply};
use crate::revoked::Listed;

/// How long to wait for Redis to confirm a revocation.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(command: RevokeCommand) -> Result<Reply, Failure> {
    match command {
        RevokeCommand::List { place, clock, output } => list(&place, clock.now(), output.form()),
        RevokeCommand::Session { id, revoke } => {
            let id = id.parse::<SessionId>()?;
            add(&revoke, Revocation::Session { id, until: until(&revoke) })
        }
        RevokeCommand::Subject { subject, purpose, revoke: RevokeBefore { before, revoke } } => {
            let (subject, until) = (Subject::of(&purpose, &subject), until(&revoke));
            let revocation = match before {
                Some(before) => Revocation::Subject { subject, before, except: None, until },
                None => Revocation::of_subject(subject, revoke.clock.now(), until)?,
            };
            add(&revoke, revocation)
        }
        RevokeCommand::Key { id, revoke: RevokeBefore { before, revoke } } => {
            let until = until(&revoke);
            let revocation = match before {
                Some(before) => Revocation::Key { id, before, until },
                None => Revocation::of_key(id, revoke.clock.now(), until),
            };
            add(&revoke, revocation)
        }
        RevokeCommand::All { revoke: RevokeBefore { before, revoke } } => {
            let until = until(&revoke);
            let revocation = match before {
                Some(before) => Revocation::All { before, except: None, until },
                None => Revocation::of_all(revoke.clock.now(), until)?,
            };
            add(&revoke, revocation)
        }
    }
}

fn list(place: &RevocationPlace, now: UnixTime, form: Form) -> Result<Reply, Failure> {
    let opened = place.open(Missing::IsAnError)?;
    let listed = Listed::of(&opened.list().to_vec(), opened.skipped(), now);
    let mut reply = Reply::of(Answer::Yes, &listed, form)?;
    reply
        .notes
        .extend(opened.skipped().iter().map(|line| format!("note: {line}; servers skip it")));
    Ok(reply.note(format!("{} revocations", listed.revocations.len())))
}

fn add(revoke: &Revoke, revocation: Revocation) -> Result<Reply, Failure> {
    let opened = revoke.place.open(Missing::IsEmpty)?;
    if !opened.list().add(revocation) {
        let reply = Reply::new(Answer::Yes, String::new());
        return Ok(reply.note("nothing to do, because the list has this revocation already"));
    }
    let note = match &opened {
        Opened::File { path, .. } => {
            let appended = RevocationFile::new(path).append(&revocation);
            appended.map_err(|error| format!("{}: {error}", path.display()))?;
            "the servers that follow the file apply the revocation within a second"
        }
        Opened::Redis(shared) if shared.flush(PATIENCE) => {
            "the servers that follow the list apply the revocation now"
        }
        Opened::Redis(_) => {
            return Err(
                "Redis did not confirm the revocation within 10 s; check `bulla revoke list`"
                    .into(),
            );
        }
    };
    Ok(Reply::new(Answer::Yes, format!("{revocation}\n")).note(note))
}

/// A revocation list that servers follow, and the place where it is stored.
enum Opened {
    File { path: PathBuf, list: Revocations, skipped: Vec<SkippedLine> },
    Redis(SharedRevocations),
}

/// How to treat a file that does not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    IsEmpty,
    IsAnError,
}

impl Opened {
    fn list(&self) -> &Revocations {
        match self {
            Opened::File { list, .. } => list,
            Opened::Redis(shared) => shared.list(),
        }
    }

    /// The lines of the file that are not revocations.
    fn skipped(&self) -> &[SkippedLine] {
        match self {
            Opened::File { skipped, .. } => skipped,
            Opened::Redis(_) => &[],
        }
    }
}

impl RevocationPlace {
    fn open(&self, missing: Missing) -> Result<Opened, Failure> {
        match (&self.file, &self.redis, &self.name) {
            (Some(path), ..) => {
                let (list, mut skipped) = (Revocations::new(), Vec::new());
                if missing == Missing::IsAnError || path.exists() {
                    let read = RevocationFile::new(path).read_with(|line| skipped.push(line));
                    list.learn(read.map_err(|error| format!("{}: {error}", path.display()))?);
                }
                Ok(Opened::File { path: path.clone(), list, skipped })
            }
            (None, Some(url), Some(name)) => {
                Ok(Opened::Redis(SharedRevocations::join(url, name.as_str())?))
            }
            _ => {
                Err("no revocation list given: use --file FILE, or --redis URL --name NAME".into())
            }
        }
    }
}

fn until(revoke: &Revoke) -> UnixTime {
    revoke.clock.now() + revoke.absolute + CLOCK_SKEW
}
