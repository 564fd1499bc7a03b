// Answers lines of JSON, like `seal-lines` and `open-lines` of spec/bulla_v1.py, so that programs in
// other languages can compare their tokens with those of this package:
//
//   node build/test/lines.js seal-lines|open-lines|ring-lines < questions > answers
//
// The fields are those of seal.json, sign.json, open.json and ring.json. Example keys are allowed.

import { createInterface } from "node:readline";

import { BullaError, OpenError, RingError } from "../src/errors.js";
import { uncheckedKey } from "../src/key.js";
import { KeyRing, parseRingWithExamples } from "../src/ring.js";
import { openBytes, sealBytes, signBytes, verifyBytes } from "../src/token.js";
import { Field, hex, type Vector } from "./vectors.js";

const ANSWERS: Readonly<Record<string, (question: Field) => object>> = {
  "seal-lines": (question) => {
    const ring =
      question.value["ring"] === undefined
        ? new KeyRing([{ key: uncheckedKey(question.bytes("key")) }])
        : parseRingWithExamples(question.text("ring"));
    const contents = {
      issuedAt: question.number("issued_at"),
      lifetime: question.number("lifetime"),
      schemaVersion: question.number("schema"),
      bucket: question.number("bucket"),
      payload: question.bytes("payload"),
    };
    const purpose = question.bytes("purpose");
    if (question.text("mode") === "signed") return { token: signBytes(ring, purpose, contents) };
    const nonce = question.value["nonce"] ? { nonce: question.bytes("nonce") } : {};
    return { token: sealBytes(ring, purpose, { ...contents, ...nonce }) };
  },
  "open-lines": (question) => {
    const ring = parseRingWithExamples(question.text("ring"));
    const open = question.text("mode") === "sealed" ? openBytes : verifyBytes;
    const token = question.text("token");
    const longestLifetime = question.optional("max_lifetime");
    try {
      const opened = open(ring, question.bytes("purpose"), token, {
        now: question.number("now"),
        schemas: question.numbers("schemas"),
        maxLength: question.number("max_length"),
        ...(longestLifetime === undefined ? {} : { longestLifetime }),
      });
      return {
        expect: "ok",
        key_id: opened.keyId,
        issued_at: opened.issuedAt,
        expires_at: opened.expiresAt,
        schema: opened.schemaVersion,
        payload: hex(opened.payload),
      };
    } catch (error) {
      if (error instanceof OpenError) return { expect: error.code };
      throw error;
    }
  },
  "ring-lines": (question) => {
    const text = question.value["text_hex"] ? question.bytes("text_hex") : question.text("text");
    try {
      const ring = parseRingWithExamples(text);
      const keys = ring.entries.map(({ keyId, primaryFrom, openUntil }) => ({
        key_id: keyId,
        primary_from: primaryFrom,
        open_until: openUntil ?? null,
      }));
      return { expect: "ok", keys };
    } catch (error) {
      if (error instanceof RingError) return { expect: "refused", line: error.line };
      throw error;
    }
  },
};

const answer = ANSWERS[process.argv[2] ?? ""];
if (answer === undefined) {
  console.error("usage: lines.js seal-lines|open-lines|ring-lines");
  process.exit(2);
}
for await (const line of createInterface({ input: process.stdin })) {
  let answered: object;
  try {
    answered = answer(new Field(JSON.parse(line) as Vector));
  } catch (error) {
    if (!(error instanceof BullaError)) throw error;
    answered = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answered)}\n`);
}
