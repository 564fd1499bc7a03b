//! Runs the commands of `bulla ring`.

use bulla::UnixTime;
use bulla::keys::Key;

use crate::args::RingCommand;
use crate::check::{self, Checks, Verdict};
use crate::compromise::compromise;
use crate::document::Document;
use crate::edit::{self, Change, Kept, Retirement};
use crate::list::List;
use crate::options;
use crate::place::Place;
use crate::reply::{Answer, Failure, Reply};
use crate::timeline::new_gap;

pub(crate) fn run(command: RingCommand) -> Result<Reply, Failure> {
    match command {
        RingCommand::New { edit } => new(&edit),
        RingCommand::List { place, clock, output } => {
            let mut place = Place::of(&place)?;
            let list = List::of(&place.read()?, clock.now());
            let mut reply = Reply::of(Answer::Yes, &list, output.form())?;
            reply.notes.extend(place.warning());
            Ok(reply)
        }
        RingCommand::Check { spread, longest, skew, place, clock, output } => {
            let mut place = Place::of(&place)?;
            let kept = Kept { longest, skew: skew.skew };
            let policy = check::Policy { spread, kept };
            let checks = Checks::of(&place.read()?.keys(), policy, clock.now());
            let fails = checks.verdict == Verdict::Fail;
            let answer = if fails { Answer::No } else { Answer::Yes };
            let mut reply = Reply::of(answer, &checks, output.form())?;
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

fn new(edit: &options::Edit) -> Result<Reply, Failure> {
    let mut place = Place::of(&edit.place)?;
    if edit.dry_run {
        place.expect_none()?;
        let note = format!("dry run: {place} would be created");
        return Ok(Reply::new(Answer::Yes, "").note(note));
    }
    let key = Key::generate()?;
    place.create(&Document::begin(&key, edit.clock.now()).next()?)?;
    let said = format!("{}  is primary now\n", key.id());
    Ok(Reply::new(Answer::Yes, said).note(format!("created {place}; `bulla ring list` shows it")))
}

/// Makes a change and reports it. Rejects the change if the ring would then have no primary key
/// at some time.
fn change(
    edit: &options::Edit,
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
            return Err(no_primary_key(gap.from, now));
        }
        Ok((Some(document.next()?).filter(|_| !edit.dry_run), change))
    })?;
    if change.said.is_empty() {
        return Ok(Reply::new(Answer::Yes, "").note("nothing to do"));
    }
    let mut reply = Reply::new(Answer::Yes, change.said);
    reply.notes.extend(change.notes);
    reply.notes.push(if edit.dry_run {
        format!("dry run: {place} is unchanged")
    } else if matches!(place, Place::File(_)) {
        let before = change.due.map_or(String::new(), |due| format!(" before {due}"));
        format!("changed {place}; copy it to every server{before}")
    } else {
        format!("changed {place}; the servers that follow this ring load the change")
    });
    reply.notes.extend(place.warning());
    Ok(reply)
}

fn no_primary_key(from: UnixTime, now: UnixTime) -> Failure {
    if from <= now {
        return "the ring would have no primary key: first run `bulla ring publish --spread 0s \
                --longest DURATION`, or promote another key"
            .into();
    }
    format!(
        "the ring would have no primary key from {from} on: first publish or promote a key \
         that is primary by then"
    )
    .into()
}
