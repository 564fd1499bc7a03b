// The errors of this package. Each kind of error is a class, and its `code` says what is wrong.
//
// They are for programmers and logs. Do not show them to clients: a client must learn only that it
// has no valid token. No text contains a key, a payload or a token.

import { formatInstant } from "./time.js";

/** The base of all errors of this package. */
export abstract class BullaError extends Error {
  /** What is wrong, in one or two words, for programs. */
  abstract readonly code: string;

  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** The codes of {@link OpenError}, which are the names of section 7 of the specification. */
export type OpenCode =
  | "too-long"
  | "prefix"
  | "encoding"
  | "too-short"
  | "unknown-key"
  | "bad-tag"
  | "malformed-body"
  | "retired-key"
  | "not-yet-valid"
  | "expired"
  | "newer-schema"
  | "retired-schema"
  | "padding"
  | "payload";

/** What an {@link OpenError} knows about the token besides its code. */
export interface OpenErrorDetails {
  /** The key id in the token (steps 5, 6 and 8). */
  readonly keyId?: string;
  /** When the token was issued (step 9), in seconds since 1970. */
  readonly issuedAt?: number;
  /** From when on the token is refused (step 10), in seconds since 1970. */
  readonly expiresAt?: number;
  /** The schema version of the token (steps 11 and 12). */
  readonly schemaVersion?: number;
  /** Why the payload does not decode (step 14). */
  readonly reason?: string;
}

/**
 * Why a token was refused: the first step of section 7 of the specification that failed.
 *
 * Tell the client only that it has no valid token.
 *
 * ```ts
 * try {
 *   links.open(token);
 * } catch (error) {
 *   if (!(error instanceof OpenError)) throw error;
 *   log.info(`reset link refused: ${error.code}`);
 *   return new Response("This link is not valid.", { status: 400 });
 * }
 * ```
 */
export class OpenError extends BullaError {
  override readonly code: OpenCode;
  /** What else is known about the token. */
  readonly details: OpenErrorDetails;

  constructor(code: OpenCode, details: OpenErrorDetails = {}) {
    super(openMessage(code, details));
    this.code = code;
    this.details = details;
  }

  /**
   * Whether another server might accept the token (section 9 of the specification).
   *
   * That is possible if this server does not know the token's key, schema version or format, or if
   * the servers differ in their length limits, payload types or clocks. Sessions leave such a token
   * alone: it counts as absent, and the client's copy is neither deleted nor overwritten. A token
   * with any other error is invalid on every server.
   */
  get mayBeValidElsewhere(): boolean {
    return ELSEWHERE.has(this.code);
  }
}

const ELSEWHERE: ReadonlySet<OpenCode> = /* @__PURE__ */ new Set<OpenCode>([
  "too-long",
  "prefix",
  "unknown-key",
  "retired-key",
  "not-yet-valid",
  "newer-schema",
  "retired-schema",
  "payload",
]);

function openMessage(code: OpenCode, details: OpenErrorDetails): string {
  switch (code) {
    case "too-long":
      return "the token is longer than the limit";
    case "prefix":
      return "not a token of this mode and version";
    case "encoding":
      return "not canonical base64url";
    case "too-short":
      return "too short to be a token";
    case "unknown-key":
      return `the key ring has no key ${details.keyId}`;
    case "bad-tag":
      return (
        `not authentic under key ${details.keyId}: ` +
        "forged, altered, or made for another purpose"
      );
    case "malformed-body":
      return "authentic, but the body is malformed";
    case "retired-key":
      return `key ${details.keyId} is past its open-until`;
    case "not-yet-valid":
      return `issued at ${instant(details.issuedAt)}, in the future: compare the servers' clocks`;
    case "expired":
      return `expired at ${instant(details.expiresAt)}`;
    case "newer-schema":
      return `schema version ${details.schemaVersion} is newer than this server knows`;
    case "retired-schema":
      return `schema version ${details.schemaVersion} is no longer read here`;
    case "padding":
      return "the padding is not zero";
    case "payload":
      return (
        `the payload does not decode (${details.reason}): ` +
        "was the type changed without raising its schema version?"
      );
  }
}

function instant(seconds: number | undefined): string {
  return seconds === undefined ? "an unknown time" : formatInstant(seconds);
}

/** The codes of {@link SealError}. */
export type SealCode = "no-primary-key" | "random" | "payload" | "too-long";

/** Why a token could not be sealed or signed. */
export class SealError extends BullaError {
  override readonly code: SealCode;

  constructor(code: SealCode, reason = "") {
    super(sealMessage(code, reason));
    this.code = code;
  }
}

function sealMessage(code: SealCode, reason: string): string {
  switch (code) {
    case "no-primary-key":
      return "the ring has no primary key at this time";
    case "random":
      return RANDOM_MESSAGE;
    case "payload":
      return `the payload could not be encoded: ${reason}`;
    case "too-long":
      return `the token would be too long: ${reason}`;
  }
}

/** The random generator of the platform failed. */
export class RandomError extends BullaError {
  override readonly code = "random";

  constructor() {
    super(RANDOM_MESSAGE);
  }
}

const RANDOM_MESSAGE = "the random generator of the platform failed";

/** Why a payload could not be encoded or decoded. The text never repeats the value. */
export class PayloadError extends BullaError {
  override readonly code = "payload";
}

/** The codes of {@link KeyError}. */
export type KeyCode = "malformed" | "id-mismatch" | "low-entropy" | "example-key";

/** Why a key was rejected. The error never repeats the text. */
export class KeyError extends BullaError {
  override readonly code: KeyCode;

  constructor(code: KeyCode) {
    super(KEY_MESSAGES[code]);
    this.code = code;
  }
}

const KEY_MESSAGES: Readonly<Record<KeyCode, string>> = {
  malformed: "not a key in the form bulla-key-1.<43 characters>.<8 hexadecimal digits>",
  "id-mismatch": "the id at the end does not match the key; was the text cut or mistyped?",
  "low-entropy": "the key is not random: make a new one with Key.generate",
  "example-key": "the key is an example from the documentation: make a new one with Key.generate",
};

/** The codes of {@link RingError}. */
export type RingCode =
  | "not-text"
  | "too-long"
  | "not-utf8"
  | "byte-order-mark"
  | "key"
  | "unknown-attribute"
  | "instant"
  | "repeated-attribute"
  | "too-many-keys"
  | "duplicate-key"
  | "never-primary"
  | "empty";

/** Why a key ring was rejected. The error names the line and never repeats its content. */
export class RingError extends BullaError {
  override readonly code: RingCode;
  /** The line, counted from 1. 0 if the error concerns the whole text. */
  readonly line: number;

  constructor(code: RingCode, line: number, reason?: string) {
    const message = reason ?? RING_MESSAGES[code];
    super(line > 0 ? `line ${line} of the key ring: ${message}` : message);
    this.code = code;
    this.line = line;
  }
}

const RING_MESSAGES: Readonly<Record<RingCode, string>> = {
  "not-text":
    "the key ring must be a string or bytes: is the environment variable or the file with the ring " +
    "there?",
  "too-long": "the key ring is longer than 65536 bytes",
  "not-utf8": "not UTF-8",
  "byte-order-mark": "begins with a byte order mark; save it as UTF-8 without one",
  key: "the key is rejected",
  "unknown-attribute": "only primary-from=INSTANT and open-until=INSTANT may follow the key",
  instant: "an attribute takes an instant like 2026-12-01T00:00:00Z (UTC, whole seconds)",
  "repeated-attribute": "an attribute is given twice",
  "too-many-keys": "too many keys: a ring has at most 64",
  "duplicate-key": "an earlier line has the same key id; remove one of them",
  "never-primary":
    "open-until must be after primary-from, or the key would retire before it is used",
  empty: "the key ring has no key; it needs at least one",
};

/** The codes of {@link ReloadError}. */
export type ReloadCode = "source" | "ring" | "no-primary-key" | "backwards";

/** Why the ring of a source was rejected. The ring in use stays in use. */
export class ReloadError extends BullaError {
  override readonly code: ReloadCode;

  constructor(code: ReloadCode, message: string) {
    super(message);
    this.code = code;
  }
}
