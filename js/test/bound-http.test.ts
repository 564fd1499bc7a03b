// Bound sessions over real HTTP, with both adapters, and a thief who records the requests.

import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { test } from "node:test";

import * as web from "../src/adapters/fetch.js";
import * as node from "../src/adapters/node.js";
import { KeyRing } from "../src/index.js";
import { Cookie, Revocations, Sessions } from "../src/session/index.js";
import type { Session } from "../src/session/index.js";
import { serving } from "./http.js";
import { ASKS, DeviceKey, NO_TOKEN, Phone, Sent, WRONG, withOtherSignature } from "./phone.js";
import { Context, T0, account, ada, browser } from "./support.js";
import type { Account } from "./support.js";

const MINUTE = 60;

/** The server of a test, and its clock. */
class Bank {
  now = T0;
  address = "";
  /** Why proofs were refused. */
  readonly refusals: string[] = [];
  #sessions: Sessions<Account> | undefined;

  constructor(
    readonly ring = KeyRing.generate(),
    readonly revocations?: Revocations,
  ) {}

  /** They are made when the address is known. */
  get sessions(): Sessions<Account> {
    return (this.#sessions ??= new Sessions({
      ring: this.ring,
      payload: account,
      cookie: new Cookie({ overPlainHttp: true }),
      dpop: { address: this.address },
      deviceBound: {},
      ...(this.revocations === undefined ? {} : { revocations: this.revocations }),
      clock: () => this.now,
      onEvent: (event) => {
        if (event.kind === "proof-refused") this.refusals.push(event.code);
      },
    }));
  }
}

function act(path: string, session: Session<Account>): string {
  switch (path) {
    case "/sign-in":
      session.start(ada());
      return "welcome";
    case "/pay":
      return `paid by ${session.requireProven().name}`;
    case "/sign-out":
      session.end();
      return "bye";
    case "/public":
      return "hello";
    default:
      return session.require().name;
  }
}

const pathOf = (target = "/") => target.split("?")[0] ?? "/";

type Serve = (bank: Bank) => RequestListener;

/** The handler for `node:http`. */
const plain: Serve = (bank) => (req, res) => {
  const handler = node.withSession(bank.sessions, (req, res, session) => {
    res.end(act(pathOf(req.url), session));
  });
  void handler(req, res);
};

/** As Express calls its middleware. */
const express: Serve = (bank) => (req: IncomingMessage, res: ServerResponse) => {
  const { sessions } = bank;
  node.sessionMiddleware(sessions)(req, res, (failed) => {
    try {
      if (failed !== undefined) throw failed;
      res.end(act(pathOf(req.url), node.sessionOf(sessions, req)));
    } catch (error) {
      node.deniedMiddleware(sessions)(error, req, res, () => res.writeHead(500).end());
    }
  });
};

/** Serves a handler of the Fetch API. */
function fetching(handle: (bank: Bank, request: Request) => Promise<Response>): Serve {
  return (bank) => async (req, res) => {
    const headers = new Headers();
    const { rawHeaders } = req;
    for (let at = 0; at < rawHeaders.length; at += 2) {
      headers.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
    }
    const request = new Request(`http://127.0.0.1${req.url}`, {
      method: req.method ?? "",
      headers,
    });
    const response = await handle(bank, request);
    res.statusCode = response.status;
    for (const [name, value] of response.headers) res.appendHeader(name, value);
    res.end(await response.text());
  };
}

const handler = fetching((bank, request) =>
  web.withSession(bank.sessions, (request: Request, session) => {
    return new Response(act(new URL(request.url).pathname, session));
  })(request),
);

const hono = fetching(async (bank, request) => {
  const context = new Context(request);
  await web.sessionMiddleware(bank.sessions)(context, async () => {
    const { session } = context;
    assert.ok(session);
    try {
      context.res = new Response(act(new URL(request.url).pathname, session));
    } catch (error) {
      // As Hono does with what a handler throws.
      context.error = error as Error;
      context.res = new Response("error", { status: 500 });
    }
  });
  return context.res;
});

/** Runs the server of a bank, which learns its address. */
async function open(bank: Bank, serve: Serve, run: () => Promise<void>): Promise<void> {
  await serving((req, res) => serve(bank)(req, res), (base) => {
    bank.address = base;
    return run();
  });
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** Sends a request as it is, with several headers of one name if it has them. */
function send(bank: Bank, { method, target, headers }: Sent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const names = new Set(headers.map(([name]) => name));
    const all = (name: string) => headers.filter(([other]) => other === name).map(([, v]) => v);
    const sent = httpRequest(`${bank.address}${target}`, { method });
    for (const name of names) sent.setHeader(name, all(name));
    sent.on("error", reject);
    sent.on("response", (response) => {
      let body = "";
      response.on("data", (chunk) => (body += chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    sent.end();
  });
}

const asked = ({ status, headers }: Answer) => [status, headers["www-authenticate"]];

/** A phone that talks to the bank over HTTP. */
async function proving(bank: Bank, phone: Phone, method: string, target: string): Promise<Sent> {
  const claims = phone.claims(method, target, bank.now, bank.address);
  return phone.bare("DPoP", method, target).with("dpop", await phone.key.dpop(claims));
}

async function visit(bank: Bank, phone: Phone, request: Sent): Promise<Answer> {
  const answer = await send(bank, request);
  for (const [name, value] of Object.entries(answer.headers)) phone.learn(name, String(value));
  return answer;
}

for (const [name, serve] of Object.entries({ plain, express, handler, hono })) {
  test(`a client with a key, and a thief: ${name}`, async () => {
    const bank = new Bank();
    await open(bank, serve, async () => {
      const phone = await Phone.new();
      const signIn = await proving(bank, phone, "POST", "/sign-in?from=app");
      const welcome = await visit(bank, phone, signIn);
      assert.deepEqual([welcome.status, welcome.body], [200, "welcome"]);
      assert.equal(welcome.headers["set-cookie"], undefined, "the session is in headers");
      assert.equal(welcome.headers.vary, "Cookie, Authorization, DPoP");
      assert.ok(phone.token && phone.renewal && phone.challenge);
      const balance = await visit(bank, phone, phone.get());
      assert.deepEqual([balance.status, balance.body], [200, "Ada"]);

      // A payment needs a proof, and a copy of it is refused.
      const bare = await visit(bank, phone, phone.bare("DPoP", "POST", "/pay"));
      assert.deepEqual(asked(bare), [401, ASKS]);
      assert.ok(bare.headers["dpop-nonce"]);
      assert.equal(bare.headers["cache-control"], "no-store");
      const payment = await proving(bank, phone, "POST", "/pay");
      assert.equal((await send(bank, payment)).body, "paid by Ada");
      assert.deepEqual(asked(await send(bank, payment)), [401, WRONG]);

      // The thief has copied everything but the key.
      const thief = phone.copy(await DeviceKey.generate());
      const spare = await proving(bank, phone, "POST", "/pay");
      const proof = spare.valueOf("dpop");
      const mallory = await Phone.new();
      await visit(bank, mallory, await proving(bank, mallory, "POST", "/sign-in"));
      const unsigned = proof.slice(0, proof.lastIndexOf(".") + 1);
      const used = payment.valueOf("dpop");
      const stolen = (of: Sent, dpop: string) => of.without("dpop").with("dpop", dpop);
      const attempts: [what: string, request: Sent, challenge: string][] = [
        ["own key", await proving(bank, thief, "POST", "/pay"), WRONG],
        ["another path", stolen(phone.get(), proof), WRONG],
        ["another method", stolen(phone.bare("DPoP", "PUT", "/pay"), proof), WRONG],
        ["second signature", stolen(payment, withOtherSignature(used)), WRONG],
        ["no signature", stolen(spare, unsigned), WRONG],
        ["twice", spare.with("dpop", proof), WRONG],
        [
          "other session",
          stolen(spare, (await proving(bank, mallory, "POST", "/pay")).valueOf("dpop")),
          WRONG,
        ],
        ["Bearer", phone.bare("Bearer", "POST", "/pay").with("dpop", proof), NO_TOKEN],
        ["Bearer without a proof", phone.bare("Bearer", "GET", "/balance"), NO_TOKEN],
        ["no proof", phone.bare("DPoP", "POST", "/pay"), ASKS],
      ];
      for (const [what, request, challenge] of attempts) {
        const answer = await send(bank, request);
        assert.deepEqual(asked(answer), [401, challenge], what);
        assert.equal(answer.headers["session-token"], undefined, what);
        assert.equal(answer.headers["session-renewal"], undefined, what);
      }
      // The client goes on, with the same challenge.
      assert.equal((await send(bank, spare)).body, "paid by Ada");

      // When the last proof is too old, the copies have no session. The client proves its key.
      bank.now += 10 * MINUTE;
      assert.deepEqual(asked(await visit(bank, thief, thief.get())), [401, ASKS]);
      assert.deepEqual(asked(await visit(bank, thief, await proving(bank, thief, "GET", "/"))), [
        401,
        WRONG,
      ]);
      const due = await visit(bank, phone, phone.get());
      assert.deepEqual(asked(due), [401, ASKS]);
      const again = await visit(bank, phone, await proving(bank, phone, "GET", "/balance"));
      assert.deepEqual([again.status, again.body], [200, "Ada"]);
      assert.ok(again.headers["session-renewal"]);
      assert.equal((await visit(bank, phone, phone.get())).body, "Ada");

      // A route that does not read the session answers as for a guest.
      const open = await send(bank, phone.bare("DPoP", "GET", "/public"));
      assert.deepEqual([open.body, open.headers.vary], ["hello", undefined]);

      const out = await visit(bank, phone, phone.bare("DPoP", "POST", "/sign-out"));
      assert.deepEqual([out.body, phone.token, phone.renewal], ["bye", undefined, undefined]);
    });
  });

  test(`a sign-in with a wrong clock, a wrong proof, or none: ${name}`, async () => {
    const bank = new Bank();
    await open(bank, serve, async () => {
      const phone = await Phone.new();
      const claims = phone.claims("POST", "/sign-in", T0 - 3600, bank.address);
      const early = phone
        .bare("DPoP", "POST", "/sign-in")
        .with("dpop", await phone.key.dpop(claims));
      assert.deepEqual(asked(await visit(bank, phone, early)), [401, ASKS]);
      assert.equal(phone.token, undefined);
      assert.ok(phone.challenge);
      const elsewhere = { ...claims, iat: T0, htu: "https://evil.example/sign-in" };
      const wrong = phone
        .bare("DPoP", "POST", "/sign-in")
        .with("dpop", await phone.key.dpop(elsewhere));
      assert.deepEqual(asked(await visit(bank, phone, wrong)), [401, WRONG]);
      await visit(bank, phone, await proving(bank, phone, "POST", "/sign-in"));
      assert.ok(phone.token);
      // Without a proof, the session is an ordinary one in a cookie, also beside bound ones.
      const client = browser();
      const response = await fetch(`${bank.address}/sign-in`, { method: "POST" });
      for (const line of response.headers.getSetCookie()) client.setCookie(line);
      assert.deepEqual([...client.kept.keys()], ["session"]);
      const headers = Object.fromEntries(client.headers());
      assert.equal(await (await fetch(`${bank.address}/`, { headers })).text(), "Ada");
    });
  });
}

test("a proof for one mounted router is not accepted by another", async () => {
  const bank = new Bank();
  // Express removes the beginning of `url` in a router, and keeps the address in `originalUrl`.
  const mounted: Serve = (bank) => (req, res) => {
    const url = req.url ?? "";
    Object.assign(req, { originalUrl: url, url: url.replace(/^\/(mine|admin)/, "") });
    plain(bank)(req, res);
  };
  await open(bank, mounted, async () => {
    const phone = await Phone.new();
    await visit(bank, phone, await proving(bank, phone, "POST", "/sign-in"));
    const table: [proved: string, to: string, body: string][] = [
      ["/mine/pay", "/mine/pay", "paid by Ada"],
      ["/mine/pay", "/admin/pay", "The proof is wrong."],
      ["/pay", "/admin/pay", "The proof is wrong."],
      ["/pay", "//pay", "The proof is wrong."],
    ];
    for (const [proved, to, body] of table) {
      const { headers } = await proving(bank, phone, "POST", proved);
      assert.equal((await send(bank, new Sent("POST", to, headers))).body, body, to);
    }
  });
});

test("the response to a refused sign-out is that to any other request", async () => {
  const bank = new Bank(KeyRing.generate(), new Revocations());
  await open(bank, plain, async () => {
    const phone = await Phone.new();
    await visit(bank, phone, await proving(bank, phone, "POST", "/sign-in"));
    const thief = phone.copy(await DeviceKey.generate());
    const proved = await proving(bank, thief, "POST", "/sign-out");
    assert.deepEqual(asked(await send(bank, proved)), [401, WRONG]);
    const bearer = phone.bare("Bearer", "POST", "/sign-out");
    assert.deepEqual(asked(await send(bank, bearer)), [401, NO_TOKEN]);
    bank.now += 10 * MINUTE;
    const due = phone.bare("DPoP", "POST", "/sign-out");
    assert.deepEqual(asked(await send(bank, due)), [401, ASKS]);
    // A session that is refused for another reason is not revoked.
    thief.renewal = undefined;
    bank.now += 21 * MINUTE;
    const old = thief.bare("DPoP", "POST", "/sign-out");
    assert.deepEqual(asked(await send(bank, old)), [200, undefined]);
  });
});

test("a session is only read: its proof counts only if it is verified", async () => {
  const bank = new Bank();
  bank.address = "https://api.bank.example";
  const phone = await Phone.bound(bank.sessions, T0);
  bank.now += 10 * MINUTE;
  await phone.visit(bank.sessions, bank.now, phone.get(), (session) => session.data);
  const sent = await phone.proving("GET", "/balance", bank.now);
  const request = new Request(`${bank.address}/balance`, {
    headers: sent.headers.map(([name, value]): [string, string] => [name, value]),
  });
  assert.equal(web.readSession(bank.sessions, request).data, undefined);
  const session = web.readSession(bank.sessions, request);
  await session.revalidate();
  assert.equal(session.requireProven().name, "Ada");
  // The headers alone have no address.
  const fresh = await phone.proving("GET", "/balance", bank.now);
  const headers = new Headers(
    [...fresh.headers].map(([name, value]): [string, string] => [name, value]),
  );
  // The platform joins two headers with a comma.
  const two = new Headers(headers);
  two.append("dpop", await phone.key.dpop(phone.claims("GET", "/balance", bank.now)));
  const refused = web.readSession(
    bank.sessions,
    new Request(`${bank.address}/balance`, { headers: two }),
  );
  bank.refusals.length = 0;
  await refused.revalidate();
  assert.equal(refused.data, undefined);
  assert.deepEqual(bank.refusals, ["two-proofs"]);
  const alone = web.readSession(bank.sessions, headers);
  await alone.revalidate();
  assert.equal(alone.status.kind === "refused" && alone.status.refusal.code, "proof-refused");
});

test("two Node services share a client, and its proofs through a store", async () => {
  const ring = KeyRing.generate();
  const used = new Map<string, number>();
  const of = (): Sessions<Account> =>
    new Sessions({
      ring,
      payload: account,
      dpop: {
        address: "https://api.bank.example",
        used: {
          claim: async (fingerprint, until) => {
            const isFirst = !used.has(fingerprint);
            return used.set(fingerprint, until) && isFirst;
          },
        },
      },
    });
  const [here, there] = [of(), of()];
  const phone = await Phone.new();
  const signIn = await (await phone.proving("POST", "/sign-in", T0)).load(here, T0);
  await signIn.checkProof();
  signIn.start(ada());
  phone.receive(signIn);
  const request = await phone.proving("POST", "/pay", T0);
  assert.equal((await request.load(there, T0)).requireProven().name, "Ada");
  const copy = await request.load(here, T0);
  assert.equal(copy.status.kind === "refused" && copy.status.refusal.code, "proof-refused");
});
