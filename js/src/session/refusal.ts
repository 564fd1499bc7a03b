// Why a session is refused, and what happens to its tokens then.

import type { OpenCode, OpenError } from "../errors.js";

/**
 * Why a session is refused although the request carries tokens: a code of {@link OpenError} if the
 * state token could not be opened, and otherwise
 *
 * | code | meaning |
 * |---|---|
 * | `revoked` | the session was revoked |
 * | `absolute-timeout` | the absolute timeout or the ceiling has passed |
 * | `idle-timeout` | there was no activity for the idle timeout |
 * | `unknown-activity` | the state token is past the idle timeout, and this server cannot open the renewal token, which may record later activity |
 * | `invalidated` | the application's check returned `over` |
 * | `not-revalidated` | the application's check is due, but did not run in this request or returned `unknown` |
 * | `cross-origin` | a page on another origin sent the request, so its cookies were not read |
 * | `proof-due` | the session is bound to a key, and the last proof of the client is too old |
 * | `proof-refused` | the proof in the request is wrong, or the scheme of the credentials is; the event `proof-refused` says why |
 * | `proof-unchecked` | the store of used proofs failed |
 * | `not-bound` | the session is not bound to a key, and the application requires one |
 */
export type RefusalCode =
  | OpenCode
  | "revoked"
  | "absolute-timeout"
  | "idle-timeout"
  | "unknown-activity"
  | "invalidated"
  | "not-revalidated"
  | "cross-origin"
  | "proof-due"
  | "proof-refused"
  | "proof-unchecked"
  | "not-bound";

/** The codes, other than those of tokens, of sessions that another server might accept. */
const ELSEWHERE: readonly RefusalCode[] = [
  "unknown-activity",
  "not-revalidated",
  "cross-origin",
  "proof-due",
  "proof-refused",
  "proof-unchecked",
  "not-bound",
];

/** Why a session is refused. It is for logs and metrics. Do not tell it to the client. */
export interface Refusal {
  readonly code: RefusalCode;
  /** The error, if the state token could not be opened. */
  readonly token?: OpenError;
  /**
   * Whether another server, or this server in another request, might accept the session. This is
   * the case if, for example, this server does not know the token's key or schema version.
   *
   * Such tokens are left alone: they are neither used nor deleted from the client. Otherwise users
   * would be signed out during a rolling deploy, in which some servers have a newer ring or schema.
   * If no server can accept the tokens, the response deletes them.
   */
  readonly mayBeValidElsewhere: boolean;
}

/**
 * What happens to the tokens of a refused session. `cleared`: they are deleted, because no server
 * accepts them. `left-alone`: they are kept, because another server may accept them.
 */
export type Fate = "cleared" | "left-alone";

/** The tokens of a request whose session is refused. */
export interface Refused {
  readonly refusal: Refusal;
  readonly fate: Fate;
  /**
   * The id under which the session started, if its state token is authentic, and if the session may
   * end without a proof. If the handler ends the session, this id is revoked, because another server
   * may still accept the session.
   */
  readonly origin: string | undefined;
}

export function refusalOf(code: Exclude<RefusalCode, OpenCode>): Refusal {
  return { code, mayBeValidElsewhere: ELSEWHERE.includes(code) };
}

export function refusalOfToken(error: OpenError): Refusal {
  return { code: error.code, token: error, mayBeValidElsewhere: error.mayBeValidElsewhere };
}

export function fateOf(refusal: Refusal): Fate {
  return refusal.mayBeValidElsewhere ? "left-alone" : "cleared";
}
