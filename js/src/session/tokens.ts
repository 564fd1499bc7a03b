// Sealing a session's state token and renewal token (spec section 9).

import { concat, hex, latin1 } from "../bytes.js";
import { SealError } from "../errors.js";
import { sha256 } from "../primitives.js";
import { primaryKey } from "../ring.js";
import {
  BUCKET,
  readBody,
  sealBytes,
  sealedBodyLength,
  sealedLength,
  writeBody,
} from "../token.js";
import type { Contents } from "../token.js";
import type { Alive } from "./judge.js";
import type { Policy } from "./policy.js";
import {
  FINGERPRINT_LENGTH,
  encodeRecord,
  encodeRenewal,
  maxRenewalLength,
  renewalSchema,
} from "./record.js";
import type { Proof, RenewalRecord, SessionRecord } from "./record.js";
import type { ChannelKeys } from "./shared.js";

/**
 * The maximum number of bytes before the payload in the body of a renewal token: 6 for the time of
 * issue, 6 for the lifetime, 1 for the schema version and 2 for the length of the payload.
 */
const MAX_CLAIMS_LENGTH = 15;

/** What a state token contains. */
export interface StateContents {
  readonly record: SessionRecord;
  readonly issuedAt: number;
  readonly lifetime: number;
  readonly schemaVersion: number;
  /** The encoded state. */
  readonly state: Uint8Array;
}

/** The id of the key that is primary at `now`. Throws {@link SealError}. */
export function primaryAt({ ring }: ChannelKeys, now: number): string {
  const key = primaryKey(ring.ring, now);
  if (key === undefined) throw new SealError("no-primary-key");
  return key.keyId;
}

/** Seals a state token. Throws {@link SealError}. */
export function sealState(keys: ChannelKeys, contents: StateContents): string {
  return sealBytes(keys.ring, keys.state, stateBody(contents));
}

/** The length that a state token would have, in characters. */
export function stateLength(contents: StateContents): number {
  return sealedLength(writeBody({ ...stateBody(contents), bucket: 1 }).length, BUCKET);
}

function stateBody({ record, state, ...claims }: StateContents): Contents {
  return { ...claims, payload: concat(encodeRecord(record), state), bucket: BUCKET };
}

/** Seals the same state again with the primary key. The new token is issued at `seen`. */
export function sealStateAgain<T>(keys: ChannelKeys, alive: Alive<T>, seen: number): string {
  const { payload, schemaVersion } = readBody(alive.token.body);
  const lifetime = Math.max(alive.expiresAt - seen, 0);
  const contents = { issuedAt: seen, lifetime, schemaVersion, payload, bucket: BUCKET };
  return sealBytes(keys.ring, keys.state, contents);
}

/** What a renewal token records. */
export interface Seen {
  /** The last activity. */
  readonly at: number;
  /** When the token is sealed. The key that is primary at this time seals it. */
  readonly sealedAt: number;
  /** When the application's check last accepted the session. */
  readonly validatedAt: number;
  /** The last proof of the device to which the session is bound. */
  readonly proof: Proof | undefined;
}

/** Seals a renewal token, with or without a copy of the state token. Throws {@link SealError}. */
export function sealRenewal<T>(
  keys: ChannelKeys,
  policy: Policy,
  alive: Alive<T>,
  copied: "with-copy" | "without-copy",
  seen: Seen,
): string {
  const { text, body } = alive.token;
  const copy = copied === "with-copy" ? { fingerprint: fingerprintOf(text), body } : undefined;
  const { validatedAt, proof } = seen;
  const record = { id: alive.record.id, validatedAt, proof, copy };
  return seal(keys, policy, record, { issuedAt: seen.at, now: seen.sealedAt });
}

/** Seals the renewal token for a new session id. Throws {@link SealError}. */
export function sealFirstRenewal(
  keys: ChannelKeys,
  policy: Policy,
  id: string,
  proof: Proof | undefined,
  now: number,
): string {
  const record = { id, validatedAt: 0, proof, copy: undefined };
  return seal(keys, policy, record, { issuedAt: now, now });
}

function seal(
  keys: ChannelKeys,
  policy: Policy,
  record: RenewalRecord,
  times: { readonly issuedAt: number; readonly now: number },
): string {
  return sealBytes(keys.ring, keys.renewal, {
    ...times,
    lifetime: policy.idleTimeout,
    schemaVersion: renewalSchema(record),
    payload: encodeRenewal(record),
    bucket: BUCKET,
  });
}

/**
 * The maximum length in characters of a renewal token that holds a copy of a state token. `length`
 * is the length of that state token in characters.
 */
export function renewalLength(record: SessionRecord, length: number): number {
  const payload = maxRenewalLength(record, sealedBodyLength(length));
  return sealedLength(payload + MAX_CLAIMS_LENGTH, BUCKET);
}

/** Identifies a token by the first 16 bytes of the SHA-256 of its text, in hexadecimal. */
export function fingerprintOf(token: string): string {
  return hex(sha256(latin1(token)).subarray(0, FINGERPRINT_LENGTH));
}
