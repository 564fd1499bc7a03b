// The entry "bulla/verify": reading signed tokens, for browsers and for small programs. It contains
// no cipher.

import { checkPayload, checkTyped } from "./options.js";
import { purposeOf, type Payload } from "./payload/payload.js";
import type { Ring } from "./ring.js";
import { checkPadding, checkSchema, readSigned, verifyBytes } from "./token.js";
import { unixNow } from "./time.js";
import { Opened, decodePayload, type At } from "./values.js";

export { BullaError, KeyError, OpenError, PayloadError, RingError } from "./errors.js";
export type { KeyCode, OpenCode, OpenErrorDetails, RingCode } from "./errors.js";
export { json, type JsonOptions } from "./payload/json.js";
export { payload, type Encoding, type Payload, type PayloadOptions } from "./payload/payload.js";
export { KeyRing, type Ring, type RingEntry, type Schedule } from "./ring.js";
export { Opened, type At } from "./values.js";

/** The options of {@link verify}. */
export interface VerifyOptions<T> extends At {
  /** The key ring, or a handle to one that is reloaded. */
  readonly ring: Ring;
  /** The type of the value. */
  readonly payload: Payload<T>;
  /** The longest lifetime that is accepted, in seconds. Default: the lifetime in the token. */
  readonly longestLifetime?: number;
  /** The maximum length of the token in characters. At most 8192, the default. */
  readonly maxLength?: number;
}

/**
 * Verifies a signed token (section 7 of the specification).
 *
 * Only servers can verify, because the ring that verifies a token can also make one. Use
 * {@link readUnverified} in a browser.
 *
 * ```ts
 * const Profile = payload({ purpose: "shop.example/profile", encoding: json<{ name: string }>() });
 * const { name } = verify(token, { ring, payload: Profile }).payload;
 * ```
 *
 * @throws {@link OpenError} for the first step of section 7 that fails. Tell the client only that
 * it has no valid token.
 * @throws TypeError if an option has the wrong type.
 */
export function verify<T>(token: string | Uint8Array, options: VerifyOptions<T>): Opened<T> {
  checkTyped(options);
  const { now = unixNow(), ring, payload, ...limits } = options;
  const schemas = payload.schemaVersions;
  const opened = verifyBytes(ring, purposeOf(payload), token, { ...limits, now, schemas });
  return new Opened(opened, decodePayload(payload, opened));
}

/**
 * The content of a signed token that **was not verified**.
 *
 * Anyone could have written it. The mac, the deadline and the purpose were not checked. Use the
 * content only to show values to the client's own user.
 */
export interface Unverified<T> {
  /** The payload that the token claims to hold. */
  readonly unverifiedPayload: T;
  /** The time at which the token claims to have been issued, in seconds since 1970. */
  readonly unverifiedIssuedAt: number;
  /** The time at which the token claims to expire, in seconds since 1970. */
  readonly unverifiedExpiresAt: number;
  /** The key with which the token claims to have been made. */
  readonly unverifiedKeyId: string;
}

/**
 * Reads a signed token without a key and without verifying it.
 *
 * ```ts
 * const shown = readUnverified(token, Profile);
 * greeting.textContent = `Hello, ${shown.unverifiedPayload.name}`;
 * ```
 *
 * @throws {@link OpenError} if the text does not have the layout of a signed token with this
 * payload (steps 1 to 4, 7 and 11 to 14 of section 7 of the specification).
 * @throws TypeError if the encoding of the payload is not JSON. The input may come from an
 * attacker, and only the JSON decoder limits how deeply values can be nested.
 */
export function readUnverified<T>(token: string | Uint8Array, payload: Payload<T>): Unverified<T> {
  checkPayload(payload);
  if (!payload.allJson) throw new TypeError("only JSON can be read unverified: use json()");
  const { keyId, body } = readSigned(token);
  checkSchema(body.schemaVersion, payload.schemaVersions);
  checkPadding(body);
  return {
    unverifiedPayload: decodePayload(payload, body),
    unverifiedIssuedAt: body.issuedAt,
    unverifiedExpiresAt: body.issuedAt + body.lifetime,
    unverifiedKeyId: keyId,
  };
}
