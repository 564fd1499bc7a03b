// Which sessions does a request have already?
//
// An application and a router inside it may both have the middleware. If each of the two wrote a
// session of its own, the response would carry two values for one cookie, and the second could undo
// the first.

import type { Session } from "../session/session.js";
import type { Sessions } from "../session/sessions.js";

/** The sessions that a middleware has given to requests of type `R`. */
export class Loaded<R extends object> {
  readonly #requests = new WeakMap<R, Map<unknown, unknown>>();

  get<T>(request: R, sessions: Sessions<T>): Session<T> | undefined {
    return this.#requests.get(request)?.get(sessions) as Session<T> | undefined;
  }

  /** The error if the request has a session of other `Sessions` in the same cookie. */
  conflict<T>(request: R, { cookieName }: Sessions<T>): Error | undefined {
    const others = [...(this.#requests.get(request)?.keys() ?? [])] as Sessions<unknown>[];
    if (cookieName === undefined || others.every((other) => other.cookieName !== cookieName)) {
      return undefined;
    }
    // Each of the two would treat the other's token as forged and delete it.
    return new Error(`two Sessions use the cookie ${cookieName}: rename one of them`);
  }

  set<T>(request: R, sessions: Sessions<T>, session: Session<T>): void {
    const loaded = this.#requests.get(request) ?? new Map<unknown, unknown>();
    loaded.set(sessions, session);
    this.#requests.set(request, loaded);
  }
}
