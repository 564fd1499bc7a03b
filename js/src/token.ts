// Tokens whose payload is bytes: the layout, and the steps of making and opening a token (sections
// 4 to 7 of the specification).

import {
  Reader,
  concat,
  fromBase64url,
  hex,
  randomBytes,
  toBase64url,
  utf8,
  varint,
} from "./bytes.js";
import { OpenError, RandomError, SealError } from "./errors.js";
import { keyIdBytes, sealingKey, signingKey } from "./key.js";
import { MAC_LENGTH, NONCE_LENGTH, TAG_LENGTH } from "./primitives.js";
import { isOpenAt, keyById, primaryKey, type Ring, type RingKey } from "./ring.js";
import { CLOCK_SKEW, LAST_SECOND, secondOf } from "./time.js";

/** The maximum length of a token in characters, with its prefix (section 4). */
export const MAX_TOKEN_LENGTH = 8192;

/** Bodies of sessions, challenges and sealed cookies are padded to a multiple of this many bytes. */
export const BUCKET = 32;

const KEY_ID_LENGTH = 4;
/** The length of the shortest body: four varints of one byte. */
const MIN_BODY_LENGTH = 4;
const NEWEST_SCHEMA = 0xffff_ffff;

/** What a maker puts into a token. */
export interface Contents {
  /** The time of issue, in seconds since 1970. */
  readonly issuedAt: number;
  /** The lifetime in seconds. It is shortened if the token would expire after the last second. */
  readonly lifetime: number;
  /** The schema version of the payload. */
  readonly schemaVersion: number;
  readonly payload: Uint8Array;
  /** The body is padded to a multiple of this many bytes, 1 to 255. Default: 1, no padding. */
  readonly bucket?: number;
  /** The maximum length of the token in characters. Default: {@link MAX_TOKEN_LENGTH}. */
  readonly maxLength?: number;
  /** The time whose primary key makes the token. Default: `issuedAt`. */
  readonly now?: number;
}

/** What a reader accepts. */
export interface Reading {
  /** The current time, in seconds since 1970. */
  readonly now: number;
  /** The reader's longest lifetime in seconds. Default: unlimited. */
  readonly longestLifetime?: number;
  /** The schema versions that can be read. The largest is the newest that the reader knows. */
  readonly schemas: readonly number[];
  /** The maximum length of the token in characters. Default: {@link MAX_TOKEN_LENGTH}. */
  readonly maxLength?: number;
}

/** The body of a token that has passed step 7 (section 4). */
export interface Body {
  readonly issuedAt: number;
  readonly lifetime: number;
  readonly schemaVersion: number;
  readonly payload: Uint8Array;
  /** The body without its padding. A copy in a renewal token has this form. */
  readonly unpadded: Uint8Array;
  readonly padding: Uint8Array;
}

/** A body that has passed steps 7 and 9 to 13. */
export interface OpenedBody extends Body {
  /** From when on this reader refuses the token, in seconds since 1970. */
  readonly expiresAt: number;
}

/** The content of a token that has passed steps 1 to 13. The caller decodes the payload. */
export interface OpenedBytes extends OpenedBody {
  /** The id of the key with which the token was made. */
  readonly keyId: string;
}

/** A token that has passed steps 1 to 7. Neither its time nor its schema version was checked. */
export interface AuthenticBytes {
  readonly key: RingKey;
  readonly body: Body;
}

/** A signed token whose mac and times were not checked. Anyone could have written it. */
export interface UnverifiedBytes {
  readonly keyId: string;
  readonly body: Body;
}

/**
 * Seals bytes (section 5).
 *
 * `purpose` is not checked, and a protocol may extend it with `00` and further bytes. The subkey is
 * remembered for this very array, so make the array once and do not change it. Only tests pass a
 * nonce.
 *
 * @throws {@link SealError} `random`, `no-primary-key` or `too-long`.
 */
export function sealBytes(
  ring: Ring,
  purpose: Uint8Array,
  contents: Contents & { readonly nonce?: Uint8Array },
): string {
  const nonce = contents.nonce ?? newNonce();
  const { key } = primaryAt(ring, contents);
  const body = writeBody(contents);
  const length = textLength(KEY_ID_LENGTH + NONCE_LENGTH + body.length + TAG_LENGTH);
  checkLength(length, contents.maxLength);
  const keyId = keyIdBytes(key);
  const encrypted = sealingKey(key, purpose).encrypt(nonce, concat(SEALED_PREFIX, keyId), body);
  return SEALED + toBase64url(concat(keyId, nonce, encrypted));
}

/**
 * Signs bytes (section 6). See {@link sealBytes} about `purpose`.
 *
 * @throws {@link SealError} `no-primary-key` or `too-long`.
 */
export function signBytes(ring: Ring, purpose: Uint8Array, contents: Contents): string {
  const { key } = primaryAt(ring, contents);
  const body = writeBody(contents);
  checkLength(textLength(KEY_ID_LENGTH + body.length + MAC_LENGTH), contents.maxLength);
  const keyId = keyIdBytes(key);
  const mac = signingKey(key, purpose).mac(SIGNED_PREFIX, keyId, body);
  return SIGNED + toBase64url(concat(keyId, body, mac));
}

/**
 * Opens a sealed token: steps 1 to 13 of section 7. See {@link sealBytes} about `purpose`.
 *
 * Lengths are octets: a string counts as UTF-8. In a text from an HTTP header, each character is an
 * octet. If such a text can have characters above U+007F, pass `latin1(text)`.
 *
 * @throws {@link OpenError} for the first step that fails.
 */
export function openBytes(
  ring: Ring,
  purpose: Uint8Array,
  token: string | Uint8Array,
  reading: Reading,
): OpenedBytes {
  return judge(authenticateSealed(ring, purpose, token, reading.maxLength), reading);
}

/**
 * Verifies a signed token: steps 1 to 13 of section 7. See {@link openBytes}.
 *
 * @throws {@link OpenError} for the first step that fails.
 */
export function verifyBytes(
  ring: Ring,
  purpose: Uint8Array,
  token: string | Uint8Array,
  reading: Reading,
): OpenedBytes {
  return judge(authenticateSigned(ring, purpose, token, reading.maxLength), reading);
}

/** Makes steps 1 to 7 for a sealed token. {@link judge} makes the others. */
export function authenticateSealed(
  ring: Ring,
  purpose: Uint8Array,
  token: string | Uint8Array,
  maxLength?: number,
): AuthenticBytes {
  const raw = decode(SEALED_PREFIX, KEY_ID_LENGTH + NONCE_LENGTH + TAG_LENGTH, token, maxLength);
  const key = findKey(ring, raw);
  const nonce = raw.subarray(KEY_ID_LENGTH, KEY_ID_LENGTH + NONCE_LENGTH);
  const encrypted = raw.subarray(KEY_ID_LENGTH + NONCE_LENGTH);
  const associatedData = concat(SEALED_PREFIX, keyIdBytes(key.key));
  const body = sealingKey(key.key, purpose).decrypt(nonce, associatedData, encrypted);
  if (body === undefined) throw new OpenError("bad-tag", { keyId: key.keyId });
  return { key, body: readBody(body) };
}

/** Makes steps 1 to 7 for a signed token. {@link judge} makes the others. */
export function authenticateSigned(
  ring: Ring,
  purpose: Uint8Array,
  token: string | Uint8Array,
  maxLength?: number,
): AuthenticBytes {
  const raw = decode(SIGNED_PREFIX, KEY_ID_LENGTH + MAC_LENGTH, token, maxLength);
  const key = findKey(ring, raw);
  const end = raw.length - MAC_LENGTH;
  const message = raw.subarray(0, end);
  if (!signingKey(key.key, purpose).check(raw.subarray(end), SIGNED_PREFIX, message)) {
    throw new OpenError("bad-tag", { keyId: key.keyId });
  }
  return { key, body: readBody(message.subarray(KEY_ID_LENGTH)) };
}

/** Reads a signed token without a key and without verifying it: steps 1 to 4 and 7. */
export function readSigned(token: string | Uint8Array): UnverifiedBytes {
  const raw = decode(SIGNED_PREFIX, KEY_ID_LENGTH + MAC_LENGTH, token, MAX_TOKEN_LENGTH);
  return {
    keyId: hex(raw.subarray(0, KEY_ID_LENGTH)),
    body: readBody(raw.subarray(KEY_ID_LENGTH, raw.length - MAC_LENGTH)),
  };
}

/** Makes steps 8 to 13 for a token that has passed the others. */
export function judge({ key, body }: AuthenticBytes, reading: Reading): OpenedBytes {
  if (!isOpenAt(key, secondOf(reading.now))) {
    throw new OpenError("retired-key", { keyId: key.keyId });
  }
  return { keyId: key.keyId, ...checkBody(body, reading) };
}

/**
 * Checks a body that is already decrypted, such as the copy in a renewal token: steps 7 and 9 to
 * 13. The caller decodes the payload (step 14).
 *
 * @throws {@link OpenError} for the first step that fails.
 */
export function openBody(body: Uint8Array, reading: Reading): OpenedBody {
  return checkBody(readBody(body), reading);
}

/** Reads a body: step 7. */
export function readBody(bytes: Uint8Array): Body {
  const reader = new Reader(bytes);
  const issuedAt = reader.varint();
  const lifetime = reader.varint();
  const schemaVersion = reader.varint();
  const length = reader.varint();
  // Varints of 2⁵³ or more are rounded, but they are far above each of these limits.
  if (
    issuedAt === undefined ||
    lifetime === undefined ||
    schemaVersion === undefined ||
    length === undefined ||
    schemaVersion < 1 ||
    schemaVersion > NEWEST_SCHEMA ||
    issuedAt + lifetime > LAST_SECOND
  ) {
    throw new OpenError("malformed-body");
  }
  const payload = reader.take(length);
  if (payload === undefined) throw new OpenError("malformed-body");
  const unpadded = bytes.subarray(0, reader.at);
  return { issuedAt, lifetime, schemaVersion, payload, unpadded, padding: reader.rest() };
}

/** Makes steps 9 to 13. */
export function checkBody(body: Body, reading: Reading): OpenedBody {
  const expiresAt = checkTime(body, reading.now, reading.longestLifetime);
  checkSchema(body.schemaVersion, reading.schemas);
  checkPadding(body);
  return { ...body, expiresAt };
}

/** Makes steps 9 and 10. Returns from when on this reader refuses the token. */
export function checkTime(body: Body, at: number, longestLifetime = Infinity): number {
  const now = secondOf(at);
  const { issuedAt } = body;
  if (issuedAt > now + CLOCK_SKEW) throw new OpenError("not-yet-valid", { issuedAt });
  const expiresAt = issuedAt + Math.min(body.lifetime, Math.floor(longestLifetime));
  if (now >= expiresAt) throw new OpenError("expired", { expiresAt });
  return expiresAt;
}

/** Makes steps 11 and 12. */
export function checkSchema(schemaVersion: number, schemas: readonly number[]): void {
  let newest = 0;
  let known = false;
  for (const schema of schemas) {
    newest = Math.max(newest, schema);
    known ||= schema === schemaVersion;
  }
  if (schemaVersion > newest) throw new OpenError("newer-schema", { schemaVersion });
  if (!known) throw new OpenError("retired-schema", { schemaVersion });
}

/** Makes step 13. */
export function checkPadding({ padding }: Body): void {
  if (padding.some((byte) => byte !== 0)) throw new OpenError("padding");
}

/** The body of a token (section 4). */
export function writeBody(contents: Contents): Uint8Array {
  const { payload, bucket = 1, schemaVersion } = contents;
  const issuedAt = secondOf(contents.issuedAt);
  // A lifetime that would end after the last second is shortened.
  const lifetime = Math.min(Math.floor(contents.lifetime), LAST_SECOND - issuedAt);
  const claims = concat(
    varint(issuedAt),
    varint(lifetime),
    varint(schemaVersion),
    varint(payload.length),
  );
  const length = claims.length + payload.length;
  const body = new Uint8Array(Math.ceil(length / bucket) * bucket);
  body.set(claims);
  body.set(payload, claims.length);
  return body;
}

/** The length in characters of a sealed token whose body has `length` bytes before its padding. */
export function sealedLength(length: number, bucket = 1): number {
  const padded = Math.ceil(length / bucket) * bucket;
  return textLength(KEY_ID_LENGTH + NONCE_LENGTH + padded + TAG_LENGTH);
}

/** The length in bytes, with padding, of the body of a sealed token of `length` characters. */
export function sealedBodyLength(length: number): number {
  const bytes = Math.floor(((length - SEALED.length) * 3) / 4);
  return Math.max(bytes - KEY_ID_LENGTH - NONCE_LENGTH - TAG_LENGTH, 0);
}

const SEALED = "b1.";
const SIGNED = "s1.";
const SEALED_PREFIX = /* @__PURE__ */ utf8(SEALED);
const SIGNED_PREFIX = /* @__PURE__ */ utf8(SIGNED);

function textLength(bytes: number): number {
  return SEALED.length + Math.ceil((bytes * 4) / 3);
}

function newNonce(): Uint8Array {
  try {
    return randomBytes(NONCE_LENGTH);
  } catch (error) {
    throw error instanceof RandomError ? new SealError("random") : error;
  }
}

function primaryAt(ring: Ring, contents: Contents): RingKey {
  const now = contents.now ?? contents.issuedAt;
  const key = primaryKey(ring.ring, secondOf(now));
  if (key === undefined) throw new SealError("no-primary-key");
  return key;
}

function checkLength(length: number, maxLength = MAX_TOKEN_LENGTH): void {
  const limit = Math.min(maxLength, MAX_TOKEN_LENGTH);
  if (length > limit) {
    throw new SealError("too-long", `${length} characters; the limit is ${limit}`);
  }
}

/** Decodes the text of a token: steps 1 to 4. `overhead` is the length of all but its body. */
function decode(
  prefix: Uint8Array,
  overhead: number,
  token: string | Uint8Array,
  maxLength = MAX_TOKEN_LENGTH,
): Uint8Array {
  const limit = Math.min(maxLength, MAX_TOKEN_LENGTH);
  // A value from JSON may have another type than the application believes.
  if (typeof token !== "string" && !ArrayBuffer.isView(token)) throw new OpenError("prefix");
  if (token.length > limit) throw new OpenError("too-long");
  const text = typeof token === "string" ? utf8(token) : token;
  if (text.length > limit) throw new OpenError("too-long"); // characters outside ASCII
  if (prefix.some((byte, i) => text[i] !== byte)) throw new OpenError("prefix");
  const raw = fromBase64url(text, prefix.length);
  if (raw === undefined) throw new OpenError("encoding");
  if (raw.length < overhead + MIN_BODY_LENGTH) throw new OpenError("too-short");
  return raw;
}

/** Finds the key of a token: step 5. No other key is ever tried. */
function findKey(ring: Ring, raw: Uint8Array): RingKey {
  const keyId = hex(raw.subarray(0, KEY_ID_LENGTH));
  const key = keyById(ring.ring, keyId);
  if (key !== undefined) return key;
  ring.missed?.();
  throw new OpenError("unknown-key", { keyId });
}
