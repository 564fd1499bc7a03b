//! How long sessions live.

use std::time::Duration;

use crate::time::UnixTime;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The timeouts of a session. The server enforces them on every request and does not rely on the
/// browser's cookie expiry.
///
/// | preset | idle timeout | absolute timeout | source |
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
    /// A policy with an idle timeout and an absolute timeout, rounded down to whole seconds. To
    /// have no idle timeout, pass the absolute timeout for both.
    ///
    /// # Panics
    /// If a timeout is below one second.
    #[must_use]
    pub const fn new(idle: Duration, absolute: Duration) -> Policy {
        assert!(idle.as_secs() > 0, "the idle timeout must be at least one second");
        assert!(absolute.as_secs() > 0, "the absolute timeout must be at least one second");
        Policy { idle, absolute, touch: None }
    }

    /// For high-value applications: idle timeout 5 minutes, absolute timeout 4 hours.
    #[must_use]
    pub const fn high_value() -> Policy {
        Policy::of_secs(5 * MINUTE, 4 * HOUR)
    }

    /// Authenticator assurance level 1: absolute timeout 30 days, no idle timeout.
    #[must_use]
    pub const fn aal1() -> Policy {
        Policy::of_secs(30 * DAY, 30 * DAY)
    }

    /// Authenticator assurance level 2: idle timeout 1 hour, absolute timeout 24 hours.
    #[must_use]
    pub const fn aal2() -> Policy {
        Policy::of_secs(HOUR, DAY)
    }

    /// Authenticator assurance level 3: idle timeout 15 minutes, absolute timeout 12 hours.
    #[must_use]
    pub const fn aal3() -> Policy {
        Policy::of_secs(15 * MINUTE, 12 * HOUR)
    }

    const fn of_secs(idle: u64, absolute: u64) -> Policy {
        Policy::new(Duration::from_secs(idle), Duration::from_secs(absolute))
    }

    /// Sets the idle timeout: a session ends after this time without activity.
    ///
    /// Activity is not recorded if the last recorded activity is more recent than the
    /// [`touch_threshold`](Policy::touch_threshold). Therefore a session can end earlier, by up to
    /// this threshold.
    ///
    /// # Panics
    /// If `idle` is below one second.
    #[must_use]
    pub const fn with_idle_timeout(self, idle: Duration) -> Policy {
        let touch = self.touch;
        Policy { touch, ..Policy::new(idle, self.absolute) }
    }

    /// Sets the absolute timeout: a session ends when this time has passed since the sign-in.
    ///
    /// # Panics
    /// If `absolute` is below one second.
    #[must_use]
    pub const fn with_absolute_timeout(self, absolute: Duration) -> Policy {
        let touch = self.touch;
        Policy { touch, ..Policy::new(self.idle, absolute) }
    }

    /// Sets the touch threshold. Activity is recorded only if the last recorded activity is at
    /// least this old. So not every response needs to carry a token.
    ///
    /// The default is 5 % of the idle timeout, at least one minute. The threshold is never more
    /// than half of the idle timeout.
    #[must_use]
    pub const fn with_touch_threshold(mut self, threshold: Duration) -> Policy {
        self.touch = Some(threshold);
        self
    }

    /// The idle timeout. See [`with_idle_timeout`](Policy::with_idle_timeout).
    #[must_use]
    pub const fn idle_timeout(&self) -> Duration {
        self.idle
    }

    /// The absolute timeout. See [`with_absolute_timeout`](Policy::with_absolute_timeout).
    #[must_use]
    pub const fn absolute_timeout(&self) -> Duration {
        self.absolute
    }

    /// The touch threshold. See [`with_touch_threshold`](Policy::with_touch_threshold).
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

/// The policies of an application: one for ordinary sessions and, if it is configured, one for
/// remembered sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policies {
    pub(crate) ordinary: Policy,
    pub(crate) remembered: Option<Policy>,
}

/// Which of the two policies a session has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Term {
    #[default]
    Ordinary,
    Remembered,
}

impl Policies {
    /// The policy of a session. `None` if the session is remembered and the application has no
    /// policy for remembered sessions.
    pub(crate) fn of(&self, term: Term) -> Option<Policy> {
        match term {
            Term::Ordinary => Some(self.ordinary),
            Term::Remembered => self.remembered,
        }
    }

    pub(crate) fn longest_idle(&self) -> Duration {
        self.remembered.map_or(self.ordinary.idle, |other| other.idle.max(self.ordinary.idle))
    }

    pub(crate) fn longest_absolute(&self) -> Duration {
        let ordinary = self.ordinary.absolute;
        self.remembered.map_or(ordinary, |other| other.absolute.max(ordinary))
    }
}

/// Idle timeout 30 minutes, absolute timeout 12 hours.
impl Default for Policy {
    fn default() -> Policy {
        Policy::of_secs(30 * MINUTE, 12 * HOUR)
    }
}
