// Checks the TypeScript source that is made from schema documents. test/generated/everything.ts is
// such a source, so that the compiler checks it, and this file uses its types.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { KeyRing, Sealer } from "../src/index.js";
import { Key } from "../src/key.js";
import { generate } from "../src/payload/generate.js";
import {
  everythingPayload,
  type Before,
  type Everything,
  type Tree,
} from "./generated/everything.js";

const vectors = JSON.parse(readFileSync("test/schema-vectors.json", "utf8")) as {
  readonly everything: object;
  readonly cases: readonly { readonly name: string; readonly schema: object }[];
};

const GENERATED = "test/generated/everything.ts";

test("the generated source is what the generator writes", () => {
  const made = generate(vectors.everything, { from: "../../src/payload/index.js" });
  if (made === readFileSync(GENERATED, "utf8")) return;
  const file = join(mkdtempSync(join(tmpdir(), "bulla-schema-")), "everything.ts");
  writeFileSync(file, made);
  assert.fail(`${GENERATED} is out of date: copy ${file} there`);
});

const leaf: Tree = { label: "leaf", children: [], next: null };

/** A value in the generated type. The compiler checks that each field has the right type. */
const everything: Everything = {
  integers: { a: 1, b: 2, c: 3, d: 4n, e: 5n, f: -1, g: -2, h: -3, i: -4n, j: -5n },
  wide: [1n, -1n],
  texts: { text: "a", boxed: "b", borrowed: "c", character: "d", truth: true },
  lists: {
    bytes: Uint8Array.of(1),
    key: Uint8Array.of(1, 2, 3, 4),
    raw: Uint8Array.of(),
    numbers: [1, 2],
    boxed: [-1],
    sorted: ["a"],
    pairs: [
      [true, 1],
      [false, 2],
    ],
    nothing: [],
  },
  maps: {
    by_name: new Map([["a", 1]]),
    by_number: new Map([[1n, null]]),
    by_color: new Map([["dark-red", true]]),
    hashed: new Map(),
  },
  shape: { with_fields: { firstField: 1, "2nd": "light-blue" } },
  attributes: {
    firstField: 1,
    type: 2,
    "other-name": 3,
    written: 4,
    defaulted: 5,
    converted: "6",
  },
  structs: {
    nothing: null,
    user: 1n,
    point: [0.5, 0.25],
    clear: 1,
    sum: [1, 2],
    unit: null,
    tuple: [1, ["a", true]],
    result: { Err: "no" },
    phantom: null,
  },
  options: { number: null, twice: { some: null }, unit: { some: null }, named_unit: null, list: [null] },
  known: {
    duration: { secs: 1n, nanos: 0 },
    time: { secs_since_epoch: 1n, nanos_since_epoch: 0 },
    v4: "192.0.2.1",
    v6: "::1",
    ip: "::1",
    nonzero: [1, 2, 3n],
  },
  tree: { ...leaf, children: [leaf], next: leaf },
  names: {
    number: 1n,
    again: 2n,
    text: "three",
    small: { rows: Uint8Array.of(1) },
    large: { rows: ["a"] },
  },
  color: 'grün "\\\n',
};

test("a token holds a value of a generated type, and an older one is upgraded", () => {
  const payload = everythingPayload({
    fromV1: (old: Before): Everything => ({ ...old.Everything, color: "dark-red" }),
  });
  assert.deepEqual(payload.schemaVersions, [2, 1]);
  const ring = KeyRing.parse(Key.generate().exposeText());
  const sealer = new Sealer({ ring, payload, lifetime: 60 });
  const token = sealer.seal(everything, { now: 1_796_126_400 });
  assert.deepEqual(sealer.open(token, { now: 1_796_126_401 }).payload, everything);

  // The enum Before has one variant, which is written as a zero in front of its value.
  const old = Uint8Array.of(0, ...payload.encode(everything));
  assert.deepEqual(payload.decode(1, old), { ...everything, color: "dark-red" });
});

function documentOf(type: unknown, types: object = {}): object {
  return {
    format: "bulla-schema/1",
    purpose: "schema.example/case",
    versions: [{ version: 1, encoding: "postcard", type }],
    types,
  };
}

test("names that TypeScript needs for itself get an underscore", () => {
  const source = generate(
    documentOf({ ref: "Map" }, { Map: { struct: [{ name: "a", type: { ref: "default" } }] }, default: "u8" }),
  );
  assert.match(source, /export interface Map_ \{\n  readonly a: default_;\n\}/);
  assert.match(source, /export const map_Payload: Payload<Map_> = payload\(/);
});

test("a payload without a named type gets a name", () => {
  const source = generate(documentOf({ option: { list: { option: "bool" } } }));
  assert.match(source, /export type Value = readonly \(boolean \| null\)\[\] \| null;/);
  assert.match(source, /export const valuePayload: Payload<Value> = payload\(/);
});

test("a version that is encoded as JSON has a payload of unknown shape", () => {
  const source = generate({
    ...documentOf("u8"),
    versions: [
      { version: 7, encoding: "postcard", type: "string" },
      { version: 3, encoding: "json" },
      { version: 2, encoding: "postcard", type: "u8" },
    ],
  });
  for (const part of [
    "import { json, payload, postcard, type Payload } from",
    "export type ValueV3 = unknown;",
    "readonly fromV3: (old: ValueV3) => Value;",
    "readonly fromV2: (old: ValueV2) => ValueV3;",
    "encoding: json(),",
    "previous: v2,\n    upgrade: upgrades.fromV2,",
    "return v7;",
  ]) {
    assert.ok(source.includes(part), `${part} is not in\n${source}`);
  }
});

test("every document of the vectors has a source", () => {
  for (const { name, schema } of vectors.cases) {
    assert.match(generate(schema), /Payload: Payload<.+> = payload\(/, name);
  }
});

test("the command prints the source, and explains its errors in one line", () => {
  const command = "build/src/payload/bulla-schema.js";
  const input = JSON.stringify(documentOf("u8"));
  const printed = execFileSync("node", [command, "-"], { input, encoding: "utf8" });
  assert.equal(printed, generate(documentOf("u8")));
  const run = (args: string[], input = "") =>
    spawnSync("node", [command, ...args], { input, encoding: "utf8" });
  assert.equal(run([]).status, 2);
  assert.equal(run(["--help"]).status, 0);
  const refused = run(["-"], "{}");
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /^bulla-schema: a schema document has the format.*\n$/);
  assert.equal(run(["missing.json"]).status, 1);
});
