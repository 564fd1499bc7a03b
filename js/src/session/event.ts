// Events of sessions, for logs and metrics.

import type { SealError } from "../errors.js";
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
      readonly kind: "started" | "renamed" | "changed" | "renewed";
      readonly id: string;
      readonly origin: string;
    }
  | { readonly kind: "ended"; readonly origin: string | undefined }
  | { readonly kind: "not-renewed"; readonly error: SealError };
