// Sealed cookies in `Request` and `Response`, in Hono's context, and over real HTTP: a sign-in at
// another site, beside a session.

import assert from "node:assert/strict";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { test } from "node:test";

import * as web from "../src/adapters/fetch.js";
import * as node from "../src/adapters/node.js";
import { Cookie, Denied, KeyRing, SealedCookie, Sessions, json, payload } from "../src/index.js";
import type { Session } from "../src/index.js";
import { serving, servingHttp2 } from "./http.js";
import { Client, Context, account, ada, browser } from "./support.js";
import type { Account } from "./support.js";

interface SignIn {
  state: string;
  verifier: string;
}

const RING = KeyRing.generate();
const SIGN_IN = payload({ purpose: "shop.example/sign-in", encoding: json<SignIn>() });
const FLASH = payload({ purpose: "shop.example/flash", encoding: json<string>() });

function applicationOf(overPlainHttp: boolean) {
  const named = (name: string) => new Cookie({ name, overPlainHttp, persistent: true });
  const cookie = new Cookie({ overPlainHttp });
  return {
    sessions: new Sessions({ ring: RING, payload: account, cookie, signInPage: "/begin" }),
    signIns: new SealedCookie({
      ring: RING,
      payload: SIGN_IN,
      cookie: named("sign-in"),
      lifetime: 600,
    }),
    flashes: new SealedCookie({ ring: RING, payload: FLASH, cookie: named("flash"), lifetime: 60 }),
  };
}

/** What the handlers of both adapters do. Returns the status and the body. */
type Route = (of: {
  readonly query: URLSearchParams;
  readonly session: Session<Account>;
  readonly signIn: ReturnType<typeof node.sealedOf<SignIn>>;
  readonly flash: ReturnType<typeof node.sealedOf<string>>;
}) => [number, string];

const ROUTES: Record<string, Route> = {
  "/untouched": () => [200, "hello"],
  "/begin": ({ signIn }) => {
    signIn.set({ state: "xyzzy", verifier: "plugh" });
    return [303, "https://id.example/authorize?state=xyzzy"];
  },
  "/callback": ({ query, session, signIn, flash }) => {
    const begun = signIn.take();
    if (begun === undefined || begun.state !== query.get("state")) return [400, "again"];
    session.start({ ...ada(), name: `${query.get("code")} ${begun.verifier}` });
    flash.set("You are signed in.");
    return [303, "/"];
  },
  "/": ({ session, flash }) => [200, `${flash.take() ?? "-"} ${session.data?.name ?? "guest"}`],
  "/peek": ({ signIn }) => [200, signIn.get()?.verifier ?? "none"],
  "/take-and-fail": ({ signIn, flash }) => {
    flash.set("not sent");
    return [signIn.take() === undefined ? 400 : 503, "sorry"];
  },
  "/take-and-throw": ({ signIn }) => {
    signIn.take();
    throw new Error("a bug");
  },
  "/take-and-deny": ({ signIn, session }) => {
    signIn.take();
    return [200, session.require().name];
  },
  "/take-and-update": ({ signIn, session }) => {
    signIn.take();
    session.update((state) => void (state.name = "Eve"));
    return [200, "updated"];
  },
  "/forbidden": ({ signIn }) => {
    signIn.take();
    throw Denied.forbidden();
  },
};

/** A way to send a request of a client to the application. */
type Send = (
  client: Client,
  path: string,
  init?: { method?: string; headers?: Record<string, string> },
) => Promise<{ status: number; body: string; headers: Headers; cookies: string[] }>;

/** The names of the cookies that a response sets (+) and deletes (-). */
function effects(cookies: readonly string[]): string {
  const named = cookies.map((line) => {
    const name = (line.split("=")[0] ?? "").replace("__Host-", "");
    return `${/; Max-Age=0(;|$)/.test(line) ? "-" : "+"}${name}`;
  });
  return named.sort().join(" ");
}

async function receive(client: Client, response: Response) {
  const cookies = response.headers.getSetCookie();
  for (const line of cookies) client.setCookie(line);
  const { status, headers } = response;
  const body = headers.get("location") ?? (await response.text());
  return { status, body, headers, cookies };
}

// --- the adapters ---

async function inFetch(run: (send: Send, prefix: string) => Promise<void>, order: "out" | "in") {
  const { sessions, signIns, flashes } = applicationOf(false);
  const respond = (request: Request, session: Session<Account>) => {
    const url = new URL(request.url);
    const [status, body] = ROUTES[url.pathname]!({
      query: url.searchParams,
      session,
      signIn: web.sealedOf(signIns, request),
      flash: web.sealedOf(flashes, request),
    });
    if (status === 303) return Response.redirect(new URL(body, url), 303);
    return new Response(body, { status });
  };
  const inside = web.withSession(sessions, respond);
  const handle =
    order === "in"
      ? web.withSealed(flashes, web.withSealed(signIns, inside))
      : web.withSession(sessions, (request, session) =>
          web.withSealed(
            signIns,
            web.withSealed(flashes, (request) => respond(request, session)),
          )(request),
        );
  await run(async (client, path, { method = "GET", headers = {} } = {}) => {
    const all = { ...Object.fromEntries(client.headers()), ...headers };
    const request = new Request(`https://shop.example${path}`, { method, headers: all });
    let response: Response;
    try {
      response = await handle(request);
    } catch {
      response = new Response("the framework's", { status: 500 });
    }
    return receive(client, response);
  }, "https://shop.example");
}

async function inHono(run: (send: Send, prefix: string) => Promise<void>, order: "out" | "in") {
  const { sessions, signIns, flashes } = applicationOf(false);
  const sealed = [web.sealedMiddleware(signIns), web.sealedMiddleware(flashes)];
  const session = web.sessionMiddleware(sessions);
  // A router inside the application has a middleware too.
  const all = order === "in" ? [...sealed, session, sealed[0]!] : [session, ...sealed, sealed[1]!];
  await run(async (client, path, { method = "GET", headers = {} } = {}) => {
    const sent = { ...Object.fromEntries(client.headers()), ...headers };
    const context = new Context(
      new Request(`https://shop.example${path}`, { method, headers: sent }),
    );
    const step = async (at: number): Promise<void> => {
      const middleware = all[at];
      if (middleware !== undefined) return middleware(context, () => step(at + 1));
      const url = new URL(context.req.raw.url);
      try {
        const [status, body] = ROUTES[url.pathname]!({
          query: url.searchParams,
          session: context.session!,
          signIn: web.sealedOf(signIns, context),
          flash: web.sealedOf(flashes, context),
        });
        context.res =
          status === 303
            ? Response.redirect(new URL(body, url), 303)
            : new Response(body, { status });
      } catch (error) {
        context.error = error as Error;
        context.res = new Response("Internal Server Error", { status: 500 });
      }
    };
    await step(0);
    return receive(client, context.res);
  }, "https://shop.example");
}

const overHttp =
  (base: string): Send =>
  async (client, path, { method = "GET", headers = {} } = {}) => {
    const all = { ...Object.fromEntries(client.headers()), ...headers };
    return receive(client, await fetch(base + path, { method, headers: all, redirect: "manual" }));
  };

async function inNode(run: (send: Send, prefix: string) => Promise<void>, order: "out" | "in") {
  const { sessions, signIns, flashes } = applicationOf(true);
  const respond = (req: IncomingMessage, res: ServerResponse, session: Session<Account>) => {
    const url = new URL(req.url ?? "/", "http://127.0.0.1");
    const [status, body] = ROUTES[url.pathname]!({
      query: url.searchParams,
      session,
      signIn: node.sealedOf(signIns, req),
      flash: node.sealedOf(flashes, req),
    });
    if (status === 303) res.writeHead(303, { Location: body }).end();
    else res.writeHead(status).end(body);
  };
  const quiet = { onError: () => {} };
  const inside = node.withSession(sessions, respond, quiet);
  const both = node.withSealed(flashes, node.withSealed(signIns, inside));
  // Express: middlewares, and an error middleware.
  const all = [
    node.sessionMiddleware(sessions),
    node.sealedMiddleware(signIns),
    node.sealedMiddleware(flashes),
    node.sealedMiddleware(signIns),
  ];
  const denied = node.deniedMiddleware(sessions);
  const express = (req: IncomingMessage, res: ServerResponse, at = 0): void => {
    const middleware = all[at];
    if (middleware !== undefined) return middleware(req, res, () => express(req, res, at + 1));
    try {
      respond(req, res, node.sessionOf(sessions, req));
    } catch (error) {
      denied(error, req, res, () => res.writeHead(500).end());
    }
  };
  const listener: RequestListener = order === "in" ? both : (req, res) => express(req, res);
  await serving(listener, (base) => run(overHttp(base), base));
}

const ADAPTERS: [string, (run: (send: Send, prefix: string) => Promise<void>) => Promise<void>][] =
  (["in", "out"] as const).flatMap((order) => [
    [`Request and Response, session ${order}side`, (run) => inFetch(run, order)],
    [`Hono, session ${order}side`, (run) => inHono(run, order)],
    [order === "in" ? "node:http" : "Express", (run) => inNode(run, order)],
  ]);

for (const [adapter, use] of ADAPTERS) {
  const isFetch = adapter.startsWith("Request");

  test(`${adapter}: a sign-in at another site, whose answer counts once`, () =>
    use(async (send) => {
      const client = browser();
      const begun = await send(client, "/begin");
      assert.deepEqual([begun.status, effects(begun.cookies)], [303, "+sign-in"]);
      assert.equal(begun.headers.get("location"), "https://id.example/authorize?state=xyzzy");
      assert.equal(begun.headers.get("cache-control"), "no-store");
      const [line = ""] = begun.cookies;
      assert.match(
        line,
        /sign-in=b1\.[\w-]+; HttpOnly; SameSite=Lax; (Secure; )?Path=\/; Max-Age=600$/,
      );

      // A browser without the cookie: an attacker has sent a user to the page.
      const back = "/callback?code=Ada&state=xyzzy";
      const victim = browser();
      const refused = await send(victim, back);
      assert.deepEqual([refused.status, refused.cookies], [400, []]);

      const copy = client.clone();
      const arrived = await send(client, back);
      assert.deepEqual(
        [arrived.status, effects(arrived.cookies)],
        [303, "+flash +session -sign-in"],
      );
      const first = await send(client, "/");
      assert.equal(first.body, "You are signed in. Ada plugh");
      assert.equal(effects(first.cookies), "-flash");
      const second = await send(client, "/");
      assert.deepEqual([second.body, second.cookies], ["- Ada plugh", []]);
      assert.equal((await send(client, back)).status, 400, "the answer is used up");

      // The state of another sign-in. The cookie is deleted anyway.
      const other = await send(copy, "/callback?code=Eve&state=other");
      assert.deepEqual([other.status, effects(other.cookies)], [400, "-sign-in"]);
    }));

  test(`${adapter}: a response depends on the cookie only if the handler reads it`, () =>
    use(async (send) => {
      const client = browser();
      await send(client, "/begin");
      const untouched = await send(client, "/untouched");
      assert.deepEqual([untouched.headers.get("vary"), untouched.cookies], [null, []]);
      assert.equal(untouched.headers.get("cache-control"), null);
      const peeked = await send(client, "/peek");
      assert.deepEqual([peeked.body, peeked.headers.get("vary")], ["plugh", "Cookie"]);
      assert.deepEqual(peeked.cookies, []);
    }));

  test(`${adapter}: a handler that fails sets nothing, and still deletes what it took`, () =>
    use(async (send) => {
      const table: [string, number, string][] = [
        ["/take-and-fail", 503, "-sign-in"],
        ["/take-and-throw", 500, isFetch ? "" : "-sign-in"], // the framework makes the response
        ["/take-and-deny", 401, "-sign-in"],
        ["/forbidden", 403, "-sign-in"],
        [
          "/take-and-update",
          401,
          isFetch && adapter.endsWith("outside") ? "" : "-sign-in", // as documented
        ],
      ];
      for (const [path, status, effect] of table) {
        const client = browser();
        await send(client, "/begin");
        const failed = await send(client, path, { method: "POST" });
        assert.deepEqual([failed.status, effects(failed.cookies)], [status, effect], path);
        assert.equal(failed.cookies.length, effect === "" ? 0 : 1, "one line for one cookie");
      }
    }));

  test(`${adapter}: a page on another origin neither takes nor sets`, () =>
    use(async (send, prefix) => {
      const client = browser();
      await send(client, "/begin");
      const evil = { method: "POST", headers: { origin: "https://evil.example" } };
      const taken = await send(client, "/take-and-fail", evil);
      assert.deepEqual([taken.status, taken.cookies], [403, []]);
      const set = await send(client, "/begin", evil);
      assert.deepEqual([set.status, set.cookies], [403, []]);
      assert.equal(set.headers.get("cache-control"), "no-store");
      const own = await send(client, "/begin", { method: "POST", headers: { origin: prefix } });
      assert.deepEqual([own.status, effects(own.cookies)], [303, "+sign-in"]);
    }));
}

// --- what is special about each adapter ---

const { signIns, flashes } = applicationOf(false);
const requestOf = (client = browser()) =>
  new Request("https://shop.example/", { headers: Object.fromEntries(client.headers()) });

test("a response that an application uses for several requests carries no value of another", async () => {
  const constant = new Response(null, { status: 204, headers: { "set-cookie": "own=1" } });
  const handle = web.withSealed(flashes, (request) => {
    web.sealedOf(flashes, request).set("secret");
    return constant;
  });
  for (let round = 0; round < 2; round += 1) {
    const cookies = (await handle(requestOf())).headers.getSetCookie();
    assert.equal(cookies.length, 2, "beside the application's cookie");
    assert.equal(cookies[0], "own=1");
  }
  assert.deepEqual(constant.headers.getSetCookie(), ["own=1"]);
  const error = await web.withSealed(flashes, (request) => {
    web.sealedOf(flashes, request).set("secret");
    return Response.error();
  })(requestOf());
  assert.equal(error.type, "error");
});

test("further arguments are passed on, and a value is loaded without a wrapper", async () => {
  class NextRequest extends Request {}
  const handle = web.withSealed(
    flashes,
    async (request: NextRequest, context: { params: Promise<{ id: string }> }) => {
      web.sealedOf(flashes, request).set((await context.params).id);
      return new Response("ok");
    },
  );
  const client = browser();
  const params = Promise.resolve({ id: "7" });
  await receive(client, await handle(new NextRequest("https://shop.example/"), { params }));
  const sealed = web.loadSealed(flashes, requestOf(client));
  assert.equal(sealed.take(), "7");
  const response = web.commitSealed(sealed, new Response("ok"));
  assert.equal(effects(response.headers.getSetCookie()), "-flash");
});

test("a route without the middleware, and one cookie for two values, are errors that say what to do", async () => {
  assert.throws(
    () => web.sealedOf(flashes, requestOf()),
    /__Host-flash.*wrap the handler in withSealed/,
  );
  assert.throws(
    () => node.sealedOf(flashes, {} as IncomingMessage),
    /__Host-flash.*add sealedMiddleware before the route/,
  );
  const again = applicationOf(false).flashes;
  const twice = /two Sessions or SealedCookies use the cookie __Host-flash: rename one/;
  await assert.rejects(
    web.withSealed(
      flashes,
      web.withSealed(again, () => new Response()),
    )(requestOf()),
    twice,
  );
  const clash = new Sessions({
    ring: RING,
    payload: account,
    cookie: new Cookie({ name: "flash" }),
  });
  const context = new Context(requestOf());
  await web.sealedMiddleware(flashes)(context, async () => {
    await assert.rejects(
      web.sessionMiddleware(clash)(context, async () => {}),
      twice,
    );
  });
  const errors: unknown[] = [];
  const listener = node.withSealed(
    flashes,
    node.withSealed(again, (_, res) => void res.end("not reached"), {
      onError: (error) => errors.push(error),
    }),
  );
  await serving(listener, async (base) => {
    const { status, body } = await overHttp(base)(browser(), "/");
    assert.deepEqual([status, body], [500, "Internal Server Error"]);
  });
  assert.match(String(errors), twice);
});

test("a handler that answers before it takes gets no value, and the cookie stays", async () => {
  const plain = applicationOf(true).flashes;
  const listener = node.withSealed(plain, (req, res) => {
    const flash = node.sealedOf(plain, req);
    if (req.url === "/set") flash.set("saved");
    else res.write("sent ");
    res.end(flash.take() ?? "nothing");
  });
  const kept = node.withSealed(plain, (req, res) => {
    node.sealedOf(plain, req).set("saved");
    res.end();
  });
  const client = browser();
  await serving(kept, async (base) => void (await overHttp(base)(client, "/")));
  assert.deepEqual([...client.kept.keys()], ["flash"]);
  await serving(listener, async (base) => {
    const late = await overHttp(base)(client, "/");
    assert.deepEqual([late.body, late.cookies], ["sent nothing", []]);
  });
  assert.deepEqual([...client.kept.keys()], ["flash"]);
});

test("two requests at once, as from a double click, get their own lines", async () => {
  const client = browser();
  const begun = web.loadSealed(signIns, requestOf(client));
  begun.set({ state: "a", verifier: "b" });
  await receive(client, web.commitSealed(begun, new Response()));
  const [one, two] = [requestOf(client), requestOf(client)].map((request) =>
    web.loadSealed(signIns, request),
  );
  assert.deepEqual(one?.take(), two?.take());
  for (const sealed of [one!, two!]) {
    const response = web.commitSealed(sealed, new Response());
    assert.equal(effects(response.headers.getSetCookie()), "-sign-in");
  }
});

test("a sealed cookie lives over HTTP/2", async () => {
  const listener = (req: node.NodeRequest, res: node.NodeResponse) => {
    const flash = node.loadSealed(flashes, req, res);
    if (req.url === "/set") flash.set("saved");
    res.end(req.url === "/set" ? "" : (flash.take() ?? "none"));
  };
  await servingHttp2(listener, async (ask) => {
    const { cookies } = await ask({ ":path": "/set" });
    const pair = cookies[0]?.split(";")[0] ?? "";
    const taken = await ask({ ":path": "/", cookie: ["a=1", pair] });
    assert.deepEqual([taken.body, effects(taken.cookies)], ["saved", "-flash"]);
  });
});
