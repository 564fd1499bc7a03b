//! The names of errors and refusals that all implementations use. Those of tokens are in
//! `fixed::name`.

use bulla::SessionError;
use bulla::keys::{KeyError, RingError};
use bulla::session::{Refusal, Status};

use crate::fixed;

pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Absent => "absent",
        Status::Alive => "alive",
        Status::Ended => "ended",
        Status::Refused(refusal) => self::refusal(refusal),
        _ => "a status without a name",
    }
}

fn refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Token(error) => fixed::name(&error),
        Refusal::Revoked => "revoked",
        Refusal::AbsoluteTimeout => "absolute-timeout",
        Refusal::IdleTimeout => "idle-timeout",
        Refusal::UnknownActivity => "unknown-activity",
        Refusal::CrossOrigin => "cross-origin",
        _ => "a refusal without a name",
    }
}

pub(crate) fn key(error: KeyError) -> &'static str {
    match error {
        KeyError::Malformed => "malformed",
        KeyError::IdMismatch => "id-mismatch",
        KeyError::LowEntropy => "low-entropy",
        KeyError::Example => "example-key",
        _ => "an error without a name",
    }
}

pub(crate) fn ring(error: RingError) -> &'static str {
    match error {
        RingError::TooLong { .. } => "too-long",
        RingError::NotUtf8 { .. } => "not-utf8",
        RingError::ByteOrderMark => "byte-order-mark",
        RingError::Key { .. } => "key",
        RingError::UnknownAttribute { .. } => "unknown-attribute",
        RingError::Instant { .. } => "instant",
        RingError::RepeatedAttribute { .. } => "repeated-attribute",
        RingError::TooManyKeys { .. } => "too-many-keys",
        RingError::DuplicateKey { .. } => "duplicate-key",
        RingError::NeverPrimary { .. } => "never-primary",
        RingError::Empty => "empty",
        _ => "an error without a name",
    }
}

pub(crate) fn session(error: SessionError) -> &'static str {
    match error {
        SessionError::ResponseSent => "response-sent",
        SessionError::NoSession => "no-session",
        SessionError::CrossOrigin => "cross-origin",
        SessionError::NoChannel => "no-channel",
        SessionError::CeilingPassed => "ceiling-passed",
        SessionError::NotNow => "not-now",
        SessionError::TooLarge { .. } => "too-large",
        SessionError::Seal(_) => "seal",
        _ => "an error without a name",
    }
}
