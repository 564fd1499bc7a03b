// Judges the tokens of a request: is its session absent, refused or alive (spec section 9)?
//
// This is the opening half of a session's state machine, and `closing` is the closing half.
//
// A session has two tokens. The state token holds the state. The renewal token records the last
// activity. If the key of the state token is no longer primary, the renewal token also holds a copy
// of the state, so that the session can be opened after that key has retired.

import { Reader, octets } from "../bytes.js";
import { OpenError, PayloadError } from "../errors.js";
import { openBody, openBytes } from "../token.js";
import type { OpenedBody } from "../token.js";
import { CLOCK_SKEW, plus } from "../time.js";
import { longestIdle, policyOf } from "./policy.js";
import { RENEWAL_SCHEMA, decodeRenewal, firstId, takeRecord } from "./record.js";
import type { Proof, SessionRecord, StateCopy } from "./record.js";
import { fateOf, refusalOf, refusalOfToken } from "./refusal.js";
import type { Fate, Refused } from "./refusal.js";
import type { Binding } from "./bindings.js";
import type { ChannelKeys, Place, Shared } from "./shared.js";
import { fingerprintOf } from "./tokens.js";

export type Judged<T> =
  | { readonly is: "absent" }
  | { readonly is: "refused"; readonly refused: Refused }
  | { readonly is: "alive"; readonly alive: Alive<T> };

/** A session that is alive. */
export interface Alive<T> {
  /** Where the session's tokens were found. */
  readonly place: Place;
  readonly record: SessionRecord;
  readonly state: T;
  readonly token: StateToken;
  readonly renewal: Renewal;
  readonly lastSeen: number;
  /** When the application's check last accepted the session; 0 if never. */
  readonly validatedAt: number;
  /** When the device of a bound session last proved that it has the key. */
  readonly provedAt: number | undefined;
  /**
   * The end of the absolute timeout, the ceiling or the end of the token's lifetime, whichever
   * comes first.
   */
  readonly expiresAt: number;
}

/** The state token, or its copy in the renewal token. */
export interface StateToken {
  /** The key that opened the token or its copy. */
  readonly keyId: string;
  /** The key that the token's text names. */
  readonly named: string;
  readonly source: "token" | "copy";
  readonly text: string;
  readonly issuedAt: number;
  readonly lifetime: number;
  /** The body without padding. */
  readonly body: Uint8Array;
}

/**
 * The renewal token that came with a living session:
 *
 * - `absent`: the request had no renewal token.
 * - `dead`: no server accepts the token, or it belongs to another session. A new renewal token may
 *   overwrite it.
 * - `counts`: the token is valid. `hasCopy` says whether it holds a copy of this state token.
 * - `left-alone`: another server may accept the token, so no new renewal token may overwrite it.
 */
export type Renewal =
  | { readonly is: "absent" | "dead" | "left-alone" }
  | { readonly is: "counts"; readonly keyId: string; readonly hasCopy: boolean };

/** The tokens of a request, not opened yet. */
export interface Carried {
  readonly states: readonly string[];
  readonly renewals: readonly string[];
  readonly place: Place;
}

/**
 * Returns what happens to the tokens of a revoked session, and `undefined` if the session is not
 * revoked. It is called for each authentic token before its timeouts are checked.
 */
export type IsRevoked<T> = (record: SessionRecord, state: T, token: StateToken) => Fate | undefined;

/** How the tokens of a request are judged. */
export interface Judging<T> {
  readonly keys: ChannelKeys;
  /** The settings of bound sessions. Without them, bound sessions are left to other servers. */
  readonly binding: Binding | undefined;
  readonly now: number;
  readonly isRevoked: IsRevoked<T>;
  /** Whether the last proof of a bound session is recent. */
  readonly isProven: (alive: Alive<T>) => boolean;
}

/**
 * Opens the tokens of a request.
 *
 * If the request has several state tokens, the first one whose session is alive and proven is used.
 * Without such a token, the first one whose session is alive is used. If no session is alive, a
 * token that another server may accept takes precedence over invalid tokens, so the response
 * deletes nothing.
 */
export function judge<T>(shared: Shared<T>, judging: Judging<T>, carried: Carried): Judged<T> {
  let kept: Judged<T> = { is: "absent" };
  const [only, ...others] = carried.states;
  if (only !== undefined && others.length === 0) return openSession(shared, judging, only, carried);
  for (const text of carried.states) {
    const judged = openSession(shared, judging, text, carried);
    if (judged.is === "alive" && judging.isProven(judged.alive)) return judged;
    if (rankOf(judged) > rankOf(kept)) kept = judged;
  }
  return kept;
}

function rankOf<T>(judged: Judged<T>): number {
  if (judged.is !== "refused") return judged.is === "alive" ? 3 : 0;
  return judged.refused.fate === "left-alone" ? 2 : 1;
}

function openSession<T>(
  shared: Shared<T>,
  judging: Judging<T>,
  text: string,
  carried: Carried,
): Judged<T> {
  try {
    return judgeSession(shared, judging, text, carried);
  } catch (error) {
    if (error instanceof OpenError) return refused(ofToken(error, judging.now));
    throw error;
  }
}

/** Throws {@link OpenError} if neither the state token nor its copy opens. */
function judgeSession<T>(
  shared: Shared<T>,
  { keys, binding, now, isRevoked }: Judging<T>,
  text: string,
  carried: Carried,
): Judged<T> {
  const { payload, policies } = shared;
  const { schemaVersions: schemas } = payload;
  const opened = attempt(() => openBytes(keys.ring, keys.state, octets(text), { now, schemas }));
  const unopened = opened instanceof OpenError ? opened : undefined;
  if (unopened !== undefined && !COPIED.includes(unopened.code)) throw unopened;
  // Renewal tokens are opened only after the state token was checked, so that a forged state token
  // causes only one decryption.
  const renewals = openRenewals(keys, longestIdle(policies), carried.renewals, now);
  const found =
    opened instanceof OpenError ? openCopy(renewals, text, opened, { now, schemas }) : opened;
  const { record: sealed, state } = openPayload(payload.decode, found);
  const renewal = latestOf(renewals, sealed.id);
  const { proof } = renewal ?? {};
  const own = { ...sealed, bound: sealed.bound ?? proof?.key };
  // A server without settings for bound sessions leaves them to the servers that have.
  if (own.bound !== undefined && binding === undefined) {
    throw new OpenError("payload", { reason: "the session is bound to a key" });
  }
  const policy = policyOf(policies, own.term);
  if (policy === undefined) {
    throw new OpenError("payload", { reason: "the session is remembered" });
  }

  const token: StateToken = {
    keyId: found.keyId,
    named: unopened?.details.keyId ?? found.keyId,
    source: unopened === undefined ? "token" : "copy",
    text,
    issuedAt: found.issuedAt,
    lifetime: found.lifetime,
    body: found.unpadded,
  };
  // In headers, a copy of a bound session must not end it. The session may be alive: a thief can leave
  // out the renewal token that records the last activity.
  const mayEnd = own.bound === undefined || binding !== shared.boundInHeaders?.binding;
  const origin = mayEnd ? firstId(own) : undefined;
  const fate = isRevoked(own, state, token);
  if (fate !== undefined) return refused({ refusal: refusalOf("revoked"), fate, origin });
  const expiresAt = Math.min(
    plus(found.issuedAt, found.lifetime),
    policy.deadline(own.startedAt, own.ceiling),
  );
  if (now >= expiresAt) {
    return refused({ ...over("absolute-timeout", expiresAt, now), origin });
  }
  const lastSeen = Math.max(renewal?.issuedAt ?? 0, found.issuedAt);
  const idleSince = plus(lastSeen, policy.idleTimeout);
  if (now >= idleSince) {
    if (renewals.unjudged > 0) {
      return refused({ refusal: refusalOf("unknown-activity"), fate: "left-alone", origin });
    }
    // A renewal token that has just expired may record the last activity.
    const end = Math.max(idleSince, renewals.expired);
    return refused({ ...over("idle-timeout", end, now), origin });
  }
  const alive: Alive<T> = {
    place: carried.place,
    record: own,
    state,
    token,
    renewal: renewalOf(renewal, renewals, carried, text),
    lastSeen,
    validatedAt: renewal?.validatedAt ?? 0,
    provedAt: proof?.at,
    expiresAt,
  };
  return { is: "alive", alive };
}

/** The failures of a state token in which its copy counts. */
const COPIED: readonly string[] = ["unknown-key", "retired-key"];

interface FoundState extends OpenedBody {
  readonly keyId: string;
}

/** Opens the copy of a state token, which failed with `error`. */
function openCopy(
  renewals: Renewals,
  text: string,
  error: OpenError,
  reading: { readonly now: number; readonly schemas: readonly number[] },
): FoundState {
  for (const renewal of renewals.found) {
    const copy = copyOf(renewal, text);
    if (copy !== undefined) return { keyId: renewal.keyId, ...openBody(copy, reading) };
  }
  throw error;
}

/** Step 14 of opening (spec section 7), for a state token. */
function openPayload<T>(
  decode: (schemaVersion: number, bytes: Uint8Array) => T,
  { payload, schemaVersion }: FoundState,
): { record: SessionRecord; state: T } {
  try {
    const reader = new Reader(payload);
    const record = takeRecord(reader);
    return { record, state: decode(schemaVersion, reader.rest()) };
  } catch (error) {
    if (error instanceof PayloadError) throw new OpenError("payload", { reason: error.message });
    throw error;
  }
}

function renewalOf(
  renewal: FoundRenewal | undefined,
  renewals: Renewals,
  carried: Carried,
  text: string,
): Renewal {
  if (renewal !== undefined) {
    return { is: "counts", keyId: renewal.keyId, hasCopy: copyOf(renewal, text) !== undefined };
  }
  if (renewals.unjudged > 0) return { is: "left-alone" };
  return { is: carried.renewals.length === 0 ? "absent" : "dead" };
}

function refused<T>(of: Refused): Judged<T> {
  return { is: "refused", refused: of };
}

function ofToken(error: OpenError, now: number): Refused {
  if (error.code === "expired") {
    // A state token lives until the session's absolute deadline.
    return { ...over("absolute-timeout", error.details.expiresAt ?? 0, now), origin: undefined };
  }
  const refusal = refusalOfToken(error);
  return { refusal, fate: fateOf(refusal), origin: undefined };
}

/**
 * The refusal of a session that ended at `end`, and what happens to its tokens.
 *
 * The tokens are kept for another 60 seconds, because a concurrent request may have renewed the
 * session just before its end, or another server's clock may be behind.
 */
function over(
  code: "absolute-timeout" | "idle-timeout",
  end: number,
  now: number,
): Omit<Refused, "origin"> {
  const fate = now >= plus(end, CLOCK_SKEW) ? "cleared" : "left-alone";
  return { refusal: refusalOf(code), fate };
}

/** The renewal tokens of a request. */
interface Renewals {
  /** The valid tokens. */
  readonly found: readonly FoundRenewal[];
  /** The number of tokens that are not valid here, but that another server may accept. */
  readonly unjudged: number;
  /**
   * The latest time at which one of the expired tokens expired. This token may belong to another
   * session. That does no harm, because the time only decides whether the tokens of an ended
   * session are kept for up to a minute longer.
   */
  readonly expired: number;
}

interface FoundRenewal {
  readonly id: string;
  readonly issuedAt: number;
  readonly validatedAt: number;
  readonly proof: Proof | undefined;
  readonly keyId: string;
  readonly copy: StateCopy | undefined;
}

/**
 * The renewal token of a session that was issued latest. If several were issued at the same time,
 * it is the one with the latest proof, and of those the last.
 */
function latestOf({ found }: Renewals, id: string): FoundRenewal | undefined {
  let latest: FoundRenewal | undefined;
  for (const renewal of found) {
    if (renewal.id !== id) continue;
    if (latest === undefined || isNotBefore(renewal, latest)) latest = renewal;
  }
  return latest;
}

function isNotBefore(one: FoundRenewal, other: FoundRenewal): boolean {
  if (one.issuedAt !== other.issuedAt) return one.issuedAt > other.issuedAt;
  return (one.proof?.at ?? -1) >= (other.proof?.at ?? -1);
}

/** Hashes the token only if there is a copy, because most renewal tokens have none. */
function copyOf({ copy }: FoundRenewal, text: string): Uint8Array | undefined {
  return copy !== undefined && copy.fingerprint === fingerprintOf(text) ? copy.body : undefined;
}

function openRenewals(
  keys: ChannelKeys,
  longest: number,
  tokens: readonly string[],
  now: number,
): Renewals {
  const found: FoundRenewal[] = [];
  let [unjudged, expired] = [0, 0];
  for (const token of tokens) {
    const renewal = attempt(() => openRenewal(keys, longest, token, now));
    if (!(renewal instanceof OpenError)) found.push(renewal);
    else if (renewal.code === "expired")
      expired = Math.max(expired, renewal.details.expiresAt ?? 0);
    else if (renewal.mayBeValidElsewhere) unjudged += 1;
  }
  return { found, unjudged, expired };
}

function openRenewal(
  keys: ChannelKeys,
  longestLifetime: number,
  token: string,
  now: number,
): FoundRenewal {
  const schemas = Array.from({ length: RENEWAL_SCHEMA }, (_, index) => index + 1);
  const reading = { now, longestLifetime, schemas };
  const opened = openBytes(keys.ring, keys.renewal, octets(token), reading);
  const record = decodeRenewal(opened.schemaVersion, opened.payload);
  if (record === undefined) {
    throw new OpenError("payload", { reason: "the renewal record is too short" });
  }
  return { ...record, issuedAt: opened.issuedAt, keyId: opened.keyId };
}

/** The result, or the {@link OpenError} that was thrown. */
function attempt<V>(run: () => V): V | OpenError {
  try {
    return run();
  } catch (error) {
    if (error instanceof OpenError) return error;
    throw error;
  }
}
