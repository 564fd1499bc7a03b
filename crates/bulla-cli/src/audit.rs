//! `bulla audit`: checks a ring and timeouts against OWASP and NIST requirements.

use bulla::Policy;

use crate::args::Audit;
use crate::place::Place;
use crate::reply::{Answer, Failure, Reply};

pub(crate) fn run(args: &Audit) -> Result<Reply, Failure> {
    if args.idle.is_zero() || args.absolute.is_zero() {
        return Err("a timeout must be at least 1 second".into());
    }
    let policy = Policy::new(args.idle, args.absolute);
    let ring = Place::of(&args.place)?.ring()?;
    let audits = [policy.audit(), ring.audit(args.clock.now())];
    let failures: usize = audits.iter().map(|audit| audit.failures().count()).sum();
    let answer = if failures == 0 { Answer::Yes } else { Answer::No };
    let text: String = audits.iter().map(ToString::to_string).collect();
    let reply = Reply::new(answer, text);
    Ok(match failures {
        0 => reply,
        1 => reply.note("1 requirement is not met"),
        _ => reply.note(format!("{failures} requirements are not met")),
    })
}
