// The session's cookies: names, attributes and size limits.

import { BullaError } from "../errors.js";
import { lowerAscii, trimAscii } from "./ascii.js";
import * as pieces from "./pieces.js";
import type { Found } from "./pieces.js";

/**
 * The maximum number of octets of a cookie's name and value together that browsers keep: 4,096
 * (RFC 6265bis section 5.6).
 */
export const MAX_COOKIE_LENGTH = 4096;

/** The longest time that browsers keep a cookie: 400 days, in seconds (RFC 6265bis section 5.5). */
export const MAX_COOKIE_AGE = 400 * 24 * 60 * 60;

/** The longest token, in characters (spec section 4). */
const MAX_TOKEN_LENGTH = 8192;

/**
 * How many cookies of the same name are tried. Another host of the domain may have set some of
 * these cookies (cookie tossing).
 */
const MAX_SAME_NAME = 4;

/** Which of a session's two tokens a cookie carries. */
export type Role = "state" | "renewal";

/**
 * How long a browser keeps a session's cookie. The session ends after `age` seconds, even with
 * activity. `as-configured`: until the browser closes, or for `age` if the cookie is persistent.
 */
export interface Kept {
  readonly until: "as-configured" | "deadline";
  readonly age: number;
}

/** Settings of a {@link Cookie}. */
export interface CookieOptions {
  /** The name without its prefix. The default is `session`, which becomes `__Host-session`. */
  readonly name?: string;
  /**
   * Which requests carry the cookie (RFC 6265bis section 5.6.7):
   *
   * - `lax`, the default: requests from pages of the same site, and requests that open a page
   *   because the user follows a link on another site.
   * - `strict`: only requests from pages of the same site.
   * - `none`: all requests. Requests that could change something still need a trusted origin.
   */
  readonly sameSite?: "strict" | "lax" | "none";
  /** Keeps the cookie when the browser closes, until the session ends, at most 400 days. */
  readonly persistent?: boolean;
  /**
   * Sends the cookie to this domain and every host below it. The prefix becomes `__Secure-`. Each
   * of these hosts can then also set the cookie.
   */
  readonly sharedWithDomain?: string;
  /** Sends the cookie only to paths below this one. The prefix becomes `__Secure-`. */
  readonly belowPath?: string;
  /**
   * Omits `Secure` and the prefix, for development over plain HTTP. Chrome and Firefox keep
   * `Secure` cookies of `http://localhost`; Safari does not. `sameSite: "none"` becomes `lax` and
   * `Partitioned` is omitted, because both need `Secure`.
   */
  readonly overPlainHttp?: boolean;
  /** Omits `HttpOnly`, so scripts in the page can read and steal the session. */
  readonly readableByScripts?: boolean;
  /** Gives each top-level site that embeds this one its own cookie (`Partitioned`, CHIPS). */
  readonly partitioned?: boolean;
  /**
   * Splits a token that is too long for one cookie into up to four cookies. Every request carries
   * the pieces, and many servers reject more than 8 KiB of headers, so prefer a smaller state.
   */
  readonly split?: boolean;
  /**
   * The cookies that earlier releases used. If a request has no state token in this cookie, the
   * session is read from the first former cookie that has one, and moves here with its next
   * change. Each response that writes or deletes a session deletes the former cookies.
   *
   * Name the former cookie if you change the name, the domain, the path or another setting: a
   * browser keeps the former cookie beside the new one.
   */
  readonly formerly?: Cookie | readonly Cookie[];
}

type Reach =
  | { readonly to: "host" | "plain-http" }
  | { readonly to: "domain"; readonly domain: string }
  | { readonly to: "path"; readonly path: string };

/**
 * The cookie that carries a session.
 *
 * The default is `__Host-session` with `Secure`, `HttpOnly`, `SameSite=Lax` and `Path=/`. It has
 * no `Max-Age`, so it ends when the browser closes.
 *
 * @example
 * ```ts
 * const cookie = new Cookie({ name: "id", sameSite: "strict" });
 * cookie.name; // "__Host-id"
 * ```
 */
export class Cookie {
  /** The name without its prefix. */
  readonly #base: string;
  /** The names for the pieces of a token. The first is also the name for a whole token. */
  readonly #names: Readonly<Record<Role, readonly string[]>>;
  readonly #reach: Reach;
  readonly #sameSite: "Strict" | "Lax" | "None";
  readonly #partitioned: boolean;
  readonly #httpOnly: boolean;
  readonly #persistent: boolean;
  readonly #split: boolean;
  readonly #former: readonly Cookie[];

  /**
   * @throws {@link CookieError} if a setting is not valid.
   */
  constructor(options: CookieOptions = {}) {
    const name = checkedSessionName(options.name ?? "session");
    this.#base = name;
    this.#reach = reachOf(options);
    const prefix = { host: "__Host-", "plain-http": "", domain: "__Secure-", path: "__Secure-" };
    const full = prefix[this.#reach.to] + name;
    this.#names = { state: pieceNames(full), renewal: pieceNames(`${full}-renewal`) };
    const secure = this.#reach.to !== "plain-http";
    this.#sameSite = sameSiteOf(options.sameSite ?? "lax", secure);
    this.#partitioned = secure && options.partitioned === true;
    this.#httpOnly = options.readableByScripts !== true;
    this.#persistent = options.persistent === true;
    this.#split = options.split === true;
    const former = options.formerly ?? [];
    const listed: readonly Cookie[] = former instanceof Cookie ? [former] : former;
    this.#former = listed.flatMap((cookie) => [cookie, ...cookie.#former]);
  }

  /** The full name, with prefix. */
  get name(): string {
    return this.#names.state[0] ?? "";
  }

  /** @internal */
  get isSecure(): boolean {
    return this.#reach.to !== "plain-http";
  }

  /**
   * The former cookies that have another name. Their tokens have other purposes.
   *
   * @internal
   */
  get renamed(): Cookie[] {
    return this.#former.filter((former) => former.name !== this.name);
  }

  /**
   * Whether a former cookie has the name of this cookie. If so, a request does not show which of
   * the two cookies its tokens come from.
   *
   * @internal
   */
  get hasFormerNamesake(): boolean {
    return this.#former.some((former) => former.name === this.name);
  }

  /**
   * Whether browsers can bind a session in this cookie. They can only if the cookie has the
   * attribute `Secure` and is not partitioned.
   *
   * @internal
   */
  get canBeBound(): boolean {
    return this.isSecure && !this.#partitioned;
  }

  /**
   * The path below which a server answers the browser's requests for a bound session. It is within
   * the path of the cookie, so these requests carry the cookie.
   *
   * @internal
   */
  get boundPath(): string {
    const below = this.#reach.to === "path" ? this.#reach.path.replace(/\/+$/, "") : "";
    return `${below}/bulla/${this.#base}`;
  }

  /**
   * Whether a request has the bound cookie. As long as a browser has this cookie, it sends no new
   * proof for a session that is bound to its device. The value has no meaning.
   *
   * @internal
   */
  hasBound(headers: Iterable<string>): boolean {
    return cookieValues(headers, [this.#boundName]).length > 0;
  }

  /**
   * The `Set-Cookie` value that deletes the bound cookie.
   *
   * @internal
   */
  removeBound(): string {
    return this.#removal(this.#boundName);
  }

  get #boundName(): string {
    return `${this.name}-bound`;
  }

  /** @internal */
  nameLength(role: Role): number {
    return (this.#names[role][0] ?? "").length;
  }

  /**
   * The maximum length of a token that fits, in characters.
   *
   * @internal
   */
  capacity(role: Role): number {
    if (!this.#split) return MAX_COOKIE_LENGTH - this.nameLength(role);
    return Math.min(this.#chunk(role) * pieces.MAX_PIECES, MAX_TOKEN_LENGTH);
  }

  /**
   * The `Set-Cookie` values that store `token` and delete the cookies that it does not need. The
   * token must not exceed the capacity.
   *
   * @internal
   */
  store(role: Role, token: string, kept: Kept): string[] {
    const fitsOne = token.length <= MAX_COOKIE_LENGTH - this.nameLength(role);
    const values =
      this.#split && !fitsOne ? (pieces.split(token, this.#chunk(role)) ?? []) : [token];
    return this.#cookieNames(role).map((name, index) => {
      const value = values[index];
      return value === undefined ? this.#removal(name) : this.#line(name, value, this.#age(kept));
    });
  }

  /**
   * The `Set-Cookie` values that delete the token. Their names and attributes are those of the
   * values that store the token.
   *
   * @internal
   */
  remove(role: Role): string[] {
    return this.#cookieNames(role).map((name) => this.#removal(name));
  }

  /**
   * The `Set-Cookie` values that delete the tokens in former cookies.
   *
   * @internal
   */
  removeFormer(role: Role): string[] {
    return this.#former.flatMap((former) => {
      const names = former.#cookieNames(role);
      // A browser cannot store the former cookie beside the new one if both have this scope and
      // name. Deleting the former cookie would then delete the new one.
      const same = former.#scope() === this.#scope();
      const isOurs = (name: string) => same && this.#cookieNames(role).includes(name);
      return names.filter((name) => !isOurs(name)).map((name) => former.#removal(name));
    });
  }

  /**
   * The tokens for one role in a request's `Cookie` headers.
   *
   * If there is no whole token but there are pieces, the first piece is returned. Opening refuses
   * it because of its prefix, so the cookies are left alone.
   *
   * @internal
   */
  find(headers: Iterable<string>, role: Role): string[] {
    const found = cookieValues(headers, this.#namesToRead(role));
    const tokens = pieces.join(found);
    for (const { at, value } of found) {
      if (at === 0 && !pieces.isPiece(value)) tokens.push(value);
    }
    if (tokens.length === 0) {
      const piece = found.find(({ value }) => pieces.isPiece(value));
      if (piece !== undefined) tokens.push(piece.value);
    }
    return tokens.slice(0, MAX_SAME_NAME);
  }

  #cookieNames(role: Role): readonly string[] {
    return this.#split ? this.#names[role] : this.#names[role].slice(0, 1);
  }

  /**
   * The names under which a request may carry a token: those of this cookie, and the pieces of a
   * former cookie with the same name.
   */
  #namesToRead(role: Role): readonly string[] {
    const split = this.#former.some((former) => former.name === this.name && former.#split);
    return split ? this.#names[role] : this.#cookieNames(role);
  }

  /** The number of characters of the token in each piece except the last. */
  #chunk(role: Role): number {
    const longest = Math.max(...this.#cookieNames(role).map((name) => name.length));
    return MAX_COOKIE_LENGTH - longest - pieces.HEADER_LENGTH;
  }

  #age({ until, age }: Kept): number | undefined {
    if (until === "as-configured" && !this.#persistent) return undefined;
    return Math.min(age, MAX_COOKIE_AGE);
  }

  #removal(name: string): string {
    // `Expires` is for clients that do not know `Max-Age`.
    return `${this.#line(name, "", 0)}; Expires=Thu, 01 Jan 1970 00:00:00 GMT`;
  }

  #line(name: string, value: string, maxAge: number | undefined): string {
    const { to } = this.#reach;
    const attributes = [
      `${name}=${value}`,
      this.#httpOnly ? "HttpOnly" : "",
      `SameSite=${this.#sameSite}`,
      this.#partitioned ? "Partitioned" : "",
      to === "plain-http" ? "" : "Secure",
      `Path=${this.#reach.to === "path" ? this.#reach.path : "/"}`,
      this.#reach.to === "domain" ? `Domain=${this.#reach.domain}` : "",
      maxAge === undefined ? "" : `Max-Age=${maxAge}`,
    ];
    return attributes.filter((part) => part !== "").join("; ");
  }

  /**
   * The domain in lower case, the path, and whether the cookie is partitioned, as one text. If two
   * cookies have the same scope and name, browsers store only one of them (RFC 6265bis section
   * 5.7).
   */
  #scope(): string {
    const domain = this.#reach.to === "domain" ? lowerAscii(this.#reach.domain) : "";
    const path = this.#reach.to === "path" ? this.#reach.path : "/";
    return `${domain};${path};${this.#partitioned}`;
  }
}

/** Why a {@link Cookie} cannot have a setting. */
export class CookieError extends BullaError {
  /** The setting: `name`, `domain`, `path`, `reach` or `same-site`. */
  override readonly code: "name" | "domain" | "path" | "reach" | "same-site";

  /** @internal */
  constructor(code: CookieError["code"]) {
    super(COOKIE_ERRORS[code]);
    this.code = code;
  }
}

const COOKIE_ERRORS = {
  name:
    "a cookie's name must have 1 to 64 letters, digits or !#$%&'*+-.^_`|~, not begin with __ (the " +
    "prefix is added) and not end in -renewal, -bound, -1, -2 or -3",
  domain: "a cookie's domain must be a host name such as example.com",
  path:
    "a cookie's path must begin with / and have at most 1024 ASCII characters, without control " +
    "characters and ;",
  reach: "a cookie can have only one of sharedWithDomain, belowPath and overPlainHttp",
  "same-site": "sameSite must be strict, lax or none",
} as const;

/**
 * The values of the cookies with these names, at most four for each name. Each value comes with
 * the index of its name.
 *
 * Splits at `;` and at the first `=`, as browsers write the header (RFC 6265bis section 5.8.3).
 */
function cookieValues(headers: Iterable<string>, names: readonly string[]): Found[] {
  const left = names.map(() => MAX_SAME_NAME);
  const found: Found[] = [];
  for (const header of headers) {
    for (const part of header.split(";")) {
      const pair = trimAscii(part);
      const equals = pair.indexOf("=");
      if (equals < 0) continue;
      const at = names.indexOf(trimAscii(pair.slice(0, equals)));
      const value = trimAscii(pair.slice(equals + 1));
      const more = left[at] ?? 0;
      if (more === 0 || value === "") continue;
      left[at] = more - 1;
      found.push({ at, value });
    }
  }
  return found;
}

function pieceNames(name: string): readonly string[] {
  return [name, `${name}-1`, `${name}-2`, `${name}-3`];
}

function checkedSessionName(name: string): string {
  const fits = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(name);
  const taken = ["-renewal", "-bound", "-1", "-2", "-3"].some((suffix) => name.endsWith(suffix));
  if (!fits || taken || name.startsWith("__")) throw new CookieError("name");
  return name;
}

function reachOf({ sharedWithDomain, belowPath, overPlainHttp }: CookieOptions): Reach {
  const settings = [
    sharedWithDomain !== undefined,
    belowPath !== undefined,
    overPlainHttp === true,
  ];
  if (settings.filter(Boolean).length > 1) throw new CookieError("reach");
  if (sharedWithDomain !== undefined) {
    return { to: "domain", domain: checkedDomain(sharedWithDomain) };
  }
  if (belowPath !== undefined) return { to: "path", path: checkedPath(belowPath) };
  return { to: overPlainHttp === true ? "plain-http" : "host" };
}

function sameSiteOf(sameSite: string, secure: boolean): "Strict" | "Lax" | "None" {
  if (sameSite === "strict") return "Strict";
  if (sameSite === "lax") return "Lax";
  if (sameSite !== "none") throw new CookieError("same-site");
  return secure ? "None" : "Lax";
}

function checkedDomain(domain: string): string {
  const fits = domain.length <= 253 && /^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/.test(domain);
  if (!fits) throw new CookieError("domain");
  return domain;
}

function checkedPath(path: string): string {
  if (path.length > 1024 || !/^\/[\x20-\x3a\x3c-\x7e]*$/.test(path)) throw new CookieError("path");
  return path;
}
