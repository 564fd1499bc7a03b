// The entry "bulla/fetch": sessions and sealed cookies for servers with `Request` and `Response` of
// the Fetch API, such as Hono, Next.js, Deno, Bun and workers.

import { Denied } from "../session/guard.js";
import type { Session } from "../session/session.js";
import type { Sessions } from "../session/sessions.js";
import { trimAscii } from "../transport/ascii.js";
import type { Bundle } from "../transport/bundle.js";
import type { HeaderValues, RequestParts } from "../transport/request.js";
import type { SealedCookie } from "../transport/sealed-cookie.js";
import type { Sealed } from "../transport/value.js";
import { deniedBeside, deniedOf } from "./denied.js";
import { isServerError } from "./failed.js";
import { Loaded } from "./loaded.js";

/** What this file needs of `Headers`. The headers of Next.js's `headers()` fit too. */
export interface HeadersLike {
  get(name: string): string | null;
}

/** The members of a session that change nothing. */
export type ReadSession<T> = Pick<
  Session<T>,
  | "data"
  | "status"
  | "info"
  | "now"
  | "channel"
  | "isFresh"
  | "require"
  | "requireFresh"
  | "requireProven"
  | "requireCurrent"
  | "revalidate"
>;

/**
 * Reads the session of a request and changes nothing: no response is needed. Activity is not
 * recorded, so another route, or the server that shares the session, must renew it.
 *
 * `from` is a `Request`, or only its headers, such as those of `headers()` in Next.js. Headers
 * alone count as those of a GET request, so do not use them to decide whether a form is accepted.
 *
 * A proof in the request (DPoP) is not verified unless you `await session.revalidate()`. Do so for one
 * session of each request only, because a proof is accepted once.
 *
 * @example
 * ```ts
 * Deno.serve((request) => {
 *   const account = readSession(sessions, request).data;
 *   return new Response(account === undefined ? "guest" : account.name);
 * });
 * ```
 */
export function readSession<T>(
  sessions: Sessions<T>,
  from: Request | HeadersLike,
  options: { readonly now?: number } = {},
): ReadSession<T> {
  // The headers of Next.js have a member `headers` too, but only a request has a method.
  const parts =
    "method" in from
      ? partsOf(from, sessions.renewalHeader)
      : { method: "GET", values: valuesOf(from, sessions.renewalHeader) };
  return sessions.load(parts, options);
}

/**
 * Loads the session of a request. Pass the response to {@link commitSession}, or use
 * {@link withSession}, which does both.
 */
export function loadSession<T>(
  sessions: Sessions<T>,
  request: Request,
  options: { readonly now?: number } = {},
): Session<T> {
  return sessions.load(partsOf(request, sessions.renewalHeader), options);
}

/**
 * Returns the response with the session: a copy, or the response itself if the session has nothing to
 * write.
 *
 * If the status is 500 or above, changes of the session are discarded. A session that the request
 * ended stays ended. The same applies to a `grpc-status` that is a server error. Some platforms do
 * not let the headers of a WebSocket's response change; it then carries no session.
 */
export function commitSession<T>(session: Session<T>, response: Response): Response {
  return commit(session, response);
}

/**
 * Loads the value of a sealed cookie. Pass the response to {@link commitSealed}, or use
 * {@link withSealed}, which does both.
 */
export function loadSealed<T>(
  cookie: SealedCookie<T>,
  request: Request,
  options: { readonly now?: number } = {},
): Sealed<T> {
  return cookie.load(partsOf(request), options);
}

/**
 * Returns the response with the sealed cookie: a copy, or the response itself if the cookie has
 * nothing to write.
 *
 * If the response is a server error, as for {@link commitSession}, a value that the request has set
 * is discarded. A value that it has taken or removed stays deleted.
 */
export function commitSealed<T>(sealed: Sealed<T>, response: Response): Response {
  return commit(sealed, response);
}

function commit(
  changes: { discardChanges(): void; commit(): Bundle },
  response: Response,
): Response {
  const grpcStatus = response.headers.get("grpc-status");
  if (isServerError(response.status, grpcStatus)) changes.discardChanges();
  const bundle = changes.commit();
  if (bundle.isEmpty) return response;
  const open = withOwnHeaders(response);
  if (open === undefined) return response;
  const { headers } = open;
  for (const { name, value, rule } of bundle) {
    if (rule === "append") headers.append(name, value);
    else if (rule === "replace" || !headers.has(name)) headers.set(name, value);
  }
  return open;
}

/**
 * Wraps a handler of requests, which gets the session of the request.
 *
 * The application's check (`revalidate`) has run when the handler is called, and a proof in the
 * request (DPoP) is verified. If the handler throws the error of `session.require` or one of its
 * siblings, the response is that of the error. The response leaves when all revocations have been
 * passed on (`revocations.spread`).
 *
 * The function that is returned passes all further arguments on, such as the `context` of a route
 * handler of Next.js or the `env` of a worker.
 *
 * @example
 * ```ts
 * export const POST = withSession(sessions, async (request, session) => {
 *   const { name } = await request.json();
 *   session.require();
 *   session.update((account) => void (account.name = name));
 *   return Response.json({ ok: true });
 * });
 * ```
 */
export function withSession<T, R extends Request, A extends unknown[]>(
  sessions: Sessions<T>,
  handler: (request: R, session: Session<T>, ...rest: A) => Response | Promise<Response>,
): (request: R, ...rest: A) => Promise<Response> {
  return async (request, ...rest) => {
    const session = loadSession(sessions, request);
    let response: Response;
    try {
      await session.revalidate();
      response = await handler(request, session, ...rest);
    } catch (error) {
      const denied = deniedOf(session, error);
      if (denied === undefined) {
        await sessions.revocations?.spread();
        throw error;
      }
      response = denied.getResponse();
    }
    await sessions.revocations?.spread();
    return commitSession(session, response);
  };
}

/**
 * Wraps a handler of requests, which finds the value of a sealed cookie with {@link sealedOf}.
 *
 * If the handler throws a {@link Denied}, or changes the cookie although a page on another origin
 * sent the request, the response is that of the error. All other errors go to the framework. It
 * then makes the response, in which nothing is set or deleted.
 *
 * The function that is returned passes all further arguments on. For a handler with a session too,
 * put {@link withSession} inside, so that the response of each error of a session deletes what the
 * handler has taken.
 *
 * @example
 * ```ts
 * export const GET = withSealed(
 *   signIns,
 *   withSession(sessions, async (request, session) => {
 *     const signIn = sealedOf(signIns, request).take();
 *     if (signIn === undefined) return new Response("Please sign in again.", { status: 400 });
 *     session.start(await accountOf(request, signIn.verifier));
 *     return Response.redirect(new URL("/", request.url), 303);
 *   }),
 * );
 * ```
 */
export function withSealed<R extends Request, A extends unknown[]>(
  cookie: SealedCookie<unknown>,
  handler: (request: R, ...rest: A) => Response | Promise<Response>,
): (request: R, ...rest: A) => Promise<Response> {
  return async (request, ...rest) => {
    if (LOADED.get(request, cookie) !== undefined) return handler(request, ...rest);
    const sealed = enter(request, cookie, request);
    let response: Response;
    try {
      response = await handler(request, ...rest);
    } catch (error) {
      const denied = deniedBeside(error);
      if (denied === undefined) throw error;
      response = denied.getResponse();
    }
    return commitSealed(sealed, response);
  };
}

/** What {@link sessionMiddleware} and {@link sealedMiddleware} need of Hono's `Context`. */
export interface HonoContext {
  readonly req: { readonly raw: Request };
  readonly error?: Error | undefined;
  get res(): Response;
  set res(response: Response | undefined);
  set(key: "session", session: unknown): void;
}

/** What the middlewares have given to requests. */
const LOADED = /* @__PURE__ */ new Loaded<HonoContext | Request>();

/**
 * A middleware for Hono. Handlers find the session with `c.get("session")`. If a router inside the
 * application has the middleware too, both have the same session.
 *
 * @example
 * ```ts
 * const app = new Hono<{ Variables: { session: Session<Account> } }>();
 * app.use(sessionMiddleware(sessions));
 * app.get("/", (c) => c.text(c.get("session").data?.name ?? "guest"));
 * ```
 */
export function sessionMiddleware<T>(
  sessions: Sessions<T>,
): (context: HonoContext, next: () => Promise<void>) => Promise<void> {
  return async (context, next) => {
    const outer = LOADED.get(context, sessions);
    if (outer !== undefined) {
      context.set("session", outer);
      return next();
    }
    const conflict = LOADED.conflict(context, sessions);
    if (conflict !== undefined) throw conflict;
    const session = loadSession(sessions, context.req.raw);
    LOADED.set(context, sessions, session);
    await session.revalidate();
    context.set("session", session);
    await next();
    const denied = context.error === undefined ? undefined : deniedOf(session, context.error);
    if (denied !== undefined) answer(context, denied);
    await sessions.revocations?.spread();
    const response = commitSession(session, context.res);
    if (response !== context.res) replace(context, response);
  };
}

/**
 * A middleware for Hono. Handlers find the value of the sealed cookie with {@link sealedOf}.
 *
 * @example
 * ```ts
 * app.use(sealedMiddleware(flashes));
 * app.get("/", (c) => c.text(sealedOf(flashes, c).take() ?? "nothing new"));
 * ```
 */
export function sealedMiddleware<T>(
  cookie: SealedCookie<T>,
): (context: HonoContext, next: () => Promise<void>) => Promise<void> {
  return async (context, next) => {
    if (LOADED.get(context, cookie) !== undefined) return next();
    const sealed = enter(context, cookie, context.req.raw);
    await next();
    const denied = deniedBeside(context.error);
    if (denied !== undefined) answer(context, denied);
    const response = commitSealed(sealed, context.res);
    if (response !== context.res) replace(context, response);
  };
}

/**
 * The value of a sealed cookie in a request that {@link withSealed} has seen, or in a context that
 * {@link sealedMiddleware} has seen.
 *
 * @throws Error if neither has seen it.
 */
export function sealedOf<T>(cookie: SealedCookie<T>, from: Request | HonoContext): Sealed<T> {
  const sealed = LOADED.get(from, cookie);
  if (sealed !== undefined) return sealed;
  throw new Error(
    `the cookie ${cookie.cookieName} was not loaded: wrap the handler in withSealed, or add ` +
      "sealedMiddleware before the route",
  );
}

/** Loads the value of a sealed cookie for a request that has none yet. */
function enter<T>(
  from: Request | HonoContext,
  cookie: SealedCookie<T>,
  request: Request,
): Sealed<T> {
  const conflict = LOADED.conflict(from, cookie);
  if (conflict !== undefined) throw conflict;
  const sealed = loadSealed(cookie, request);
  LOADED.set(from, cookie, sealed);
  return sealed;
}

/** Sends a {@link Denied}, with the cookies that the middlewares inside have set or deleted. */
function answer(context: HonoContext, denied: Denied): void {
  const lines = context.res.headers.getSetCookie();
  const response = denied.getResponse();
  for (const line of lines) response.headers.append("set-cookie", line);
  replace(context, response);
}

/** Hono would copy the headers of the old response into the new one. */
function replace(context: HonoContext, response: Response): void {
  context.res = undefined;
  context.res = response;
}

export { Denied };

function partsOf(request: Request, renewalHeader?: string): RequestParts {
  const url = new URL(request.url);
  const values = valuesOf(request.headers, renewalHeader);
  return {
    method: request.method,
    // Deno, Bun and some proxies give no header `Host` for HTTP/2. The address has its value.
    values: (name) => (name === "host" && !request.headers.has(name) ? [url.host] : values(name)),
    target: url.pathname + url.search,
  };
}

/**
 * `Headers` joins the lines of one name with a comma. For these headers and the header of the renewal
 * token, it matters whether there were several, and their values have no commas.
 */
const SEPARATE: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "authorization",
  "origin",
  "sec-fetch-site",
  "sec-fetch-mode",
  "dpop",
]);

function valuesOf(headers: HeadersLike, renewalHeader: string | undefined): HeaderValues {
  return (name) => {
    const value = headers.get(name);
    if (value === null) return [];
    const isSeparate = SEPARATE.has(name) || name === renewalHeader;
    return isSeparate ? value.split(",").map(trimAscii) : [value];
  };
}

/**
 * A copy of the response. An application may use a response without a body for several requests, and
 * the session's tokens must not stay in it.
 *
 * No copy can be made of `Response.error()`, and a copy of a WebSocket's response would not open the
 * socket. `undefined` if the headers of such a response cannot change.
 */
function withOwnHeaders(response: Response): Response | undefined {
  if (response.status >= 200) return new Response(response.body, response);
  try {
    // A header that no response has.
    response.headers.delete("x-bulla-probe");
    return response;
  } catch {
    return undefined;
  }
}
