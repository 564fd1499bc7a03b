// Tokens that hold values of one type: the code that sealing and signing share.

import { OpenError, PayloadError, SealError } from "./errors.js";
import type { Payload } from "./payload/payload.js";
import type { Body, OpenedBytes } from "./token.js";

/** The time, for tests and for requests that are judged at one time. */
export interface At {
  /** The current time in seconds since 1970. Default: the time of the system clock. */
  readonly now?: number;
}

/**
 * The content of a token that was opened or verified. Times are in seconds since 1970.
 *
 * `payload` is read through a getter, so that `console.log` and `JSON.stringify` do not show it.
 */
export class Opened<T> {
  /** When the token was issued. */
  readonly issuedAt: number;
  /** The deadline. The token is refused from this second on. */
  readonly expiresAt: number;
  /** The key with which the token was made, as 8 hexadecimal digits. */
  readonly keyId: string;
  readonly #payload: T;

  constructor(opened: Omit<OpenedBytes, "payload">, payload: T) {
    this.issuedAt = opened.issuedAt;
    this.expiresAt = opened.expiresAt;
    this.keyId = opened.keyId;
    this.#payload = payload;
  }

  /** The value, upgraded if the token has an older schema version. */
  get payload(): T {
    return this.#payload;
  }
}

/** Makes step 14 of section 7 of the specification: decodes and upgrades a payload. */
export function decodePayload<T>(payload: Payload<T>, body: Body): T {
  return decodeBytes(payload, body.schemaVersion, body.payload);
}

/** Makes step 14 for a part of a payload, such as the state in a state token. */
export function decodeBytes<T>(payload: Payload<T>, schemaVersion: number, bytes: Uint8Array): T {
  try {
    return payload.decode(schemaVersion, bytes);
  } catch (error) {
    throw new OpenError("payload", { reason: reasonOf(error) });
  }
}

/** Encodes a value. @throws {@link SealError} `payload`. */
export function encodePayload<T>(payload: Payload<T>, value: T): Uint8Array {
  try {
    return payload.encode(value);
  } catch (error) {
    throw new SealError("payload", reasonOf(error));
  }
}

/** What an encoding says about a value. The text of any other error could repeat the value. */
function reasonOf(error: unknown): string {
  return error instanceof PayloadError ? error.message : "the encoding has thrown an error";
}
