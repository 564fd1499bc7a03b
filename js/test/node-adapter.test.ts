// The adapter for Node: an application over real HTTP, with fetch and with curl.

import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { get } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import {
  deniedMiddleware,
  followRevocations,
  loadSession,
  readSession,
  sessionMiddleware,
  sessionOf,
  withSession,
} from "../src/adapters/node.js";
import type { NodeRequest, NodeResponse } from "../src/adapters/node.js";
import { KeyRing } from "../src/index.js";
import { Bearer, Cookie, Policy, Sessions } from "../src/session/index.js";
import type { Session } from "../src/session/index.js";
import { serving, servingHttp2 } from "./http.js";
import { Client, account, ada, browser } from "./support.js";
import type { Account } from "./support.js";

const ring = KeyRing.generate();
const COOKIE = new Cookie({ overPlainHttp: true });

function sessionsOf(signInPage?: string): Sessions<Account> {
  const page = signInPage === undefined ? {} : { signInPage };
  return new Sessions({ ring, payload: account, cookie: COOKIE, bearer: new Bearer(), ...page });
}

async function send(
  client: Client,
  url: string,
  method = "POST",
  more: Record<string, string> = {},
) {
  const headers = { ...Object.fromEntries(client.headers()), ...more };
  const response = await fetch(url, { method, headers, redirect: "manual" });
  for (const line of response.headers.getSetCookie()) client.setCookie(line);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

type Handler = (
  req: IncomingMessage,
  res: ServerResponse,
  session: Session<Account>,
) => void | Promise<void>;

const ROUTES: Record<string, Handler> = {
  "/untouched": (_, res) => void res.end("hello"),
  "/look": (_, res, session) => void res.end(session.data?.name ?? "guest"),
  "/start": (_, res, session) => {
    session.start(ada());
    res.end("started");
  },
  "/rename": (_, res, session) => {
    session.update((state) => void (state.name += "!"));
    res.writeHead(201, "Renamed", { "Cache-Control": "private", Vary: "Accept", "X-Own": "1" });
    res.end("renamed");
  },
  "/raw": (_, res, session) => {
    session.update((state) => void (state.name += "?"));
    const raw = ["Set-Cookie", "a=1", "Set-Cookie", "b=2", "X-Own", "2"];
    res.writeHead(200, raw).end("raw");
  },
  "/end": (_, res, session) => {
    session.end();
    res.writeHead(204).end();
  },
  "/fail": (_, res, session) => {
    session.start({ id: 7, name: "Eve" });
    res.statusCode = 503;
    res.end();
  },
  "/late": (_, res, session) => {
    res.write("sent");
    try {
      session.start(ada());
    } catch (error) {
      res.end(`, ${(error as { code: string }).code}`);
    }
  },
  "/required": (_, res, session) => void res.end(session.require().name),
  "/bug": async (_, __, session) => {
    session.start(ada());
    await Promise.resolve();
    throw new Error("a bug");
  },
};

const route: Handler = (req, res, session) => {
  const path = (req.url ?? "/").split("?")[0] ?? "/";
  return ROUTES[path]?.(req, res, session);
};

test("a session lives over real HTTP", async () => {
  const errors: unknown[] = [];
  const handler = withSession(sessionsOf("/sign-in"), route, {
    onError: (error) => errors.push(error),
  });
  await serving(handler, async (base) => {
    const client = browser();
    const untouched = await send(client, `${base}/untouched`);
    assert.deepEqual([untouched.body, untouched.headers.get("vary")], ["hello", null]);
    assert.equal((await send(client, `${base}/look`)).body, "guest");
    const started = await send(client, `${base}/start`);
    assert.deepEqual([...client.kept.keys()], ["session"]);
    assert.equal(started.headers.get("cache-control"), "no-store");
    assert.equal((await send(client, `${base}/look`)).body, "Ada");

    const renamed = await send(client, `${base}/rename`);
    assert.equal(renamed.status, 201);
    assert.equal(renamed.headers.get("cache-control"), "private", "the application's own");
    assert.equal(renamed.headers.get("vary"), "Accept, Cookie, Authorization");
    assert.equal(renamed.headers.get("x-own"), "1");
    assert.equal((await send(client, `${base}/look`)).body, "Ada!");
    const raw = await send(client, `${base}/raw`);
    assert.equal(raw.headers.getSetCookie().length, 3, "beside the application's cookies");
    assert.equal((await send(client, `${base}/look`)).body, "Ada!?");

    const before = new Map([...client.kept].filter(([name]) => name === "session"));
    assert.equal((await send(client, `${base}/fail`)).status, 503);
    assert.equal(client.kept.get("session"), before.get("session"), "changes are discarded");
    assert.equal((await send(client, `${base}/late`)).body, "sent, response-sent");
    assert.deepEqual((await send(client, `${base}/bug`)).body, "Internal Server Error");
    assert.equal(client.kept.get("session"), before.get("session"));
    assert.equal(errors.length, 1);

    const evil = { origin: "http://evil.example" };
    assert.equal((await send(client, `${base}/required`, "POST", evil)).status, 403);
    const same = await send(client, `${base}/required`, "POST", { origin: base });
    assert.equal(same.body, "Ada!?");
    assert.equal((await send(client, `${base}/end`)).status, 204);
    assert.ok(!client.kept.has("session"));

    // `fetch` sends its own header `Sec-Fetch-Mode`.
    const headers = { "sec-fetch-mode": "navigate" };
    const page = await new Promise<IncomingMessage>((resolve) => {
      get(`${base}/required?a=b`, { headers }, resolve);
    });
    assert.equal(page.statusCode, 303);
    assert.equal(page.headers.location, "/sign-in?next=/required%3Fa%3Db");
    page.resume();
    assert.equal((await send(client, `${base}/rename`)).status, 401);
  });
});

test(
  "curl keeps the session in its jar and deletes it",
  { skip: spawnSync("curl").error !== undefined },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "bulla-js-"));
    const script = join(folder, "curl.sh");
    // The server runs in this process, so curl must not block it.
    writeFileSync(script, 'curl -sS -b "$1/jar" -c "$1/jar" -X POST "$2"\n');
    const curl = (url: string) =>
      new Promise<string>((resolve, reject) => {
        execFile("sh", [script, folder, url], (error, out) =>
          error ? reject(error) : resolve(out),
        );
      });
    try {
      await serving(withSession(sessionsOf(), route), async (base) => {
        assert.equal(await curl(`${base}/look`), "guest");
        assert.equal(await curl(`${base}/start`), "started");
        assert.equal(await curl(`${base}/look`), "Ada");
        assert.equal(await curl(`${base}/rename`), "renamed");
        assert.equal(await curl(`${base}/look`), "Ada!");
        assert.match(readFileSync(join(folder, "jar"), "utf8"), /session\tb1\./);
        await curl(`${base}/end`);
        assert.equal(await curl(`${base}/look`), "guest");
        assert.doesNotMatch(readFileSync(join(folder, "jar"), "utf8"), /b1\./);
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test("the middleware of Express shares one session among nested routers", async () => {
  const sessions = sessionsOf();
  const middlewares = [sessionMiddleware(sessions), sessionMiddleware(sessions)];
  const denied = deniedMiddleware(sessions);
  const listener = (req: IncomingMessage, res: ServerResponse) => {
    const step = (at: number, error?: unknown): void => {
      const middleware = middlewares[at];
      const fails = (why: unknown) => denied(why, req, res, () => res.writeHead(500).end());
      if (error !== undefined) return fails(error);
      if (middleware !== undefined) return middleware(req, res, (why) => step(at + 1, why));
      try {
        void route(req, res, sessionOf(sessions, req));
      } catch (why) {
        fails(why);
      }
    };
    step(0);
  };
  await serving(listener, async (base) => {
    const client = browser();
    assert.equal((await send(client, `${base}/required`)).status, 401);
    const started = await send(client, `${base}/start`);
    assert.equal(started.headers.getSetCookie().length, 1);
    assert.equal((await send(client, `${base}/required`)).body, "Ada");
  });
  const other = sessionsOf();
  assert.throws(() => sessionOf(other, {} as NodeRequest), /add sessionMiddleware/);
  // Other sessions in the same cookie would delete the first one's token.
  await serving(
    (req, res) => {
      middlewares[0]?.(req, res, () => {
        sessionMiddleware(other)(req, res, (error) => res.end(String(error)));
      });
    },
    async (base) => {
      const { body } = await send(browser(), base);
      assert.equal(body, "Error: two Sessions or SealedCookies use the cookie session: rename one of them");
    },
  );
});

test("a bearer client is renewed over HTTP", async () => {
  let now = 1_796_126_400;
  const sessions = new Sessions({
    ring,
    payload: account,
    bearer: new Bearer(),
    policy: Policy.highValue(),
    clock: () => now,
  });
  await serving(withSession(sessions, route), async (base) => {
    const start = await fetch(`${base}/start`, { method: "POST" });
    const authorization = `Bearer ${start.headers.get("session-token")}`;
    const look = async (renewal: string | null) => {
      const headers = {
        authorization,
        ...(renewal === null ? {} : { "session-renewal": renewal }),
      };
      const response = await fetch(`${base}/look`, { headers });
      return [await response.text(), response.headers.get("session-renewal")] as const;
    };
    let renewal = start.headers.get("session-renewal");
    for (let round = 0; round < 10; round += 1) {
      now += 200;
      const [name, next] = await look(renewal);
      assert.equal(name, "Ada");
      renewal = next;
    }
    assert.equal((await look(start.headers.get("session-renewal")))[0], "guest");
  });
});

test("a session is read without a response", async () => {
  const sessions = sessionsOf();
  const client = browser().signedIn(sessions, undefined, ada());
  await serving(
    (req, res) => void res.end(readSession(sessions, req).data?.name ?? "guest"),
    async (base) => {
      assert.equal((await send(client, base, "GET")).body, "Ada");
    },
  );
});

test("a session lives over HTTP/2", async () => {
  const sessions = sessionsOf();
  const listener = (req: NodeRequest, res: NodeResponse) => {
    const session = loadSession(sessions, req, res);
    if (req.url === "/start") session.start(ada());
    res.end(session.data?.name ?? "guest");
  };
  await servingHttp2(listener, async (ask, base) => {
    const post = (path: string, more = {}) => ask({ ":path": path, ":method": "POST", ...more });
    const { cookies } = await post("/start");
    const cookie = cookies[0]?.split(";")[0] ?? "";
    assert.equal((await post("/", { cookie })).body, "Ada");
    assert.equal((await post("/", { cookie, origin: base })).body, "Ada", "compared with :authority");
    assert.equal((await post("/", { cookie, origin: "http://evil.example" })).body, "guest");
  });
});

test("two processes share their revocations in a file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bulla-js-"));
  const path = join(folder, "revoked");
  const errors: string[] = [];
  const follow = () =>
    followRevocations(path, { interval: 10, onError: (error) => errors.push(error.message) });
  const settled = () => new Promise((resolve) => setTimeout(resolve, 60));
  const [here, there] = [follow(), follow()];
  const line = (digit: string) => `session ${digit.repeat(32)} until=2099-01-01T00:00:00Z`;
  const add = (of: typeof here, digit: string) =>
    of.revocations.add({ kind: "session", id: digit.repeat(32), until: 4_070_908_800 });
  try {
    assert.ok(add(here, "1"));
    assert.equal(readFileSync(path, "utf8"), `${line("1")}\n`, "it is there at once");
    await settled();
    assert.equal(there.revocations.size, 1);
    // A crash has cut a line, and a newer release has written another kind of line.
    appendFileSync(path, "\n# a comment\ndevice 7\nsession 22");
    assert.ok(add(there, "3"));
    await settled();
    assert.equal(here.revocations.size, 2);
    assert.equal(
      errors.filter((error) => /line 4 of .* is not a revocation/.test(error)).length,
      2,
    );
    // Another process replaces the file, and has not seen the last line.
    writeFileSync(`${path}.new`, `${line("1")}\n${line("4")}\n`);
    renameSync(`${path}.new`, path);
    await settled();
    assert.deepEqual([here.revocations.size, there.revocations.size], [3, 3]);
    assert.equal(readFileSync(path, "utf8"), `${line("1")}\n${line("4")}\n${line("3")}\n`);
    assert.ok((here.revocations.confirmedAt ?? 0) > 1_700_000_000);
    // A process that starts later reads them all.
    const later = follow();
    assert.equal(later.revocations.size, 3);
    later.stop();
  } finally {
    here.stop();
    there.stop();
    rmSync(folder, { recursive: true });
  }
  assert.throws(() => followRevocations(join(folder, "none", "revoked")));
});
