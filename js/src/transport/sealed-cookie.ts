// Sealed cookies: separate cookies for small values of an application (spec section 9.4).

import { utf8 } from "../bytes.js";
import { checkTyped } from "../options.js";
import type { Payload } from "../payload/payload.js";
import type { Ring } from "../ring.js";
import { secondOf, unixNow, wholeSeconds } from "../time.js";
import { Cookie } from "./cookie.js";
import { checkedOrigin, senderOf } from "./cross-origin.js";
import type { RequestParts } from "./request.js";
import { Sealed } from "./value.js";
import type { Carried, Place, Settings } from "./value.js";

/** Settings of a {@link SealedCookie}. */
export interface SealedCookieOptions<T> {
  /** The key ring, or a handle to a ring that is replaced while it is in use. */
  readonly ring: Ring;
  /** The type of the value, with its purpose and schema version. */
  readonly payload: Payload<T>;
  /**
   * The name of the cookie without its prefix, such as `sign-in`, which becomes `__Host-sign-in`.
   * The cookie has the strict attributes of a session's, and its `Max-Age` is the lifetime, so the
   * browser deletes the cookie when the token expires. Browsers keep a cookie for 400 days at most.
   *
   * For other attributes, pass a {@link Cookie}. Without `persistent`, it ends when the browser
   * closes.
   *
   * Use a different name for each sealed cookie and each kind of session.
   */
  readonly cookie: string | Cookie;
  /**
   * How long a value lives, in seconds. Opening enforces the smaller of this and the lifetime in
   * the token. Nothing extends it.
   */
  readonly lifetime: number;
  /**
   * Other origins whose pages may use this cookie, such as `https://id.example`. They must be
   * written as browsers write the header `Origin`.
   *
   * Use this for an identity provider that sends the user back by submitting a form
   * (`response_mode=form_post`), and give the cookie `sameSite: "none"`. With a form that another
   * site submits, browsers send only cookies that have this attribute. The stored value must then
   * contain something that only the genuine response repeats, such as `state`.
   *
   * Alternatively, the route that receives the form can redirect with a 303 to a page of your
   * application that takes the cookie. This also works if the provider sends `Origin: null`, which
   * cannot be trusted.
   */
  readonly trustOrigins?: readonly string[];
  /** Replaces the system clock, for tests: returns seconds since 1970. */
  readonly clock?: () => number;
}

/**
 * A separate cookie for one small value of type `T`, sealed (encrypted and authenticated).
 *
 * Use it for values that do not belong to the session: a message for the next page, the state of a
 * sign-in at another site, or a token that identifies a known device.
 *
 * Make one value at startup, and let an adapter give it to handlers as a {@link Sealed}:
 * `withSealed` or `sealedMiddleware` of `bulla/fetch` and `bulla/node`. Without an adapter:
 *
 * @example
 * ```ts
 * const flashes = new SealedCookie({
 *   ring,
 *   payload: payload({ purpose: "shop.example/flash", encoding: json<string>() }),
 *   cookie: "flash",
 *   lifetime: 60,
 * });
 *
 * const flash = flashes.load({ method: "GET", values: (name) => valuesOf(request, name) });
 * const message = flash.take() ?? "";
 * for (const line of flash.commit()) response.headers.append(line.name, line.value);
 * ```
 *
 * The token opens only for the purpose of the payload and under this cookie's name, and only until
 * its lifetime has passed. Signing out does not delete the cookie, and a revocation does not end
 * it.
 *
 * # Cross-origin requests
 *
 * If a page on another origin sends a request that could change something, the request has no
 * value, and it cannot set, take or remove one (`cross-origin`, 403). The cookie in the browser
 * stays. The rule is that of {@link Sessions}. It does not affect a provider that redirects the
 * browser back, because this is a `GET`. For a provider that sends a form, see `trustOrigins`.
 */
export class SealedCookie<T> {
  readonly #settings: Settings<T>;

  /**
   * @throws {@link CookieError} for a name that a cookie cannot have. {@link OriginError} for an
   * origin that no browser sends. TypeError if another option has the wrong type.
   */
  constructor(options: SealedCookieOptions<T>) {
    checkTyped(options);
    const { ring, payload, trustOrigins = [], clock = unixNow } = options;
    const cookie = cookieOf(options.cookie);
    const place = (of: Cookie): Place => ({
      cookie: of,
      purpose: utf8([payload.purpose, "cookie", of.name].join("\0")),
    });
    this.#settings = {
      ring,
      payload,
      current: place(cookie),
      former: cookie.renamed.map(place),
      lifetime: wholeSeconds(options.lifetime),
      clock: () => secondOf(clock()),
      trustOrigins: trustOrigins.map(checkedOrigin),
    };
  }

  /** The full name of the cookie, with its prefix. */
  get cookieName(): string {
    return this.#settings.current.cookie.name;
  }

  /**
   * Loads the value of a request. Nothing is decrypted until the handler reads the value.
   *
   * `now` is the time of the request in seconds since 1970. The default is the clock.
   */
  load({ method, values }: RequestParts, options: { readonly now?: number } = {}): Sealed<T> {
    const now = options.now === undefined ? undefined : secondOf(options.now);
    const sender = senderOf(method, values, this.#settings.trustOrigins);
    const headers = sender === "trusted" ? values("cookie") : [];
    return new Sealed(this.#settings, now, sender, this.#carried(headers));
  }

  /** The tokens in the cookie. If there are none, those in the first former cookie with some. */
  #carried(headers: readonly string[]): Carried {
    const { current, former } = this.#settings;
    for (const place of [current, ...former]) {
      const tokens = place.cookie.find(headers, "state");
      if (tokens.length > 0) return { place, tokens };
    }
    return { place: current, tokens: [] };
  }
}

function cookieOf(cookie: string | Cookie): Cookie {
  if (cookie instanceof Cookie) return cookie;
  if (typeof cookie === "string") return new Cookie({ name: cookie, persistent: true });
  throw new TypeError("cookie must be a name, such as sign-in, or a Cookie");
}
