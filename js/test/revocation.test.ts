// Revocations, which end sessions before their deadline, in one server and in a fleet.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Bearer, Cookie, Policy, Revocations, Sessions } from "../src/session/index.js";
import {
  RevocationError,
  formatRevocation,
  parseRevocation,
  revocationOfSubject,
  subjectOf,
} from "../src/revocation.js";
import type { Revocation } from "../src/revocation.js";
import { cutoff, known, merged, parts } from "../src/revocation/known.js";
import type { Followed, Follows, Known } from "../src/revocation/known.js";
import type { Session } from "../src/session/index.js";
import { LAST_SECOND } from "../src/time.js";
import {
  Client,
  T0,
  account,
  ada,
  alan,
  browser,
  codeOf,
  keyText,
  mobile,
  ring,
} from "./support.js";
import type { Account } from "./support.js";

const ABSOLUTE = 43_200;
const SUBJECT = subjectOf("bank.example/session", "1815");

/** A server with a revocation list and with a clock that the test sets. */
class Server {
  readonly list = new Revocations();
  readonly key: string;
  readonly sessions: Sessions<Account>;
  now: number;
  #passedOn: Revocation[] = [];

  constructor(key = keyText(), now = T0, policy = new Policy()) {
    this.key = key;
    this.now = now;
    this.list.onAdd((revocation) => void this.#passedOn.push(revocation));
    this.sessions = new Sessions({
      ring: ring(key),
      payload: account,
      policy,
      cookie: new Cookie(),
      bearer: new Bearer(),
      revocations: this.list,
      subject: (state) => String(state.id),
      clock: () => this.now,
    });
  }

  /** A server that restarts, and reads the revocations that the fleet has stored. */
  restarted(kept: readonly Revocation[]): Server {
    const server = new Server(this.key, this.now);
    server.list.learn(kept);
    return server;
  }

  signedIn(client: Client, state: Account, now?: number): Client {
    return client.signedIn(this.sessions, now, state);
  }

  visit<R>(client: Client, handler: (session: Session<Account>) => R, now = this.now): R {
    return client.visit(this.sessions, now, handler);
  }

  accepts(client: Client, now = this.now): boolean {
    return client.send(this.sessions, now).data !== undefined;
  }

  takePassedOn(): Revocation[] {
    return this.#passedOn.splice(0);
  }
}

function fleet(count: number): Server[] {
  const key = keyText();
  return Array.from({ length: count }, () => new Server(key));
}

/** Spreads all new revocations to every server. */
function spread(servers: readonly Server[]): number {
  const news = servers.flatMap((server) => server.takePassedOn());
  allLearn(servers, news);
  assert.ok(
    servers.every((server) => server.takePassedOn().length === 0),
    "not passed on again",
  );
  return news.length;
}

function allLearn(servers: readonly Server[], revocations: readonly Revocation[]): void {
  // They travel as text.
  const lines = revocations.map(formatRevocation);
  for (const server of servers) server.list.learn(lines.map(parseRevocation));
}

const ENDS_ADA: ((server: Server) => void)[] = [
  (server) => server.sessions.revokeSubject("1815"),
  (server) => server.sessions.revokeAll(),
];

test("signing out also ends stolen copies", () => {
  for (const kind of [browser, mobile]) {
    const server = new Server();
    const client = server.signedIn(kind(), ada());
    const copy = client.clone();
    const other = server.signedIn(kind(), ada());
    server.visit(client, (session) => session.end());
    const { status } = copy.send(server.sessions);
    assert.equal(status.kind === "refused" && status.refusal.code, "revoked");
    assert.ok(server.accepts(other), "another session of the same user stays valid");
    // A handler that fails after the sign-out has still signed out.
    const failing = other.send(server.sessions);
    failing.end();
    failing.discardChanges();
    assert.ok(!server.accepts(other));
  }
});

test("signing out ends copies from before a new id", () => {
  const server = new Server();
  const client = server.signedIn(browser(), ada());
  const copy = client.clone();
  server.visit(client, (session) => session.reauthenticated());
  assert.ok(server.accepts(copy));
  server.visit(client, (session) => session.end());
  assert.ok(!server.accepts(copy));
});

test("each revocation ends exactly the sessions that it names", () => {
  const table: [string, (server: Server, client: Client) => void, boolean[]][] = [
    ["nothing", () => {}, [true, true, true]],
    [
      "one session",
      (server, client) => {
        server.sessions.revokeSession(client.send(server.sessions).info?.origin ?? "");
      },
      [false, true, true],
    ],
    ["a subject", (server) => server.sessions.revokeSubject("1815"), [false, false, true]],
    ["another subject", (server) => server.sessions.revokeSubject("7"), [true, true, true]],
    ["all sessions", (server) => server.sessions.revokeAll(), [false, false, false]],
    [
      "a key",
      (server, client) => {
        const id = client.send(server.sessions).info?.keyId ?? "";
        server.list.add({ kind: "key", id, before: T0 + 1, until: T0 + ABSOLUTE });
      },
      [false, false, false],
    ],
    [
      "end everywhere",
      (server, client) => client.send(server.sessions).endEverywhere(),
      [false, false, true],
    ],
  ];
  for (const [what, revoke, expected] of table) {
    const server = new Server();
    const clients = [ada(), ada(), alan()].map((state) => server.signedIn(browser(), state));
    revoke(server, clients[0]!);
    assert.deepEqual(
      clients.map((client) => server.accepts(client)),
      expected,
      what,
    );
    // If a user signs in afterwards, even in the same second, the new session is not revoked,
    // except by the revocation of a key.
    const again = clients.map((client) => server.signedIn(client, ada()));
    const revoked = what === "a key";
    for (const client of again) assert.equal(server.accepts(client), !revoked, what);
    server.now += 1;
    assert.ok(server.accepts(server.signedIn(browser(), ada())), what);
  }
});

test("ending the others keeps this session and its timeouts", () => {
  for (const kind of [browser, mobile]) {
    const server = new Server();
    const here = server.signedIn(kind(), ada());
    const there = server.signedIn(kind(), ada());
    const alans = server.signedIn(kind(), alan());
    const before = here.send(server.sessions).info;
    server.now = T0 + 600;
    server.visit(here, (session) => session.endOthers());
    assert.ok(server.accepts(here) && !server.accepts(there) && server.accepts(alans));
    const after = here.send(server.sessions).info;
    assert.notEqual(after?.id, before?.id);
    assert.equal(after?.origin, before?.origin);
    assert.equal(after?.expiresAt, before?.expiresAt, "the deadline stays");
    assert.equal(after?.reauthenticatedAt, before?.reauthenticatedAt, "no fresher than before");
    const again = here.send(server.sessions);
    assert.equal(
      codeOf(() => again.endOthers()),
      "not-now",
    );
    server.now = T0 + 1200;
    server.visit(here, (session) => session.endOthers());
    assert.ok(server.accepts(here));
  }
});

test("two revocations in one second both take effect", () => {
  const server = new Server();
  for (let round = 0; round < 3; round += 1) {
    const here = server.signedIn(browser(), ada());
    const there = server.signedIn(browser(), ada());
    server.visit(here, (session) => session.endOthers());
    assert.ok(server.accepts(here) && !server.accepts(there));
    server.sessions.revokeSubject("1815");
    assert.ok(!server.accepts(here));
  }
  for (let round = 0; round < 2; round += 1) {
    const client = server.signedIn(browser(), ada());
    assert.ok(server.accepts(client));
    server.sessions.revokeAll();
    assert.ok(!server.accepts(client));
  }
});

test("without a list or a subject, revoking fails and nothing ends", () => {
  const sessions = new Sessions({
    ring: ring(keyText()),
    payload: account,
    revocations: new Revocations(),
  });
  const client = browser().signedIn(sessions, T0, ada());
  for (const end of ["endEverywhere", "endOthers"] as const) {
    const session = client.send(sessions, T0);
    assert.equal(
      codeOf(() => session[end]()),
      "no-subject",
    );
    assert.ok(session.data);
  }
  assert.equal(
    codeOf(() => sessions.revokeSubject("1815")),
    "no-subject",
  );
  assert.equal(
    codeOf(() => browser().send(sessions, T0).endOthers()),
    "no-session",
  );
  sessions.revokeAll();
  assert.throws(() => sessions.revokeSession("not an id"), TypeError);
  const none = new Sessions({ ring: ring(keyText()), payload: account });
  assert.equal(
    codeOf(() => none.revokeAll()),
    "no-revocations",
  );
  assert.equal(
    codeOf(() => none.revokeSession("0".repeat(32))),
    "no-revocations",
  );
  const guest = browser().signedIn(none, T0, ada()).send(none, T0);
  assert.equal(
    codeOf(() => guest.endOthers()),
    "no-revocations",
  );
});

test("a server whose clock is ahead revokes no later sign-in", () => {
  const server = new Server();
  const revoke = (before: number) => {
    const revocation = revocationOfSubject(SUBJECT, T0, T0 + ABSOLUTE);
    server.list.add({ ...revocation, before });
  };
  const old = server.signedIn(browser(), ada());
  revoke(T0 + 60);
  assert.ok(!server.accepts(old));
  assert.ok(server.accepts(server.signedIn(browser(), ada())));
  revoke(T0 + 121); // by a server whose clock is ahead
  assert.ok(server.accepts(server.signedIn(browser(), ada())));
  revoke(T0 + 122);
  assert.ok(!server.accepts(server.signedIn(browser(), ada())), "over two minutes ahead");
});

test("the session that ends the others stays and the others end on every server", () => {
  const servers = fleet(3);
  const [first] = servers as [Server];
  const owner = first.signedIn(browser(), ada(), T0);
  const copy = owner.clone();
  const others = servers.map((server) => server.signedIn(browser(), ada(), T0 + 9));
  first.visit(owner, (session) => session.endOthers(), T0 + 10);
  assert.equal(spread(servers), 1);
  for (const server of servers) {
    assert.ok(server.accepts(owner, T0 + 10));
    assert.ok(!server.accepts(copy, T0 + 10));
    assert.ok(!others.some((other) => server.accepts(other, T0 + 10)));
  }
});

test("a late revocation ends a session that ended the others", () => {
  for (const revoke of ENDS_ADA) {
    for (const later of [0, 1, 4, 600]) {
      for (const restarts of [false, true]) {
        const servers = fleet(3);
        const [here, cutOff] = servers as [Server, Server];
        const thief = here.signedIn(browser(), ada(), T0);
        revoke(cutOff);
        const late = cutOff.takePassedOn();
        const now = T0 + later;
        for (const server of servers) server.now = now;
        here.visit(thief, (session) => session.endOthers());
        assert.ok(here.accepts(thief));
        const kept = here.takePassedOn();
        if (restarts) servers[0] = here.restarted(kept);
        allLearn(servers, kept);
        allLearn(servers, late);
        for (const server of servers) {
          assert.ok(!server.accepts(thief), `${later} ${restarts}`);
          const again = server.signedIn(browser(), ada());
          assert.ok(
            servers.every((other) => other.accepts(again)),
            `${later} ${restarts}`,
          );
        }
      }
    }
  }
});

test("a revocation that is learned again ends no later session", () => {
  const servers = fleet(2);
  const [here, there] = servers as [Server, Server];
  there.sessions.revokeSubject("1815");
  const before = there.takePassedOn();
  allLearn(servers, before);
  for (const server of servers) server.now = T0 + 600;
  const client = here.signedIn(browser(), ada());
  here.visit(client, (session) => session.endOthers());
  const own = here.takePassedOn();
  const all = here.list.toArray().reverse();
  for (const again of [before, own, all, before]) {
    allLearn(servers, again);
    assert.ok(servers.every((server) => server.accepts(client)));
    assert.equal(servers.flatMap((server) => server.takePassedOn()).length, 0);
  }
  there.sessions.revokeSubject("1815");
  assert.equal(spread(servers), 1);
  assert.ok(!servers.some((server) => server.accepts(client)));
});

test("a request that read its session before a revocation cannot end the others after it", () => {
  const server = new Server();
  const thief = server.signedIn(browser(), ada());
  const request = thief.send(server.sessions);
  assert.ok(request.data);
  server.sessions.revokeSubject("1815");
  assert.equal(
    codeOf(() => request.endOthers()),
    "no-session",
  );
  thief.receive(request);
  assert.ok(!server.accepts(thief));
});

test("two sessions that end each other before their servers sync both end", () => {
  for (const apart of [0, 1, 3]) {
    const servers = fleet(2);
    const [here, there] = servers as [Server, Server];
    const owner = here.signedIn(browser(), ada(), T0);
    const thief = there.signedIn(browser(), ada(), T0);
    here.visit(owner, (session) => session.endOthers(), T0);
    there.visit(thief, (session) => session.endOthers(), T0 + apart);
    spread(servers);
    for (const server of servers) {
      assert.ok(!server.accepts(owner, T0 + apart) && !server.accepts(thief, T0 + apart));
    }
  }
});

test("a session without a key is left alone after its device has registered one", () => {
  const server = new Server();
  const client = server.signedIn(browser(), ada());
  const origin = client.send(server.sessions).info?.origin ?? "";
  const flipped = (BigInt(`0x${origin}`) ^ ((1n << 128n) - 1n)).toString(16).padStart(32, "0");
  server.list.add({ kind: "session", id: flipped, until: T0 + ABSOLUTE });
  const session = client.send(server.sessions);
  const { status } = session;
  assert.equal(status.kind === "refused" && status.refusal.code, "revoked");
  assert.ok(![...session.commit()].some((line) => line.sensitive));
});

test("requireCurrent refuses a list that was not confirmed within its limit", () => {
  const server = new Server();
  const client = server.signedIn(browser(), ada());
  const current = () => {
    try {
      client.send(server.sessions).requireCurrent(10);
      return 200;
    } catch (error) {
      return (error as { status: number }).status;
    }
  };
  assert.equal(current(), 200, "the list of a single process is always complete");
  for (const [at, status] of [
    [T0, 200],
    [T0 - 10, 200],
    [T0 - 11, 503],
    [T0 + 60, 200],
    [T0 + 61, 503],
  ] as const) {
    server.list.confirm(at);
    assert.equal(current(), status, String(at - T0));
  }
});

test("pruning removes exactly the revocations that are over", () => {
  const list = new Revocations();
  const session = (n: number, until: number): Revocation => ({
    kind: "session",
    id: n.toString(16).padStart(32, "0"),
    until,
  });
  for (let n = 0; n < 5000; n += 1) assert.ok(list.add(session(n, T0 + n)));
  assert.ok(!list.add(session(7, T0 + 7)), "already known");
  assert.ok(list.add(session(7, T0 + 9000)), "a later deadline is new");
  assert.equal(list.toArray().length, list.size);
  for (const [at, left] of [
    [0, 4999],
    [1000, 4000],
    [4998, 2],
    [4999, 1],
    [9000, 0],
  ] as const) {
    list.prune(T0 + at);
    assert.equal(list.size, left, String(at));
  }
});

test("two revocations of the same sessions merge into what either revokes", () => {
  const kinds: ((before: number, until: number) => Revocation)[] = [
    (before, until) => ({ kind: "subject", subject: SUBJECT, before, except: undefined, until }),
    (before, until) => ({ kind: "key", id: "0123abcd", before, until }),
    (before, until) => ({ kind: "all", before, except: undefined, until }),
  ];
  for (const kind of kinds) {
    const list = new Revocations();
    for (const [before, until, isNew, kept] of [
      [10, 100, true, [10, 100]],
      [10, 100, false, [10, 100]],
      [9, 99, false, [10, 100]],
      [11, 100, true, [11, 100]],
      [11, 101, true, [11, 101]],
      [12, 50, true, [12, 101]],
      [1, 200, true, [12, 200]],
    ] as const) {
      assert.equal(list.add(kind(T0 + before, T0 + until)), isNew);
      assert.deepEqual(list.toArray(), [kind(T0 + kept[0], T0 + kept[1])]);
    }
  }
});

test("merging takes the latest cutoff of each token, in any order", () => {
  const exception = (origin: number, mark: number) => ({
    origin: String(origin).repeat(32),
    mark: String(mark).repeat(16),
  });
  // There are few sessions, marks and seconds, so that collisions are frequent.
  const random = (limit: number) => Math.floor(Math.random() * limit);
  const value = (): Known => {
    const except = random(10) < 3 ? undefined : exception(random(3), 1 + random(2));
    return known(1 + random(6), except, 1000);
  };
  const followed: Followed[] = [];
  for (let origin = 0; origin < 3; origin += 1) {
    for (let before = 1; before < 7; before += 1) {
      for (const mark of [1, 2]) followed.push({ before, ...exception(origin, mark) });
    }
  }
  const tokens: Follows[] = [];
  for (const own of [undefined, ...followed]) {
    for (const earlier of [[], ...followed.map((of) => [of])]) {
      // At its start, a session follows only revocations by other sessions.
      if (own?.origin !== earlier[0]?.origin || own === undefined) tokens.push({ own, earlier });
    }
  }
  for (let round = 0; round < 300; round += 1) {
    const [a, b, c] = [value(), value(), value()];
    const all = merged(merged(a, b), c);
    for (const of of tokens) {
      const latest = Math.max(cutoff(a, of), cutoff(b, of), cutoff(c, of));
      assert.equal(cutoff(all, of), latest);
    }
    for (const [x, y, z] of [
      [a, c, b],
      [b, a, c],
      [b, c, a],
      [c, a, b],
      [c, b, a],
    ] as const) {
      assert.deepEqual(merged(x, merged(y, z)), all);
    }
    assert.deepEqual(merged(all, a), all);
    const again = parts(all).map(({ before, except }) => known(before, except, 1000));
    assert.deepEqual(again.reduce(merged), all);
  }
});

test("a line of text is read back, and another is refused", () => {
  const [id, digest] = ["6f0c2a90b3d14e5f8a7b6c5d4e3f2a1b", "0".repeat(32)];
  const instants = "before=2026-12-01T12:01:01Z until=2026-12-02T00:01:00Z";
  for (const line of [
    `session ${id} until=2026-12-01T12:00:00Z`,
    `subject ${digest} ${instants}`,
    `subject ${digest} ${instants} except=${id}.0123456789abcdef`,
    `key 0123abcd ${instants}`,
    `all ${instants}`,
    `all ${instants} except=${id}.0000000000000000`,
  ]) {
    assert.equal(formatRevocation(parseRevocation(line)), line);
    assert.equal(formatRevocation(parseRevocation(`\t ${line.replaceAll(" ", "  ")}\r`)), line);
    for (const wrong of [
      `${line} `.repeat(2),
      `${line} x`,
      line.slice(0, -1),
      line.toUpperCase(),
      `x${line}`,
    ]) {
      assert.throws(() => parseRevocation(wrong), RevocationError, wrong);
    }
  }
  for (const line of [
    "",
    "#",
    "session",
    `session ${id}`,
    `session ${id} before=2026-12-01T12:00:00Z`,
  ]) {
    assert.throws(() => parseRevocation(line), RevocationError, line);
  }
  const never = {
    kind: "all",
    before: LAST_SECOND,
    except: undefined,
    until: LAST_SECOND,
  } as const;
  assert.equal(
    formatRevocation(never),
    "all before=9999-12-31T23:59:59Z until=9999-12-31T23:59:59Z",
  );
});

test("spreading waits for the store and reports its failure once", async () => {
  const list = new Revocations();
  const stored: string[] = [];
  list.onAdd(async (revocation) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (stored.length === 1) throw new Error("the store is down");
    stored.push(formatRevocation(revocation));
  });
  const add = (n: number) => list.add({ kind: "session", id: String(n).repeat(32), until: T0 });
  add(1);
  await list.spread();
  assert.equal(stored.length, 1);
  add(2);
  await assert.rejects(list.spread(), /the store is down/);
  await list.spread();
  assert.equal(list.size, 2, "it stays in effect here");
});
