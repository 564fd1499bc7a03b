// Events of sessions, for logs and metrics.

import type { OpenCode, SealError } from "../errors.js";
import type { ProofCode } from "../proof/error.js";
import type { Refusal } from "./refusal.js";

/**
 * An event of the session of one request. It contains no token, no key and no state.
 *
 * | kind | meaning |
 * |---|---|
 * | `opened` | a session was opened. Counts by `keyId` show when an old key is no longer used. |
 * | `refused` | the request carried tokens, but its session was refused, or a page on another origin sent the request |
 * | `started` | a session was started: a user has signed in |
 * | `renamed` | a session got a new id, because the user reauthenticated or ended the other sessions |
 * | `changed` | the state was changed |
 * | `renewed` | a token was written that records activity or a new primary key |
 * | `ended` | the application ended the session of the request |
 * | `bound` | the session was bound to a key of the client |
 * | `proved` | the client of a bound session proved again that it has the key |
 * | `proof-refused` | a proof was refused |
 * | `not-renewed` | the renewal token could not be sealed, so activity was not recorded |
 *
 * `id` is the id that the session has now. `origin` is the id under which it started, and does not
 * change. Use `origin` to join the events of one session.
 */
export type Event =
  | {
      readonly kind: "opened";
      readonly id: string;
      readonly origin: string;
      readonly keyId: string;
    }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | {
      readonly kind: "started" | "renamed" | "changed" | "renewed" | "bound" | "proved";
      readonly id: string;
      readonly origin: string;
    }
  | { readonly kind: "ended"; readonly origin: string | undefined }
  | {
      readonly kind: "proof-refused";
      readonly code: ProofRefusedCode;
      /** The error of the store of used proofs, if the code is `store`. */
      readonly error?: unknown;
    }
  | { readonly kind: "not-renewed"; readonly error: SealError };

/**
 * Why a proof was refused: the name of the first step of section 9.6 of the specification that
 * failed, or
 *
 * | code | meaning |
 * |---|---|
 * | `no-target` | the session was not told the address of the request: pass `target` to `sessions.load`; or the path does not begin with `/` |
 * | `store` | the store of used proofs failed |
 *
 * It is for logs. The client learns only that its proof was refused.
 */
export type ProofRefusedCode =
  | ProofCode
  | OpenCode
  | "scheme"
  | "two-proofs"
  | "other-request"
  | "other-token"
  | "no-challenge"
  | "other-session"
  | "stale"
  | "used"
  | "no-target"
  | "store";
