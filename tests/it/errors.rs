//! The texts of errors and events.

use std::collections::HashSet;

use bulla::keys::{KeyError, RandomError, RingError};
use bulla::revocation::RevocationError;
use bulla::session::{Event, Refusal, SessionId, SessionIdError};
use bulla::time::TimeError;
use bulla::token::OnceError;
use bulla::transport::{BearerError, CookieError, OriginError};
use bulla::{OpenError, SealError, SessionError};

use crate::support::{T0, key_text, ring};

/// An operator who reads the log can see from the text which error or event occurred.
#[test]
fn every_error_and_event_has_its_own_text() {
    let key_id = ring(&[&key_text()]).primary_at(T0).unwrap();
    let (id, origin) = (SessionId::from_bytes([7; 16]), SessionId::from_bytes([9; 16]));
    let table: Vec<(String, &str)> = vec![
        (OpenError::TooLong { len: 9000, limit: 8192 }.to_string(), "9000 characters"),
        (OpenError::Prefix.to_string(), "mode and version"),
        (OpenError::Encoding.to_string(), "base64url"),
        (OpenError::TooShort.to_string(), "too short"),
        (OpenError::UnknownKey(key_id).to_string(), "the key ring has no key"),
        (OpenError::BadTag(key_id).to_string(), "forged, altered"),
        (OpenError::MalformedBody.to_string(), "malformed"),
        (OpenError::RetiredKey(key_id).to_string(), "open-until"),
        (OpenError::NotYetValid { issued_at: T0 }.to_string(), "compare the servers' clocks"),
        (OpenError::Expired { expires_at: T0 }.to_string(), "expired at 2026-12-01T12:00:00Z"),
        (OpenError::NewerSchema { version: 3, newest: 2 }.to_string(), "3 is newer than 2"),
        (OpenError::RetiredSchema { version: 1 }.to_string(), "1 is no longer read"),
        (OpenError::Padding.to_string(), "padding"),
        (SessionError::ResponseSent.to_string(), "already sent"),
        (SessionError::NoSession.to_string(), "no session to change"),
        (SessionError::CrossOrigin.to_string(), ".trust_origin("),
        (SessionError::NoChannel.to_string(), "over that channel"),
        (SessionError::NoRevocations.to_string(), ".revocations("),
        (SessionError::NoSubject.to_string(), ".subject("),
        (SessionError::NoUserLoader.to_string(), ".user("),
        (SessionError::NoRememberedPolicy.to_string(), ".remembered("),
        (SessionError::CeilingPassed.to_string(), "ceiling"),
        (SessionError::TooLarge { size: 5000, limit: 4096 }.to_string(), "5000 octets"),
        (SessionError::Conflict.to_string(), "another task"),
        (SessionError::NotNow.to_string(), "cannot decide now"),
        (SessionError::Half.to_string(), "server half"),
        (SessionError::Seal(SealError::NoPrimaryKey).to_string(), "primary"),
        (Refusal::Revoked.to_string(), "revoked"),
        (Refusal::AbsoluteTimeout.to_string(), "absolute timeout"),
        (Refusal::IdleTimeout.to_string(), "idle timeout"),
        (Refusal::UnknownActivity.to_string(), "renewal token"),
        (Refusal::Invalidated.to_string(), "session is over"),
        (Refusal::NotRevalidated.to_string(), "is due"),
        (Refusal::CrossOrigin.to_string(), "another origin sent the request"),
        (Event::Opened { id, origin, key_id }.to_string(), "opened under key"),
        (Event::Refused(Refusal::Revoked).to_string(), "no session: "),
        (Event::Started { id, origin }.to_string(), "started"),
        (Event::Renamed { id, origin }.to_string(), "got the new id"),
        (Event::Changed { id, origin }.to_string(), "changed"),
        (Event::Renewed { id, origin }.to_string(), "renewed"),
        (Event::Ended { origin: Some(origin) }.to_string(), "ended"),
        (Event::Ended { origin: None }.to_string(), "session ended"),
        (Event::Adopted { id, origin }.to_string(), "adopted"),
        (Event::NotRenewed(SealError::NoPrimaryKey).to_string(), "could not be renewed"),
        (Event::NotAdopted(SessionError::CeilingPassed).to_string(), "was not adopted"),
        (CookieError::Name.to_string(), "name"),
        (CookieError::Domain.to_string(), "domain"),
        (CookieError::Path.to_string(), "path"),
        (BearerError.to_string(), "two headers"),
        (OriginError.to_string(), "scheme://host"),
        (KeyError::LowEntropy.to_string(), "not random"),
        (RingError::Empty.to_string(), "no key"),
        (OnceError::Used.to_string(), "has been used"),
        (OnceError::Claim("the store is away".into()).to_string(), "the store is away"),
        (RevocationError.to_string(), "not a revocation"),
        (TimeError.to_string(), "not an instant"),
        (RandomError.to_string(), "generator failed"),
        (SessionIdError.to_string(), "not a session id"),
    ];
    for (text, says) in &table {
        assert!(text.contains(says), "{text}");
    }
    let texts: HashSet<&str> = table.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(texts.len(), table.len());
    for (text, names) in [
        (OpenError::UnknownKey(key_id).to_string(), key_id.to_string()),
        (OpenError::BadTag(key_id).to_string(), key_id.to_string()),
        (OpenError::RetiredKey(key_id).to_string(), key_id.to_string()),
        (Event::Opened { id, origin, key_id }.to_string(), key_id.to_string()),
        (Event::Started { id, origin }.to_string(), id.to_string()),
        (Event::Renamed { id, origin }.to_string(), origin.to_string()),
        (Event::Ended { origin: Some(origin) }.to_string(), origin.to_string()),
    ] {
        assert!(text.contains(&names), "{text}");
    }
    // The text of an error that wraps another error contains the text of the other error.
    assert_eq!(Refusal::Token(OpenError::Prefix).to_string(), OpenError::Prefix.to_string());
    assert_eq!(OnceError::Open(OpenError::Prefix).to_string(), OpenError::Prefix.to_string());
}

#[test]
fn only_errors_that_a_client_can_fix_or_wait_out_have_their_own_status() {
    for (error, status) in [
        (SessionError::NoSession, Some(401)),
        (SessionError::CrossOrigin, Some(403)),
        (SessionError::NotNow, Some(503)),
        (SessionError::Conflict, None),
        (SessionError::TooLarge { size: 5000, limit: 4096 }, None),
    ] {
        let denied = error.denied();
        assert_eq!(denied.as_ref().map(bulla::session::Denied::status), status);
        assert!(denied.is_none_or(|denied| !denied.to_string().is_empty()));
    }
}
