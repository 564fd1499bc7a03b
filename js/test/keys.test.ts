// Keys and rings: what applications see besides the vectors.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Key, KeyError, KeyRing, RingError, type RingCode } from "../src/index.js";
import { formatInstant, parseInstant } from "../src/index.js";

const line = () => KeyRing.generate().exposeText().trim();

test("every character of a key's text counts", () => {
  const text = Key.generate().exposeText();
  assert.equal(Key.parse(text).exposeText(), text);
  for (let at = 0; at < text.length; at += 1) {
    for (const other of ["", "A", "b", "0", "-", "_", "=", "é", "\0", " "]) {
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      if (changed === text) continue;
      assert.throws(() => Key.parse(changed), KeyError);
    }
  }
});

test("keys decode like any other base64url", () => {
  for (let i = 0; i < 200; i += 1) {
    const text = Key.generate().exposeText();
    const bytes = Buffer.from(text.slice(12, 55), "base64url");
    assert.equal(Key.fromBytes(bytes).exposeText(), text);
  }
});

test("keys that are not random are refused", () => {
  const few = Uint8Array.from({ length: 32 }, (_, i) => (i * i * 37) % 15);
  const counting = Uint8Array.from({ length: 32 }, (_, i) => 250 + i);
  const printable = Buffer.from("correct horse battery staple 42!");
  for (const bytes of [few, counting, printable, new Uint8Array(32)]) {
    assert.throws(
      () => Key.fromBytes(bytes),
      (error) => error instanceof KeyError && error.code === "low-entropy",
    );
  }
});

test("a ring's errors name what is wrong", () => {
  const one = line();
  const table: [string | Uint8Array, RingCode, number][] = [
    ["", "empty", 0],
    ["# nothing\n\n", "empty", 0],
    ["\ufeff", "byte-order-mark", 1],
    ["x".repeat(65_537), "too-long", 0],
    [`#${"é".repeat(32_768)}`, "too-long", 0],
    [Buffer.from([0x23, 0x3b, 0x0a, 0x23, 0xc3]), "not-utf8", 3],
    ["\n;secret", "key", 3],
    [`${one}\nsecret`, "key", 2],
    [`${one} secret`, "unknown-attribute", 1],
    [`${one} retired=2026-12-01T00:00:00Z`, "unknown-attribute", 1],
    [`${one} open-until`, "unknown-attribute", 1],
    [`${one} open-until=`, "instant", 1],
    [`${one} open-until=2026-12-01`, "instant", 1],
    [
      `${one} open-until=2026-12-01T00:00:00Z open-until=2026-12-01T00:00:00Z`,
      "repeated-attribute",
      1,
    ],
    [`${one} open-until=1970-01-01T00:00:00Z`, "never-primary", 1],
    [`${one};${one}`, "duplicate-key", 2],
    [Array.from({ length: 65 }, line).join(";"), "too-many-keys", 65],
  ];
  for (const [text, code, at] of table) {
    assert.throws(
      () => KeyRing.parse(text),
      (error) =>
        error instanceof RingError &&
        error.code === code &&
        error.line === at &&
        !error.message.includes("secret") &&
        !error.message.includes(one.slice(12, 55)),
      code,
    );
  }
});

test("the first serial number of a text counts", () => {
  const table: [string, bigint | undefined][] = [
    ["# serial: 7", 7n],
    [" \t# serial: 007 \r\n# serial: 8", 7n],
    ["# serial: 18446744073709551615", 18_446_744_073_709_551_615n],
    ["# serial: 18446744073709551616; # serial: 3", 3n],
    ["# serial:7\n#serial: 8\n# serial: -1\n# serial: ", undefined],
    ["# serial: 7 seven", undefined],
  ];
  for (const [text, serial] of table) {
    assert.equal(KeyRing.parse(`${text}\n${line()}`).serial, serial, text);
  }
});

test("a ring of entries has the rules of a text", () => {
  const key = Key.generate();
  const ring = new KeyRing([{ key, primaryFrom: 5, openUntil: 9 }], { serial: 3n });
  assert.deepEqual(ring.entries, [{ keyId: key.id, primaryFrom: 5, openUntil: 9 }]);
  assert.deepEqual(
    [4, 5, 8, 9].map((now) => ring.primaryAt(now)),
    [undefined, key.id, key.id, undefined],
  );
  assert.equal(KeyRing.parse(ring.exposeText()).exposeText(), ring.exposeText());
  assert.throws(() => new KeyRing([]), RingError);
  assert.throws(() => new KeyRing([{ key }, { key }]), RingError);
});

test("an instant has one spelling", () => {
  const table: [string, number | undefined][] = [
    ["1970-01-01T00:00:00Z", 0],
    ["2026-12-01T12:00:00Z", 1_796_126_400],
    ["9999-12-31T23:59:59Z", 253_402_300_799],
    ["2024-02-29T00:00:00Z", 1_709_164_800],
    ["2026-02-29T00:00:00Z", undefined],
    ["2026-02-30T00:00:00Z", undefined],
    ["2026-13-01T00:00:00Z", undefined],
    ["2026-12-00T00:00:00Z", undefined],
    ["2026-12-01T24:00:00Z", undefined],
    ["2026-12-01T12:60:00Z", undefined],
    ["2026-06-30T23:59:60Z", undefined],
    ["1969-12-31T23:59:59Z", undefined],
    ["0000-01-01T00:00:00Z", undefined],
    ["2026-12-01t12:00:00Z", undefined],
    ["2026-12-01T12:00:00z", undefined],
    ["2026-12-01T12:00:00+00:00", undefined],
    ["2026-12-01T12:00:00.0Z", undefined],
    ["2026-12-01T12:00:00Z\n", undefined],
    ["+02026-12-01T12:00:00Z", undefined],
  ];
  for (const [text, seconds] of table) {
    assert.equal(parseInstant(text), seconds, text);
    if (seconds !== undefined) assert.equal(formatInstant(seconds), text);
  }
});

test("a key keeps its bytes when the caller wipes a buffer", () => {
  const bytes = Buffer.from(Key.generate().exposeText().slice(12, 55), "base64url");
  const key = Key.fromBytes(bytes);
  const text = key.exposeText();
  bytes.fill(0);
  assert.equal(key.exposeText(), text);
});
