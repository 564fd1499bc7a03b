// Rings that are reloaded by a callback.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import {
  KeyRing,
  OpenError,
  ReloadError,
  Reloader,
  RingHandle,
  Sealer,
  json,
  payload,
} from "../src/index.js";

const Reset = payload({ purpose: "shop.example/reset-link", encoding: json<number>() });

/** A source whose text a test can change. An error in place of a text is thrown. */
function source(text: string | Error) {
  return {
    text,
    reads: 0,
    name: "the vault",
    read(): string {
      this.reads += 1;
      if (this.text instanceof Error) throw this.text;
      return this.text;
    },
  };
}

test("a sealer follows its handle", () => {
  const old = KeyRing.generate();
  const handle = new RingHandle(old);
  const links = new Sealer({ ring: handle, payload: Reset, lifetime: 60 });
  const token = links.seal(42);
  const both = old.exposeText() + KeyRing.generate().exposeText();
  handle.replace(KeyRing.parse(both));
  assert.equal(links.open(token).payload, 42);
  handle.replace(KeyRing.generate());
  assert.throws(() => links.open(token), OpenError);
});

test("a new ring is used when two checks in a row find it", async () => {
  const vault = source(KeyRing.generate().exposeText());
  const log: string[] = [];
  const { ring, reloader } = await Reloader.load(vault, {
    now: 100,
    log: (_, line) => log.push(line),
  });
  assert.deepEqual(ring.health, { checkedAt: 100, replacedAt: 100 });
  assert.equal(await reloader.check({ now: 110 }), "unchanged");
  const young = KeyRing.generate();
  vault.text = young.exposeText();
  assert.equal(await reloader.check({ now: 120 }), "unsettled");
  assert.notEqual(ring.ring.primaryAt(), young.primaryAt());
  assert.equal(await reloader.check({ now: 130 }), "replaced");
  assert.equal(ring.ring.primaryAt(), young.primaryAt());
  assert.deepEqual(ring.health, { checkedAt: 130, replacedAt: 130 });
  assert.equal(log.length, 2);
});

test("the last good ring stays in use, and its error is logged once", async () => {
  const good = KeyRing.generate().exposeText();
  const future = `${KeyRing.generate().exposeText().trim()} primary-from=2999-01-01T00:00:00Z`;
  const vault = source(`# serial: 5\n${good}`);
  const log: string[] = [];
  const { ring, reloader } = await Reloader.load(vault, {
    now: 100,
    log: (_, line) => log.push(line),
  });
  const primary = ring.ring.primaryAt();
  let now = 100;
  for (const bad of [
    new Error("connection refused"),
    "secret",
    future,
    `# serial: 4\n${good}`,
    KeyRing.generate().exposeText(),
  ]) {
    vault.text = bad;
    now += 10;
    const since = ring.health.failing?.since ?? now;
    assert.equal(await reloader.check({ now }), "unsettled");
    for (let i = 0; i < 3; i += 1) assert.equal(await reloader.check({ now }), "refused");
    assert.equal(ring.ring.primaryAt(), primary);
    assert.equal(ring.health.failing?.since, since);
    assert.ok(ring.health.failing.error.startsWith("the vault: "));
  }
  vault.text = `# serial: 5\n${good}`;
  assert.equal(await reloader.check({ now }), "unchanged");
  assert.equal(ring.health.failing, undefined);
  assert.equal(log.length, 1 + 5 + 1);
  assert.ok(!log.join().includes("secret"));
});

test("a source without a ring fails at once", async () => {
  const undefinedSource = { name: "the vault", read: () => undefined as unknown as string };
  for (const [from, code] of [
    [source(new Error("connection refused")), "source"],
    [undefinedSource, "source"],
    [source("secret"), "ring"],
    [
      source(`${KeyRing.generate().exposeText().trim()} primary-from=2999-01-01T00:00:00Z`),
      "no-primary-key",
    ],
  ] as const) {
    await assert.rejects(
      RingHandle.watch(from),
      (error) =>
        error instanceof ReloadError && error.code === code && !error.message.includes("secret"),
    );
  }
});

test("a handle checks its source at intervals, after a hint, and once for unknown keys", async () => {
  const vault = source(KeyRing.generate().exposeText());
  const ring = await RingHandle.watch(vault, { every: 3600 });
  assert.equal(vault.reads, 1);
  const links = new Sealer({ ring, payload: Reset, lifetime: 60 });
  const foreign = new Sealer({ ring: KeyRing.generate(), payload: Reset, lifetime: 60 }).seal(1);
  for (let i = 0; i < 5; i += 1) {
    assert.throws(() => links.open(foreign), OpenError);
    await wait(1);
  }
  assert.equal(vault.reads, 2);
  const young = KeyRing.generate();
  vault.text = young.exposeText();
  await ring.hint();
  assert.equal(ring.ring.primaryAt(), young.primaryAt());
  assert.equal(vault.reads, 4);
  ring.close();

  const often = await RingHandle.watch(vault, { every: 0 });
  const before = vault.reads;
  while (vault.reads < before + 3) await wait(5);
  often.close();
  await wait(30);
  const after = vault.reads;
  await wait(50);
  assert.equal(vault.reads, after);
});

test("checks that overlap count as one", async () => {
  const vault = source(KeyRing.generate().exposeText());
  const { ring, reloader } = await Reloader.load(vault);
  vault.text = KeyRing.generate().exposeText();
  assert.deepEqual(await Promise.all([reloader.check(), reloader.check()]), [
    "unsettled",
    "unsettled",
  ]);
  assert.ok(ring.ring.primaryAt());
});
