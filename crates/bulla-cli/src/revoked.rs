//! `bulla revoke list`: the revocations of a list.

use std::fmt;

use bulla::UnixTime;
use bulla::keys::KeyId;
use bulla::revocation::{Exception, Revocation, SkippedLine, Subject};
use bulla::session::SessionId;
use serde::Serialize;

use crate::json::Text;
use crate::values::shown;

/// The revocations that are in effect at one time, in the order in which the list will drop them.
#[derive(Serialize)]
pub(crate) struct Listed {
    as_of: Text<UnixTime>,
    pub(crate) revocations: Vec<Entry>,
    skipped_lines: Vec<Skipped>,
}

#[derive(Serialize)]
pub(crate) struct Entry {
    #[serde(flatten)]
    ends: Ends,
    until: Text<UnixTime>,
    in_seconds: u64,
    #[serde(skip)]
    line: String,
}

/// What a revocation ends.
#[derive(Serialize)]
#[serde(tag = "ends", rename_all = "snake_case")]
enum Ends {
    Session {
        session_id: Text<SessionId>,
    },
    Subject {
        subject: Text<Subject>,
        before: Text<UnixTime>,
        except: Option<Text<Exception>>,
    },
    Key {
        key_id: Text<KeyId>,
        before: Text<UnixTime>,
    },
    All {
        before: Text<UnixTime>,
        except: Option<Text<Exception>>,
    },
    /// A kind of revocation that the library knows, but not this file.
    Unknown,
}

#[derive(Serialize)]
struct Skipped {
    line: usize,
    text: Text<SkippedLine>,
}

impl Listed {
    pub(crate) fn of(revocations: &[Revocation], skipped: &[SkippedLine], now: UnixTime) -> Listed {
        let living = revocations.iter().filter(|revocation| revocation.until() > now);
        let mut entries: Vec<Entry> = living.map(|of| Entry::of(of, now)).collect();
        entries.sort_unstable_by(|a, b| (a.until.0, &a.line).cmp(&(b.until.0, &b.line)));
        let skipped = skipped.iter().map(|line| Skipped { line: line.number(), text: Text(*line) });
        Listed { as_of: Text(now), revocations: entries, skipped_lines: skipped.collect() }
    }
}

impl Entry {
    fn of(revocation: &Revocation, now: UnixTime) -> Entry {
        let ends = match *revocation {
            Revocation::Session { id, .. } => Ends::Session { session_id: Text(id) },
            Revocation::Subject { subject, before, except, .. } => Ends::Subject {
                subject: Text(subject),
                before: Text(before),
                except: except.map(Text),
            },
            Revocation::Key { id, before, .. } => {
                Ends::Key { key_id: Text(id), before: Text(before) }
            }
            Revocation::All { before, except, .. } => {
                Ends::All { before: Text(before), except: except.map(Text) }
            }
            _ => Ends::Unknown,
        };
        let until = revocation.until();
        let (line, in_seconds) = (revocation.to_string(), until.since(now).as_secs());
        Entry { ends, until: Text(until), in_seconds, line }
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.revocations.iter().try_for_each(|Entry { line, until, .. }| {
            writeln!(f, "{line} (in {})", shown(until.0.since(self.as_of.0)))
        })
    }
}
