//! `bulla ring`.

use bulla::{Key, RingError, UnixTime};

use crate::args::{self, RingCommand};
use crate::check;
use crate::document::Document;
use crate::edit::{self, Kept};
use crate::list;
use crate::place::Place;
use crate::{Answer, Failure};

pub(crate) fn run(command: RingCommand) -> Result<Answer, Failure> {
    match command {
        RingCommand::New { place } => {
            let mut place = Place::of(&place)?;
            let key = Key::generate()?;
            place.create(&Document::begin(&key).next()?.0)?;
            println!("{}  seals now", key.id());
            eprintln!("{place} is made; `bulla ring list` shows it");
        }
        RingCommand::List { place, clock } => {
            let mut place = Place::of(&place)?;
            print!("{}", list::show(&place.read()?, clock.now()));
            place.warning().iter().for_each(|warning| eprintln!("bulla: {warning}"));
        }
        RingCommand::Check { spread, longest, skew, place, clock } => {
            let document = Place::of(&place)?.read()?;
            let policy = check::Policy { spread, kept: Kept { longest, skew: skew.skew } };
            let rows = check::rows(&document, policy, clock.now());
            rows.iter().for_each(|row| println!("{row}"));
            let holds = rows.iter().all(check::Row::holds);
            return Ok(if holds { Answer::Yes } else { Answer::No });
        }
        RingCommand::Publish { spread, longest, edit } => change(&edit, |document, now| {
            let kept = Kept { longest, skew: edit.skew.skew };
            edit::publish(document, spread, kept, now)
        })?,
        RingCommand::Promote { id, at, edit } => {
            change(&edit, |document, now| edit::promote(document, id, at.unwrap_or(now), now))?
        }
        RingCommand::Retire { id, at, edit } => {
            change(&edit, |document, now| edit::retire(document, id, at.unwrap_or(now)))?;
        }
        RingCommand::Revoke { id, edit } => {
            change(&edit, |document, _| edit::revoke(document, id))?
        }
        RingCommand::Compromise { id, since, edit } => {
            change(&edit, |document, now| {
                edit::compromise(document, id, since, edit.skew.skew, now)
            })?;
        }
        RingCommand::Prune { edit } => {
            change(&edit, |document, now| Ok(edit::prune(document, now)))?
        }
    }
    Ok(Answer::Yes)
}

/// Makes a change, unless it would leave the ring without a key that seals, and
/// says what it was.
fn change(
    edit: &args::Edit,
    make: impl Fn(&mut Document, UnixTime) -> Result<String, Failure>,
) -> Result<(), Failure> {
    let now = edit.clock.now();
    let mut place = Place::of(&edit.place)?;
    let said = place.change(|mut document| {
        let said = make(&mut document, now)?;
        if said.is_empty() {
            return Ok((None, said));
        }
        match document.next() {
            Ok((text, ring)) if ring.primary_at(now).is_some() => {
                Ok((Some(text).filter(|_| !edit.dry_run), said))
            }
            Ok(_) | Err(RingError::Empty) => Err("no key would seal then: first `bulla ring \
                                                  publish --spread 0s`, or promote another"
                .into()),
            Err(error) => Err(error.into()),
        }
    })?;
    if said.is_empty() {
        eprintln!("nothing to do");
        return Ok(());
    }
    print!("{said}");
    if edit.dry_run {
        eprintln!("{place} is as it was: this was a dry run");
    } else if matches!(place, Place::File(_)) {
        eprintln!("{place} is changed; bring it to every server");
    } else {
        eprintln!("{place} is changed; the servers that follow it know");
    }
    place.warning().iter().for_each(|warning| eprintln!("bulla: {warning}"));
    Ok(())
}
