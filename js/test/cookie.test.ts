// Cookies: names, attributes, size limits, duplicates and pieces.

import assert from "node:assert/strict";
import { test } from "node:test";

import { KeyRing, json, payload } from "../src/index.js";
import {
  Bearer,
  BearerError,
  Cookie,
  CookieError,
  OriginError,
  Policy,
  Sessions,
} from "../src/session/index.js";
import type { CookieOptions } from "../src/session/index.js";
import { checkedOrigin, hasHost, senderOf } from "../src/transport/cross-origin.js";
import {
  Client,
  STATE,
  T0,
  account,
  ada,
  browser,
  codeOf,
  effect,
  keyText,
  ring,
} from "./support.js";

/** The `Set-Cookie` lines of a sign-in and of a sign-out, with "…" in place of the token. */
function linesOf(options: CookieOptions): string[] {
  const cookie = new Cookie(options);
  const sessions = new Sessions({ ring: KeyRing.generate(), payload: account, cookie });
  return [true, false].map((signsIn) => {
    const session = browser().send(sessions, T0);
    if (signsIn) session.start(ada());
    else session.end();
    const [line, ...others] = [...session.commit()].filter(({ name }) => name === "set-cookie");
    assert.equal(others.length, 0);
    return line?.value.replace(/=b1\.[^;]*/, "=…") ?? "";
  });
}

test("attributes are strict unless a setting relaxes them", () => {
  const table: [CookieOptions, string][] = [
    [{}, "__Host-session=…; HttpOnly; SameSite=Lax; Secure; Path=/"],
    [
      { sameSite: "strict", persistent: true },
      "__Host-session=…; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=43200",
    ],
    [
      { sameSite: "none", partitioned: true },
      "__Host-session=…; HttpOnly; SameSite=None; Partitioned; Secure; Path=/",
    ],
    [
      { sharedWithDomain: "example.com" },
      "__Secure-session=…; HttpOnly; SameSite=Lax; Secure; Path=/; Domain=example.com",
    ],
    [{ belowPath: "/app" }, "__Secure-session=…; HttpOnly; SameSite=Lax; Secure; Path=/app"],
    [{ readableByScripts: true }, "__Host-session=…; SameSite=Lax; Secure; Path=/"],
    [
      { sameSite: "none", partitioned: true, overPlainHttp: true },
      "session=…; HttpOnly; SameSite=Lax; Path=/",
    ],
  ];
  for (const [options, expected] of table) {
    const [set, removed] = linesOf(options);
    assert.equal(set, expected);
    // A deletion repeats the name, the path, the domain, the prefix and `Secure`.
    const attributes = expected.replace("=…;", "=;").replace("; Max-Age=43200", "");
    assert.equal(removed, `${attributes}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT`);
  }
});

test("a persistent cookie is kept for 400 days at most", () => {
  const policy = new Policy({ idleTimeout: 86_400, absoluteTimeout: 1000 * 86_400 });
  const cookie = new Cookie({ persistent: true });
  const sessions = new Sessions({ ring: KeyRing.generate(), payload: account, policy, cookie });
  const session = browser().send(sessions, T0);
  session.start(ada());
  assert.match([...session.commit()][0]?.value ?? "", /; Max-Age=34560000$/);
});

test("invalid settings of cookies and headers are refused", () => {
  const refuses = (options: object, code: string) => {
    const isIt = (error: unknown) => error instanceof CookieError && error.code === code;
    assert.throws(() => new Cookie(options), isIt, JSON.stringify(options));
  };
  const names = [
    "",
    "a b",
    "a;b",
    "a=b",
    "ä",
    "__Host-x",
    "x-renewal",
    "x-bound",
    "x-1",
    "\r\n",
    "x\n",
  ];
  for (const name of [...names, "x".repeat(65)]) refuses({ name }, "name");
  const domain = (length: number) => `${"x".repeat(length - 4)}.com`;
  assert.ok(new Cookie({ sharedWithDomain: domain(253) }));
  const domains = [
    "",
    "com",
    ".example.com",
    "example.com.",
    "a b.com",
    "a.com\r\nX: y",
    "a.com;",
    "a.com\n",
  ];
  for (const text of [...domains, domain(254)]) refuses({ sharedWithDomain: text }, "domain");
  const path = (length: number) => `/${"x".repeat(length - 1)}`;
  assert.ok(new Cookie({ belowPath: path(1024) }));
  for (const text of ["", "app", "/a;b", "/a\r\nX: y", "/ä", "/a\n", path(1025)]) {
    refuses({ belowPath: text }, "path");
  }
  refuses({ belowPath: "/a", overPlainHttp: true }, "reach");
  refuses({ sameSite: "Lax" }, "same-site");
  for (const names of [
    { token: "a", renewal: "a" },
    { token: "Session" },
    { token: "" },
    { renewal: "authorization" },
    { renewal: "x".repeat(65) },
    { renewal: "a\n" },
  ]) {
    assert.throws(() => new Bearer(names), BearerError, JSON.stringify(names));
  }
});

const text = payload({ purpose: "test/bytes", encoding: json<string>() });

function texts(options: CookieOptions): Sessions<string> {
  return new Sessions({ ring: KeyRing.generate(), payload: text, cookie: new Cookie(options) });
}

/** The length of the longest state that fits, and the error for one byte more. */
function longest(sessions: Sessions<string>): { fits: number; error: string } {
  const start = (length: number) => {
    try {
      browser().send(sessions, T0).start("x".repeat(length));
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  let fits = 0;
  for (let bit = 12; bit >= 0; bit -= 1) if (start(fits + (1 << bit)) === "") fits += 1 << bit;
  return { fits, error: start(fits + 1) };
}

test("a state too large for its cookie is an error that names the limit, and the old one stays", () => {
  const sessions = texts({});
  const { fits, error } = longest(sessions);
  assert.match(error, /the cookie would have 41\d\d octets, but browsers keep only 4096/);
  assert.ok(fits > 2850, String(fits));
  const client = browser().signedIn(sessions, T0, "x".repeat(fits));
  assert.ok(STATE.length + (client.kept.get(STATE) ?? "").length <= 4096);
  client.visit(sessions, T0, (session) => {
    assert.equal(
      codeOf(() => session.set("x".repeat(fits + 1))),
      "too-large",
    );
    assert.equal(session.data?.length, fits);
  });
  assert.equal(client.send(sessions, T0).data?.length, fits);
  assert.equal(
    codeOf(() => client.send(sessions, T0).set("x".repeat(20_000))),
    "too-large",
  );
});

test("the largest state can still move to a new key", () => {
  const [old, now] = [keyText(), keyText()];
  const name = "x".repeat(64);
  for (const options of [{}, { split: true }, { name }, { name, split: true }]) {
    const of = (...keys: string[]) =>
      new Sessions({ ring: ring(...keys), payload: text, cookie: new Cookie(options) });
    const [before, after] = [of(old), of(now, old)];
    const { fits } = longest(before);
    const client = browser().signedIn(before, T0, "x".repeat(fits));
    client.visit(after, T0, (session) => assert.equal(session.data?.length, fits));
    assert.ok([...client.kept.keys()].some((name) => name.endsWith("-renewal")));
    for (const [name, value] of client.kept) assert.ok(name.length + value.length <= 4096);
    assert.equal(client.send(of(now), T0).data?.length, fits);
  }
});

test("the first of several cookies of one name that opens is used", () => {
  const sessions = new Sessions({ ring: KeyRing.generate(), payload: account });
  const good = browser().signedIn(sessions, T0, ada()).kept.get(STATE) ?? "";
  const bad = good.slice(0, 60) + "AAAA" + good.slice(64);
  const load = (...headers: string[]) =>
    sessions.load(
      { method: "GET", values: (name) => (name === "cookie" ? headers : []) },
      { now: T0 },
    );
  const table: [string, boolean][] = [
    [`${STATE}=${good}`, true],
    [`a=b; ${STATE}=${good}; c=d`, true],
    [`${STATE}=${bad}; ${STATE}=${good}`, true],
    [`${STATE}=; ${STATE}=${good}`, true],
    [`${`${STATE}=${bad}; `.repeat(3)}${STATE}=${good}`, true],
    [`${`${STATE}=${bad}; `.repeat(4)}${STATE}=${good}`, false],
    [`${STATE}="${good}"`, false],
    [`session=${good}`, false],
    [`__host-session=${good}`, false],
    [`__Host-session2=${good}`, false],
    [`x${STATE}=${good}`, false],
    [`;;; ;${STATE}=${good};;`, true],
    [`${STATE} = ${good} `, true],
    [`${STATE}=${good}\u00a0`, false],
    [`name=Andr\u00e9; ${STATE}=${good}`, true],
    [STATE, false],
    ["", false],
  ];
  for (const [header, opens] of table) {
    assert.equal(load(header).data !== undefined, opens, header.replaceAll(good, "GOOD"));
  }
  assert.ok(load("a=b", `${STATE}=${good}`).data, "in a second header line");
  assert.equal(load(`${STATE}=b1.AAAA; `.repeat(10_000)).status.kind, "refused");
});

test("a token with octets outside ASCII is judged by its octets", () => {
  const sessions = new Sessions({ ring: KeyRing.generate(), payload: account });
  const code = (value: string) => {
    const values = (name: string) => (name === "cookie" ? [`${STATE}=${value}`] : []);
    const { status } = sessions.load({ method: "GET", values }, { now: T0 });
    return status.kind === "refused" ? status.refusal.code : status.kind;
  };
  assert.equal(code(`b1.${"\u00e9".repeat(100)}`), "encoding");
  assert.equal(code("\u00e9".repeat(100)), "prefix");
  assert.equal(code(`b1.${"\u00e9".repeat(8189)}`), "encoding", "8192 octets");
  assert.equal(code(`b1.${"\u00e9".repeat(8190)}`), "too-long");
});

test("every write of a split session sets or deletes every piece", () => {
  const sessions = texts({ split: true });
  const client = browser();
  for (const [length, pieces] of [
    [10, 1],
    [5000, 2],
    [10, 1],
    [3200, 2],
    [4900, 2],
  ] as const) {
    const session = client.send(sessions, T0);
    session.start("x".repeat(length));
    const lines = client.receive(session);
    assert.equal(lines.filter((line) => line.name === "set-cookie").length, 4);
    assert.equal(client.kept.size, pieces, String(length));
    assert.equal(client.send(sessions, T0).data?.length, length);
  }
  client.visit(sessions, T0, (session) => session.end());
  assert.equal(client.kept.size, 0);
});

test("an incomplete or mixed set of pieces is left alone", () => {
  const sessions = texts({ split: true });
  const whole = (letter: string) => browser().signedIn(sessions, T0, letter.repeat(5000));
  const [a, b] = [whole("a"), whole("b")];
  assert.equal(a.kept.size, 2);
  for (const name of a.kept.keys()) {
    const mixed = a.clone();
    mixed.kept.set(name, b.kept.get(name) ?? "");
    const cut = a.clone();
    cut.kept.delete(name);
    for (const client of [mixed, cut]) {
      const session = client.send(sessions, T0);
      assert.equal(session.data, undefined);
      assert.equal(effect(client.receive(session)), "");
    }
  }
  // If a header has two complete sets, the first is read. A damaged piece hides no good one.
  const pairs = (client: Client) => [...client.kept].map((pair) => pair.join("="));
  const damaged = pairs(a)[0]?.replace(".b1.", ".b2.") ?? "";
  for (const header of [
    [...pairs(a), ...pairs(b)],
    [damaged, ...pairs(a)],
  ]) {
    const values = (name: string) => (name === "cookie" ? [header.join("; ")] : []);
    const session = sessions.load({ method: "GET", values }, { now: T0 });
    assert.ok(session.data?.startsWith("a"));
  }
});

test("a whole token under the name of a piece is ignored", () => {
  const sessions = texts({ split: true });
  const token = browser().signedIn(sessions, T0, "x").kept.get(STATE) ?? "";
  for (const index of [1, 2, 3]) {
    const client = new Client("cookie", [[`${STATE}-${index}`, token]]);
    const session = client.send(sessions, T0);
    assert.deepEqual(session.status, { kind: "absent" });
    assert.equal(effect(client.receive(session)), "");
  }
});

test("an origin must be written as browsers write it", () => {
  for (const origin of [
    "https://shop.example",
    "https://shop.example:8443",
    "http://localhost:3000",
    "https://xn--bcher-kva.example",
    "https://[::1]",
    "https://[2001:db8::1]:8443",
    "https://10.0.0.1",
    "https://shop.example:80",
    "capacitor://localhost",
    "chrome-extension://abcdefghijklmnop",
  ]) {
    assert.equal(checkedOrigin(origin), origin);
  }
  for (const text of [
    "",
    "null",
    "*",
    "shop.example",
    "https:shop.example",
    "https://",
    "://shop.example",
    "1https://shop.example",
    "https://shop.example/",
    "https://shop.example/path",
    "https://shop.example?query",
    "https://shop.example#fragment",
    "https://user@shop.example",
    "https://*.shop.example",
    "https://shop example",
    "https://shop.example ",
    "https://shop.example\n",
    "HTTPS://shop.example",
    "https://Shop.example",
    "https://bücher.example",
    "https://shop.example:",
    "https://shop.example:443",
    "http://shop.example:80",
    "https://shop.example:08443",
    "https://shop.example:+8443",
    "https://shop.example:65536",
    "https://shop.example:8443:8443",
    "https://::1",
    "https://[::1",
    "https://[::1]]",
    "https://[::A]",
    "https://[shop.example]",
    "https://[::1]:443",
    `https://${"a".repeat(254)}`,
  ]) {
    assert.throws(() => checkedOrigin(text), OriginError, text);
  }
});

test("an origin is compared with the host and the port", () => {
  const table: [string, string, boolean][] = [
    ["https://shop.example", "shop.example", true],
    ["http://shop.example", "shop.example", true],
    ["https://shop.example", "SHOP.example", true],
    ["https://shop.example:8443", "shop.example:8443", true],
    ["https://shop.example", "shop.example:443", true],
    ["http://shop.example", "shop.example:80", true],
    ["https://[::1]:3000", "[::1]:3000", true],
    ["https://evil.example", "shop.example", false],
    ["https://evil.shop.example", "shop.example", false],
    ["https://shop.example", "evil.shop.example", false],
    ["https://shop.example.evil.example", "shop.example", false],
    ["https://shop.example:8443", "shop.example", false],
    ["https://shop.example", "shop.example:80", false],
    ["http://shop.example", "shop.example:443", false],
    ["null", "shop.example", false],
    ["null", "null", false],
    ["shop.example", "shop.example", false],
    ["", "", false],
    ["app://shop.example", "shop.example", false],
    ["http://", "", false],
    ["https://", ":443", false],
    ["https://\u00ff", "\u00ff", false],
  ];
  for (const [origin, host, same] of table)
    assert.equal(hasHost(origin, host), same, `${origin} ${host}`);
});

test("a page on another origin has no session and changes nothing", () => {
  const sender = (
    method: string,
    headers: Record<string, string | string[]>,
    trusted: string[] = [],
  ) => senderOf(method, (name) => [headers[name] ?? []].flat(), trusted);
  const host = "shop.example";
  const evil = { host, origin: "https://evil.example" };
  const table: [string, Record<string, string | string[]>, string][] = [
    ["POST", {}, "trusted"],
    ["POST", { "sec-fetch-site": "same-origin", ...evil }, "trusted"],
    ["POST", { "sec-fetch-site": "none" }, "trusted"],
    ["POST", { "sec-fetch-site": "same-site" }, "cross-origin"],
    ["POST", { "sec-fetch-site": "cross-site" }, "cross-origin"],
    ["POST", { "sec-fetch-site": ["same-origin", "cross-site"] }, "cross-origin"],
    ["POST", { host, origin: "https://shop.example" }, "trusted"],
    ["POST", evil, "cross-origin"],
    ["POST", { origin: "https://shop.example" }, "cross-origin"],
    ["GET", evil, "trusted"],
    ["HEAD", evil, "trusted"],
    ["OPTIONS", evil, "trusted"],
    ["GET", { ...evil, upgrade: "websocket" }, "cross-origin"],
    ["get", evil, "cross-origin"],
    ["DELETE", evil, "cross-origin"],
  ];
  for (const [method, headers, expected] of table) {
    assert.equal(sender(method, headers), expected, `${method} ${JSON.stringify(headers)}`);
  }
  const trusted = ["https://evil.example"];
  assert.equal(sender("POST", { ...evil, "sec-fetch-site": "cross-site" }, trusted), "trusted");
  assert.equal(sender("POST", { "sec-fetch-site": "cross-site" }, trusted), "cross-origin");

  const sessions = new Sessions({
    ring: KeyRing.generate(),
    payload: account,
    bearer: new Bearer(),
    cookie: new Cookie(),
  });
  const client = browser().signedIn(sessions, T0, ada());
  const cookie = [...client.kept].map((pair) => pair.join("=")).join("; ");
  const headers: Record<string, string> = { cookie, ...evil };
  const values = (name: string) => [headers[name] ?? []].flat();
  const session = sessions.load({ method: "POST", values }, { now: T0 });
  assert.equal(session.data, undefined);
  for (const action of [
    () => session.start(ada()),
    () => session.set(ada()),
    () => session.end(),
    () => session.reauthenticated(),
  ]) {
    assert.equal(codeOf(action), "cross-origin");
  }
  assert.throws(
    () => session.require(),
    (error) => (error as { status: number }).status === 403,
  );
  session.start(ada(), { over: "bearer" });
  assert.equal(session.info?.startedAt, T0);
});
