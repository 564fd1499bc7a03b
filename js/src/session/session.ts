// The session of one request, as a handler uses it.

import type { Bundle } from "../transport/bundle.js";
import { reauthenticated, set, start, update } from "./change.js";
import type { StartOptions } from "./change.js";
import { commit, discardChanges } from "./closing.js";
import { withNext } from "./come-back.js";
import type { Core } from "./core.js";
import { end, endEverywhere, endOthers } from "./ending.js";
import {
  Denied,
  SEND_AGAIN,
  bodyOf,
  challengeOf,
  deniedCrossOrigin,
  deniedNow,
  deniedUnbound,
  deniedWithoutProof,
  deniedWrongProof,
} from "./guard.js";
import type { Lack } from "./guard.js";
import type { Info, Status } from "./info.js";
import type { Channel } from "./shared.js";

/**
 * The session of one request, with state of type `T`.
 *
 * The tokens are opened when the handler first reads the session. The response carries the changes
 * to the client. After the headers of the response were sent, changes fail with `response-sent`.
 *
 * | member | if there is a session | if there is none |
 * |---|---|---|
 * | `data` | the state | `undefined` |
 * | `start` | replaces it with a new session | starts a new session |
 * | `set`, `update` | changes the state | the error `no-session` |
 * | `end` | deletes it from the client | deletes it from the client |
 *
 * If a page on another origin sent the request, the request has no session in cookies, and `start`
 * and the other changes fail with `cross-origin`. See {@link Sessions}.
 *
 * If this server cannot judge the tokens, for example because it does not know the key or the
 * schema is newer, the request has no session. The tokens are left alone unless the handler calls
 * `start` or `end`. So before you start a session for a guest, check why there is none. Otherwise,
 * during a rolling deploy, your code would replace sessions of newer servers. A session
 * that is bound to a key is refused until the client sends a proof, and `require` asks for it:
 *
 * @example
 * ```ts
 * function putInCart(session: Session<Cart>, item: number): void {
 *   const { status } = session;
 *   if (status.kind === "alive") {
 *     session.update((cart) => void cart.items.push(item));
 *   } else if (status.kind === "refused" && status.refusal.code.startsWith("proof-")) {
 *     session.require(); // throws the response that asks for a proof
 *   } else if (status.kind === "refused" && status.refusal.mayBeValidElsewhere) {
 *     throw new Error("try again in a moment");
 *   } else {
 *     session.start({ items: [item] });
 *   }
 * }
 * ```
 */
export class Session<T> {
  readonly #core: Core<T>;
  #revalidating: Promise<void> | undefined;

  /** @internal */
  constructor(core: Core<T>) {
    this.#core = core;
  }

  /**
   * The state, or `undefined` if there is no session. Its objects and arrays are frozen: use
   * {@link Session.update} to change it.
   */
  get data(): Readonly<T> | undefined {
    const current = this.#core.current();
    return current && frozen(current.state);
  }

  /** Whether there is a session, and if not, why. Do not tell a client why. */
  get status(): Status {
    return this.#core.status();
  }

  /** Facts about the session, if there is one. */
  get info(): Info | undefined {
    return this.#core.info();
  }

  /** The time of this request, in seconds since 1970. It is always the same. */
  get now(): number {
    return this.#core.now();
  }

  /** The transport of this request's session. */
  get channel(): Channel {
    return this.#core.channel;
  }

  /**
   * Starts a new session with a new id, because the user has signed in. It replaces the session in
   * the client. Copies of the old session's tokens stay valid until their deadlines; to revoke them
   * too, call {@link Session.end} first.
   *
   * If the request has a proof of the client's key (option `dpop`), the session is bound to this key.
   *
   * @throws {@link SessionError} `too-large`, `response-sent`, `cross-origin`, `seal`,
   * `no-channel`, `no-remembered-policy`, `ceiling-passed` if the ceiling is not in the future, and
   * `proof-due` or `proof-refused` if the client's proof does not count. The old session is then
   * kept. TypeError if a store of used proofs needs {@link Session.checkProof} before.
   */
  start(state: T, options: StartOptions = {}): void {
    start(this.#core, state, options);
  }

  /**
   * Checks the proof that came with a sign-in (option `dpop`), before the session starts.
   *
   * {@link Session.start} makes the same check. Call this method first if your handler consumes
   * something, such as a one-time code, that the client would need again, and if you have a store of
   * used proofs of your own. Without a proof, the check succeeds if the session may start without
   * one.
   *
   * @throws {@link SessionError} `proof-due`, `proof-refused`, and `not-now` if the store of used
   * proofs failed.
   */
  async checkProof(): Promise<void> {
    await this.#core.proof?.checkSignIn();
  }

  /**
   * Replaces the state. If the new state has the same encoding, nothing is written.
   *
   * @throws {@link SessionError} `no-session` if there is no session, `not-now` if the
   * application's check is due and did not decide, and the errors of {@link Session.start}. The old
   * state is then kept.
   */
  set(state: T): void {
    set(this.#core, state);
  }

  /**
   * Changes a copy of the state. The copy, or what the function returns, becomes the new state. If
   * its encoding has not changed, nothing is written.
   *
   * @throws {@link SessionError} The same as {@link Session.set}, and `conflict` if the session was
   * changed while the function ran. TypeError if the function is async.
   */
  update(change: (state: T) => T | void): void {
    update(this.#core, change);
  }

  /**
   * Records that the user has proved again who they are, or has more rights than before.
   *
   * The session gets a new id and counts as fresh. Its absolute timeout does not start again.
   *
   * @throws {@link SessionError} The same as {@link Session.set}.
   */
  reauthenticated(): void {
    reauthenticated(this.#core);
  }

  /**
   * Ends the session. The response deletes its tokens from the client.
   *
   * With `revocations`, copies of the tokens are also revoked. Without a revocation list, copies
   * stay valid until their deadline.
   *
   * @throws {@link SessionError} `response-sent`: the client then keeps its tokens, and with a
   * revocation list they are still revoked. `cross-origin`: then nothing ends. `proof-due` or
   * `proof-refused` if the session would be revoked, and is bound to a key (or is refused because it
   * is not) of which the request has no proof that counts: then nothing ends.
   */
  end(): void {
    end(this.#core);
  }

  /**
   * Ends this session and all others of its subject, on every server that shares the list.
   *
   * @throws {@link SessionError} The same as {@link Session.end}, and `no-session`,
   * `no-revocations` or `no-subject`. With an error, no session has ended.
   */
  endEverywhere(): void {
    endEverywhere(this.#core);
  }

  /**
   * Ends all other sessions of this session's subject, on every server: "sign out my other
   * devices". This session gets a new id. Its absolute timeout does not start again.
   *
   * Only the new token stays valid. So if the handler fails afterwards, or if the response is lost,
   * this session has ended too. The same happens if the user sends the form twice. Therefore
   * disable the button after the first click. If two sessions of the subject end the others in the
   * same second, both end.
   *
   * @throws {@link SessionError} The same as {@link Session.set}, and `no-revocations`,
   * `no-subject`, or `not-now` if this session has already ended the others in this second. With an
   * error, no session has ended.
   */
  endOthers(): void {
    endOthers(this.#core);
  }

  /**
   * Marks this request as background activity, such as a poll. Such a request does not extend the
   * idle timeout, unless it changes the state.
   */
  ignoreActivity(): void {
    this.#core.ignoresActivity = true;
  }

  /**
   * Verifies the proof in the request, if it has one (option `dpop` of {@link Sessions}), and runs the
   * application's check (`revalidate`), if it is due and has not run in this request. The adapters
   * call this method before the handler. Other code must call it before it reads the session: a
   * proof that is not verified does not count, and if the check is due and has not run, the request
   * has no session. Without a proof and a check, this method does nothing.
   */
  revalidate(): Promise<void> {
    return (this.#revalidating ??= this.#revalidate());
  }

  async #revalidate(): Promise<void> {
    const core = this.#core;
    await core.proof?.verify();
    const check = core.shared.revalidate;
    if (check === undefined) return;
    const judged = core.judged();
    if (judged.is !== "alive" || core.unproven(judged.alive) !== undefined) return;
    if (core.validity(judged.alive) === undefined) return;
    core.checked = await check(frozen(judged.alive.state));
    const refusal = core.validity(judged.alive);
    if (refusal !== undefined) core.emit({ kind: "refused", refusal });
  }

  /**
   * Returns the state.
   *
   * @throws {@link Denied}, the response for a request without a session.
   */
  require(): Readonly<T> {
    const { data, status } = this;
    if (data !== undefined) return data;
    const code = status.kind === "refused" ? status.refusal.code : undefined;
    switch (code) {
      case "not-revalidated":
      case "proof-unchecked":
        throw deniedNow();
      case "cross-origin":
        throw deniedCrossOrigin();
      case "proof-due":
        throw this.#askedForProof();
      case "proof-refused":
        throw deniedWrongProof(this.#core.proof?.scheme);
      default:
        if (code === "not-bound" && this.channel === "bearer") throw deniedUnbound();
        throw this.#sentToSignIn();
    }
  }

  /**
   * Returns the state, if the user signed in or reauthenticated within `age` seconds.
   *
   * @throws {@link Denied}, the response if there is no session or it is not fresh.
   */
  requireFresh(age: number): Readonly<T> {
    const data = this.require();
    if (!this.isFresh(age))
      throw this.#sentTo(this.#core.shared.stepUpPage, { kind: "step-up", age });
    return data;
  }

  /**
   * Returns the state, if the request has a proof of its own, which is valid and was not used before
   * (DPoP, RFC 9449).
   *
   * A copy of this request is worthless, even while the session's last proof still counts. Use this
   * method for the few requests that must not be repeated, such as a payment. Browsers send no proof
   * with a request, so a session in a cookie is always refused.
   *
   * @throws {@link Denied}, the response if there is no session, or no such proof.
   */
  requireProven(): Readonly<T> {
    const core = this.#core;
    const data = this.require();
    if (this.channel === "cookie") throw Denied.forbidden();
    if (core.hasStartedBound) return data; // the proof of the sign-in
    const judged = core.isJudged ? core.judged() : undefined;
    if (judged?.is !== "alive" || judged.alive.record.bound === undefined) throw deniedUnbound();
    if (core.proof?.shown(judged.alive).is !== "key") throw this.#askedForProof();
    return data;
  }

  /** Whether there is a session whose user signed in or reauthenticated within `age` seconds. */
  isFresh(age: number): boolean {
    const { info } = this;
    if (info === undefined) return false;
    const since = Math.max(this.now - info.reauthenticatedAt, 0);
    // A remembered session is not fresh for longer than an ordinary session lives.
    const longest = this.#core.shared.policies.ordinary.absoluteTimeout;
    return since <= age && (!info.remembered || since < longest);
  }

  /**
   * Returns the state, if the revocation list was complete within the last `age` seconds.
   *
   * A session may have been ended on another server while this server could not reach the others.
   * Use this method for actions that must not be possible with such a session. Without
   * `revocations`, or if the list is never confirmed, it does the same as {@link Session.require}.
   *
   * @throws {@link Denied}, the response if there is no session or the list is too old.
   */
  requireCurrent(age: number): Readonly<T> {
    const data = this.require();
    const list = this.#core.shared.revocations;
    if (list !== undefined && !list.isCurrent(this.now, age)) throw deniedNow();
    return data;
  }

  /**
   * The response if a handler throws the {@link SessionError} `no-session`. `undefined` if there is
   * a session, or if the request has not read it. Adapters call it themselves.
   */
  denied(): Denied | undefined {
    if (!this.#core.isJudged) return undefined;
    try {
      this.require();
      return undefined;
    } catch (error) {
      if (error instanceof Denied) return error;
      throw error;
    }
  }

  /**
   * Discards the changes of this request. If the request ended its session, the session stays
   * ended. Adapters call this if the response is a server error.
   */
  discardChanges(): void {
    discardChanges(this.#core);
  }

  /**
   * Returns the header lines for the response. After this call, changes fail with `response-sent`.
   * Adapters call it themselves.
   *
   * If the renewal token, which records the last activity, cannot be sealed, the response is built
   * without it and the event `not-renewed` is emitted. A later request tries again.
   */
  commit(): Bundle {
    return commit(this.#core);
  }

  /** Names the class, without the state. */
  toString(): string {
    return `Session(${this.channel})`;
  }

  /**
   * The response to a request whose last proof is too old. A browser that may have the key of the
   * session sends a proof and then repeats the request. Other clients go to the sign-in page.
   *
   * A browser without the key does not get this response again, because it sends its next request
   * without the bound cookie, and from this site.
   */
  #askedForProof(): Denied {
    const { proof, asking } = this.#core;
    if (this.channel === "bearer") {
      if (proof !== undefined) proof.wantsChallenge = true;
      return deniedWithoutProof();
    }
    const { prompt, here } = asking;
    if (prompt === "delete-cookie" && here !== undefined) {
      return new Denied(307, SEND_AGAIN, { location: here });
    }
    if (prompt === "reload" && here !== undefined) {
      return new Denied(401, "One moment.", { refresh: `0;url=${here}` });
    }
    return prompt === "later" ? deniedNow() : this.#sentToSignIn();
  }

  #sentToSignIn(): Denied {
    return this.#sentTo(this.#core.shared.signInPage, { kind: "sign-in" });
  }

  #sentTo(page: string | undefined, lack: Lack): Denied {
    const { proof } = this.#core;
    const { asker, target, channel } = this.#core.asking;
    const body = bodyOf(lack);
    if (channel === "bearer") {
      const scheme = proof === undefined ? "bearer" : proof.scheme;
      return new Denied(401, body, { "www-authenticate": challengeOf(lack, scheme) });
    }
    if (page === undefined || asker === "script") return new Denied(401, body);
    const location = target === undefined ? page : withNext(page, target);
    if (asker === "htmx") return new Denied(401, body, { "hx-redirect": location });
    return new Denied(303, body, { location });
  }
}

/** Freezes plain objects and arrays. Other objects, such as those of dates and bytes, stay. */
function frozen<V>(value: V): V {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return value;
  Object.values(value).forEach(frozen);
  return Object.freeze(value);
}
