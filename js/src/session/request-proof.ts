// The proof in a request: DPoP (RFC 9449, spec section 9.6).
//
// A client without cookies makes a key pair and sends a proof with its sign-in. The session is then
// bound to this key. When the last proof is too old, the client sends another one, with a challenge
// from the server in it.
//
// WebCrypto verifies signatures asynchronously, and so may a store of used proofs. Both happen in
// `verifyProof`, which the adapters run before the handler. All other steps are synchronous.

import { latin1 } from "../bytes.js";
import { OpenError } from "../errors.js";
import { isFor, isWith, readDpop } from "../proof/dpop.js";
import type { DpopProof } from "../proof/dpop.js";
import { ProofError } from "../proof/error.js";
import type { Scheme } from "../transport/bearer.js";
import type { Bundle } from "../transport/bundle.js";
import { CLOCK_SKEW, LAST_SECOND, plus } from "../time.js";
import type { InHeaders } from "./bindings.js";
import type { Core } from "./core.js";
import { SessionError } from "./error.js";
import type { ProofRefusedCode } from "./event.js";
import type { Alive } from "./judge.js";
import { firstId } from "./record.js";
import type { Proof } from "./record.js";
import type { RefusalCode } from "./refusal.js";
import { UsedHere } from "./used.js";

/** What a request says about its sender's key. */
export interface Presented {
  readonly method: string;
  /** The scheme of the tokens. `undefined` if the request has no tokens in headers. */
  readonly scheme: Scheme | undefined;
  /** The values of the header `DPoP`, at most two. */
  readonly proofs: readonly string[];
  /** The path of the request. */
  readonly path: string | undefined;
}

/** What the proof in a request shows about the session. */
export type Shown =
  /** The request has no proof, or it was not verified. */
  | { readonly is: "nothing" }
  /** The client had the key of the session at this time, at which its challenge was made. */
  | { readonly is: "key"; readonly at: number }
  /** The request is refused. */
  | { readonly is: "wrong"; readonly refusal: ProofRefusal };

export type ProofRefusal = "proof-due" | "proof-refused" | "proof-unchecked";

const NOTHING: Shown = { is: "nothing" };

/** The id in the challenge for a sign-in, which has no session yet. No session has it. */
const NO_SESSION = "0".repeat(32);

/** A step of section 9.6 that failed. */
class Failed extends Error {
  readonly code: ProofRefusedCode;
  readonly refusal: ProofRefusal;
  /** The error of the store. */
  readonly reason: unknown;

  constructor(
    code: ProofRefusedCode,
    refusal: ProofRefusal = "proof-refused",
    reason: unknown = undefined,
  ) {
    super(`the proof is refused: ${code}`);
    this.code = code;
    this.refusal = refusal;
    this.reason = reason;
  }

  /** A proof whose challenge does not count is repeated with another challenge. */
  static due(code: ProofRefusedCode): Failed {
    return new Failed(code, "proof-due");
  }
}

/** The proof of one request, and what is known about it so far. */
export class RequestProof<T> {
  readonly #core: Core<T>;
  readonly #settings: InHeaders;
  readonly #presented: Presented;
  /** Set if the response must carry a challenge. */
  wantsChallenge = false;
  #verifying: Promise<void> | undefined;
  #read: DpopProof | Failed | undefined;
  #shown: Shown | undefined;
  #signedIn: Proof | Failed | undefined;
  #claiming: Promise<Failed | "claimed"> | undefined;
  #claimed: Failed | "claimed" | undefined;

  constructor(core: Core<T>, settings: InHeaders, presented: Presented) {
    this.#core = core;
    this.#settings = settings;
    this.#presented = presented;
  }

  get scheme(): Scheme | undefined {
    return this.#presented.scheme;
  }

  /** Verifies the signature of the proof and, if it is for a bound session, all other steps. */
  verify(): Promise<void> {
    return (this.#verifying ??= this.#verify());
  }

  async #verify(): Promise<void> {
    if (this.#presented.proofs.length === 0) return;
    this.#read = await read(this.#presented.proofs);
    const judged = this.#core.judged();
    if (judged.is !== "alive" || this.#schemeError(judged.alive) !== undefined) return;
    if (judged.alive.record.bound === undefined) return;
    this.#shown = await this.#show(judged.alive);
    this.#core.forgetProven();
  }

  /** What the proof shows about the session of the request. */
  shown(alive: Alive<T>): Shown {
    if (this.#shown !== undefined) return this.#shown;
    const failed = this.#schemeError(alive);
    if (failed === undefined) return NOTHING;
    this.#shown = { is: "wrong", refusal: this.#failed(failed).refusal };
    return this.#shown;
  }

  async #show(alive: Alive<T>): Promise<Shown> {
    const { binding } = this.#settings;
    try {
      const at = this.#verified(alive);
      await this.#claim();
      this.#core.emit({ kind: "proved", id: alive.record.id, origin: firstId(alive.record) });
      // The response carries a new challenge if this one is older than a quarter of the lifetime.
      const age = Math.floor(binding.proofLifetime / 4);
      if (this.#core.now() >= plus(at, age)) this.wantsChallenge = true;
      return { is: "key", at };
    } catch (error) {
      return { is: "wrong", refusal: this.#failed(error).refusal };
    }
  }

  /** Step 1. Without it, a thief could leave out the proofs (RFC 9449 section 7.2). */
  #schemeError({ record }: Alive<T>): Failed | undefined {
    const { scheme } = this.#presented;
    const expected = record.bound === undefined ? "bearer" : "dpop";
    return scheme === undefined || scheme === expected ? undefined : new Failed("scheme");
  }

  /** Returns when the challenge in the proof was made. */
  #verified(alive: Alive<T>): number {
    const proof = this.#forThisRequest();
    if (proof.key !== alive.record.bound) throw new Failed("other-key");
    if (!isWith(proof, latin1(alive.token.text))) throw new Failed("other-token");
    const { origin, issuedAt } = this.#challengeIn(proof);
    if (origin !== firstId(alive.record)) throw Failed.due("other-session");
    return issuedAt;
  }

  /**
   * The proof with which a session starts in headers. `undefined` if it may start without one.
   *
   * @throws {@link SessionError}. TypeError if the store of used proofs was not asked yet.
   */
  signIn(): Proof | undefined {
    if (this.#presented.proofs.length === 0) {
      // Otherwise a copy of a bound session could become an ordinary one.
      const replacesBound = this.#presented.scheme === "dpop";
      if (!replacesBound && this.#settings.binding.requireAfter !== 0) return undefined;
      throw this.error("proof-due");
    }
    this.#signedIn ??= this.#claimedSignInHere();
    if (this.#signedIn instanceof Failed) throw this.error(this.#signedIn.refusal);
    return this.#signedIn;
  }

  /** As {@link signIn}, and asks any store of used proofs. */
  async checkSignIn(): Promise<void> {
    await this.verify();
    if (this.#presented.proofs.length > 0 && this.#signedIn === undefined) {
      const signedIn = await this.#claimedSignIn();
      this.#signedIn ??= signedIn;
    }
    this.signIn();
  }

  async #claimedSignIn(): Promise<Proof | Failed> {
    try {
      const proof = this.#signInProof();
      await this.#claim();
      return proof;
    } catch (error) {
      return this.#failed(error);
    }
  }

  #claimedSignInHere(): Proof | Failed {
    try {
      const proof = this.#signInProof();
      this.#claimHere();
      return proof;
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** Steps 2 to 19, as far as they concern a sign-in. */
  #signInProof(): Proof {
    const proof = this.#forThisRequest();
    const now = this.#core.now();
    if (proof.nonce !== undefined) return { at: this.#challengeIn(proof).issuedAt, key: proof.key };
    // The client has no challenge yet, so its own clock counts.
    const isNear = Math.abs(now - proof.iat) <= CLOCK_SKEW;
    if (!isNear) throw Failed.due("no-challenge");
    return { at: Math.min(proof.iat, now), key: proof.key };
  }

  /** The proof, if it is for the method and the address of this request: steps 2 to 13. */
  #forThisRequest(): DpopProof {
    if (this.#read === undefined) {
      throw new TypeError("the proof is not verified: await session.revalidate() before");
    }
    if (this.#read instanceof Failed) throw this.#read;
    const proof = this.#read;
    const { method, path } = this.#presented;
    if (path === undefined) throw new Failed("no-target");
    const isForThis = this.#settings.addresses.some((at) => isFor(proof, method, at + path));
    if (!isForThis) throw new Failed("other-request");
    return proof;
  }

  /** Opens the challenge in a proof: steps 16 to 19. */
  #challengeIn({ nonce }: DpopProof): { readonly origin: string; readonly issuedAt: number } {
    const { binding } = this.#settings;
    const now = this.#core.now();
    if (nonce === undefined) throw Failed.due("no-challenge");
    const { origin, asks, issuedAt } = opened(() => binding.challenges.open(nonce, now));
    if (asks !== "proof") throw Failed.due("other-session");
    if (!binding.counts(issuedAt, now)) throw Failed.due("stale");
    return { origin, issuedAt };
  }

  /**
   * Records that the proof is used. A request claims its proof once.
   *
   * @throws {@link Failed}
   */
  async #claim(): Promise<void> {
    if (this.#claimed === undefined) {
      this.#claimed = await (this.#claiming ??= this.#ask());
    }
    if (this.#claimed instanceof Failed) throw this.#claimed;
  }

  /** As {@link #claim}, for a store that answers at once. */
  #claimHere(): void {
    const { used } = this.#settings;
    if (this.#claimed === undefined) {
      if (!(used instanceof UsedHere)) {
        throw new TypeError(
          "this store of used proofs needs await session.checkProof() before start",
        );
      }
      const { fingerprint, until } = this.#entry();
      this.#claimed = claimedBy(used.claim(fingerprint, until));
    }
    if (this.#claimed instanceof Failed) throw this.#claimed;
  }

  async #ask(): Promise<Failed | "claimed"> {
    const { fingerprint, until } = this.#entry();
    try {
      return claimedBy(await this.#settings.used.claim(fingerprint, until));
    } catch (error) {
      return new Failed("store", "proof-unchecked", error);
    }
  }

  #entry(): { readonly fingerprint: string; readonly until: number } {
    const { identifier } = this.#forThisRequest();
    // From then on, the challenge in the proof counts on no server.
    const until = plus(this.#core.now(), this.#settings.longestChallenge);
    return { fingerprint: identifier, until };
  }

  /**
   * Emits a failure, and makes the response carry a challenge if the client needs one. All other
   * errors are mistakes of the program.
   */
  #failed(error: unknown): Failed {
    if (!(error instanceof Failed)) throw error;
    const { code, refusal, reason } = error;
    this.#core.emit({
      kind: "proof-refused",
      code,
      ...(code === "store" ? { error: reason } : {}),
    });
    if (refusal === "proof-due") this.wantsChallenge = true;
    return error;
  }

  /** The error of a change that needs a proof, if the request has none that counts. */
  error(refusal: RefusalCode): SessionError {
    if (refusal === "proof-refused") return new SessionError("proof-refused");
    if (refusal === "proof-unchecked") return new SessionError("not-now");
    this.wantsChallenge = true;
    return new SessionError("proof-due");
  }

  /** Gives the client the challenge for its next proof, if the response must carry one. */
  giveChallenge(bundle: Bundle): void {
    const core = this.#core;
    if (core.hasStartedBound) this.wantsChallenge = true;
    if (!this.wantsChallenge) return;
    const { binding, longestChallenge } = this.#settings;
    const now = core.now();
    const { origin, until } = this.#asked();
    const lifetime = Math.min(Math.max(until - now, 0), longestChallenge);
    const challenge = binding.challenges.make(origin, "proof", now, lifetime);
    if (challenge !== undefined) bundle.replace("dpop-nonce", challenge);
  }

  /** The session that the next proof is for, and when it ends. */
  #asked(): { readonly origin: string; readonly until: number } {
    const { change } = this.#core;
    if (change.is === "written") {
      return { origin: firstId(change.written.record), until: change.written.expiresAt };
    }
    const judged = change.is === "ended" ? undefined : this.#core.judged();
    if (judged?.is !== "alive") return { origin: NO_SESSION, until: LAST_SECOND };
    return { origin: firstId(judged.alive.record), until: judged.alive.expiresAt };
  }
}

/**
 * The answer of a store. Plain JavaScript may return another value, such as the result of a query
 * with no rows. If every object counted as `true`, such a store would accept each proof again.
 */
function claimedBy(isFirst: unknown): Failed | "claimed" {
  if (typeof isFirst !== "boolean") {
    throw new TypeError("the store of used proofs must answer with true or false");
  }
  return isFirst ? "claimed" : new Failed("used");
}

/** Steps 2 to 12. */
async function read(proofs: readonly string[]): Promise<DpopProof | Failed> {
  const [text, ...more] = proofs;
  if (text === undefined || more.length > 0) return new Failed("two-proofs");
  try {
    return await readDpop(text);
  } catch (error) {
    if (error instanceof ProofError) return new Failed(error.code);
    throw error;
  }
}

function opened<V>(open: () => V): V {
  try {
    return open();
  } catch (error) {
    if (error instanceof OpenError) throw Failed.due(error.code);
    throw error;
  }
}
