// The settings that all sessions of an application share, and the channels.

import { utf8 } from "../bytes.js";
import type { Payload } from "../payload/payload.js";
import type { Revocations } from "../revocation/list.js";
import type { Ring } from "../ring.js";
import { MAX_TOKEN_LENGTH } from "../token.js";
import type { Bearer } from "../transport/bearer.js";
import type { Cookie, Role } from "../transport/cookie.js";
import type { Binding, InCookie, InHeaders } from "./bindings.js";
import { SessionError, tooLarge } from "./error.js";
import type { Event } from "./event.js";
import type { Policies, Policy, Term } from "./policy.js";
import type { SessionRecord } from "./record.js";
import { renewalLength } from "./tokens.js";

/**
 * The transport of a session: a browser's cookies, or headers.
 */
export type Channel = "cookie" | "bearer";

/**
 * Where the tokens of a request were found: in the configured cookie or in headers (`current`), or
 * in the former cookie with this index.
 */
export type Place = "current" | number;

/** The ring, and the purposes of the state tokens and the renewal tokens of one channel. */
export interface ChannelKeys {
  readonly ring: Ring;
  readonly state: Uint8Array;
  readonly renewal: Uint8Array;
}

export interface KeyedCookie {
  readonly cookie: Cookie;
  readonly keys: ChannelKeys;
}

/**
 * The result of the application's check:
 *
 * - `holds`: the session is still valid. The check runs again after `revalidateAfter`.
 * - `over`: the session is over, for example because the account was closed or the password was
 *   changed.
 * - `unknown`: the check could not decide. Then this request has no session, `require` answers with
 *   503, and the next request runs the check again.
 */
export type Validity = "holds" | "over" | "unknown";

export interface Shared<T> {
  readonly ring: Ring;
  readonly payload: Payload<T>;
  readonly policies: Policies;
  readonly cookie: KeyedCookie | undefined;
  /** The former cookies that have another name. */
  readonly former: readonly KeyedCookie[];
  readonly bearer: { readonly bearer: Bearer; readonly keys: ChannelKeys } | undefined;
  /** The settings of sessions in the cookie that browsers bind. */
  readonly boundInCookie: InCookie | undefined;
  /** The settings of sessions in headers that clients bind. */
  readonly boundInHeaders: InHeaders | undefined;
  readonly trustOrigins: readonly string[];
  readonly clock: () => number;
  readonly signInPage: string | undefined;
  readonly stepUpPage: string | undefined;
  readonly onEvent: ((event: Event) => void) | undefined;
  readonly revocations: Revocations | undefined;
  readonly subject: ((state: T) => string) | undefined;
  readonly revalidate: ((state: T) => Validity | Promise<Validity>) | undefined;
  /** In seconds. */
  readonly revalidateAfter: number;
}

/**
 * The purposes of one channel (spec section 9). `channel` is the channel string without its name
 * for bearer tokens, and the name of the cookie otherwise.
 */
export function channelKeys(ring: Ring, purpose: string, channel: readonly string[]): ChannelKeys {
  const of = (role: string) => utf8([purpose, role, ...channel].join("\0"));
  return { ring, state: of("state"), renewal: of("renewal") };
}

/** The cookie in which the tokens of a request were found, and its keys. */
export function cookieAt<T>(shared: Shared<T>, place: Place): KeyedCookie | undefined {
  return place === "current" ? shared.cookie : shared.former[place];
}

/** The keys of the tokens of a request. */
export function keysAt<T>(shared: Shared<T>, channel: Channel, place: Place) {
  return channel === "cookie" ? cookieAt(shared, place)?.keys : keysOf(shared, channel);
}

/** The keys of new tokens. */
export function keysOf<T>(shared: Shared<T>, channel: Channel): ChannelKeys | undefined {
  return channel === "cookie" ? shared.cookie?.keys : shared.bearer?.keys;
}

/**
 * The policy of a session. A remembered session is only judged alive if there is a policy for it.
 */
export function policyFor<T>({ policies }: Shared<T>, term: Term): Policy {
  return policies[term] ?? policies.ordinary;
}

/** The settings of bound sessions of a channel. */
export function bindingOf<T>(shared: Shared<T>, channel: Channel): Binding | undefined {
  return (channel === "cookie" ? shared.boundInCookie : shared.boundInHeaders)?.binding;
}

/** Whether guards may redirect to a page. */
export function hasPages<T>({ signInPage, stepUpPage }: Shared<T>): boolean {
  return signInPage !== undefined || stepUpPage !== undefined;
}

/** The name of the cookie, or of the response header, that carries the state token. */
export function carrierOf<T>(shared: Shared<T>, channel: Channel): string | undefined {
  return channel === "cookie" ? shared.cookie?.cookie.name : shared.bearer?.bearer.tokenHeader;
}

/** The `Vary` header of a response that depends on a session. */
export function varyOf<T>({ cookie, bearer, boundInHeaders }: Shared<T>): string {
  const names = [
    cookie === undefined ? "" : "Cookie",
    bearer === undefined ? "" : "Authorization",
    bearer === undefined || boundInHeaders === undefined ? "" : "DPoP",
  ];
  return names.filter((name) => name !== "").join(", ");
}

/**
 * Checks that a state token of `length` characters fits the channel, and that a renewal token with
 * a copy of this state token fits too.
 */
export function checkFit<T>(
  shared: Shared<T>,
  channel: Channel,
  record: SessionRecord,
  length: number,
): void {
  if (keysOf(shared, channel) === undefined) throw new SessionError("no-channel");
  const lengths: [Role, number][] = [
    ["state", length],
    ["renewal", renewalLength(record, length)],
  ];
  for (const [role, needed] of lengths) {
    const cookie = channel === "cookie" ? shared.cookie?.cookie : undefined;
    const name = cookie?.nameLength(role) ?? 0;
    const room = cookie?.capacity(role) ?? MAX_TOKEN_LENGTH;
    if (needed > room) throw tooLarge(name + needed, name + room);
  }
}
