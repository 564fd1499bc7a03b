// The session of one request, inside: its tokens, its changes so far, and what they mean.
//
// `session` is the class that handlers use. `judge` opens the tokens, `change` and `ending` change
// the session, and `closing` builds the response headers.

import { subjectOf } from "../revocation/entry.js";
import type { NewTokens } from "./answer.js";
import type { Asker } from "./asker.js";
import { SessionError } from "./error.js";
import type { Event } from "./event.js";
import type { Info, Status } from "./info.js";
import { judge } from "./judge.js";
import type { Alive, Carried, Judged, StateToken } from "./judge.js";
import { firstId, followsOf } from "./record.js";
import type { Proof, SessionRecord } from "./record.js";
import { hasBeenBound, missingProof, proofOf, proofOfChange } from "./proving.js";
import type { Prompt } from "./proving.js";
import { fateOf, refusalOf } from "./refusal.js";
import type { Fate, Refusal } from "./refusal.js";
import { RequestProof } from "./request-proof.js";
import type { Presented } from "./request-proof.js";
import { bindingOf, keysAt, policyFor } from "./shared.js";
import type { Channel, Shared, Validity } from "./shared.js";
import { plus } from "../time.js";
import type { Sender } from "../transport/cross-origin.js";

/** What a request has done to its session so far. */
export type Change<T> =
  { readonly is: "untouched" | "ended" } | { readonly is: "written"; readonly written: Written<T> };

export interface Written<T> {
  readonly record: SessionRecord;
  readonly state: T;
  readonly keyId: string;
  readonly tokens: NewTokens;
  readonly expiresAt: number;
  /**
   * `started`: a new session. `renamed`: the same session with a new id. `changed`: the same
   * session.
   */
  readonly kind: "started" | "renamed" | "changed";
}

/** The session of a request after its changes. */
export interface Current<T> {
  readonly record: SessionRecord;
  readonly state: T;
}

/** The facts about a request that its session depends on. */
export interface Asking {
  readonly channel: Channel;
  readonly sender: Sender;
  readonly asker: Asker;
  /** The path and query to which a user can come back. */
  readonly target: string | undefined;
  /** The path and query of the request, if a browser can repeat the request after a proof. */
  readonly here: string | undefined;
  readonly carried: Carried;
  readonly prompt: Prompt;
  /** `undefined` unless sessions in headers can be bound, and for a session in a cookie. */
  readonly presented: Presented | undefined;
  /** The time that the caller set. */
  readonly now: number | undefined;
}

export class Core<T> {
  readonly shared: Shared<T>;
  readonly asking: Asking;
  change: Change<T> = { is: "untouched" };
  /**
   * Whether the request ended the session that it arrived with, even if it then started another
   * session.
   */
  hasEnded = false;
  /** Counts changes, so that an update can find out whether another change was made meanwhile. */
  revision = 0;
  ignoresActivity = false;
  isSent = false;
  /** The result of the application's check in this request. */
  checked: Validity | undefined;
  /** The proof in the request. `undefined` unless sessions in headers can be bound. */
  readonly proof: RequestProof<T> | undefined;
  #unproven: Refusal | "proven" | undefined;
  #judged: Judged<T> | undefined;
  #now: number | undefined;

  constructor(shared: Shared<T>, asking: Asking) {
    this.shared = shared;
    this.asking = asking;
    this.#now = asking.now;
    const { presented } = asking;
    const settings = shared.boundInHeaders;
    this.proof = settings && presented ? new RequestProof(this, settings, presented) : undefined;
  }

  get channel(): Channel {
    return this.asking.channel;
  }

  /** Whether this request has started a session that is bound to the client's key. */
  get hasStartedBound(): boolean {
    const { change } = this;
    if (change.is !== "written" || change.written.kind !== "started") return false;
    return change.written.record.bound !== undefined;
  }

  /** The time of this request. Every call returns the same time. */
  now(): number {
    return (this.#now ??= this.shared.clock());
  }

  /** The time at which the response is built, which may be after `now`. */
  later(): number {
    if (this.asking.now !== undefined) return this.now();
    return Math.max(this.shared.clock(), this.now());
  }

  emit(event: Event): void {
    // Metrics that fail must not keep a response from deleting a session. Node would end the process
    // for the promise of an async function that fails.
    try {
      const result: unknown = this.shared.onEvent?.(event);
      if (result instanceof Promise) result.catch(() => undefined);
    } catch {
      // Ignored, as the documentation of `onEvent` says.
    }
  }

  /** Whether the tokens of the request were opened. */
  get isJudged(): boolean {
    return this.#judged !== undefined;
  }

  /** The tokens of the request, which are opened by the first call. */
  judged(): Judged<T> {
    if (this.#judged !== undefined) return this.#judged;
    const judged = this.#judge();
    this.#judged = judged;
    if (judged.is === "refused") {
      this.emit({ kind: "refused", refusal: judged.refused.refusal });
    }
    if (judged.is === "alive") {
      const { record, token } = judged.alive;
      const { keyId } = token;
      this.emit({ kind: "opened", id: record.id, origin: firstId(record), keyId });
    }
    return judged;
  }

  #judge(): Judged<T> {
    const { channel, carried, sender } = this.asking;
    const keys = keysAt(this.shared, channel, carried.place);
    if (keys === undefined) return { is: "absent" };
    if (sender === "cross-origin") {
      const refusal = refusalOf("cross-origin");
      return { is: "refused", refused: { refusal, fate: "left-alone", origin: undefined } };
    }
    const isRevoked = (record: SessionRecord, state: T, token: StateToken): Fate | undefined => {
      if (this.isRevoked(record, state, token)) return "cleared";
      // If the session was bound to a device after this token was made, the token is left alone:
      // the user's own browser may have sent it, and a token with the key may be on its way.
      return hasBeenBound(record, this.shared.revocations) ? "left-alone" : undefined;
    };
    const isProven = (alive: Alive<T>) => missingProof(this, alive) === undefined;
    const binding = bindingOf(this.shared, channel);
    return judge(this.shared, { keys, binding, now: this.now(), isRevoked, isProven }, carried);
  }

  /**
   * Why the session is refused because of its last proof, or because it has no key. `undefined` if
   * it is not. The refusal is emitted once.
   */
  unproven(alive: Alive<T>): Refusal | undefined {
    if (this.#unproven === undefined) {
      const code = missingProof(this, alive);
      this.#unproven = code === undefined ? "proven" : refusalOf(code);
      if (this.#unproven !== "proven") this.emit({ kind: "refused", refusal: this.#unproven });
    }
    return this.#unproven === "proven" ? undefined : this.#unproven;
  }

  /** Judges the last proof again, because the proof in the request was verified. */
  forgetProven(): void {
    this.#unproven = undefined;
  }

  /** Whether the revocation list revokes this session. `token` is its state token. */
  isRevoked(record: SessionRecord, state: T, token?: StateToken): boolean {
    const { revocations } = this.shared;
    if (revocations === undefined) return false;
    return revocations.has({
      id: record.id,
      origin: firstId(record),
      subject: () => this.subjectOf(state),
      startedAt: record.startedAt,
      follows: followsOf(record),
      keys: token && { ids: [token.named, token.keyId], issuedAt: token.issuedAt },
    });
  }

  subjectOf(state: T): string | undefined {
    const { subject, payload } = this.shared;
    return subject && subjectOf(payload.purpose, subject(state));
  }

  /** The session of the request's tokens, if it is alive and the application's check accepts it. */
  alive(): Alive<T> | undefined {
    const judged = this.judged();
    if (judged.is !== "alive" || this.validity(judged.alive) !== undefined) return undefined;
    return judged.alive;
  }

  /** The session after the changes of this request. */
  current(): Current<T> | undefined {
    if (this.change.is === "written") return this.change.written;
    return this.change.is === "ended" ? undefined : this.alive();
  }

  /** The current session, or the error that says why there is no session to change. */
  needed(): Current<T> {
    const current = this.current();
    if (current !== undefined) return current;
    const status = this.status();
    const code = status.kind === "refused" ? status.refusal.code : undefined;
    if (code === "not-revalidated" || code === "proof-unchecked") throw new SessionError("not-now");
    throw new SessionError(code === "cross-origin" ? "cross-origin" : "no-session");
  }

  /**
   * Fails if a page on another origin sent the request, because such a request must not change the
   * cookies. The refusal is emitted once.
   */
  checkSender(): void {
    if (this.asking.sender === "trusted") return;
    this.judged();
    throw new SessionError("cross-origin");
  }

  status(): Status {
    if (this.change.is === "written") return { kind: "alive" };
    if (this.change.is === "ended") return { kind: "ended" };
    const judged = this.judged();
    if (judged.is === "absent") return { kind: "absent" };
    const refusal = judged.is === "refused" ? judged.refused.refusal : this.validity(judged.alive);
    return refusal === undefined ? { kind: "alive" } : { kind: "refused", refusal };
  }

  info(): Info | undefined {
    if (this.change.is === "ended") return undefined;
    if (this.change.is === "written") {
      const { record, expiresAt, keyId, tokens, kind } = this.change.written;
      const proof = record.bound === undefined ? undefined : proofOfChange(this, kind);
      return this.#infoOf(record, this.now(), expiresAt, keyId, tokens.state, proof);
    }
    const alive = this.alive();
    if (alive === undefined) return undefined;
    const { record, lastSeen, expiresAt, token } = alive;
    const proof = proofOf(this, alive);
    return this.#infoOf(record, lastSeen, expiresAt, token.keyId, token.text, proof);
  }

  #infoOf(
    record: SessionRecord,
    lastSeen: number,
    expiresAt: number,
    keyId: string,
    text: string,
    proof: Proof | undefined,
  ): Info {
    const { idleTimeout } = policyFor(this.shared, record.term);
    const binding = bindingOf(this.shared, this.channel);
    return {
      id: record.id,
      origin: firstId(record),
      remembered: record.term === "remembered",
      bound: record.bound !== undefined,
      proofExpiresAt: proof && binding && plus(proof.at, binding.proofLifetime),
      startedAt: record.startedAt,
      reauthenticatedAt: record.reauthenticatedAt,
      lastSeen,
      idleExpiresAt: Math.min(lastSeen + idleTimeout, expiresAt),
      expiresAt,
      keyId,
      tokenLength: text.length,
    };
  }

  /**
   * Why a session whose tokens are alive is refused: it needs a proof, or the application's check
   * does not accept it. `undefined` if it is not refused. If the check is not due and has not run
   * in this request, its last result counts.
   */
  validity(alive: Alive<T>): Refusal | undefined {
    const unproven = this.unproven(alive);
    if (unproven !== undefined) return unproven;
    if (this.shared.revalidate === undefined || !this.isDue(alive)) return undefined;
    if (this.checked === "holds") return undefined;
    return refusalOf(this.checked === "over" ? "invalidated" : "not-revalidated");
  }

  /** Whether the check is due or has run in this request. */
  private isDue(alive: Alive<T>): boolean {
    // A sign-in or reauthentication counts as a successful check.
    const knownAt = Math.max(alive.validatedAt, alive.record.reauthenticatedAt);
    const due = Math.max(this.now() - knownAt, 0) >= this.shared.revalidateAfter;
    return due || this.checked !== undefined;
  }

  /**
   * When the check last accepted the session. If it did so in this request, this is the time of the
   * request.
   */
  validatedAt(alive: Alive<T>): number {
    if (this.checked !== "holds") return alive.validatedAt;
    return Math.max(this.now(), alive.validatedAt);
  }

  /** What happens to the tokens of a session that the check does not accept. */
  fateOfUnaccepted(alive: Alive<T>): Fate | undefined {
    const refusal = this.validity(alive);
    // If the check could not decide, activity is still recorded, because the user is active and
    // must not run into the idle timeout.
    if (refusal === undefined || this.checked === "unknown") return undefined;
    return fateOf(refusal);
  }
}
