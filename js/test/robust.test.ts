// Requests with damaged tokens, and random requests that overlap.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Bearer, Cookie, Revocations, Sessions } from "../src/session/index.js";
import type { Session } from "../src/session/index.js";
import { T0, account, ada, browser, keyText, mobile, ring } from "./support.js";
import type { Account } from "./support.js";

/** The same numbers in each run (mulberry32). */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

test("a request with damaged headers is refused and throws nothing", () => {
  const random = numbers(1);
  const [old, now] = [keyText(), keyText()];
  const of = (...keys: string[]) =>
    new Sessions({
      ring: ring(...keys),
      payload: account,
      cookie: new Cookie({ split: true, formerly: new Cookie({ name: "id" }) }),
      bearer: new Bearer(),
      revocations: new Revocations(),
      subject: (state) => String(state.id),
      signInPage: "/sign-in",
    });
  const [before, after] = [of(old), of(now, old)];
  const states = [ada(), { id: 7, name: "x".repeat(5000) }];
  const headers = states.flatMap((state) =>
    [browser(), mobile()].map((client) => {
      client.signedIn(before, T0, state);
      client.visit(after, T0 + 600, (session) => session.data); // a copy
      return [...client.headers()];
    }),
  );
  const damaged = (value: string): string => {
    const at = random(value.length + 1);
    const letters = '=;. "pb1-_A\u0000\u00e9\u00ff~';
    const letter = letters.charAt(random(letters.length));
    switch (random(5)) {
      case 0:
        return value.slice(0, at) + letter + value.slice(at + 1);
      case 1:
        return value.slice(0, at) + value.slice(at + 1 + random(40));
      case 2:
        return value.slice(0, at) + value.slice(random(value.length)) + letter;
      case 3:
        return value.replaceAll("session", ["session-1", "id", "session-renewal", "x"][random(4)]!);
      default:
        return `${value}; ${value}`;
    }
  };
  for (let round = 0; round < 2000; round += 1) {
    const lines = headers[random(headers.length)]!.map(([name, value]) => {
      return [name, random(3) === 0 ? value : damaged(damaged(value))] as const;
    });
    const values = (name: string) => lines.filter(([of]) => of === name).map(([, value]) => value);
    const at = T0 + [600, 700, 4000, 50_000][random(4)]!;
    const session = after.load({ method: "POST", values }, { now: at });
    const { status, data } = session;
    assert.equal(status.kind === "alive", data !== undefined);
    if (data !== undefined) assert.ok(data.id === 1815 || data.id === 7);
    for (const line of session.commit()) assert.match(line.value, /^[\x20-\x7e]*$/);
  }
});

test("the change that arrives last stays, whatever renewals overlap with it", () => {
  for (let seed = 0; seed < 40; seed += 1) {
    const random = numbers(seed);
    const keys = [keyText(), keyText(), keyText()] as const;
    const of = (...held: string[]) =>
      new Sessions({
        ring: ring(...held),
        payload: account,
        cookie: new Cookie(),
        bearer: new Bearer(),
      });
    // In each phase of a rotation, servers have the ring before and the ring after the step.
    const phases = [
      [of(keys[0]), of(keys[0], keys[1])],
      [of(keys[0], keys[1]), of(keys[1], keys[0])],
      [of(keys[1], keys[0]), of(keys[1])],
      [of(keys[1]), of(keys[1], keys[2])],
      [of(keys[1], keys[2]), of(keys[2], keys[1])],
    ] as const;
    const client = [browser, mobile][random(2)]!().signedIn(phases[0][0], T0, ada());
    let [now, expected, next] = [T0, 1815, 1];
    for (const servers of phases) {
      for (let round = 0; round < 6; round += 1) {
        now += 60 + random(1500);
        const requests: { session: Session<Account>; id: number | undefined }[] = [];
        for (let count = 1 + random(4); count > 0; count -= 1) {
          const session = client.send(servers[random(2)]!, now + random(5));
          assert.equal(session.data?.id, expected, `seed ${seed}`);
          const changes = random(3) === 0;
          if (changes) session.update((state) => void (state.id = next));
          requests.push({ session, id: changes ? next++ : undefined });
        }
        while (requests.length > 0) {
          const [{ session, id }] = requests.splice(random(requests.length), 1) as [
            (typeof requests)[number],
          ];
          client.receive(session);
          expected = id ?? expected;
        }
      }
      // All servers see the session before the next step of the rotation.
      now += 120;
      for (const server of servers) client.visit(server, now, (session) => assert.ok(session.data));
    }
  }
});
