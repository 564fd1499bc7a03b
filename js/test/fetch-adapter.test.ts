// The adapter for `Request` and `Response`, and for Hono's context.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  commitSession,
  loadSession,
  readSession,
  sessionMiddleware,
  withSession,
} from "../src/adapters/fetch.js";
import { KeyRing } from "../src/index.js";
import { Bearer, Cookie, Denied, Revocations, Sessions } from "../src/session/index.js";
import type { Session } from "../src/session/index.js";
import { Client, Context, STATE, account, ada, browser, effect } from "./support.js";
import type { Account } from "./support.js";

const revocations = new Revocations();
const ring = KeyRing.generate();
const sessions = new Sessions({
  ring,
  payload: account,
  cookie: new Cookie(),
  bearer: new Bearer(),
  revocations,
  subject: (state) => String(state.id),
  signInPage: "/sign-in",
});

type Route = (request: Request, session: Session<Account>) => Response | Promise<Response>;

const ROUTES: Record<string, Route> = {
  "/untouched": () => new Response("hello"),
  "/look": (_, session) => new Response(session.data?.name ?? "guest"),
  "/start": (_, session) => {
    session.start(ada());
    return new Response("started");
  },
  "/redirect": (_, session) => {
    session.start(ada());
    return Response.redirect("https://bank.example/", 303);
  },
  "/rename": (_, session) => {
    session.update((state) => void (state.name = "Countess"));
    return new Response("renamed", { headers: { "cache-control": "private", vary: "Accept" } });
  },
  "/fail": (_, session) => {
    session.start({ id: 7, name: "Eve" });
    return new Response("sorry", { status: 500 });
  },
  "/end-and-fail": (_, session) => {
    session.end();
    return new Response("sorry", { status: 500 });
  },
  "/end": (_, session) => {
    session.end();
    return new Response("bye");
  },
  "/required": (_, session) => new Response(session.require().name),
  "/forbidden": () => {
    throw Denied.forbidden();
  },
  "/bug": (_, session) => {
    session.start(ada());
    throw new Error("a bug");
  },
};

const handle = withSession(sessions, (request, session) => {
  const route = ROUTES[new URL(request.url).pathname];
  return route?.(request, session) ?? new Response("not found", { status: 404 });
});

function requestOf(client: Client, path: string, init: RequestInit = {}): Request {
  const headers = new Headers(init.headers);
  for (const [name, value] of client.headers()) headers.set(name, value);
  return new Request(`https://bank.example${path}`, { ...init, headers });
}

function receive(client: Client, response: Response): string {
  const before = new Map(client.kept);
  for (const line of response.headers.getSetCookie()) client.setCookie(line);
  for (const name of ["session-token", "session-renewal"]) {
    const value = response.headers.get(name);
    if (value !== null) client.take({ name, value, rule: "replace", sensitive: true });
  }
  const lines = [...client.kept].filter(([name, value]) => before.get(name) !== value);
  const removed = [...before.keys()].filter((name) => !client.kept.has(name));
  return [...lines.map(([name]) => `+${name}`), ...removed.map((name) => `-${name}`)].join(" ");
}

async function send(client: Client, path: string, init: RequestInit = { method: "POST" }) {
  const response = await handle(requestOf(client, path, init));
  const effects = receive(client, response);
  return { response, effects, body: await response.text() };
}

test("a session is started, read, changed and ended", async () => {
  const client = browser();
  const guest = await send(client, "/look", { method: "GET" });
  assert.deepEqual([guest.body, guest.effects], ["guest", ""]);
  const started = await send(client, "/start");
  assert.equal(started.effects, `+${STATE}`);
  assert.equal(started.response.headers.get("cache-control"), "no-store");
  assert.equal(started.response.headers.get("vary"), "Cookie, Authorization");
  const read = await send(client, "/look", { method: "GET" });
  assert.deepEqual([read.body, read.effects], ["Ada", ""]);
  const renamed = await send(client, "/rename");
  assert.equal(renamed.effects, `+${STATE}`);
  assert.equal(renamed.response.headers.get("cache-control"), "private", "the application's own");
  assert.equal(renamed.response.headers.get("vary"), "Accept, Cookie, Authorization");
  assert.equal((await send(client, "/look")).body, "Countess");
  assert.equal((await send(client, "/end")).effects, `-${STATE}`);
});

test("a route that does not read the session adds no header", async () => {
  const client = browser();
  await send(client, "/start");
  const { response } = await send(client, "/untouched");
  assert.deepEqual([...response.headers.keys()], ["content-type"]);
});

test("a redirect, whose headers cannot change, carries the session", async () => {
  const client = browser();
  const { response, effects } = await send(client, "/redirect");
  assert.deepEqual([response.status, effects], [303, `+${STATE}`]);
  assert.equal(response.headers.get("location"), "https://bank.example/");
});

test("the response of a WebSocket whose headers cannot change stays as it is", () => {
  const session = loadSession(sessions, requestOf(browser(), "/", { method: "POST" }));
  session.start(ada());
  const headers = Response.redirect("https://bank.example/").headers; // they cannot change
  const socket = { status: 101, headers } as Response;
  assert.equal(commitSession(session, socket), socket);
});

test("a server error discards changes, and a session that ended stays ended", async () => {
  const client = browser();
  await send(client, "/start");
  const failed = await send(client, "/fail");
  assert.deepEqual([failed.response.status, failed.effects], [500, ""]);
  assert.equal((await send(client, "/look")).body, "Ada");
  await assert.rejects(handle(requestOf(client, "/bug", { method: "POST" })), /a bug/);
  assert.equal((await send(client, "/end-and-fail")).effects, `-${STATE}`);
});

test("a refusal is a redirect for navigations and a status for scripts", async () => {
  const client = browser();
  const page = { method: "GET", headers: { "sec-fetch-mode": "navigate" } };
  const navigation = await send(client, "/required?a=b", page);
  assert.equal(navigation.response.status, 303);
  assert.equal(navigation.response.headers.get("location"), "/sign-in?next=/required%3Fa%3Db");
  assert.equal(navigation.response.headers.get("vary"), "Cookie, Authorization");
  assert.equal((await send(client, "/required")).response.status, 401);
  // A handler that changes a session that is not there is answered in the same way.
  assert.equal((await send(client, "/rename", page)).response.status, 303);
  assert.equal((await send(client, "/forbidden")).response.status, 403);
  await send(client, "/start");
  const evil = { method: "POST", headers: { "sec-fetch-site": "cross-site" } };
  const foreign = await send(client, "/required", evil);
  assert.deepEqual([foreign.response.status, foreign.effects], [403, ""]);
  assert.equal((await send(client, "/start", evil)).response.status, 403);
});

test("the origin is compared with the address if there is no header Host", async () => {
  const client = browser();
  await send(client, "/start");
  for (const [origin, name] of [
    ["https://bank.example", "Ada"],
    ["https://evil.example", "guest"],
  ] as const) {
    assert.equal((await send(client, "/look", { method: "POST", headers: { origin } })).body, name);
  }
});

test("a bearer client uses headers, and two credentials are none", async () => {
  const client = new Client("bearer");
  const session = loadSession(sessions, requestOf(client, "/", { method: "POST" }));
  session.start(ada(), { over: "bearer" });
  const response = commitSession(session, new Response("ok"));
  receive(client, response);
  assert.deepEqual([...client.kept.keys()].sort(), ["session-renewal", "session-token"]);
  assert.equal((await send(client, "/look")).body, "Ada");
  const token = client.kept.get("session-token");
  const headers = { authorization: `Bearer ${token}, Bearer ${token}` };
  const twice = await handle(new Request("https://bank.example/look", { headers }));
  assert.equal(await twice.text(), "guest");
});

test("the response leaves when the revocation has been passed on", async () => {
  const client = browser();
  await send(client, "/start");
  const copy = client.clone();
  let stored = 0;
  revocations.onAdd(async () => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    stored += 1;
  });
  await send(client, "/end");
  assert.equal(stored, 1);
  revocations.onAdd(() => {});
  assert.equal((await send(copy, "/look")).body, "guest");
});

test("a session is read without a response", async () => {
  const client = browser();
  await send(client, "/start");
  assert.equal(readSession(sessions, requestOf(client, "/")).data?.name, "Ada");
  const headers = new Headers([...client.headers()]);
  assert.equal(readSession(sessions, headers).data?.name, "Ada");
  // The headers of Next.js have a member `headers`.
  const next = { headers, get: (name: string) => headers.get(name) };
  assert.equal(readSession(sessions, next).data?.name, "Ada");
  const evil = requestOf(client, "/", {
    method: "POST",
    headers: { "sec-fetch-site": "cross-site" },
  });
  assert.equal(readSession(sessions, evil).data, undefined);
});

test("the middleware for Hono writes the session and answers refusals", async () => {
  const middleware = sessionMiddleware(sessions);
  const run = async (client: Client, handler: Route) => {
    const context = new Context(requestOf(client, "/", { method: "POST" }));
    await middleware(context, async () => {
      try {
        context.res = await handler(context.req.raw, context.session!);
      } catch (error) {
        context.error = error as Error;
        context.res = new Response("Internal Server Error", {
          status: 500,
          headers: { "x-old": "1" },
        });
      }
    });
    receive(client, context.res);
    return context.res;
  };
  const client = browser();
  assert.equal((await run(client, ROUTES["/start"]!)).status, 200);
  assert.equal(await (await run(client, ROUTES["/look"]!)).text(), "Ada");
  assert.equal((await run(client, ROUTES["/redirect"]!)).status, 303);
  const denied = await run(browser(), ROUTES["/required"]!);
  assert.deepEqual([denied.status, await denied.text()], [401, "Sign in first."]);
  assert.equal(denied.headers.get("x-old"), null);
  assert.equal((await run(browser(), ROUTES["/rename"]!)).status, 401);
  const bug = await run(browser(), ROUTES["/bug"]!);
  assert.deepEqual([bug.status, bug.headers.getSetCookie()], [500, []]);
});

test("a response that has left cannot be changed", () => {
  const session = loadSession(sessions, requestOf(browser(), "/", { method: "POST" }));
  session.start(ada());
  const lines = [...session.commit()];
  assert.equal(effect(lines), "+state");
  assert.throws(
    () => session.start(ada()),
    (error) => (error as { code: string }).code === "response-sent",
  );
});
