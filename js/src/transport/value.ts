// Reading, taking and setting the value of a sealed cookie in one request.

import { octets } from "../bytes.js";
import { BullaError, OpenError, SealError } from "../errors.js";
import type { Payload } from "../payload/payload.js";
import type { Ring } from "../ring.js";
import { BUCKET, openBytes, sealBytes, sealedLength, writeBody } from "../token.js";
import type { Contents } from "../token.js";
import { decodePayload, encodePayload } from "../values.js";
import { Bundle } from "./bundle.js";
import type { Cookie } from "./cookie.js";
import type { Sender } from "./cross-origin.js";

/** A cookie, and the purpose of its tokens. */
export interface Place {
  readonly cookie: Cookie;
  readonly purpose: Uint8Array;
}

/** The settings that all requests share. */
export interface Settings<T> {
  readonly ring: Ring;
  readonly payload: Payload<T>;
  /** The cookie that is written. */
  readonly current: Place;
  /** The former cookies that have another name. */
  readonly former: readonly Place[];
  /** In seconds. */
  readonly lifetime: number;
  readonly clock: () => number;
  readonly trustOrigins: readonly string[];
}

/** What a request has in its cookies. */
export interface Carried {
  /** The cookie that the tokens are in. */
  readonly place: Place;
  readonly tokens: readonly string[];
}

type Change = { readonly is: "untouched" | "removed" } | { readonly is: "set"; token: string };

type Opening<T> =
  | { readonly is: "absent" }
  | { readonly is: "refused"; readonly error: OpenError }
  | { readonly is: "opened"; readonly value: T };

/**
 * The value of a {@link SealedCookie} in one request.
 *
 * The cookie is opened when the handler reads it, and the response carries the change to the
 * client. If the response is a server error, a value that the handler has set is not sent, but a
 * value that it has taken stays deleted.
 *
 * If a page on another origin sent the request, there is no value and nothing can change.
 *
 * | member | effect |
 * |---|---|
 * | `get` | returns the value and keeps the cookie |
 * | `take` | returns the value and deletes the cookie |
 * | `set` | writes a new value |
 * | `remove` | deletes the cookie |
 *
 * @example
 * ```ts
 * const begun = signIn.take();
 * if (begun?.state !== answer.get("state")) return new Response("Sign in again.", { status: 400 });
 * ```
 */
export class Sealed<T> {
  readonly #settings: Settings<T>;
  /** The time that the caller set. */
  readonly #now: number | undefined;
  readonly #sender: Sender;
  /** The tokens that the next read tries. */
  #carried: Carried;
  #change: Change = { is: "untouched" };
  /** Whether the request deleted the cookie with which it arrived. */
  #hasRemoved = false;
  /** Whether the response depends on the cookie. */
  #isUsed = false;
  #isSent = false;

  /** @internal */
  constructor(settings: Settings<T>, now: number | undefined, sender: Sender, carried: Carried) {
    this.#settings = settings;
    this.#now = now;
    this.#sender = sender;
    this.#carried = carried;
  }

  /**
   * Returns the value, if the request carries one, or the value that this request has set. Each
   * call decodes the value again.
   */
  get(): T | undefined {
    this.#isUsed = true;
    return valueOf(this.#open());
  }

  /**
   * Returns the value and deletes the cookie, so that the next request has no value.
   *
   * A second call in the same request returns `undefined`. A call after the headers of the response
   * were sent also returns `undefined`, because the cookie can then no longer be deleted.
   *
   * The server does not store which cookies were taken. If a client has kept a copy of the cookie,
   * it can send the copy again until the lifetime has passed.
   */
  take(): T | undefined {
    if (this.#isSent) return undefined;
    this.#isUsed = true;
    const opening = this.#open();
    const isLeftAlone =
      opening.is === "absent" || (opening.is === "refused" && opening.error.mayBeValidElsewhere);
    if (!isLeftAlone) this.#delete();
    return valueOf(opening);
  }

  /**
   * Writes a new value, whose lifetime begins now.
   *
   * @throws {@link SetError}. The old value is then kept.
   */
  set(value: T): void {
    const token = seal(this.#settings, value, this.#time());
    this.#checkChange();
    this.#carried = { place: this.#settings.current, tokens: [token] };
    this.#change = { is: "set", token };
  }

  /**
   * Deletes the cookie.
   *
   * @throws {@link SetError} `response-sent` or `cross-origin`.
   */
  remove(): void {
    this.#checkChange();
    this.#delete();
  }

  /**
   * Why the cookie of the request was refused, for logs. `undefined` if there is a value, if there
   * is no cookie, or if a page on another origin sent the request.
   */
  get refused(): OpenError | undefined {
    this.#isUsed = true;
    const opening = this.#open();
    return opening.is === "refused" ? opening.error : undefined;
  }

  /**
   * Discards a value that this request has set. If the request has taken or removed the value
   * before, the cookie is still deleted.
   *
   * Adapters call this if the response is a server error.
   */
  discardChanges(): void {
    if (this.#change.is !== "set") return;
    this.#change = { is: this.#hasRemoved ? "removed" : "untouched" };
  }

  /**
   * Returns the header lines for the response. After this call, changes fail with `response-sent`.
   */
  commit(): Bundle {
    const bundle = new Bundle();
    const isSent = this.#isSent;
    this.#isSent = true;
    if (isSent || !this.#isUsed) return bundle;
    const lines = this.#lines();
    if (lines.length > 0) {
      bundle.setCookies(this.#settings.current.cookie.removeFormer("state"));
      bundle.setCookies(lines);
      bundle.noStore();
    }
    bundle.vary("Cookie");
    return bundle;
  }

  #lines(): string[] {
    const { current, lifetime } = this.#settings;
    switch (this.#change.is) {
      case "untouched":
        return [];
      case "removed":
        return current.cookie.remove("state");
      case "set":
        return current.cookie.store("state", this.#change.token, {
          until: "as-configured",
          age: lifetime,
        });
    }
  }

  /**
   * Opens the first token that is valid. If no token is valid and one of them must be left alone,
   * returns the error of this token, so that nothing is deleted.
   */
  #open(): Opening<T> {
    let refused: OpenError | undefined;
    for (const token of this.#carried.tokens) {
      try {
        return { is: "opened", value: this.#opened(token) };
      } catch (error) {
        if (!(error instanceof OpenError)) throw error;
        refused = error.mayBeValidElsewhere ? error : (refused ?? error);
      }
    }
    return refused === undefined ? { is: "absent" } : { is: "refused", error: refused };
  }

  #opened(token: string): T {
    const { ring, payload, lifetime } = this.#settings;
    const { cookie, purpose } = this.#carried.place;
    const opened = openBytes(ring, purpose, octets(token), {
      now: this.#time(),
      longestLifetime: lifetime,
      schemas: payload.schemaVersions,
      maxLength: cookie.capacity("state"),
    });
    return decodePayload(payload, opened);
  }

  #checkChange(): void {
    this.#isUsed = true;
    if (this.#isSent) throw new SetError("response-sent");
    if (this.#sender === "cross-origin") throw new SetError("cross-origin");
  }

  #delete(): void {
    this.#carried = { place: this.#settings.current, tokens: [] };
    this.#change = { is: "removed" };
    this.#hasRemoved = true;
  }

  #time(): number {
    return this.#now ?? this.#settings.clock();
  }
}

function valueOf<T>(opening: Opening<T>): T | undefined {
  return opening.is === "opened" ? opening.value : undefined;
}

function seal<T>(settings: Settings<T>, value: T, now: number): string {
  const { ring, current } = settings;
  try {
    return sealBytes(ring, current.purpose, contentsOf(settings, value, now));
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    if (error.code === "too-long") {
      throw tooLarge(current.cookie, contentsOf(settings, value, now));
    }
    throw new SetError("seal", { message: error.message, cause: error });
  }
}

function contentsOf<T>(settings: Settings<T>, value: T, now: number): Contents {
  const { payload, lifetime, current } = settings;
  return {
    issuedAt: now,
    lifetime,
    schemaVersion: payload.schemaVersion,
    payload: encodePayload(payload, value),
    bucket: BUCKET,
    maxLength: current.cookie.capacity("state"),
  };
}

function tooLarge(cookie: Cookie, contents: Contents): SetError {
  const name = cookie.nameLength("state");
  const size = name + sealedLength(writeBody(contents).length);
  const limit = name + cookie.capacity("state");
  const message =
    `the cookie would have ${size} octets, but browsers keep only ${limit}: store less in it or ` +
    "split it over several cookies";
  return new SetError("too-large", { message });
}

/**
 * The codes of {@link SetError}:
 *
 * | code | meaning |
 * |---|---|
 * | `response-sent` | the headers of the response were already sent |
 * | `cross-origin` | a page on another origin sent the request |
 * | `seal` | the value could not be encoded or sealed; `cause` is the {@link SealError} |
 * | `too-large` | the value is too large for its cookie |
 */
export type SetCode = keyof typeof MESSAGES;

const MESSAGES = {
  "response-sent": "the response was already sent, so the cookie can no longer change",
  "cross-origin":
    "a page on another origin cannot change the cookie; if the origin is yours, add it to " +
    "trustOrigins",
  seal: "the value could not be encoded or sealed",
  "too-large": "the value is too large for its cookie",
} as const;

/**
 * Why the value of a sealed cookie could not be set. The old value is kept.
 *
 * If a handler throws the error, the adapters answer `cross-origin` with 403. All other errors go
 * to the framework.
 */
export class SetError extends BullaError {
  override readonly code: SetCode;

  /** @internal */
  constructor(code: SetCode, options: { message?: string; cause?: unknown } = {}) {
    super(options.message ?? MESSAGES[code]);
    this.code = code;
    if (options.cause !== undefined) {
      Object.defineProperty(this, "cause", { value: options.cause, enumerable: false });
    }
  }

  /** The HTTP status with which Express and Koa answer the error: 403 or 500. */
  get status(): number {
    return this.code === "cross-origin" ? 403 : 500;
  }
}
