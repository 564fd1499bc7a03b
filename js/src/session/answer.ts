// Writes, renews and deletes a session's tokens in the header lines of a response. `closing`
// decides which of these happens.
//
// A session has two tokens. The state token holds the state. The renewal token records the last
// activity. To *renew* a session is to write a new renewal token.

import { SealError } from "../errors.js";
import type { Bundle } from "../transport/bundle.js";
import type { Cookie, Kept } from "../transport/cookie.js";
import type { Alive } from "./judge.js";
import type { Policy, Term } from "./policy.js";
import { cookieAt, keysAt, keysOf, policyFor } from "./shared.js";
import type { Channel, KeyedCookie, Shared } from "./shared.js";
import { hasNewProof } from "./proving.js";
import { primaryAt, sealRenewal, sealStateAgain } from "./tokens.js";
import type { Seen } from "./tokens.js";

/** The tokens of a session that was started or changed. */
export interface NewTokens {
  readonly channel: Channel;
  readonly state: string;
  /** `undefined` if the session keeps its id, or if it is in a cookie and not bound. */
  readonly renewal: string | undefined;
  readonly kept: Kept;
}

/**
 * How long a browser keeps a session's cookies. The session ends after `age`, even with activity.
 */
export function keptFor(term: Term, age: number): Kept {
  return { until: term === "remembered" ? "deadline" : "as-configured", age };
}

/**
 * What happens to the renewal token that came with the request. `stays`: it is kept, or there is
 * none. `goes`: it is deleted, because its session has ended or was replaced.
 */
export type Beside = "stays" | "goes";

/** Writes a new state token, and deletes the tokens in former cookies. */
export function write<T>(
  { cookie: keyed, bearer: headers }: Shared<T>,
  { channel, state, renewal, kept }: NewTokens,
  beside: Beside,
  bundle: Bundle,
): void {
  if (channel === "cookie" && keyed !== undefined) {
    const { cookie } = keyed;
    removeFormer(cookie, bundle);
    bundle.setCookies(cookie.store("state", state, kept));
    if (renewal !== undefined) bundle.setCookies(cookie.store("renewal", renewal, kept));
    else if (beside === "goes") bundle.setCookies(cookie.remove("renewal"));
  }
  if (channel === "bearer" && headers !== undefined) {
    bundle.token(headers.bearer.tokenHeader, state);
    if (renewal !== undefined) bundle.token(headers.bearer.renewalHeader, renewal);
  }
}

/**
 * Deletes the tokens, the state token last. If a response deletes several cookies, curl up to
 * version 8 deletes only the last one from its jar. Without its state token, the session is over.
 */
export function remove<T>(
  { cookie: keyed, bearer: headers }: Shared<T>,
  channel: Channel,
  beside: Beside,
  bundle: Bundle,
): void {
  if (channel === "cookie" && keyed !== undefined) {
    removeFormer(keyed.cookie, bundle);
    if (beside === "goes") bundle.setCookies(keyed.cookie.remove("renewal"));
    bundle.setCookies(keyed.cookie.remove("state"));
  }
  if (channel === "bearer" && headers !== undefined) {
    bundle.token(headers.bearer.tokenHeader, "");
    bundle.token(headers.bearer.renewalHeader, "");
  }
}

/** Deletes the tokens in former cookies. Without a former cookie, this writes nothing. */
export function removeFormer(cookie: Cookie, bundle: Bundle): void {
  bundle.setCookies(cookie.removeFormer("renewal"));
  bundle.setCookies(cookie.removeFormer("state"));
}

/**
 * Writes a new renewal token together with a changed state token, if the old renewal token is
 * invalid or was not made with the primary key, if the application's check has just succeeded, or if
 * the request has a new proof.
 *
 * Otherwise the client would keep the old renewal token. After the key of that token has retired,
 * no server could open it, and a renewal token that this server cannot open is never overwritten.
 * So the session could no longer be renewed. The new renewal token needs no copy of the state
 * token, because the state token is new too.
 *
 * If the session moves from a former cookie, the response deletes the old renewal token. A new
 * renewal token then keeps the activity and the check that the old one recorded.
 */
export function follow<T>(
  shared: Shared<T>,
  { channel, kept }: NewTokens,
  alive: Alive<T>,
  seen: Seen,
  bundle: Bundle,
): void {
  const keys = keysOf(shared, channel);
  if (keys === undefined) return;
  const { renewal, place } = alive;
  if (place === "current") {
    const validated = seen.validatedAt > alive.validatedAt;
    const proves = hasNewProof(alive, seen.proof);
    if (renewal.is === "left-alone") return;
    const records = proves || (validated && keepsRenewals(channel, alive));
    if (renewal.is === "absent" && !records) return;
    const isDeleted = channel === "cookie" && (shared.cookie?.cookie.hasFormerNamesake ?? false);
    const stays = renewal.is === "counts" && !validated && !proves && !isDeleted;
    if (stays && renewal.keyId === primaryAt(keys, seen.at)) return;
  }
  const policy = policyFor(shared, alive.record.term);
  const token = sealRenewal(keys, policy, alive, "without-copy", seen);
  if (channel === "cookie") {
    bundle.setCookies(shared.cookie?.cookie.store("renewal", token, kept) ?? []);
  } else if (shared.bearer !== undefined) {
    bundle.token(shared.bearer.bearer.renewalHeader, token);
  }
}

/**
 * Writes a renewal token if activity, a successful check or the move to a new primary key must be
 * recorded.
 *
 * It does not write the state token, because a concurrent request may be changing the state. The
 * exception is a bearer client that sends no renewal token, because such a client keeps only the
 * state token.
 *
 * `leaves` returns the time at which the response is built. The renewal token gets this time and
 * not the time of the request. Otherwise the response of a slow request could replace a later time
 * in the client with an earlier one.
 */
export function renew<T>(
  shared: Shared<T>,
  channel: Channel,
  alive: Alive<T>,
  seen: Seen,
  leaves: () => number,
  bundle: Bundle,
): void {
  const keys = keysAt(shared, channel, alive.place);
  const { renewal } = alive;
  if (keys === undefined) return;
  const idle = Math.max(seen.at - alive.lastSeen, 0);
  const policy = policyFor(shared, alive.record.term);
  const touches =
    (idle > 0 && idle >= policy.touchThreshold) ||
    (seen.validatedAt > alive.validatedAt && keepsRenewals(channel, alive));
  const proves = hasNewProof(alive, seen.proof);
  const primary = primaryOr(touches || proves, () => primaryAt(keys, seen.at));
  if (primary === undefined || renewal.is === "left-alone") return;
  const needsCopy = copyNeeded(alive, primary);
  const moves =
    renewal.is === "counts"
      ? renewal.keyId !== primary || (needsCopy && !renewal.hasCopy)
      : needsCopy;
  if (!touches && !proves && !moves) return;
  const left = leaves();
  const written: Seen = { ...seen, at: left, sealedAt: left };
  if (channel === "cookie") {
    const keyed = cookieAt(shared, alive.place);
    const due = touches ? "touch" : "move";
    if (keyed !== undefined) storeRenewal(policy, keyed, alive, needsCopy, due, written, bundle);
  } else if (shared.bearer !== undefined) {
    const { tokenHeader, renewalHeader } = shared.bearer.bearer;
    const keeps = keepsRenewals(channel, alive);
    // A client that sends no renewal token keeps only the state token, so this token is written.
    if (!keeps && (touches || moves)) {
      bundle.token(tokenHeader, sealStateAgain(keys, alive, left));
    }
    // Only a renewal token can record a proof, so this client gets one all the same.
    if (keeps || proves) {
      const copied = needsCopy ? "with-copy" : "without-copy";
      bundle.token(renewalHeader, sealRenewal(keys, policy, alive, copied, written));
    }
  }
}

/**
 * Writes a renewal token that records a proof of the session's client in a request that is not
 * activity. So the token has the time of the last activity.
 */
export function prove<T>(
  shared: Shared<T>,
  channel: Channel,
  alive: Alive<T>,
  seen: Seen,
  bundle: Bundle,
): void {
  const keys = keysAt(shared, channel, alive.place);
  if (keys === undefined || shared.bearer === undefined || alive.renewal.is === "left-alone")
    return;
  const policy = policyFor(shared, alive.record.term);
  const copied = copyNeeded(alive, primaryAt(keys, seen.sealedAt)) ? "with-copy" : "without-copy";
  const token = sealRenewal(keys, policy, alive, copied, seen);
  bundle.token(shared.bearer.bearer.renewalHeader, token);
}

/**
 * Whether a renewal token needs a copy of the state token: if the state token is not under the
 * primary key.
 */
function copyNeeded<T>({ token }: Alive<T>, primary: string): boolean {
  return token.source === "copy" || token.keyId !== primary;
}

/**
 * The primary key. If there is none, nothing can be written: this is an error only if activity must
 * be recorded.
 */
function primaryOr(isNeeded: boolean, primary: () => string): string | undefined {
  try {
    return primary();
  } catch (error) {
    if (isNeeded || !(error instanceof SealError)) throw error;
    return undefined;
  }
}

/**
 * Whether the client sends renewal tokens back. A bearer client that sends none is assumed to keep
 * only the state token.
 */
function keepsRenewals<T>(channel: Channel, alive: Alive<T>): boolean {
  return channel === "cookie" || alive.renewal.is !== "absent";
}

/**
 * Why a renewal token is written. `touch`: to record activity or a successful check and, if
 * necessary, to move to the primary key. `move`: only to move to the primary key.
 */
type Due = "touch" | "move";

/**
 * Stores a renewal token in its cookie, if one needs to be written.
 *
 * If the cookie's settings have changed since the state was set, a renewal token with a copy of the
 * state token may be too long. Then the copy is left out, if this server can still open the state
 * token.
 */
function storeRenewal<T>(
  policy: Policy,
  { cookie, keys }: KeyedCookie,
  alive: Alive<T>,
  needsCopy: boolean,
  due: Due,
  seen: Seen,
  bundle: Bundle,
): void {
  const { term } = alive.record;
  const store = (token: string) => {
    const kept = keptFor(term, Math.max(alive.expiresAt - seen.sealedAt, 0));
    bundle.setCookies(cookie.store("renewal", token, kept));
  };
  const copied = needsCopy ? "with-copy" : "without-copy";
  const token = sealRenewal(keys, policy, alive, copied, seen);
  const limit = cookie.capacity("renewal");
  if (token.length <= limit) return store(token);
  if (alive.token.source === "copy") {
    throw new SealError("too-long", `${token.length} characters; the limit is ${limit}`);
  }
  if (due === "touch") store(sealRenewal(keys, policy, alive, "without-copy", seen));
}
