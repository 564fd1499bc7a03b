// Proofs of browsers (spec section 9.5), which the Rust service answers. Their vectors test the steps
// that DPoP has too.

import { ECDH } from "node:crypto";

import { pointOf } from "../src/p256.js";
import type { Point } from "../src/p256.js";
import { ProofError } from "../src/proof/error.js";
import { Jwt, textOf } from "../src/proof/jwt.js";

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

/** Reads a compressed point, in hexadecimal. `undefined` if it is not on the curve. */
export function pointFromCompressed(compressed: string): Point | undefined {
  if (!/^0[23][0-9a-f]{64}$/.test(compressed)) return undefined;
  try {
    const point = ECDH.convertKey(compressed, "prime256v1", "hex", undefined, "uncompressed");
    const bytes = Uint8Array.from(point as Buffer);
    return pointOf(bytes.subarray(1, 33), bytes.subarray(33));
  } catch {
    return undefined;
  }
}
