// The entry "bulla/node": sessions and sealed cookies for Express, Connect and `node:http`, also
// over HTTP/2.

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

import { Denied } from "../session/guard.js";
import type { Session } from "../session/session.js";
import type { Sessions } from "../session/sessions.js";
import type { Bundle, Line } from "../transport/bundle.js";
import type { RequestParts } from "../transport/request.js";
import type { SealedCookie } from "../transport/sealed-cookie.js";
import type { Sealed } from "../transport/value.js";
import { deniedBeside, deniedOf } from "./denied.js";
import { isServerError } from "./failed.js";
import type { ReadSession } from "./fetch.js";
import { Loaded } from "./loaded.js";

export { followRevocations } from "./revocation-file.js";
export type { FollowOptions, FollowedRevocations } from "./revocation-file.js";
export { Denied };
export type { ReadSession };

/** A request of `node:http`, `node:http2` or Express. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

/** A response of `node:http`, `node:http2` or Express. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

/** What the middlewares have given to requests. */
const LOADED = new Loaded<NodeRequest>();

/**
 * Reads the session of a request and changes nothing. Activity is not recorded, so another route,
 * or the server that shares the session, must renew it. It also fits the request of an `upgrade`.
 *
 * A proof in the request (DPoP) is not verified unless you `await session.revalidate()`. Do so for one
 * session of each request only, because a proof is accepted once.
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
  writeLater(res, session);
  return session;
}

/**
 * Loads the value of a sealed cookie, and writes it to the response when the headers leave. Most
 * applications use {@link sealedMiddleware} or {@link withSealed} instead.
 *
 * If the response is a server error, as for {@link sessionMiddleware}, a value that the request has
 * set is discarded. A value that it has taken or removed stays deleted.
 */
export function loadSealed<T>(
  cookie: SealedCookie<T>,
  req: NodeRequest,
  res: NodeResponse,
): Sealed<T> {
  const sealed = cookie.load(partsOf(req));
  writeLater(res, sealed);
  return sealed;
}

/** The next function of Express and Connect. */
export type Next = (error?: unknown) => void;

/**
 * A middleware for Express and Connect. Handlers find the session with {@link sessionOf}.
 *
 * If the status of the response is 500 or above, changes of the session are discarded. A session
 * that the request ended stays ended. The same applies to a `grpc-status` that is a server error.
 * After the headers were sent, changes fail with `response-sent`.
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
    // A router inside the application may have the middleware too. The outer one writes the
    // session.
    if (LOADED.get(req, sessions) !== undefined) return next();
    const conflict = LOADED.conflict(req, sessions);
    if (conflict !== undefined) return next(conflict);
    const session = loadSession(sessions, req, res);
    LOADED.set(req, sessions, session);
    session.revalidate().then(() => next(), next);
  };
}

/**
 * The session of a request that {@link sessionMiddleware} has seen.
 *
 * @throws Error if the route has no middleware for these sessions.
 */
export function sessionOf<T>(sessions: Sessions<T>, req: NodeRequest): Session<T> {
  const session = LOADED.get(req, sessions);
  if (session === undefined) {
    throw new Error("this route has no session: add sessionMiddleware(sessions) before it");
  }
  return session;
}

/**
 * A middleware for Express and Connect. Handlers find the value of the sealed cookie with
 * {@link sealedOf}.
 *
 * If a route throws the error of a change by a page on another origin, Express answers with 403.
 *
 * @example
 * ```ts
 * app.use(sealedMiddleware(flashes));
 * app.get("/", (req, res) => {
 *   res.send(sealedOf(flashes, req).take() ?? "nothing new");
 * });
 * ```
 */
export function sealedMiddleware<T>(
  cookie: SealedCookie<T>,
): (req: NodeRequest, res: NodeResponse, next: Next) => void {
  return (req, res, next) => {
    if (LOADED.get(req, cookie) !== undefined) return next();
    const conflict = LOADED.conflict(req, cookie);
    if (conflict !== undefined) return next(conflict);
    LOADED.set(req, cookie, loadSealed(cookie, req, res));
    next();
  };
}

/**
 * The value of a sealed cookie in a request that {@link sealedMiddleware} or {@link withSealed} has
 * seen.
 *
 * @throws Error if neither has seen it.
 */
export function sealedOf<T>(cookie: SealedCookie<T>, req: NodeRequest): Sealed<T> {
  const sealed = LOADED.get(req, cookie);
  if (sealed !== undefined) return sealed;
  throw new Error(
    `the cookie ${cookie.cookieName} was not loaded: add sealedMiddleware before the route, or ` +
      "wrap the handler in withSealed",
  );
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
    const session = LOADED.get(req, sessions);
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
 * error. By default, it is written to the console. If the headers were already sent, the response is
 * cut off, so that it does not look complete.
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
  options: OnError = {},
): (req: Req, res: Res) => Promise<void> {
  return async (req, res) => {
    const session = loadSession(sessions, req, res);
    try {
      await session.revalidate();
      await handler(req, res, session);
    } catch (error) {
      answer(res, error, deniedOf(session, error), options);
    }
  };
}

/**
 * Wraps a handler of `node:http`, which finds the value of a sealed cookie with {@link sealedOf}.
 *
 * If the handler throws a {@link Denied}, or changes the cookie although a page on another origin
 * sent the request, the response is that of the error. All other errors are handled as in
 * {@link withSession}. The response deletes what the handler has taken in any case.
 *
 * For a handler with a session too, put {@link withSession} inside, because it answers the errors
 * of sessions.
 *
 * @example
 * ```ts
 * createServer(
 *   withSealed(
 *     flashes,
 *     withSession(sessions, (req, res, session) => {
 *       res.end(`${sealedOf(flashes, req).take() ?? ""} Hello, ${session.require().name}`);
 *     }),
 *   ),
 * );
 * ```
 */
export function withSealed<
  Req extends NodeRequest = IncomingMessage,
  Res extends NodeResponse = ServerResponse,
>(
  cookie: SealedCookie<unknown>,
  handler: (req: Req, res: Res) => void | Promise<void>,
  options: OnError = {},
): (req: Req, res: Res) => Promise<void> {
  const load = sealedMiddleware(cookie);
  return async (req, res) => {
    try {
      load(req, res, (error) => {
        if (error !== undefined) throw error;
      });
      await handler(req, res);
    } catch (error) {
      answer(res, error, deniedBeside(error), options);
    }
  };
}

/** Options of {@link withSession} and {@link withSealed}. */
export interface OnError {
  /** Gets an error that has no response of its own. By default, it is written to the console. */
  readonly onError?: (error: unknown) => void;
}

function answer(
  res: NodeResponse,
  error: unknown,
  denied: Denied | undefined,
  { onError = console.error }: OnError,
): void {
  if (denied === undefined) onError(error);
  if (res.headersSent) cutOff(res);
  else if (denied !== undefined) sendDenied(res, denied);
  else sendText(res, 500, {}, "Internal Server Error");
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
  // Node may have refused the message of the handler, and would refuse it again.
  if (!("stream" in res)) res.statusMessage = "";
  for (const name of OF_A_BODY) res.removeHeader(name);
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.setHeader("content-type", "text/plain; charset=utf-8");
  res.end(body);
}

/**
 * Headers that a handler may have set for the body that it did not send. A client that gets a wrong
 * length takes the rest of the body for the next response.
 */
const OF_A_BODY = [
  "cache-control",
  "content-encoding",
  "content-language",
  "content-length",
  "content-range",
  "etag",
  "expires",
  "last-modified",
];

/** Ends a response so that the client sees that a part is missing. */
function cutOff(res: NodeResponse): void {
  if (res.writableEnded) return;
  if ("stream" in res) res.stream.close(INTERNAL_ERROR);
  else res.destroy();
}

/** INTERNAL_ERROR of HTTP/2 (RFC 9113 section 7). */
const INTERNAL_ERROR = 2;

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

/** Writes a session or a sealed cookie to a response when its headers leave. */
function writeLater(
  res: NodeResponse,
  changes: { discardChanges(): void; commit(): Bundle },
): void {
  beforeHeaders(res, (status) => {
    if (isServerError(status, res.getHeader("grpc-status"))) changes.discardChanges();
    for (const line of changes.commit()) write(res, line);
  });
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
    // The response that follows an error of Node writes the session.
    if (isDone || !accepts(res, status, rest[0])) return original.call(res, status, ...rest);
    const last = rest.at(-1);
    const headers = typeof last === "object" && last !== null ? last : undefined;
    // Headers that are passed to writeHead would replace the lines of the session.
    if (headers !== undefined) setAll(res, headers as OutgoingHttpHeaders | unknown[]);
    // Node may refuse these headers too.
    isDone = true;
    res.statusCode = status;
    run(status);
    const message = typeof rest[0] === "string" ? [rest[0]] : [];
    return original.call(res, status, ...message);
  };
  Object.defineProperty(res, "writeHead", { value: writeHead, configurable: true, writable: true });
}

/** Whether Node accepts a status and the message beside it, which HTTP/2 does not have. */
function accepts(res: NodeResponse, status: number, message: unknown): boolean {
  if ("stream" in res) return status >= 200 && status <= 599;
  const text = typeof message === "string" ? message : (res.statusMessage ?? "");
  return status >= 100 && status <= 999 && !/[^\t\x20-\x7e\x80-\xff]/.test(text);
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
    const value: unknown = pairs[at + 1];
    append(res, String(pairs[at]), ...(Array.isArray(value) ? value.map(String) : [String(value)]));
  }
}

function write(res: NodeResponse, { name, value, rule }: Line): void {
  if (rule === "append") append(res, name, value);
  else if (rule === "replace" || !res.hasHeader(name)) res.setHeader(name, value);
}

function append(res: NodeResponse, name: string, ...values: string[]): void {
  const held = res.getHeader(name) ?? [];
  const [first, ...others] = [...(Array.isArray(held) ? held : [String(held)]), ...values];
  if (first !== undefined) res.setHeader(name, others.length === 0 ? first : [first, ...others]);
}
