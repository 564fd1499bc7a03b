// Errors of changing a session.

import { BullaError, PayloadError, RandomError, SealError } from "../errors.js";

/**
 * The codes of {@link SessionError}:
 *
 * | code | meaning |
 * |---|---|
 * | `response-sent` | the headers of the response were already sent |
 * | `no-session` | there is no session to change, so `start` must be called first |
 * | `cross-origin` | a page on another origin sent the request |
 * | `no-channel` | the session cannot be sent over the chosen transport |
 * | `no-revocations` | the sessions have no `revocations` |
 * | `no-subject` | the sessions have no `subject` |
 * | `no-remembered-policy` | the sessions have no `remembered` policy |
 * | `ceiling-passed` | the ceiling has passed, so the session would end at once |
 * | `seal` | the state could not be encoded or sealed; `cause` is the {@link SealError} |
 * | `too-large` | the state is too large for its cookie |
 * | `proof-due` | a client that binds its session must repeat its proof, with the challenge of the response |
 * | `proof-refused` | the proof of the client's key is wrong; the event `proof-refused` says why |
 * | `conflict` | the session was changed while an update ran |
 * | `not-now` | the application's check is due, the session has ended the others in this second, or the store of used proofs failed |
 */
export type SessionCode = keyof typeof MESSAGES;

const MESSAGES = {
  "response-sent": "the response was already sent, so the session can no longer change",
  "no-session": "there is no session to change; start one",
  "cross-origin":
    "a page on another origin cannot use the session; if the origin is yours, add it to trustOrigins",
  "no-channel": "this request cannot carry a session over that channel",
  "no-revocations": "sessions cannot be revoked without a list: pass revocations to Sessions",
  "no-subject": "the sessions of one user cannot be found: pass subject to Sessions",
  "no-remembered-policy":
    "sessions cannot be remembered without a policy: pass remembered to Sessions",
  "ceiling-passed": "the session's ceiling has passed",
  seal: "the state could not be encoded or sealed",
  "too-large": "the state is too large for its cookie",
  "proof-due": "the client must repeat its proof, with the challenge of the response",
  "proof-refused": "the proof of the client's key is wrong",
  conflict: "the session was changed while the update ran",
  "not-now":
    "this server cannot decide now, because the application's check is due or this session has " +
    "ended the others in the same second",
} as const;

const STATUS: Partial<Record<SessionCode, number>> = {
  "no-session": 401,
  "proof-due": 401,
  "proof-refused": 401,
  "cross-origin": 403,
  "not-now": 503,
};

/**
 * Why a session could not be changed. The session stays as it was.
 *
 * If a handler throws the error, `withSession` of `bulla/fetch` and `bulla/node` answers
 * `no-session` in the same way as `session.require`, `proof-due` and `proof-refused` with 401,
 * `cross-origin` with 403 and `not-now` with 503. All other errors go to the framework.
 */
export class SessionError extends BullaError {
  override readonly code: SessionCode;

  /** @internal */
  constructor(code: SessionCode, options: { message?: string; cause?: unknown } = {}) {
    super(options.message ?? MESSAGES[code]);
    this.code = code;
    if (options.cause !== undefined) {
      Object.defineProperty(this, "cause", { value: options.cause, enumerable: false });
    }
  }

  /** The HTTP status with which Express and Koa answer the error: 401, 403, 503 or 500. */
  get status(): number {
    return STATUS[this.code] ?? 500;
  }
}

/**
 * `size` is the number of octets of the cookie's name and value together, and `limit` how many a
 * browser keeps.
 */
export function tooLarge(size: number, limit: number): SessionError {
  const message =
    `the cookie would have ${size} octets, but browsers keep only ${limit}: store less in it or ` +
    "split it over several cookies";
  return new SessionError("too-large", { message });
}

/**
 * Runs code that encodes or seals, and turns its errors into a {@link SessionError}. All other
 * errors are kept, because they come from the application's code.
 */
export function sealing<V>(run: () => V): V {
  try {
    return run();
  } catch (error) {
    const cause = error instanceof SealError ? error : sealErrorOf(error);
    if (cause === undefined) throw error;
    throw new SessionError("seal", { message: cause.message, cause });
  }
}

function sealErrorOf(error: unknown): SealError | undefined {
  if (error instanceof RandomError) return new SealError("random");
  return error instanceof PayloadError ? new SealError("payload", error.message) : undefined;
}
