// Which response does a client get for an error that a handler has thrown?

import { SessionError } from "../session/error.js";
import {
  Denied,
  bodyOf,
  deniedCrossOrigin,
  deniedNow,
  deniedWithoutProof,
  deniedWrongProof,
} from "../session/guard.js";
import type { Session } from "../session/session.js";
import { SetError } from "../transport/value.js";

/**
 * The response for an error of `session.require` and its siblings, for a change without a session,
 * or for a change of a sealed cookie by a page on another origin. `undefined` for all other errors,
 * which are the application's own.
 */
export function deniedOf<T>(session: Session<T>, error: unknown): Denied | undefined {
  if (!(error instanceof SessionError)) return deniedBeside(error);
  switch (error.code) {
    case "no-session":
      return session.denied() ?? new Denied(401, bodyOf({ kind: "sign-in" }));
    case "cross-origin":
      return deniedCrossOrigin();
    case "proof-due":
      return deniedWithoutProof();
    case "proof-refused":
      return isProofRefused(session) ? session.denied() : deniedWrongProof("dpop");
    case "not-now":
      return deniedNow();
    default:
      return undefined;
  }
}

/**
 * Whether the proof is wrong for the session of the request, and not only for a sign-in. Then the
 * response to a sign-out is that to any other request.
 */
function isProofRefused<T>({ status }: Session<T>): boolean {
  return status.kind === "refused" && status.refusal.code === "proof-refused";
}

/** As {@link deniedOf}, without a session. It leaves the errors of sessions to their adapter. */
export function deniedBeside(error: unknown): Denied | undefined {
  if (error instanceof Denied) return error;
  const isCrossOrigin = error instanceof SetError && error.code === "cross-origin";
  return isCrossOrigin ? deniedCrossOrigin() : undefined;
}
