// Cookies of an earlier release, whose sessions continue in a cookie with another name or scope.

import assert from "node:assert/strict";
import { test } from "node:test";

import { KeyRing } from "../src/index.js";
import { Cookie, Sessions } from "../src/session/index.js";
import type { CookieOptions, Session } from "../src/session/index.js";
import { T0, account, ada, alan } from "./support.js";
import type { Account } from "./support.js";

/** The cookies of a browser. It keeps one cookie for each name, domain, path and partition. */
class Browser {
  kept: Map<string, { pair: string; path: string }>;

  constructor(kept: Iterable<[string, { pair: string; path: string }]> = []) {
    this.kept = new Map(kept);
  }

  clone(): Browser {
    return new Browser(this.kept);
  }

  send(sessions: Sessions<Account>, now: number): Session<Account> {
    // Longer paths come first, and then older cookies (RFC 6265bis section 5.8.3).
    const sorted = [...this.kept.values()].sort((a, b) => b.path.length - a.path.length);
    const header = sorted.map(({ pair }) => pair).join("; ");
    const values = (name: string) => (name === "cookie" ? [header] : []);
    return sessions.load({ method: "GET", values }, { now });
  }

  /** Returns the number of `Set-Cookie` lines. */
  receive(session: Session<Account>): number {
    const lines = [...session.commit()].filter((line) => line.name === "set-cookie");
    for (const { value } of lines) {
      const [pair = "", ...attributes] = value.split("; ");
      const of = (name: string) =>
        attributes.find((attribute) => attribute.startsWith(`${name}=`))?.slice(name.length + 1);
      const path = of("Path") ?? "/";
      const partitioned = attributes.includes("Partitioned");
      const place = [pair.split("=")[0], of("Domain")?.toLowerCase(), path, partitioned].join(";");
      if (of("Max-Age") === "0") this.kept.delete(place);
      else this.kept.set(place, { pair, path });
    }
    return lines.length;
  }

  visit<R>(sessions: Sessions<Account>, now: number, handler: (session: Session<Account>) => R): R {
    const session = this.send(sessions, now);
    const result = handler(session);
    this.receive(session);
    return result;
  }
}

const shared = (sharedWithDomain: string): CookieOptions => ({ sharedWithDomain });
const below = (belowPath: string): CookieOptions => ({ belowPath });

/** The former and the new cookie. */
const CHANGES: [CookieOptions, CookieOptions][] = [
  [shared("bank.example"), {}],
  [{}, shared("bank.example")],
  [{ name: "id" }, {}],
  [{ overPlainHttp: true }, {}],
  [below("/app"), { split: true }],
  [{ ...shared("bank.example"), split: true }, {}],
  // The name stays the same.
  [shared("bank.example"), shared("app.bank.example")],
  [shared("app.bank.example"), shared("BANK.example")],
  [below("/app"), shared("bank.example")],
  [below("/app"), below("/app/v2")],
  [{}, { partitioned: true }],
  [{ split: true }, {}],
  [{ split: true }, { partitioned: true }],
  [{}, { split: true }],
  // Only attributes change that do not identify the cookie.
  [{}, { persistent: true }],
  [shared("bank.example"), shared("BANK.example")],
];

/**
 * The sessions of the earlier release, of the release that knows both cookies, and of a later
 * release that knows only the new cookie.
 */
function releases(former: CookieOptions, next: CookieOptions) {
  const ring = KeyRing.generate();
  const of = (cookie: CookieOptions) =>
    new Sessions({ ring, payload: account, cookie: new Cookie(cookie) });
  const both = of({ ...next, formerly: new Cookie(former) });
  return { old: of(former), both, later: of(next) };
}

/** A state that needs two cookies, if there may be several. */
function long(sessions: Sessions<Account>): Account {
  const state = { ...ada(), name: "x".repeat(4000) };
  try {
    new Browser().send(sessions, T0).start(state);
    return state;
  } catch {
    return ada();
  }
}

function signedIn(sessions: Sessions<Account>, state = ada()): Browser {
  const browser = new Browser();
  browser.visit(sessions, T0, (session) => session.start(state));
  return browser;
}

for (const [former, next] of CHANGES) {
  const name = `${JSON.stringify(former)} -> ${JSON.stringify(next)}`;

  test(`a session in a former cookie moves with its next change: ${name}`, () => {
    const { old, both, later } = releases(former, next);
    const state = long(old);
    const browser = signedIn(old, state);
    const id = browser.send(old, T0).info?.id;

    const session = browser.send(both, T0);
    assert.deepEqual(session.data, state);
    assert.equal(browser.receive(session), 0, "reading writes nothing");

    browser.visit(both, T0, (session) => session.set(alan()));
    for (const sessions of [both, later]) {
      const moved = browser.send(sessions, T0);
      assert.equal(moved.data?.name, "Alan");
      assert.equal(moved.info?.id, id, "it is the same session");
    }
    assert.ok(browser.kept.size <= 2);
    const onlyNew = signedIn(later);
    onlyNew.visit(later, T0 + 600, (session) => session.data);
    for (const place of browser.kept.keys()) assert.ok(onlyNew.kept.has(place), place);
  });

  test(`signing out deletes both cookies with their renewal cookies and pieces: ${name}`, () => {
    const { old, both } = releases(former, next);
    const before = signedIn(old, long(old));
    before.visit(old, T0 + 600, (session) => session.data);
    assert.ok(before.kept.size >= 2, "there is a renewal cookie");
    const browser = before.clone();
    browser.visit(both, T0 + 600, (session) => session.end());
    assert.equal(browser.kept.size, 0);
    // The path of the former cookie may keep it out of the request.
    const elsewhere = new Browser().send(both, T0);
    elsewhere.end();
    before.receive(elsewhere);
    assert.equal(before.send(both, T0).data, undefined);
  });

  test(`signing in replaces the session in a former cookie: ${name}`, () => {
    const { old, both, later } = releases(former, next);
    const browser = signedIn(old);
    browser.visit(both, T0, (session) => session.start(alan()));
    assert.equal(browser.kept.size, 1);
    assert.equal(browser.send(later, T0).data?.name, "Alan");
  });

  // If a renewal moved the session, it could undo the concurrent change.
  test(`a renewal in a former cookie never undoes a concurrent change: ${name}`, () => {
    const { old, both } = releases(former, next);
    const start = signedIn(old);
    const due = T0 + 600;
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const responses = [start.send(both, due), start.send(both, due)] as const;
      assert.ok(responses[0].data);
      responses[1].set(alan());
      const browser = start.clone();
      for (const response of order) {
        assert.ok(browser.receive(responses[response] ?? responses[0]) > 0);
      }
      assert.equal(browser.send(both, due + 1799).data?.name, "Alan");
    }
  });

  test(`a session in a former cookie is kept alive by activity: ${name}`, () => {
    const { old, both } = releases(former, next);
    const browser = signedIn(old);
    for (let minutes = 20; minutes < 200; minutes += 20) {
      browser.visit(both, T0 + 60 * minutes, (session) => assert.ok(session.data));
    }
    assert.equal(browser.send(both, T0 + 60 * 210).status.kind, "refused");
  });

  test(`a session that moves keeps the answer of the check: ${name}`, async () => {
    const ring = KeyRing.generate();
    let asked = 0;
    const of = (cookie: CookieOptions) =>
      new Sessions({
        ring,
        payload: account,
        cookie: new Cookie(cookie),
        revalidate: () => {
          asked += 1;
          return "holds";
        },
      });
    const [old, both] = [of(former), of({ ...next, formerly: new Cookie(former) })];
    const browser = signedIn(old);
    const visit = async (
      sessions: Sessions<Account>,
      at: number,
      change?: (session: Session<Account>) => void,
    ) => {
      const session = browser.send(sessions, T0 + at);
      await session.revalidate();
      assert.ok(session.data);
      change?.(session);
      browser.receive(session);
      return asked;
    };
    assert.equal(await visit(old, 300), 1, "due after five minutes");
    assert.equal(await visit(both, 400, (session) => session.set(alan())), 1);
    assert.equal(await visit(both, 500), 1);
  });

  test(`servers with exchanged cookies sign nobody out: ${name}`, () => {
    const ring = KeyRing.generate();
    const of = (cookie: CookieOptions, formerly: CookieOptions) => {
      const both = new Cookie({ ...cookie, formerly: new Cookie(formerly) });
      return new Sessions({ ring, payload: account, cookie: both });
    };
    const [first, second] = [of(former, next), of(next, former)];
    const browser = signedIn(first);
    for (const [visit, sessions] of [first, second, second, first, second, first].entries()) {
      const now = T0 + 600 * visit;
      browser.visit(sessions, now, (session) => {
        assert.equal(session.data?.id, visit === 0 ? ada().id : visit - 1);
        session.update((state) => void (state.id = visit));
      });
      browser.visit(sessions, now + 300, (session) => assert.ok(session.data));
    }
    browser.visit(first, T0 + 4000, (session) => session.end());
    assert.equal(browser.kept.size, 0);
  });

  test(`a former cookie does not revive a session that has moved and ended: ${name}`, () => {
    const { old, both } = releases(former, next);
    // With the same name, a request does not tell which of the two cookies came first.
    if (new Cookie(former).name === new Cookie(next).name) return;
    const leftOver = signedIn(old);
    const browser = leftOver.clone();
    browser.visit(both, T0, (session) => session.set(alan()));
    for (const [place, cookie] of leftOver.kept) browser.kept.set(place, cookie);
    for (const now of [T0 + 1800, T0 + 1860]) {
      browser.visit(both, now, (session) => assert.equal(session.data, undefined));
    }
    assert.equal(browser.kept.size, 0, "both are deleted, so the former one is not read later");
  });
}

test("a token in a former cookie that cannot be judged is left alone", () => {
  const { old: elsewhere } = releases(shared("bank.example"), {});
  const { both } = releases(shared("bank.example"), {}); // with another ring
  const browser = signedIn(elsewhere);
  const before = new Map(browser.kept);
  browser.visit(both, T0, (session) => assert.equal(session.data, undefined));
  assert.deepEqual(browser.kept, before);
});

test("a dead token in a former cookie is deleted and the new cookie is kept", () => {
  const { old, both, later } = releases(shared("bank.example"), {});
  const browser = signedIn(old);
  const late = T0 + 7200;
  const slow = browser.send(both, late);
  assert.equal(slow.data, undefined);
  browser.visit(later, late, (session) => session.start(alan()));
  browser.receive(slow);
  assert.equal(browser.kept.size, 1);
  assert.ok(browser.send(both, late).data);
});

test("several former cookies are read in order and deleted together", () => {
  const ring = KeyRing.generate();
  const [a, b] = ["a", "b"].map((name) => new Cookie({ name }));
  const cookie = new Cookie({ name: "c", formerly: [b!, a!] });
  const both = new Sessions({ ring, payload: account, cookie });
  const browser = new Browser();
  for (const [cookie, state] of [
    [a!, ada()],
    [b!, alan()],
  ] as const) {
    const sessions = new Sessions({ ring, payload: account, cookie });
    browser.visit(sessions, T0, (session) => session.start(state));
  }
  assert.equal(browser.send(both, T0).data?.name, "Alan");
  browser.visit(both, T0, (session) => session.reauthenticated());
  assert.equal(browser.kept.size, 1);
  assert.equal(browser.send(both, T0).data?.name, "Alan");
});

test("a former cookie that is the same cookie changes nothing", () => {
  const cookie = new Cookie({ formerly: new Cookie() });
  const sessions = new Sessions({ ring: KeyRing.generate(), payload: account, cookie });
  const session = new Browser().send(sessions, T0);
  session.start(ada());
  assert.equal(new Browser().receive(session), 1);
});
