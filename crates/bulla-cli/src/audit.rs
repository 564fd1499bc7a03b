//! `bulla audit`: checks a ring and timeouts against OWASP and NIST requirements.

use std::fmt;

use bulla::session::{Audit, AuditRow, Verdict};
use bulla::{Policy, UnixTime};
use serde::Serialize;

use crate::args;
use crate::json::Text;
use crate::place::Place;
use crate::reply::{Answer, Failure, Reply};

pub(crate) fn run(args: &args::Audit) -> Result<Reply, Failure> {
    if args.idle.is_zero() || args.absolute.is_zero() {
        return Err("a timeout must be at least 1 second".into());
    }
    let policy = Policy::new(args.idle, args.absolute);
    let ring = Place::of(&args.place)?.ring()?;
    let now = args.clock.now();
    let audits = [policy.audit(), ring.audit(now)];
    let failures: usize = audits.iter().map(|audit| audit.failures().count()).sum();
    let answer = if failures == 0 { Answer::Yes } else { Answer::No };
    let reply = Reply::of(answer, &Document::of(&audits, failures, now), args.output.form())?;
    Ok(match failures {
        0 => reply,
        1 => reply.note("1 requirement is not met"),
        _ => reply.note(format!("{failures} requirements are not met")),
    })
}

#[derive(Serialize)]
struct Document<'a> {
    as_of: Text<UnixTime>,
    /// `fail` if a requirement is not met, otherwise `pass`.
    verdict: &'static str,
    rows: Vec<Row<'a>>,
    #[serde(skip)]
    audits: &'a [Audit],
}

#[derive(Serialize)]
struct Row<'a> {
    requirement: &'static str,
    verdict: &'static str,
    asks: &'static str,
    because: &'a str,
}

impl<'a> Document<'a> {
    fn of(audits: &'a [Audit], failures: usize, now: UnixTime) -> Document<'a> {
        let rows = audits.iter().flat_map(Audit::rows);
        Document {
            as_of: Text(now),
            verdict: if failures == 0 { "pass" } else { "fail" },
            rows: rows.map(Row::of).collect(),
            audits,
        }
    }
}

impl<'a> Row<'a> {
    fn of(row: &'a AuditRow) -> Row<'a> {
        let verdict = match row.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            // A requirement that the application must meet. These two audits have none.
            _ => "application",
        };
        Row { requirement: row.requirement, verdict, asks: row.asks, because: &row.because }
    }
}

impl fmt::Display for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.audits.iter().try_for_each(|audit| audit.fmt(f))
    }
}
