// How long sessions live.

import { plus, wholeSeconds } from "../time.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Settings of a {@link Policy}. All times are in seconds and are rounded down. */
export interface PolicyOptions {
  /**
   * The idle timeout: a session ends after this time without activity. The default is 30 minutes.
   *
   * Activity is not recorded if the last recorded activity is more recent than the touch
   * threshold. Therefore a session can end earlier, by up to this threshold.
   */
  readonly idleTimeout?: number;
  /**
   * The absolute timeout: a session ends when this time has passed since the sign-in. The default
   * is 12 hours.
   */
  readonly absoluteTimeout?: number;
  /**
   * The touch threshold: activity is recorded only if the last recorded activity is at least this
   * old. So not every response needs to carry a token. The default is 5 % of the idle timeout, at
   * least one minute. The threshold is never more than half of the idle timeout.
   */
  readonly touchThreshold?: number;
}

/**
 * The timeouts of a session. The server enforces them on every request and does not rely on the
 * browser's cookie expiry.
 *
 * | preset | idle timeout | absolute timeout | source |
 * |---|--:|--:|---|
 * | `new Policy()` | 30 min | 12 h | OWASP session management, within NIST's 24 h |
 * | `Policy.highValue()` | 5 min | 4 h | OWASP, for high-value applications |
 * | `Policy.aal1()` | none | 30 days | NIST SP 800-63B-4, 2.1.3 |
 * | `Policy.aal2()` | 1 h | 24 h | NIST SP 800-63B-4, 2.2.3 |
 * | `Policy.aal3()` | 15 min | 12 h | NIST SP 800-63B-4, 2.3.3 |
 *
 * @example
 * ```ts
 * const policy = Policy.aal2().with({ idleTimeout: 20 * 60 });
 * policy.absoluteTimeout; // 86400
 * ```
 */
export class Policy {
  /** The idle timeout in seconds. */
  readonly idleTimeout: number;
  /** The absolute timeout in seconds. */
  readonly absoluteTimeout: number;
  readonly #touch: number | undefined;

  /**
   * To have no idle timeout, pass the absolute timeout for both.
   *
   * @throws `RangeError` if a timeout is below one second. TypeError if the touch threshold is
   * negative or not a number.
   */
  constructor(options: PolicyOptions = {}) {
    this.idleTimeout = checked(options.idleTimeout ?? 30 * MINUTE, "idle");
    this.absoluteTimeout = checked(options.absoluteTimeout ?? 12 * HOUR, "absolute");
    const { touchThreshold } = options;
    this.#touch = touchThreshold === undefined ? undefined : wholeSeconds(touchThreshold);
  }

  /** For high-value applications: idle timeout 5 minutes, absolute timeout 4 hours. */
  static highValue(): Policy {
    return new Policy({ idleTimeout: 5 * MINUTE, absoluteTimeout: 4 * HOUR });
  }

  /** Authenticator assurance level 1: absolute timeout 30 days, no idle timeout. */
  static aal1(): Policy {
    return new Policy({ idleTimeout: 30 * DAY, absoluteTimeout: 30 * DAY });
  }

  /** Authenticator assurance level 2: idle timeout 1 hour, absolute timeout 24 hours. */
  static aal2(): Policy {
    return new Policy({ idleTimeout: HOUR, absoluteTimeout: DAY });
  }

  /** Authenticator assurance level 3: idle timeout 15 minutes, absolute timeout 12 hours. */
  static aal3(): Policy {
    return new Policy({ idleTimeout: 15 * MINUTE, absoluteTimeout: 12 * HOUR });
  }

  /** The same policy with other settings. */
  with(options: PolicyOptions): Policy {
    const touchThreshold = options.touchThreshold ?? this.#touch;
    return new Policy({
      idleTimeout: options.idleTimeout ?? this.idleTimeout,
      absoluteTimeout: options.absoluteTimeout ?? this.absoluteTimeout,
      ...(touchThreshold === undefined ? {} : { touchThreshold }),
    });
  }

  /** The touch threshold in seconds. */
  get touchThreshold(): number {
    const usual = Math.max(this.idleTimeout / 20, MINUTE);
    return Math.min(this.#touch ?? usual, this.idleTimeout / 2);
  }

  /** @internal */
  deadline(startedAt: number, ceiling: number | undefined): number {
    return Math.min(plus(startedAt, this.absoluteTimeout), ceiling ?? Infinity);
  }
}

function checked(seconds: number, which: string): number {
  const whole = Math.floor(seconds);
  if (!(whole >= 1 && Number.isSafeInteger(whole))) {
    throw new RangeError(`the ${which} timeout must be at least one second`);
  }
  return whole;
}

/** Which of the two policies a session has. */
export type Term = "ordinary" | "remembered";

/**
 * The policies of an application: one for ordinary sessions and, if it is configured, one for
 * remembered sessions.
 */
export interface Policies {
  readonly ordinary: Policy;
  readonly remembered: Policy | undefined;
}

/**
 * The policy of a session. `undefined` if the session is remembered and the application has no
 * policy for remembered sessions.
 */
export function policyOf(policies: Policies, term: Term): Policy | undefined {
  return policies[term];
}

export function longestIdle({ ordinary, remembered }: Policies): number {
  return Math.max(ordinary.idleTimeout, remembered?.idleTimeout ?? 0);
}

export function longestAbsolute({ ordinary, remembered }: Policies): number {
  return Math.max(ordinary.absoluteTimeout, remembered?.absoluteTimeout ?? 0);
}
