// Starting and changing a session.
//
// Each function seals the changed session immediately. If that fails, the handler that makes the
// change gets the error, and the response can still be written.

import { equalBytes } from "../bytes.js";
import { SealError } from "../errors.js";
import { secondOf } from "../time.js";
import { keptFor } from "./answer.js";
import type { Core, Written } from "./core.js";
import { SessionError, sealing } from "./error.js";
import { proofOfChange } from "./proving.js";
import { firstId, newId } from "./record.js";
import type { SessionRecord } from "./record.js";
import { checkFit, keysOf } from "./shared.js";
import type { Channel } from "./shared.js";
import { primaryAt, sealFirstRenewal, sealState, stateLength } from "./tokens.js";
import type { StateContents } from "./tokens.js";

/** Options of `session.start`. */
export interface StartOptions {
  /**
   * The ceiling: the session ends at this time at the latest, in seconds since 1970, for example
   * when the session at an identity provider ends.
   */
  readonly ceiling?: number;
  /**
   * Makes the session a remembered session, because the user asked to stay signed in. It has the
   * policy `remembered` of `Sessions`, and its cookie stays in the browser until the absolute
   * timeout, even if the browser is closed.
   */
  readonly remembered?: boolean;
  /**
   * Sends the session over this channel instead of the request's channel, for example when a mobile
   * client signs in without a token.
   */
  readonly over?: Channel;
}

/** A session that is not sealed yet. */
interface Draft {
  readonly record: SessionRecord;
  /** The encoded state. */
  readonly state: Uint8Array;
  readonly channel: Channel;
  readonly kind: Written<unknown>["kind"];
}

export function start<T>(core: Core<T>, state: T, options: StartOptions): void {
  const revision = openRevision(core);
  const channel = options.over ?? core.channel;
  if (core.channel === "bearer" && channel === "cookie") throw new SessionError("no-channel");
  // A browser does not send the tokens of headers by itself, so a page on another origin may ask
  // for them.
  if (channel === "cookie") core.checkSender();
  const now = core.now();
  const encoded = sealing(() => core.shared.payload.encode(state));
  const record: SessionRecord = {
    id: sealing(newId),
    startedAt: now,
    reauthenticatedAt: now,
    ceiling: options.ceiling === undefined ? undefined : secondOf(options.ceiling),
    origin: undefined,
    endedOthers: undefined,
    // A revocation ends sessions that started before its instant, which can be up to two minutes
    // ahead of this server's clock. Such a revocation would also end a session that starts now,
    // although it was made earlier. Therefore the session records these revocations.
    follows: core.shared.revocations?.followed(core.subjectOf(state), now) ?? [],
    term: options.remembered === true ? "remembered" : "ordinary",
    bound: channel === "bearer" ? core.proof?.signIn()?.key : undefined,
  };
  write(core, { record, state: encoded, channel, kind: "started" }, revision);
}

export function set<T>(core: Core<T>, state: T): void {
  change(core, () => state);
}

export function update<T>(core: Core<T>, changeState: (state: T) => T | void): void {
  change(core, (encoded) => {
    const { payload } = core.shared;
    const copy = sealing(() => payload.decode(payload.schemaVersion, encoded));
    const result: T | void = changeState(copy);
    if (isPromise(result)) {
      throw new TypeError(
        "the function of update must not be async, because the session could change meanwhile",
      );
    }
    return result === undefined ? copy : (result as T);
  });
}

function isPromise(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}

export function reauthenticated<T>(core: Core<T>): void {
  const revision = openRevision(core);
  const { record } = core.needed();
  const renewed = { ...renamed(record), reauthenticatedAt: core.now() };
  rename(core, renewed, revision);
}

/** The same session with a new id. */
export function renamed(record: SessionRecord): SessionRecord {
  return { ...record, id: sealing(newId), origin: firstId(record) };
}

/** Seals the session of a request under a new record, which has a new id. */
export function rename<T>(core: Core<T>, record: SessionRecord, revision: number): void {
  const { state } = core.needed();
  const { channel, kind } = writing(core);
  const encoded = sealing(() => core.shared.payload.encode(state));
  // A session that this request has started keeps its kind.
  const renaming = kind === "changed" ? "renamed" : kind;
  write(core, { record, state: encoded, channel, kind: renaming }, revision);
}

/** The number of changes so far, or an error if the response has been sent. */
export function openRevision<T>(core: Core<T>): number {
  if (core.isSent) throw new SessionError("response-sent");
  return core.revision;
}

function change<T>(core: Core<T>, make: (encoded: Uint8Array) => T): void {
  const revision = openRevision(core);
  const { record, state } = core.needed();
  const { payload } = core.shared;
  const before = sealing(() => payload.encode(state));
  const made = make(before);
  const after = sealing(() => payload.encode(made));
  if (equalBytes(before, after)) return;
  write(core, { record, state: after, ...writing(core) }, revision);
}

/**
 * The channel and kind of a change. A session that this request has started or renamed keeps its
 * kind.
 */
function writing<T>(core: Core<T>): { channel: Channel; kind: Written<T>["kind"] } {
  if (core.change.is !== "written") return { channel: core.channel, kind: "changed" };
  const { tokens, kind } = core.change.written;
  return { channel: tokens.channel, kind };
}

/** Seals a draft and stores it, unless another change was stored since `revision`. */
function write<T>(core: Core<T>, draft: Draft, revision: number): void {
  const written = seal(core, draft);
  if (core.revision !== revision) throw new SessionError("conflict");
  if (core.isSent) throw new SessionError("response-sent");
  core.change = { is: "written", written };
  core.revision += 1;
}

function seal<T>(core: Core<T>, { record, state, channel, kind }: Draft): Written<T> {
  const { shared } = core;
  const now = core.now();
  const keys = keysOf(shared, channel);
  if (keys === undefined) throw new SessionError("no-channel");
  const policy = shared.policies[record.term];
  if (policy === undefined) throw new SessionError("no-remembered-policy");
  const expiresAt = policy.deadline(record.startedAt, record.ceiling);
  if (expiresAt <= now) throw new SessionError("ceiling-passed");
  const { payload } = shared;
  const lifetime = Math.max(expiresAt - now, 0);
  const { schemaVersion } = payload;
  const contents: StateContents = { record, issuedAt: now, lifetime, schemaVersion, state };
  const text = sealing(() => sealFitting(core, channel, contents, () => sealState(keys, contents)));
  checkFit(shared, channel, record, text.length);
  const proof = record.bound === undefined ? undefined : proofOfChange(core, kind);
  // In headers, every response that carries a new session id also carries a renewal token. A bound
  // session in a cookie needs a renewal token with its last proof, even after it got a new id.
  const renews =
    channel === "bearer" ? kind !== "changed" : kind === "renamed" && proof !== undefined;
  const renewal = renews
    ? sealing(() => sealFirstRenewal(keys, policy, record.id, proof, now))
    : undefined;
  const tokens = { channel, state: text, renewal, kept: keptFor(record.term, lifetime) };
  const keyId = sealing(() => primaryAt(keys, now));
  // The state is read back, so that this request sees what the next one will see, and so that a
  // later change of the application's own object does not change the session.
  const read = sealing(() => payload.decode(schemaVersion, state));
  return { record, state: read, keyId, tokens, expiresAt, kind };
}

/** A token that is longer than any transport allows is an error that names the cookie's limit. */
function sealFitting<T>(
  core: Core<T>,
  channel: Channel,
  contents: StateContents,
  run: () => string,
): string {
  try {
    return run();
  } catch (error) {
    const isLong = error instanceof SealError && error.code === "too-long";
    if (isLong) checkFit(core.shared, channel, contents.record, stateLength(contents));
    throw error;
  }
}
