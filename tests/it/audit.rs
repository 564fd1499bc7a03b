//! Audits of a configuration.

use bulla::session::{Audit, SessionsBuilder, Validity, Verdict};
use bulla::transport::SameSite;
use bulla::{Cookie, Policy, Revocations, Sessions, UnixTime};

use crate::support::{Account, T0, key_text, ring, secs};

const DAY: u64 = 86_400;

fn dated() -> String {
    format!("{} primary-from=2026-11-20T00:00:00Z", key_text())
}

fn good() -> SessionsBuilder<Account> {
    Sessions::builder(ring(&[&dated()]), Policy::default())
        .revocations(&Revocations::new())
        .subject(|account: &Account| account.id.to_string())
}

fn failures(audit: &Audit) -> Vec<&str> {
    audit.failures().map(|row| row.requirement).collect()
}

#[test]
fn a_good_configuration_passes_and_lists_what_the_application_must_do() {
    let audit = good().build().audit(T0);
    assert_eq!(failures(&audit), [""; 0], "{audit}");
    let duties = audit.rows().iter().filter(|row| row.verdict == Verdict::Application);
    assert_eq!(duties.count(), 4);
}

#[test]
fn each_weak_setting_fails_its_requirements() {
    let bare = |policy| Sessions::<Account>::builder(ring(&[&dated()]), policy);
    let with_cookie = |cookie: Cookie| good().cookie(cookie);
    let cookie = || Cookie::new("id").unwrap();
    let of_ring = |lines: &[&str]| {
        Sessions::builder(ring(lines), Policy::default())
            .revocations(&Revocations::new())
            .subject(|account: &Account| account.id.to_string())
    };
    let old = format!("{} primary-from=2026-01-01T00:00:00Z", key_text());
    let later = format!("{} primary-from=2027-01-01T00:00:00Z", key_text());
    let long = Policy::new(secs(3_600), secs(31 * DAY));
    let table: Vec<(&str, SessionsBuilder<Account>, &[&str])> = vec![
        (
            "no revocations",
            bare(Policy::default()),
            &["ASVS 5.0 7.4.1", "ASVS 5.0 7.4.2", "ASVS 5.0 7.4.3", "ASVS 5.0 7.4.5"],
        ),
        (
            "no subject",
            bare(Policy::default()).revocations(&Revocations::new()),
            &["ASVS 5.0 7.4.2", "ASVS 5.0 7.4.3", "ASVS 5.0 7.4.5"],
        ),
        (
            "revalidation without revocations",
            bare(Policy::default()).revalidate(|_| async { Validity::Holds }),
            &["ASVS 5.0 7.4.1", "ASVS 5.0 7.4.3", "ASVS 5.0 7.4.5"],
        ),
        (
            "revalidation too rarely",
            bare(Policy::default())
                .revalidate(|_| async { Validity::Holds })
                .revalidate_after(secs(301)),
            &["ASVS 5.0 7.4.1", "ASVS 5.0 7.4.2", "ASVS 5.0 7.4.3", "ASVS 5.0 7.4.5"],
        ),
        (
            "plain HTTP",
            with_cookie(cookie().over_plain_http()),
            &["ASVS 5.0 3.3.1", "ASVS 5.0 3.3.3"],
        ),
        (
            "a cookie for all hosts",
            with_cookie(cookie().shared_with_domain("bank.example").unwrap()),
            &["ASVS 5.0 3.3.3"],
        ),
        (
            "SameSite=None",
            with_cookie(cookie().with_same_site(SameSite::None)),
            &["ASVS 5.0 3.3.2"],
        ),
        (
            "a trusted origin without encryption",
            good().trust_origin("http://app.example").unwrap(),
            &["ASVS 5.0 3.5.1", "ASVS 5.0 4.4.2"],
        ),
        ("readable by scripts", with_cookie(cookie().readable_by_scripts()), &["ASVS 5.0 3.3.4"]),
        ("persistent", with_cookie(cookie().persistent()), &["NIST 800-63B-4 5.1"]),
        ("an undated key", of_ring(&[&key_text()]), &["ASVS 5.0 13.3.4"]),
        ("a key eleven months old", of_ring(&[&old]), &["ASVS 5.0 13.3.4"]),
        ("a key that never retires", of_ring(&[&later, &dated()]), &["ASVS 5.0 11.1.1"]),
        ("no primary key yet", of_ring(&[&later]), &["ASVS 5.0 13.3.4"]),
    ];
    for (what, builder, expected) in table {
        assert_eq!(failures(&builder.build().audit(T0)), expected, "{what}");
    }
    let of_long = ["ASVS 5.0 7.3.2", "NIST 800-63B-4 2.1.3", "OWASP cheat sheet"];
    assert_eq!(failures(&long.audit()), of_long);
    let of_aal1 = ["ASVS 5.0 7.3.1", "OWASP cheat sheet"];
    assert_eq!(failures(&Policy::aal1().audit()), of_aal1, "the two timeouts of AAL1 are equal");
    assert_eq!(failures(&Policy::aal2().audit()), ["OWASP cheat sheet"], "NIST allows an hour");
}

#[test]
fn an_audit_names_the_assurance_level_that_the_timeouts_fit() {
    for (policy, level) in [
        (Policy::aal1(), "AAL1"),
        (Policy::aal2(), "AAL2 and below"),
        (Policy::aal3(), "AAL3 and below"),
        (Policy::default(), "AAL2 and below"),
    ] {
        let audit = policy.audit();
        let row = audit.rows().iter().find(|row| row.requirement.starts_with("NIST")).unwrap();
        assert_eq!(row.because, level);
    }
}

#[test]
fn an_audit_names_the_risk_that_an_idle_timeout_fits() {
    for (idle, because) in [
        (300, "fits high value"),
        (301, "fits low risk"),
        (1_800, "fits low risk"),
        (1_801, "the idle timeout is above 30 minutes; set Policy::with_idle_timeout"),
    ] {
        let audit = Policy::new(secs(idle), secs(12 * 3_600)).audit();
        let row = audit.rows().iter().find(|row| row.requirement.starts_with("OWASP")).unwrap();
        assert_eq!(row.because, because, "{idle}");
    }
}

#[test]
fn an_audit_reports_how_long_the_primary_key_has_been_in_use() {
    let line = key_text();
    let id = line.rsplit('.').next().unwrap();
    let (days, hours, minutes) = (DAY, 3_600, 60);
    for (age, says) in [
        (0, format!("key {id} has sealed for 0 s")),
        (61, format!("key {id} has sealed for 61 s")),
        (90 * minutes, format!("key {id} has sealed for 90 min")),
        (36 * hours, format!("key {id} has sealed for 36 h")),
        (90 * days, format!("key {id} has sealed for 90 d")),
        (90 * days + 1, format!("key {id} has sealed for 90 days; run bulla ring publish")),
        (92 * days, format!("key {id} has sealed for 92 days; run bulla ring publish")),
        (T0.as_secs(), format!("key {id} has no primary-from; run bulla ring publish")),
    ] {
        let since = UnixTime::from_secs(T0.as_secs() - age);
        let audit = ring(&[&format!("{line} primary-from={since}")]).audit(T0);
        assert_eq!(audit.rows()[0].because, says);
        let fails = audit.rows()[0].verdict == Verdict::Fail;
        assert_eq!(fails, age > 90 * days, "{says}");
    }
}

#[test]
fn an_audit_prints_as_a_table() {
    let table = "\
pass  ASVS 5.0 7.1.1        idle and absolute limits are stated: idle 30 d, absolute 30 d
FAIL  ASVS 5.0 7.3.1        inactivity ends a session: the idle timeout is not below the absolute timeout; set Policy::with_idle_timeout
pass  ASVS 5.0 7.3.2        an absolute timeout of at most 30 days: idle 30 d, absolute 30 d
pass  NIST 800-63B-4 2.1.3  timeouts fit an authenticator assurance level: AAL1
FAIL  OWASP cheat sheet     an idle timeout of at most 30 minutes, or 5 for high value: the idle timeout is above 30 minutes; set Policy::with_idle_timeout
";
    assert_eq!(Policy::aal1().audit().to_string(), table);
    let whole = good().build().audit(T0).to_string();
    assert!(whole.contains("\nyou   ASVS 5.0 3.5.3        requests with GET change"), "{whole}");
    let trusting = good().trust_origin("https://app.example").unwrap().build().audit(T0);
    assert!(trusting.to_string().contains("only https://app.example may also use the session\n"));
}
