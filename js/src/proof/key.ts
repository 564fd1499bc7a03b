// The public key of a client, as a JSON Web Key.

import { fromBase64url } from "../bytes.js";
import { pointOf } from "../p256.js";
import type { Point } from "../p256.js";
import { isObject, member } from "./json.js";

/**
 * Reads a JSON Web Key (RFC 7518 section 6.2). A key with a private part is refused, because a
 * private key that was sent is no longer secret.
 */
export function pointFromJwk(jwk: unknown): Point | undefined {
  if (!isObject(jwk)) return undefined;
  const isPublic = member(jwk, "d") === undefined;
  if (member(jwk, "kty") !== "EC" || member(jwk, "crv") !== "P-256" || !isPublic) return undefined;
  const [x, y] = [decoded(member(jwk, "x")), decoded(member(jwk, "y"))];
  return x === undefined || y === undefined ? undefined : pointOf(x, y);
}

/** Decodes 32 bytes from base64url. `undefined` if the value is not exactly 43 valid characters. */
export function decoded(value: unknown): Uint8Array | undefined {
  if (typeof value !== "string" || value.length !== 43) return undefined;
  return fromBase64url(value);
}
