// Attacks on sessions in headers that are bound to a key (DPoP, RFC 9449), and clients that would be
// refused by mistake. `dpop.test.ts` has the other tests of these sessions.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Challenges } from "../src/session/challenge.js";
import { Denied, Policy, Revocations, UsedHere } from "../src/session/index.js";
import type { Session } from "../src/session/index.js";
import { ASKS, DeviceKey, MINUTE, Phone, WRONG, build, deniedBy, names } from "./phone.js";
import type { Sent, Server } from "./phone.js";
import { T0, account, ada, alan, codeOf, keyText, ring, statusOf } from "./support.js";
import type { Account } from "./support.js";

test("a copy does not become an ordinary session, and its owner is not locked out", async () => {
  const { sessions } = build();
  const phone = await Phone.bound(sessions, T0);
  const thief = phone.copy(await DeviceKey.generate());
  const now = T0 + 5 * MINUTE;
  const started = await thief.visit(
    sessions,
    now,
    thief.bare("DPoP", "POST", "/switch"),
    (session) => {
      session.require();
      return codeOf(() => session.start(alan()));
    },
  );
  assert.equal(started, "proof-due");
  const late = T0 + 25 * MINUTE;
  for (const scheme of ["Bearer", "DPoP"]) {
    const session = await thief.bare(scheme, "GET", "/balance").load(sessions, late);
    assert.equal(session.data, undefined, scheme);
  }
  const request = await phone.proving("GET", "/balance", now);
  assert.equal(statusOf(await request.load(sessions, now)), "alive");
});

test("a refused copy does not end the session", async () => {
  const late = T0 + 20 * MINUTE;
  const copies: ((phone: Phone) => Promise<Sent>)[] = [
    async (phone) => phone.bare("DPoP", "POST", "/sign-out"),
    async (phone) => phone.bare("Bearer", "POST", "/sign-out"),
    async (phone) => phone.copy(await DeviceKey.generate()).proving("POST", "/sign-out", late),
  ];
  for (const [at, copy] of copies.entries()) {
    const revocations = new Revocations();
    const { sessions, events } = build([keyText()], {}, { revocations });
    const phone = await Phone.bound(sessions, T0);
    const session = await (await copy(phone)).load(sessions, late);
    const code = codeOf(() => session.end());
    assert.ok(code === "proof-due" || code === "proof-refused", `${at}: ${code}`);
    session.commit();
    await phone.visit(sessions, late, phone.get(), (session) => session.data);
    const request = await phone.proving("POST", "/sign-out", late);
    const own = await request.load(sessions, late);
    assert.equal(statusOf(own), "alive");
    assert.ok(!events.some(({ kind }) => kind === "ended"));
    own.end();
    const lines = phone.receive(own);
    assert.ok(!names(lines).includes("dpop-nonce"));
    assert.deepEqual([phone.token, phone.renewal], [undefined, undefined]);
  }
});

test("a copy that is too old does not end the session", async () => {
  const keys = [keyText()];
  const { sessions } = build(keys);
  const strict = new Policy({ absoluteTimeout: 30 * MINUTE });
  const foreign = (await Phone.bound(build().sessions, T0)).renewal;
  const table: [code: string, policy: Policy, renewal: string | undefined][] = [
    ["idle-timeout", new Policy(), undefined],
    ["unknown-activity", new Policy(), foreign],
    ["absolute-timeout", strict, undefined],
  ];
  for (const [code, policy, renewal] of table) {
    for (const scheme of ["DPoP", "Bearer"]) {
      const revocations = new Revocations();
      const here = build(keys, {}, { revocations, policy });
      const phone = await Phone.bound(sessions, T0);
      const thief = phone.copy();
      thief.renewal = renewal;
      const active = await phone.proving("GET", "/balance", T0 + 9 * MINUTE);
      await phone.visit(sessions, T0 + 9 * MINUTE, active, (session) => session.require());

      const late = T0 + 35 * MINUTE;
      const session = await thief.bare(scheme, "POST", "/sign-out").load(here.sessions, late);
      assert.equal(statusOf(session), code);
      session.end();
      thief.receive(session);
      assert.equal(thief.token, undefined);
      const owners = build(keys, {}, { revocations }).sessions;
      assert.equal(statusOf(await phone.get().load(owners, late)), "proof-due", code);
      const ended = here.events.filter((event) => event.kind === "ended");
      assert.deepEqual(ended.map(({ origin }) => origin), [undefined]);
    }
  }
});

test("a bound session can be ended and revoked", async () => {
  const revocations = new Revocations();
  const subject = ({ id }: Account) => String(id);
  const { sessions } = build([keyText()], {}, { revocations, subject });
  const [phone, other] = [await Phone.bound(sessions, T0), await Phone.bound(sessions, T0)];
  const request = await other.proving("GET", "/balance", T0);
  await other.visit(sessions, T0 + 1, request, (session) => session.endOthers());
  assert.equal(statusOf(await phone.get().load(sessions, T0 + 1)), "revoked");
  const copy = other.copy();
  const session = await other.get().load(sessions, T0 + 2);
  assert.equal(session.info?.bound, true);
  session.end();
  other.receive(session);
  assert.equal(other.token, undefined);
  assert.equal(statusOf(await copy.get().load(sessions, T0 + 3)), "revoked");
});

test("the documented handler asks for a proof and replaces no session", async () => {
  const keys = [keyText()];
  const down = { claim: () => Promise.reject(new Error("connection refused")) };
  const putInCart = (session: Session<Account>) => {
    const { status } = session;
    if (status.kind === "alive") {
      session.update((cart) => void (cart.id += 1));
    } else if (status.kind === "refused" && status.refusal.code.startsWith("proof-")) {
      session.require();
    } else if (status.kind === "refused" && status.refusal.mayBeValidElsewhere) {
      throw new Error("try again in a moment");
    } else {
      session.start(ada());
    }
  };
  const phone = await Phone.bound(build(keys).sessions, T0);
  const proof = await phone.proving("GET", "/balance", T0);
  const table: [Server, Sent, number, readonly [number, string | undefined]][] = [
    [build(keys), phone.get(), T0 + 10 * MINUTE, [401, ASKS]],
    [build(keys), proof.with("dpop", "x"), T0, [401, WRONG]],
    [build(keys, { used: down }), proof, T0, [503, undefined]],
  ];
  for (const [{ sessions }, request, now, expected] of table) {
    const session = await request.load(sessions, now);
    assert.deepEqual(
      deniedBy(() => putInCart(session)),
      expected,
    );
    const written = names(session.commit());
    assert.equal(written.includes("dpop-nonce"), expected[1] === ASKS);
    assert.ok(!written.includes("session-token"));
  }
});

test("the facts about a new session name its own proof", async () => {
  const { sessions } = build();
  const phone = await Phone.new();
  for (const now of [T0, T0 + 8 * MINUTE]) {
    const request = await phone.proving("POST", "/sign-in", now);
    const started = await phone.visit(sessions, now, request, (session) => {
      session.start(ada());
      return session.info?.proofExpiresAt;
    });
    const { info } = await phone.get().load(sessions, now);
    assert.equal(started, T0 + 10 * MINUTE);
    assert.equal(info?.proofExpiresAt, started);
  }
});

test("a sign-in that ends the old session first gives the challenge", async () => {
  const { sessions } = build();
  const phone = await Phone.new();
  const signIn = async () => {
    const session = await (await phone.proving("POST", "/sign-in", T0 + 86_400)).load(sessions, T0);
    session.end();
    const code = codeOf(() => session.start(ada()));
    return [code, names(phone.receive(session)).includes("dpop-nonce")];
  };
  assert.deepEqual(await signIn(), ["proof-due", true]);
  assert.deepEqual(await signIn(), [undefined, true]);
});

test("the proof of a sign-in counts from the time of its challenge", async () => {
  const keys = [keyText()];
  const [here, elsewhere] = [build(keys).sessions, build(keys).sessions];
  const phone = await Phone.bound(here, T0);
  [phone.token, phone.renewal] = [undefined, undefined];
  const copied = await phone.proving("POST", "/sign-in", T0 + 598);
  await phone.visit(here, T0 + 598, copied, (session) => session.start(ada()));
  const thief = await Phone.new();
  await thief.visit(elsewhere, T0 + 599, copied, (session) => {
    session.start(ada());
    assert.equal(session.info?.proofExpiresAt, T0 + 600);
  });
  assert.equal(statusOf(await thief.get().load(elsewhere, T0 + 19 * MINUTE)), "proof-due");
});

test("a proof with an older challenge does not shorten the time of a newer one", async () => {
  const { sessions } = build();
  const phone = await Phone.bound(sessions, T0);
  const first = phone.challenge;
  const newer = await phone.proving("GET", "/", T0 + 5 * MINUTE);
  await phone.visit(sessions, T0 + 5 * MINUTE, newer, (session) => session.require());
  const second = await phone.proving("GET", "/", T0 + 6 * MINUTE);
  await phone.visit(sessions, T0 + 6 * MINUTE, second, (session) => session.require());
  phone.challenge = first;
  const now = T0 + 7 * MINUTE;
  const session = await (await phone.proving("GET", "/", now)).load(sessions, now);
  assert.equal(session.info?.proofExpiresAt, T0 + 15 * MINUTE);
});

test("the challenge of a response names the session that goes on", async () => {
  const keys = [keyText()];
  const { sessions } = build(keys);
  const challenges = new Challenges(ring(...keys), account.purpose, ["bearer"]);
  const phone = await Phone.bound(sessions, T0);
  const origin = (await phone.get().load(sessions, T0)).info?.origin;
  const none = "0".repeat(32);
  const acts: [act: (session: Session<Account>) => void, origin: string | undefined][] = [
    [() => undefined, origin],
    [(session) => session.reauthenticated(), origin],
    [(session) => session.end(), none],
  ];
  for (const [act, expected] of acts) {
    const session = await phone.get().load(sessions, T0);
    deniedBy(() => session.requireProven());
    act(session);
    const line = [...session.commit()].find(({ name }) => name === "dpop-nonce");
    const challenge = challenges.open(line?.value ?? "", T0);
    assert.deepEqual(challenge, { origin: expected, asks: "proof", issuedAt: T0 });
  }
});

test("a challenge is replaced after a quarter of the proof lifetime, in whole seconds", async () => {
  const { sessions } = build([keyText()], { proofLifetime: 601 });
  const phone = await Phone.bound(sessions, T0);
  for (const [age, asks] of [
    [149, false],
    [150, true],
  ] as const) {
    const session = await (await phone.proving("GET", "/a", T0 + age)).load(sessions, T0 + age);
    assert.equal(statusOf(session), "alive");
    assert.equal(names(session.commit()).includes("dpop-nonce"), asks, String(age));
  }
});

test("a proof may count for ever", async () => {
  const { sessions } = build([keyText()], { proofLifetime: Infinity });
  const phone = await Phone.bound(sessions, T0);
  for (const now of [T0, T0 + 20 * MINUTE]) {
    const session = await (await phone.proving("GET", "/balance", now)).load(sessions, now);
    assert.equal(statusOf(session), "alive");
    session.commit();
  }
});

test("events name what happens", async () => {
  const { sessions, events } = build();
  const phone = await Phone.bound(sessions, T0);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ["started", "bound"],
  );
  events.length = 0;
  const now = T0 + 5 * MINUTE;
  const request = await phone.proving("GET", "/balance", now);
  await phone.visit(sessions, now, request, (session) => session.require());
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ["opened", "proved", "renewed"],
  );
  events.length = 0;
  await phone.visit(sessions, now, request, (session) => session.data);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ["opened", "proof-refused", "refused"],
  );
});

test("a request with a damaged proof is refused and throws nothing", async () => {
  const { sessions, events } = build();
  const phone = await Phone.bound(sessions, T0);
  const request = await phone.proving("GET", "/balance", T0);
  let seed = 7;
  const random = (limit: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (seed >>> 8) % limit;
  };
  const letters = "=;,. Aa-_1\u0000\u00e9\u00ff";
  const damaged = (value: string): string => {
    const at = random(value.length + 1);
    const letter = letters.charAt(random(letters.length));
    if (random(2) === 0) return value.slice(0, at) + letter + value.slice(at + random(2));
    return value.slice(0, at) + value.slice(at + 1 + random(40));
  };
  for (let round = 0; round < 600; round += 1) {
    const name = ["dpop", "dpop", "authorization", "session-renewal"][round % 4] ?? "";
    const value = damaged(request.valueOf(name));
    const session = await request.without(name).with(name, value).load(sessions, T0);
    const proven = name === "dpop" ? value === request.valueOf(name) : true;
    try {
      session.requireProven();
      assert.ok(proven, value);
    } catch (error) {
      assert.ok(error instanceof Denied, String(error));
      assert.equal(error.status, 401);
    }
    const names = [...session.commit()].map((line) => line.name);
    if (name === "dpop") assert.ok(!names.includes("session-token"), value);
  }
  assert.ok(events.some(({ kind }) => kind === "proof-refused"));
});

test("a store in memory forgets entries that have expired", () => {
  const used = new UsedHere();
  const later = Math.floor(Date.now() / 1000) + 60;
  assert.ok(used.claim("kept", later));
  for (let i = 0; i < 5000; i += 1) used.claim(`old ${i}`, 0);
  assert.ok(!used.claim("kept", later));
  assert.ok(used.claim("old 0", later), "forgotten");
});
