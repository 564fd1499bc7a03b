// The known revocations of one subject, or of all sessions, as a value that can be merged.
//
// A token *follows* a revocation if it was made with knowledge of the revocation. Such a token
// contains the exception of the revocation, and the revocation does not end it.
//
// The *cutoff* of a token is the latest instant of the revocations that the token does not follow.
// A session is revoked if it started before the cutoff of its token. A merge takes the later
// cutoff for each token. Therefore the result does not depend on the order in which revocations
// arrive, on repetitions, or on whether another server merged some of them before (DESIGN.md of the
// Rust library).

import { CLOCK_SKEW, plus } from "../time.js";
import { NO_MARK, REACH } from "./entry.js";
import type { Exception } from "./entry.js";

/**
 * A new session follows a revocation only if the revocation's instant is at most 121 seconds in the
 * future. The clock of the server that made the revocation may be 60 seconds ahead, and the instant
 * is 61 seconds after the time of that clock. If an instant is further in the future, new sign-ins
 * are refused until it is at most 121 seconds away.
 */
const WINDOW = CLOCK_SKEW + REACH;

/**
 * The maximum number of revocations that a session follows. Each takes 29 bytes of the state token.
 */
export const MAX_FOLLOWS = 32;

/**
 * A revocation with an exception, which a token can follow. Such a token comes from the session
 * that made the revocation, or from a sign-in on a server that knew the revocation.
 */
export interface Followed extends Exception {
  readonly before: number;
}

/** The revocations that a token follows. */
export interface Follows {
  /** The last revocation with which the session itself ended the other sessions of its subject. */
  readonly own: Followed | undefined;
  /** The revocations that were known when the session started. */
  readonly earlier: readonly Followed[];
}

export interface Known {
  /** Sessions that started before this instant are revoked, without exception. */
  readonly hard: number;
  /**
   * The revocations that have an exception, the latest first. Each has a different origin. A
   * session that started before the instant of one of them is revoked, unless its token follows
   * this revocation.
   */
  readonly except: readonly Followed[];
  /** The time at which these revocations expire. */
  readonly until: number;
}

export function known(before: number, except: Exception | undefined, until: number): Known {
  if (except === undefined) return { hard: before, except: [], until };
  const { origin, mark } = except;
  return { hard: 0, except: [{ before, origin, mark }], until };
}

/** The cutoff of a token: its session is revoked if it started before the returned time. */
export function cutoff({ hard, except }: Known, follows: Follows): number {
  const unfollowed = except.find((of) => !isFollowed(of, follows));
  return Math.max(hard, unfollowed?.before ?? 0);
}

/** The revocations that a session follows if it starts at `now`. */
export function followedAt({ except }: Known, now: number): Followed[] {
  return except.filter((of) => of.before > now && of.before <= plus(now, WINDOW));
}

export function merged(a: Known, b: Known): Known {
  const except = [...a.except];
  for (const of of b.except) {
    const at = except.findIndex((held) => held.origin === of.origin);
    const held = except[at];
    if (held === undefined) {
      except.push(of);
    } else if (held.before < of.before) {
      except[at] = of;
    } else if (held.before === of.before && held.mark !== of.mark) {
      // The session ended the other sessions twice in one second. Both of its new tokens are
      // revoked. If the session makes a later revocation, the token that it gets then is valid.
      except[at] = { ...held, mark: NO_MARK };
    }
  }
  return {
    hard: Math.max(a.hard, b.hard),
    except: except.sort(latestFirst),
    until: Math.max(a.until, b.until),
  };
}

export function latestFirst(a: Followed, b: Followed): number {
  if (a.before !== b.before) return b.before - a.before;
  if (a.origin === b.origin) return 0;
  return a.origin < b.origin ? -1 : 1;
}

export function isEqual(a: Known, b: Known): boolean {
  const same = (one: Followed, other: Followed | undefined) =>
    one.before === other?.before && one.origin === other.origin && one.mark === other.mark;
  return (
    a.hard === b.hard &&
    a.until === b.until &&
    a.except.length === b.except.length &&
    a.except.every((of, at) => same(of, b.except[at]))
  );
}

/** The instants and exceptions of the revocations that merge to this value. */
export function parts({
  hard,
  except,
}: Known): { before: number; except: Exception | undefined }[] {
  const of = except.map(({ before, origin, mark }) => ({ before, except: { origin, mark } }));
  const alone = hard > 0 || except.length === 0;
  return alone ? [{ before: hard, except: undefined }, ...of] : of;
}

function isFollowed(of: Followed, { own, earlier }: Follows): boolean {
  return (own !== undefined && isOrFollows(own, of)) || earlier.some((one) => isOrFollows(one, of));
}

/** Whether a revocation is `of` itself or a later revocation by the same session. */
function isOrFollows(one: Followed, of: Followed): boolean {
  const same = one.mark === of.mark && of.mark !== NO_MARK;
  return one.origin === of.origin && (one.before > of.before || (one.before === of.before && same));
}
