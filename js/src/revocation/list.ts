// The list of revocations that a server has in memory.

import { CLOCK_SKEW, plus } from "../time.js";
import { revocationOfAll, revocationOfSubject } from "./entry.js";
import type { Revocation } from "./entry.js";
import {
  MAX_FOLLOWS,
  cutoff,
  followedAt,
  isEqual,
  known,
  latestFirst,
  merged,
  parts,
} from "./known.js";
import type { Followed, Follows, Known } from "./known.js";

/** After this many new revocations, the list drops those that have expired. */
const PRUNE_AFTER = 1024;

/** The facts about a session that decide whether it is revoked. */
export interface Asked {
  readonly id: string;
  /** The id under which the session started. */
  readonly origin: string;
  /** Returns the subject of the session. Each call computes a hash. */
  readonly subject: () => string | undefined;
  readonly startedAt: number;
  readonly follows: Follows;
  /**
   * Two key ids, and when the state token was issued. The first id is the one in the token's text.
   * The second is that of the key that opened the state, which is a different key if the state
   * came from a copy in a renewal token. `undefined` for a second check of the same session.
   */
  readonly keys: { readonly ids: readonly string[]; readonly issuedAt: number } | undefined;
}

/** Tokens that were issued before `before` are revoked. */
interface Span {
  readonly before: number;
  readonly until: number;
}

/** A revocation on its way to other servers. Everyone who waits for it learns that it failed. */
interface Passing {
  readonly done: Promise<void>;
  isWaitedFor: boolean;
}

/** Passes a revocation on to other servers. */
export type Spread = (revocation: Revocation) => void | Promise<void>;

/**
 * A list of revoked sessions in memory, which a server consults each time it opens a session.
 *
 * A revocation expires when the last session that it revokes would have ended anyway. Expired
 * revocations are dropped, so only recent ones take memory. A look-up takes the same time in a
 * short list and in a long one.
 *
 * The list belongs to one process. To share it, pass each new revocation on with
 * {@link Revocations.onAdd}, and give the list what other servers have added with
 * {@link Revocations.learn}. `followRevocations` of `bulla/node` does both with a file, which the
 * Rust library reads and writes too.
 *
 * @example
 * ```ts
 * const revocations = new Revocations();
 * const sessions = new Sessions({
 *   ring,
 *   payload,
 *   revocations,
 *   subject: (account) => String(account.id),
 * });
 * sessions.revokeSubject("7"); // the password was changed
 * ```
 *
 * @example Sharing a list through a store that all servers read
 * ```ts
 * revocations.onAdd((revocation) => store.append(formatRevocation(revocation)));
 * const follow = async () => {
 *   const now = Math.floor(Date.now() / 1000);
 *   revocations.learn((await store.lines()).map(parseRevocation)); // README: skip unknown lines
 *   revocations.confirm(now);
 *   revocations.prune(now);
 * };
 * setInterval(() => follow().catch(console.error), 1000);
 * ```
 */
export class Revocations {
  readonly #sessions = new Map<string, number>();
  readonly #subjects = new Map<string, Known>();
  readonly #keys = new Map<string, Span>();
  #all: Known | undefined;
  #spread: Spread | undefined;
  #spreading = new Set<Passing>();
  /** The first failure that nobody has been told. */
  #failure: { readonly error: unknown } | undefined;
  #confirmedAt: number | undefined;
  /** The time of the last call of `addAt`. */
  #latest = 0;
  #sincePrune = 0;
  /** The longest absolute timeout of the sessions that use this list, in seconds. */
  #longest = 0;

  /**
   * Adds a revocation. Returns `true` if the list did not have it yet.
   *
   * The revocation takes effect on this server at once. A revocation that the list did not have is
   * passed to the function of {@link Revocations.onAdd}.
   */
  add(revocation: Revocation): boolean {
    if (!this.#insert(revocation)) return false;
    this.#passOn(revocation);
    return true;
  }

  /**
   * Adds revocations that came from another server or from a store. They are not passed on.
   * Returns `true` if at least one was new.
   */
  learn(revocations: Iterable<Revocation>): boolean {
    let news = false;
    for (const revocation of revocations) news = this.#insert(revocation) || news;
    return news;
  }

  /** Drops the revocations that have expired at `now`. Call it from time to time. */
  prune(now: number): void {
    for (const [id, until] of this.#sessions) if (until <= now) this.#sessions.delete(id);
    for (const [id, { until }] of this.#subjects) if (until <= now) this.#subjects.delete(id);
    for (const [id, { until }] of this.#keys) if (until <= now) this.#keys.delete(id);
    if (this.#all !== undefined && this.#all.until <= now) this.#all = undefined;
    this.#sincePrune = 0;
  }

  /** The number of sessions, subjects and keys with a revocation. */
  get size(): number {
    const all = this.#all === undefined ? 0 : 1;
    return this.#sessions.size + this.#subjects.size + this.#keys.size + all;
  }

  /** All revocations, in no particular order. */
  toArray(): Revocation[] {
    const found: Revocation[] = [];
    for (const [id, until] of this.#sessions) found.push({ kind: "session", id, until });
    for (const [subject, held] of this.#subjects) {
      for (const part of parts(held)) {
        found.push({ kind: "subject", subject, ...part, until: held.until });
      }
    }
    for (const [id, { before, until }] of this.#keys)
      found.push({ kind: "key", id, before, until });
    if (this.#all !== undefined) {
      const { until } = this.#all;
      for (const part of parts(this.#all)) found.push({ kind: "all", ...part, until });
    }
    return found;
  }

  /**
   * Sets the function that passes new revocations on to other servers. It may return a promise,
   * which {@link Revocations.spread} waits for. If it fails, the revocation stays in effect in this
   * process.
   */
  onAdd(spread: Spread): void {
    this.#spread = spread;
  }

  /**
   * Waits until all revocations that were added so far have been passed on. `withSession` of
   * `bulla/fetch` calls it before it returns the response, so that a user who has signed out is
   * signed out on every server that reads the store.
   *
   * @throws The error of the function of {@link Revocations.onAdd}, if it failed.
   */
  async spread(): Promise<void> {
    const failure = this.#failure;
    this.#failure = undefined;
    const passings = [...this.#spreading];
    for (const passing of passings) passing.isWaitedFor = true;
    await Promise.all(passings.map(({ done }) => done));
    if (failure !== undefined) throw failure.error;
  }

  /**
   * Records that this list was complete at `at`. Call it after each successful read of the shared
   * store. `session.requireCurrent` needs it.
   */
  confirm(at: number): void {
    this.#confirmedAt = at;
  }

  /**
   * The last time at which the list was known to be complete. `undefined` if `confirm` was never
   * called. This is normal for a single process, whose list is always complete.
   */
  get confirmedAt(): number | undefined {
    return this.#confirmedAt;
  }

  /**
   * Adds a revocation and stores the time. With this time, a list that is never pruned can drop
   * expired revocations itself.
   *
   * @internal
   */
  addAt(now: number, revocation: Revocation): void {
    // The time of the last call is stored, and not the latest time of all calls. If the clock was
    // ahead for a moment, the latest time would be in the future, and later revocations would be
    // dropped before they expire.
    this.#latest = now;
    this.add(revocation);
  }

  /**
   * Records that sessions with this absolute timeout use the list.
   *
   * @internal
   */
  usedBy(absoluteTimeout: number): void {
    this.#longest = Math.max(this.#longest, absoluteTimeout);
  }

  /**
   * The time at which all sessions that exist now, of every type, will have ended.
   *
   * @internal
   */
  last(now: number): number {
    return plus(now, this.#longest + CLOCK_SKEW);
  }

  /** @internal */
  revokeSubject(subject: string, now: number): void {
    this.addAt(now, revocationOfSubject(subject, now, this.last(now)));
  }

  /** @internal */
  revokeAll(now: number): void {
    this.addAt(now, revocationOfAll(now, this.last(now)));
  }

  /** @internal */
  has(asked: Asked): boolean {
    if (this.#all !== undefined && asked.startedAt < cutoff(this.#all, asked.follows)) return true;
    if (this.#sessions.has(asked.id) || this.#sessions.has(asked.origin)) return true;
    if (this.#subjects.size > 0) {
      const subject = asked.subject();
      const held = subject === undefined ? undefined : this.#subjects.get(subject);
      if (held !== undefined && asked.startedAt < cutoff(held, asked.follows)) return true;
    }
    const { keys } = asked;
    const isBefore = (id: string) =>
      keys !== undefined && keys.issuedAt < (this.#keys.get(id)?.before ?? 0);
    return keys !== undefined && keys.ids.some(isBefore);
  }

  /**
   * Whether the list names this session id itself.
   *
   * @internal
   */
  hasSession(id: string): boolean {
    return this.#sessions.has(id);
  }

  /**
   * Whether the list was known to be complete at most `age` seconds before `now`. If `confirm` was
   * never called, the list belongs to a single process and is always complete.
   *
   * @internal
   */
  isCurrent(now: number, age: number): boolean {
    const at = this.#confirmedAt;
    return at === undefined || (at <= plus(now, CLOCK_SKEW) && Math.max(now - at, 0) <= age);
  }

  /**
   * The latest revocations, at most {@link MAX_FOLLOWS}, that a session of `subject` follows if it
   * starts at `now`.
   *
   * @internal
   */
  followed(subject: string | undefined, now: number): Followed[] {
    const held = subject === undefined ? undefined : this.#subjects.get(subject);
    const found = [held, this.#all].flatMap((of) => (of === undefined ? [] : followedAt(of, now)));
    const sorted = found.sort(latestFirst);
    const differs = (of: Followed, at: number) => of.origin !== sorted[at - 1]?.origin;
    return sorted.filter(differs).slice(0, MAX_FOLLOWS);
  }

  #passOn(revocation: Revocation): void {
    if (this.#spread === undefined) return;
    const spread = this.#spread;
    // What the function throws becomes a rejection.
    const passing: Passing = { done: (async () => spread(revocation))(), isWaitedFor: false };
    this.#spreading.add(passing);
    passing.done
      .catch((error: unknown) => {
        if (!passing.isWaitedFor) this.#failure ??= { error };
      })
      .finally(() => this.#spreading.delete(passing));
  }

  /** Returns `true` if the list did not have the revocation. */
  #insert(revocation: Revocation): boolean {
    if (!this.#merge(revocation)) return false;
    this.#sincePrune += 1;
    if (this.#sincePrune > PRUNE_AFTER) this.prune(this.#latest);
    return true;
  }

  #merge(revocation: Revocation): boolean {
    const { until } = revocation;
    switch (revocation.kind) {
      case "session": {
        const held = this.#sessions.get(revocation.id);
        if (held !== undefined && held >= until) return false;
        this.#sessions.set(revocation.id, until);
        return true;
      }
      case "key": {
        const held = this.#keys.get(revocation.id) ?? { before: 0, until: 0 };
        const before = Math.max(held.before, revocation.before);
        const later = Math.max(held.until, until);
        const isKnown = this.#keys.has(revocation.id);
        if (isKnown && before === held.before && later === held.until) return false;
        this.#keys.set(revocation.id, { before, until: later });
        return true;
      }
      case "subject": {
        const held = this.#subjects.get(revocation.subject);
        const now = joined(held, known(revocation.before, revocation.except, until));
        if (now === held) return false;
        this.#subjects.set(revocation.subject, now);
        return true;
      }
      case "all": {
        const now = joined(this.#all, known(revocation.before, revocation.except, until));
        if (now === this.#all) return false;
        this.#all = now;
        return true;
      }
    }
  }
}

/** The merge of what is held and what is new. It is `held` itself if that has it already. */
function joined(held: Known | undefined, news: Known): Known {
  if (held === undefined) return news;
  const both = merged(held, news);
  return isEqual(both, held) ? held : both;
}
