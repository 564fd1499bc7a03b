// Facts about a session.

import type { Refusal } from "./refusal.js";

/** Facts about a valid session, for display, logs and decisions. Times are seconds since 1970. */
export interface Info {
  /** The session's id. It changes when the user reauthenticates or ends the other sessions. */
  readonly id: string;
  /**
   * The id under which the session started. It does not change, so use it to look up data that a
   * server stores for the session, such as an entry in a list of devices.
   */
  readonly origin: string;
  /** Whether the user asked to stay signed in. */
  readonly remembered: boolean;
  /**
   * Whether the session is bound to a key of the client. Copies of its tokens work only until
   * `proofExpiresAt`.
   */
  readonly bound: boolean;
  /**
   * When the last proof of a bound session stops counting. From then on, copies of its tokens are
   * worthless. `undefined` if the session is not bound.
   */
  readonly proofExpiresAt: number | undefined;
  /** When the user signed in. */
  readonly startedAt: number;
  /** When the user last signed in or reauthenticated. */
  readonly reauthenticatedAt: number;
  /** The last activity that was recorded before this request. */
  readonly lastSeen: number;
  /** When the session ends without further activity. */
  readonly idleExpiresAt: number;
  /** When the session ends even with activity. */
  readonly expiresAt: number;
  /** The id of the key with which the state is sealed. */
  readonly keyId: string;
  /** The length of the state token in characters. */
  readonly tokenLength: number;
}

/**
 * Whether a request has a session.
 *
 * - `absent`: the request carries no token.
 * - `refused`: the request carries tokens, but its session is refused, or a page on another origin
 *   sent the request.
 * - `alive`: the request has a valid session, or started one.
 * - `ended`: the request ended its session.
 */
export type Status =
  | { readonly kind: "absent" | "alive" | "ended" }
  | { readonly kind: "refused"; readonly refusal: Refusal };
