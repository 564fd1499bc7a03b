// Records: the data that a session's tokens contain in addition to the state (spec section 9).

import { Reader, concat, hex, randomBytes, unhex, varint } from "../bytes.js";
import { PayloadError } from "../errors.js";
import { MAX_FOLLOWS } from "../revocation/known.js";
import type { Followed, Follows } from "../revocation/known.js";
import { LAST_SECOND } from "../time.js";
import type { Term } from "./policy.js";

const ID_LENGTH = 16;
const MARK_LENGTH = 8;
const BOUND_KEY_LENGTH = 33;
export const FINGERPRINT_LENGTH = 16;

/**
 * The maximum length of a time as a varint, in bytes. The last second of the year 9999 is below
 * 2^42, and a byte has 7 bits of a varint.
 */
const TIME_LENGTH = 6;

/** The maximum length of a proof in bytes. */
const PROOF_LENGTH = TIME_LENGTH + BOUND_KEY_LENGTH;

/**
 * The newest schema version of a renewal token, which is the version of its layout. The renewal
 * tokens of a session that is bound to a device have this version, and all others have version 1.
 */
export const RENEWAL_SCHEMA = 2;

/** Bits for the optional fields of a record. The field `remembered` has no bytes. */
const CEILING = 1;
const ORIGIN = 2;
const ENDED_OTHERS = 4;
const FOLLOWS = 8;
const REMEMBERED = 16;
const BOUND = 32;

/**
 * The part of a state token's payload that precedes the state. Ids, marks and keys are in
 * lower-case hexadecimal.
 */
export interface SessionRecord {
  readonly id: string;
  readonly startedAt: number;
  readonly reauthenticatedAt: number;
  readonly ceiling: number | undefined;
  /** The id under which the session started, if it has a different id now. */
  readonly origin: string | undefined;
  /**
   * The instant and the mark of the last revocation by which the session ended the other sessions
   * of its subject.
   */
  readonly endedOthers: { readonly before: number; readonly mark: string } | undefined;
  /** The revocations that the server knew when the session started. They do not end the session. */
  readonly follows: readonly Followed[];
  /** Whether the user asked to be remembered. */
  readonly term: Term;
  /** The key of the device to which the session is bound. */
  readonly bound: string | undefined;
}

/** The id under which the session started. It does not change when the session gets a new id. */
export function firstId(record: SessionRecord): string {
  return record.origin ?? record.id;
}

/** The revocations that the session follows. They do not end it (see `revocation/known`). */
export function followsOf(record: SessionRecord): Follows {
  const { endedOthers, follows } = record;
  const own = endedOthers && { ...endedOthers, origin: firstId(record) };
  return { own, earlier: follows };
}

/** A new session id. Throws `RandomError`. */
export function newId(): string {
  return hex(randomBytes(ID_LENGTH));
}

/** A new mark. Throws `RandomError`. */
export function newMark(): string {
  return hex(randomBytes(MARK_LENGTH));
}

export function encodeRecord(record: SessionRecord): Uint8Array {
  const { ceiling, origin, endedOthers, follows, term, bound } = record;
  const fields =
    (ceiling === undefined ? 0 : CEILING) +
    (origin === undefined ? 0 : ORIGIN) +
    (endedOthers === undefined ? 0 : ENDED_OTHERS) +
    (follows.length === 0 ? 0 : FOLLOWS) +
    (term === "remembered" ? REMEMBERED : 0) +
    (bound === undefined ? 0 : BOUND);
  const parts = [
    bytesOf(record.id),
    varint(record.startedAt),
    varint(record.reauthenticatedAt),
    varint(fields),
  ];
  if (ceiling !== undefined) parts.push(varint(ceiling));
  if (origin !== undefined) parts.push(bytesOf(origin));
  if (endedOthers !== undefined) {
    parts.push(varint(endedOthers.before), bytesOf(endedOthers.mark));
  }
  if (follows.length > 0) parts.push(varint(follows.length));
  for (const { origin, before, mark } of follows) {
    parts.push(bytesOf(origin), varint(before), bytesOf(mark));
  }
  if (bound !== undefined) parts.push(bytesOf(bound));
  return concat(...parts);
}

/**
 * Takes a record off the front of a payload.
 *
 * @throws {@link PayloadError}
 */
export function takeRecord(reader: Reader): SessionRecord {
  const id = needed(takeHex(reader, ID_LENGTH));
  const startedAt = needed(takeTime(reader));
  const reauthenticatedAt = needed(takeTime(reader));
  const fields = needed(reader.varint());
  if (fields > CEILING + ORIGIN + ENDED_OTHERS + FOLLOWS + REMEMBERED + BOUND) {
    throw new PayloadError("the session has a field that this version does not know");
  }
  const has = (field: number) => (fields & field) !== 0;
  const ceiling = has(CEILING) ? needed(takeTime(reader)) : undefined;
  const origin = has(ORIGIN) ? needed(takeHex(reader, ID_LENGTH)) : undefined;
  const endedOthers = has(ENDED_OTHERS)
    ? { before: needed(takeTime(reader)), mark: needed(takeHex(reader, MARK_LENGTH)) }
    : undefined;
  const follows = has(FOLLOWS) ? takeFollows(reader) : [];
  const bound = has(BOUND) ? needed(takeHex(reader, BOUND_KEY_LENGTH)) : undefined;
  const term = has(REMEMBERED) ? "remembered" : "ordinary";
  return {
    id,
    startedAt,
    reauthenticatedAt,
    ceiling,
    origin,
    endedOthers,
    follows,
    term,
    bound,
  };
}

function takeFollows(reader: Reader): Followed[] {
  const count = needed(reader.varint());
  if (count < 1 || count > MAX_FOLLOWS) {
    throw new PayloadError("the session follows no revocation or too many");
  }
  return Array.from({ length: count }, () => ({
    origin: needed(takeHex(reader, ID_LENGTH)),
    before: needed(takeTime(reader)),
    mark: needed(takeHex(reader, MARK_LENGTH)),
  }));
}

/** The payload of a renewal token. */
export interface RenewalRecord {
  readonly id: string;
  /** When the application's check last accepted the session; 0 if never. */
  readonly validatedAt: number;
  /** Present if the session is bound to a device. */
  readonly proof: Proof | undefined;
  readonly copy: StateCopy | undefined;
}

/** The additional data in the renewal token of a bound session. */
export interface Proof {
  /** When the device last proved that it has the key. */
  readonly at: number;
  /** The key of the device. */
  readonly key: string;
}

/**
 * A copy of the state in a state token whose key is no longer primary. With it, the session can be
 * opened after that key has retired.
 */
export interface StateCopy {
  readonly fingerprint: string;
  /** The body without padding. */
  readonly body: Uint8Array;
}

export function encodeRenewal({ id, validatedAt, proof, copy }: RenewalRecord): Uint8Array {
  const parts = [bytesOf(id), varint(validatedAt)];
  if (proof !== undefined) parts.push(varint(proof.at), bytesOf(proof.key));
  if (copy !== undefined) parts.push(bytesOf(copy.fingerprint), copy.body);
  return concat(...parts);
}

/** The schema version of a renewal token. */
export function renewalSchema({ proof }: RenewalRecord): number {
  return proof === undefined ? 1 : RENEWAL_SCHEMA;
}

/**
 * Reads the payload of a renewal token. `undefined` if it ends within a field, or directly after
 * the fingerprint.
 */
export function decodeRenewal(schema: number, payload: Uint8Array): RenewalRecord | undefined {
  const reader = new Reader(payload);
  const id = takeHex(reader, ID_LENGTH);
  const validatedAt = takeTime(reader);
  const proof = schema === 1 ? undefined : takeProof(reader);
  if (id === undefined || validatedAt === undefined) return undefined;
  if (schema !== 1 && proof === undefined) return undefined;
  if (reader.at === payload.length) return { id, validatedAt, proof, copy: undefined };
  const fingerprint = takeHex(reader, FINGERPRINT_LENGTH);
  const body = reader.rest();
  if (fingerprint === undefined || body.length === 0) return undefined;
  return { id, validatedAt, proof, copy: { fingerprint, body } };
}

/**
 * The maximum length in bytes of a renewal token's payload that contains a copy of a body of
 * `length` bytes. `record` is the record of the session.
 */
export function maxRenewalLength(record: SessionRecord, length: number): number {
  const proof = record.bound === undefined ? 0 : PROOF_LENGTH;
  return length + proof + ID_LENGTH + TIME_LENGTH + FINGERPRINT_LENGTH;
}

function takeProof(reader: Reader): Proof | undefined {
  const at = takeTime(reader);
  const key = takeHex(reader, BOUND_KEY_LENGTH);
  return at === undefined || key === undefined ? undefined : { at, key };
}

function takeHex(reader: Reader, length: number): string | undefined {
  const bytes = reader.take(length);
  return bytes && hex(bytes);
}

/** A time after the last second counts as the last second. */
function takeTime(reader: Reader): number | undefined {
  const time = reader.varint();
  return time === undefined ? undefined : Math.min(time, LAST_SECOND);
}

function needed<V>(value: V | undefined): V {
  if (value === undefined) throw new PayloadError("the session's record is too short");
  return value;
}

/** The ids, marks and keys of a record are made or read by this package. */
function bytesOf(digits: string): Uint8Array {
  const bytes = unhex(digits);
  if (bytes === undefined) throw new PayloadError("not hexadecimal");
  return bytes;
}
