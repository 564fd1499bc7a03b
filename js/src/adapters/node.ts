// The entry "bulla/node": sessions for Express, Connect and `node:http`, also over HTTP/2.

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

import { Denied } from "../session/guard.js";
import type { Session } from "../session/session.js";
import type { RequestParts, Sessions } from "../session/sessions.js";
import type { Line } from "../transport/bundle.js";
import { deniedOf } from "./denied.js";
import type { ReadSession } from "./fetch.js";

export { followRevocations } from "./revocation-file.js";
export type { FollowOptions, FollowedRevocations } from "./revocation-file.js";
export { Denied };
export type { ReadSession };

/** A request of `node:http`, `node:http2` or Express. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

/** A response of `node:http`, `node:http2` or Express. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

/** The sessions of requests that {@link sessionMiddleware} has seen. */
const LOADED = new WeakMap<NodeRequest, Map<unknown, unknown>>();

/**
 * Reads the session of a request and changes nothing. Activity is not recorded, so another route,
 * or the server that shares the session, must renew it. It also fits the request of an `upgrade`.
 *
 * @example
 * ```ts
 * createServer((req, res) => {
 *   res.end(readSession(sessions, req).data?.name ?? "guest");
 * });
 * ```
 */
export function readSession<T>(
  sessions: Sessions<T>,
  req: NodeRequest,
  options: { readonly now?: number } = {},
): ReadSession<T> {
  return sessions.load(partsOf(req), options);
}

/**
 * Loads the session of a request, and writes it to the response when the headers leave. Most
 * applications use {@link sessionMiddleware} or {@link withSession} instead.
 */
export function loadSession<T>(
  sessions: Sessions<T>,
  req: NodeRequest,
  res: NodeResponse,
): Session<T> {
  const session = sessions.load(partsOf(req));
  beforeHeaders(res, (status) => {
    if (status >= 500) session.discardChanges();
    for (const line of session.commit()) write(res, line);
  });
  return session;
}

/** The next function of Express and Connect. */
export type Next = (error?: unknown) => void;

/**
 * A middleware for Express and Connect. Handlers find the session with {@link sessionOf}.
 *
 * If the status of the response is 500 or above, changes of the session are discarded. A session
 * that the request ended stays ended. After the headers were sent, changes fail with
 * `response-sent`.
 *
 * @example
 * ```ts
 * app.use(sessionMiddleware(sessions));
 * app.get("/", (req, res) => {
 *   res.send(sessionOf(sessions, req).data?.name ?? "guest");
 * });
 * ```
 */
export function sessionMiddleware<T>(
  sessions: Sessions<T>,
): (req: NodeRequest, res: NodeResponse, next: Next) => void {
  return (req, res, next) => {
    const loaded = LOADED.get(req) ?? new Map<unknown, unknown>();
    // A router inside the application may have the middleware too. The outer one writes the
    // session.
    if (loaded.has(sessions)) return next();
    const { cookieName } = sessions;
    const shares = (other: unknown) => (other as Sessions<unknown>).cookieName === cookieName;
    if (cookieName !== undefined && [...loaded.keys()].some(shares)) {
      // Each of the two would treat the other's token as forged and delete it.
      return next(new Error(`two Sessions use the cookie ${cookieName}: rename one of them`));
    }
    const session = loadSession(sessions, req, res);
    loaded.set(sessions, session);
    LOADED.set(req, loaded);
    session.revalidate().then(() => next(), next);
  };
}

/**
 * The session of a request that {@link sessionMiddleware} has seen.
 *
 * @throws Error if the route has no middleware for these sessions.
 */
export function sessionOf<T>(sessions: Sessions<T>, req: NodeRequest): Session<T> {
  const session = LOADED.get(req)?.get(sessions);
  if (session === undefined) {
    throw new Error("this route has no session: add sessionMiddleware(sessions) before it");
  }
  return session as Session<T>;
}

/**
 * An error middleware for Express and Connect: answers the errors of `session.require`, of its
 * siblings, and of changes without a session. All other errors are passed on. Add it after the
 * routes.
 *
 * @example
 * ```ts
 * app.get("/account", (req, res) => {
 *   res.send(sessionOf(sessions, req).require().name);
 * });
 * app.use(deniedMiddleware(sessions));
 * ```
 */
export function deniedMiddleware<T>(
  sessions: Sessions<T>,
): (error: unknown, req: NodeRequest, res: NodeResponse, next: Next) => void {
  return (error, req, res, next) => {
    const session = LOADED.get(req)?.get(sessions) as Session<T> | undefined;
    const denied = session && deniedOf(session, error);
    if (denied === undefined || res.headersSent) next(error);
    else sendDenied(res, denied);
  };
}

/**
 * Wraps a handler of `node:http`, which gets the session of the request.
 *
 * If the handler throws the error of `session.require` or one of its siblings, the response is that
 * of the error. For all other errors, the response is a 500 without details, and `onError` gets the
 * error. By default, it is written to the console.
 *
 * @example
 * ```ts
 * createServer(
 *   withSession(sessions, async (req, res, session) => {
 *     session.update((account) => void (account.visits += 1));
 *     res.end("counted");
 *   }),
 * );
 * ```
 */
export function withSession<
  T,
  Req extends NodeRequest = IncomingMessage,
  Res extends NodeResponse = ServerResponse,
>(
  sessions: Sessions<T>,
  handler: (req: Req, res: Res, session: Session<T>) => void | Promise<void>,
  options: { readonly onError?: (error: unknown) => void } = {},
): (req: Req, res: Res) => Promise<void> {
  const onError = options.onError ?? ((error: unknown) => console.error(error));
  return async (req, res) => {
    const session = loadSession(sessions, req, res);
    try {
      await session.revalidate();
      await handler(req, res, session);
    } catch (error) {
      const denied = deniedOf(session, error);
      if (denied === undefined) onError(error);
      if (res.headersSent) res.end();
      else if (denied !== undefined) sendDenied(res, denied);
      else sendText(res, 500, {}, "Internal Server Error");
    }
  };
}

/** Sends the response of a {@link Denied}. */
export function sendDenied(res: NodeResponse, denied: Denied): void {
  sendText(res, denied.status, denied.headers, denied.message);
}

function sendText(
  res: NodeResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  res.statusCode = status;
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.setHeader("content-type", "text/plain; charset=utf-8");
  res.end(body);
}

/** The address that a client sees. Express changes `url` in a router. */
function targetOf(req: NodeRequest): string {
  const original: unknown = (req as { originalUrl?: unknown }).originalUrl;
  return typeof original === "string" ? original : (req.url ?? "/");
}

function partsOf(req: NodeRequest): RequestParts {
  const { rawHeaders } = req;
  const all = (name: string): string[] =>
    rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
  // The `:authority` of HTTP/2 takes precedence over a header `Host` (RFC 9113 section 8.3.1).
  const hosts = () => [...all(":authority"), ...all("host")];
  return {
    method: req.method ?? "GET",
    values: (name) => (name === "host" ? hosts() : all(name)),
    target: targetOf(req),
  };
}

/**
 * Calls `run` once, with the status, before the headers of a response are sent.
 *
 * Node calls `writeHead` before it sends headers, also if the application does not.
 */
function beforeHeaders(res: NodeResponse, run: (status: number) => void): void {
  const original = res.writeHead as (...values: unknown[]) => NodeResponse;
  let isDone = false;
  const writeHead = (status: number, ...rest: unknown[]): NodeResponse => {
    if (isDone) return original.call(res, status, ...rest);
    isDone = true;
    const last = rest.at(-1);
    const headers = typeof last === "object" && last !== null ? last : undefined;
    // Headers that are passed to writeHead would replace the lines of the session.
    if (headers !== undefined) setAll(res, headers as OutgoingHttpHeaders | unknown[]);
    res.statusCode = status;
    run(status);
    const message = typeof rest[0] === "string" ? [rest[0]] : [];
    return original.call(res, status, ...message);
  };
  Object.defineProperty(res, "writeHead", { value: writeHead, configurable: true, writable: true });
}

/** Sets the headers that the application has passed to `writeHead`. */
function setAll(res: NodeResponse, headers: OutgoingHttpHeaders | unknown[]): void {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) res.setHeader(name, value as string);
    }
    return;
  }
  const pairs = Array.isArray(headers[0]) ? (headers as unknown[][]).flat() : headers;
  for (let at = 0; at < pairs.length; at += 2) res.removeHeader(String(pairs[at]));
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    append(res, String(pairs[at]), String(pairs[at + 1]));
  }
}

function write(res: NodeResponse, { name, value, rule }: Line): void {
  if (rule === "append") append(res, name, value);
  else if (rule === "replace" || !res.hasHeader(name)) res.setHeader(name, value);
}

function append(res: NodeResponse, name: string, value: string): void {
  const held = res.getHeader(name);
  if (held === undefined) res.setHeader(name, value);
  else res.setHeader(name, [...(Array.isArray(held) ? held : [String(held)]), value]);
}
