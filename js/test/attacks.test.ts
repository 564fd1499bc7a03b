// What an attacker, a careless application or a failing server could do to a session.

import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import { connect } from "node:net";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { loadSession, sessionMiddleware, withSession } from "../src/adapters/fetch.js";
import * as node from "../src/adapters/node.js";
import { sha256 } from "../src/primitives.js";
import { toBase64url } from "../src/bytes.js";
import { KeyRing, PayloadError, Sealer, json, readUnverified } from "../src/index.js";
import {
  Bearer,
  BearerError,
  Cookie,
  Policy,
  Revocations,
  Sessions,
} from "../src/session/index.js";
import { serving, servingHttp2 } from "./http.js";
import { Client, Context, STATE, T0, account, ada, browser, codeOf, effect } from "./support.js";
import type { Account } from "./support.js";

const ring = KeyRing.generate();
const sessions = new Sessions({ ring, payload: account });
const plain = new Sessions({ ring, payload: account, cookie: new Cookie({ overPlainHttp: true }) });

function requestOf(client: Client, headers: Record<string, string> = {}): Request {
  const all = { ...Object.fromEntries(client.headers()), ...headers };
  return new Request("https://bank.example/", { method: "POST", headers: all });
}

/** All bytes that the server sends for one request. */
function rawly(base: string, cookie = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = connect(Number(new URL(base).port), "127.0.0.1");
    socket.on("data", (bytes) => (received += bytes.toString("latin1")));
    socket.on("end", () => resolve(received));
    socket.on("close", () => resolve(received));
    socket.on("error", reject);
    const lines = ["POST / HTTP/1.1", "Host: bank.example", "Connection: close"];
    if (cookie !== "") lines.push(`Cookie: ${cookie}`);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  });
}

test("a response that an application uses for several requests carries no session of another", async () => {
  const constant = new Response(null, { status: 204 });
  const handle = withSession(sessions, (_, session) => {
    if (session.data === undefined) session.start(ada());
    return constant;
  });
  const first = await handle(requestOf(browser()));
  const second = await handle(requestOf(browser()));
  assert.equal(first.headers.getSetCookie().length, 1);
  assert.equal(second.headers.getSetCookie().length, 1);
  assert.deepEqual(constant.headers.getSetCookie(), []);
  assert.equal(constant.headers.get("vary"), null);
});

test("a response that is a network error leaves without the session, and without a RangeError", async () => {
  const handle = withSession(sessions, (_, session) => {
    session.start(ada());
    return Response.error();
  });
  assert.equal((await handle(requestOf(browser()))).type, "error");
});

test("a second middleware for Hono in a sub-application does not undo a sign-in", async () => {
  const client = browser().signedIn(sessions, Math.floor(Date.now() / 1000) - 86_400, ada());
  const context = new Context(requestOf(client));
  await sessionMiddleware(sessions)(context, async () => {
    // A middleware between the two looks at the session, whose deadline has passed.
    assert.equal(context.session!.data, undefined);
    await sessionMiddleware(sessions)(context, async () => {
      context.session!.start(ada());
      context.res = new Response("welcome");
    });
  });
  const states = context.res.headers.getSetCookie().filter((line) => line.startsWith(`${STATE}=`));
  assert.equal(states.length, 1);
  assert.doesNotMatch(states[0]!, /Max-Age=0/);
});

test("two Sessions with the same cookie cannot both handle a request of Hono", async () => {
  const other = new Sessions({ ring, payload: account });
  const context = new Context(requestOf(browser()));
  await assert.rejects(
    sessionMiddleware(sessions)(context, () =>
      sessionMiddleware(other)(context, () => Promise.resolve()),
    ),
    /two Sessions or SealedCookies use the cookie __Host-session/,
  );
});

test("a failed gRPC call changes no session, as in Rust", async () => {
  const handle = withSession(sessions, (request, session) => {
    session.start(ada());
    const status = request.headers.get("x-status") ?? "";
    return new Response(null, { headers: { "grpc-status": status } });
  });
  for (const [status, count] of [["13", 0], ["0", 1], ["5", 1]] as const) {
    const response = await handle(requestOf(browser(), { "x-status": status }));
    assert.equal(response.headers.getSetCookie().length, count, status);
  }
  const listener = node.withSession(plain, (_, res, session) => {
    session.start(ada());
    res.writeHead(200, { "grpc-status": "2" }).end();
  });
  await serving(listener, async (base) => {
    assert.doesNotMatch(await rawly(base), /set-cookie/i);
  });
});

test("of several renewal headers in fetch, the first counts, as in Rust", () => {
  const mobile = new Sessions({ ring, payload: account, bearer: new Bearer() });
  const client = new Client("bearer").signedIn(mobile, T0, ada());
  const request = requestOf(client);
  request.headers.append("session-renewal", "x");
  const session = loadSession(mobile, request, { now: T0 + 29 * 60 });
  assert.equal(session.data?.name, "Ada");
  session.update((state) => void (state.name = "Countess"));
  assert.equal(effect([...session.commit()]), "+state");
});

test("the response to an error does not keep the length of another body", async () => {
  const listener = node.withSession(
    plain,
    (_, res) => {
      res.setHeader("content-length", "2");
      res.setHeader("content-encoding", "gzip");
      res.setHeader("etag", '"1"');
      throw new Error("a bug");
    },
    { onError: () => {} },
  );
  await serving(listener, async (base) => {
    const [head = "", body] = (await rawly(base)).split("\r\n\r\n");
    assert.match(head, /^HTTP\/1.1 500 /);
    assert.doesNotMatch(head, /content-length: 2\r|content-encoding|etag/i);
    assert.match(body ?? "", /Internal Server Error/);
  });
});

test("a response that an error cuts off does not look complete", async () => {
  const listener = node.withSession(
    plain,
    async (_, res) => {
      res.write("the first half");
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new Error("a bug");
    },
    { onError: () => {} },
  );
  await serving(listener, async (base) => {
    await assert.rejects(fetch(base).then((response) => response.text()));
  });
});

test("an error after the end of a response does not cut it off", async () => {
  const listener = node.withSession(
    plain,
    (_, res) => {
      res.end("x".repeat(1_000_000));
      throw new Error("a bug");
    },
    { onError: () => {} },
  );
  await serving(listener, async (base) => {
    const response = await fetch(base);
    assert.equal((await response.text()).length, 1_000_000);
  });
});

test("a sign-out reaches the client although the response was refused first", async () => {
  const client = browser().signedIn(plain, undefined, ada());
  const listener = node.withSession(
    plain,
    (_, res, session) => {
      session.end();
      res.writeHead(200, { "x-own": "line\nbreak" }).end("bye");
    },
    { onError: () => {} },
  );
  await serving(listener, async (base) => {
    const received = await rawly(base, client.headers().get("cookie"));
    assert.match(received, /^HTTP\/1.1 500 /);
    assert.match(received, /set-cookie: session=;[^\r]*Max-Age=0/i);
  });
});

test("a status that Node refuses does not send the changes with the 500", async () => {
  const listener = node.withSession(
    plain,
    (_, res, session) => {
      session.start(ada());
      res.writeHead(42).end("hello");
    },
    { onError: () => {} },
  );
  await serving(listener, async (base) => {
    const received = await rawly(base);
    assert.match(received, /^HTTP\/1.1 500 /);
    assert.doesNotMatch(received, /set-cookie/i);
  });
});

test("several cookies in one entry of raw headers stay several", async () => {
  const listener = node.withSession(plain, (_, res) => {
    res.writeHead(200, ["Set-Cookie", ["a=1", "b=2"], "X-Own", "1"] as unknown as string[]).end();
  });
  await serving(listener, async (base) => {
    const received = await rawly(base);
    assert.match(received, /Set-Cookie: a=1\r\n/i);
    assert.match(received, /Set-Cookie: b=2\r\n/i);
  });
});

test("a response that Node refuses carries no session, and the process lives on", async () => {
  const table: [what: string, act: (res: ServerResponse) => void][] = [
    ["a message", (res) => void res.writeHead(200, "Hello, \u{1f600}").end()],
    ["a message of its own", (res) => void Object.assign(res, { statusMessage: "a\n" }).end()],
    ["a header", (res) => void res.writeHead(200, { "x-a": "\n" }).end()],
    ["a status", (res) => void res.writeHead(99).end()],
  ];
  for (const [what, act] of table) {
    const errors: unknown[] = [];
    const listener = node.withSession(
      plain,
      (_, res, session) => {
        session.start(ada());
        act(res);
      },
      { onError: (error) => errors.push(error) },
    );
    await serving((req, res) => void listener(req, res), async (base) => {
      const received = await rawly(base);
      assert.match(received, /^HTTP\/1.1 500 Internal Server Error\r\n/, what);
      assert.doesNotMatch(received, /set-cookie/i, what);
      assert.equal(errors.length, 1, what);
    });
  }
});

test("a session that ends is deleted although HTTP/2 refuses a status", async () => {
  const listener = node.withSession(
    plain,
    (_, res: Http2ServerResponse, session) => {
      session.end();
      res.writeHead(101).end();
    },
    { onError: () => undefined },
  );
  await servingHttp2((req, res) => void listener(req as never, res), async (ask) => {
    const { headers } = await ask({ ":method": "POST" });
    assert.equal(headers[":status"], 500);
    assert.match(String(headers["set-cookie"]), /^session=; .*Max-Age=0/);
  });
});

test("an event handler that throws does not keep a session from ending", () => {
  const loud = new Sessions({
    ring,
    payload: account,
    onEvent: () => {
      throw new Error("the metrics are down");
    },
  });
  const client = browser().signedIn(sessions, T0, ada());
  const session = client.send(loud, T0);
  session.end();
  assert.equal(effect([...session.commit()]), "-state");
});

test("an asynchronous event handler that fails does not end the process", async () => {
  const failed: unknown[] = [];
  const listen = (error: unknown) => void failed.push(error);
  process.on("unhandledRejection", listen);
  const loud = new Sessions({
    ring,
    payload: account,
    onEvent: async () => {
      throw new Error("the metrics are down");
    },
  });
  const client = browser().signedIn(sessions, T0, ada());
  // Any client can send a token that is refused.
  client.kept.set(STATE, `${client.kept.get(STATE)}A`);
  assert.equal(client.send(loud, T0).status.kind, "refused");
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off("unhandledRejection", listen);
  assert.deepEqual(failed, []);
});

test("an id that JavaScript cannot hold is refused instead of becoming another id", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const encoding = json<unknown>();
  // Rust writes a u64 as an integer. Two ids of users must not become the same number.
  for (const text of [
    "9007199254740993",
    '{"id":9007199254740993}',
    '{"id": -9007199254740993}',
    "[1152921504606846977]",
    "18446744073709551615",
    "1000000000000000000000000",
  ]) {
    assert.throws(() => encoding.decode(bytes(text)), PayloadError, text);
  }
  for (const value of [2 ** 53 - 1, -(2 ** 53), 2 ** 53, 2 ** 60, 1e20, 1e21, 0.1, 1.5e300]) {
    assert.equal(encoding.decode(encoding.encode(value)), value);
  }
  for (const text of ["9007199254740993.0", '"9007199254740993"', "-0", "1e20"]) {
    encoding.decode(bytes(text));
  }
});

test("a state with the member __proto__ changes no prototype", () => {
  const session = sessions.load({ method: "POST", values: () => [] }, { now: T0 });
  session.start(JSON.parse('{"id":1,"name":"x","__proto__":{"isAdmin":true}}') as Account);
  session.update((state) => void (state.name = "y"));
  assert.equal((session.data as { isAdmin?: boolean }).isAdmin, undefined);
  assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
});

test("a setting that is not a number does not switch a check off", () => {
  const revalidate = () => "over" as const;
  const of = (revalidateAfter: number) =>
    new Sessions({ ring, payload: account, revalidate, revalidateAfter });
  assert.throws(() => of(Number.NaN), TypeError);
  assert.throws(() => of(-1), TypeError);
  of(0);
  assert.throws(() => new Policy({ touchThreshold: Number.NaN }), TypeError);
});

test("a setting of a policy that is undefined keeps the old one", () => {
  const none = {} as { idleTimeout?: number };
  const { idleTimeout } = none;
  const policy = Policy.highValue().with({ idleTimeout } as object);
  assert.equal(policy.idleTimeout, 300);
});

test("the headers of DPoP are not the headers of a session, as in Rust", () => {
  for (const name of ["dpop", "dpop-nonce"]) {
    assert.throws(() => new Bearer({ token: name }), BearerError);
    assert.throws(() => new Bearer({ renewal: name }), BearerError);
  }
});

test("pieces with bytes outside ASCII are joined, as in Rust", () => {
  const split = new Sessions({ ring, payload: account, cookie: new Cookie({ split: true }) });
  const [one, two] = ["b1.\xe9", "A".repeat(100)];
  const token = Uint8Array.from(one + two, (character) => character.charCodeAt(0));
  const digest = toBase64url(sha256(token).subarray(0, 6));
  const cookie = `${STATE}=p1.02.${digest}.${one}; ${STATE}-1=p1.12.${digest}.${two}`;
  const values = (name: string) => (name === "cookie" ? [cookie] : []);
  const { status } = split.load({ method: "GET", values }, { now: T0 });
  assert.deepEqual(status.kind === "refused" && status.refusal.code, "encoding");
});

test("each request that waits for the store learns that it failed", async () => {
  const list = new Revocations();
  let fail = (_: Error): void => {};
  list.onAdd(() => new Promise((_, reject) => (fail = reject)));
  list.add({ kind: "session", id: "0".repeat(32), until: T0 });
  // Another request waits too, and must not take the failure away from the sign-out.
  const waiting = [list.spread(), list.spread()];
  fail(new Error("the store is down"));
  for (const { status } of await Promise.allSettled(waiting)) assert.equal(status, "rejected");
  await list.spread();
});

test("a value of JSON that is not a text is no token", () => {
  const sealer = new Sealer({ ring, payload: account, lifetime: 60 });
  for (const value of [undefined, null, 7, true, {}, { length: 70 }, [98, 49, 46]]) {
    assert.equal(codeOf(() => sealer.open(value as string)), "prefix");
    assert.equal(codeOf(() => readUnverified(value as string, account)), "prefix");
  }
});

test("a list with a session id does not count as a session id", () => {
  const revocable = new Sessions({ ring, payload: account, revocations: new Revocations() });
  assert.throws(() => revocable.revokeSession(["0".repeat(32)] as unknown as string), TypeError);
});

test("the failures of a store that nobody waits for do not fill the memory", async () => {
  const list = new Revocations();
  const errors: WeakRef<Error>[] = [];
  list.onAdd(() => {
    const error = new Error("the store is down");
    errors.push(new WeakRef(error));
    throw error;
  });
  for (let i = 0; i < 100; i += 1) {
    const id = i.toString(16).padStart(32, "0");
    list.add({ kind: "session", id, until: T0 });
  }
  setFlagsFromString("--expose-gc");
  await new Promise((resolve) => setTimeout(resolve, 0));
  (runInNewContext("gc") as () => void)();
  assert.ok(errors.filter((error) => error.deref() !== undefined).length < 10);
  await assert.rejects(list.spread(), /the store is down/);
  await list.spread();
});
