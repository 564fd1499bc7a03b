// Sessions in cookies that are bound to a device. Another service has registered the key, and
// answers the browser's proofs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { KeyRing } from "../src/index.js";
import { Cookie, Denied, Policy, Revocations, Sessions } from "../src/session/index.js";
import type { DeviceBoundOptions, Line, Session, SessionsOptions } from "../src/session/index.js";
import { Challenges } from "../src/session/challenge.js";
import { unboundId } from "../src/session/proving.js";
import { decodeRenewal, newId } from "../src/session/record.js";
import type { Proof, SessionRecord } from "../src/session/record.js";
import { channelKeys } from "../src/session/shared.js";
import { sealFirstRenewal, sealState } from "../src/session/tokens.js";
import { openBytes } from "../src/token.js";
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
  ring,
  statusOf,
} from "./support.js";
import type { Account } from "./support.js";

const BOUND = `${STATE}-bound`;
const MINUTE = 60;
const KEY = `02${"17".repeat(32)}`;

const at = (minutes: number) => T0 + minutes * MINUTE;

interface Server {
  readonly sessions: Sessions<Account>;
  readonly ring: KeyRing;
}

function build(
  keys: KeyRing = KeyRing.generate(),
  deviceBound: DeviceBoundOptions = {},
  more: Partial<SessionsOptions<Account>> = {},
): Server {
  return {
    sessions: new Sessions({ ring: keys, payload: account, deviceBound, ...more }),
    ring: keys,
  };
}

interface Given {
  /** When the session started. */
  readonly startedAt?: number;
  /** The key in the state token. `null` if the first proof has not written it yet. */
  readonly key?: string | null;
  /** The proof in the renewal token. `null` if there is no renewal token. */
  readonly proof?: Proof | null;
  readonly seen?: number;
}

/** A browser with a session whose key another service has registered. */
function bound({ ring }: Server, given: Given = {}): Client & { readonly id: string } {
  const { startedAt = T0, key = KEY, proof = { at: T0, key: KEY }, seen = startedAt } = given;
  const keys = channelKeys(ring, account.purpose, ["cookie", STATE]);
  const record: SessionRecord = {
    id: newId(),
    startedAt,
    reauthenticatedAt: startedAt,
    ceiling: undefined,
    origin: undefined,
    endedOthers: undefined,
    follows: [],
    term: "ordinary",
    bound: key ?? undefined,
  };
  const contents = { issuedAt: startedAt, lifetime: 43_200, schemaVersion: 1 };
  const state = sealState(keys, { record, ...contents, state: account.encode(ada()) });
  const kept: [string, string][] = [
    [STATE, state],
    [BOUND, "1"],
  ];
  if (proof !== null) {
    kept.push([RENEWAL, sealFirstRenewal(keys, new Policy(), record.id, proof, seen)]);
  }
  return Object.assign(new Client("cookie", kept), { id: record.id });
}

/** What the renewal token of a browser records. */
function recorded({ ring }: Server, client: Client, now: number) {
  const { renewal } = channelKeys(ring, account.purpose, ["cookie", STATE]);
  const token = client.kept.get(RENEWAL) ?? "";
  const opened = openBytes(ring, renewal, token, { now, schemas: [1, 2] });
  return { ...decodeRenewal(opened.schemaVersion, opened.payload), issuedAt: opened.issuedAt };
}

const cookies = (lines: readonly Line[]) =>
  lines.filter(({ name }) => name === "set-cookie").map(({ value }) => value);

const valueOf = (lines: readonly Line[], name: string) =>
  lines.find((line) => line.name === name)?.value;

test("a bound session is alive while its last proof counts, and then left alone", () => {
  const server = build();
  const client = bound(server);
  for (const now of [T0, at(10) - 1]) {
    const session = client.send(server.sessions, now);
    assert.equal(session.data?.name, "Ada");
    assert.equal(session.info?.bound, true);
    assert.equal(session.info?.proofExpiresAt, at(10));
  }
  const session = client.send(server.sessions, at(10));
  assert.equal(statusOf(session), "proof-due");
  assert.equal(
    codeOf(() => session.update(() => alan())),
    "no-session",
  );
  const lines = [...session.commit()];
  // The browser sends a proof before its next request.
  const [removal, ...others] = cookies(lines);
  assert.match(removal ?? "", /^__Host-session-bound=; .*Max-Age=0/);
  assert.deepEqual(others, [], "the tokens stay");
  // Another proof, which the other service has recorded.
  const proven = bound(server, { proof: { at: at(10), key: KEY } });
  assert.equal(statusOf(proven.send(server.sessions, at(20) - 1)), "alive");
});

test("the proof lifetime is that of the server", () => {
  const server = build(KeyRing.generate(), { proofLifetime: 3600 });
  const client = bound(server, { seen: at(50) });
  assert.equal(statusOf(client.send(server.sessions, at(60) - 1)), "alive");
  assert.equal(statusOf(client.send(server.sessions, at(60))), "proof-due");
});

test("a copy of the state token alone has no session", () => {
  const server = build();
  const session = bound(server, { proof: null }).send(server.sessions, T0);
  assert.equal(statusOf(session), "proof-due");
});

test("before the first proof, the key is in the renewal token", () => {
  const server = build();
  const client = bound(server, { key: null });
  assert.equal(client.send(server.sessions, T0).info?.bound, true);
  assert.equal(statusOf(client.send(server.sessions, at(10))), "proof-due");
  // A change writes the key to the state token too.
  client.visit(server.sessions, at(1), (session) => session.update(() => alan()));
  client.kept.delete(RENEWAL);
  assert.equal(statusOf(client.send(server.sessions, at(1))), "proof-due");
});

test("activity, changes and a new id keep the key and do not extend the last proof", () => {
  const acts: [name: string, act: (session: Session<Account>) => void, effects: string][] = [
    ["activity", (session) => void session.data, "+renewal"],
    ["a poll", (session) => (session.ignoreActivity(), void session.data), ""],
    ["a change", (session) => session.update(() => alan()), "+state"],
    ["a new id", (session) => session.reauthenticated(), "+state +renewal"],
  ];
  for (const [name, act, effects] of acts) {
    const server = build();
    const client = bound(server);
    const session = client.send(server.sessions, at(9));
    act(session);
    const lines = client.receive(session);
    assert.equal(effect(lines), effects, name);
    assert.deepEqual(recorded(server, client, at(9)).proof, { at: T0, key: KEY }, name);
    assert.equal(statusOf(client.send(server.sessions, at(10) - 1)), "alive", name);
    assert.equal(statusOf(client.send(server.sessions, at(10))), "proof-due", name);
    assert.equal(valueOf(lines, "secure-session-registration"), undefined, name);
  }
});

test("a sign-out and a new sign-in end the key in the browser", () => {
  const acts: ((session: Session<Account>) => void)[] = [
    (session) => session.end(),
    (session) => session.start(alan()),
  ];
  for (const act of acts) {
    const server = build();
    const client = bound(server);
    const session = client.send(server.sessions, at(20)); // a proof is due
    act(session);
    const lines = client.receive(session);
    assert.ok(!client.kept.has(BOUND));
    const field = valueOf(lines, "secure-session-challenge") ?? "";
    const [, text = "", id] = /^"([^"]+)";id="s([0-9a-f]{32})"$/.exec(field) ?? [];
    assert.equal(id, client.id);
    const challenges = new Challenges(server.ring, account.purpose, ["cookie", STATE]);
    assert.deepEqual(challenges.open(text, at(20)), {
      origin: client.id,
      asks: "nothing",
      issuedAt: at(20),
    });
  }
  // An expired session too, when its tokens are deleted.
  const server = build();
  const client = bound(server, { proof: { at: at(28), key: KEY } });
  const session = client.send(server.sessions, at(32));
  assert.equal(statusOf(session), "idle-timeout");
  const lines = client.receive(session);
  assert.equal(client.kept.size, 0);
  assert.ok(valueOf(lines, "secure-session-challenge"));
  // Not if another server may still accept the session.
  const idle = bound(server, { proof: { at: at(28), key: KEY } }).send(
    server.sessions,
    at(30) + 30,
  );
  assert.equal(statusOf(idle), "idle-timeout");
  idle.start(alan());
  assert.equal(valueOf([...idle.commit()], "secure-session-challenge"), undefined);
  // No other response says so.
  const plain = browser().signedIn(server.sessions, T0, ada());
  const ended = plain.send(server.sessions, T0);
  ended.end();
  assert.equal(valueOf(plain.receive(ended), "secure-session-challenge"), undefined);
});

test("only a response to a sign-in or with a new id offers to bind the session", () => {
  const server = build();
  const client = browser();
  const session = client.send(server.sessions, T0);
  session.start(ada());
  const lines = client.receive(session);
  const offer = valueOf(lines, "secure-session-registration") ?? "";
  const [, path, text = ""] = /^\(ES256\);path="([^"]+)";challenge="([^"]+)"$/.exec(offer) ?? [];
  assert.equal(path, "/bulla/session/register");
  const challenges = new Challenges(server.ring, account.purpose, ["cookie", STATE]);
  const { origin, asks } = challenges.open(text, T0);
  const info = client.send(server.sessions, T0).info;
  assert.deepEqual([origin, asks, info?.bound], [info?.origin, "proof", false]);
  assert.equal(
    codeOf(() => challenges.open(text, at(720))),
    "expired",
  );

  const offers = (act: (session: Session<Account>) => void) => {
    const session = client.send(server.sessions, at(5));
    act(session);
    return valueOf(client.receive(session), "secure-session-registration") !== undefined;
  };
  assert.ok(!offers((session) => void session.data));
  assert.ok(!offers((session) => session.update(() => alan())));
  assert.ok(offers((session) => session.reauthenticated()));
});

test("browsers cannot bind every cookie, and the path can be chosen", () => {
  const offer = (cookie: Cookie, deviceBound: DeviceBoundOptions = {}) => {
    const session = browser().send(build(KeyRing.generate(), deviceBound, { cookie }).sessions, T0);
    session.start(ada());
    const value = valueOf([...session.commit()], "secure-session-registration");
    return /path="([^"]+)"/.exec(value ?? "")?.[1];
  };
  assert.equal(offer(new Cookie({ overPlainHttp: true })), undefined);
  assert.equal(offer(new Cookie({ partitioned: true })), undefined);
  assert.equal(offer(new Cookie({ name: "id" })), "/bulla/id/register");
  assert.equal(offer(new Cookie({ belowPath: "/bank/" })), "/bank/bulla/session/register");
  assert.equal(offer(new Cookie(), { below: "/keys/" }), "/keys/register");
  for (const below of ["", "keys", "/a b", '/"']) {
    assert.throws(() => build(KeyRing.generate(), { below }), TypeError, below);
  }
});

test("an application can require that sessions are bound", () => {
  const server = build(KeyRing.generate(), { requireAfter: 120 });
  const plain = browser().signedIn(server.sessions, T0, ada());
  assert.equal(statusOf(plain.send(server.sessions, at(2) - 1)), "alive");
  const session = plain.send(server.sessions, at(2));
  assert.equal(statusOf(session), "not-bound");
  assert.equal(effect([...session.commit()]), "", "left alone");
  assert.equal(statusOf(bound(server).send(server.sessions, at(2))), "alive");
});

test("copies without the key have no session after the first proof", () => {
  const revocations = new Revocations();
  const server = build(KeyRing.generate(), {}, { revocations });
  const client = bound(server, { key: null });
  const copy = new Client("cookie", [[STATE, client.kept.get(STATE) ?? ""]]);
  assert.equal(statusOf(copy.send(server.sessions, T0)), "alive");
  // The other service has revoked the unbound id with the first proof.
  revocations.addAt(T0, { kind: "session", id: unboundId(client.id), until: at(800) });
  const session = copy.send(server.sessions, T0);
  assert.equal(statusOf(session), "revoked");
  assert.equal(effect([...session.commit()]), "", "a token with the key may be on its way");
  assert.equal(statusOf(client.send(server.sessions, T0)), "alive");
});

test("a proven session takes precedence over a planted one", () => {
  const server = build();
  const client = bound(server);
  // A host of the same site has set its own state cookie, with a longer path.
  const planted = bound(server).kept.get(STATE) ?? "";
  const cookie = `${STATE}=${planted}; ${client.headers().get("cookie")}`;
  const values = (name: string) => (name === "cookie" ? [cookie] : []);
  const session = server.sessions.load({ method: "GET", values }, { now: at(1) });
  assert.equal(session.info?.id, client.id);
});

test("a server that cannot read the last proof asks for none and replaces nothing", () => {
  const [old, fresh] = [keyText(), keyText()];
  const [behind, ahead] = [build(ring(old)), build(ring(fresh, old))];
  const client = bound(behind);
  const elsewhere = bound(ahead);
  client.kept.set(RENEWAL, elsewhere.kept.get(RENEWAL) ?? "");
  const before = new Map(client.kept);
  const session = client.send(behind.sessions, at(1));
  assert.equal(statusOf(session), "unknown-activity");
  client.receive(session);
  assert.deepEqual(client.kept, before);
});

test("the keys of the ring rotate under a bound session", () => {
  const [old, fresh] = [keyText(), keyText()];
  const [before, both, after] = [build(ring(old)), build(ring(fresh, old)), build(ring(fresh))];
  const client = bound(before);
  client.visit(both.sessions, at(5), (session) => session.data);
  const session = client.send(after.sessions, at(9));
  assert.equal(statusOf(session), "alive");
  assert.equal(session.info?.proofExpiresAt, at(10));
});

test("a server without the setting leaves bound sessions alone", () => {
  const server = build();
  const plain = new Sessions({ ring: server.ring, payload: account });
  for (const given of [{}, { key: null }]) {
    const client = bound(server, given);
    const before = new Map(client.kept);
    client.visit(plain, at(1), (session) => {
      assert.equal(statusOf(session), "payload");
      assert.ok(session.status.kind === "refused" && session.status.refusal.mayBeValidElsewhere);
    });
    assert.deepEqual(client.kept, before);
    assert.equal(statusOf(client.send(server.sessions, at(1))), "alive");
  }
});

test("a guard sends a browser through a proof and back", () => {
  const server = build(KeyRing.generate(), {}, { signInPage: "/sign-in" });
  const client = bound(server);
  const denied = (
    method: string,
    kept: readonly string[],
    headers: Record<string, string> = {},
    target = "/pay?to=alan",
  ) => {
    const pairs = [...client.kept].filter(([name]) => kept.includes(name));
    const cookie = pairs.map((pair) => pair.join("=")).join("; ");
    const sent: Record<string, string> = { cookie, ...headers };
    const values = (name: string) => (sent[name] === undefined ? [] : [sent[name]]);
    const session = server.sessions.load({ method, values, target }, { now: at(10) });
    try {
      session.require();
      assert.fail("not denied");
    } catch (error) {
      assert.ok(error instanceof Denied);
      const { "cache-control": _, ...more } = error.headers;
      return [error.status, more, cookies([...session.commit()]).length];
    }
  };
  const [all, tokens] = [
    [STATE, RENEWAL, BOUND],
    [STATE, RENEWAL],
  ];
  const navigates = { "sec-fetch-mode": "navigate" };
  const elsewhere = { ...navigates, "sec-fetch-site": "cross-site" };
  // If the browser has the bound cookie, the response deletes it, and the browser repeats the request.
  for (const method of ["GET", "POST"]) {
    assert.deepEqual(denied(method, all), [307, { location: "/pay?to=alan" }, 1]);
  }
  // The browser tried to prove, and could not.
  const skipped = { "secure-session-skipped": "unreachable" };
  assert.deepEqual(denied("POST", all, skipped), [503, { "retry-after": "5" }, 0]);
  // A link on another site led here, and the browser has no bound cookie: it loads the page again.
  assert.deepEqual(denied("GET", tokens, elsewhere), [401, { refresh: "0;url=/pay?to=alan" }, 0]);
  // If a page of this site led here, the browser could have sent a proof and did not.
  const page = { location: "/sign-in?next=/pay%3Fto%3Dalan" };
  assert.deepEqual(denied("GET", tokens, navigates), [303, page, 0]);
  assert.deepEqual(denied("POST", tokens), [401, {}, 0]);
  // An address to which no response may redirect.
  assert.deepEqual(denied("GET", all, {}, "//evil.example"), [401, {}, 1]);
});
