// Which sessions and sealed cookies does a request have already?
//
// An application and a router inside it may both have the middleware. If each of the two wrote a
// session of its own, the response would carry two values for one cookie, and the second could undo
// the first.

import type { Session } from "../session/session.js";
import type { Sessions } from "../session/sessions.js";
import type { SealedCookie } from "../transport/sealed-cookie.js";
import type { Sealed } from "../transport/value.js";

/** What a middleware loads. */
interface Source {
  readonly cookieName: string | undefined;
}

/** What the middlewares have given to requests of type `R`. */
export class Loaded<R extends object> {
  readonly #requests = new WeakMap<R, Map<Source, unknown>>();

  get<T>(request: R, source: Sessions<T>): Session<T> | undefined;
  get<T>(request: R, source: SealedCookie<T>): Sealed<T> | undefined;
  get(request: R, source: Source): unknown {
    return this.#requests.get(request)?.get(source);
  }

  /** The error if the request has something else in the same cookie. */
  conflict(request: R, { cookieName }: Source): Error | undefined {
    const others = [...(this.#requests.get(request)?.keys() ?? [])];
    if (cookieName === undefined || others.every((other) => other.cookieName !== cookieName)) {
      return undefined;
    }
    // Each of the two would treat the other's token as forged and delete it.
    return new Error(
      `two Sessions or SealedCookies use the cookie ${cookieName}: rename one of them`,
    );
  }

  set<T>(request: R, source: Sessions<T>, value: Session<T>): void;
  set<T>(request: R, source: SealedCookie<T>, value: Sealed<T>): void;
  set(request: R, source: Source, value: unknown): void {
    const loaded = this.#requests.get(request) ?? new Map<Source, unknown>();
    loaded.set(source, value);
    this.#requests.set(request, loaded);
  }
}
