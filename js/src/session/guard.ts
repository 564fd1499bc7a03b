// Responses for requests that lack a session, a fresh one or a permission.

import { BullaError } from "../errors.js";
import type { Scheme } from "../transport/bearer.js";

/**
 * The response if `session.require`, `requireFresh` or `requireCurrent` fails. They throw it. It is
 * the same for all tokens that are refused, so that a client cannot tell a forged token from an
 * expired one.
 *
 * | request | response |
 * |---|---|
 * | a navigation of a browser, and there is a page | 303, `Location` with the page |
 * | from htmx, and there is a page | 401, `HX-Redirect` with the page |
 * | from another script with cookies, or there is no page | 401 |
 * | with a bearer token, or cookies are off | 401, `WWW-Authenticate: Bearer` (or `DPoP`) |
 *
 * The page is the `signInPage`, or the `stepUpPage` if the session is not fresh. If a page on
 * another origin sent the request, the status is 403. If this server cannot decide now, the status
 * is 503 with `Retry-After`, and the client keeps its session.
 *
 * If the session is bound to a key and its last proof is too old, a client in headers gets a 401 with
 * a challenge. A browser that can send a proof does so, and then repeats the request by itself: the
 * status is 307 with `Location` to the same address, or 401 with `Refresh` if a link on another site
 * led to the page. It is 503 if the browser says that it could not send a proof.
 *
 * The message of the error is the body of the response. Hono answers the error by itself. Express
 * does so for all statuses but 303; `bulla/node` has `withSession`, which handles them all.
 */
export class Denied extends BullaError {
  override readonly code = "denied";
  /** The status of the response: 303, 307, 401, 403 or 503. */
  readonly status: number;
  /** The headers of the response, with lower-case names. */
  readonly headers: Readonly<Record<string, string>>;

  /** @internal */
  constructor(status: number, body: string, headers: Readonly<Record<string, string>> = {}) {
    super(body);
    this.status = status;
    this.headers = { ...headers, "cache-control": "no-store" };
  }

  /**
   * The response for a user who is signed in and lacks a permission: 403, for all clients and
   * without a redirect, because another sign-in would not help.
   *
   * @example
   * ```ts
   * if (!customer.mayTransfer) throw Denied.forbidden();
   * ```
   */
  static forbidden(): Denied {
    return new Denied(403, "You may not do this.");
  }

  /** The response as a `Response` of the Fetch API. */
  getResponse(): Response {
    const headers = { ...this.headers, "content-type": "text/plain; charset=utf-8" };
    return new Response(this.message, { status: this.status, headers });
  }
}

/** The client may have a valid session, but a page on another origin must not use it. */
export function deniedCrossOrigin(): Denied {
  return new Denied(403, "A page from another site sent this request.");
}

/** The client may have a valid session, but this server cannot decide. */
export function deniedNow(): Denied {
  return new Denied(503, "Try again in a moment.", { "retry-after": "5" });
}

/** What a request lacks: a sign-in, or a sign-in or reauthentication within `age` seconds. */
export type Lack =
  { readonly kind: "sign-in" } | { readonly kind: "step-up"; readonly age: number };

/** The only algorithm of proofs. */
const ALGORITHMS = 'algs="ES256"';

/**
 * The challenge for the scheme of the request, or for both schemes if it has none (RFC 6750, RFC
 * 9449, RFC 9470).
 */
export function challengeOf(lack: Lack, scheme: Scheme | undefined): string {
  if (lack.kind === "step-up") {
    const name = scheme === "dpop" ? "DPoP" : "Bearer";
    const age = Math.floor(lack.age);
    return `${name} error="insufficient_user_authentication", max_age=${age}`;
  }
  if (scheme === undefined) return `Bearer, DPoP ${ALGORITHMS}`;
  return scheme === "dpop" ? `DPoP ${ALGORITHMS}` : "Bearer";
}

/** The response to a client that uses DPoP (RFC 9449 section 7.1). */
function deniedDpop(error: string, body: string): Denied {
  return new Denied(401, body, { "www-authenticate": `DPoP error="${error}", ${ALGORITHMS}` });
}

export const SEND_AGAIN = "Send the request again, with a proof.";

const WRONG = "The proof is wrong.";

/** The client must send a proof with the challenge of the response. */
export function deniedWithoutProof(): Denied {
  return deniedDpop("use_dpop_nonce", SEND_AGAIN);
}

/** `scheme` is that of the request. */
export function deniedWrongProof(scheme: Scheme | undefined): Denied {
  return deniedDpop(scheme === "dpop" ? "invalid_dpop_proof" : "invalid_token", WRONG);
}

/** The client must sign in again, with a proof. */
export function deniedUnbound(): Denied {
  return deniedDpop("invalid_token", bodyOf({ kind: "sign-in" }));
}

export function bodyOf(lack: Lack): string {
  return lack.kind === "sign-in" ? "Sign in first." : "Sign in again to do this.";
}
