// The encoding JSON.

import assert from "node:assert/strict";
import { test } from "node:test";

import { PayloadError, json } from "../src/payload/index.js";

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

test("values are written as JSON.stringify writes them", () => {
  const encoding = json<unknown>();
  for (const value of [null, 0, "é\u0001😀", [1, { a: true }], { b: 1, a: 2 }]) {
    assert.equal(text(encoding.encode(value)), JSON.stringify(value));
    assert.deepEqual(encoding.decode(encoding.encode(value)), value);
  }
});

test("values that JSON cannot hold are refused, without repeating them", () => {
  const cycle: unknown[] = ["xyzzy"];
  cycle.push(cycle);
  const nested = (depth: number) => JSON.parse("[".repeat(depth) + "]".repeat(depth)) as unknown;
  const throwing = {
    toJSON() {
      throw new Error("xyzzy");
    },
  };
  for (const value of [
    undefined,
    1n,
    cycle,
    () => 1,
    "\ud800",
    { "\udc00": 1 },
    throwing,
    nested(128),
  ]) {
    assert.throws(
      () => json<unknown>().encode(value),
      (error) => error instanceof PayloadError && !error.message.includes("xyzzy"),
    );
  }
  json<unknown>().encode(nested(127));
  json<unknown>().encode("\\ud800 is written with two backslashes");
});

test("only what serde_json reads is read", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  for (const accepted of [
    "{}",
    " [1, 2.5e3, -0] ",
    nested(127),
    `"${"[".repeat(200)}"`,
    `["a\\"[${"[".repeat(200)}"]`,
    '"\\ud83d\\ude00"',
    '"\\\\ud800"',
    '"\\\\\\\\udc00"',
    "1e308",
    `"1e400"`,
    `{"1e400": [1e-400]}`,
  ]) {
    assert.deepEqual(json<unknown>().decode(bytes(accepted)), JSON.parse(accepted), accepted);
  }
  for (const refused of [
    "",
    "{",
    "[1,]",
    "1 2",
    "01",
    "NaN",
    "\ufeff1",
    nested(128),
    nested(6000),
    "[".repeat(6000),
    `{"a":`.repeat(1200),
    '"\\ud800"',
    '"\\udc00"',
    '"\\ud800\\ud800"',
    '"\\\\\\ud800"',
    '"\\ud83d\\\\\\ude00"',
    "1e400",
    "[-1E400]",
    "9".repeat(400),
    '"\u0001"',
    '"\\x"',
  ]) {
    assert.throws(() => json<unknown>().decode(bytes(refused)), PayloadError, refused);
  }
  assert.throws(() => json<unknown>().decode(Uint8Array.from([0x22, 0xff, 0x22])), PayloadError);
});

test("a function that checks the value makes its type", () => {
  const encoding = json({
    parse: (value) => {
      if (typeof value !== "string") throw new Error(`xyzzy ${JSON.stringify(value)}`);
      return value.toUpperCase();
    },
  });
  assert.equal(encoding.decode(bytes('"a"')), "A");
  assert.throws(
    () => encoding.decode(bytes("1")),
    (error) => error instanceof PayloadError && !error.message.includes("xyzzy"),
  );
});
