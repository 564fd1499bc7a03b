// Runs the vectors of the specification that concern keys, rings and tokens.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { KeyError, OpenError, RingError } from "../src/errors.js";
import { Key, deriveSubkey, keyFromText, refuseWeak, uncheckedKey } from "../src/key.js";
import { KeyRing, parseRingWithExamples } from "../src/ring.js";
import { openBytes, sealBytes, signBytes, verifyBytes, writeBody } from "../src/token.js";
import { Field, bytes, hex, vectors } from "./vectors.js";

function ringOf(key: Uint8Array): KeyRing {
  return new KeyRing([{ key: uncheckedKey(key) }]);
}

/** The code of the error that `call` throws, or `ok`. */
function outcome(call: () => unknown): string {
  try {
    call();
    return "ok";
  } catch (error) {
    if (error instanceof OpenError || error instanceof KeyError) return error.code;
    throw error;
  }
}

for (const vector of vectors("keys.json", 4)) {
  test(`keys.json: ${vector.name}`, () => {
    const key = uncheckedKey(vector.bytes("key"));
    assert.equal(key.id, vector.text("key_id"));
    assert.equal(key.exposeText(), vector.text("text"));
    assert.equal(keyFromText(vector.text("text")).id, key.id);
    for (const purpose of vector.list("purposes")) {
      const of = purpose.bytes("purpose");
      assert.equal(hex(deriveSubkey(key, "bulla/1/seal", of)), purpose.text("sealing_key"));
      assert.equal(hex(deriveSubkey(key, "bulla/1/sign", of)), purpose.text("signing_key"));
    }
  });
}

for (const vector of vectors("key-text.json", 20)) {
  test(`key-text.json: ${vector.name}`, () => {
    const text = vector.text("text");
    assert.equal(
      outcome(() => Key.parse(text)),
      vector.text("expect"),
    );
    if (vector.text("expect") !== "ok") return;
    assert.equal(Key.parse(text).id, vector.text("key_id"));
    assert.equal(uncheckedKey(vector.bytes("key")).exposeText(), text);
  });
}

function contents(vector: Field) {
  return {
    issuedAt: vector.number("issued_at"),
    lifetime: vector.number("lifetime"),
    schemaVersion: vector.number("schema"),
    payload: vector.bytes("payload"),
    bucket: vector.number("bucket"),
  };
}

function reading(vector: Field) {
  return { now: vector.number("issued_at"), schemas: [vector.number("schema")] };
}

for (const vector of vectors("seal.json", 10)) {
  test(`seal.json: ${vector.name}`, () => {
    const [ring, purpose] = [ringOf(vector.bytes("key")), vector.bytes("purpose")];
    assert.equal(hex(writeBody(contents(vector))), vector.text("body"));
    const nonce = vector.bytes("nonce");
    const token = sealBytes(ring, purpose, { ...contents(vector), nonce });
    assert.equal(token, vector.text("token"));
    if (vector.number("lifetime") === 0) return;
    assert.equal(
      outcome(() => openBytes(ring, purpose, token, reading(vector))),
      opens(vector),
    );
    if (opens(vector) !== "ok") return;
    const opened = openBytes(ring, purpose, token, reading(vector));
    assert.equal(hex(opened.payload), vector.text("payload"));
  });
}

for (const vector of vectors("sign.json", 10)) {
  test(`sign.json: ${vector.name}`, () => {
    const [ring, purpose] = [ringOf(vector.bytes("key")), vector.bytes("purpose")];
    assert.equal(hex(writeBody(contents(vector))), vector.text("body"));
    const token = signBytes(ring, purpose, contents(vector));
    assert.equal(token, vector.text("token"));
    assert.equal(
      outcome(() => verifyBytes(ring, purpose, token, reading(vector))),
      opens(vector),
    );
    if (opens(vector) !== "ok") return;
    const opened = verifyBytes(ring, purpose, token, reading(vector));
    assert.equal(hex(opened.payload), vector.text("payload"));
  });
}

/** A token that expires in the second of its issue has expired in it. */
function opens(vector: Field): string {
  const last = vector.number("issued_at") === 253_402_300_799;
  return vector.number("lifetime") === 0 || last ? "expired" : "ok";
}

for (const vector of vectors("open.json", 60)) {
  test(`open.json: ${vector.name}`, () => {
    const ring = parseRingWithExamples(vector.text("ring"));
    const open = vector.text("mode") === "sealed" ? openBytes : verifyBytes;
    const longestLifetime = vector.optional("max_lifetime");
    const read = (token: string | Uint8Array) =>
      open(ring, vector.bytes("purpose"), token, {
        now: vector.number("now"),
        schemas: vector.numbers("schemas"),
        maxLength: vector.number("max_length"),
        ...(longestLifetime === undefined ? {} : { longestLifetime }),
      });
    const token = vector.text("token");
    assert.equal(
      outcome(() => read(token)),
      vector.text("expect"),
    );
    assert.equal(
      outcome(() => read(Buffer.from(token))),
      vector.text("expect"),
    );
    if (vector.text("expect") !== "ok") return;
    const opened = read(token);
    assert.equal(opened.keyId, vector.text("key_id"));
    assert.equal(opened.issuedAt, vector.number("issued_at"));
    assert.equal(opened.expiresAt, vector.number("expires_at"));
    assert.equal(opened.schemaVersion, vector.number("schema"));
    assert.equal(hex(opened.payload), vector.text("payload"));
  });
}

for (const vector of vectors("ring.json", 50)) {
  test(`ring.json: ${vector.name}`, () => {
    const isText = vector.value["text"] !== undefined;
    const text = isText ? vector.text("text") : vector.bytes("text_hex");
    const forms = isText ? [text, Buffer.from(vector.text("text"))] : [text];
    for (const form of forms) {
      if (vector.text("expect") === "refused") {
        assert.throws(
          () => parseRingWithExamples(form),
          (error) => error instanceof RingError && error.line === vector.number("line"),
        );
        continue;
      }
      const ring = parseRingWithExamples(form);
      const keys = vector.list("keys").map((key) => ({
        keyId: key.text("key_id"),
        primaryFrom: key.optional("primary_from") ?? 0,
        openUntil: key.optional("open_until"),
      }));
      assert.deepEqual(ring.entries, keys);
      for (const at of vector.list("primary")) {
        assert.equal(ring.primaryAt(at.number("at")) ?? null, at.value["key_id"]);
      }
      const again = parseRingWithExamples(ring.exposeText());
      assert.deepEqual([again.entries, again.serial], [ring.entries, ring.serial]);
    }
  });
}

/** stream(i) of section 10 of the specification, read from its beginning. */
class CaseStream {
  #blocks = 0;
  #unread = Buffer.alloc(0);
  readonly #seed: Buffer;

  constructor(number: number) {
    const bigEndian = Buffer.alloc(4);
    bigEndian.writeUInt32BE(number);
    this.#seed = Buffer.concat([Buffer.from("bulla/1 case"), bigEndian]);
  }

  take(length: number): Uint8Array {
    while (this.#unread.length < length) {
      const block = Buffer.alloc(4);
      block.writeUInt32BE(this.#blocks);
      const digest = createHash("sha256").update(this.#seed).update(block).digest();
      this.#unread = Buffer.concat([this.#unread, digest]);
      this.#blocks += 1;
    }
    const taken = this.#unread.subarray(0, length);
    this.#unread = this.#unread.subarray(length);
    return Uint8Array.from(taken);
  }

  number(length: number, modulus: bigint): number {
    return Number(BigInt(`0x${hex(this.take(length))}`) % modulus);
  }
}

function tokensOfCase(number: number): [string, string] {
  const stream = new CaseStream(number);
  const key = uncheckedKey(stream.take(32));
  const nonce = stream.take(24);
  const issuedAt = stream.number(8, 2n ** 33n);
  const lifetime = stream.number(4, 2n ** 25n);
  const schemaVersion = 1 + stream.number(1, 200n);
  const bucket = 1 + stream.number(1, 64n);
  const letters = Array.from({ length: stream.number(1, 20n) }, () =>
    String.fromCharCode(97 + stream.number(1, 26n)),
  );
  const payload = stream.take(stream.number(2, 700n));
  const purpose = Buffer.from(`case/${letters.join("")}`);
  const ring = new KeyRing([{ key }]);
  const values = { issuedAt, lifetime, schemaVersion, bucket, payload };
  return [sealBytes(ring, purpose, { ...values, nonce }), signBytes(ring, purpose, values)];
}

test("accumulated.json: the hash over the tokens of 10,000 cases", () => {
  const [vector] = vectors("accumulated.json", 1);
  assert.ok(vector);
  const digest = createHash("sha256");
  for (let number = 0; number < vector.number("cases"); number += 1) {
    for (const token of tokensOfCase(number)) digest.update(`${token}\n`);
  }
  assert.equal(digest.digest("hex"), vector.text("sha256"));
});

test("the example keys are weak only because they are published", () => {
  const example = createHash("sha256").update("bulla/1 example key 1").digest();
  refuseWeak(uncheckedKey(example));
  assert.equal(
    outcome(() => Key.fromBytes(example)),
    "example-key",
  );
  assert.equal(
    outcome(() => Key.fromBytes(bytes("00"))),
    "malformed",
  );
});
