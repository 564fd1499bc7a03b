// Proofs of browsers: Device Bound Session Credentials (W3C draft, section 9.10).

import type { Point } from "../p256.js";
import { ProofError } from "./error.js";
import { Jwt, textOf } from "./jwt.js";

const TYPE = "dbsc+jwt";

/** A verified proof that a browser has made a key for the session. */
export interface Registration {
  readonly key: Point;
  /** The challenge that the browser has signed. The caller must check it. */
  readonly challenge: string;
}

/**
 * Verifies the proof of a registration with the public key in its header.
 *
 * @throws {@link ProofError}
 */
export async function readRegistration(proof: string): Promise<Registration> {
  const jwt = new Jwt(proof);
  const key = jwt.key(TYPE);
  if (key === undefined) throw new ProofError("no-key");
  const challenge = textOf(jwt.claims(), "jti");
  await jwt.verify(key);
  return { key, challenge };
}

/**
 * Verifies the proof of a refresh with the key of the session, and returns the challenge that the
 * browser has signed. The caller must check it.
 *
 * Browsers send no key with this proof. If the header contains a key, it must be the session's key.
 *
 * @throws {@link ProofError}
 */
export async function readRefresh(proof: string, key: Point): Promise<string> {
  const jwt = new Jwt(proof);
  const own = jwt.key(TYPE);
  if (own !== undefined && own.compressed !== key.compressed) throw new ProofError("other-key");
  const challenge = textOf(jwt.claims(), "jti");
  await jwt.verify(key);
  return challenge;
}

/**
 * The challenge of a proof whose signature is not verified, for a caller that does not know the key
 * of the session.
 *
 * @throws {@link ProofError}
 */
export function unverifiedChallenge(proof: string): string {
  const jwt = new Jwt(proof);
  jwt.key(TYPE);
  return textOf(jwt.claims(), "jti");
}
