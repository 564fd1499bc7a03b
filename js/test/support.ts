// A client that stores cookies or headers, and other helpers of the tests.

import type { HonoContext } from "../src/adapters/fetch.js";
import { KeyRing, Key, json, payload } from "../src/index.js";
import type { Line, Session, Sessions } from "../src/session/index.js";

/** The instant at which tests begin: 2026-12-01T12:00:00Z. */
export const T0 = 1_796_126_400;

export const STATE = "__Host-session";
export const RENEWAL = "__Host-session-renewal";

export interface Account {
  id: number;
  name: string;
}

export const account = payload({
  purpose: "bank.example/session",
  encoding: json<Account>(),
});

export const ada = (): Account => ({ id: 1815, name: "Ada" });
export const alan = (): Account => ({ id: 1912, name: "Alan" });

/** The text of a new key, as one line of a ring. */
export function keyText(): string {
  return Key.generate().exposeText();
}

export function ring(...lines: string[]): KeyRing {
  return KeyRing.parse(lines.join("\n"));
}

/** A client with its stored tokens. It uses either cookies or headers. */
export class Client {
  kept: Map<string, string>;
  readonly over: "cookie" | "bearer";

  constructor(over: "cookie" | "bearer" = "cookie", kept: Iterable<[string, string]> = []) {
    this.over = over;
    this.kept = new Map(kept);
  }

  clone(): Client {
    return new Client(this.over, this.kept);
  }

  headers(): Map<string, string> {
    const headers = new Map<string, string>();
    const { kept } = this;
    if (this.over === "cookie") {
      if (kept.size > 0) headers.set("cookie", [...kept].map((pair) => pair.join("=")).join("; "));
      return headers;
    }
    for (const [name, value] of kept) {
      if (name === "session-token") headers.set("authorization", `Bearer ${value}`);
      else headers.set(name, value);
    }
    return headers;
  }

  /** The session of a request that the client sends at `now`, or at the time of the clock. */
  send<T>(sessions: Sessions<T>, now?: number, method = "POST"): Session<T> {
    const headers = this.headers();
    const values = (name: string) => {
      const value = headers.get(name);
      return value === undefined ? [] : [value];
    };
    return sessions.load({ method, values }, now === undefined ? {} : { now });
  }

  /** Commits the session, and stores the tokens of the response in the client. */
  receive<T>(session: Session<T>): Line[] {
    const lines = [...session.commit()];
    for (const line of lines) this.take(line);
    return lines;
  }

  take({ name, value, sensitive }: Line): void {
    if (name === "set-cookie") this.setCookie(value);
    else if (sensitive && value === "") this.kept.delete(name);
    else if (sensitive) this.kept.set(name, value);
  }

  setCookie(line: string): void {
    const [pair = ""] = line.split(";");
    const at = pair.indexOf("=");
    const name = pair.slice(0, at);
    if (/; Max-Age=0(;|$)/.test(line)) this.kept.delete(name);
    else this.kept.set(name, pair.slice(at + 1));
  }

  /** Sends one request and receives its response. */
  visit<T, R>(sessions: Sessions<T>, now: number, handler: (session: Session<T>) => R): R {
    const session = this.send(sessions, now);
    const result = handler(session);
    this.receive(session);
    return result;
  }

  signedIn<T>(sessions: Sessions<T>, now: number | undefined, state: T): this {
    const session = this.send(sessions, now);
    session.start(state, { over: this.over });
    this.receive(session);
    return this;
  }
}

export const browser = (): Client => new Client("cookie");
export const mobile = (): Client => new Client("bearer");

/** The effect of a response on the client's tokens, such as `+state -renewal`. */
export function effect(lines: readonly Line[]): string {
  const effects = lines
    .filter((line) => line.sensitive)
    .map(({ name, value }) => {
      const isCookie = name === "set-cookie";
      const removes = isCookie ? value.includes("Max-Age=0") : value === "";
      const token = isCookie ? (value.split("=")[0] ?? "") : name;
      return `${removes ? "-" : "+"}${token.endsWith("renewal") ? "renewal" : "state"}`;
    });
  return effects.join(" ");
}

/** The code with which `run` fails. `undefined` if it succeeds. */
export function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** As Hono's context: a response that is set takes the headers of the one before. */
export class Context implements HonoContext {
  readonly req: { raw: Request };
  error: Error | undefined;
  session: Session<Account> | undefined;
  #response: Response | undefined;

  constructor(request: Request) {
    this.req = { raw: request };
  }

  get res(): Response {
    return (this.#response ??= new Response("not found", { status: 404 }));
  }

  set res(response: Response | undefined) {
    if (response !== undefined && this.#response !== undefined) {
      response = new Response(response.body, response);
      for (const [name, value] of this.#response.headers) response.headers.set(name, value);
    }
    this.#response = response;
  }

  set(_: "session", session: unknown): void {
    this.session = session as Session<Account>;
  }
}

/** `alive`, `absent`, `ended`, or why the session is refused. */
export function statusOf({ status }: Session<Account>): string {
  return status.kind === "refused" ? status.refusal.code : status.kind;
}
