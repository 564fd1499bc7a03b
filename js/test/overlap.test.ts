// Requests that overlap, and servers with different keys, schemas and clocks.

import assert from "node:assert/strict";
import { test } from "node:test";

import { json, payload } from "../src/index.js";
import { Bearer, Cookie, Policy, Sessions } from "../src/session/index.js";
import {
  RENEWAL,
  STATE,
  T0,
  account,
  ada,
  browser,
  effect,
  keyText,
  mobile,
  ring,
} from "./support.js";
import type { Account } from "./support.js";

function sessionsOf(...keys: string[]): Sessions<Account> {
  const transports = { cookie: new Cookie(), bearer: new Bearer() };
  return new Sessions({ ring: ring(...keys), payload: account, ...transports });
}

test("a renewal never undoes a change in either order", () => {
  const [old, now] = [keyText(), keyText()];
  const [before, after] = [sessionsOf(old), sessionsOf(now, old)];
  for (const kind of [browser, mobile]) {
    // The renewal is due because of activity, because of a new key, or because of both.
    for (const [sealedBy, renewsAt] of [
      [after, 600],
      [before, 1],
      [before, 600],
    ] as const) {
      for (const changeArrivesFirst of [true, false]) {
        const client = kind().signedIn(sealedBy, T0, ada());
        const renewing = client.send(after, T0 + renewsAt);
        const changing = client.send(after, T0 + renewsAt);
        assert.ok(renewing.data);
        changing.update((state) => void (state.name = "Countess"));
        if (changeArrivesFirst) client.receive(changing);
        assert.equal(effect(client.receive(renewing)), "+renewal");
        if (!changeArrivesFirst) client.receive(changing);
        for (const at of [0, 1700]) {
          assert.equal(client.send(after, T0 + renewsAt + at).data?.name, "Countess");
        }
      }
    }
  }
});

test("dropping the old key refuses exactly the sessions not used since the rotation", () => {
  const [old, now] = [keyText(), keyText()];
  const [before, during, after] = [sessionsOf(old), sessionsOf(now, old), sessionsOf(now)];
  for (const kind of [browser, mobile]) {
    const unseen = kind().signedIn(before, T0, ada());
    const seen = unseen.clone();
    seen.visit(during, T0 + 5, (session) => assert.ok(session.data));
    assert.ok(seen.send(after, T0 + 10).data);

    const refused = unseen.clone();
    refused.visit(after, T0 + 10, (session) => assert.equal(session.data, undefined));
    assert.deepEqual(refused.kept, unseen.kept, "left alone: another server may have the key");

    // The session continues under the new key: two renewals, then a change, and all this twice.
    for (let round = 0; round < 6; round += 1) {
      seen.visit(after, T0 + 10 + (round + 1) * 1500, (session) => {
        assert.equal(session.data?.id, 1815 + Math.floor(round / 3));
        if (round % 3 === 2) session.update((state) => void (state.id += 1));
      });
    }
  }
});

test("an older copy never replaces a state token that cannot be opened", () => {
  const [old, now, newest] = [keyText(), keyText(), keyText()];
  const [before, here, ahead] = [
    sessionsOf(old),
    sessionsOf(now, old),
    sessionsOf(newest, now, old),
  ];
  const client = browser().signedIn(before, T0, ada());
  client.visit(here, T0, (session) => assert.ok(session.data));
  const copy = client.kept.get(RENEWAL) ?? "";
  client.visit(ahead, T0, (session) => session.update((state) => void (state.name = "Countess")));
  // The response of an overlapping renewal arrives late, so the client has the older copy again.
  client.kept.set(RENEWAL, copy);
  const untouched = new Map(client.kept);
  client.visit(here, T0, (session) => assert.equal(session.data, undefined));
  assert.deepEqual(client.kept, untouched);
  client.visit(ahead, T0, (session) => assert.equal(session.data?.name, "Countess"));
});

test("a retired key opens nothing, and the copy stands in for its tokens", () => {
  const [old, now] = [keyText(), keyText()];
  const before = sessionsOf(old);
  const after = sessionsOf(now, `${old} open-until=2026-12-01T12:10:00Z`);
  for (const kind of [browser, mobile]) {
    const client = kind().signedIn(before, T0, ada());
    const unseen = client.clone();
    client.visit(after, T0 + 599, (session) => assert.ok(session.data));
    assert.ok(client.send(after, T0 + 600).data);
    const { status } = unseen.send(after, T0 + 600);
    assert.equal(status.kind === "refused" && status.refusal.code, "retired-key");
  }
});

test("a renewal token that cannot be judged may record the activity that keeps a session", () => {
  const [key, other] = [keyText(), keyText()];
  const [here, ahead] = [sessionsOf(key), sessionsOf(other, key)];
  for (const kind of [browser, mobile]) {
    const client = kind().signedIn(here, T0, ada());
    client.visit(ahead, T0 + 1700, (session) => assert.ok(session.data));
    for (const [at, code] of [
      [1799, undefined],
      [1800, "unknown-activity"],
      [3000, "unknown-activity"],
    ] as const) {
      const kept = new Map(client.kept);
      const { status } = client.send(here, T0 + at);
      assert.equal(status.kind === "refused" ? status.refusal.code : undefined, code);
      client.visit(here, T0 + at, (session) => session.data);
      assert.deepEqual(client.kept, kept, "left alone");
    }
    client.visit(ahead, T0 + 3000, (session) => assert.ok(session.data));
  }
});

test("a stale renewal token does not put renewals into the state token", () => {
  const sessions = sessionsOf(keyText());
  const client = mobile().signedIn(sessions, T0, ada());
  const late = client.kept.get("session-renewal") ?? "";
  client.visit(sessions, T0, (session) => session.reauthenticated());
  client.kept.set("session-renewal", late);
  const session = client.send(sessions, T0 + 600);
  assert.ok(session.data);
  assert.equal(effect(client.receive(session)), "+renewal");
});

/** The newer server has an additional key, which is primary, and a newer schema. */
test("a rolling deploy signs no user out and old servers overwrite nothing newer", () => {
  const [oldKey, newKey] = [keyText(), keyText()];
  const newer = payload({
    purpose: account.purpose,
    schemaVersion: 2,
    encoding: json<Account & { visits: number }>(),
    previous: account,
    upgrade: (of: Account) => ({ ...of, visits: 0 }),
  });
  const older = sessionsOf(oldKey);
  const next = new Sessions({ ring: ring(newKey, oldKey), payload: newer });
  const client = browser().signedIn(older, T0, ada());
  let now = T0;
  for (let round = 0; round < 8; round += 1) {
    now += 120;
    client.visit(next, now, (session) => assert.equal(session.data?.id, 1815));
    const kept = new Map(client.kept);
    client.visit(older, now, (session) => assert.equal(session.data?.id, 1815));
    assert.deepEqual(client.kept, kept, `round ${round}: nothing newer is overwritten`);
  }
  client.visit(next, now, (session) => session.update((state) => void (state.visits += 1)));
  for (let round = 0; round < 8; round += 1) {
    now += 1700;
    const kept = new Map(client.kept);
    client.visit(older, now, (session) => assert.equal(session.data, undefined));
    assert.deepEqual(client.kept, kept);
    client.visit(next, now, (session) => assert.equal(session.data?.visits, 1));
  }
  // The new server reads a change that the old server made.
  const other = browser().signedIn(older, T0, ada());
  other.visit(next, T0, (session) => assert.ok(session.data));
  other.visit(older, T0, (session) => session.update((state) => void (state.id = 7)));
  other.visit(next, T0, (session) => assert.equal(session.data?.id, 7));
});

test("servers with clocks a minute apart agree", () => {
  const sessions = sessionsOf(keyText());
  const client = browser().signedIn(sessions, T0 + 60, ada());
  for (let round = 0; round < 40; round += 1) {
    for (const ahead of [0, 60]) {
      client.visit(sessions, T0 + round * 300 + ahead, (session) => assert.ok(session.data));
    }
  }
});

test("a renewal token left by a late response does not block the next session", () => {
  const [before, after] = [sessionsOf(keyText()), sessionsOf(keyText())];
  const client = browser().signedIn(before, T0, ada());
  const renewing = client.send(before, T0 + 600);
  assert.ok(renewing.data);
  client.visit(before, T0 + 600, (session) => session.end());
  client.receive(renewing);
  assert.deepEqual([...client.kept.keys()], [RENEWAL]);
  client.signedIn(after, T0 + 1000, ada());
  assert.deepEqual([...client.kept.keys()], [STATE]);
  for (let minute = 1; minute < 60; minute += 1) {
    client.visit(after, T0 + 1000 + 60 * minute, (session) => assert.ok(session.data));
  }
});

test("a slow change does not undo later activity", () => {
  const sessions = new Sessions({
    ring: ring(keyText()),
    payload: account,
    policy: Policy.highValue(),
    cookie: new Cookie(),
    bearer: new Bearer(),
  });
  for (const kind of [browser, mobile]) {
    const client = kind().signedIn(sessions, T0, ada());
    const look = (at: number) =>
      client.visit(sessions, T0 + at, (session) => assert.ok(session.data));
    look(100);
    const slow = client.send(sessions, T0 + 101);
    slow.update((state) => void (state.id += 1));
    look(200);
    look(340);
    client.receive(slow);
    assert.equal(client.send(sessions, T0 + 402).data?.id, 1816, "62 s idle, of 300");
  }
});

test("a slow renewal records the time of its response", () => {
  let clock = T0;
  const sessions = new Sessions({
    ring: ring(keyText()),
    payload: account,
    policy: Policy.highValue(),
    clock: () => clock,
  });
  const client = browser().signedIn(sessions, undefined, ada());
  clock = T0 + 100;
  const slow = client.send(sessions);
  assert.ok(slow.data);
  clock = T0 + 340;
  assert.equal(client.send(sessions).data, undefined, "no activity has been recorded since 0");
  clock = T0 + 299;
  client.receive(slow);
  clock = T0 + 598;
  assert.ok(client.send(sessions).data);
});

test("a background request does not overwrite newer activity", () => {
  const [old, now] = [keyText(), keyText()];
  const of = (...keys: string[]) =>
    new Sessions({ ring: ring(...keys), payload: account, policy: Policy.highValue() });
  const [before, after] = [of(old), of(now, old)];
  const client = browser().signedIn(before, T0, ada());
  const poll = client.send(after, T0 + 240);
  poll.ignoreActivity();
  assert.ok(poll.data);
  client.visit(after, T0 + 250, (session) => assert.ok(session.data));
  client.receive(poll);
  assert.ok(client.send(after, T0 + 301).data);
});

test("overlapping requests around the idle timeout keep the session", () => {
  const sessions = sessionsOf(keyText());
  for (const kind of [browser, mobile]) {
    for (const renewedAt of [0, 600]) {
      const client = kind().signedIn(sessions, T0, ada());
      if (renewedAt > 0)
        client.visit(sessions, T0 + renewedAt, (session) => assert.ok(session.data));
      const end = T0 + renewedAt + 1800;
      const inTime = client.send(sessions, end - 1);
      const tooLate = client.send(sessions, end);
      assert.ok(inTime.data);
      assert.equal(tooLate.data, undefined);
      client.receive(inTime);
      client.receive(tooLate);
      assert.ok(client.send(sessions, end + 1).data);
      // A minute after the timeout, both tokens are deleted.
      client.visit(sessions, end - 1 + 1800 + 60, (session) =>
        assert.equal(session.data, undefined),
      );
      assert.equal(client.kept.size, 0);
    }
  }
});

/**
 * Otherwise, after the old key has retired, no server could open the renewal token, and no server
 * could record activity in it.
 */
test("a change also replaces a renewal token under an old key", () => {
  const [old, now] = [keyText(), keyText()];
  const before = sessionsOf(old);
  const after = sessionsOf(now, `${old} open-until=2026-12-01T12:33:20Z`);
  for (const kind of [browser, mobile]) {
    const client = kind().signedIn(before, T0, ada());
    client.visit(before, T0 + 90, (session) => assert.ok(session.data));
    const change = () => {
      const session = client.send(after, T0 + 1500);
      session.update((state) => void (state.id += 1));
      return effect(client.receive(session));
    };
    assert.equal(change(), "+state +renewal");
    // The old key has retired. The idle timeout counts from the last activity.
    for (const at of [2100, 3500, 5000]) {
      client.visit(after, T0 + at, (session) => assert.equal(session.data?.id, 1816));
    }
    // Now that both tokens are under the new key, a change does not touch the renewal token.
    const session = client.send(after, T0 + 5100);
    session.update((state) => void (state.id += 1));
    assert.equal(effect(client.receive(session)), "+state");
  }
});

test("a renewal cookie planted by an attacker stops no renewal", () => {
  const cookie = new Cookie({ sharedWithDomain: "bank.example" });
  const sessions = new Sessions({ ring: ring(keyText()), payload: account, cookie });
  const client = browser().signedIn(sessions, T0, ada());
  client.visit(sessions, T0 + 600, (session) => assert.ok(session.data));
  for (let minute = 11; minute < 120; minute += 1) {
    const pairs = [...client.kept].map((pair) => pair.join("="));
    const header = [...pairs, "__Secure-session-renewal=x"].join("; ");
    const values = (name: string) => (name === "cookie" ? [header] : []);
    const session = sessions.load({ method: "GET", values }, { now: T0 + 60 * minute });
    assert.ok(session.data, `minute ${minute}`);
    client.receive(session);
  }
});
