//! The time in whole seconds since 1970, as tokens and key rings contain it.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An instant in whole seconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// The range is [`UnixTime::EPOCH`] to [`UnixTime::MAX`]. If the result of a conversion or an
/// addition is outside this range, it is replaced with the nearest end of the range.
///
/// `Display` and `FromStr` use the same form as key rings: RFC 3339 in UTC, with whole seconds.
///
/// ```
/// use std::time::Duration;
/// use bulla::UnixTime;
///
/// let noon: UnixTime = "2026-12-01T12:00:00Z".parse()?;
/// assert_eq!(noon.as_secs(), 1_796_126_400);
/// assert_eq!((noon + Duration::from_secs(90)).to_string(), "2026-12-01T12:01:30Z");
/// # Ok::<(), bulla::time::TimeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: UnixTime = UnixTime(0);

    /// 9999-12-31T23:59:59Z, the last second that a token can contain.
    pub const MAX: UnixTime = UnixTime(253_402_300_799);

    /// The time of the system clock. If the clock is set before 1970, this is
    /// [`UnixTime::EPOCH`].
    #[must_use]
    pub fn now() -> UnixTime {
        SystemTime::now().into()
    }

    /// The instant `secs` seconds after [`UnixTime::EPOCH`], at most [`UnixTime::MAX`].
    #[must_use]
    pub const fn from_secs(secs: u64) -> UnixTime {
        if secs > Self::MAX.0 { Self::MAX } else { UnixTime(secs) }
    }

    /// The seconds since [`UnixTime::EPOCH`].
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`, or zero if `earlier` is after `self`.
    #[must_use]
    pub const fn since(self, earlier: UnixTime) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

/// Adds the whole seconds of a duration. The result is at most [`UnixTime::MAX`].
impl std::ops::Add<Duration> for UnixTime {
    type Output = UnixTime;

    fn add(self, span: Duration) -> UnixTime {
        UnixTime::from_secs(self.0.saturating_add(span.as_secs()))
    }
}

/// Rounds down to the second and limits the result to the range of [`UnixTime`].
impl From<SystemTime> for UnixTime {
    fn from(time: SystemTime) -> UnixTime {
        time.duration_since(SystemTime::UNIX_EPOCH)
            .map_or(UnixTime::EPOCH, |span| UnixTime::from_secs(span.as_secs()))
    }
}

impl From<UnixTime> for SystemTime {
    #[expect(clippy::arithmetic_side_effects, reason = "the year 9999 is in range")]
    fn from(time: UnixTime) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(time.0)
    }
}

impl FromStr for UnixTime {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<UnixTime, TimeError> {
        // RFC 3339 allows several texts for the same instant, but key rings use only one.
        let one_spelling =
            text.len() == 20 && text.as_bytes().get(10) == Some(&b'T') && text.ends_with('Z');
        if !one_spelling {
            return Err(TimeError);
        }
        let instant = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimeError)?;
        if instant.nanosecond() != 0 {
            return Err(TimeError); // a leap second, which Unix time does not have
        }
        u64::try_from(instant.unix_timestamp()).map(UnixTime).map_err(|_| TimeError)
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = i64::try_from(self.0)
            .ok()
            .and_then(|secs| OffsetDateTime::from_unix_timestamp(secs).ok())
            .and_then(|instant| instant.format(&Rfc3339).ok())
            .ok_or(fmt::Error)?;
        f.pad(&text)
    }
}

impl fmt::Debug for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The error for a text that is not an instant in the form `2026-12-01T00:00:00Z`, 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeError;

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an instant in the form 2026-12-01T00:00:00Z (UTC, 1970 to 9999)")
    }
}

impl std::error::Error for TimeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversion_from_the_system_time_rounds_down_and_is_limited_to_the_range() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        for (millis, secs) in [(0, 0), (999, 0), (1_000, 1), (1_796_126_400_500, 1_796_126_400)] {
            assert_eq!(UnixTime::from(at(millis)).as_secs(), secs);
            assert_eq!(SystemTime::from(UnixTime::from_secs(secs)), at(secs * 1000));
        }
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(UnixTime::from(before), UnixTime::EPOCH);
        let after = SystemTime::from(UnixTime::MAX) + Duration::from_secs(1);
        assert_eq!(UnixTime::from(after), UnixTime::MAX);
    }
}
