//! `bulla ring`.

use bulla::UnixTime;
use bulla::keys::Key;

use crate::Failure;
use crate::args::{self, RingCommand};
use crate::check::{self, Verdict};
use crate::compromise::compromise;
use crate::document::Document;
use crate::edit::{self, Change, Kept, Retirement};
use crate::list;
use crate::place::Place;
use crate::reply::{Answer, Reply};
use crate::timeline::new_gap;

pub(crate) fn run(command: RingCommand) -> Result<Reply, Failure> {
    match command {
        RingCommand::New { edit } => new(&edit),
        RingCommand::List { place, clock } => {
            let mut place = Place::of(&place)?;
            let mut reply = Reply::new(Answer::Yes, list::show(&place.read()?, clock.now()));
            reply.notes.extend(place.warning());
            Ok(reply)
        }
        RingCommand::Check { spread, longest, skew, place, clock } => {
            let mut place = Place::of(&place)?;
            let kept = Kept { longest, skew: skew.skew };
            let policy = check::Policy { spread, kept };
            let rows = check::rows(&place.read()?.keys(), policy, clock.now());
            let fails = rows.iter().any(|row| row.verdict == Verdict::Fail);
            let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
            let mut reply = Reply::new(if fails { Answer::No } else { Answer::Yes }, text);
            reply.notes.extend(place.warning());
            Ok(reply)
        }
        RingCommand::Publish { spread, at, longest, skew, edit } => {
            let kept = Kept { longest, skew: skew.skew };
            change(&edit, |document, now| edit::publish(document, spread, at, kept, now))
        }
        RingCommand::Promote { id, at, edit } => {
            change(&edit, |document, now| edit::promote(document, id, at, now))
        }
        RingCommand::Retire { id, at, longest, skew, edit } => change(&edit, |document, now| {
            let kept = longest.map(|longest| Kept { longest, skew: skew.skew });
            let when = kept.map_or(Retirement::At(at.unwrap_or(now)), Retirement::Kept);
            edit::retire(document, id, &when, now)
        }),
        RingCommand::Revoke { id, edit } => change(&edit, |document, _| edit::revoke(document, id)),
        RingCommand::Compromise { id, since, skew, edit } => {
            change(&edit, |document, now| compromise(document, id, since, skew.skew, now))
        }
        RingCommand::Prune { edit } => {
            change(&edit, |document, now| Ok(edit::prune(document, now)))
        }
    }
}

fn new(edit: &args::Edit) -> Result<Reply, Failure> {
    let mut place = Place::of(&edit.place)?;
    if edit.dry_run {
        place.expect_none()?;
        let note = format!("{place} would be made: this was a dry run");
        return Ok(Reply::new(Answer::Yes, "").note(note));
    }
    let key = Key::generate()?;
    place.create(&Document::begin(&key, edit.clock.now()).next()?)?;
    let said = format!("{}  opens and seals now\n", key.id());
    Ok(Reply::new(Answer::Yes, said).note(format!("{place} is made; `bulla ring list` shows it")))
}

/// Makes a change, unless it would leave a time without a key that seals, and
/// says what it was.
fn change(
    edit: &args::Edit,
    make: impl Fn(&mut Document, UnixTime) -> Result<Change, Failure>,
) -> Result<Reply, Failure> {
    let now = edit.clock.now();
    let mut place = Place::of(&edit.place)?;
    let change = place.change(|mut document| {
        let before = document.keys();
        let change = make(&mut document, now)?;
        if change.said.is_empty() {
            return Ok((None, change));
        }
        if let Some(gap) = new_gap(&before, &document.keys(), now) {
            return Err(no_key_seals(gap.from, now));
        }
        Ok((Some(document.next()?).filter(|_| !edit.dry_run), change))
    })?;
    if change.said.is_empty() {
        return Ok(Reply::new(Answer::Yes, "").note("nothing to do"));
    }
    let mut reply = Reply::new(Answer::Yes, change.said);
    reply.notes.extend(change.notes);
    reply.notes.push(if edit.dry_run {
        format!("{place} is as it was: this was a dry run")
    } else if matches!(place, Place::File(_)) {
        let before = change.due.map_or(String::new(), |due| format!(" before {due}"));
        format!("{place} is changed; bring it to every server{before}")
    } else {
        format!("{place} is changed; the servers that follow it know")
    });
    reply.notes.extend(place.warning());
    Ok(reply)
}

fn no_key_seals(from: UnixTime, now: UnixTime) -> Failure {
    if from <= now {
        return "no key would seal then: first `bulla ring publish --spread 0s --longest TIME`, \
                or promote another"
            .into();
    }
    format!(
        "no key would seal from {from} on; first `bulla ring publish` or promote one that \
         seals by then"
    )
    .into()
}
