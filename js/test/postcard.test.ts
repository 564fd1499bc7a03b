// Runs the vectors that Rust wrote for the encoding postcard (tests/it/payload_schema.rs), and
// checks what values and documents are refused.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { hex, unhex } from "../src/bytes.js";
import { PayloadError } from "../src/errors.js";
import { postcard } from "../src/payload/postcard.js";

interface Case {
  readonly name: string;
  readonly schema: object;
  readonly version: number;
  /** Values and the bytes that Rust writes for them. */
  readonly written: readonly { readonly value: unknown; readonly bytes: string }[];
  /** Bytes that Rust reads. It may write other bytes for the value. */
  readonly read: readonly { readonly value: unknown; readonly bytes: string }[];
  /** Bytes that Rust refuses. */
  readonly rejected: readonly string[];
}

const { cases } = JSON.parse(readFileSync("test/schema-vectors.json", "utf8")) as {
  readonly cases: readonly Case[];
};

/** A value of the vectors: types that JSON lacks are objects with one key, such as `$bigint`. */
function fromVector(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromVector);
  if (typeof value !== "object" || value === null) return value;
  const [[key, content] = ["", undefined], ...others] = Object.entries(value);
  if (others.length === 0) {
    switch (key) {
      case "$bigint":
        return BigInt(content as string);
      case "$bytes":
        return unhex(content as string);
      case "$some":
        return { some: fromVector(content) };
      case "$map":
        return new Map((content as unknown[][]).map(([k, v]) => [fromVector(k), fromVector(v)]));
      case "$float": {
        if (content === "nan") return Number.NaN;
        return new DataView(unhex(content as string)!.buffer).getFloat64(0);
      }
    }
  }
  return Object.fromEntries(Object.entries(value).map(([name, of]) => [name, fromVector(of)]));
}

function bytesOf(text: string): Uint8Array {
  return unhex(text)!;
}

assert.ok(cases.length >= 15, "the vectors are complete");

for (const { name, schema, version, written, read, rejected } of cases) {
  const codec = postcard<unknown>(schema, { version });

  test(`${name}: values are written and read as in Rust`, () => {
    assert.ok(written.length > 0 && rejected.length > 0);
    for (const { value, bytes } of written) {
      assert.equal(hex(codec.encode(fromVector(value))), bytes);
      assert.deepEqual(codec.decode(bytesOf(bytes)), fromVector(value));
    }
    for (const { value, bytes } of read) {
      const decoded = codec.decode(bytesOf(bytes));
      assert.deepEqual(decoded, fromVector(value), bytes);
      assert.deepEqual(codec.decode(codec.encode(decoded)), decoded);
    }
  });

  test(`${name}: bytes that Rust refuses are refused`, () => {
    for (const bytes of rejected) {
      assert.throws(() => codec.decode(bytesOf(bytes)), PayloadError, bytes);
    }
  });
}

/** A document of one version with this type. */
function documentOf(type: unknown, types: object = {}): object {
  return {
    format: "bulla-schema/1",
    purpose: "schema.example/case",
    versions: [{ version: 1, encoding: "postcard", type }],
    types,
  };
}

function codecOf(type: unknown, types: object = {}) {
  return postcard<unknown>(documentOf(type, types));
}

test("a value of another type is refused, and the error does not repeat it", () => {
  const account = {
    struct: [
      { name: "id", type: "u64" },
      { name: "role", type: { enum: [{ name: "guest" }, { name: "clerk", type: "u16" }] } },
    ],
  };
  const table: [unknown, unknown, string][] = [
    ["u8", 256, "expected a number, u8"],
    ["u8", 1.5, "expected a number, u8"],
    ["u8", 1n, "expected a number, u8"],
    ["i16", -32769, "expected a number, i16"],
    ["u32", -1, "expected a number, u32"],
    ["u64", -1n, "expected a bigint, u64"],
    ["u64", 2 ** 53, "expected a bigint, u64"],
    ["u64", 2n ** 64n, "expected a bigint, u64"],
    ["i64", 2n ** 63n, "expected a bigint, i64"],
    ["i128", -(2n ** 127n) - 1n, "expected a bigint, i128"],
    ["f32", 1e300, "expected a number, f32"],
    ["f64", "1", "expected a number"],
    ["bool", 1, "expected a boolean"],
    ["unit", undefined, "expected null"],
    ["char", "ab", "expected one character"],
    ["char", "", "expected one character"],
    ["string", "secret \ud800", "expected a string without halves of surrogate pairs"],
    ["string", null, "expected a string without halves of surrogate pairs"],
    ["bytes", [1, 2], "expected a Uint8Array"],
    [{ array: "u8", length: 4 }, new Uint8Array(5), "expected a Uint8Array of 4 bytes"],
    [{ array: "bool", length: 2 }, [true], "expected an array of 2 elements"],
    [{ tuple: ["bool"] }, [true, true], "expected an array of 1 elements"],
    [{ list: "bool" }, "secret", "expected an array"],
    [{ map: "bool", key: "string" }, { secret: true }, "expected a Map"],
    [{ option: "bool" }, undefined, "expected a boolean"],
    [{ option: "unit" }, {}, "expected null or { some: … }"],
    [{ nonzero: "i64" }, 0n, "expected a number that is not zero"],
    [{ nonzero: "u8" }, 0, "expected a number that is not zero"],
    ["duration", { secs: 1n, nanos: 1e9 }, "expected { secs, nanos }"],
    ["system-time", { secs_since_epoch: -1n, nanos_since_epoch: 0 }, "expected { secs_since_epoch"],
    ["ipv4", "256.0.0.1", "expected an IPv4 address"],
    ["ipv4", "01.0.0.1", "expected an IPv4 address"],
    ["ipv6", "1::2::3", "expected an IPv6 address"],
    ["ipv6", "1:2:3:4:5:6:7::8", "expected an IPv6 address"],
    ["ipv6", "1:2:3:4:5:6:7", "expected an IPv6 address"],
    ["ipv6", "1.2.3.4::", "expected an IPv6 address"],
    ["ipv6", "1:2:3:4:5:6:7:1.2.3.4", "expected an IPv6 address"],
    ["ipv6", ":1::", "expected an IPv6 address"],
    ["ip", "secret", "expected an IP address"],
    [account, { id: 1n }, "at role: expected"],
    [account, { id: 1n, role: "secret" }, "at role: expected a variant of the enum"],
    [account, { id: 1n, role: "clerk" }, "at role: expected an object with the variant"],
    [account, { id: 1n, role: { clerk: -1 } }, "at role.clerk: expected a number, u16"],
    [account, { id: 1n, role: { guest: null } }, "at role: expected the name of a variant"],
    [account, { id: 1n, role: "guest", secret: 1 }, "expected no other fields"],
    [account, null, "expected an object"],
  ];
  for (const [type, value, expected] of table) {
    assert.throws(
      () => codecOf(type).encode(value),
      (error) => {
        assert.ok(error instanceof PayloadError, `${JSON.stringify(type)}: ${String(error)}`);
        assert.ok(error.message.includes(expected), `${error.message}: ${expected}`);
        assert.ok(!error.message.includes("secret"), error.message);
        return true;
      },
    );
  }
});

test("integers of 64 bits are read as bigints, and safe integers are written too", () => {
  const codec = codecOf("u64");
  assert.deepEqual(codec.encode(300), codec.encode(300n));
  assert.equal(codec.decode(codec.encode(300)), 300n);
});

test("addresses are read from every text that Rust reads", () => {
  const table: [string, string][] = [
    ["::", "::"],
    ["1::", "1::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["1:0:2:0:0:3:0:0", "1:0:2::3:0:0"],
    ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
    ["::192.0.2.1", "::c000:201"],
    ["2001:DB8::A", "2001:db8::a"],
  ];
  const codec = codecOf("ipv6");
  for (const [text, written] of table) {
    assert.equal(codec.decode(codec.encode(text)), written, text);
  }
});

test("bytes that were read do not share memory with the input", () => {
  const input = Uint8Array.of(1, 7);
  const read = codecOf("bytes").decode(input) as Uint8Array;
  input.fill(0);
  assert.deepEqual(read, Uint8Array.of(7));
});

test("a recursive value is read and written up to a depth of 500, and refused below", () => {
  const types = { Node: { struct: [{ name: "next", type: { option: { ref: "Node" } } }] } };
  const codec = codecOf({ ref: "Node" }, types);
  const nested = (depth: number) => {
    let value: unknown = { next: null };
    for (let i = 1; i < depth; i += 1) value = { next: value };
    return value;
  };
  assert.deepEqual(codec.decode(codec.encode(nested(500))), nested(500));
  assert.throws(() => codec.encode(nested(501)), /nested too deep/);
  assert.throws(() => codec.decode(new Uint8Array(100_000).fill(1)), /nested too deep/);
});

test("documents that are malformed are refused", () => {
  const table: [object, RegExp][] = [
    [{}, /has the format/],
    [{ ...documentOf("u8"), format: "bulla-schema/2" }, /has the format/],
    [{ ...documentOf("u8"), purpose: 1 }, /no purpose/],
    [{ ...documentOf("u8"), versions: {} }, /lacks a list at versions/],
    [{ ...documentOf("u8"), types: [] }, /lacks an object at types/],
    [documentOf("u7"), /unknown type "u7"/],
    [documentOf("json"), /unknown type "json"/],
    [documentOf({ nonzero: "f32" }), /unknown integer "f32"/],
    [documentOf({ set: "u8" }), /unknown kind of type/],
    [documentOf({ ref: "A" }), /does not define A/],
    [documentOf("u8", { A: { ref: "A" } }), /does not define A/],
    [documentOf({ array: "u8" }), /needs a length/],
    [documentOf({ list: "unit" }), /must take at least one byte/],
    [documentOf({ map: { tuple: [] }, key: "unit" }), /must take at least one byte/],
    [documentOf({ list: { ref: "A" } }, { A: { struct: [{ name: "a", type: { ref: "A" } }] } }), /byte/],
    [documentOf({ struct: [{ name: "__proto__", type: "u8" }] }), /cannot be __proto__/],
    [documentOf({ enum: [{ name: "a" }, { name: "a" }] }), /occurs twice/],
  ];
  for (const [document, expected] of table) {
    assert.throws(() => postcard(document), (error) => {
      assert.ok(error instanceof TypeError, String(error));
      assert.match(error.message, expected);
      return true;
    });
  }
  assert.throws(() => postcard(documentOf("u8"), { version: 2 }), /does not have version 2/);
  const json = { ...documentOf("u8"), versions: [{ version: 1, encoding: "json" }] };
  assert.throws(() => postcard(json), /is encoded as JSON/);
});
