// Sealed cookies: the vectors of the specification, and the rules of reading, taking and setting.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import {
  Cookie,
  KeyRing,
  SealedCookie,
  Sealer,
  Sessions,
  SetError,
  json,
  payload,
} from "../src/index.js";
import type { Encoding, Sealed } from "../src/index.js";
import { uncheckedKey } from "../src/key.js";
import { parseRingWithExamples } from "../src/ring.js";
import { T0, account, ada, browser, codeOf, keyText, ring } from "./support.js";
import { hex, vectors } from "./vectors.js";
import type { Field } from "./vectors.js";

interface Flash {
  text: string;
}

const FLASH = payload({ purpose: "bank.example/flash", encoding: json<Flash>() });
const RING = KeyRing.generate();
const flash = (text: string): Flash => ({ text });

function cookieOf(more: Partial<ConstructorParameters<typeof SealedCookie<Flash>>[0]> = {}) {
  return new SealedCookie({ ring: RING, payload: FLASH, cookie: "flash", lifetime: 60, ...more });
}

/** The value of a request with this `Cookie` header. */
function load<T>(cookie: SealedCookie<T>, header: string, now = T0): Sealed<T> {
  const values = (name: string) => (name === "cookie" && header !== "" ? [header] : []);
  return cookie.load({ method: "GET", values }, { now });
}

/** The `Set-Cookie` lines of the response. */
function lines<T>(sealed: Sealed<T>): string[] {
  return [...sealed.commit()].filter(({ name }) => name === "set-cookie").map(({ value }) => value);
}

/** The `Cookie` header of a browser in which the value was set at `T0`. */
function header<T>(cookie: SealedCookie<T>, value: T): string {
  const sealed = load(cookie, "");
  sealed.set(value);
  const pairs = lines(sealed).map((line) => line.split(";")[0] ?? "");
  return pairs.filter((pair) => !pair.endsWith("=")).join("; ");
}

function tokenIn(pair: string): string {
  return pair.slice(pair.indexOf("=") + 1);
}

// --- the vectors ---

const RAW: Encoding<Uint8Array> = {
  name: "json",
  encode: (value) => value,
  decode: (bytes) => bytes,
};

/** The sealed cookie of a vector, whose purpose names the type and the cookie. */
function cookieIn(vector: Field, schemaVersion: number, of: { ring: KeyRing; lifetime: number }) {
  const parts = Buffer.from(vector.bytes("purpose")).toString("latin1").split("\0");
  const [purpose, channel, full] = parts as [string, string, string];
  assert.deepEqual([parts.length, channel], [3, "cookie"]);
  const [, prefix, name = ""] = /^(__Host-|__Secure-|)(.*)$/.exec(full) ?? [];
  const reach =
    prefix === "__Secure-"
      ? { sharedWithDomain: "shop.example" }
      : { overPlainHttp: prefix !== "__Host-" };
  const cookie = new SealedCookie({
    ...of,
    payload: payload({ purpose, schemaVersion, encoding: RAW }),
    cookie: new Cookie({ name, ...reach }),
  });
  assert.equal(cookie.cookieName, full);
  return cookie;
}

const isSealedCookie = (vector: Field) => vector.name.includes("sealed-cookie");
const SEALED = vectors("seal.json", 10).filter(isSealedCookie);
const OPENED = vectors("open.json", 60).filter(isSealedCookie);

test("the specification has vectors of sealed cookies", () => {
  assert.ok(SEALED.length >= 8, `${SEALED.length}`);
  assert.ok(OPENED.length >= 12, `${OPENED.length}`);
});

for (const vector of SEALED) {
  test(`a sealed cookie is that of seal.json: ${vector.name}`, (context) => {
    const cookie = cookieIn(vector, vector.number("schema"), {
      ring: new KeyRing([{ key: uncheckedKey(vector.bytes("key")) }]),
      lifetime: vector.number("lifetime"),
    });
    const now = vector.number("issued_at");
    context.mock.method(globalThis.crypto, "getRandomValues", (bytes: Uint8Array) => {
      bytes.set(vector.bytes("nonce"));
      return bytes;
    });
    const sealed = load(cookie, "", now);
    sealed.set(vector.bytes("payload"));
    const [line, ...others] = lines(sealed);
    assert.ok(line?.startsWith(`${cookie.cookieName}=${vector.text("token")}; HttpOnly; `), line);
    assert.deepEqual(others, []);
    const read = load(cookie, `${cookie.cookieName}=${vector.text("token")}`, now).get();
    assert.equal(read && hex(read), vector.text("payload"));
  });
}

for (const vector of OPENED) {
  test(`a sealed cookie opens as in open.json: ${vector.name}`, () => {
    assert.deepEqual(vector.numbers("schemas"), [1]);
    const cookie = cookieIn(vector, 1, {
      ring: parseRingWithExamples(vector.text("ring")),
      lifetime: vector.number("max_lifetime"),
    });
    const pair = `${cookie.cookieName}=${vector.text("token")}`;
    const sealed = load(cookie, pair, vector.number("now"));
    assert.equal(sealed.refused?.code ?? "ok", vector.text("expect"));
    const isElsewhere = sealed.refused?.mayBeValidElsewhere === true;
    const taken = sealed.take();
    assert.equal(taken && hex(taken), vector.value["payload"]);
    assert.equal(lines(sealed).length, isElsewhere ? 0 : 1);
  });
}

// --- reading, taking and setting ---

test("a value opens until its lifetime has passed, and not after", () => {
  const pair = header(cookieOf(), flash("saved"));
  const table: [number, number, string | undefined][] = [
    [60, 0, "saved"],
    [60, 59, "saved"],
    [60, 60, undefined],
    [10, 9, "saved"], // the setting was shortened
    [10, 10, undefined],
    [3600, 59, "saved"], // the setting was raised, for new tokens only
    [3600, 60, undefined],
    [60, -60, "saved"], // the clock of the server that sealed is ahead
    [60, -61, undefined],
  ];
  for (const [lifetime, after, text] of table) {
    const sealed = load(cookieOf({ lifetime }), pair, T0 + after);
    assert.equal(sealed.get()?.text, text, `${lifetime} ${after}`);
  }
  const late = load(cookieOf({ lifetime: 10 }), pair, T0 + 10);
  assert.deepEqual([late.refused?.code, late.refused?.details.expiresAt], ["expired", T0 + 10]);
  assert.equal(late.take(), undefined);
  assert.equal(lines(late).length, 1, "an expired cookie is deleted");
});

test("a token opens only in the cookie for which it was made", () => {
  const own = cookieOf();
  const other = payload({ purpose: "bank.example/other", encoding: json<Flash>() });
  const sealer = new Sealer({ ring: RING, payload: FLASH, lifetime: 60 });
  const sessions = new Sessions({
    ring: RING,
    payload: FLASH,
    cookie: new Cookie({ name: "flash" }),
  });
  const signedIn = browser().signedIn(sessions, T0, flash("saved"));
  const plain = cookieOf({ cookie: new Cookie({ name: "flash", overPlainHttp: true }) });
  const table: [string, string, boolean][] = [
    ["its own", tokenIn(header(own, flash("saved"))), true],
    ["another name", tokenIn(header(cookieOf({ cookie: "notice" }), flash("saved"))), false],
    ["without prefix", tokenIn(header(plain, flash("saved"))), false],
    ["another type", tokenIn(header(cookieOf({ payload: other }), flash("saved"))), false],
    ["another ring", tokenIn(header(cookieOf({ ring: KeyRing.generate() }), flash(""))), false],
    ["a link", sealer.seal(flash("saved"), { now: T0 }), false],
    ["a session", signedIn.kept.get("__Host-flash") ?? "", false],
  ];
  for (const [what, token, opens] of table) {
    assert.match(token, /^b1\./);
    const found = load(own, `__Host-flash=${token}`);
    assert.equal(found.get() !== undefined, opens, what);
    assert.equal(load(own, `__Host-notice=${token}; flash=${token}`).get(), undefined, what);
    const isLink = codeOf(() => sealer.open(token, { now: T0 })) === undefined;
    assert.ok(!(opens && isLink), what);
  }
});

const DELETED =
  "__Host-flash=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; " +
  "Expires=Thu, 01 Jan 1970 00:00:00 GMT";

test("a value is taken once in a request, and its cookie is deleted", () => {
  const cookie = cookieOf();
  const pair = header(cookie, flash("saved"));
  const sealed = load(cookie, pair);
  assert.deepEqual(sealed.get(), flash("saved"));
  assert.deepEqual(sealed.take(), flash("saved"));
  assert.deepEqual(
    [sealed.take(), sealed.get(), sealed.refused],
    [undefined, undefined, undefined],
  );
  const bundle = [...sealed.commit()];
  assert.deepEqual(
    bundle.map(({ name, value, rule }) => [name, value, rule]),
    [
      ["set-cookie", DELETED, "append"],
      ["cache-control", "no-store", "if-absent"],
      ["vary", "Cookie", "append"],
    ],
  );
  const removed = load(cookie, pair);
  removed.remove();
  assert.equal(removed.get(), undefined);
  assert.deepEqual(lines(removed), [DELETED]);
});

test("what a request does to the cookie decides what the response does", () => {
  const cookie = cookieOf();
  const pair = header(cookie, flash("first"));
  const fails = (sealed: Sealed<Flash>) => sealed.discardChanges();
  type Step = (sealed: Sealed<Flash>) => unknown;
  const [get, take, remove] = [
    (sealed: Sealed<Flash>) => sealed.get(),
    (sealed: Sealed<Flash>) => sealed.take(),
    (sealed: Sealed<Flash>) => sealed.remove(),
  ];
  const set: Step = (sealed) => sealed.set(flash("second"));
  const table: [string, Step[], string][] = [
    ["nothing", [], ""],
    ["get", [get], "vary"],
    ["refused", [(sealed) => sealed.refused], "vary"],
    ["take", [take], "deleted vary"],
    ["remove", [remove], "deleted vary"],
    ["set", [set], "written vary"],
    ["set, take", [set, take], "deleted vary"],
    ["take, set", [take, set], "written vary"],
    ["set, remove, set", [set, remove, set], "written vary"],
    ["set, failed", [set, fails], "vary"],
    ["take, failed", [take, fails], "deleted vary"],
    ["remove, failed", [remove, fails], "deleted vary"],
    ["take, set, failed", [take, set, fails], "deleted vary"],
    ["set, take, set, failed", [set, take, set, fails], "deleted vary"],
    ["nothing, failed", [fails], ""],
  ];
  for (const [what, steps, expected] of table) {
    const sealed = load(cookie, pair);
    for (const step of steps) step(sealed);
    const effects = [...sealed.commit()].flatMap(({ name, value }) => {
      if (name === "vary") return ["vary"];
      if (name !== "set-cookie") return [];
      return [value.includes("Max-Age=0;") ? "deleted" : "written"];
    });
    assert.equal(effects.join(" "), expected, what);
  }
});

test("a value that was set is read and taken in the same request", () => {
  const cookie = cookieOf();
  const sealed = load(cookie, header(cookie, flash("first")));
  const second = flash("second");
  sealed.set(second);
  second.text = "changed later";
  assert.deepEqual(sealed.get(), flash("second"));
  assert.notEqual(sealed.get(), sealed.get(), "each call decodes the value again");
  assert.deepEqual(sealed.take(), flash("second"));
});

test("after the response was sent nothing changes and nothing is taken", () => {
  const cookie = cookieOf();
  const sealed = load(cookie, header(cookie, flash("saved")));
  assert.ok(sealed.commit().isEmpty, "an unused cookie adds no header");
  assert.equal(
    codeOf(() => sealed.set(flash("late"))),
    "response-sent",
  );
  assert.equal(
    codeOf(() => sealed.remove()),
    "response-sent",
  );
  assert.equal(sealed.take(), undefined, "it would not be deleted");
  assert.deepEqual(sealed.get(), flash("saved"));
  assert.ok(sealed.commit().isEmpty);
});

test("a token that another server may accept is left alone, and a dead one is deleted when taken", () => {
  const [old, now] = [keyText(), keyText()];
  const pair = header(cookieOf({ ring: ring(old) }), flash("saved"));
  const both = cookieOf({ ring: ring(now, old) });
  const without = cookieOf({ ring: ring(now) });
  const dead = `${pair.slice(0, 60)}AAAA${pair.slice(64)}`;
  const long = `__Host-flash=b1.${"A".repeat(4096)}`;
  const table: [
    string,
    SealedCookie<Flash>,
    string,
    string | undefined,
    string | undefined,
    number,
  ][] = [
    ["the key was replaced", both, pair, "saved", undefined, 1],
    ["the key is not known", without, pair, undefined, "unknown-key", 0],
    ["forged", both, dead, undefined, "bad-tag", 1],
    ["one of two is not known", without, `${pair}; ${dead}`, undefined, "unknown-key", 0],
    ["one of two is not known, reversed", without, `${dead}; ${pair}`, undefined, "unknown-key", 0],
    ["two of one name", both, `${dead}; ${pair}`, "saved", undefined, 1],
    ["the first that opens counts", both, `${pair}; ${dead}`, "saved", undefined, 1],
    ["four of one name", both, `${`${dead}; `.repeat(3)}${pair}`, "saved", undefined, 1],
    ["the fifth is not tried", both, `${`${dead}; `.repeat(4)}${pair}`, undefined, "bad-tag", 1],
    ["too long for a cookie", both, long, undefined, "too-long", 0],
    ["not a token", both, "__Host-flash=1", undefined, "prefix", 0],
    ["octets that are not ASCII", both, "__Host-flash=b1.\u00e9\u00ff", undefined, "encoding", 1],
    ["empty", both, "__Host-flash=", undefined, undefined, 0],
    ["no value", both, "__Host-flash", undefined, undefined, 0],
    ["in quotes", both, pair.replace("=", '="') + '"', undefined, "prefix", 0],
    ["in another case", both, pair.toLowerCase(), undefined, undefined, 0],
    ["beside others", both, `a=1;__Host-flash2=x; ${pair} ;b`, "saved", undefined, 1],
  ];
  for (const [what, cookie, carried, text, code, deletions] of table) {
    const sealed = load(cookie, carried);
    assert.equal(sealed.refused?.code, code, what);
    assert.equal(sealed.take()?.text, text, what);
    assert.equal(lines(sealed).length, deletions, what);
  }
});

test("the cookie may be in several Cookie headers, as in HTTP/2", () => {
  const cookie = cookieOf();
  const pair = header(cookie, flash("saved"));
  const values = (name: string) => (name === "cookie" ? ["a=1", "__Host-flash=1", pair] : []);
  assert.deepEqual(cookie.load({ method: "GET", values }, { now: T0 }).take(), flash("saved"));
});

test("a value of an older schema is upgraded, and one of a newer schema is left alone", () => {
  const newer = payload({
    purpose: FLASH.purpose,
    schemaVersion: 2,
    encoding: json<Flash & { kind: number }>(),
    previous: FLASH,
    upgrade: (old) => ({ ...old, kind: 0 }),
  });
  const [old, now] = [
    cookieOf(),
    new SealedCookie({ ring: RING, payload: newer, cookie: "flash", lifetime: 60 }),
  ];
  const upgraded = load(now, header(old, flash("saved"))).take();
  assert.deepEqual(upgraded, { text: "saved", kind: 0 });
  const left = load(old, header(now, { text: "new", kind: 1 }));
  assert.equal(left.take(), undefined);
  assert.deepEqual([left.refused?.code, lines(left)], ["newer-schema", []]);
});

test("a value too large for its cookie is an error with the exact limit", () => {
  const set = (length: number, more = {}) => {
    const sealed = load(cookieOf(more), "");
    sealed.set(flash("x".repeat(length)));
    return lines(sealed)[0] ?? "";
  };
  const fits = (length: number) => codeOf(() => set(length)) === undefined;
  let longest = 4096;
  while (!fits(longest)) longest -= 1;
  const [pair = ""] = set(longest).split(";");
  assert.ok(pair.length <= 4096 + "=".length && pair.length > 4096 - 64, `${pair.length}`);
  for (const length of [longest + 1, 100_000]) {
    assert.throws(
      () => set(length),
      (error) => {
        assert.ok(error instanceof SetError);
        assert.deepEqual([error.code, error.status], ["too-large", 500]);
        const [, size, limit] = /have (\d+) octets, but browsers keep only (\d+)/.exec(
          error.message,
        )!;
        assert.equal(limit, "4096");
        assert.ok(Number(size) > 4096 && Number(size) < (4 * (length + 100)) / 3 + 64, size);
        return true;
      },
    );
  }
  const split = cookieOf({ cookie: new Cookie({ name: "flash", split: true }) });
  const long = flash("x".repeat(longest + 1));
  const carried = header(split, long);
  assert.equal(carried.split("; ").length, 2);
  const sealed = load(split, carried);
  assert.deepEqual(sealed.take(), long);
  assert.equal(lines(sealed).length, 4);
  const pieces = load(split, carried.split("; ")[1] ?? "");
  assert.equal(pieces.take(), undefined);
  assert.equal(lines(pieces).length, 0, "pieces that are not complete are left alone");
});

test("a value that cannot be sealed leaves the old one, and the error does not show it", () => {
  const sealed = load(cookieOf(), header(cookieOf(), flash("saved")));
  assert.throws(
    () => sealed.set({ text: "secret", at: 1n } as unknown as Flash),
    (error) => {
      assert.ok(error instanceof SetError);
      assert.equal((error.cause as { code: string }).code, "payload");
      assert.ok(!inspect(error).includes("secret"));
      return error.code === "seal";
    },
  );
  const later = `${keyText()} primary-from=2100-01-01T00:00:00Z`;
  const early = load(cookieOf({ ring: ring(later) }), "");
  assert.match(codeOf(() => early.set(flash("x"))) ?? "", /^seal$/);
  assert.deepEqual(sealed.get(), flash("saved"));
  assert.deepEqual(lines(sealed), []);
});

test("the attributes of the cookie can be chosen", () => {
  const table: [string | Cookie, string][] = [
    ["device", "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=34560000"],
    [new Cookie({ name: "device" }), "HttpOnly; SameSite=Lax; Secure; Path=/"],
    [
      new Cookie({ name: "device", persistent: true, sharedWithDomain: "bank.example" }),
      "HttpOnly; SameSite=Lax; Secure; Path=/; Domain=bank.example; Max-Age=34560000",
    ],
    [
      new Cookie({ name: "device", sameSite: "strict", belowPath: "/app" }),
      "HttpOnly; SameSite=Strict; Secure; Path=/app",
    ],
  ];
  for (const [cookie, attributes] of table) {
    for (const lifetime of [500 * 86_400, Infinity]) {
      const sealed = load(cookieOf({ cookie, lifetime }), "");
      sealed.set(flash("known"));
      const [line = ""] = lines(sealed);
      assert.equal(line.slice(line.indexOf("; ") + 2), attributes);
    }
  }
  assert.match(header(cookieOf({ lifetime: 60.9 }), flash("")), /^__Host-flash=b1\./);
});

test("a value in a former cookie is read, and deleted with the next change", () => {
  const former = new Cookie({ name: "flash", sharedWithDomain: "bank.example" });
  const old = cookieOf({ cookie: former });
  const now = cookieOf({ cookie: new Cookie({ name: "flash", formerly: former }) });
  const pair = header(old, flash("saved"));
  const read = load(now, pair);
  assert.deepEqual([read.get(), lines(read)], [flash("saved"), []]);
  const taken = load(now, pair);
  assert.deepEqual(taken.take(), flash("saved"));
  assert.match(lines(taken)[0] ?? "", /^__Secure-flash=;.*Domain=bank\.example; Max-Age=0/);
  const changed = load(now, pair);
  changed.set(flash("new"));
  assert.deepEqual(
    lines(changed).map((line) => line.slice(0, 16)),
    ["__Secure-flash=;", "__Host-flash=b1."],
  );
  const both = load(now, `${pair}; __Host-flash=1`);
  assert.deepEqual([both.get(), both.refused?.code], [undefined, "prefix"], "the new one counts");
});

test("a sealed cookie and a session of one request do not disturb each other", () => {
  const sessions = new Sessions({ ring: RING, payload: account });
  const cookie = cookieOf();
  const client = browser().signedIn(sessions, T0, ada());
  const carried = `__Host-session=${client.kept.get("__Host-session")}; ${header(cookie, flash("saved"))}`;
  const values = (name: string) => (name === "cookie" ? [carried] : []);
  const session = sessions.load({ method: "GET", values }, { now: T0 });
  const sealed = load(cookie, carried);
  assert.deepEqual([session.data, sealed.take()], [ada(), flash("saved")]);
  assert.ok(![...session.commit()].some(({ name }) => name === "set-cookie"));
  assert.deepEqual(lines(sealed), [DELETED]);
});

// --- requests from other origins ---

/** A request with the cookie, which a page on another site has sent. */
function forged(cookie: SealedCookie<Flash>, carried: string, origin: string, method = "POST") {
  const headers: Record<string, string> = {
    cookie: carried,
    host: "bank.example",
    origin,
    "sec-fetch-site": "cross-site",
  };
  const values = (name: string) => (headers[name] ? [headers[name]] : []);
  return cookie.load({ method, values }, { now: T0 });
}

test("a request from another origin has no value and changes nothing", () => {
  const cookie = cookieOf();
  for (const carried of [header(cookie, flash("saved")), ""]) {
    const sealed = forged(cookie, carried, "https://evil.example");
    assert.throws(
      () => sealed.set(flash("forged")),
      (error) => error instanceof SetError && error.code === "cross-origin" && error.status === 403,
    );
    assert.equal(
      codeOf(() => sealed.remove()),
      "cross-origin",
    );
    assert.deepEqual(
      [sealed.get(), sealed.take(), sealed.refused],
      [undefined, undefined, undefined],
    );
    sealed.discardChanges();
    assert.deepEqual(lines(sealed), []);
    assert.equal(
      codeOf(() => sealed.set(flash("late"))),
      "response-sent",
    );
  }
});

test("a page of a trusted origin may use the cookie, and so may a redirect", () => {
  const cookie = cookieOf();
  const carried = header(cookie, flash("saved"));
  const trusting = cookieOf({ trustOrigins: ["https://id.example", "https://id2.example"] });
  for (const origin of ["https://id.example", "https://id2.example"]) {
    assert.deepEqual(forged(trusting, carried, origin).take(), flash("saved"), origin);
    assert.equal(forged(cookie, carried, origin).take(), undefined, origin);
    assert.deepEqual(forged(cookie, carried, origin, "GET").take(), flash("saved"), "a redirect");
  }
  assert.equal(forged(trusting, carried, "null").take(), undefined);
  for (const text of ["null", "https://id.example/", "*"]) {
    assert.equal(
      codeOf(() => cookieOf({ trustOrigins: [text] })),
      "origin",
      text,
    );
  }
});

// --- the rest ---

test("the clock tells the time unless the request has one", () => {
  let now = T0;
  const cookie = cookieOf({ clock: () => now });
  const carried = header(cookie, flash("saved"));
  const values = (name: string) => (name === "cookie" ? [carried] : []);
  const sealed = cookie.load({ method: "GET", values });
  assert.deepEqual(sealed.get(), flash("saved"));
  now += 60;
  assert.equal(sealed.get(), undefined);
  assert.deepEqual(load(cookie, carried).get(), flash("saved"));
});

test("a request with damaged cookies has the value or none, and throws nothing", () => {
  const split = new Cookie({ name: "flash", split: true, formerly: new Cookie({ name: "note" }) });
  const cookie = cookieOf({ cookie: split });
  const long = "x".repeat(5000);
  const headers = ["saved", long].map((text) => header(cookie, flash(text)));
  let state = 1;
  const random = (limit: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >>> 8) % limit;
  };
  const letters = '=;. "pb1-_A\u0000\u00e9\u00ff~';
  for (let round = 0; round < 1000; round += 1) {
    let carried = headers[random(2)]!;
    for (let damages = 1 + random(3); damages > 0; damages -= 1) {
      const at = random(carried.length + 1);
      const letter = letters.charAt(random(letters.length));
      const end = carried.slice(at + random(random(2) === 0 ? 2 : 60));
      carried = carried.slice(0, at) + (random(3) === 0 ? `${letter}${letter}` : letter) + end;
      if (random(8) === 0) carried = `${carried}; ${headers[random(2)]!}`;
    }
    const sealed = load(cookie, carried);
    const text = sealed.take()?.text;
    assert.ok(text === undefined || text === "saved" || text === long);
    for (const line of lines(sealed)) assert.match(line, /^__Host-(flash(-[123])?|note)=; /);
  }
});

test("nothing shows a value or a token", () => {
  const cookie = cookieOf();
  const sealed = load(cookie, header(cookie, flash("very secret")));
  sealed.set(flash("very secret"));
  const bundle = sealed.commit();
  const shown = [cookie, sealed, bundle].flatMap((value) => [
    inspect(value, { depth: 9, showHidden: true }),
    JSON.stringify(value),
    String(value),
  ]);
  assert.doesNotMatch(shown.join(), /secret|b1\./);
});

test("a wrong option is refused when the cookie is made", () => {
  type Options = ConstructorParameters<typeof SealedCookie<Flash>>[0];
  const good = { ring: RING, payload: FLASH, cookie: "flash", lifetime: 60 };
  const table: [object | undefined, string | RegExp][] = [
    [{ ...good, cookie: "__Host-flash" }, "name"],
    [{ ...good, cookie: "" }, "name"],
    [{ ...good, cookie: "flash-renewal" }, "name"],
    [{ ...good, cookie: "a;b" }, "name"],
    [{ ...good, cookie: undefined }, /cookie must be a name/],
    [{ ...good, cookie: { name: "flash" } }, /cookie must be a name/],
    [{ ...good, lifetime: -1 }, /a duration is/],
    [{ ...good, lifetime: "60" }, /a duration is/],
    [{ ...good, lifetime: undefined }, /a duration is/],
    [{ ...good, ring: "bulla-key-1…" }, /ring must be a KeyRing/],
    [{ ...good, payload: undefined }, /payload must be made with payload/],
    [undefined, /ring must be a KeyRing/],
  ];
  for (const [options, expected] of table) {
    const code = codeOf(() => new SealedCookie(options as unknown as Options)) ?? "none";
    if (typeof expected === "string") assert.equal(code, expected);
    else assert.match(code, expected);
  }
});
