// The header transport, for clients without cookies (spec section 9.3).

import { BullaError } from "../errors.js";
import { lowerAscii, trimAscii } from "./ascii.js";

const KNOWN = [
  "authorization",
  "cookie",
  "set-cookie",
  "vary",
  "cache-control",
  "dpop",
  "dpop-nonce",
];

/**
 * The headers that carry a session.
 *
 * A response carries the state token in `Session-Token`, and the renewal token, which records the
 * last activity, in `Session-Renewal`. The client stores the latest value of each header. If the
 * value is empty, the client deletes the stored value. The client sends the values back in
 * `Authorization: Bearer` and `Session-Renewal`.
 *
 * @example
 * ```ts
 * const sessions = new Sessions({ ring, payload, bearer: new Bearer() });
 * ```
 */
export class Bearer {
  /** The response header with the state token. The default is `session-token`. */
  readonly tokenHeader: string;
  /** The request and response header with the renewal token. The default is `session-renewal`. */
  readonly renewalHeader: string;

  /**
   * @throws {@link BearerError} unless the names are different, have 1 to 64 lower-case letters,
   * digits and hyphens, and are not headers that sessions use for another purpose.
   */
  constructor(names: { readonly token?: string; readonly renewal?: string } = {}) {
    this.tokenHeader = names.token ?? "session-token";
    this.renewalHeader = names.renewal ?? "session-renewal";
    const fits = (name: string) => /^[a-z0-9-]{1,64}$/.test(name) && !KNOWN.includes(name);
    const differ = this.tokenHeader !== this.renewalHeader;
    if (!fits(this.tokenHeader) || !fits(this.renewalHeader) || !differ) throw new BearerError();
  }
}

/** The error for two names that the session headers cannot have. */
export class BearerError extends BullaError {
  override readonly code = "names";

  /** @internal */
  constructor() {
    super(
      "the two headers need different names of 1 to 64 lower-case letters, digits and hyphens, " +
        "and cannot be names that sessions use for another purpose",
    );
  }
}

/**
 * The scheme of the credentials in `Authorization`: `bearer` (RFC 6750), or `dpop` (RFC 9449) if the
 * session is bound to a key of the client.
 */
export type Scheme = "bearer" | "dpop";

export interface Credentials {
  readonly scheme: Scheme;
  readonly token: string;
}

/**
 * The credentials in an `Authorization` header with the scheme `Bearer` or `DPoP`. `undefined` for
 * another scheme.
 */
export function credentials(authorization: string): Credentials | undefined {
  const end = authorization.indexOf(" ");
  const scheme = lowerAscii(end < 0 ? authorization : authorization.slice(0, end));
  if (scheme !== "bearer" && scheme !== "dpop") return undefined;
  return { scheme, token: end < 0 ? "" : trimAscii(authorization.slice(end)) };
}
