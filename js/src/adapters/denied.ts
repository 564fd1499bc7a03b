// Which response does a client get for an error that a handler has thrown?

import { SessionError } from "../session/error.js";
import { Denied, bodyOf, deniedCrossOrigin, deniedNow } from "../session/guard.js";
import type { Session } from "../session/session.js";

/**
 * The response for an error of `session.require` and its siblings, or for a change without a
 * session. `undefined` for all other errors, which are the application's own.
 */
export function deniedOf<T>(session: Session<T>, error: unknown): Denied | undefined {
  if (error instanceof Denied) return error;
  if (!(error instanceof SessionError)) return undefined;
  switch (error.code) {
    case "no-session":
      return session.denied() ?? new Denied(401, bodyOf({ kind: "sign-in" }));
    case "cross-origin":
      return deniedCrossOrigin();
    case "not-now":
      return deniedNow();
    default:
      return undefined;
  }
}
