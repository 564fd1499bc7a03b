// The sessions of an application: their settings, loading the session of a request, and revoking
// sessions.

import { checkTyped } from "../options.js";
import { subjectOf } from "../revocation/entry.js";
import { Revocations } from "../revocation/list.js";
import type { Payload } from "../payload/payload.js";
import type { Ring } from "../ring.js";
import { secondOf, unixNow, wholeSeconds } from "../time.js";
import { Bearer, credentials } from "../transport/bearer.js";
import type { Credentials, Scheme } from "../transport/bearer.js";
import { Cookie } from "../transport/cookie.js";
import { checkedOrigin, senderOf } from "../transport/cross-origin.js";
import type { Sender } from "../transport/cross-origin.js";
import type { RequestParts } from "../transport/request.js";
import { askerOf, followsLinkElsewhere } from "./asker.js";
import type { Asker } from "./asker.js";
import { inCookie, inHeaders } from "./bindings.js";
import type { DeviceBoundOptions, DpopOptions } from "./bindings.js";
import { localPath, pathOf } from "./come-back.js";
import { Core } from "./core.js";
import { SessionError } from "./error.js";
import type { Event } from "./event.js";
import type { Carried } from "./judge.js";
import { Policy, longestAbsolute } from "./policy.js";
import type { Prompt } from "./proving.js";
import type { Presented } from "./request-proof.js";
import { Session } from "./session.js";
import { carrierOf, channelKeys, hasPages } from "./shared.js";
import type { Channel, KeyedCookie, Shared, Validity } from "./shared.js";

/** Settings of {@link Sessions}. */
export interface SessionsOptions<T> {
  /** The key ring, or a handle to a ring that is replaced while it is in use. */
  readonly ring: Ring;
  /** The type of the state, with its purpose and schema version. */
  readonly payload: Payload<T>;
  /** The timeouts. The default is 30 minutes idle and 12 hours in total. */
  readonly policy?: Policy;
  /**
   * The timeouts of remembered sessions: those of users who check the box "keep me signed in". Set
   * them on all servers before users see the checkbox: a server without them leaves remembered
   * sessions alone, so their users seem signed out there.
   */
  readonly remembered?: Policy;
  /**
   * The cookie that carries sessions. Without `cookie` and `bearer`, it is `new Cookie()`. If an
   * application has two kinds of session, give each its own cookie name.
   */
  readonly cookie?: Cookie;
  /** Carries sessions in headers, alone or together with a cookie. */
  readonly bearer?: Bearer;
  /**
   * Binds sessions in headers to a key of the client, if the client sends a proof with its sign-in
   * (DPoP, RFC 9449), and judges such sessions of other services. If `bearer` is not set, this option
   * sets it. The default cookie stays on, unless you choose a transport yourself.
   *
   * Set it on all servers before the first session is bound: a server without it leaves bound
   * sessions alone, so their users seem signed out there.
   */
  readonly dpop?: DpopOptions;
  /**
   * Judges sessions in the cookie that browsers have bound to their device. As `dpop`, set it on all
   * servers.
   */
  readonly deviceBound?: DeviceBoundOptions;
  /**
   * Other origins whose pages may use sessions in cookies, such as `https://app.bank.example`. They
   * must be written as browsers write the header `Origin`. Only trust an origin whose pages you
   * control, or an identity provider that sends a user back with a form.
   */
  readonly trustOrigins?: readonly string[];
  /**
   * Refuses sessions that this list revokes. With a list, signing out also revokes copies of the
   * session's tokens. Several kinds of session may share one list.
   */
  readonly revocations?: Revocations;
  /**
   * Returns the subject of a session: a text that identifies its user, such as the account's
   * number. It must be the same on all servers, whatever their language.
   */
  readonly subject?: (state: T) => string;
  /**
   * The check with which the application decides whether a session is still valid. For example, it
   * can check that the account is open. It runs again when its last answer is older than
   * `revalidateAfter`, so a session that is no longer valid ends within that time.
   */
  readonly revalidate?: (state: T) => Validity | Promise<Validity>;
  /**
   * How many seconds an answer of `revalidate`, a sign-in or a reauthentication counts. The default
   * is 300.
   */
  readonly revalidateAfter?: number;
  /**
   * The page to which `session.require` redirects a browser without a session. Only navigations are
   * redirected. Their path is added as the parameter `next`, which `localPath` reads safely.
   */
  readonly signInPage?: string;
  /** The page to which `session.requireFresh` redirects a browser. Like `signInPage`. */
  readonly stepUpPage?: string;
  /**
   * Is called with each event, for metrics. It should only count and return. An error that it throws
   * is ignored.
   */
  readonly onEvent?: (event: Event) => void;
  /** Replaces the system clock, for tests: returns seconds since 1970. */
  readonly clock?: () => number;
}

/**
 * The sessions of an application with state of type `T`.
 *
 * Make one value at startup. All requests share it. The adapters in `bulla/fetch` and `bulla/node`
 * wrap it.
 *
 * @example
 * ```ts
 * const account = payload({ purpose: "bank.example/session", encoding: json<{ id: number }>() });
 * const sessions = new Sessions({ ring: KeyRing.parse(text), payload: account });
 *
 * const session = sessions.load({ method: "POST", values: () => [] });
 * session.start({ id: 7 });
 * for (const line of session.commit()) response.headers.append(line.name, line.value);
 * ```
 *
 * # Cross-origin requests
 *
 * If a page on another origin sends a request, the request has no session in cookies
 * (`cross-origin`), and it cannot start, change or end one. `session.require` answers with 403. The
 * tokens in the browser stay. This prevents cross-site request forgery. It also prevents an
 * attacker's page from signing a user in to an account of the attacker.
 *
 * The rule applies to all methods except `GET`, `HEAD` and `OPTIONS`, which should change nothing.
 * It also applies to every `GET` with a header `Upgrade`. A request comes from another origin if it
 * has a header `Sec-Fetch-Site` with a value other than `same-origin` and `none`. Without that
 * header, the request comes from another origin if the host and the port in its header `Origin`
 * differ from those in `Host`. A request with neither header does not come from a browser.
 */
export class Sessions<T> {
  readonly #shared: Shared<T>;

  /**
   * @throws {@link OriginError} for an origin that no browser sends, and {@link AddressError} for an
   * address that no client uses. TypeError if an option has the wrong type, if a page is empty or has
   * characters that are not visible ASCII, or if a time is negative or not a number. RangeError if a
   * proof lifetime is below 10 seconds.
   */
  constructor(options: SessionsOptions<T>) {
    checkTyped(options);
    checkClasses(options);
    this.#shared = sharedOf(options);
    const { revocations, policies } = this.#shared;
    revocations?.usedBy(longestAbsolute(policies));
  }

  /**
   * Loads the session of a request. Nothing is decrypted until the handler reads the session.
   *
   * If `bearer` is set and the request has an `Authorization: Bearer` header, the session is read
   * from headers and cookies are ignored. With `dpop`, this is also the case for a request with
   * `Authorization: DPoP` or with a header `DPoP`. Otherwise it is read from cookies, if no page on
   * another origin sent the request. To only read a session, do not call its `commit`.
   *
   * `now` is the time of the request in seconds since 1970. The default is the clock.
   */
  load(request: RequestParts, options: { readonly now?: number } = {}): Session<T> {
    const { values } = request;
    const asker = hasPages(this.#shared) ? askerOf(values) : "script";
    const now = options.now === undefined ? undefined : secondOf(options.now);
    const target = targetOf(request, asker);
    const here = this.#shared.boundInCookie && localPath(request.target);
    const asking = { ...this.#carried(request), asker, target, here, now };
    return new Session(new Core(this.#shared, asking));
  }

  /**
   * Revokes all sessions of a subject that exist now, on every server that shares the list. Call it
   * when the user changes the password or closes the account.
   *
   * @throws {@link SessionError} `no-revocations` or `no-subject`. Nothing is revoked then.
   */
  revokeSubject(name: string): void {
    const { revocations, now } = this.#revocations();
    if (this.#shared.subject === undefined) throw new SessionError("no-subject");
    revocations.revokeSubject(subjectOf(this.#shared.payload.purpose, name), now);
  }

  /**
   * Revokes one session, on every server that shares the list. `id` is the session's `info.origin`,
   * for example from a list of the user's devices.
   *
   * @throws {@link SessionError} `no-revocations`. TypeError if `id` is not a session id.
   */
  revokeSession(id: string): void {
    if (typeof id !== "string" || !/^[0-9a-f]{32}$/.test(id)) {
      throw new TypeError("a session id has 32 hexadecimal digits in lower case");
    }
    const { revocations, now } = this.#revocations();
    revocations.addAt(now, { kind: "session", id, until: revocations.last(now) });
  }

  /**
   * Revokes every session that exists now, on every server that shares the list.
   *
   * @throws {@link SessionError} `no-revocations`.
   */
  revokeAll(): void {
    const { revocations, now } = this.#revocations();
    revocations.revokeAll(now);
  }

  /** The full name of the cookie that carries the state token, if there is one. */
  get cookieName(): string | undefined {
    return carrierOf(this.#shared, "cookie");
  }

  /**
   * The lower-case name of the header that carries the renewal token, if there is one.
   *
   * @internal
   */
  get renewalHeader(): string | undefined {
    return this.#shared.bearer?.bearer.renewalHeader;
  }

  /**
   * The list of revocations, if there is one.
   *
   * @internal
   */
  get revocations(): Revocations | undefined {
    return this.#shared.revocations;
  }

  #revocations(): { readonly revocations: Revocations; readonly now: number } {
    const { revocations, clock } = this.#shared;
    if (revocations === undefined) throw new SessionError("no-revocations");
    return { revocations, now: clock() };
  }

  #carried(request: RequestParts): {
    readonly channel: Channel;
    readonly sender: Sender;
    readonly carried: Carried;
    readonly prompt: Prompt;
    readonly presented: Presented | undefined;
  } {
    const { method, values } = request;
    const { bearer, cookie, trustOrigins, boundInHeaders } = this.#shared;
    const binds = boundInHeaders !== undefined;
    const presented = (scheme: Scheme | undefined) =>
      binds ? presentedIn(request, scheme) : undefined;
    const isAccepted = (found: Credentials | undefined): found is Credentials =>
      found?.scheme === "bearer" || (binds && found?.scheme === "dpop");
    const found = bearer && values("authorization").map(credentials).filter(isAccepted);
    const [first] = found ?? [];
    if (bearer !== undefined && found !== undefined && first !== undefined) {
      // If a request has two bearer credentials, neither is trusted.
      const states = found.length === 1 ? [first.token] : [];
      const renewals = values(bearer.bearer.renewalHeader)
        .slice(0, 1)
        .filter((v) => v !== "");
      // A page on another origin cannot send this header, unless the application allows it with
      // CORS, and no browser adds it to a request.
      return {
        channel: "bearer",
        sender: "trusted",
        carried: { states, renewals, place: "current" },
        prompt: "none",
        presented: presented(first.scheme),
      };
    }
    // A client that proves a key and has no tokens yet signs in over headers.
    if (cookie === undefined || (binds && values("dpop").length > 0)) {
      return {
        channel: "bearer",
        sender: "trusted",
        carried: NOTHING,
        prompt: "none",
        presented: presented(undefined),
      };
    }
    const sender = senderOf(method, values, trustOrigins);
    return {
      channel: "cookie",
      sender,
      carried: sender === "trusted" ? this.#inCookies(cookie, values("cookie")) : NOTHING,
      prompt: this.#promptOf(cookie, request),
      presented: undefined,
    };
  }

  #promptOf({ cookie }: KeyedCookie, { method, values }: RequestParts): Prompt {
    if (this.#shared.boundInCookie === undefined) return "none";
    if (values("secure-session-skipped").length > 0) return "later";
    if (cookie.hasBound(values("cookie"))) return "delete-cookie";
    return followsLinkElsewhere(method, values) ? "reload" : "none";
  }

  #inCookies({ cookie }: KeyedCookie, headers: readonly string[]): Carried {
    const states = cookie.find(headers, "state");
    if (states.length === 0) {
      // A former cookie counts only if this cookie has no state token. Otherwise, the former cookie
      // would revive a session that has moved to this cookie and has ended since.
      for (const [place, { cookie: former }] of this.#shared.former.entries()) {
        const states = former.find(headers, "state");
        if (states.length === 0) continue;
        return { states, renewals: former.find(headers, "renewal"), place };
      }
    }
    // Renewal tokens are read even if there is no state token. A late response may have left a
    // renewal token in the client. The next sign-in must delete this token, because it would
    // prevent renewals of the new session.
    return { states, renewals: cookie.find(headers, "renewal"), place: "current" };
  }
}

const NOTHING: Carried = { states: [], renewals: [], place: "current" };

/** The default of `revalidateAfter`, in seconds. */
const REVALIDATE_AFTER = 5 * 60;

function sharedOf<T>(options: SessionsOptions<T>): Shared<T> {
  const { ring, payload, dpop, deviceBound } = options;
  const { purpose } = payload;
  const bearer = options.bearer ?? (dpop === undefined ? undefined : new Bearer());
  const keyed = (cookie: Cookie): KeyedCookie => ({
    cookie,
    keys: channelKeys(ring, purpose, ["cookie", cookie.name]),
  });
  const cookie = options.cookie ?? (options.bearer === undefined ? new Cookie() : undefined);
  return {
    ring,
    payload,
    policies: { ordinary: options.policy ?? new Policy(), remembered: options.remembered },
    cookie: cookie && keyed(cookie),
    former: cookie?.renamed.map(keyed) ?? [],
    bearer: bearer && { bearer, keys: channelKeys(ring, purpose, ["bearer"]) },
    boundInCookie: deviceBound && cookie && inCookie(deviceBound, ring, purpose, cookie),
    boundInHeaders: dpop && inHeaders(dpop, ring, purpose),
    trustOrigins: (options.trustOrigins ?? []).map(checkedOrigin),
    clock: () => secondOf((options.clock ?? unixNow)()),
    signInPage: checkedPage(options.signInPage),
    stepUpPage: checkedPage(options.stepUpPage),
    onEvent: options.onEvent,
    revocations: options.revocations,
    subject: options.subject,
    revalidate: options.revalidate,
    revalidateAfter: wholeSeconds(options.revalidateAfter ?? REVALIDATE_AFTER),
  };
}

/** Plain JavaScript may pass the settings of a class, such as `{ name: "id" }`, in its place. */
function checkClasses<T>(options: SessionsOptions<T>): void {
  const { policy, remembered, cookie, bearer, revocations } = options;
  const table: readonly [string, unknown, abstract new (...values: never) => object, string][] = [
    ["policy", policy, Policy, "new Policy({ … })"],
    ["remembered", remembered, Policy, "new Policy({ … })"],
    ["cookie", cookie, Cookie, "new Cookie({ … })"],
    ["bearer", bearer, Bearer, "new Bearer()"],
    ["revocations", revocations, Revocations, "new Revocations(), or that of followRevocations"],
  ];
  for (const [name, value, type, such] of table) {
    if (value !== undefined && !(value instanceof type)) {
      throw new TypeError(`${name} must be ${such}`);
    }
  }
}

/**
 * The path and query to which a user can come back after a redirect. Only a navigation with GET or
 * HEAD can be repeated. For a request from htmx, it is the page that the user sees.
 */
function targetOf({ method, values, target }: RequestParts, asker: Asker): string | undefined {
  if (asker === "htmx") return pathOf(values("hx-current-url")[0] ?? "");
  const comesBack = asker === "navigation" && (method === "GET" || method === "HEAD");
  return comesBack ? localPath(target) : undefined;
}

/** Fails at startup instead of in each request. */
function checkedPage(path: string | undefined): string | undefined {
  if (path !== undefined && !/^[\x21-\x7e]+$/.test(path)) {
    throw new TypeError("the path of a page must be visible ASCII and not empty");
  }
  return path;
}

/** What a request says about its sender's key. */
function presentedIn(
  { method, values, target }: RequestParts,
  scheme: Scheme | undefined,
): Presented {
  const path = target?.split(/[?#]/)[0];
  return {
    method,
    scheme,
    proofs: values("dpop").slice(0, 2),
    path: path?.startsWith("/") === true ? path : undefined,
  };
}
