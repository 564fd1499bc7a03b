// Values of a wrong type, which plain JavaScript may pass: each error says what to do.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  Key,
  KeyError,
  KeyRing,
  RingError,
  RingHandle,
  Sealer,
  Sessions,
  Signer,
  json,
  payload,
  readUnverified,
  verify,
} from "../src/index.js";
import { account } from "./support.js";

const ring = KeyRing.generate();

/** Values that are no text: what a variable may hold by mistake. */
const NO_TEXTS = [
  undefined,
  null,
  7,
  {},
  [],
  true,
  Symbol("ring"),
  () => "text",
  Promise.resolve(""),
];

test("a key ring or a key that is not a text is refused as such", () => {
  for (const text of NO_TEXTS as never[]) {
    assert.throws(
      () => KeyRing.parse(text),
      (error) => {
        assert.ok(error instanceof RingError);
        assert.deepEqual([error.code, error.line], ["not-text", 0]);
        return /is the environment variable .* there\?/.test(error.message);
      },
    );
    assert.throws(
      () => Key.parse(text),
      (error) => error instanceof KeyError && error.code === "malformed",
    );
  }
  const text = ring.exposeText();
  for (const bytes of [Buffer.from(text), new TextEncoder().encode(text)]) {
    assert.equal(KeyRing.parse(bytes).primaryAt(), ring.primaryAt());
  }
});

test("an option of a wrong type is refused when the object is made", () => {
  type Made = (options: never) => unknown;
  const typed: Made[] = [
    (options) => new Sealer(options),
    (options) => new Signer(options),
    (options) => new Sessions(options),
    (options) => verify("s1.", options),
  ];
  const good = { ring, payload: account, lifetime: 60 };
  const handle = RingHandle.watch({ name: "a ring", read: () => ring.exposeText() }, { every: 60 });
  const [noRing, noPayload] = [/^ring must be a KeyRing/, /^payload must be made with payload\(/];
  const table: [object | undefined, RegExp][] = [
    [undefined, noRing],
    [{ ...good, ring: undefined }, noRing],
    [{ ...good, ring: ring.exposeText() }, noRing],
    [{ ...good, ring: { ring: "text" } }, noRing],
    [{ ...good, ring: handle }, noRing], // without await
    [{ ...good, payload: undefined }, noPayload],
    [{ ...good, payload: "bank.example/session" }, noPayload],
    [{ ...good, payload: json() }, noPayload], // an encoding
  ];
  for (const [options, message] of table) {
    for (const make of typed) {
      assert.throws(
        () => make(options as never),
        (error) => error instanceof TypeError && message.test(error.message),
      );
    }
  }
  assert.throws(
    () => readUnverified("s1.", undefined as never),
    (error) => error instanceof TypeError && noPayload.test(error.message),
  );
  return handle.then((watched) => watched.close());
});

test("the settings of a class in place of its object are refused", () => {
  const table: [object, RegExp][] = [
    [{ policy: { idleTimeout: 60 } }, /^policy must be new Policy/],
    [{ remembered: 3600 }, /^remembered must be new Policy/],
    [{ cookie: "session" }, /^cookie must be new Cookie/],
    [{ cookie: { name: "session" } }, /^cookie must be new Cookie/],
    [{ bearer: true }, /^bearer must be new Bearer/],
    [{ revocations: { revocations: {}, stop: () => {} } }, /^revocations must be new Revocations/],
    [{ dpop: "https://api.bank.example" }, /^dpop must be an object of settings/],
    [{ dpop: { address: "https://a.example", used: new Set() } }, /^used must be a store/],
    [{ deviceBound: true }, /^deviceBound must be an object of settings/],
  ];
  for (const [options, message] of table) {
    const all = { ring, payload: account, ...options } as never;
    assert.throws(
      () => new Sessions(all),
      (error) => error instanceof TypeError && message.test(error.message),
    );
  }
});

test("a payload needs a purpose and an encoding", () => {
  const table: [object, RegExp][] = [
    [{ encoding: json() }, /^a purpose is/],
    [{ purpose: 7, encoding: json() }, /^a purpose is/],
    [{ purpose: "x" }, /^encoding must be json\(\) or postcard/],
    [{ purpose: "x", encoding: "json" }, /^encoding must be/],
    [{ purpose: "x", encoding: json }, /^encoding must be/], // without ()
  ];
  for (const [options, message] of table) {
    assert.throws(
      () => payload(options as never),
      (error) => error instanceof TypeError && message.test(error.message),
    );
  }
});
