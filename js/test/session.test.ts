// The state machine of a session, as a truth table, and its timeouts.

import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";

import { json, payload } from "../src/index.js";
import { Bearer, Cookie, Denied, Policy, SessionError, Sessions } from "../src/session/index.js";
import type { Event, Session, SessionsOptions } from "../src/session/index.js";
import {
  Client,
  RENEWAL,
  STATE,
  T0,
  account,
  ada,
  alan,
  browser,
  codeOf,
  effect,
  keyText,
  mobile,
  ring,
} from "./support.js";
import type { Account } from "./support.js";

const IDLE = 1800;
const ABSOLUTE = 43_200;

function sessionsOf(keys: string[], more: Partial<SessionsOptions<Account>> = {}) {
  const transports = { cookie: new Cookie(), bearer: new Bearer() };
  return new Sessions({ ring: ring(...keys), payload: account, ...transports, ...more });
}

/** The payload that a newer release writes. */
const newerAccount = payload({
  purpose: "bank.example/session",
  schemaVersion: 2,
  encoding: json<Account & { colour: number }>(),
});

class World {
  readonly oldKey = keyText();
  readonly key = keyText();
  readonly here = sessionsOf([this.key, this.oldKey]);
  /** A server before `key` was added. */
  readonly earlier = sessionsOf([this.oldKey]);
  /** A server after `oldKey` was dropped. */
  readonly later = sessionsOf([this.key]);
  /** A server with an unrelated ring. */
  readonly elsewhere = sessionsOf([keyText()]);
  readonly newer = new Sessions({ ring: ring(this.key), payload: newerAccount });
}

function forged(client: Client): Client {
  const copy = client.clone();
  const token = copy.kept.get(STATE) ?? "";
  const at = token.length - 6;
  const other = token[at] === "A" ? "B" : "A";
  copy.kept.set(STATE, token.slice(0, at) + other + token.slice(at + 1));
  return copy;
}

type Action = (session: Session<Account>) => void;

const NOTHING: Action = () => {};
const LOOK: Action = (session) => void session.data;
const START: Action = (session) => session.start(alan());
const SET: Action = (session) => session.set(alan());
const SET_EQUAL: Action = (session) => session.set(ada());
const UPDATE: Action = (session) => session.update((state) => void (state.name += "!"));
const LOOK_IN_BACKGROUND: Action = (session) => {
  session.ignoreActivity();
  void session.data;
};
const REAUTHENTICATE: Action = (session) => session.reauthenticated();
const END: Action = (session) => session.end();
const SET_AND_END: Action = (session) => {
  session.set(alan());
  session.end();
};
const END_START_AND_FAIL: Action = (session) => {
  session.end();
  session.start(alan());
  session.discardChanges();
};
const START_AND_FAIL: Action = (session) => {
  session.start(alan());
  session.discardChanges();
};
const END_AND_FAIL: Action = (session) => {
  session.end();
  session.discardChanges();
};

test("each action on each kind of session changes exactly the listed tokens", () => {
  const world = new World();
  const { here } = world;
  const now = T0 + 3 * 3600;
  const ago = (seconds: number) => now - seconds;

  const guest = browser();
  const fresh = browser().signedIn(here, ago(10), ada());
  const seen = browser().signedIn(here, ago(600), ada());
  const renewed = browser().signedIn(here, ago(2400), ada());
  renewed.visit(here, ago(1200), LOOK);
  assert.ok(renewed.kept.has(RENEWAL));
  const oldKey = browser().signedIn(world.earlier, ago(10), ada());
  const copied = browser().signedIn(world.earlier, ago(10), ada());
  copied.visit(here, ago(9), LOOK);
  const forgedToken = forged(fresh);
  const justIdle = browser().signedIn(here, ago(IDLE + 59), ada());
  const idle = browser().signedIn(here, ago(IDLE + 60), ada());
  const policy = new Policy({ idleTimeout: 9999, absoluteTimeout: 9999 });
  const long = new Sessions({ ring: ring(world.key), payload: account, policy });
  const justOver = browser().signedIn(long, ago(9999 + 59), ada());
  const endedByAbsolute = browser().signedIn(long, ago(9999 + 60), ada());
  const unknownKey = browser().signedIn(world.elsewhere, ago(10), ada());
  const newerSchema = browser().signedIn(world.newer, ago(10), { ...ada(), colour: 3 });
  const fromTheFuture = browser().signedIn(here, now + 61, ada());
  const otherFormat = new Client("cookie", [[STATE, "b2.AAAAAAAAAAAAAAAAAAAA"]]);
  const unreadableRenewal = seen.clone();
  unreadableRenewal.kept.set(RENEWAL, unknownKey.kept.get(STATE) ?? "");
  // Two overlapping requests went to servers with different primary keys.
  const overlapping = (changesAt: Sessions<Account>, looksAt: Sessions<Account>) => {
    const client = browser().signedIn(world.earlier, ago(200), ada());
    const [changing, looking] = [client.send(changesAt, ago(10)), client.send(looksAt, ago(10))];
    changing.update((state) => void (state.id += 1));
    assert.ok(looking.data);
    client.receive(changing);
    assert.equal(effect(client.receive(looking)), "+renewal");
    return client;
  };
  const renewalBehind = overlapping(here, world.earlier);
  const copyOfAnother = overlapping(world.earlier, here);
  const withOther = (first: Client, second: Client) => {
    const both = `${first.kept.get(STATE)}; ${STATE}=${second.kept.get(STATE)}`;
    return new Client("cookie", [[STATE, both]]);
  };
  const deadAndUnknown = withOther(forgedToken, unknownKey);
  const unknownAndDead = withOther(unknownKey, forgedToken);
  const twoDead = withOther(forgedToken, idle);
  const none = "no-session";

  const table: [string, Client, string, Action, string | undefined, string][] = [
    ["guest", guest, "nothing", NOTHING, undefined, ""],
    ["guest", guest, "look", LOOK, undefined, ""],
    ["guest", guest, "start", START, undefined, "+state"],
    ["guest", guest, "set", SET, none, ""],
    ["guest", guest, "update", UPDATE, none, ""],
    ["guest", guest, "reauthenticate", REAUTHENTICATE, none, ""],
    ["guest", guest, "end", END, undefined, "-state"],
    ["fresh", fresh, "nothing", NOTHING, undefined, ""],
    ["fresh", fresh, "look", LOOK, undefined, ""],
    ["fresh", fresh, "start", START, undefined, "+state"],
    ["fresh", fresh, "set", SET, undefined, "+state"],
    ["fresh", fresh, "set equal", SET_EQUAL, undefined, ""],
    ["fresh", fresh, "update", UPDATE, undefined, "+state"],
    ["fresh", fresh, "reauthenticate", REAUTHENTICATE, undefined, "+state"],
    ["fresh", fresh, "end", END, undefined, "-state"],
    ["fresh", fresh, "set and end", SET_AND_END, undefined, "-state"],
    ["fresh", fresh, "start and fail", START_AND_FAIL, undefined, ""],
    ["fresh", fresh, "end and fail", END_AND_FAIL, undefined, "-state"],
    ["fresh", fresh, "end, start and fail", END_START_AND_FAIL, undefined, "-state"],
    ["seen long ago", seen, "nothing", NOTHING, undefined, ""],
    ["seen long ago", seen, "look", LOOK, undefined, "+renewal"],
    ["seen long ago", seen, "look in background", LOOK_IN_BACKGROUND, undefined, ""],
    ["seen long ago", seen, "set equal", SET_EQUAL, undefined, "+renewal"],
    ["seen long ago", seen, "set", SET, undefined, "+state"],
    ["renewed", renewed, "look", LOOK, undefined, "+renewal"],
    ["renewed", renewed, "set", SET, undefined, "+state"],
    ["renewed", renewed, "reauthenticate", REAUTHENTICATE, undefined, "+state -renewal"],
    ["renewed", renewed, "start", START, undefined, "+state -renewal"],
    ["renewed", renewed, "end", END, undefined, "-renewal -state"],
    ["old key", oldKey, "nothing", NOTHING, undefined, ""],
    ["old key", oldKey, "look", LOOK, undefined, "+renewal"],
    ["old key", oldKey, "look in background", LOOK_IN_BACKGROUND, undefined, ""],
    ["old key", oldKey, "set", SET, undefined, "+state"],
    ["copied", copied, "look", LOOK, undefined, ""],
    ["copied", copied, "set", SET, undefined, "+state"],
    ["forged", forgedToken, "nothing", NOTHING, undefined, ""],
    ["forged", forgedToken, "look", LOOK, undefined, "-state"],
    ["forged", forgedToken, "set", SET, none, "-state"],
    ["forged", forgedToken, "start", START, undefined, "+state"],
    ["just idle", justIdle, "look", LOOK, undefined, ""],
    ["idle", idle, "look", LOOK, undefined, "-state"],
    ["just over", justOver, "look", LOOK, undefined, ""],
    ["absolute", endedByAbsolute, "look", LOOK, undefined, "-state"],
    ["unknown key", unknownKey, "look", LOOK, undefined, ""],
    ["unknown key", unknownKey, "set", SET, none, ""],
    ["unknown key", unknownKey, "start", START, undefined, "+state"],
    ["unknown key", unknownKey, "end", END, undefined, "-state"],
    ["newer schema", newerSchema, "look", LOOK, undefined, ""],
    ["newer schema", newerSchema, "update", UPDATE, none, ""],
    ["future", fromTheFuture, "look", LOOK, undefined, ""],
    ["other format", otherFormat, "look", LOOK, undefined, ""],
    ["unreadable renewal", unreadableRenewal, "look", LOOK, undefined, ""],
    ["unreadable renewal", unreadableRenewal, "set", SET, undefined, "+state"],
    ["unreadable renewal", unreadableRenewal, "start", START, undefined, "+state -renewal"],
    ["renewal behind", renewalBehind, "look", LOOK, undefined, "+renewal"],
    ["copy of another", copyOfAnother, "look", LOOK, undefined, "+renewal"],
    ["dead and unknown", deadAndUnknown, "look", LOOK, undefined, ""],
    ["unknown and dead", unknownAndDead, "look", LOOK, undefined, ""],
    ["two dead", twoDead, "look", LOOK, undefined, "-state"],
  ];
  for (const [what, of, does, action, result, expected] of table) {
    const client = of.clone();
    const session = client.send(here, now);
    const row = `${what}: ${does}`;
    assert.equal(
      codeOf(() => action(session)),
      result,
      row,
    );
    const lines = client.receive(session);
    assert.equal(effect(lines), expected, row);
    const stores = lines.some((line) => line.name === "cache-control");
    assert.equal(stores, expected !== "", row);
    assert.equal(
      codeOf(() => session.set(alan())),
      "response-sent",
      row,
    );
    assert.equal(
      codeOf(() => session.end()),
      "response-sent",
      row,
    );
    assert.ok(session.commit().isEmpty, `${row}, committed twice`);
  }
});

test("activity extends the idle timeout and inactivity ends the session", () => {
  const world = new World();
  for (const over of [browser(), mobile()]) {
    const client = over.signedIn(world.here, T0, ada());
    let now = T0;
    for (const step of [IDLE - 1, 60, 89, IDLE - 90, IDLE - 1]) {
      now += step;
      assert.ok(client.visit(world.here, now, (session) => session.data));
    }
    for (const [late, kept] of [
      [0, true],
      [59, true],
      [60, false],
    ] as const) {
      const expired = client.clone();
      assert.ok(!expired.visit(world.here, now + IDLE + late, (session) => session.data));
      assert.equal(expired.kept.size > 0, kept, "deleted a minute after the timeout");
    }
  }
});

test("activity is recorded once the touch threshold has passed", () => {
  const world = new World();
  for (const [age, recorded] of [
    [0, false],
    [89, false],
    [90, true],
    [900, true],
  ] as const) {
    const client = browser().signedIn(world.here, T0, ada());
    const session = client.send(world.here, T0 + age);
    void session.data;
    assert.equal(effect([...session.commit()]) === "+renewal", recorded, `after ${age} seconds`);
  }
  const threshold = (idleTimeout: number) => new Policy({ idleTimeout }).touchThreshold;
  assert.deepEqual([1800, 600, 3].map(threshold), [90, 60, 1.5]);
  assert.equal(new Policy({ touchThreshold: 5 }).with({ idleTimeout: 7 }).touchThreshold, 3.5);
});

test("policies have the timeouts of their sources, and no timeout is below a second", () => {
  const of = ({ idleTimeout, absoluteTimeout }: Policy) => [idleTimeout, absoluteTimeout];
  assert.deepEqual(of(new Policy()), [1800, 43_200]);
  assert.deepEqual(of(Policy.highValue()), [300, 14_400]);
  assert.deepEqual(of(Policy.aal1()), [2_592_000, 2_592_000]);
  assert.deepEqual(of(Policy.aal2()), [3600, 86_400]);
  assert.deepEqual(of(Policy.aal3()), [900, 43_200]);
  for (const timeout of [0, 0.9, -1, NaN, Infinity]) {
    assert.throws(() => new Policy({ idleTimeout: timeout }), RangeError, String(timeout));
    assert.throws(() => new Policy({ absoluteTimeout: timeout }), RangeError, String(timeout));
  }
});

test("nothing extends the absolute timeout", () => {
  const world = new World();
  const client = browser().signedIn(world.here, T0, ada());
  for (let now = T0; now < T0 + ABSOLUTE; now += 1200) {
    const expiresAt = client.visit(world.here, now, (session) => {
      session.update((state) => void (state.id += 1));
      session.reauthenticated();
      return session.info?.expiresAt;
    });
    assert.equal(expiresAt, T0 + ABSOLUTE);
  }
  assert.equal(client.send(world.here, T0 + ABSOLUTE).data, undefined);
});

test("a shorter policy applies to existing sessions and a longer one does not", () => {
  const world = new World();
  const client = browser().signedIn(world.later, T0, ada());
  const alive = (idleTimeout: number, absoluteTimeout: number, age: number) => {
    const policy = new Policy({ idleTimeout, absoluteTimeout });
    return client.send(sessionsOf([world.key], { policy }), T0 + age).data !== undefined;
  };
  assert.ok(alive(600, 1200, 599));
  assert.ok(!alive(600, 1200, 600));
  assert.ok(!alive(9999, 1200, 1200));
  assert.ok(alive(99_999, 99_999, ABSOLUTE - 1));
  assert.ok(!alive(99_999, 99_999, ABSOLUTE));
});

test("a ceiling is never exceeded", () => {
  const world = new World();
  const client = browser();
  client.visit(world.here, T0, (session) => {
    assert.equal(
      codeOf(() => session.start(ada(), { ceiling: T0 })),
      "ceiling-passed",
    );
    session.start(ada(), { ceiling: T0 + 1000 });
  });
  client.visit(world.here, T0 + 500, (session) => session.set(alan()));
  client.visit(world.here, T0 + 800, (session) => session.reauthenticated());
  assert.ok(client.send(world.here, T0 + 999).data);
  assert.ok(!client.send(world.here, T0 + 1000).data);
});

test("signing in and reauthenticating give a new id and changes keep it", () => {
  const world = new World();
  const client = browser().signedIn(world.here, T0, ada());
  const idAfter = (action: Action) => {
    client.visit(world.here, T0, action);
    const { info } = client.send(world.here, T0);
    return [info?.id, info?.origin] as const;
  };
  const [first, origin] = idAfter(LOOK);
  assert.equal(first, origin);
  assert.deepEqual(idAfter(SET), [first, first]);
  const [second, kept] = idAfter(REAUTHENTICATE);
  assert.equal(kept, first);
  const [third] = idAfter(START);
  assert.equal(new Set([first, second, third]).size, 3);
});

test("requireFresh refuses sign-ins older than its limit", () => {
  const world = new World();
  const client = browser().signedIn(world.here, T0, ada());
  const fresh = (of: Client, age: number) => {
    const session = of.send(world.here, T0 + age);
    try {
      session.requireFresh(300);
      return 200;
    } catch (error) {
      return error instanceof Denied ? error.status : 0;
    }
  };
  assert.equal(fresh(client, 300), 200);
  assert.equal(fresh(client, 301), 401);
  client.visit(world.here, T0 + 400, (session) => session.reauthenticated());
  assert.equal(fresh(client, 700), 200);
  assert.equal(fresh(client, 701), 401);
  assert.equal(fresh(browser(), 0), 401);
});

test("a request reads its own writes", () => {
  const world = new World();
  const session = browser().send(world.here, T0);
  assert.deepEqual(session.status, { kind: "absent" });
  session.start(ada());
  assert.deepEqual(session.data, ada());
  session.update((state) => void (state.name += "!"));
  assert.equal(session.data?.name, "Ada!");
  session.update((state) => ({ ...state, id: 1 }));
  assert.equal(session.data?.id, 1);
  assert.equal(session.info?.startedAt, T0);
  assert.equal(session.info?.expiresAt, T0 + ABSOLUTE);
  session.end();
  assert.deepEqual([session.data, session.info], [undefined, undefined]);
  assert.deepEqual(session.status, { kind: "ended" });
  assert.equal(
    codeOf(() => session.set(alan())),
    "no-session",
  );
});

test("only update changes the state, and not a change of an object", () => {
  const world = new World();
  const own = ada();
  const session = browser().send(world.here, T0);
  session.start(own);
  own.name = "Eve";
  assert.equal(session.data?.name, "Ada");
  const read = session.data as Account;
  assert.throws(() => {
    read.name = "Eve";
  }, TypeError);
  const asynchronous = async (state: Account): Promise<void> => void (state.name = "Eve");
  assert.throws(() => session.update(asynchronous as never), TypeError);
  assert.equal(session.data?.name, "Ada");
});

test("an update may use the session and fails if the state changes meanwhile", () => {
  const world = new World();
  const session = browser().signedIn(world.here, T0, ada()).send(world.here, T0);
  session.update((state) => void (state.id = (session.data?.id ?? 0) + 1));
  assert.equal(session.data?.id, 1816);
  const conflict = codeOf(() =>
    session.update((state) => {
      session.set(alan());
      state.id = 0;
    }),
  );
  assert.equal(conflict, "conflict");
  assert.deepEqual(session.data, alan());
});

test("channels do not mix", () => {
  const world = new World();
  const { here } = world;
  const web = browser().signedIn(here, T0, ada());
  const phone = mobile().signedIn(here, T0, ada());
  assert.deepEqual([...phone.kept.keys()].sort(), ["session-renewal", "session-token"]);
  const [cookie, token] = [web.kept.get(STATE) ?? "", phone.kept.get("session-token") ?? ""];
  const renewal = phone.kept.get("session-renewal") ?? "";
  assert.ok(!new Client("cookie", [[STATE, token]]).send(here, T0).data);
  assert.ok(!new Client("bearer", [["session-token", cookie]]).send(here, T0).data);
  assert.ok(!new Client("bearer", [["session-token", renewal]]).send(here, T0).data);

  // A request with a bearer header ignores cookies and never gets a `Set-Cookie`.
  const both = (...authorization: string[]) => {
    const values = (name: string) =>
      name === "authorization" ? authorization : name === "cookie" ? [`${STATE}=${cookie}`] : [];
    const session = here.load({ method: "GET", values }, { now: T0 + 600 });
    const [alive, { channel }] = [session.data !== undefined, session];
    const refused = codeOf(() => session.start(alan(), { over: "cookie" })) !== undefined;
    const lines = [...session.commit()];
    return [alive, channel, refused, lines.some((line) => line.name === "set-cookie")];
  };
  assert.deepEqual(both(`bearer  ${token}`), [true, "bearer", true, false]);
  assert.deepEqual(both("Bearer eyJhbGciOiJub25lIn0.e30."), [false, "bearer", true, false]);
  assert.deepEqual(both("Bearer"), [false, "bearer", true, false]);
  assert.deepEqual(both(`Bearer ${token}`, `Bearer ${token}`), [false, "bearer", true, false]);
  assert.deepEqual(both("Basic YWRhOjE4MTU="), [true, "cookie", false, true]);
  assert.deepEqual(both("Bear"), [true, "cookie", false, true]);
});

test("a bearer client that keeps only the state token is renewed in it", () => {
  const world = new World();
  const client = mobile().signedIn(world.earlier, T0, ada());
  let now = T0;
  for (let round = 0; round < 20; round += 1) {
    now += IDLE - 1;
    client.kept.delete("session-renewal");
    assert.ok(client.visit(world.here, now, (session) => session.data));
    client.kept.delete("session-renewal");
    assert.ok(client.send(world.later, now).data, "moved to the new key");
  }
});

test("events report what happens to sessions", () => {
  const events: Event[] = [];
  const sessions = sessionsOf([keyText()], { onEvent: (event) => events.push(event) });
  const kinds = () => events.splice(0).map((event) => event.kind);
  const client = browser().signedIn(sessions, T0, ada());
  assert.deepEqual(kinds(), ["started"]);
  client.visit(sessions, T0, SET);
  assert.deepEqual(kinds(), ["opened", "changed"]);
  client.visit(sessions, T0 + 600, LOOK);
  assert.deepEqual(kinds(), ["opened", "renewed"]);
  client.visit(sessions, T0 + 600, REAUTHENTICATE);
  assert.deepEqual(kinds(), ["opened", "renamed"]);
  client.visit(sessions, T0 + 600, (session) => {
    void session.data;
    session.end();
  });
  assert.deepEqual(kinds(), ["opened", "ended"]);
  forged(browser().signedIn(sessions, T0, ada())).visit(sessions, T0, LOOK);
  assert.deepEqual(kinds(), ["started", "refused"]);
  assert.ok(!inspect(events).includes("b1."));
});

test("a renewal that cannot be sealed leaves the request its session", () => {
  const events: Event[] = [];
  const key = keyText();
  const client = browser().signedIn(sessionsOf([key]), T0, ada());
  // The only key is not primary before 2030, but it opens tokens.
  const sessions = sessionsOf([`${key} primary-from=2030-01-01T00:00:00Z`], {
    onEvent: (event) => events.push(event),
  });
  const session = client.send(sessions, T0 + 600);
  assert.ok(session.data);
  assert.equal(effect(client.receive(session)), "");
  assert.deepEqual(
    events.map((event) => event.kind),
    ["opened", "not-renewed"],
  );
  const change = client.send(sessions, T0 + 600);
  assert.equal(
    codeOf(() => change.set(alan())),
    "seal",
  );
});

test("nothing shows a token or a state", () => {
  const world = new World();
  const client = browser().signedIn(world.here, T0, ada());
  const token = client.kept.get(STATE) ?? "";
  const session = client.send(world.here, T0 + 600);
  assert.ok(session.data);
  const lines = session.commit();
  for (const value of [session, world.here, lines, new Cookie(), new SessionError("seal")]) {
    for (const text of [
      inspect(value, { depth: 9, showHidden: true }),
      String(value),
      JSON.stringify(value),
    ]) {
      assert.ok(!text.includes(token.slice(0, 20)) && !text.includes("Ada"), text);
      assert.ok(!text.includes("b1.") && !text.includes("bulla-key"), text);
    }
  }
});

test("remembered sessions have their own timeouts and stay in the browser", () => {
  const key = keyText();
  const day = 86_400;
  const remembered = new Policy({ idleTimeout: 14 * day, absoluteTimeout: 30 * day });
  const sessions = sessionsOf([key], { remembered });
  const client = browser();
  const session = client.send(sessions, T0);
  session.start(ada(), { remembered: true });
  const [line] = client.receive(session);
  assert.match(line?.value ?? "", /; Max-Age=2592000$/);
  for (const [after, code] of [
    [14 * day - 1, undefined],
    [14 * day, "idle-timeout"],
    [30 * day, "absolute-timeout"],
  ] as const) {
    const { status } = client.send(sessions, T0 + after);
    assert.equal(status.kind === "refused" ? status.refusal.code : undefined, code);
  }
  for (const [after, fresh] of [
    [43_199, true],
    [43_200, false],
  ] as const) {
    assert.equal(client.send(sessions, T0 + after).isFresh(7 * day), fresh);
  }
  const renewal = client.send(sessions, T0 + day);
  assert.ok(renewal.info?.remembered);
  assert.match([...renewal.commit()][0]?.value ?? "", /-renewal=.*; Max-Age=2505600$/);
  // A server without the policy leaves the session alone.
  const other = sessionsOf([key]);
  const before = new Map(client.kept);
  client.visit(other, T0 + 15 * day, (session) => {
    const { status } = session;
    assert.equal(status.kind === "refused" && status.refusal.code, "payload");
  });
  assert.deepEqual(client.kept, before);
  const without = codeOf(() => browser().send(other, T0).start(ada(), { remembered: true }));
  assert.equal(without, "no-remembered-policy");
});

test("the application's check decides, and its answer is recorded", async () => {
  let [answer, asked] = ["holds" as "holds" | "over" | "unknown", 0];
  const sessions = sessionsOf([keyText()], {
    revalidate: async () => {
      asked += 1;
      return answer;
    },
  });
  const client = browser().signedIn(sessions, T0, ada());
  const visit = async (at: number, effects: string, alive: boolean) => {
    const session = client.send(sessions, T0 + at);
    await Promise.all([session.revalidate(), session.revalidate()]);
    assert.equal(session.data !== undefined, alive, String(at));
    assert.equal(effect(client.receive(session)), effects, String(at));
    return asked;
  };
  assert.equal(await visit(299, "+renewal", true), 0);
  assert.equal(await visit(300, "+renewal", true), 1, "due after five minutes");
  assert.equal(await visit(599, "+renewal", true), 1);
  answer = "unknown";
  assert.equal(await visit(600, "", false), 2);
  const unasked = client.send(sessions, T0 + 601);
  assert.equal(
    codeOf(() => unasked.set(alan())),
    "not-now",
  );
  assert.throws(
    () => unasked.require(),
    (error) => error instanceof Denied && error.status === 503,
  );
  answer = "over";
  assert.equal(await visit(602, "-renewal -state", false), 3);
});
