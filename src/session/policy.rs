//! How long a session lives.

use std::time::Duration;

use crate::time::UnixTime;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Timeouts of a session. The server enforces them on every request; what a
/// browser does with its cookies is never relied on.
///
/// | preset | idle | absolute | after |
/// |---|--:|--:|---|
/// | `default()` | 30 min | 12 h | idle: OWASP session management (15 to 30 min); absolute: within NIST's 24 h (OWASP: 4 to 8 h for office work) |
/// | `high_value()` | 5 min | 4 h | OWASP, for high-value applications |
/// | `aal1()` | none | 30 days | NIST SP 800-63B-4, 2.1.3 |
/// | `aal2()` | 1 h | 24 h | NIST SP 800-63B-4, 2.2.3 |
/// | `aal3()` | 15 min | 12 h | NIST SP 800-63B-4, 2.3.3 |
///
/// ```
/// use std::time::Duration;
/// use bulla::Policy;
///
/// let policy = Policy::aal2().with_idle_timeout(Duration::from_secs(20 * 60));
/// assert_eq!(policy.absolute_timeout(), Duration::from_secs(24 * 60 * 60));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    idle: Duration,
    absolute: Duration,
    touch: Option<Duration>,
}

impl Policy {
    /// The idle and the absolute timeout, in this order, in whole seconds,
    /// rounded down. For no idle timeout, give the absolute one twice.
    ///
    /// # Panics
    /// When one is below a second: no session could begin.
    #[must_use]
    pub const fn new(idle: Duration, absolute: Duration) -> Policy {
        assert!(idle.as_secs() > 0, "the idle timeout is at least a second");
        assert!(absolute.as_secs() > 0, "the absolute timeout is at least a second");
        Policy { idle, absolute, touch: None }
    }

    /// For high-value applications: 5 minutes idle, 4 hours in all.
    #[must_use]
    pub const fn high_value() -> Policy {
        Policy::of_secs(5 * MINUTE, 4 * HOUR)
    }

    /// Authenticator assurance level 1: 30 days in all, no idle timeout of its own.
    #[must_use]
    pub const fn aal1() -> Policy {
        Policy::of_secs(30 * DAY, 30 * DAY)
    }

    /// Authenticator assurance level 2: 1 hour idle, 24 hours in all.
    #[must_use]
    pub const fn aal2() -> Policy {
        Policy::of_secs(HOUR, DAY)
    }

    /// Authenticator assurance level 3: 15 minutes idle, 12 hours in all.
    #[must_use]
    pub const fn aal3() -> Policy {
        Policy::of_secs(15 * MINUTE, 12 * HOUR)
    }

    const fn of_secs(idle: u64, absolute: u64) -> Policy {
        Policy::new(Duration::from_secs(idle), Duration::from_secs(absolute))
    }

    /// A session ends when nothing was seen of it for this long, to within
    /// [`touch_threshold`](Policy::touch_threshold): activity that soon after
    /// the last on record is not recorded.
    ///
    /// # Panics
    /// When it is below a second.
    #[must_use]
    pub const fn with_idle_timeout(self, idle: Duration) -> Policy {
        let touch = self.touch;
        Policy { touch, ..Policy::new(idle, self.absolute) }
    }

    /// A session ends this long after sign-in, whatever happens.
    ///
    /// # Panics
    /// When it is below a second.
    #[must_use]
    pub const fn with_absolute_timeout(self, absolute: Duration) -> Policy {
        let touch = self.touch;
        Policy { touch, ..Policy::new(self.idle, absolute) }
    }

    /// Activity is recorded when the last record is at least this old, so that
    /// not every response carries a token. Without this call: 5 % of the idle
    /// timeout, at least a minute, at most half the idle timeout.
    #[must_use]
    pub const fn with_touch_threshold(mut self, threshold: Duration) -> Policy {
        self.touch = Some(threshold);
        self
    }

    /// See [`with_idle_timeout`](Policy::with_idle_timeout).
    #[must_use]
    pub const fn idle_timeout(&self) -> Duration {
        self.idle
    }

    /// See [`with_absolute_timeout`](Policy::with_absolute_timeout).
    #[must_use]
    pub const fn absolute_timeout(&self) -> Duration {
        self.absolute
    }

    /// See [`with_touch_threshold`](Policy::with_touch_threshold).
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "divides by constants")]
    pub fn touch_threshold(&self) -> Duration {
        let five_percent = (self.idle / 20).max(Duration::from_secs(MINUTE));
        self.touch.unwrap_or(five_percent).min(self.idle / 2)
    }

    pub(crate) fn deadline(&self, started_at: UnixTime, ceiling: Option<UnixTime>) -> UnixTime {
        let absolute = started_at + self.absolute;
        ceiling.map_or(absolute, |ceiling| absolute.min(ceiling))
    }
}

/// 30 minutes idle, 12 hours in all.
impl Default for Policy {
    fn default() -> Policy {
        Policy::of_secs(30 * MINUTE, 12 * HOUR)
    }
}
