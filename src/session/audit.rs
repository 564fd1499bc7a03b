//! Auditing a configuration against OWASP ASVS, OWASP's cheat sheet and NIST SP 800-63B.

use std::fmt;
use std::time::Duration;

use crate::keys::ring::KeyRing;
use crate::session::about::About;
use crate::session::bindings::{Binding, InCookie, InHeaders};
use crate::session::policy::Policy;
use crate::session::sessions::Sessions;
use crate::session::shared::Shared;
use crate::time::UnixTime;
use crate::transport::cookie::Cookie;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A key that seals for longer than this fails the audit. The limit is three times the month that
/// docs/operations.md recommends.
const LONGEST_PRIMARY: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The result of an audit, with one row for each requirement. Its text form is a table. See
/// [`Sessions::audit`].
#[derive(Clone, Debug)]
pub struct Audit {
    rows: Vec<AuditRow>,
}

/// The result for one requirement of a standard.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditRow {
    /// The standard and the requirement's number.
    pub requirement: &'static str,
    /// What the requirement asks for.
    pub asks: &'static str,
    /// Whether the configuration meets it.
    pub verdict: Verdict,
    /// The reason for the verdict. If the verdict is `Fail`, it also says what to change.
    pub because: String,
}

/// Whether a configuration meets a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The configuration meets the requirement.
    Pass,
    /// The configuration does not meet the requirement.
    Fail,
    /// The library cannot check the requirement, so the application must meet it.
    Application,
}

impl<T> Sessions<T> {
    /// Checks the settings of these sessions, and their key ring at `now`, against OWASP ASVS 5.0,
    /// OWASP's session management cheat sheet and NIST SP 800-63B-4.
    ///
    /// Requirements that the library meets with any settings are not in the audit.
    /// docs/standards.md lists them with their tests.
    ///
    /// ```
    /// use bulla::{KeyRing, Payload, Policy, Sessions, UnixTime};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize, Payload)]
    /// # #[payload(purpose = "bank.example/session")]
    /// # struct Account { id: u64 }
    ///
    /// let sessions = Sessions::<Account>::new(KeyRing::generate()?, Policy::default());
    /// let audit = sessions.audit(UnixTime::now());
    /// println!("{audit}");
    /// assert!(audit.failures().any(|row| row.requirement == "ASVS 5.0 7.4.1")); // no revocations
    /// # Ok::<(), bulla::keys::RandomError>(())
    /// ```
    #[must_use]
    pub fn audit(&self, now: UnixTime) -> Audit {
        let (shared, about) = self.settings();
        let mut audit = Audit { rows: Vec::new() };
        audit.clocks(&shared.policies.ordinary);
        if let Some(policy) = &shared.policies.remembered {
            audit.remembered(policy);
        }
        audit.ends(shared, about);
        if let Some((cookie, _)) = &shared.cookie {
            audit.cookie(cookie);
            audit.origins(&shared.trusted_origins);
            if let Some(InCookie { binding, .. }) = &shared.bound_in_cookie {
                audit.bound(binding, cookie);
            }
        }
        if let Some(InHeaders { binding, .. }) = &shared.bound_in_headers {
            audit.dpop(binding);
        }
        audit.keys(&shared.ring.ring(), now);
        audit.duties(shared);
        audit
    }
}

impl Policy {
    /// Checks only the timeouts, for tools that do not know the other settings. See
    /// [`Sessions::audit`].
    #[must_use]
    pub fn audit(&self) -> Audit {
        let mut audit = Audit { rows: Vec::new() };
        audit.clocks(self);
        audit
    }
}

impl KeyRing {
    /// Checks only the keys, at `now`. See [`Sessions::audit`].
    #[must_use]
    pub fn audit(&self, now: UnixTime) -> Audit {
        let mut audit = Audit { rows: Vec::new() };
        audit.keys(self, now);
        audit
    }
}

impl Audit {
    /// All rows.
    #[must_use]
    pub fn rows(&self) -> &[AuditRow] {
        &self.rows
    }

    /// The rows of requirements that the configuration does not meet.
    pub fn failures(&self) -> impl Iterator<Item = &AuditRow> {
        self.rows.iter().filter(|row| row.verdict == Verdict::Fail)
    }

    fn clocks(&mut self, policy: &Policy) {
        let (idle, absolute) = (policy.idle_timeout(), policy.absolute_timeout());
        let limits = format!("idle {}, absolute {}", span(idle), span(absolute));
        self.pass("ASVS 5.0 7.1.1", "idle and absolute limits are stated", limits.clone());
        self.check(
            "ASVS 5.0 7.3.1",
            "inactivity ends a session",
            idle < absolute,
            &limits,
            "the idle timeout is not below the absolute timeout; set Policy::with_idle_timeout",
        );
        self.check(
            "ASVS 5.0 7.3.2",
            "an absolute timeout of at most 30 days",
            absolute <= 30 * DAY,
            &limits,
            "the absolute timeout is above 30 days; set Policy::with_absolute_timeout",
        );
        let level = match (idle, absolute) {
            (idle, absolute) if idle <= 15 * MINUTE && absolute <= 12 * HOUR => "AAL3 and below",
            (idle, absolute) if idle <= HOUR && absolute <= DAY => "AAL2 and below",
            (_, absolute) if absolute <= 30 * DAY => "AAL1",
            _ => "none",
        };
        self.check(
            "NIST 800-63B-4 2.1.3",
            "timeouts fit an authenticator assurance level",
            level != "none",
            level,
            "they fit no level, because AAL1 requires an absolute timeout of at most 30 days",
        );
        let value = if idle <= 5 * MINUTE { "fits high value" } else { "fits low risk" };
        self.check(
            "OWASP cheat sheet",
            "an idle timeout of at most 30 minutes, or 5 for high value",
            idle <= 30 * MINUTE,
            value,
            "the idle timeout is above 30 minutes; set Policy::with_idle_timeout",
        );
    }

    fn remembered(&mut self, policy: &Policy) {
        let (idle, absolute) = (policy.idle_timeout(), policy.absolute_timeout());
        self.check(
            "NIST 800-63B-4 2.1.3",
            "remembered sessions end within 30 days",
            absolute <= 30 * DAY,
            &format!("idle {}, absolute {}; the cookie is persistent", span(idle), span(absolute)),
            "the absolute timeout of SessionsBuilder::remembered is above 30 days",
        );
    }

    fn bound(&mut self, binding: &Binding, cookie: &Cookie) {
        let others = match binding.require_after {
            Some(after) => format!("required {} after the sign-in", span(after)),
            None => "browsers that cannot bind have ordinary sessions".to_owned(),
        };
        self.check(
            "W3C DBSC",
            "copied cookies end with the last proof of the device",
            cookie.can_be_bound(),
            &format!("a proof counts for {}; {others}", span(binding.proof_lifetime)),
            "browsers bind no session over plain HTTP or in a partitioned cookie",
        );
    }

    fn dpop(&mut self, binding: &Binding) {
        let others = match binding.require_after {
            Some(after) => format!("required {} after the sign-in", span(after)),
            None => "clients that send no proof have ordinary sessions".to_owned(),
        };
        self.check(
            "RFC 9449",
            "copied bearer tokens end with the last proof of the client",
            true,
            &format!("a proof counts for {}; {others}", span(binding.proof_lifetime)),
            "",
        );
    }

    fn ends(&mut self, shared: &Shared, about: &About<impl Sized>) {
        let (list, subject) = (shared.revocations.is_some(), about.subject.is_some());
        self.check(
            "ASVS 5.0 7.4.1",
            "a session that was ended is not used again",
            list,
            "copied tokens are revoked",
            "copied tokens stay valid until their deadline; call SessionsBuilder::revocations",
        );
        let asked = about.check.is_some();
        let soon = about.revalidate_after <= 5 * MINUTE;
        self.check(
            "ASVS 5.0 7.4.2",
            "sessions end when an account is disabled",
            (list && subject) || (asked && soon),
            if asked { "SessionsBuilder::revalidate" } else { "Sessions::revoke_subject" },
            "call SessionsBuilder::revocations and subject, or revalidate every 5 minutes",
        );
        for (requirement, asks) in [
            ("ASVS 5.0 7.4.3", "other sessions can be ended when the password changes"),
            ("ASVS 5.0 7.4.5", "an administrator can end one user's sessions, or all"),
        ] {
            let how = "Session::end_others, Sessions::revoke_subject, Sessions::revoke_all";
            let todo = "call SessionsBuilder::revocations and subject";
            self.check(requirement, asks, list && subject, how, todo);
        }
    }

    fn cookie(&mut self, cookie: &Cookie) {
        let facts = cookie.facts();
        let name = cookie.name();
        let todo = "remove Cookie::over_plain_http, which is for development only";
        self.check("ASVS 5.0 3.3.1", "Secure, with a prefix", facts.secure, name, todo);
        let strict = "SameSite=Lax or Strict";
        let todo = "remove SameSite=None, unless pages from other sites embed the application";
        self.check("ASVS 5.0 3.3.2", "SameSite fits its purpose", facts.same_site, strict, todo);
        let todo = "remove Cookie::shared_with_domain and below_path";
        self.check(
            "ASVS 5.0 3.3.3",
            "__Host-, unless hosts share the cookie",
            facts.one_host,
            name,
            todo,
        );
        let todo = "remove Cookie::readable_by_scripts";
        self.check("ASVS 5.0 3.3.4", "scripts cannot read it", facts.http_only, "HttpOnly", todo);
        let todo = "remove Cookie::persistent, which is for low-value applications";
        let how = "no Max-Age";
        let asks = "the cookie ends with the browser";
        self.check("NIST 800-63B-4 5.1", asks, facts.ends_with_browser, how, todo);
    }

    fn origins(&mut self, trusted: &[String]) {
        let encrypted = trusted.iter().all(|origin| !origin.starts_with("http://"));
        let how = match trusted {
            [] => "requests from other origins have no session".to_owned(),
            _ => format!("only {} may also use the session", trusted.join(" and ")),
        };
        let todo = "anyone in the network can change a page of a trusted origin with http; trust \
                    only origins with https";
        for (requirement, asks) in [
            ("ASVS 5.0 3.5.1", "requests from other origins are refused"),
            ("ASVS 5.0 4.4.2", "the origin of a WebSocket is checked"),
        ] {
            self.check(requirement, asks, encrypted, &how, todo);
        }
    }

    fn keys(&mut self, ring: &KeyRing, now: UnixTime) {
        let primary = ring.entries().find(|entry| Some(entry.key_id()) == ring.primary_at(now));
        let sealing_for = primary.map(|entry| (entry.key_id(), now.since(entry.primary_from())));
        let (fine, how) = match sealing_for {
            None => (false, "no key is primary now; run bulla ring publish --spread 0s".to_owned()),
            Some((id, _)) if primary.is_some_and(|e| e.primary_from() == UnixTime::EPOCH) => {
                (false, format!("key {id} has no primary-from; run bulla ring publish"))
            }
            Some((id, span)) if span > LONGEST_PRIMARY => {
                let days = span.as_secs() / 86_400;
                (false, format!("key {id} has sealed for {days} days; run bulla ring publish"))
            }
            Some((id, span)) => (true, format!("key {id} has sealed for {}", self::span(span))),
        };
        self.check("ASVS 5.0 13.3.4", "keys are replaced on a schedule", fine, &how, &how);
        let newest = ring.entries().map(|entry| entry.primary_from()).max();
        let mut undated = ring
            .entries()
            .filter(|entry| Some(entry.primary_from()) < newest && entry.open_until().is_none())
            .map(|entry| entry.key_id().to_string());
        let old = undated.next();
        self.check(
            "ASVS 5.0 11.1.1",
            "a replaced key retires",
            old.is_none(),
            "every key except the newest has an open-until",
            &format!(
                "key {} never retires; run bulla ring retire",
                old.clone().unwrap_or_default()
            ),
        );
    }

    fn duties(&mut self, shared: &Shared) {
        let fresh = match (&shared.step_up_page, &shared.sign_in_page) {
            (Some(page), _) => format!("use Fresh<T, SECONDS>, which redirects to {page}"),
            (None, _) => "use Fresh<T, SECONDS> or Session::require_fresh".to_owned(),
        };
        for (requirement, asks, because) in [
            ("ASVS 5.0 7.5.1", "sensitive actions require reauthentication", fresh),
            (
                "ASVS 5.0 7.5.2",
                "users see and end their sessions",
                "store Info::origin at sign-in and call Sessions::revoke_session".to_owned(),
            ),
            (
                "ASVS 5.0 3.5.3",
                "requests with GET change nothing",
                "pages from other sites can send them with the session".to_owned(),
            ),
            (
                "ASVS 5.0 13.3.1",
                "keys are kept in a secret store and not in the source",
                "protect the ring's file, or what its RingSource reads".to_owned(),
            ),
        ] {
            self.push(requirement, asks, Verdict::Application, because);
        }
    }

    fn pass(&mut self, requirement: &'static str, asks: &'static str, because: String) {
        self.push(requirement, asks, Verdict::Pass, because);
    }

    fn check(
        &mut self,
        requirement: &'static str,
        asks: &'static str,
        holds: bool,
        how: &str,
        todo: &str,
    ) {
        let (verdict, because) = if holds { (Verdict::Pass, how) } else { (Verdict::Fail, todo) };
        self.push(requirement, asks, verdict, because.to_owned());
    }

    fn push(
        &mut self,
        requirement: &'static str,
        asks: &'static str,
        verdict: Verdict,
        because: String,
    ) {
        self.rows.push(AuditRow { requirement, asks, verdict, because });
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for AuditRow { requirement, asks, verdict, because } in &self.rows {
            writeln!(f, "{:<4}  {requirement:<20}  {asks}: {because}", verdict.to_string())?;
        }
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "FAIL",
            Verdict::Application => "you",
        })
    }
}

/// A duration in the largest unit that gives a whole number: `12 h`, `30 min`.
fn span(span: Duration) -> String {
    let secs = span.as_secs();
    for (unit, name) in [(86_400, "d"), (3_600, "h"), (60, "min")] {
        if secs >= unit && secs.is_multiple_of(unit) {
            return format!("{} {name}", secs / unit);
        }
    }
    format!("{secs} s")
}
