// The settings of sessions that are bound to a key, for each channel.

import { BullaError } from "../errors.js";
import { canVerify } from "../p256.js";
import { addressOf } from "../proof/address.js";
import type { Ring } from "../ring.js";
import { CLOCK_SKEW, plus, wholeSeconds } from "../time.js";
import type { Cookie } from "../transport/cookie.js";
import { Challenges } from "./challenge.js";
import { UsedHere } from "./used.js";
import type { UsedTokens } from "./used.js";

/** The settings that both channels have. */
export interface BindingOptions {
  /**
   * How many seconds a proof counts: at least 10. The default is 600. Copies of the tokens are
   * worthless after this time. Use the same value in all services that share the sessions. The
   * clocks of two servers may differ by a minute, so use less than 300 only in tests.
   */
  readonly proofLifetime?: number;
  /**
   * Refuses a session if it is not bound to a key and the sign-in is at least this many seconds ago
   * (`not-bound`). Without this setting, clients that send no proof have ordinary sessions.
   */
  readonly requireAfter?: number;
}

/**
 * Settings of sessions that clients without cookies bind to a key, with proofs of DPoP (RFC 9449)
 * and ES256.
 *
 * A session that starts in a request with a proof is bound to the key of this proof. It is then
 * alive only while the last proof is recent. When a proof is due, the response is a 401 with a
 * challenge, and the client repeats its request with a proof. A thief who copies the tokens can use
 * them only until the last proof is too old.
 *
 * A proof in a request is always verified: it must be for the method and the address of the request
 * (`htm`, `htu`), name the state token (`ath`) and contain a challenge of this session (`nonce`),
 * and it is accepted once. At a sign-in, the challenge may be missing if the time of the proof
 * (`iat`) is at most 60 seconds before or after that of the server.
 *
 * A request in the scheme `DPoP` needs a proof to start a session again and, with revocations, to
 * end it.
 *
 * @example
 * ```ts
 * const sessions = new Sessions({ ring, payload, dpop: { address: "https://api.bank.example" } });
 * ```
 */
export interface DpopOptions extends BindingOptions {
  /**
   * The address under which clients reach the application, such as `https://api.bank.example`, or
   * several. A proof names the address of its request, and the application cannot know it: a proxy
   * may have changed `Host`, the scheme or the beginning of the path.
   *
   * The address may have a path. The path of the request, as the application sees it, is appended.
   */
  readonly address: string | readonly string[];
  /**
   * Refuses a session in headers if it is not bound to a key and the sign-in is at least this many
   * seconds ago (`not-bound`). With 0, no session starts in headers without a proof. Without this
   * setting, clients that send no proof have ordinary sessions.
   */
  readonly requireAfter?: number;
  /**
   * The store of the proofs that were used. The default is a {@link UsedHere}, with which a copy of
   * a request may be accepted once by each other server, until its challenge is too old.
   *
   * With another store, call `await session.checkProof()` before each `session.start`. If the store
   * fails, the response is a 503.
   */
  readonly used?: UsedTokens;
}

/**
 * Settings of sessions in a cookie that browsers bind to the device (Device Bound Session
 * Credentials).
 *
 * This package judges such sessions: a session is alive while the last proof counts. A browser
 * sends its key and its proofs to two paths, which the Rust service of the same origin answers.
 * Requests for these paths must reach that service. If no service answers them, browsers have
 * ordinary sessions.
 *
 * Browsers bind sessions only over HTTPS, and not in a partitioned cookie.
 */
export interface DeviceBoundOptions extends BindingOptions {
  /**
   * The path below which the Rust service answers the browser's requests. The default is `/bulla/`
   * and the name of the cookie without its prefix, as in Rust.
   */
  readonly below?: string;
}

/** The settings of one channel. */
export class Binding {
  /** How long a proof counts, in seconds. */
  readonly proofLifetime: number;
  /**
   * How long after its start a session is accepted without being bound. `undefined` means until its
   * end.
   */
  readonly requireAfter: number | undefined;
  readonly challenges: Challenges;

  constructor(options: BindingOptions, challenges: Challenges) {
    this.proofLifetime = wholeSeconds(options.proofLifetime ?? PROOF_LIFETIME);
    if (this.proofLifetime < MIN_PROOF_LIFETIME) {
      throw new RangeError(`the proof lifetime must be at least ${MIN_PROOF_LIFETIME} seconds`);
    }
    const { requireAfter } = options;
    this.requireAfter = requireAfter === undefined ? undefined : wholeSeconds(requireAfter);
    this.challenges = challenges;
  }

  /** Whether a proof from `at` counts at `now`. */
  counts(at: number, now: number): boolean {
    return now < plus(at, this.proofLifetime);
  }

  /** Whether a session that started then must have a key at `now`. */
  requiresKey(startedAt: number, now: number): boolean {
    return this.requireAfter !== undefined && now >= plus(startedAt, this.requireAfter);
  }
}

const PROOF_LIFETIME = 10 * 60;
const MIN_PROOF_LIFETIME = 10;

/** The settings of sessions in a cookie, which browsers bind. */
export interface InCookie {
  readonly binding: Binding;
  /** The path to which a browser sends its key. */
  readonly registerPath: string;
}

/** The settings of sessions in headers, which clients bind with DPoP. */
export interface InHeaders {
  readonly binding: Binding;
  /** The addresses under which clients reach the application. The path of a request is appended. */
  readonly addresses: readonly string[];
  /** The proofs that were used. */
  readonly used: UsedTokens;
  /** How long a challenge can be opened, in seconds. From then on, its proofs count nowhere. */
  readonly longestChallenge: number;
}

export function inHeaders(options: DpopOptions, ring: Ring, purpose: string): InHeaders {
  checkSettings("dpop", options, '{ address: "https://api.bank.example" }');
  if (!canVerify()) throw new Error("this platform has no WebCrypto, which verifies proofs");
  const { address, used = new UsedHere() } = options;
  const addresses: readonly unknown[] = Array.isArray(address) ? address : [address];
  if (addresses.length === 0) throw new AddressError();
  if (typeof (used as Partial<UsedTokens> | null)?.claim !== "function") {
    throw new TypeError("used must be a store with the method claim");
  }
  const binding = new Binding(options, new Challenges(ring, purpose, ["bearer"]));
  return {
    binding,
    addresses: addresses.map(checkedAddress),
    used,
    // The proof lifetime, and twice the difference of two servers' clocks.
    longestChallenge: binding.proofLifetime + 2 * CLOCK_SKEW,
  };
}

export function inCookie(
  options: DeviceBoundOptions,
  ring: Ring,
  purpose: string,
  cookie: Cookie,
): InCookie {
  checkSettings("deviceBound", options, "{}");
  const below = checkedPath((options.below ?? cookie.boundPath).replace(/\/+$/, ""));
  const challenges = new Challenges(ring, purpose, ["cookie", cookie.name]);
  return { binding: new Binding(options, challenges), registerPath: `${below}/register` };
}

/** Plain JavaScript may pass anything. */
function checkSettings(name: string, settings: unknown, such: string): void {
  if (typeof settings !== "object" || settings === null) {
    throw new TypeError(`${name} must be an object of settings, such as ${such}`);
  }
}

function checkedAddress(address: unknown): string {
  const isAddress = typeof address === "string" && addressOf(address) !== undefined;
  if (!isAddress || /[?#]/.test(address)) throw new AddressError();
  return address.replace(/\/+$/, "");
}

/** Fails at startup instead of in each request. */
function checkedPath(path: string): string {
  if (!/^\/[A-Za-z0-9/._~-]*$/.test(path)) {
    throw new TypeError(
      `the path ${path} must begin with / and have only letters, digits and /-._~`,
    );
  }
  return path;
}

/** The error for a text that is not the address of an application. */
export class AddressError extends BullaError {
  override readonly code = "address";

  /** @internal */
  constructor() {
    super(
      "the address of the application must be like https://api.bank.example, without a query, a " +
        "fragment or a user name",
    );
  }
}
